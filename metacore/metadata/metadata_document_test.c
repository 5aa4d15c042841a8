/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_test_internal.h"

#include "metacore/bundle/bundle.h"

#include <dirent.h>

/* One addon with all that a document can be made from. */
static const char desk_manifest[] =
    "{\"key\":\"desk\",\"name\":\"Desk\",\"version\":\"1.0.0\","
    "\"i18n\":{\"en\":{\"desk.title\":\"Tickets\",\"desk.subject\":\"Subject line\","
    "\"desk.open\":\"Open\",\"desk.sure\":\"Really?\",\"desk.saved\":\"Saved\",\"open\":\"no\"},"
    "\"es\":{\"desk.title\":\"Incidencias\",\"desk.subject\":\"Asunto\",\"desk.open\":\"Abierta\","
    "\"desk.sure\":\"¿Seguro?\",\"desk.saved\":\"Guardado\"}},"
    "\"actions\":{\"tickets\":["
    "{\"key\":\"close\",\"name\":\"close\",\"label\":\"Close\",\"trigger\":{\"type\":\"noop\"}},"
    "{\"key\":\"ask\",\"name\":\"ask\",\"label\":\"Ask\",\"confirm\":true,"
    "\"confirmMessage\":\"desk.sure\"},"
    "{\"key\":\"note\",\"name\":\"note\",\"label\":\"Note\",\"fields\":[{\"name\":\"text\","
    "\"label\":\"Text\",\"type\":\"string\",\"required\":true,\"default\":\"x\",\"size\":40},"
    "{\"name\":\"hours\",\"label\":\"Hours\",\"type\":\"decimal\"}]}]},"
    "\"model_definitions\":["
    "{\"table_name\":\"tickets\",\"model_key\":\"tickets\",\"label\":\"Ticket\",\"org_scoped\":"
    "true,"
    "\"soft_delete\":true,\"columns\":["
    "{\"name\":\"subject\",\"type\":\"string\",\"size\":120,\"required\":true},"
    "{\"name\":\"status\",\"type\":\"string\",\"size\":20,\"index\":true,"
    "\"default\":\"'open'\"},"
    "{\"name\":\"urgent\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"hours\",\"type\":\"decimal\",\"default\":1.5,\"validation\":{\"min\":0,\"max\":24}"
    "},"
    "{\"name\":\"secret\",\"type\":\"string\",\"visibility\":\"modal\"},"
    "{\"name\":\"tax\",\"type\":\"string\",\"validation\":{\"custom\":\"$org.tax_id\"}},"
    "{\"name\":\"payload\",\"type\":\"json\"},"
    "{\"name\":\"due_at\",\"type\":\"timestamp\"},"
    "{\"name\":\"assignee_id\",\"type\":\"uuid\"},"
    "{\"name\":\"site_id\",\"type\":\"uuid\"}],"
    "\"relations\":[{\"name\":\"assignee\",\"kind\":\"belongs_to\",\"through\":\"users\","
    "\"foreign_key\":\"assignee_id\"},{\"name\":\"notes\",\"kind\":\"one_to_many\","
    "\"through\":\"notes\",\"foreign_key\":\"ticket_id\"}],"
    "\"table\":{\"title\":\"desk.title\",\"enableCRUDActions\":true,\"view_type\":\"kanban\","
    "\"perPageOptions\":[10,50,500,\"x\",0],\"defaultPerPage\":1000,"
    "\"filters\":[{\"key\":\"status\",\"options\":[{\"value\":7,\"label\":\"desk.open\"}]}],"
    "\"actions\":[{\"key\":\"close\",\"label\":\"Shut\",\"icon\":\"Lock\"},"
    "{\"key\":\"import_all\",\"label\":\"Import\",\"isCollection\":true,\"executable\":false},"
    "{\"key\":\"docs\",\"type\":\"link\",\"linkUrl\":\"/d/{id}\"}],"
    "\"columns\":[{\"key\":\"subject\",\"label\":\"desk.subject\",\"type\":\"text\","
    "\"tooltip\":\"no.such.key\",\"cellStyle\":\"badge\"},"
    "{\"key\":\"status\",\"filterable\":true,\"sortable\":false,\"options\":[{\"value\":\"open\","
    "\"label\":\"desk.open\",\"color\":\"green\"},{\"value\":3,\"label\":\"Three\"},\"plain\"]},"
    "{\"key\":\"urgent\",\"filterable\":true},{\"key\":\"payload\",\"filterable\":true},"
    "{\"key\":\"assignee_id\",\"filterable\":true},{\"key\":\"secret\",\"filterable\":true},"
    "{\"key\":\"hours\"},{\"key\":\"tax\"},{\"key\":\"created_at\"},{\"key\":\"owner.name\"},"
    "{\"label\":\"no key\"},null]},"
    "\"modal\":{\"createTitle\":\"desk.title\",\"messages\":{\"created\":\"desk.saved\"},"
    "\"customActions\":[{\"key\":\"go\"}],"
    "\"fields\":[{\"key\":\"subject\",\"label\":\"desk.subject\",\"placeholder\":\"desk.open\"},"
    "{\"key\":\"status\",\"type\":\"select\",\"options\":[{\"value\":\"open\",\"label\":"
    "\"desk.open\"},{\"value\":3,\"label\":\"Three\"}]},"
    "{\"key\":\"hours\"},{\"key\":\"urgent\"},{\"key\":\"tax\"},{\"key\":\"due_at\"},"
    "{\"key\":\"site_id\",\"type\":\"search\",\"searchEndpoint\":\"sites\"},"
    "{\"key\":\"assignee_id\",\"searchEndpoint\":\"/search/users\"},"
    "{\"key\":\"created_at\"},"
    "{\"key\":\"extra\",\"validation\":\"$org.tax_id\",\"dependsOn\":\"status\"}]}},"
    "{\"table_name\":\"plain\",\"model_key\":\"plain_things\",\"columns\":["
    "{\"name\":\"zeta\",\"type\":\"string\",\"size\":30,\"required\":true},"
    "{\"name\":\"alpha\",\"type\":\"text\"},{\"name\":\"done\",\"type\":\"bool\"},"
    "{\"name\":\"amount\",\"type\":\"int\",\"default\":5},{\"name\":\"day\",\"type\":\"date\"},"
    "{\"name\":\"seen\",\"type\":\"timestamp\",\"default\":\"now()\"},"
    "{\"name\":\"user_id\",\"type\":\"uuid\",\"ref\":\"users\"},"
    "{\"name\":\"note\",\"type\":\"string\",\"widget\":\"richtext\"},"
    "{\"name\":\"hidden\",\"type\":\"string\",\"visibility\":\"modal\"},"
    "{\"name\":\"shown\",\"type\":\"string\",\"visibility\":\"table\"}]},"
    "{\"table_name\":\"bare\",\"model_key\":\"bare\",\"label\":\"Bare\",\"columns\":["
    "{\"name\":\"name\",\"type\":\"string\"}],\"table\":{\"columns\":null},"
    "\"modal\":{\"fields\":null}}]}";

