/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that are not what they seem, and signatures of something else. */
#include "hostile.h"
#include "mc_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512
#define LONG_PART "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define SHA_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */
#define HEX_64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static hostile server;

static mc_str packed_of(mc_buf *tar)
{
    mc_buf out;

    mc_buf_init_arena(&out, server.arena, 0);
    hostile_gzip(mc_buf_get(tar), &out);
    mc_buf_deinit(tar);
    return mc_buf_get(&out);
}

static void refused(mc_str packed, const char *message)
{
    hostile_refused(&server, HOSTILE_KEY, packed, MC_STR(""), message);
}

/* ---- one entry too many ---- */

#define Z(text)                                                                                    \
    {                                                                                              \
        "" text "", sizeof(text) - 1                                                               \
    }

static const struct {
    const char *name;
    mc_str entry;
    char type;
    mc_str data;
    const char *message;
} entries[] = {
    {"a path that climbs", Z("frontend/../../../etc/cron.d/x"), '0', Z("x"), "path traversal in"},
    {"a path that climbs out of nothing", Z("../x"), '0', Z("x"), "path traversal in"},
    {"an absolute path", Z("/etc/passwd"), '0', Z("x"), "absolute path \"/etc/passwd\""},
    {"a path of another system", Z("frontend\\..\\x"), '0', Z("x"), "a character in"},
    {"a line end in a name", Z("frontend/a\nb"), '0', Z("x"), "a character in"},
    {"an escape in a name", Z("frontend/\x1b[2J"), '0', Z("x"), "a character in"},
    {"a name that is no UTF-8", Z("frontend/\xc3\x28"), '0', Z("x"), "not UTF-8"},
    {"a dot in between", Z("frontend/./x"), '0', Z("x"), "not the plain form"},
    {"a file twice", Z("manifest.json"), '0', Z("{}"), "\"manifest.json\" stands twice"},
    {"a file twice, in another case", Z("Manifest.JSON"), '0', Z("{}"), "stands twice"},
    {"a file where a folder is", Z("manifest.json/x"), '0', Z("x"), "manifest.json"},
    {"a symbolic link", Z("frontend/x"), '2', Z(""), "is no plain file"},
    {"a hard link", Z("frontend/x"), '1', Z(""), "is no plain file"},
    {"a character device", Z("frontend/x"), '3', Z(""), "is no plain file"},
    {"a block device", Z("frontend/x"), '4', Z(""), "is no plain file"},
    {"a pipe", Z("frontend/x"), '6', Z(""), "is no plain file"},
    {"a sparse file", Z("frontend/x"), 'S', Z("x"), "is no plain file"},
    {"a volume's label", Z("x"), 'V', Z(""), "is no plain file"},
    {"a long name in GNU's way", Z("././@LongLink"), 'L', Z("../../x"), "is no plain file"},
    {"a pax header with a size", Z("p"), 'x', Z("12 size=100\n"), "changes more than names"},
    {"a pax header with a link", Z("p"), 'x', Z("14 linkpath=a\n"), "changes more than names"},
    {"a pax header for all that follow", Z("p"), 'g', Z("10 path=a\n"), "changes names"},
    {"a pax header for nothing", Z("p"), 'x', Z("10 path=a\n"), "names nothing"},
    {"a pax header that lies about its length", Z("p"), 'x', Z("99 path=a\n"), "malformed pax"},
    {"a pax header of no length", Z("p"), 'x', Z("0 path=a\n"), "malformed pax"},
    {"a pax header of an endless length", Z("p"), 'x', Z("18446744073709551617 path=a\n"),
     "malformed pax"},
};

MC_TEST("an archive with one entry that is no plain file with a plain name is refused")
{
    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(entries); i++) {
        mc_buf tar;

        MC_CASE(entries[i].name);
        hostile_begin(&tar);
        hostile_entry(&tar, entries[i].entry, entries[i].type, entries[i].data);
        hostile_end(&tar);
        refused(packed_of(&tar), entries[i].message);
    }
    hostile_close(&server);
}

/* ---- a header with something else in it ---- */

