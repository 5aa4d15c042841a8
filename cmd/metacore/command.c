/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/base/json.h"

#include <string.h>

#define CELL_MAX 60

/* Whether args[i] is --name; *value is its value in the same argument, or NULL. */
static bool is_option(const char *arg, const char *name, const char **value)
{
    size_t len = strlen(name);

    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, len) != 0)
        return false;
    *value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
    return arg[2 + len] == '=' || arg[2 + len] == '\0';
}

const char *command_option(const command *self, const char *name)
{
    const char *value;

    for (int i = 0; i < self->arg_count; i++) {
        if (is_option(self->args[i], name, &value))
            return value ? value : (i + 1 < self->arg_count ? self->args[i + 1] : NULL);
    }
    return NULL;
}

bool command_switch(const command *self, const char *name)
{
    const char *value;

    for (int i = 0; i < self->arg_count; i++) {
        if (is_option(self->args[i], name, &value) && !value)
            return true;
    }
    return false;
}

const char *command_positional(const command *self, const char *const *names, int index)
{
    for (int i = 0; i < self->arg_count; i++) {
        const char *value = NULL;
        bool is_named = false;

        for (const char *const *name = names; *name && !is_named; name++)
            is_named = is_option(self->args[i], *name, &value);
        if (is_named && !value)
            i++; /* its value stands alone */
        if (!is_named && strncmp(self->args[i], "--", 2) != 0 && index-- == 0)
            return self->args[i];
    }
    return NULL;
}

static bool is_among(const char *arg, const char *const *names, const char **value)
{
    while (*names && !is_option(arg, *names, value))
        names++;
    return *names != NULL;
}

const char *command_find_unknown(const command *self, const char *const *options,
                                 const char *const *switches, int arg_max)
{
    int found = 0;

    for (int i = 0; i < self->arg_count; i++) {
        const char *arg = self->args[i];
        const char *value = NULL;

        if (strncmp(arg, "-", 1) != 0) {
            if (++found > arg_max)
                return arg;
        } else if (is_among(arg, options, &value)) {
            if (!value && ++i == self->arg_count)
                return arg; /* its value is missing */
        } else if ((!is_among(arg, switches, &value) && !is_option(arg, "json", &value)) || value) {
            return arg;
        }
    }
    return NULL;
}

/* What is told may name what strangers named: nothing of it is for the terminal itself. */
int command_fail(const mc_err *err)
{
    fputs("metacore: ", stderr);
    for (const char *at = err->msg; *at; at++)
        (void)fputc((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at,
                    stderr); /* nobody to tell */
    fputs("\n", stderr);
    return EXIT_FAILED;
}

int command_usage(const char *text)
{
    fprintf(stderr, "usage: metacore %s\n", text);
    return EXIT_USAGE;
}

static mc_str cell(mc_arena *arena, const mc_json *value)
{
    mc_buf buf;

    if (!value || value->kind == MC_JSON_NULL)
        return MC_STR("-");
    if (value->kind == MC_JSON_STRING)
        return value->as.string.len ? value->as.string : MC_STR("-");
    mc_buf_init_arena(&buf, arena, 0);
    mc_json_write(&buf, value);
    return mc_buf_get(&buf);
}

/* What a terminal must not be told by a stranger's name: control characters become '?'. */
static void print_cell(mc_str text, size_t width)
{
    size_t shown = text.len < CELL_MAX ? text.len : CELL_MAX;

    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        putchar(c < 0x20 || c == 0x7f ? '?' : c);
    }
    for (size_t i = shown; i < width + 2; i++)
        putchar(' ');
}

/* "guest.text" is the member text of the member guest, under the heading guest. */
static mc_str cell_of(const command *self, const mc_json *row, const char *key)
{
    mc_str rest = mc_z(key), name;

    while (mc_str_split(&rest, '.', &name))
        row = mc_json_find(row, name);
    return cell(self->arena, row);
}

int command_print_rows(const command *self, mc_str json, const char *const *keys)
{
    const mc_json *rows;
    mc_err err;

    if (self->as_json) {
        printf("%.*s\n", MC_FMT(json));
        return EXIT_DONE;
    }
    if (mc_json_parse(self->arena, json, NULL, &rows, &err) != MC_OK)
        return command_fail(&err);
    if (rows->kind != MC_JSON_ARRAY)
        return EXIT_DONE;
    for (size_t i = 0; i <= rows->as.array.count; i++) {
        for (const char *const *key = keys; *key; key++) {
            mc_str text = mc_str_slice(mc_z(*key), 0, strcspn(*key, "."));
            size_t width = text.len;

            for (size_t r = 0; r < rows->as.array.count; r++) {
                size_t len = cell_of(self, rows->as.array.items[r], *key).len;

                width = len > width ? len : width;
            }
            if (i > 0)
                text = cell_of(self, rows->as.array.items[i - 1], *key);
            print_cell(text, width < CELL_MAX ? width : CELL_MAX);
        }
        putchar('\n');
    }
    return EXIT_DONE;
}