static const struct {
    const char *name;
    char kind;
    const char *model, *path, *json; /* "": absent */
} rows[] = {
    /* a declared table */
    {"a title that is a key is translated", 't', "tickets", "title", "\"Tickets\""},
    {"a label that is a key is translated", 't', "tickets", "columns.subject.label",
     "\"Subject line\""},
    {"an unknown key is its last word", 't', "tickets", "columns.subject.tooltip", "\"Key\""},
    {"keys that are not known pass through", 't', "tickets", "view_type", "\"kanban\""},
    {"a column's too", 't', "tickets", "columns.subject.cellStyle", "\"badge\""},
    {"a style that is also a key of the catalog is no text", 't', "tickets",
     "columns.status.options.0.value", "\"open\""},
    {"sortable is said even when it is true", 't', "tickets", "columns.subject.sortable", "true"},
    {"and when it is false", 't', "tickets", "columns.status.sortable", "false"},
    {"what the store has no order for is not sortable", 't', "tickets", "columns.payload.sortable",
     "false"},
    {"nor is what is no column", 't', "tickets", "columns.9.sortable", "false"},
    {"a column without a key is left out", 't', "tickets", "columns.10", ""},
    {"filterable stays declared", 't', "tickets", "columns.status.filterable", "true"},
    {"what nobody declared filterable is not", 't', "tickets", "columns.subject.filterable", ""},
    {"a filter that lists refuse is not offered", 't', "tickets", "columns.payload.filterable",
     "false"},
    {"nor one on a hidden column", 't', "tickets", "columns.secret.filterable", "false"},
    {"a hidden column says so", 't', "tickets", "columns.secret.hidden", "true"},
    {"visibility comes from the column", 't', "tickets", "columns.secret.visibility", "\"modal\""},
    {"an option's label is translated", 't', "tickets", "columns.status.options.0.label",
     "\"Open\""},
    {"its color passes through", 't', "tickets", "columns.status.options.0.color", "\"green\""},
    {"option values of tables are strings", 't', "tickets", "columns.status.options.1.value",
     "\"3\""},
    {"a bare option is value and label", 't', "tickets", "columns.status.options.2",
     "{\"value\":\"plain\",\"label\":\"plain\"}"},
    {"a filtered boolean has options", 't', "tickets", "columns.urgent.options.0",
     "{\"value\":\"true\",\"label\":\"Yes\"}"},
    {"a type comes from the column", 't', "tickets", "columns.hours.type", "\"number\""},
    {"a label from the name", 't', "tickets", "columns.assignee_id.label", "\"Assignee Id\""},
    {"a system column has the kernel's label", 't', "tickets", "columns.created_at.label",
     "\"Created at\""},
    {"a ref comes from a relation", 't', "tickets", "columns.assignee_id.ref", "\"users\""},
    {"and brings its options", 't', "tickets", "columns.assignee_id.searchEndpoint",
     "\"/options/users?field=id\""},
    {"rules of the column", 't', "tickets", "columns.hours.validation", "{\"min\":0,\"max\":24}"},
    {"an organization's validator without a resolver stays", 't', "tickets",
     "columns.tax.validation.custom", "\"$org.tax_id\""},
    {"pages larger than lists give are not offered", 't', "tickets", "perPageOptions", "[10,50]"},
    {"nor is one the default", 't', "tickets", "defaultPerPage", "200"},
    {"a filter's column is its key", 't', "tickets", "filters.0.column", "\"status\""},
    {"a filter's options are strings", 't', "tickets", "filters.0.options.0",
     "{\"value\":\"7\",\"label\":\"Open\"}"},
    {"relations are there", 't', "tickets", "relations.1",
     "{\"name\":\"notes\",\"kind\":\"one_to_many\",\"through\":\"notes\",\"foreign_key\":"
     "\"ticket_id\"}"},
    {"the search's columns are named", 't', "tickets", "searchColumns.0", "\"subject\""},
    {"export is possible", 't', "tickets", "canExport", "true"},
    {"creating is, with CRUD", 't', "tickets", "canCreate", "true"},

    /* actions */
    {"the table's word goes first", 't', "tickets", "actions.close.label", "\"Shut\""},
    {"what it triggers is not told", 't', "tickets", "actions.close.trigger", ""},
    {"a plain action is executable, or would never be sent", 't', "tickets",
     "actions.close.executable", "true"},
    {"one that asks first needs no word", 't', "tickets", "actions.ask.executable", ""},
    {"its question is translated", 't', "tickets", "actions.ask.confirmMessage", "\"Really?\""},
    {"one with fields neither", 't', "tickets", "actions.note.executable", ""},
    {"a field's name is its key", 't', "tickets", "actions.note.fields.text.type", "\"text\""},
    {"a field's default is one a form reads", 't', "tickets",
     "actions.note.fields.text.defaultValue", "\"x\""},
    {"a field's size is a rule", 't', "tickets", "actions.note.fields.text.validation",
     "{\"max\":40}"},
    {"a field's type is a form's", 't', "tickets", "actions.note.fields.hours.type", "\"number\""},
    {"a collection's action stands on the table", 't', "tickets", "actions.import_all.placement",
     "\"table\""},
    {"what is declared executable stays", 't', "tickets", "actions.import_all.executable", "false"},
    {"a link needs no executing", 't', "tickets", "actions.docs.executable", ""},
    {"an action's label defaults to its key", 't', "tickets", "actions.docs.label", "\"Docs\""},
    {"the trio is not lost to other actions", 't', "tickets", "actions.5.key", "\"view\""},
    {"edit", 't', "tickets", "actions.edit.label", "\"Edit\""},
    {"delete", 't', "tickets", "actions.delete.icon", "\"Trash2\""},
    {"nor is it executed here", 't', "tickets", "actions.delete.executable", ""},
    {"there are actions", 't', "tickets", "hasActions", "true"},

    /* a declared form */
    {"a form is called as its model", 'm', "tickets", "title", "\"Ticket\""},
    {"other titles are translated", 'm', "tickets", "createTitle", "\"Tickets\""},
    {"messages too", 'm', "tickets", "messages.created", "\"Saved\""},
    {"an action of the form", 'm', "tickets", "customActions.go.executable", "true"},
    {"required comes from the column", 'm', "tickets", "fields.subject.required", "true"},
    {"size is the longest text", 'm', "tickets", "fields.subject.validation", "{\"max\":120}"},
    {"a placeholder is translated", 'm', "tickets", "fields.subject.placeholder", "\"Open\""},
    {"what may not be null says so", 'm', "tickets", "fields.subject.nullable", "false"},
    {"what may be null too", 'm', "tickets", "fields.due_at.nullable", "true"},
    {"a default is a value", 'm', "tickets", "fields.status.defaultValue", "\"open\""},
    {"of its type", 'm', "tickets", "fields.hours.defaultValue", "1.5"},
    {"also false", 'm', "tickets", "fields.urgent.defaultValue", "false"},
    {"option values of forms keep their type", 'm', "tickets", "fields.status.options.1.value",
     "3"},
    {"a type comes from the column", 'm', "tickets", "fields.due_at.type", "\"datetime\""},
    {"a bare model's name is what the field points to", 'm', "tickets", "fields.site_id.ref",
     "\"sites\""},
    {"and stays", 'm', "tickets", "fields.site_id.searchEndpoint", "\"sites\""},
    {"a path passes through", 'm', "tickets", "fields.assignee_id.searchEndpoint",
     "\"/search/users\""},
    {"a ref comes from a relation", 'm', "tickets", "fields.assignee_id.type",
     "\"dynamic_select\""},
    {"a system column is not written", 'm', "tickets", "fields.created_at.readonly", "true"},
    {"a field of no column passes through", 'm', "tickets", "fields.extra.dependsOn", "\"status\""},

    /* derived from the columns */
    {"columns stand as declared, not by name", 't', "plain_things", "columns.0.key", "\"zeta\""},
    {"the title is the key, for people", 't', "plain_things", "title", "\"Plain Things\""},
    {"a text", 't', "plain_things", "columns.alpha.type", "\"text\""},
    {"a boolean", 't', "plain_things", "columns.done.type", "\"boolean\""},
    {"a date is filtered", 't', "plain_things", "columns.day.filterable", "true"},
    {"a form's column is not shown", 't', "plain_things", "columns.hidden", ""},
    {"the creation is", 't', "plain_things", "columns.created_at.type", "\"datetime\""},
    {"the organization is not", 't', "plain_things", "columns.organization_id", ""},
    {"every text is searched", 't', "plain_things", "columns.alpha.searchable", "true"},
    {"numbers are not", 't', "plain_things", "columns.amount.searchable", "false"},
    {"it can be edited", 't', "plain_things", "enableCRUDActions", "true"},
    {"a string's field", 'm', "plain_things", "fields.zeta",
     "{\"key\":\"zeta\",\"label\":\"Zeta\",\"type\":\"text\",\"required\":true,\"nullable\":false,"
     "\"validation\":{\"max\":30}}"},
    {"a text's field", 'm', "plain_things", "fields.alpha.type", "\"textarea\""},
    {"a number's default", 'm', "plain_things", "fields.amount.defaultValue", "5"},
    {"now() is the store's business", 'm', "plain_things", "fields.seen.defaultValue", ""},
    {"a reference is picked", 'm', "plain_things", "fields.user_id.type", "\"dynamic_select\""},
    {"a widget says the type", 'm', "plain_things", "fields.note.type", "\"textarea\""},
    {"the form's column is there", 'm', "plain_things", "fields.hidden.key", "\"hidden\""},
    {"the table's is not", 'm', "plain_things", "fields.shown", ""},
    {"system columns are not in forms", 'm', "plain_things", "fields.created_at", ""},

    /* null where a list should be */
    {"columns are never null", 't', "bare", "columns.0.key", "\"name\""},
    {"fields are never null", 'm', "bare", "fields.0.key", "\"name\""},
    {"a table that declares no CRUD has none", 't', "bare", "enableCRUDActions", "false"},
    {"and no actions", 't', "bare", "hasActions", "false"},
};