static const struct {
    const char *name;
    size_t at;
    mc_str bytes;
    bool is_sealed; /* its checksum is right all the same */
    const char *message;
} headers[] = {
    {"a checksum of another header", 0, Z("x"), false, "malformed header"},
    {"a checksum that is no number", 148, Z("zzzzzz"), false, "malformed header"},
    {"a size that is no number", 124, Z("99999999999"), true, "malformed header"},
    {"a size below zero", 124, Z("-0000000001"), true, "malformed header"},
    {"a size in base 256", 124, Z("\x80\0\0\0\0\0\0\0\0\0\0\x01"), true, "malformed header"},
    {"a size below zero in base 256", 124, Z("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     true, "malformed header"},
    {"a size that is larger than the archive", 124, Z("77777777777"), true, "ends too early"},
    {"a name of nothing", 0, Z("\0"), true, "name is empty"},
    {"a type that nobody knows", 156, Z("Q"), true, "is no plain file"},
};

MC_TEST("an archive with a header that says something impossible is refused")
{
    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(headers); i++) {
        mc_buf tar;
        size_t at;

        MC_CASE(headers[i].name);
        hostile_begin(&tar);
        at = tar.len;
        hostile_entry(&tar, MC_STR("frontend/x"), '0', MC_STR("x"));
        hostile_end(&tar);
        memcpy(tar.ptr + at + headers[i].at, headers[i].bytes.ptr, headers[i].bytes.len);
        if (headers[i].is_sealed)
            hostile_seal(&tar, at);
        refused(packed_of(&tar), headers[i].message);
    }
    hostile_close(&server);
}

/* ---- names that only pax can say ---- */

static void pax_entry(mc_buf *tar, mc_str path)
{
    char record[1200];
    int len = (int)path.len + 10; /* "NNN path=…\n" */

    (void)snprintf(record, sizeof(record), "%d path=%.*s\n", len, MC_FMT(path));
    hostile_entry(tar, MC_STR("p"), 'x', mc_str_of(record, strlen(record)));
    hostile_entry(tar, MC_STR("short"), '0', MC_STR("x"));
}

MC_TEST("what a pax header says is held to the same rules")
{
    static const struct {
        const char *name;
        mc_str path;
        const char *message;
    } rows[] = {
        {"a name longer than the limit", Z(LONG_PART "/" LONG_PART "/" LONG_PART "/" LONG_PART),
         "longer than 255 bytes"},
        {"a path that climbs", Z(LONG_PART "/../../../" LONG_PART), "path traversal in"},
    };
    mc_buf tar;

    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        hostile_begin(&tar);
        pax_entry(&tar, rows[i].path);
        hostile_end(&tar);
        refused(packed_of(&tar), rows[i].message);
    }
    MC_CASE("a NUL");
    hostile_begin(&tar);
    hostile_entry(&tar, MC_STR("p"), 'x', MC_STR("21 path=frontend\0/x\n\n"));
    hostile_entry(&tar, MC_STR("short"), '0', MC_STR("x"));
    hostile_end(&tar);
    refused(packed_of(&tar), "bundle: ");
    hostile_close(&server);
}

/* ---- the compression around it ---- */

static void spoil_nothing_left(mc_buf *gz)
{
    gz->len = 0;
    mc_buf_lit(gz, "\x1f\x8b");
}

static void spoil_no_gzip(mc_buf *gz)
{
    gz->len = 0;
    mc_buf_lit(gz, "PK\3\4 is another archive");
}

static void spoil_cut(mc_buf *gz)
{
    gz->len /= 2;
}

static void spoil_cut_trailer(mc_buf *gz)
{
    gz->len -= 4;
}

static void spoil_checksum(mc_buf *gz)
{
    gz->ptr[gz->len - 8] ^= 1;
}

static void spoil_length(mc_buf *gz)
{
    gz->ptr[gz->len - 1] ^= 1;
}

static void spoil_trailing(mc_buf *gz)
{
    mc_buf_lit(gz, "#!/bin/sh");
}

static void spoil_second_member(mc_buf *gz)
{
    hostile_gzip(MC_STR("more"), gz);
}

static const struct {
    const char *name;
    void (*spoil)(mc_buf *gz);
    const char *message;
} streams[] = {
    {"a stream's first bytes", spoil_nothing_left, "bundle: gzip: "},
    {"another kind of archive", spoil_no_gzip, "bundle: gzip: "},
    {"half of a stream", spoil_cut, "ends too early"},
    {"a stream without its end", spoil_cut_trailer, "ends too early"},
    {"a wrong checksum", spoil_checksum, "incorrect data check"},
    {"a wrong length", spoil_length, "incorrect length check"},
    {"bytes behind the stream", spoil_trailing, "bytes after the archive"},
    {"a second stream behind the first", spoil_second_member, "bytes after the archive"},
};

static void no_end(mc_buf *tar)
{
    tar->len = BLOCK * 2;
}

