/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/storage/files_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/base/utf8.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

mc_code mc_files_new(const mc_files_config *config, mc_files **out, mc_err *err)
{
    mc_files *self;
    mc_code rc;

    if (!config->db || !config->storage.vt || !config->check || config->secret.len == 0)
        return mc_fail(err, MC_INVALID, "files: db, storage, secret and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "files");
    self->config = *config;
    self->config.secret = MC_STR(""); /* ours is wiped */
    if (self->config.max_bytes == 0 || self->config.max_bytes > MC_FILES_BYTES_MAX)
        self->config.max_bytes = MC_FILES_BYTES_MAX;
    rc = mc_secret_init(&self->secret, config->secret, err);
    if (rc != MC_OK) {
        free(self);
        return rc;
    }
    mc__files_add_routes(self);
    *out = self;
    return MC_OK;
}

void mc_files_free(mc_files *self)
{
    if (!self)
        return;
    mc_secret_deinit(&self->secret);
    free(self);
}

static mc_code check(mc_files *self, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return self->config.check(self->config.check_user, ctx, capability, err);
}

/* ---- signatures ---- */

void mc__file_sign(const mc_files *self, mc_uuid id, char out[MC__FILES_SIG_LEN])
{
    static const char digits[] = "0123456789abcdef";
    /* The purpose goes before what is signed: the secret signs other things elsewhere. */
    unsigned char message[sizeof("metacore file ") - 1 + sizeof(id.bytes)] = "metacore file ";
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    mc_str secret = mc_secret_get(&self->secret);
    unsigned len = 0;

    memcpy(message + sizeof("metacore file ") - 1, id.bytes, sizeof(id.bytes));
    (void)HMAC(EVP_sha256(), secret.ptr, (int)secret.len, message, sizeof(message), mac, &len);
    for (size_t i = 0; i < MC__FILES_SIG_LEN; i++)
        out[i] = digits[i % 2 ? mac[i / 2] & 15 : mac[i / 2] >> 4];
}

mc_str mc_files_url(mc_files *self, mc_ctx *ctx, const mc_file *file)
{
    char id[MC_UUID_TEXT_LEN], sig[MC__FILES_SIG_LEN];
    mc_buf out;

    mc_uuid_format(file->id, id);
    mc__file_sign(self, file->id, sig);
    mc_buf_init_arena(&out, ctx->arena, 0);
    mc_buf_lit(&out, "/api/files/");
    mc_buf_bytes(&out, id, sizeof(id));
    mc_buf_char(&out, '/');
    mc_percent_write(&out, file->name);
    mc_buf_lit(&out, "?sig=");
    mc_buf_bytes(&out, sig, sizeof(sig));
    return mc_buf_failed(&out) ? MC_STR("") : mc_buf_get(&out);
}

/* ---- keeping ---- */

static mc_str digest(mc_arena *arena, mc_str bytes)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    if (EVP_Digest(bytes.ptr, bytes.len, hash, &len, EVP_sha256(), NULL) != 1)
        return (mc_str){NULL, 0};
    mc_hex_write(&out, mc_str_of((const char *)hash, len));
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}

/* A folder of the organization's own, and a name that nobody can guess or choose. */
static mc_code make_key(mc_ctx *ctx, const char *ending, mc_str *out, mc_err *err)
{
    char org[MC_UUID_TEXT_LEN];
    unsigned char random[16];
    mc_code rc = mc_random_bytes(random, sizeof(random), err);
    mc_buf key, name;

    if (rc != MC_OK)
        return rc;
    mc_uuid_format(ctx->who.org_id, org);
    mc_buf_init_arena(&name, ctx->arena, 0);
    mc_hex_write(&name, mc_str_of((const char *)random, sizeof(random)));
    mc_buf_init_arena(&key, ctx->arena, 0);
    mc_buf_bytes(&key, org, sizeof(org));
    mc_buf_char(&key, '/');
    if (!mc_buf_failed(&name))
        mc_buf_str(&key, mc_str_slice(mc_buf_get(&name), 0, 2));
    mc_buf_char(&key, '/');
    mc_buf_str(&key, mc_buf_get(&name));
    mc_buf_str(&key, mc_z(ending));
    rc = mc_buf_check(&key, "file", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&key);
    return rc;
}

