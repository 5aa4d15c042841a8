/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/bundle/bundle.h"

#include "mc_test.h"
#include "metacore/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* ---- archives made by hand, so that they can be wrong ---- */

#define BLOCK 512

static void add_header(mc_buf *tar, const char *name, char type, size_t size)
{
    char block[BLOCK] = {0};
    unsigned sum = 0;

    (void)snprintf(block, 100, "%s", name);
    (void)snprintf(block + 100, 8, "0000644");
    (void)snprintf(block + 124, 12, "%011zo", size);
    (void)snprintf(block + 136, 12, "00000000000");
    memset(block + 148, ' ', 8);
    block[156] = type;
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)block[i];
    (void)snprintf(block + 148, 8, "%06o", sum);
    mc_buf_bytes(tar, block, BLOCK);
}

static void add(mc_buf *tar, const char *name, char type, mc_str data)
{
    static const char zeros[BLOCK];

    add_header(tar, name, type, data.len);
    mc_buf_str(tar, data);
    mc_buf_bytes(tar, zeros, (BLOCK - data.len % BLOCK) % BLOCK);
}

static void end(mc_buf *tar)
{
    static const char zeros[2 * BLOCK];

    mc_buf_bytes(tar, zeros, sizeof(zeros));
}

static void pack(mc_str tar, mc_buf *out)
{
    z_stream z = {.next_in = (Bytef *)tar.ptr, .avail_in = (uInt)tar.len};
    size_t bound;

    MC_EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    bound = deflateBound(&z, (uLong)tar.len) + 64;
    z.next_out = (Bytef *)mc_buf_reserve(out, bound);
    z.avail_out = (uInt)bound;
    MC_EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    mc_buf_commit(out, bound - z.avail_out);
    MC_EXPECT_EQ(deflateEnd(&z), Z_OK);
}

static mc_code read_tar(const mc_buf *tar, mc_bundle **out, mc_err *err)
{
    mc_buf packed;
    mc_code rc;

    mc_buf_init(&packed, 0);
    pack(mc_buf_get(tar), &packed);
    rc = mc_bundle_read(mc_buf_get(&packed), out, err);
    mc_buf_deinit(&packed);
    return rc;
}

#define MANIFEST MC_STR("{\"key\":\"demo\"}")

static void begin(mc_buf *tar)
{
    mc_buf_init(tar, 0);
    add(tar, "manifest.json", '0', MANIFEST);
}

/* ---- what is read ---- */

MC_TEST("a bundle's files are sorted, hashed and sorted into what they are")
{
    mc_bundle *bundle = NULL;
    mc_str version;
    mc_buf tar;
    mc_err err;

    begin(&tar);
    add(&tar, "migrations", '5', MC_STR(""));
    add(&tar, "migrations/old/0002_more.sql", '0', MC_STR("SELECT 2"));
    add(&tar, "migrations/0001_init.sql", '\0', MC_STR("SELECT 1"));
    add(&tar, "README.md", '0', MC_STR("# Demo"));
    add(&tar, "notes/empty", '0', MC_STR(""));
    end(&tar);
    MC_REQUIRE_OK(read_tar(&tar, &bundle, &err), &err);
    MC_EXPECT_EQ(bundle->file_count, 5);
    MC_EXPECT_STR(bundle->manifest, MANIFEST);
    MC_EXPECT_Z(bundle->readme, "# Demo");
    MC_EXPECT_Z(bundle->files[0].name, "README.md");

    MC_EXPECT(mc_bundle_is_migration(&bundle->files[2], &version));
    MC_EXPECT_Z(version, "0001_init");
    MC_EXPECT(mc_bundle_is_migration(&bundle->files[3], &version));
    MC_EXPECT_Z(version, "0002_more");
    MC_EXPECT(!mc_bundle_is_migration(&bundle->files[0], &version));
    /* printf 'SELECT 1' | sha256sum */
    MC_EXPECT_Z(mc_z(bundle->files[2].sha256),
                "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5");
    mc_bundle_free(bundle);
    mc_buf_deinit(&tar);
}