static void inside_data(mc_buf *tar)
{
    tar->len = BLOCK + 7;
}

static void hidden_tail(mc_buf *tar)
{
    hostile_end(tar);
    hostile_entry(tar, MC_STR("hidden"), '0', MC_STR("x"));
}

static const struct {
    const char *name;
    void (*spoil)(mc_buf *tar);
    const char *message;
} tails[] = {
    {"an archive without an end", no_end, "ends too early"},
    {"an archive that ends in a file", inside_data, "ends too early"},
    {"entries behind the end", hidden_tail, "bytes after the archive's end"},
};

MC_TEST("an archive that is cut, changed or followed by something is refused")
{
    mc_buf tar, gz;

    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(streams); i++) {
        MC_CASE(streams[i].name);
        hostile_begin(&tar);
        hostile_end(&tar);
        mc_buf_init_arena(&gz, server.arena, 0);
        hostile_gzip(mc_buf_get(&tar), &gz);
        mc_buf_deinit(&tar);
        streams[i].spoil(&gz);
        refused(mc_buf_get(&gz), streams[i].message);
    }
    for (size_t i = 0; i < MC_LEN(tails); i++) {
        MC_CASE(tails[i].name);
        hostile_begin(&tar);
        tails[i].spoil(&tar);
        refused(packed_of(&tar), tails[i].message);
    }
    hostile_close(&server);
}

/* ---- bombs ---- */

MC_TEST("a small archive that becomes a large one is refused where it passes the limit")
{
    char *zeros = calloc(1, (size_t)80 << 20);
    mc_buf tar;

    MC_REQUIRE(zeros);
    MC_REQUIRE(hostile_open(&server, NULL));
    MC_CASE("one file of zeros");
    hostile_begin(&tar);
    hostile_entry(&tar, MC_STR("frontend/zeros"), '0', mc_str_of(zeros, (size_t)64 << 20));
    hostile_end(&tar);
    refused(packed_of(&tar), "decompressed size exceeds 67108864 bytes");
    MC_CASE("zeros behind the end");
    hostile_begin(&tar);
    mc_buf_bytes(&tar, zeros, (size_t)80 << 20);
    refused(packed_of(&tar), "decompressed size exceeds 67108864 bytes");
    free(zeros);
    MC_CASE("entries without end");
    hostile_begin(&tar);
    for (int i = 0; i < 5000; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "f/%d", i);
        hostile_entry(&tar, mc_z(name), '0', MC_STR(""));
    }
    hostile_end(&tar);
    refused(packed_of(&tar), "more than 4096 entries");
    MC_CASE("folders without end");
    hostile_begin(&tar);
    for (int i = 0; i < 9000; i++)
        hostile_entry(&tar, MC_STR("f/"), '5', MC_STR(""));
    hostile_end(&tar);
    refused(packed_of(&tar), "more than 4096 entries");
    MC_CASE("no manifest");
    mc_buf_init(&tar, 0);
    hostile_entry(&tar, MC_STR("README.md"), '0', MC_STR("x"));
    hostile_end(&tar);
    refused(packed_of(&tar), "manifest.json missing or empty");
    hostile_close(&server);
}

MC_TEST("an archive that is large as it comes is refused before it is unpacked")
{
    size_t size = ((size_t)64 << 20) + 1;
    char *bytes = calloc(1, size);

    MC_REQUIRE(bytes);
    bytes[0] = '\x1f';
    bytes[1] = '\x8b';
    MC_REQUIRE(hostile_open(&server, NULL));
    refused(mc_str_of(bytes, size), "larger than 67108864 bytes");
    hostile_close(&server);
    free(bytes);
}

/* ---- code ---- */

#define WASM "\0asm\1\0\0\0"
#define CODE(exports)                                                                              \
    ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/backend.wasm\",\"exports\":[" exports  \
    "]}"