MC_TEST("a document is what the model declares, completed from its columns")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, desk_manifest), &d.err);
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, rows[i].kind, rows[i].model), rows[i].path),
                    rows[i].json);
    }
    MC_CASE(NULL);
    desk_close(&d);
}

MC_TEST("a key that no catalog knows is said in words, but for what a page translates itself")
{
    static const char manifest[] =
        "{\"key\":\"k\",\"name\":\"K\",\"version\":\"1.0.0\",\"model_definitions\":[{"
        "\"table_name\":\"t\",\"model_key\":\"t\",\"label\":\"Things\",\"columns\":["
        "{\"name\":\"due_date\",\"type\":\"string\"}],"
        "\"table\":{\"title\":\"k.t.table.title\",\"searchPlaceholder\":\"k.t.table.search\","
        "\"columns\":[{\"key\":\"due_date\",\"label\":\"k.t.columns.due_date\"}]},"
        "\"modal\":{\"title\":\"k.t.modal.title\",\"messages\":{\"created\":\"k.t.said.created\"},"
        "\"fields\":[{\"key\":\"due_date\",\"label\":\"k.t.fields.due_date\",\"helpText\":"
        "\"see node.js or "
        "k.t.x\",\"options\":[{\"value\":\"a\",\"label\":\"k.t.options.in_use\"}]}]}}]}";
    static const struct {
        char kind;
        const char *path, *json;
    } said[] = {
        {'t', "title", "\"Things\""},
        {'t', "searchPlaceholder", "\"\""},
        {'t', "columns.due_date.label", "\"k.t.columns.due_date\""},
        {'m', "title", "\"Things\""},
        {'m', "messages.created", "\"Created\""},
        {'m', "fields.due_date.label", "\"Due Date\""},
        {'m', "fields.due_date.helpText", "\"see node.js or k.t.x\""},
        {'m', "fields.due_date.options.0.label", "\"In Use\""},
    };
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, manifest), &d.err);
    for (size_t i = 0; i < MC_LEN(said); i++) {
        MC_CASE(said[i].path);
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, said[i].kind, "t"), said[i].path), said[i].json);
    }
    MC_CASE(NULL);
    desk_close(&d);
}

