/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate_internal.h"

/* PostgreSQL's names after parsing; the store's as db.h has them. */
static const struct {
    const char *name;
    const char *type;
    mc__gate_kind kind;
} types[] = {
    {"uuid", "TEXT", MC__GATE_UUID},
    {"text", "TEXT", MC__GATE_PLAIN},
    {"varchar", "TEXT", MC__GATE_PLAIN},
    {"bpchar", "TEXT", MC__GATE_PLAIN},
    {"citext", "TEXT COLLATE NOCASE", MC__GATE_PLAIN},
    {"bool", "INTEGER", MC__GATE_BOOL},
    {"int2", "INTEGER", MC__GATE_PLAIN},
    {"int4", "INTEGER", MC__GATE_PLAIN},
    {"int8", "INTEGER", MC__GATE_PLAIN},
    {"serial", "INTEGER", MC__GATE_SERIAL},
    {"bigserial", "INTEGER", MC__GATE_SERIAL},
    {"numeric", "TEXT COLLATE mc_decimal", MC__GATE_DECIMAL},
    {"float4", "TEXT COLLATE mc_decimal", MC__GATE_DECIMAL},
    {"float8", "TEXT COLLATE mc_decimal", MC__GATE_DECIMAL},
    {"timestamp", "TEXT", MC__GATE_TIME},
    {"timestamptz", "TEXT", MC__GATE_TIME},
    {"date", "TEXT", MC__GATE_PLAIN},
    {"time", "TEXT", MC__GATE_PLAIN},
    {"json", "TEXT", MC__GATE_JSON},
    {"jsonb", "TEXT", MC__GATE_JSON},
    {"bytea", "BLOB", MC__GATE_PLAIN},
    {"smallserial", "INTEGER", MC__GATE_SERIAL},
    {"inet", "TEXT", MC__GATE_PLAIN},
    {"cidr", "TEXT", MC__GATE_PLAIN},
    {"macaddr", "TEXT", MC__GATE_PLAIN},
};

mc_code mc__gate_type(mc__gate *g, const PgQuery__TypeName *type, mc_buf *out, mc__gate_kind *kind)
{
    const char *name;
    mc_str schema;

    if (!type || type->n_names == 0 || type->n_names > 2 || type->setof || type->pct_type)
        return mc__gate_refuse(g, "a column type that is not plain");
    schema = type->n_names == 2 ? mc_z(type->names[0]->string->sval) : MC_STR("");
    if (schema.len && !mc_str_eq(schema, MC_STR("pg_catalog")) && !mc_str_eq(schema, g->own_name))
        return mc__gate_refuse(g, "a column type of another schema");
    name = type->names[type->n_names - 1]->string->sval;
    for (size_t i = 0; i < MC_LEN(types) && !mc_str_eq(schema, g->own_name); i++) {
        if (!mc_str_eq(mc_z(name), mc_z(types[i].name)))
            continue;
        /* A list is kept as what a model can show of it. */
        mc_buf_str(out, type->n_array_bounds ? MC_STR("TEXT") : mc_z(types[i].type));
        *kind = type->n_array_bounds ? MC__GATE_ARRAY : types[i].kind;
        return MC_OK;
    }
    if (type->n_array_bounds == 0 && mc__gate_is_enum(g, mc_z(name))) {
        mc_buf_lit(out, "TEXT");
        *kind = MC__GATE_ENUM;
        return MC_OK;
    }
    return mc__gate_refuse(g, "the column type %.40s", name);
}
