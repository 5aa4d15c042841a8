/* SPDX-License-Identifier: Apache-2.0 */
/* The migrations, all as one text: a later one builds on what an earlier one made. A file that does
 * not parse is told of and left out, and the others are read again without it. */
#include "metacore/review/review_internal.h"
#include "metacore/sqlgate/sqlgate.h"

#include <stdlib.h>

#define VERSION_MAX 40 /* bytes */

typedef struct part {
    const mc_bundle_file *file;
    mc_str version;
    unsigned first_line; /* in the joined text, from 1 */
    bool is_out;
} part;

typedef struct migrations {
    mc__reviewer *r;
    part *parts; /* by version */
    size_t count;
    const part *only; /* one file at a time: all of them are too much at once */
    bool has_refused;
} migrations;

/* ---- what manifests make ---- */

static bool declares(void *user, mc_str table, mc_str column)
{
    static const char *const always[] = {"id", "organization_id", "created_by_id", "created_at",
                                         "updated_at"};
    const mc_manifest *m = ((migrations *)user)->r->manifest;

    for (size_t i = 0; i < m->model_count; i++) {
        if (!mc_str_eq(m->models[i].table, table))
            continue;
        for (size_t k = 0; k < MC_LEN(always); k++) {
            if (mc_str_eq(column, mc_z(always[k])))
                return true;
        }
        if (m->models[i].soft_delete && mc_str_eq(column, MC_STR("deleted_at")))
            return true;
        for (size_t k = 0; k < m->models[i].column_count; k++) {
            if (mc_str_eq(m->models[i].columns[k].name, column))
                return true;
        }
    }
    return false;
}

/* Of a bundle with another finding nobody can say which tables there would be. */
static mc_code find_table(void *user, mc_str table, mc_err *err)
{
    const migrations *self = user;

    return self->has_refused
               ? MC_OK
               : mc_fail(err, MC_NOT_FOUND,
                         "table %.*s: no migration before makes it, and no model", MC_FMT(table));
}

/* ---- findings ---- */

static const part *part_of(const migrations *self, unsigned line)
{
    const part *found = self->only ? self->only : &self->parts[0];

    for (size_t i = 0; !self->only && i < self->count; i++) {
        if (!self->parts[i].is_out && self->parts[i].first_line <= line)
            found = &self->parts[i];
    }
    return found;
}

/* "migration: line N: what" taken apart; a message without a line is all what. */
static unsigned take_line(mc_str *what)
{
    mc_str rest = *what;
    uint32_t line = 0;
    size_t colon;

    if (mc_str_starts_with(rest, MC_STR("migration: ")))
        rest = mc_str_slice(rest, 11, rest.len);
    if (mc_str_starts_with(rest, MC_STR("line "))) {
        colon = mc_str_find_char(rest, 0, ':');
        if (mc_str_u32(mc_str_slice(rest, 5, colon), 1, UINT32_MAX, &line))
            rest = mc_str_trim(mc_str_slice(rest, colon + 1, rest.len));
    }
    *what = rest;
    return line;
}

static void add(migrations *self, const part *p, unsigned line, mc_str what)
{
    mc_finding finding = {
        .file = mc_str_copy(self->r->arena, p->file->name), .line = line, .message = what};

    self->has_refused = true;
    finding.hint = mc__review_hint(what);
    if (finding.hint.len == 0)
        finding.hint =
            MC_STR("migrations make and change the addon's own tables and their rows, in "
                   "PostgreSQL's dialect, and do nothing else");
    mc__review_add(self->r, finding);
}

static void on_refused(void *user, const mc_err *why)
{
    migrations *self = user;
    mc_str what = mc_z(why->msg);
    unsigned line = take_line(&what);
    const part *p = part_of(self, line);

    add(self, p, line >= p->first_line ? line - p->first_line + 1 : line, what);
}

static void on_unowned(void *user, const mc_err *what)
{
    migrations *self = user;
    mc_str message = mc_z(what->msg);
    unsigned line = take_line(&message);
    const part *p = part_of(self, line);

    mc__review_add(
        self->r,
        (mc_finding){
            .is_warning = true,
            .file = mc_str_copy(self->r->arena, p->file->name),
            .line = line >= p->first_line ? line - p->first_line + 1 : line,
            .message = message,
            .hint = MC_STR("a migration of a shared schema runs once, for no organization: with "
                           "\"tenant_isolation\": \"schema-per-tenant\" each organization gets "
                           "the rows; else let code of the addon make them")});
}

/* ---- reading ---- */