MC_TEST("a column that search finds and the table hides keeps the flags off every column")
{
    static const char manifest[] =
        "{\"key\":\"desk\",\"name\":\"Desk\",\"version\":\"1.0.0\",\"model_definitions\":["
        "{\"table_name\":\"t\",\"model_key\":\"t\",\"label\":\"T\",\"columns\":["
        "{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"b\",\"type\":\"string\"}],"
        "\"table\":{\"columns\":[{\"key\":\"a\"}],\"searchColumns\":[\"b\"]}}]}";
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, manifest), &d.err);
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "t"), "columns.a.searchable"), "");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "t"), "searchColumns"), "[\"b\"]");
    desk_close(&d);
}

/* ---- bundles that are out there ---- */

static bool is_list_of_keyed(const mc_json *list)
{
    mc_str text;
    bool flag;

    if (!list || list->kind != MC_JSON_ARRAY || list->as.array.count == 0)
        return false;
    for (size_t i = 0; i < list->as.array.count; i++) {
        const mc_json *item = list->as.array.items[i];

        if (!mc_json_get_str(mc_json_find(item, MC_STR("key")), &text) ||
            !mc_json_get_str(mc_json_find(item, MC_STR("label")), &text) ||
            !mc_json_get_str(mc_json_find(item, MC_STR("type")), &text) ||
            (!mc_json_get_bool(mc_json_find(item, MC_STR("sortable")), &flag) &&
             !mc_json_get_bool(mc_json_find(item, MC_STR("required")), &flag)))
            return false;
    }
    return true;
}

