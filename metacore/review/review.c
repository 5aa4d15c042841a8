/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/review/review.h"

#include "metacore/review/review_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_BYTES 1200

/* ---- findings ---- */

void mc__review_add(mc__reviewer *r, mc_finding finding)
{
    r->error_count += !finding.is_warning;
    if (r->count == MC_REVIEW_FINDINGS_MAX) {
        r->is_cut = true;
        return;
    }
    finding.message = mc_str_copy(r->arena, finding.message);
    if (finding.hint.len == 0)
        finding.hint = mc__review_hint(finding.message);
    if (!finding.message.ptr)
        r->is_out_of_memory = true;
    r->items[r->count++] = finding;
}

static void add(mc__reviewer *r, bool is_warning, mc_str path, const char *hint, const char *fmt,
                va_list args) __attribute__((format(printf, 5, 0)));

static void add(mc__reviewer *r, bool is_warning, mc_str path, const char *hint, const char *fmt,
                va_list args)
{
    char message[MESSAGE_BYTES];

    (void)vsnprintf(message, sizeof(message), fmt, args); /* cut when it is longer */
    mc__review_add(r, (mc_finding){.is_warning = is_warning,
                                   .file = MC_STR("manifest.json"),
                                   .path = path,
                                   .message = mc_z(message),
                                   .hint = mc_z(hint)});
}

void mc__review_warn(mc__reviewer *r, mc_str path, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, true, path, hint, fmt, args);
    va_end(args);
}

void mc__review_error(mc__reviewer *r, mc_str path, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(r, false, path, hint, fmt, args);
    va_end(args);
}

mc_str mc__review_path(mc__reviewer *r, const char *fmt, ...)
{
    char path[200];
    va_list args;
    mc_str copy;

    va_start(args, fmt);
    (void)vsnprintf(path, sizeof(path), fmt, args); /* a cut path still says where */
    va_end(args);
    copy = mc_str_copy(r->arena, mc_z(path));
    if (!copy.ptr)
        r->is_out_of_memory = true;
    return copy;
}

/* ---- readers ---- */

const mc_json *mc__member(const mc_json *object, const char *key)
{
    const mc_json *value = mc_json_find_nocase(object, mc_z(key));

    return value && value->kind != MC_JSON_NULL ? value : NULL;
}

mc_str mc__text(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc__member(object, key), &text); /* else it is empty */
    return text;
}

bool mc__flag(const mc_json *object, const char *key)
{
    bool value = false;

    (void)mc_json_get_bool(mc__member(object, key), &value); /* else it is false */
    return value;
}

size_t mc__items(const mc_json *array)
{
    return array && array->kind == MC_JSON_ARRAY ? array->as.array.count : 0;
}

const mc_json *mc__item(const mc_json *array, size_t i)
{
    return array->as.array.items[i];
}

const mc_bundle_file *mc__bundle_find(const mc_bundle *bundle, mc_str name)
{
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (mc_str_eq(bundle->files[i].name, name))
            return &bundle->files[i];
    }
    return NULL;
}

mc_str mc__wasm_entry(const mc_manifest *manifest)
{
    const mc_json *backend = mc__member(manifest->root, "backend");
    mc_str entry = mc_str_trim(mc__text(backend, "entry"));

    if (!mc_str_eq(mc__text(backend, "runtime"), MC_STR("wasm")))
        return MC_STR("");
    return entry.len ? entry : MC_STR("backend/backend.wasm");
}

/* ---- the review ---- */

/* Types and unknown keys, all of them; a text that is no JSON is told of by who parses it. */
static void review_shape(mc__reviewer *r)
{
    mc_manifest_problem *problems = NULL;
    size_t count = 0;
    mc_err why;
    mc_code rc = mc_manifest_check_shape(r->bundle->manifest, r->arena, &problems, &count, &why);

    r->is_out_of_memory = r->is_out_of_memory || rc == MC_NO_MEMORY;
    for (size_t i = 0; rc == MC_OK && i < count; i++)
        mc__review_add(r, (mc_finding){.is_warning = problems[i].is_unknown_key,
                                       .file = MC_STR("manifest.json"),
                                       .path = problems[i].path,
                                       .message = problems[i].message});
}

mc_code mc_review_bundle(const mc_bundle *bundle, mc_str kernel_version, mc_arena *arena,
                         mc_review *out, mc_err *err)
{
    mc__reviewer r = {.arena = arena, .bundle = bundle};
    mc_manifest *manifest = NULL;
    mc_err why;
    mc_code rc;

    r.items = mc_arena_array(arena, mc_finding, MC_REVIEW_FINDINGS_MAX);
    if (!r.items)
        return mc_fail(err, MC_NO_MEMORY, "review");
    rc = mc_manifest_parse(bundle->manifest, &manifest, &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "%s", why.msg);
    review_shape(&r);
    if (rc != MC_OK && r.error_count == 0)
        mc__review_error(&r, MC_STR("manifest"), "", "%s", why.msg);
    if (rc == MC_OK) {
        r.manifest = manifest;
        mc__review_manifest(&r, kernel_version);
        mc__review_texts(&r);
        mc__review_migrations(&r);
        mc__review_wasm(&r);
    }
    mc_manifest_free(manifest);
    if (r.is_out_of_memory)
        return mc_fail(err, MC_NO_MEMORY, "review");
    *out = (mc_review){r.items, r.count, r.error_count, r.is_cut};
    return MC_OK;
}