MC_TEST("names too long for a header come by a pax header, for the next entry only")
{
    mc_bundle *bundle = NULL;
    mc_buf tar;
    mc_err err;

    begin(&tar);
    add(&tar, "pax", 'x', MC_STR("30 mtime=1700000000.123456789\n27 path=frontend/long/name\n"));
    add(&tar, "short", '0', MC_STR("a"));
    add(&tar, "plain", '0', MC_STR("b"));
    add(&tar, "comment", 'g', MC_STR("20 comment=0123abcd\n"));
    end(&tar);
    MC_REQUIRE_OK(read_tar(&tar, &bundle, &err), &err);
    MC_EXPECT_EQ(bundle->file_count, 3);
    MC_EXPECT_Z(bundle->files[0].name, "frontend/long/name");
    MC_EXPECT_Z(bundle->files[2].name, "plain");
    mc_bundle_free(bundle);
    mc_buf_deinit(&tar);
}

/* ---- what is refused ---- */

static const struct {
    const char *name, *entry;
    char type;
    const char *data, *message;
} refused_entries[] = {
    {"an absolute path", "/etc/passwd", '0', "x", "bundle: absolute path \"/etc/passwd\""},
    {"a path that climbs", "frontend/../../x", '0', "x", "bundle: path traversal in"},
    {"a path that only climbs", "..", '0', "x", "bundle: path traversal in"},
    {"a backslash", "frontend\\x", '0', "x", "a character in an entry's name"},
    {"a control character", "a\nb", '0', "x", "a character in an entry's name"},
    {"a name that is not UTF-8", "a\xff", '0', "x", "not UTF-8"},
    {"a dot as a folder", "./x", '0', "x", "not the plain form"},
    {"an empty folder name", "a//b", '0', "x", "not the plain form"},
    {"a file with a folder's name", "a/", '0', "x", "has a folder's name"},
    {"no name", "", '0', "x", "an entry's name is empty"},
    {"a hard link", "link", '1', "", "\"link\" is no plain file"},
    {"a symbolic link", "link", '2', "", "\"link\" is no plain file"},
    {"a character device", "null", '3', "", "\"null\" is no plain file"},
    {"a block device", "sda", '4', "", "\"sda\" is no plain file"},
    {"a fifo", "pipe", '6', "", "\"pipe\" is no plain file"},
    {"a long name in GNU's way", "././@LongLink", 'L', "a/b", "is no plain file"},
    {"a sparse file", "holes", 'S', "x", "is no plain file"},
    {"the same name twice", "manifest.json", '0', "{}", "\"manifest.json\" stands twice"},
    {"the same name in another case", "MANIFEST.json", '0', "{}", "stands twice"},
    {"a file below a file", "manifest.json/x", '0', "{}", "\"manifest.json/x\" lies below a file"},
    {"a file below a file, in another case", "Manifest.json/a/b", '0', "{}", "lies below a file"},
    {"a pax header with a size", "pax", 'x', "12 size=100\n", "changes more than names"},
    {"a pax header with a link", "pax", 'x', "14 linkpath=a\n", "changes more than names"},
    {"a global pax header with a name", "pax", 'g', "10 path=a\n", "changes names"},
    {"a pax header that no entry follows", "pax", 'x', "10 path=a\n", "names nothing"},
    {"a pax header whose length lies", "pax", 'x', "99 path=a\n", "malformed pax header"},
    {"a pax header without a length", "pax", 'x', "path=a\n", "malformed pax header"},
    {"a pax header whose length is too small", "pax", 'x', "3 p=a\n", "malformed pax header"},
};

MC_TEST("what is no plain file with a plain, single name is refused")
{
    for (size_t i = 0; i < MC_LEN(refused_entries); i++) {
        mc_bundle *bundle = NULL;
        mc_buf tar;
        mc_err err = {0};

        MC_CASE(refused_entries[i].name);
        begin(&tar);
        add(&tar, refused_entries[i].entry, refused_entries[i].type, mc_z(refused_entries[i].data));
        end(&tar);
        MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), refused_entries[i].message);
        mc_bundle_free(bundle);
        mc_buf_deinit(&tar);
    }
}