static size_t check_models(desk *d)
{
    const mc_model *const *models;
    size_t count = 0;

    MC_EXPECT_OK(mc_models_list(d->models, d->arena, &models, &count, &d->err), &d->err);
    for (size_t i = 0; i < count; i++) {
        const char *key = mc_str_z(d->arena, models[i]->key);
        const mc_json *table = NULL, *modal = NULL;

        MC_CASE(key);
        MC_EXPECT_OK(mc_json_parse(d->arena, desk_doc(d, 't', key), NULL, &table, &d->err),
                     &d->err);
        MC_EXPECT_OK(mc_json_parse(d->arena, desk_doc(d, 'm', key), NULL, &modal, &d->err),
                     &d->err);
        MC_EXPECT(is_list_of_keyed(mc_json_find(table, MC_STR("columns"))));
        MC_EXPECT(is_list_of_keyed(mc_json_find(modal, MC_STR("fields"))));
    }
    MC_CASE(NULL);
    return count;
}

static size_t check_bundle(const char *path)
{
    mc_bundle *bundle = NULL;
    size_t count = 0;
    desk d;

    MC_EXPECT_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(mc_bundle_open(mc_z(path), &bundle, &d.err), &d.err);
    if (bundle) {
        MC_EXPECT_OK(desk_install(&d, mc_str_z(d.arena, bundle->manifest)), &d.err);
        count = check_models(&d);
    }
    mc_bundle_free(bundle);
    desk_close(&d);
    return count;
}

MC_TEST("every model of the published bundles gets a table and a form")
{
    const char *shared = mc_test_shared();
    const struct dirent *entry;
    size_t count = 0;
    char path[512];
    DIR *folder;

    snprintf(path, sizeof(path), "%s/testdata/bundles", shared ? shared : "");
    folder = opendir(path);
    if (!folder)
        MC_SKIP("the published bundles are not here");
    while ((entry = readdir(folder)) != NULL) {
        if (!mc_str_ends_with(mc_z(entry->d_name), MC_STR(".tar.gz")))
            continue;
        snprintf(path, sizeof(path), "%s/testdata/bundles/%s", shared, entry->d_name);
        count += check_bundle(path);
    }
    closedir(folder);
    MC_EXPECT(count >= 14);
}
