/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

#include "mc_test.h"

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define BLOCK 512
#define ARENA_BYTES ((size_t)512 << 20)

bool hostile_open(hostile *self, const char *key)
{
    const char *const args[] = {
        "--dev", "--log-level", "error", key ? "--marketplace-pubkey" : NULL, key, NULL};

    self->arena = mc_arena_new(ARENA_BYTES);
    if (!self->arena || !mc_process_start(&self->process, mc_test_dir(), args))
        return false;
    mc_client_init(&self->owner, self->process.port);
    return mc_client_sign_in(&self->owner, "owner@example.com", "metacore-demo") == 200;
}

void hostile_close(hostile *self)
{
    mc_client_deinit(&self->owner);
    MC_EXPECT_EQ(mc_process_stop(&self->process, SIGTERM), 0);
    mc_arena_free(self->arena);
}

/* ---- what there is ---- */

static int note_row(void *user, int count, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < count; i++)
        mc_buf_printf(user, "%s|", values[i] ? values[i] : "-");
    mc_buf_char(user, '\n');
    return 0;
}

static int note_table(void *user, int count, char **values, char **names)
{
    mc_buf *list = user;

    (void)count;
    (void)names;
    mc_buf_str(list, mc_z(values[0]));
    mc_buf_char(list, '\n');
    return 0;
}

static void note_store(const hostile *self, mc_buf *out)
{
    mc_str path = mc_str_printf(self->arena, "%s/metacore.db", self->process.data);
    sqlite3 *db = NULL;
    mc_str rest, table;
    mc_buf tables;

    mc_buf_init_arena(&tables, self->arena, 0);
    MC_REQUIRE(sqlite3_open_v2(mc_str_z(self->arena, path), &db, SQLITE_OPEN_READONLY, NULL) == 0);
    (void)sqlite3_busy_timeout(db, 5000);
    MC_EXPECT_EQ(sqlite3_exec(db, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
                              note_row, out, NULL),
                 0);
    MC_EXPECT_EQ(sqlite3_exec(db,
                              "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
                              note_table, &tables, NULL),
                 0);
    rest = mc_buf_get(&tables);
    while (mc_str_split(&rest, '\n', &table)) {
        mc_str sql = mc_str_printf(self->arena, "SELECT * FROM \"%.*s\"", MC_FMT(table));

        if (table.len)
            MC_EXPECT_EQ(sqlite3_exec(db, mc_str_z(self->arena, sql), note_row, out, NULL), 0);
    }
    MC_EXPECT_EQ(sqlite3_close(db), 0);
}

/* Names of all files but the store's own and the log, which grow. */
static void note_files(const hostile *self, const char *folder, int depth, mc_buf *out)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) { /* one thread has this stream */
        mc_str path = mc_str_printf(self->arena, "%s/%s", folder, entry->d_name);
        const char *path_z = mc_str_z(self->arena, path);
        struct stat st;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (stat(path_z, &st) != 0)
            continue; /* gone meanwhile */
        mc_buf_printf(out, "%s\n", path_z);
        if (S_ISDIR(st.st_mode) && depth < 8)
            note_files(self, path_z, depth + 1, out);
    }
    if (dir)
        (void)closedir(dir); /* read only */
}

static int by_text(const void *a, const void *b)
{
    return mc_str_cmp(*(const mc_str *)a, *(const mc_str *)b);
}

/* Folders list their entries in any order. */
static void note_files_sorted(const hostile *self, mc_buf *out)
{
    mc_str *lines = mc_arena_array(self->arena, mc_str, 10000);
    mc_str rest;
    size_t count = 0;
    mc_buf list;

    mc_buf_init_arena(&list, self->arena, 0);
    note_files(self, self->process.data, 0, &list);
    rest = mc_buf_get(&list);
    while (lines && count < 10000 && mc_str_split(&rest, '\n', &lines[count]))
        count++;
    if (count)
        qsort(lines, count, sizeof(*lines), by_text);
    for (size_t i = 0; i < count; i++) {
        mc_buf_str(out, lines[i]);
        mc_buf_char(out, '\n');
    }
}

static mc_str snapshot(hostile *self)
{
    mc_buf out;

    mc_buf_init_arena(&out, self->arena, 0);
    note_store(self, &out);
    note_files_sorted(self, &out);
    MC_EXPECT_EQ(mc_client_call(&self->owner, "GET", "/api/metadata/all", NULL), 200);
    mc_buf_str(&out, self->owner.body);
    MC_EXPECT(!mc_buf_failed(&out));
    return mc_buf_get(&out);
}

/* ---- refused ---- */

static void by_http(hostile *self, const char *key, mc_str packed, mc_str signature,
                    const char *message)
{
    int status = kit_upload(&self->owner, key, "", packed, signature);

    MC_EXPECT(status == 400 || status == 422 || status == 409 || status == 413);
    MC_EXPECT_HAS(self->owner.body, "\"success\":false");
    MC_EXPECT_HAS(self->owner.body, message);
}

