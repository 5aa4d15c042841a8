/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/storage/files_internal.h"

#include "metacore/base/encode.h"

#include <openssl/crypto.h>

/* What a form has beside the file. */
#define FORM_BYTES ((size_t)64 << 10)

/* ---- up ---- */

static mc_str text_part(mc_http_req *req, const mc_http_body *body, const char *name)
{
    mc_http_part part;
    mc_err ignored;

    return mc_http_body_find_part(req, body, mc_z(name), &part, &ignored) == MC_OK ? part.data
                                                                                   : MC_STR("");
}

static mc_code answer_file(mc_files *self, mc_http_req *req, mc_http_res *res, const mc_file *file,
                           mc_err *err)
{
    mc_str url = mc_files_url(self, mc_http_ctx(req), file);
    mc_buf *out = mc_http_ok_begin(res, 201);
    char id[MC_UUID_TEXT_LEN];

    if (url.len == 0)
        return mc_fail(err, MC_NO_MEMORY, "file");
    mc_uuid_format(file->id, id);
    mc_buf_lit(out, "{\"file_url\":");
    mc_json_write_str(out, url);
    mc_buf_lit(out, ",\"folder\":");
    mc_json_write_str(out, file->folder);
    mc_buf_lit(out, ",\"id\":");
    mc_json_write_str(out, mc_str_of(id, sizeof(id)));
    mc_buf_lit(out, ",\"name\":");
    mc_json_write_str(out, file->name);
    mc_buf_lit(out, ",\"path\":");
    mc_json_write_str(out, url);
    mc_buf_lit(out, ",\"sha256\":");
    mc_json_write_str(out, file->sha256);
    mc_buf_lit(out, ",\"size\":");
    mc_buf_u64(out, file->size);
    mc_buf_lit(out, ",\"type\":");
    mc_json_write_str(out, file->type);
    mc_buf_lit(out, ",\"url\":");
    mc_json_write_str(out, url);
    mc_buf_char(out, '}');
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* POST /upload; where it is kept is ours to choose: storage_path is not looked at. */
static mc_code upload(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_http_body body;
    mc_http_part part;
    mc_file file;
    mc_code rc = mc_http_body_open(req, &body, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_http_body_find_part(req, &body, MC_STR("file"), &part, err);
    if (rc == MC_NOT_FOUND || (rc == MC_OK && part.filename.len == 0))
        rc = mc_fail(err, MC_INVALID, "expected `file` in multipart form: no such file");
    if (rc == MC_OK)
        rc = mc_files_store(user, ctx, part.filename,
                            mc_str_copy(ctx->arena, text_part(req, &body, "folder")), part.data,
                            &file, err);
    mc_http_body_close(&body);
    return rc == MC_OK ? answer_file(user, req, res, &file, err) : rc;
}

/* ---- down ---- */

static bool is_signed(const mc_files *self, mc_http_req *req, mc_uuid id)
{
    char wanted[MC__FILES_SIG_LEN];
    mc_str sig = mc_http_query(req, MC_STR("sig"));

    mc__file_sign(self, id, wanted);
    return sig.len == sizeof(wanted) && CRYPTO_memcmp(sig.ptr, wanted, sizeof(wanted)) == 0;
}

/* Somebody sees their organization's; nobody what the signature is for. */
static mc_code find_file(mc_files *self, mc_http_req *req, mc_file *out, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id;
    mc_code rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc != MC_OK)
        return rc;
    if (!mc_ctx_is_anonymous(ctx))
        return mc_files_load(self, ctx, id, out, err);
    if (!is_signed(self, req, id))
        return mc_fail(err, MC_UNAUTHENTICATED, "Invalid or expired token");
    return mc__file_load_any(ctx, id, out, err);
}

typedef struct piece {
    mc_storage storage;
    mc_file file;
    mc_http_range range;
} piece;

static mc_code send_piece(mc_http_req *req, mc_sink out, void *user, mc_err *err)
{
    const piece *p = user;

    (void)req;
    return p->storage.vt->read(p->storage.self, p->file.storage_key, p->range.first,
                               p->range.length, out, err);
}

/* RFC 6266: the name as ASCII for the old, in UTF-8 for all others. */
static void write_disposition(mc_http_req *req, mc_http_res *res, const mc_file *file)
{
    mc_buf out;

    mc_buf_init_arena(&out, mc_http_ctx(req)->arena, 0);
    mc_buf_str(&out, mc__file_is_inline(file->type) ? MC_STR("inline") : MC_STR("attachment"));
    mc_buf_lit(&out, "; filename=\"");
    for (size_t i = 0; i < file->name.len; i++) {
        unsigned char c = (unsigned char)file->name.ptr[i];

        mc_buf_char(&out, c < ' ' || c > '~' || c == '"' || c == '\\' ? '_' : (char)c);
    }
    mc_buf_lit(&out, "\"; filename*=UTF-8''");
    mc_percent_write(&out, file->name);
    mc_http_res_header(res, MC_STR("Content-Disposition"), mc_buf_get(&out));
}

static void write_headers(mc_http_req *req, mc_http_res *res, const mc_file *file)
{
    mc_http_content_type(res, file->type);
    mc_http_res_header(res, MC_STR("Content-Security-Policy"),
                       MC_STR("default-src 'none'; sandbox"));
    mc_http_res_header(res, MC_STR("Referrer-Policy"), MC_STR("no-referrer")); /* sig is a key */
    mc_http_res_header(res, MC_STR("Accept-Ranges"), MC_STR("bytes"));
    write_disposition(req, res, file);
}

static void write_content_range(mc_http_req *req, mc_http_res *res, const piece *p)
{
    mc_http_res_header(res, MC_STR("Content-Range"),
                       mc_str_printf(mc_http_ctx(req)->arena, "bytes %llu-%llu/%llu",
                                     (unsigned long long)p->range.first,
                                     (unsigned long long)(p->range.first + p->range.length - 1),
                                     (unsigned long long)p->file.size));
}

/* GET /files/:id and /files/:id/:name */
static mc_code download(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_files *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    piece *p = mc_arena_object(ctx->arena, piece);
    mc_http_range_kind kind;
    mc_str etag;
    mc_code rc = p ? find_file(self, req, &p->file, err) : mc_fail(err, MC_NO_MEMORY, "file");

    if (rc != MC_OK)
        return rc;
    p->storage = self->config.storage;
    etag = mc_str_printf(ctx->arena, "\"%.32s\"", p->file.sha256.ptr);
    res->status = 200;
    write_headers(req, res, &p->file);
    if (mc_http_not_modified(req, res, etag))
        return MC_OK;
    kind = mc_http_range_of(req, p->file.size, etag, &p->range);
    if (kind == MC_HTTP_RANGE_UNSATISFIABLE) {
        mc_http_error_status(res, 416, MC_STR("the range is beyond the file"));
        mc_http_res_header(
            res, MC_STR("Content-Range"),
            mc_str_printf(ctx->arena, "bytes */%llu", (unsigned long long)p->file.size));
        return MC_OK;
    }
    if (kind == MC_HTTP_RANGE_PART) {
        res->status = 206;
        write_content_range(req, res, p);
    }
    mc_http_res_stream(res, send_piece, p);
    mc_http_res_stream_length(res, p->range.length);
    return MC_OK;
}

/* DELETE /files/:id */
static mc_code delete_file(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);

    if (rc == MC_OK)
        rc = mc_files_remove(user, mc_http_ctx(req), id, err);
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* ---- routes ---- */

static const mc_http_route table[] = {
    {.method = "POST",
     .pattern = "/upload",
     .run = MC_HTTP_LONG,
     .flags = MC_HTTP_BODY_FILE,
     .handle = upload,
     .max_body_bytes = MC_FILES_BYTES_MAX + FORM_BYTES},
    {.method = "GET",
     .pattern = "/files/:id",
     .run = MC_HTTP_LONG,
     .flags = MC_HTTP_OPTIONAL | MC_HTTP_QUERY_TOKEN,
     .handle = download},
    {.method = "GET",
     .pattern = "/files/:id/:name",
     .run = MC_HTTP_LONG,
     .flags = MC_HTTP_OPTIONAL | MC_HTTP_QUERY_TOKEN,
     .handle = download},
    {.method = "DELETE", .pattern = "/files/:id", .run = MC_HTTP_LONG, .handle = delete_file},
};

void mc__files_add_routes(mc_files *self)
{
    _Static_assert(MC_LEN(table) == MC__FILES_ROUTES, "room for every route");
    for (size_t i = 0; i < MC_LEN(table); i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
}

const mc_http_route *mc_files_routes(mc_files *self, size_t *out_count)
{
    *out_count = MC__FILES_ROUTES;
    return self->routes;
}