MC_TEST("a pax name is held to the same rules as any other, a NUL in it too")
{
    mc_bundle *bundle = NULL;
    mc_buf tar;
    mc_err err;

    begin(&tar);
    add(&tar, "pax", 'x', MC_STR("16 path=../../x\n"));
    add(&tar, "short", '0', MC_STR("x"));
    end(&tar);
    MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "path traversal");
    mc_buf_deinit(&tar);

    begin(&tar);
    add(&tar, "pax", 'x', MC_STR("12 path=a\0b\n"));
    add(&tar, "short", '0', MC_STR("x"));
    end(&tar);
    MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "a character in an entry's name");
    mc_buf_deinit(&tar);
}

/* ---- broken archives ---- */

static void cut_last_block(mc_buf *tar)
{
    tar->len -= BLOCK;
}

static void cut_all_ends(mc_buf *tar)
{
    tar->len -= 2 * BLOCK;
}

static void cut_inside_data(mc_buf *tar)
{
    tar->len = BLOCK + 4;
}

static void spoil_checksum(mc_buf *tar)
{
    tar->ptr[0] ^= 1;
}

static void spoil_size(mc_buf *tar)
{
    tar->len = 0;
    add_header(tar, "huge", '0', (size_t)07777777777);
    end(tar);
}

static void append_bytes(mc_buf *tar)
{
    mc_buf_lit(tar, "hidden");
}

static void drop_all(mc_buf *tar)
{
    tar->len = 0;
    end(tar);
}

static void empty_manifest(mc_buf *tar)
{
    tar->len = 0;
    add(tar, "manifest.json", '0', MC_STR(""));
    end(tar);
}

static const struct {
    const char *name;
    void (*spoil)(mc_buf *tar);
    mc_code rc;
    const char *message;
} spoiled[] = {
    {"one empty block ends an archive", cut_last_block, MC_OK, ""},
    {"no end at all", cut_all_ends, MC_INVALID, "ends too early"},
    {"an end inside of a file", cut_inside_data, MC_INVALID, "ends too early"},
    {"a header whose checksum is wrong", spoil_checksum, MC_INVALID, "malformed header"},
    {"a file larger than the archive", spoil_size, MC_INVALID, "ends too early"},
    {"bytes after the archive's end", append_bytes, MC_INVALID, "bytes after the archive's end"},
    {"no manifest", drop_all, MC_INVALID, "bundle: manifest.json missing or empty"},
    {"an empty manifest", empty_manifest, MC_INVALID, "bundle: manifest.json missing or empty"},
};

MC_TEST("broken archives are refused, saying what is broken")
{
    for (size_t i = 0; i < MC_LEN(spoiled); i++) {
        mc_bundle *bundle = NULL;
        mc_buf tar;
        mc_err err = {0};

        MC_CASE(spoiled[i].name);
        begin(&tar);
        end(&tar);
        spoiled[i].spoil(&tar);
        MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), spoiled[i].rc);
        MC_EXPECT_HAS(mc_z(err.msg), spoiled[i].message);
        mc_bundle_free(bundle);
        mc_buf_deinit(&tar);
    }
}

/* ---- the gzip around it ---- */

static void gz_nothing(mc_buf *gz)
{
    gz->len = 0;
}

static void gz_text(mc_buf *gz)
{
    gz->len = 0;
    mc_buf_lit(gz, "no archive at all");
}

static void gz_cut(mc_buf *gz)
{
    gz->len -= 4;
}

static void gz_wrong_crc(mc_buf *gz)
{
    gz->ptr[gz->len - 8] ^= 1;
}

static void gz_wrong_length(mc_buf *gz)
{
    gz->ptr[gz->len - 1] ^= 1;
}

static void gz_trailing(mc_buf *gz)
{
    mc_buf_char(gz, '\0');
}

static void gz_second_member(mc_buf *gz)
{
    mc_buf copy;

    mc_buf_init(&copy, 0);
    mc_buf_str(&copy, mc_buf_get(gz));
    mc_buf_str(gz, mc_buf_get(&copy));
    mc_buf_deinit(&copy);
}

