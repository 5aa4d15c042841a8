/* SPDX-License-Identifier: Apache-2.0 */
#include "addon.h"

#include "metacore/base/json.h"

/* What a terminal must not be told by a stranger's file: control characters become '?'. */
static void print(FILE *out, mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        (void)fputc(c < 0x20 || c == 0x7f ? '?' : c, out); /* nobody to tell when this fails */
    }
}

static void print_finding(FILE *out, const mc_finding *finding)
{
    print(out, finding->file);
    if (finding->line)
        fprintf(out, ":%u", finding->line);
    fputs(finding->is_warning ? ": warning: " : ": error: ", out);
    print(out, finding->message);
    if (finding->hint.len) {
        fputs("\n    hint: ", out);
        print(out, finding->hint);
    }
    fputc('\n', out);
}

static void write_finding(mc_buf *out, const mc_finding *finding)
{
    mc_buf_lit(out, "{\"severity\":");
    mc_json_write_str(out, finding->is_warning ? MC_STR("warning") : MC_STR("error"));
    mc_buf_lit(out, ",\"file\":");
    mc_json_write_str(out, finding->file);
    if (finding->line)
        mc_buf_printf(out, ",\"line\":%u", finding->line);
    mc_buf_lit(out, ",\"path\":");
    mc_json_write_str(out, finding->path);
    mc_buf_lit(out, ",\"message\":");
    mc_json_write_str(out, finding->message);
    mc_buf_lit(out, ",\"hint\":");
    mc_json_write_str(out, finding->hint);
    mc_buf_char(out, '}');
}

static mc_code print_json(const command *self, const mc_review *review, bool is_good, FILE *out,
                          mc_err *err)
{
    mc_buf text;
    mc_code rc;

    mc_buf_init_arena(&text, self->arena, 0);
    mc_buf_printf(&text, "{\"valid\":%s,\"errors\":%zu,\"warnings\":%zu,\"problems\":[",
                  is_good ? "true" : "false", review->error_count,
                  review->count > review->error_count ? review->count - review->error_count : 0);
    for (size_t i = 0; i < review->count; i++) {
        if (i > 0)
            mc_buf_char(&text, ',');
        write_finding(&text, &review->items[i]);
    }
    mc_buf_lit(&text, "]}");
    rc = mc_buf_check(&text, "validate", err);
    if (rc == MC_OK)
        fprintf(out, "%.*s\n", MC_FMT(mc_buf_get(&text)));
    return rc;
}

mc_code addon_review(const command *self, const mc_bundle *bundle, bool is_strict, FILE *out,
                     bool *out_is_good, mc_err *err)
{
    mc_review review;
    mc_code rc = mc_review_bundle(bundle, MC_STR(MC_KERNEL_VERSION), self->arena, &review, err);

    if (rc != MC_OK)
        return rc;
    *out_is_good = review.error_count == 0 && !(is_strict && review.count > 0);
    if (self->as_json && out == stdout)
        return print_json(self, &review, *out_is_good, out, err);
    for (size_t i = 0; i < review.count; i++)
        print_finding(out, &review.items[i]);
    if (review.is_cut)
        fprintf(out, "and more: %d are shown\n", MC_REVIEW_FINDINGS_MAX);
    return MC_OK;
}

/* A bundle that cannot even be opened is one finding, so that --json always has the same shape. */
static int unreadable(const command *self, const char *path, const mc_err *err)
{
    mc_finding finding = {.file = mc_z(path), .message = mc_z(err->msg)};
    mc_review review = {.items = &finding, .count = 1, .error_count = 1};
    mc_err why;

    if (!self->as_json)
        return command_fail(err);
    return print_json(self, &review, false, stdout, &why) == MC_OK ? EXIT_FAILED
                                                                   : command_fail(&why);
}

int addon_validate(const command *self)
{
    const char *path = addon_arg(self, 0);
    mc_bundle *bundle = NULL;
    bool is_good = false;
    mc_err err;

    path = path ? path : ".";
    if (addon_open(self, path, &bundle, &err) != MC_OK)
        return unreadable(self, path, &err);
    if (addon_review(self, bundle, command_switch(self, "strict"), stdout, &is_good, &err) !=
        MC_OK) {
        mc_bundle_free(bundle);
        return command_fail(&err);
    }
    mc_bundle_free(bundle);
    if (!self->as_json && is_good)
        printf("%s: no errors\n", path);
    return is_good ? EXIT_DONE : EXIT_FAILED;
}