static void write_file(const char *path, mc_str data)
{
    FILE *file = fopen(path, "wbe");

    MC_REQUIRE(file);
    MC_EXPECT(data.len == 0 || fwrite(data.ptr, 1, data.len, file) == data.len);
    MC_EXPECT_EQ(fclose(file), 0);
}

static void by_path(hostile *self, mc_str packed, mc_str signature, const char *message)
{
    static char out[65536];
    const char *dir = mc_test_dir();
    mc_str path = mc_str_printf(self->arena, "%s/bundle.tar.gz", dir);
    mc_str beside = mc_str_printf(self->arena, "%s/bundle.tar.gz.sig", dir);
    const char *path_z = mc_str_z(self->arena, path);
    const char *const args[] = {"addon",  "install",          path_z, "--org", "Demo",
                                "--data", self->process.data, NULL};

    write_file(path_z, packed);
    if (signature.len)
        write_file(mc_str_z(self->arena, beside), signature);
    MC_EXPECT_EQ(mc_process_run(args, NULL, out, sizeof(out)), 1);
    MC_EXPECT(mc_str_starts_with(mc_z(out), MC_STR("metacore: ")));
    MC_EXPECT_HAS(mc_z(out), message);
    MC_EXPECT_EQ(mc_str_find_char(mc_z(out), 0, '\n'), strlen(out) - 1); /* one line */
}

void hostile_refused(hostile *self, const char *key, mc_str packed, mc_str signature,
                     const char *message)
{
    mc_str before = snapshot(self), after;
    mc_buf quoted;

    mc_buf_init_arena(&quoted, self->arena, 0);
    for (const char *c = message; *c; c++) { /* as it stands in JSON */
        if (*c == '"' || *c == '\\')
            mc_buf_char(&quoted, '\\');
        mc_buf_char(&quoted, *c);
    }
    mc_buf_char(&quoted, '\0');
    by_http(self, key, packed, signature, quoted.ptr);
    by_path(self, packed, signature, message);
    after = snapshot(self);
    MC_EXPECT(mc_str_eq(before, after));
    if (!mc_str_eq(before, after)) { /* so that the next row fails for itself alone */
        mc_str path = mc_str_printf(self->arena, "/api/metacore/installations/%s?drop=1", key);

        (void)mc_client_call(&self->owner, "DELETE", mc_str_z(self->arena, path), NULL);
    }
    mc_arena_reset(self->arena);
}

/* ---- archives ---- */

void hostile_seal(mc_buf *tar, size_t at)
{
    unsigned char *block = (unsigned char *)tar->ptr + at;
    char text[8];
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += block[i];
    (void)snprintf(text, sizeof(text), "%06o", sum);
    memcpy(block + 148, text, 7);
}

void hostile_header(mc_buf *tar, mc_str name, char type, size_t size)
{
    char block[BLOCK] = {0}, text[16];
    size_t at = tar->len;

    memcpy(block, name.ptr, name.len < 100 ? name.len : 100);
    memcpy(block + 100, "0000644", 7);
    memcpy(block + 108, "0000000", 7);
    memcpy(block + 116, "0000000", 7);
    (void)snprintf(text, sizeof(text), "%011zo", size);
    memcpy(block + 124, text, 11);
    memcpy(block + 136, "00000000000", 11);
    block[156] = type;
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    mc_buf_bytes(tar, block, sizeof(block));
    hostile_seal(tar, at);
}

void hostile_entry(mc_buf *tar, mc_str name, char type, mc_str data)
{
    static const char zeros[BLOCK];

    hostile_header(tar, name, type, data.len);
    mc_buf_str(tar, data);
    mc_buf_bytes(tar, zeros, (BLOCK - data.len % BLOCK) % BLOCK);
}

void hostile_begin(mc_buf *tar)
{
    mc_buf_init(tar, 0);
    hostile_entry(tar, MC_STR("manifest.json"), '0', MC_STR(HOSTILE_MANIFEST));
}

void hostile_end(mc_buf *tar)
{
    static const char zeros[2 * BLOCK];

    mc_buf_bytes(tar, zeros, sizeof(zeros));
}

void hostile_gzip(mc_str bytes, mc_buf *out)
{
    z_stream stream = {0};
    char chunk[16384];
    int rc;

    MC_REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_in = (Bytef *)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    do {
        stream.next_out = (Bytef *)chunk;
        stream.avail_out = sizeof(chunk);
        rc = deflate(&stream, Z_FINISH);
        mc_buf_bytes(out, chunk, sizeof(chunk) - stream.avail_out);
    } while (rc == Z_OK);
    MC_EXPECT_EQ(rc, Z_STREAM_END);
    (void)deflateEnd(&stream);
}
