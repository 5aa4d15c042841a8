/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase_internal.h"

#include <sodium.h>

#define NAME_BYTES_MAX 63 /* PostgreSQL cuts longer ones silently, and two become one */
#define HASH_DIGITS 12

mc_str mc_capped_name(mc_arena *arena, mc_str name)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    mc_buf out;

    if (name.len <= NAME_BYTES_MAX)
        return mc_str_copy(arena, name);
    /* Of the whole name: what is cut off is where two long ones differ. */
    (void)crypto_hash_sha256(digest, (const unsigned char *)name.ptr, name.len); /* 0 */
    mc_buf_init_arena(&out, arena, 0);
    mc_buf_str(&out, mc_str_slice(name, 0, NAME_BYTES_MAX - HASH_DIGITS - 1));
    mc_buf_char(&out, '_');
    for (size_t i = 0; i < HASH_DIGITS / 2; i++)
        mc_buf_printf(&out, "%02x", digest[i]);
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}

mc_str mc_schema_name(mc_arena *arena, mc_str addon_key)
{
    mc_str whole = mc_str_printf(arena, "addon_%.*s", MC_FMT(addon_key));

    return whole.ptr ? mc_capped_name(arena, whole) : whole;
}

mc_str mc_tenant_schema_name(mc_arena *arena, mc_str addon_key, mc_uuid org_id)
{
    mc_buf whole;

    mc_buf_init_arena(&whole, arena, 0);
    mc_buf_printf(&whole, "addon_%.*s$", MC_FMT(addon_key));
    for (size_t i = 0; i < sizeof(org_id.bytes); i++)
        mc_buf_printf(&whole, "%02x", org_id.bytes[i]);
    return mc_buf_failed(&whole) ? (mc_str){NULL, 0} : mc_capped_name(arena, mc_buf_get(&whole));
}

mc_str mc_physical_name(mc_arena *arena, mc_db_dialect dialect, mc_str schema, mc_str table)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    if (schema.len == 0) {
        mc_buf_sql_ident(&out, table);
    } else if (dialect == MC_DB_SQLITE) {
        mc_buf_sql_ident(&out, mc_str_printf(arena, "%.*s.%.*s", MC_FMT(schema), MC_FMT(table)));
    } else {
        mc_buf_sql_ident(&out, schema);
        mc_buf_char(&out, '.');
        mc_buf_sql_ident(&out, table);
    }
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}
