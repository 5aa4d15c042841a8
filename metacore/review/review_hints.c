/* SPDX-License-Identifier: Apache-2.0 */
/* What an author does about each broken rule: one row a rule, found by what its message says. */
#include "metacore/review/review_internal.h"

static const struct {
    const char *said, *hint;
} hints[] = {
    {"is unknown and ignored", "correct it or take it out: no kernel reads it"},
    {"is the kernel's own: ", "choose another key, as \"<addon>_<name>\""},
    {"version is longer than", "three numbers and a short word, as \"1.0.0-beta.1\""},
    {"want text", "in double quotes"},
    {"want true or false", "without quotes"},
    {"want an array", "in [ and ], also when there is only one"},
    {"want an object", "in { and }"},
    {"want a", "a number without quotes"},
    {"unknown column type", "one of string, text, uuid, int, bigint, decimal, bool, timestamp, "
                            "date, json (or numeric, float, double, boolean, datetime, jsonb)"},
    {"manifest: invalid key", "2 to 64 characters: a lower-case letter, then lower-case letters, "
                              "digits and _"},
    {"manifest: name required", "give \"name\" what people should call the addon"},
    {"is not semver", "three numbers, as \"1.0.0\"; higher with every release"},
    {"manifest.kernel: invalid range", "as \">=2.0.0 <3.0.0\""},
    {"does not satisfy", "widen \"kernel\", or use a kernel that is in its range"},
    {"invalid table_name", "up to 64 characters: a lower-case letter, then lower-case letters, "
                           "digits and _"},
    {"model_key required", "the name that the model has in routes: lower case, digits and _"},
    {"columns required",
     "declare at least one; id, organization_id and the times are there anyway"},
    {"table_name", "each model has a table of its own"},
    {"stands also at columns", "rename one of the two columns"},
    {"stands also at model_definitions", "each model has a key and a table of its own"},
    {"is no name: it stands in routes", "lower-case letters, digits and _"},
    {".default: ", "text stands in single quotes inside of the JSON string: \"'open'\""},
    {"visibility ", "leave it out, or one of all, table, modal, list"},
    {"widget ", "one of text, textarea, select, multi_select, search, number, date, datetime, "
                "email, url, boolean, image, file, richtext, json, relation, password, slider, "
                "rating"},
    {"does not compile", "RE2's syntax: no look-around and no back-references"},
    {"greater than max", "swap min and max"},
    {"must be a dotted identifier", "a validator's name, not an expression"},
    {"duplicate name", "rename one of the two relations"},
    {"unknown kind", "one_to_many, many_to_many or belongs_to"},
    {"invalid name", "a lower-case letter, then up to 62 lower-case letters, digits and _"},
    {"invalid through", "the key of the model on the other side"},
    {"invalid foreign_key", "the column that points to the other side, as \"ticket_id\""},
    {"invalid references", "the column that is pointed to; leave it out for id"},
    {"requires a valid pivot", "\"pivot\" is the name of the table between the two models"},
    {"pivot ", "only many_to_many has a pivot"},
    {"kind must be namespaced", "db:read, db:write, http:fetch, event:emit, event:subscribe or "
                                "connector:read"},
    {"target required", "what it is for: a model, a host, an event's name"},
    {"is too broad for http:fetch", "name the hosts, one capability each, as \"api.example.com\""},
    {"not allowed for db:", "one capability for each model that is really used"},
    {"backend.runtime: unknown", "webhook for code on a server of yours, wasm for code that comes "
                                 "with the bundle"},
    {"backend.entry: required", "the module's path, as \"backend/backend.wasm\""},
    {"is not listed in backend.exports", "add the function's name to backend.exports"},
    {"not declared in backend.exports", "add the function's name to backend.exports"},
    {"trigger.type: unknown", "wasm, webhook or noop"},
    {"trigger.export: required", "the exported function that runs the action"},
    {"invalid symbol", "letters, digits and _, not a digit first"},
    {"not allowed when type=", "only a wasm trigger has that"},
    {"frontend.format: unknown", "federation or script"},
    {"is longer than 40 bytes", "names of schemas are bounded: choose a shorter key"},
    {"is not the addon's", "leave the schema out: a table of this addon needs none, and others are "
                           "out of reach"},
    {"no migration before makes it", "CREATE TABLE it first, in this file or one of a lower name"},
    {"syntax error", "the statement before may lack its semicolon; the dialect is PostgreSQL's"},
    {"is no name of a", "letters of other cases and other signs are not kept by every store"},
    {"which the kernel needs", "every table keeps id, organization_id and the times"},
    {"its version stands twice", "number the files: 0001_init.sql, 0002_more.sql"},
    {"its version, the name", "as 0002_more.sql"},
    {"the text is not UTF-8", "save the file as UTF-8"},
    {"invalid JSON", "a JSON text in UTF-8, without comments and trailing commas"},
    {"apiVersion", "this kernel reads manifests of version 2: \"key\", \"name\" and \"version\" at "
                   "the top"},
};

mc_str mc__review_hint(mc_str message)
{
    for (size_t i = 0; i < MC_LEN(hints); i++) {
        if (mc_str_find(message, mc_z(hints[i].said)) < message.len)
            return mc_z(hints[i].hint);
    }
    return MC_STR("");
}
