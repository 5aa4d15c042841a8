/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: the contract's rules, and what is allowed and hardly meant. */
#include "metacore/review/review_internal.h"
#include "metacore/security/capability.h"

/* ---- names ---- */

static const char *const kernel_columns[] = {"id",         "organization_id", "created_by_id",
                                             "created_at", "updated_at",      "deleted_at"};
/* Models that routes and metadata of the kernel's own stand behind. */
static const char *const kernel_models[] = {"memberships", "roles",         "permissions",
                                            "sessions",    "notifications", "files"};

static bool is_among(mc_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(name, mc_z(names[i])))
            return true;
    }
    return false;
}

static void check_column_names(mc__reviewer *r, size_t i, const mc_model_def *model)
{
    for (size_t j = 0; j < model->column_count; j++) {
        const mc_column_def *column = &model->columns[j];
        mc_str path = mc__review_path(r, "manifest.model_definitions[%zu].columns[%zu]", i, j);

        if (is_among(column->name, kernel_columns, MC_LEN(kernel_columns)))
            mc__review_warn(r, path, "leave it out: every model has it",
                            "%.*s: \"%.*s\" is the kernel's column; what is declared here is "
                            "ignored",
                            MC_FMT(path), MC_FMT(column->name));
        if (column->ref.len && mc_str_eq_nocase(column->type, MC_STR("uuid")) == false)
            mc__review_warn(r, path, "make its type uuid: keys are",
                            "%.*s: a reference to \"%.*s\" of type \"%.*s\"", MC_FMT(path),
                            MC_FMT(column->ref), MC_FMT(column->type));
    }
}

static const mc_model_def *find_model(const mc_manifest *m, mc_str key)
{
    for (size_t i = 0; i < m->model_count; i++) {
        if (mc_str_eq(m->models[i].key, key) || mc_str_eq(m->models[i].table, key))
            return &m->models[i];
    }
    return NULL;
}

static bool has_column(const mc_model_def *model, mc_str name)
{
    for (size_t i = 0; i < model->column_count; i++) {
        if (mc_str_eq(model->columns[i].name, name))
            return true;
    }
    return is_among(name, kernel_columns, MC_LEN(kernel_columns));
}

static void check_relations(mc__reviewer *r, size_t i, const mc_model_def *model)
{
    for (size_t k = 0; k < model->relation_count; k++) {
        const mc_relation_def *relation = &model->relations[k];
        mc_str path = mc__review_path(r, "manifest.model_definitions[%zu].relations[%zu]", i, k);
        bool is_here = mc_str_eq(relation->kind, MC_STR("belongs_to"));
        const mc_model_def *other = find_model(r->manifest, relation->through);

        if (is_here && relation->foreign_key.len && !has_column(model, relation->foreign_key))
            mc__review_warn(r, path, "declare the column, as uuid",
                            "%.*s: foreign_key \"%.*s\" is no column of this model", MC_FMT(path),
                            MC_FMT(relation->foreign_key));
        if (mc_str_eq(relation->kind, MC_STR("one_to_many")) && other &&
            !has_column(other, relation->foreign_key))
            mc__review_warn(r, path, "declare the column there, as uuid",
                            "%.*s: foreign_key \"%.*s\" is no column of \"%.*s\"", MC_FMT(path),
                            MC_FMT(relation->foreign_key), MC_FMT(relation->through));
    }
}

static void check_models(mc__reviewer *r)
{
    const mc_manifest *m = r->manifest;

    for (size_t i = 0; i < m->model_count; i++) {
        mc_str path = mc__review_path(r, "manifest.model_definitions[%zu].model_key", i);

        if (m->models[i].is_internal) /* nobody declared it */
            continue;
        if (is_among(m->models[i].key, kernel_models, MC_LEN(kernel_models)))
            mc__review_warn(r, path, "choose another, as \"<addon>_<name>\"",
                            "%.*s: \"%.*s\" is a name of the kernel's own", MC_FMT(path),
                            MC_FMT(m->models[i].key));
        check_column_names(r, i, &m->models[i]);
        check_relations(r, i, &m->models[i]);
    }
}

/* What only building a model finds: limits, and rules that cannot be compiled. Asked only when all
 * else is in order, so that nothing is said twice. */