MC_TEST("code that is no module, or not the one that its manifest speaks of, is refused")
{
    static const struct {
        const char *name, *more;
        mc_str module;
        const char *message;
    } rows[] = {
        {"no file at all", CODE("\"f\""), {NULL, 0}, "bundle missing \"backend/backend.wasm\""},
        {"an empty file", CODE("\"f\""), MC_STR_INIT(""), "wasm"},
        {"a script", CODE("\"f\""), MC_STR_INIT("#!/bin/sh\nid\n"), "wasm"},
        {"the first bytes of a module", CODE("\"f\""), MC_STR_INIT("\0asm\1"), "wasm"},
        {"a module of a version that nobody knows", CODE("\"f\""), MC_STR_INIT("\0asm\2\0\0\0"),
         "wasm"},
        {"a section that is longer than the file", CODE("\"f\""),
         MC_STR_INIT(WASM "\1\xff\xff\x7f"), "wasm"},
        {"a number without an end", CODE("\"f\""), MC_STR_INIT(WASM "\1\xff\xff\xff\xff\xff\xff"),
         "wasm"},
        {"a million types", CODE("\"f\""), MC_STR_INIT(WASM "\1\4\xc0\x84\x3d\x60"), "wasm"},
        {"a body of no function", CODE("\"f\""), MC_STR_INIT(WASM "\x0a\4\1\2\0\x0b"), "wasm"},
        {"a module without the export", CODE("\"f\""), MC_STR_INIT(WASM), "export"},
        {"an import from nowhere", CODE(""),
         MC_STR_INIT(WASM "\1\4\1\x60\0\0\2\x0c\1\3env\4exec\0\0"), "env"},
    };

    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        mc_buf tar;

        MC_CASE(rows[i].name);
        mc_buf_init(&tar, 0);
        hostile_entry(&tar, MC_STR("manifest.json"), '0',
                      mc_z(kit_manifest(server.arena, HOSTILE_KEY, "1.0.0", "", rows[i].more)));
        if (rows[i].module.ptr)
            hostile_entry(&tar, MC_STR("backend/backend.wasm"), '0', rows[i].module);
        hostile_end(&tar);
        refused(packed_of(&tar), rows[i].message);
    }
    hostile_close(&server);
}

/* ---- signatures ---- */

static mc_secret_key mine, other;

static mc_str bundle_of(const char *version, const char *more)
{
    return kit_pack(server.arena, kit_manifest(server.arena, HOSTILE_KEY, version, "", more), NULL);
}

static mc_str signature_by(const mc_secret_key *key, const char *addon, const char *version,
                           mc_str packed, bool is_v2)
{
    return kit_sign(server.arena, key, addon, version, packed, is_v2);
}

static void refused_signature(mc_str packed, mc_str signature, const char *message)
{
    hostile_refused(&server, HOSTILE_KEY, packed, signature, message);
}

static void check_claims(void)
{
    static const struct {
        const char *name, *signature, *message;
    } rows[] = {
        {"none at all", "", "bundle has no signature"},
        {"a claim in the manifest",
         ",\"signature\":{\"algorithm\":\"ed25519\",\"value\":\"" LONG_PART "\"}",
         "security: signature"},
        {"a claim to be verified already", ",\"signature\":{\"verified\":true}",
         "bundle has no signature"},
        {"a digest of other bytes",
         ",\"signature\":{\"value\":\"" HEX_64 HEX_64 "\",\"digest\":\"" HEX_64 "\"}",
         "digest drift"},
        {"an algorithm of its own", ",\"signature\":{\"algorithm\":\"none\",\"value\":\"00\"}",
         "unsupported signature algorithm"},
    };

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        refused_signature(bundle_of("1.0.0", rows[i].signature), MC_STR(""), rows[i].message);
    }
}