static unsigned count_lines(mc_str text)
{
    unsigned lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

static bool is_per_tenant(const migrations *self)
{
    return mc_str_eq(self->r->manifest->tenant_isolation, MC_STR("schema-per-tenant"));
}

static mc_code gate(migrations *self, mc_str sql, mc_arena *scratch, bool tells, mc_err *err)
{
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = self->r->manifest->key,
                                .has_column = declares, .has_column_user = self};
    mc_strs statements;

    if (tells) {
        config.on_refused = on_refused;
        config.on_refused_user = self;
        config.make_table = self->only ? NULL : find_table; /* alone, a file does not know */
        config.make_table_user = self;
        config.on_unowned = is_per_tenant(self) ? NULL : on_unowned;
        config.on_unowned_user = self;
    }
    return mc_sqlgate_migration(&config, scratch, sql, &statements, err);
}

/* ";" ends what a file left open, so that the next one's first statement is its own. */
static mc_str join(migrations *self, mc_arena *scratch)
{
    unsigned line = 1;
    mc_buf sql;

    mc_buf_init_arena(&sql, scratch, 0);
    for (size_t i = 0; i < self->count; i++) {
        if (self->parts[i].is_out)
            continue;
        self->parts[i].first_line = line;
        mc_buf_str(&sql, self->parts[i].file->data);
        mc_buf_lit(&sql, "\n;\n");
        line += count_lines(self->parts[i].file->data) + 2;
    }
    if (mc_buf_failed(&sql)) {
        self->r->is_out_of_memory = true;
        return MC_STR("");
    }
    return mc_buf_get(&sql);
}

static void check_one_by_one(migrations *self, mc_arena *scratch)
{
    for (size_t i = 0; i < self->count; i++) {
        mc_err why;
        mc_code rc;

        if (self->parts[i].is_out)
            continue;
        self->only = &self->parts[i];
        self->parts[i].first_line = 1;
        rc = gate(self, self->parts[i].file->data, scratch, true, &why);
        if (rc == MC_NO_MEMORY)
            self->r->is_out_of_memory = true;
        else if (rc != MC_OK)
            on_refused(self, &why);
    }
}

/* Each on its own first: what does not parse would end the reading of all. */
static void drop_unparsed(migrations *self, mc_arena *scratch)
{
    for (size_t i = 0; i < self->count; i++) {
        mc_str data = self->parts[i].file->data;
        mc_err why;
        mc_code rc;

        self->only = &self->parts[i];
        self->parts[i].first_line = 1;
        rc = gate(self, data, scratch, false, &why);
        if (rc == MC_NO_MEMORY)
            self->r->is_out_of_memory = true;
        if (rc != MC_INVALID && rc != MC_TOO_LARGE)
            continue;
        on_refused(self, &why);
        self->parts[i].is_out = true;
    }
    self->only = NULL;
}

static int by_version(const void *a, const void *b)
{
    return mc_str_cmp(((const part *)a)->version, ((const part *)b)->version);
}

static bool collect(migrations *self)
{
    const mc_bundle *bundle = self->r->bundle;
    mc_str version;

    self->parts = mc_arena_array(self->r->arena, part, bundle->file_count);
    for (size_t i = 0; self->parts && i < bundle->file_count; i++) {
        if (mc_bundle_is_migration(&bundle->files[i], &version))
            self->parts[self->count++] = (part){.file = &bundle->files[i], .version = version};
    }
    if (self->count)
        qsort(self->parts, self->count, sizeof(*self->parts), by_version);
    return self->parts != NULL;
}

static void check_versions(migrations *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->parts[i].version.len > VERSION_MAX)
            add(self, &self->parts[i], 0,
                MC_STR("its version, the name without .sql, is longer than 40 bytes"));
        if (i > 0 && mc_str_eq(self->parts[i].version, self->parts[i - 1].version))
            add(self, &self->parts[i], 0, MC_STR("its version stands twice, in another folder"));
    }
}

void mc__review_migrations(mc__reviewer *r)
{
    migrations self = {.r = r};
    mc_arena *scratch = mc_arena_new(0);
    mc_err why;
    mc_code rc = MC_OK;

    if (!scratch || !collect(&self)) {
        r->is_out_of_memory = true;
        mc_arena_free(scratch);
        return;
    }
    if (self.count == 0)
        goto out;
    check_versions(&self);
    drop_unparsed(&self, scratch);
    rc = gate(&self, join(&self, scratch), scratch, true, &why);
    if (rc == MC_NO_MEMORY)
        r->is_out_of_memory = true;
    else if (rc != MC_OK) /* all at once are more than the gate takes: nothing was told yet */
        check_one_by_one(&self, scratch);
out:
    mc_arena_free(scratch);
}