static void build_models(mc__reviewer *r)
{
    for (size_t i = 0; i < r->manifest->model_count; i++) {
        mc_model *model = NULL;
        mc_err why;
        mc_code rc = mc_model_new(&r->manifest->models[i], MC_DB_SQLITE, &model, &why);

        if (rc == MC_NO_MEMORY)
            r->is_out_of_memory = true;
        else if (rc != MC_OK)
            mc__review_error(r, mc__review_path(r, "manifest.model_definitions[%zu]", i), "", "%s",
                             why.msg);
        mc_model_free(model);
    }
}

/* ---- capabilities ---- */

static bool is_known_kind(mc_str kind)
{
    for (int i = 0; i < MC_CAP_KIND_COUNT; i++) {
        if (mc_str_eq(kind, mc_z(mc_capability_kind_name((mc_capability_kind)i))))
            return true;
    }
    return false;
}

/* "https://api.example.com/x", "api.example.com/x": whoever writes that believes it allows calls.
 */
static bool is_no_host(mc_str target)
{
    return mc_str_find(target, MC_STR("://")) < target.len ||
           mc_str_find_char(target, 0, '/') < target.len;
}

static void check_capability(mc__reviewer *r, size_t i, const mc_json *capability)
{
    mc_str kind = mc__text(capability, "kind"), target = mc__text(capability, "target");
    mc_str path = mc__review_path(r, "manifest.capabilities[%zu]", i);

    if (mc_str_find_char(kind, 0, ':') < kind.len && !is_known_kind(kind))
        mc__review_warn(r, path,
                        "db:read, db:write, http:fetch, event:emit, event:subscribe or "
                        "connector:read",
                        "%.*s.kind: \"%.*s\" is unknown and allows nothing", MC_FMT(path),
                        MC_FMT(kind));
    if (mc_str_eq(kind, MC_STR("http:fetch")) && is_no_host(target))
        mc__review_warn(r, path, "the host alone, as \"api.example.com\"",
                        "%.*s.target: \"%.*s\" is no host and matches no call", MC_FMT(path),
                        MC_FMT(target));
    if (!mc_str_eq(kind, MC_STR("http:fetch")) && !mc_str_starts_with(kind, MC_STR("db:")) &&
        mc_str_eq(target, MC_STR("*")))
        mc__review_warn(r, path, "name what is really used, as \"tickets.*\"",
                        "%.*s.target: \"*\" is all there is", MC_FMT(path));
    if (mc_str_trim(mc__text(capability, "reason")).len == 0)
        mc__review_warn(r, path, "\"reason\": a sentence for the administrator who has to agree",
                        "%.*s.reason: nobody is told what it is for", MC_FMT(path));
}

/* ---- settings, tools, requirements ---- */

/* Items of a list whose member key has to be there and be alone. */
static void check_unique(mc__reviewer *r, const char *list, const char *key)
{
    const mc_json *items = mc__member(r->manifest->root, list);

    for (size_t i = 0; i < mc__items(items); i++) {
        mc_str name = mc__text(mc__item(items, i), key);
        mc_str path = mc__review_path(r, "manifest.%s[%zu].%s", list, i, key);

        if (name.len == 0)
            mc__review_warn(r, path, "give it one: it cannot be named otherwise", "%.*s: is empty",
                            MC_FMT(path));
        for (size_t k = 0; k < i && name.len; k++) {
            if (mc_str_eq(mc__text(mc__item(items, k), key), name))
                mc__review_warn(r, path, "only the last one counts",
                                "%.*s: \"%.*s\" stands also at [%zu]", MC_FMT(path), MC_FMT(name),
                                k);
        }
    }
}

static void check_tools(mc__reviewer *r)
{
    const mc_json *tools = mc__member(r->manifest->root, "tools");

    for (size_t i = 0; i < mc__items(tools); i++) {
        mc_str endpoint = mc__text(mc__item(tools, i), "endpoint");
        const mc_json *handler = mc__member(mc__item(tools, i), "handler");
        mc_str path = mc__review_path(r, "manifest.tools[%zu].endpoint", i);

        if (endpoint.len == 0 && mc_str_eq(mc__text(handler, "type"), MC_STR("wasm")))
            continue;
        if (endpoint.len == 0)
            mc__review_warn(r, path, "an http or https address",
                            "%.*s: a tool without one cannot "
                            "be executed",
                            MC_FMT(path));
        else if (mc_str_starts_with(endpoint, MC_STR("http:")))
            mc__review_warn(r, path, "https",
                            "%.*s: what the tool is given is sent without encryption",
                            MC_FMT(path));
    }
}