static void check_wrong(void)
{
    static const struct {
        const char *name, *text, *message;
    } rows[] = {
        {"a short one", "00112233", "signature has 4 bytes, want 64"},
        {"no hexadecimal and no base64", "@@@@", "signature is not hex"},
    };
    mc_str packed, signature;

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        refused_signature(bundle_of("1.0.0", ""), mc_z(rows[i].text), rows[i].message);
    }
    MC_CASE("a stranger's");
    packed = bundle_of("1.0.0", "");
    refused_signature(packed, signature_by(&other, HOSTILE_KEY, "1.0.0", packed, true),
                      "does not verify under any trusted key");
    MC_CASE("of another bundle");
    packed = bundle_of("1.0.0", "");
    signature = signature_by(&mine, HOSTILE_KEY, "1.0.0", bundle_of("1.0.1", ""), false);
    refused_signature(packed, signature, "does not verify under any trusted key");
    MC_CASE("of the same files but one");
    packed = kit_pack(server.arena, HOSTILE_MANIFEST,
                      (const kit_file[]){{"frontend/x.js", "good()"}, {NULL, NULL}});
    signature = signature_by(&mine, HOSTILE_KEY, "1.0.0", packed, true);
    packed = kit_pack(server.arena, HOSTILE_MANIFEST,
                      (const kit_file[]){{"frontend/x.js", "evil()"}, {NULL, NULL}});
    refused_signature(packed, signature, "does not verify under any trusted key");
    MC_CASE("rightly signed, and the manifest's checksums are of other files");
    packed = kit_pack(
        server.arena,
        kit_manifest(server.arena, HOSTILE_KEY, "1.0.0", "",
                     ",\"signature\":{\"checksums\":{\"frontend/a.js\":\"" HEX_64
                     "\",\"frontend/b.js\":\"" HEX_64 "\"}}"),
        (const kit_file[]){{"frontend/a.js", "b()"}, {"frontend/b.js", "a()"}, {NULL, NULL}});
    refused_signature(packed, signature_by(&mine, HOSTILE_KEY, "1.0.0", packed, true),
                      "security: per-file checksum mismatch: entry \"frontend/a.js\"");
    MC_CASE("rightly signed, and one file is not among the manifest's checksums");
    packed = kit_pack(
        server.arena,
        kit_manifest(server.arena, HOSTILE_KEY, "1.0.0", "",
                     ",\"signature\":{\"checksums\":{\"frontend/a.js\":\"" SHA_A "\"}}"),
        (const kit_file[]){{"frontend/a.js", "a"}, {"frontend/b.js", "a()"}, {NULL, NULL}});
    refused_signature(packed, signature_by(&mine, HOSTILE_KEY, "1.0.0", packed, true),
                      "present in bundle but not declared in checksums");
    MC_CASE("of another addon's name");
    packed = bundle_of("1.0.0", "");
    refused_signature(packed, signature_by(&mine, "good", "1.0.0", packed, true),
                      "does not verify under any trusted key");
    MC_CASE("of another version");
    packed = bundle_of("1.0.0", "");
    refused_signature(packed, signature_by(&mine, HOSTILE_KEY, "2.0.0", packed, true),
                      "does not verify under any trusted key");
}

static void check_replays(void)
{
    mc_str first = bundle_of("1.0.0", ""), second = bundle_of("1.1.0", ""), changed;

    MC_CASE("the release that is there");
    MC_EXPECT_EQ(kit_upload(&server.owner, HOSTILE_KEY, "", second,
                            signature_by(&mine, HOSTILE_KEY, "1.1.0", second, true)),
                 200);
    MC_CASE("an older release, rightly signed");
    refused_signature(first, signature_by(&mine, HOSTILE_KEY, "1.0.0", first, true),
                      "would be a downgrade");
    MC_CASE("the same release with other contents");
    changed = bundle_of("1.1.0", ",\"author\":\"x\"");
    refused_signature(changed, signature_by(&mine, HOSTILE_KEY, "1.1.0", changed, true),
                      "a change needs a higher version");
}

MC_TEST("a bundle that contradicts its own checksums is refused, whoever may bring one")
{
    static const struct {
        const char *name, *checksums, *message;
    } rows[] = {
        {"of other contents", "\"frontend/a.js\":\"" HEX_64 "\"", "(manifest=001122334455"},
        {"of a file that is not there", "\"frontend/a.js\":\"" SHA_A "\",\"b\":\"" HEX_64 "\"",
         "listed in checksums but missing from bundle"},
        {"of all files but one", "\"manifest.json\":\"" HEX_64 "\"",
         "present in bundle but not declared in checksums"},
        {"a number", "\"frontend/a.js\":7", "want text, got number"},
    };

    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        mc_str more =
            mc_str_printf(server.arena, ",\"signature\":{\"checksums\":{%s}}", rows[i].checksums);

        MC_CASE(rows[i].name);
        refused_signature(kit_pack(server.arena,
                                   kit_manifest(server.arena, HOSTILE_KEY, "1.0.0", "", more.ptr),
                                   (const kit_file[]){{"frontend/a.js", "a"}, {NULL, NULL}}),
                          MC_STR(""), rows[i].message);
    }
    hostile_close(&server);
}

MC_TEST("a bundle that a trusted key did not sign for what it is, is refused")
{
    mc_public_key public_key, ignored;
    char hex[65];
    mc_err err;

    MC_REQUIRE_OK(mc_secret_key_new(&mine, &public_key, &err), &err);
    MC_REQUIRE_OK(mc_secret_key_new(&other, &ignored, &err), &err);
    for (size_t i = 0; i < sizeof(public_key.bytes); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", public_key.bytes[i]);
    MC_REQUIRE(hostile_open(&server, hex));
    check_claims();
    check_wrong();
    check_replays();
    hostile_close(&server);
}