static const struct {
    const char *name;
    void (*spoil)(mc_buf *gz);
    const char *message;
} spoiled_gzip[] = {
    {"nothing", gz_nothing, "bundle: gzip: "},
    {"no gzip", gz_text, "bundle: gzip: "},
    {"a stream that was cut", gz_cut, "the stream ends too early"},
    {"a wrong checksum", gz_wrong_crc, "incorrect data check"},
    {"a wrong length", gz_wrong_length, "incorrect length check"},
    {"one byte behind it", gz_trailing, "bytes after the archive"},
    {"a second archive behind it", gz_second_member, "bytes after the archive"},
};

MC_TEST("the compression is checked to its last byte")
{
    for (size_t i = 0; i < MC_LEN(spoiled_gzip); i++) {
        mc_bundle *bundle = NULL;
        mc_buf tar, gz;
        mc_err err = {0};

        MC_CASE(spoiled_gzip[i].name);
        begin(&tar);
        end(&tar);
        mc_buf_init(&gz, 0);
        pack(mc_buf_get(&tar), &gz);
        spoiled_gzip[i].spoil(&gz);
        MC_EXPECT_EQ(mc_bundle_read(mc_buf_get(&gz), &bundle, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), spoiled_gzip[i].message);
        mc_buf_deinit(&gz);
        mc_buf_deinit(&tar);
    }
}

MC_TEST("a small archive that unpacks to more than the limit stops at the limit")
{
    mc_bundle *bundle = NULL;
    mc_buf tar;
    mc_err err = {0};
    char *zeros = calloc(1, MC_BUNDLE_BYTES_MAX);

    MC_REQUIRE(zeros);
    begin(&tar);
    add(&tar, "frontend/zeros", '0', mc_str_of(zeros, MC_BUNDLE_BYTES_MAX));
    end(&tar);
    free(zeros);
    MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_TOO_LARGE);
    MC_EXPECT_Z(mc_z(err.msg), "bundle: decompressed size exceeds 67108864 bytes");
    mc_buf_deinit(&tar);
}

MC_TEST("entries are counted, folders and headers of headers too")
{
    static const char types[] = {'0', '5', 'g'};

    for (size_t t = 0; t < sizeof(types); t++) {
        mc_bundle *bundle = NULL;
        char name[32];
        mc_buf tar;
        mc_err err = {0};

        begin(&tar);
        for (int i = 0; i < 2 * MC_BUNDLE_ENTRIES_MAX; i++) {
            (void)snprintf(name, sizeof(name), "f/%d", i);
            add(&tar, name, types[t], MC_STR(""));
        }
        end(&tar);
        MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_TOO_LARGE);
        MC_EXPECT_HAS(mc_z(err.msg), "more than 4096 entries");
        mc_buf_deinit(&tar);
    }
}

MC_TEST("a name longer than the limit is refused")
{
    mc_bundle *bundle = NULL;
    mc_buf tar, pax;
    mc_err err = {0};

    begin(&tar);
    mc_buf_init(&pax, 0);
    mc_buf_printf(&pax, "310 path=%0300d\n", 0);
    add(&tar, "pax", 'x', mc_buf_get(&pax));
    add(&tar, "short", '0', MC_STR("x"));
    end(&tar);
    MC_EXPECT_EQ(read_tar(&tar, &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "longer than 255 bytes");
    mc_buf_deinit(&pax);
    mc_buf_deinit(&tar);
}

/* ---- folders ---- */

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4200];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    MC_REQUIRE(f);
    MC_EXPECT(fputs(text, f) >= 0);
    MC_EXPECT_EQ(fclose(f), 0);
}

static void make_folder(const char *folder)
{
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s/migrations", folder);
    MC_EXPECT_EQ(mkdir(path, 0700), 0);
    write_file(folder, "manifest.json", "{\"key\":\"demo\"}");
    write_file(folder, "migrations/0001_init.sql", "SELECT 1");
    write_file(folder, ".hidden", "the author's own");
}