/* A page whose file is not in the bundle stays empty; one of another server is nobody's to check.
 */
static void check_frontend(mc__reviewer *r)
{
    mc_str entry = mc__text(mc__member(r->manifest->root, "frontend"), "entry");
    mc_str path = mc_str_printf(r->arena, "frontend/%.*s", MC_FMT(entry));

    if (entry.len == 0 || mc_str_find(entry, MC_STR("://")) < entry.len ||
        mc_str_starts_with(entry, MC_STR("/")))
        return;
    if (!mc__bundle_find(r->bundle, path) && !mc__bundle_find(r->bundle, entry))
        mc__review_warn(r, MC_STR("manifest.frontend.entry"),
                        "build it into frontend/dist before you build the bundle",
                        "manifest.frontend.entry: there is no \"%.*s\"", MC_FMT(path));
}

static void check_isolation(mc__reviewer *r)
{
    mc_str isolation = r->manifest->tenant_isolation;

    if (isolation.len && !mc_str_eq(isolation, MC_STR("shared")) &&
        !mc_str_eq(isolation, MC_STR("schema-per-tenant")))
        mc__review_warn(r, MC_STR("manifest.tenant_isolation"), "shared or schema-per-tenant",
                        "manifest.tenant_isolation: \"%.*s\" is unknown and means shared",
                        MC_FMT(isolation));
}

/* A modal of a host's page is called "<key>.<action>". */
static void check_action(mc__reviewer *r, mc_str model, size_t k, const mc_json *action)
{
    mc_str modal = mc__text(action, "modal"), key = mc__text(action, "key");
    mc_str path = mc__review_path(r, "manifest.actions[\"%.*s\"][%zu]", MC_FMT(model), k);
    mc_str want = mc_str_printf(r->arena, "%.*s.%.*s", MC_FMT(r->manifest->key), MC_FMT(key));

    if (modal.len && !mc_str_eq(modal, want))
        mc__review_warn(r, path, "a modal is found by the addon's and the action's key",
                        "%.*s.modal: \"%.*s\" should be \"%.*s\"", MC_FMT(path), MC_FMT(modal),
                        MC_FMT(want));
    if (!find_model(r->manifest, model))
        mc__review_warn(r, path, "an action belongs to a model_key of this manifest",
                        "%.*s: there is no model \"%.*s\" here", MC_FMT(path), MC_FMT(model));
}

static void check_actions(mc__reviewer *r)
{
    const mc_json *actions = r->manifest->actions;

    for (size_t i = 0; actions && i < actions->as.object.count; i++) {
        const mc_json_member *member = &actions->as.object.members[i];

        for (size_t k = 0; k < mc__items(member->value); k++)
            check_action(r, member->key, k, mc__item(member->value, k));
    }
}

void mc__review_manifest(mc__reviewer *r, mc_str kernel_version)
{
    const mc_json *capabilities = mc__member(r->manifest->root, "capabilities");
    mc_manifest_problem *problems = NULL;
    size_t count = 0;
    mc_err err;

    if (mc_manifest_check(r->manifest, kernel_version, r->arena, &problems, &count, &err) !=
        MC_OK) {
        r->is_out_of_memory = true; /* the only way it fails */
        return;
    }
    for (size_t i = 0; i < count; i++)
        mc__review_add(r, (mc_finding){.file = MC_STR("manifest.json"),
                                       .path = problems[i].path,
                                       .message = problems[i].message});
    if (count == 0)
        build_models(r);
    check_isolation(r);
    check_models(r);
    for (size_t i = 0; i < mc__items(capabilities); i++)
        check_capability(r, i, mc__item(capabilities, i));
    check_unique(r, "settings", "key");
    check_unique(r, "tools", "id");
    check_tools(r);
    check_frontend(r);
    check_actions(r);
}