static mc_code insert(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const mc_file *file = user;
    mc_db_value args[] = {mc_db_uuid(file->id),         mc_db_uuid(file->organization_id),
                          mc_db_uuid(ctx->who.user_id), mc_db_time(ctx->now),
                          mc_db_text(file->name),       mc_db_text(file->folder),
                          mc_db_text(file->type),       mc_db_int((int64_t)file->size),
                          mc_db_text(file->sha256),     mc_db_text(file->storage_key)};

    return mc_db_exec(conn,
                      MC_STR("INSERT INTO metacore_files (id, organization_id, created_by_id, "
                             "created_at, name, folder, content_type, size, sha256, storage_key) "
                             "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code describe(mc_files *self, mc_ctx *ctx, mc_str name, mc_str folder, mc_str bytes,
                        mc_file *out, mc_err *err)
{
    const mc__file_type *type;
    mc_code rc;

    if (bytes.len == 0)
        return mc_fail(err, MC_INVALID, "file: it is empty");
    if (bytes.len > self->config.max_bytes)
        return mc_fail(err, MC_TOO_LARGE, "file: larger than %zu MiB",
                       self->config.max_bytes >> 20);
    if (folder.len > MC_FILES_FOLDER_MAX || !mc_utf8_is_valid(folder))
        return mc_fail(err, MC_INVALID, "folder: want up to %d bytes of text", MC_FILES_FOLDER_MAX);
    *out = (mc_file){.organization_id = ctx->who.org_id, .folder = folder, .size = bytes.len};
    out->name = mc__file_name(ctx->arena, name);
    type = mc__file_type_of(out->name, bytes);
    if (!type)
        return mc_fail(err, MC_UNSUPPORTED,
                       "file: \"%.*s\" is of no type that is taken, or not what its name says",
                       MC_FMT(out->name));
    out->type = mc_z(type->type);
    out->sha256 = digest(ctx->arena, bytes);
    if (!out->sha256.ptr)
        return mc_fail(err, MC_NO_MEMORY, "file");
    rc = mc_uuid_v7(&out->id, err);
    return rc == MC_OK ? make_key(ctx, type->ending, &out->storage_key, err) : rc;
}

mc_code mc_files_store(mc_files *self, mc_ctx *ctx, mc_str name, mc_str folder, mc_str bytes,
                       mc_file *out, mc_err *err)
{
    mc_storage storage = self->config.storage;
    mc_err ignored;
    mc_file file;
    mc_code rc = check(self, ctx, MC_STR("files.create"), err);

    if (rc == MC_OK)
        rc = describe(self, ctx, name, folder, bytes, &file, err);
    if (rc == MC_OK)
        rc = storage.vt->put(storage.self, file.storage_key, bytes, err);
    if (rc != MC_OK)
        return rc;
    rc = mc_db_write(self->config.db, ctx, insert, &file, err);
    if (rc != MC_OK) /* without its row nobody would ever ask for it */
        MC_IGNORE(storage.vt->remove(storage.self, file.storage_key, &ignored));
    else
        *out = file;
    return rc;
}

/* ---- finding ---- */

static mc_code load(mc_ctx *ctx, mc_str where, const mc_db_value *args, size_t arg_count,
                    mc_file *out, mc_err *err)
{
    mc_str sql = mc_str_printf(ctx->arena,
                               "SELECT id, organization_id, name, folder, content_type, size, "
                               "sha256, storage_key FROM metacore_files WHERE %.*s",
                               MC_FMT(where));
    mc_db_rows rows;
    bool is_found;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "file");
    rc = mc_db_query(ctx->conn, sql, args, arg_count, &rows, err);
    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found) {
        *out = (mc_file){.id = mc_db_col_uuid(&rows, 0),
                         .organization_id = mc_db_col_uuid(&rows, 1),
                         .name = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 2)),
                         .folder = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 3)),
                         .type = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 4)),
                         .size = (uint64_t)mc_db_col_int(&rows, 5),
                         .sha256 = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 6)),
                         .storage_key = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 7))};
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "file not found");
    return rc;
}

mc_code mc__file_load_any(mc_ctx *ctx, mc_uuid id, mc_file *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id)};

    return load(ctx, MC_STR("id = $1"), args, MC_LEN(args), out, err);
}

mc_code mc_files_load(mc_files *self, mc_ctx *ctx, mc_uuid id, mc_file *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_code rc = check(self, ctx, MC_STR("files.read"), err);

    return rc == MC_OK
               ? load(ctx, MC_STR("id = $1 AND organization_id = $2"), args, MC_LEN(args), out, err)
               : rc;
}

/* ---- removing ---- */

static mc_code delete_row(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_file *file = user;
    mc_db_value args[] = {mc_db_uuid(file->id), mc_db_uuid(ctx->who.org_id)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(
        conn, MC_STR("DELETE FROM metacore_files WHERE id = $1 AND organization_id = $2"), args,
        MC_LEN(args), &changed, err);

    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "file not found");
    return rc;
}

mc_code mc_files_remove(mc_files *self, mc_ctx *ctx, mc_uuid id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_storage storage = self->config.storage;
    mc_file file;
    mc_code rc = check(self, ctx, MC_STR("files.delete"), err);

    if (rc == MC_OK)
        rc = load(ctx, MC_STR("id = $1 AND organization_id = $2"), args, MC_LEN(args), &file, err);
    if (rc == MC_OK)
        rc = mc_db_write(self->config.db, ctx, delete_row, &file, err);
    return rc == MC_OK ? storage.vt->remove(storage.self, file.storage_key, err) : rc;
}