MC_TEST("a folder of the same layout is the same bundle, and equal folders have equal digests")
{
    const char *first = mc_test_dir(), *second = mc_test_dir();
    mc_bundle *a = NULL, *b = NULL, *c = NULL;
    mc_err err;

    make_folder(first);
    make_folder(second);
    MC_REQUIRE_OK(mc_bundle_open(mc_z(first), &a, &err), &err);
    MC_REQUIRE_OK(mc_bundle_open(mc_z(second), &b, &err), &err);
    MC_EXPECT_EQ(a->file_count, 2);
    MC_EXPECT_STR(a->manifest, MANIFEST);
    MC_EXPECT_Z(a->files[1].name, "migrations/0001_init.sql");
    MC_EXPECT_EQ(strcmp(a->digest, b->digest), 0);
    write_file(second, "migrations/0001_init.sql", "SELECT 2");
    MC_REQUIRE_OK(mc_bundle_open(mc_z(second), &c, &err), &err);
    MC_EXPECT(strcmp(a->digest, c->digest) != 0);
    mc_bundle_free(a);
    mc_bundle_free(b);
    mc_bundle_free(c);
}

MC_TEST("links, pipes and missing manifests in a folder are refused")
{
    const char *folder = mc_test_dir(), *empty = mc_test_dir();
    mc_bundle *bundle = NULL;
    char path[4200];
    mc_err err;

    make_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/README.md", folder);
    MC_EXPECT_EQ(symlink("/etc/passwd", path), 0);
    MC_EXPECT_EQ(mc_bundle_open(mc_z(folder), &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "README.md");
    MC_EXPECT_EQ(unlink(path), 0);
    MC_EXPECT_EQ(mkfifo(path, 0600), 0);
    MC_EXPECT_EQ(mc_bundle_open(mc_z(folder), &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "no plain file");
    MC_EXPECT_EQ(unlink(path), 0);
    MC_EXPECT_EQ(mc_bundle_open(mc_z(empty), &bundle, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "manifest.json missing");
    MC_EXPECT_EQ(mc_bundle_open(MC_STR("/nonexistent/x.tar.gz"), &bundle, &err), MC_INVALID);
    MC_EXPECT_EQ(mc_bundle_open(MC_STR("/dev/null"), &bundle, &err), MC_INVALID);
}

/* ---- real ones, and no memory ---- */

MC_TEST("the published bundles are read, from their files too")
{
    static const char *const names[] = {
        "assets",           "github", "jira",   "notion",  "orders",  "projects",
        "schedules_native", "slack",  "stripe", "tickets", "weather", "wms"};

    if (!mc_test_shared())
        MC_SKIP("the published bundles are not here");
    for (size_t i = 0; i < MC_LEN(names); i++) {
        mc_bundle *bundle = NULL;
        char path[4200];
        mc_err err;

        MC_CASE(names[i]);
        (void)snprintf(path, sizeof(path), "%s/testdata/bundles/%s-1.0.0.tar.gz", mc_test_shared(),
                       names[i]);
        MC_EXPECT_OK(mc_bundle_open(mc_z(path), &bundle, &err), &err);
        MC_EXPECT(bundle && bundle->manifest.len > 100);
        MC_EXPECT(bundle && strlen(bundle->digest) == 64);
        mc_bundle_free(bundle);
    }
}

static mc_code read_small(mc_err *err)
{
    static const char packed[] = "{\"key\":\"demo\"}";
    mc_bundle *bundle = NULL;
    mc_code rc = mc_bundle_of_manifest(mc_z(packed), &bundle, err);

    mc_bundle_free(bundle);
    return rc;
}

static mc_str oom_packed;

static mc_code read_packed(mc_err *err)
{
    mc_bundle *bundle = NULL;
    mc_code rc = mc_bundle_read(oom_packed, &bundle, err);

    mc_bundle_free(bundle);
    return rc;
}

MC_TEST("a bundle that memory does not suffice for is an error and leaves nothing behind")
{
    mc_buf tar, gz;

    begin(&tar);
    add(&tar, "migrations/0001_init.sql", '0', MC_STR("SELECT 1"));
    end(&tar);
    mc_buf_init(&gz, 0);
    pack(mc_buf_get(&tar), &gz);
    oom_packed = mc_buf_get(&gz);
    MC_TEST_OOM(read_packed);
    MC_TEST_OOM(read_small);
    mc_buf_deinit(&gz);
    mc_buf_deinit(&tar);
}
