/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled code as a file, for machines without a compiler:
 *
 *   metacore-code 1
 *   {"module":…,"emitter":…,"arch":…,"tier":…,"compiler":…,"flags":…,"bytes":…,"object":…}
 *   <Ed25519 over the two lines above, in hexadecimal>
 *   <the shared object>
 *
 * Its name is made of the module's digest, the emitter's, and the architecture: what it must be for
 * to be of use. Nothing of it is believed before the signature is.
 */
#include "metacore/runtime/wasm/wasm_artefact.h"

#include "metacore/base/arena.h"
#include "metacore/base/encode.h"
#include "metacore/base/json.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"
#include "metacore/runtime/wasm/wasm_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "metacore-code 1\n"
#define SUFFIX ".code"
#define HEAD_MAX ((size_t)4096) /* all three lines */
#define HEX ((size_t)MC__WASM_DIGEST * 2)

static void hex_of(const uint8_t digest[MC__WASM_DIGEST], char out[HEX + 1])
{
    (void)sodium_bin2hex(out, HEX + 1, digest, MC__WASM_DIGEST); /* it has room */
}

static void digest_of(mc_str bytes, char out[HEX + 1])
{
    uint8_t digest[MC__WASM_DIGEST];

    (void)crypto_hash_sha256(digest, (const unsigned char *)bytes.ptr, bytes.len); /* always 0 */
    hex_of(digest, out);
}

static void name_of(const char *module, char out[MC_WASM_ARTEFACT_NAME])
{
    (void)snprintf(out, MC_WASM_ARTEFACT_NAME, "%s-%.16s-%s" SUFFIX, module, mc__wasm_emitter,
                   mc__wasm_arch);
}

/* ---- writing ---- */

static mc_code write_head(mc_wasm_compiler *self, const char *module, mc_wasm_tier tier,
                          mc_str object, mc_buf *out, mc_err *err)
{
    char flags[512], digest[HEX + 1];

    if (!mc__wasm_build_flags(self, tier, flags))
        return mc_fail(err, MC_INTERNAL, "wasm: flags of the compiler");
    digest_of(object, digest);
    mc_buf_printf(out,
                  MAGIC "{\"module\":\"%s\",\"emitter\":\"%s\",\"arch\":\"%s\",\"tier\":\"%s\","
                        "\"compiler\":",
                  module, mc__wasm_emitter, mc__wasm_arch, mc_wasm_tier_name(tier));
    mc_json_write_str(out, mc_z(self->tools[tier].version));
    mc_buf_lit(out, ",\"flags\":");
    mc_json_write_str(out, mc_z(flags));
    mc_buf_printf(out, ",\"bytes\":%zu,\"object\":\"%s\"}\n", object.len, digest);
    return mc_buf_check(out, "wasm: compiled code", err);
}

static mc_code sign(mc_buf *out, const uint8_t secret[64], mc_err *err)
{
    uint8_t signature[crypto_sign_BYTES];

    (void)crypto_sign_detached(signature, NULL, (const unsigned char *)out->ptr, out->len,
                               secret); /* always 0 */
    mc_hex_write(out, mc_str_of((const char *)signature, sizeof(signature)));
    mc_buf_char(out, '\n');
    return mc_buf_check(out, "wasm: compiled code", err);
}

mc_code mc_wasm_artefact_make(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                              const uint8_t secret[64], char out_name[MC_WASM_ARTEFACT_NAME],
                              mc_buf *out, mc_err *err)
{
    char module[HEX + 1];
    mc_wasm_object object;
    struct stat st;
    void *code = MAP_FAILED;
    mc_code rc = mc_wasm_compile(self, bytes, tier, &object, err);

    if (rc != MC_OK)
        return rc;
    if (fstat(object.fd, &st) == 0 && st.st_size > 0)
        code = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, object.fd, 0);
    (void)close(object.fd); /* sealed, and mapped */
    if (code == MAP_FAILED)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: compiled code");
    digest_of(bytes, module);
    rc = write_head(self, module, tier, mc_str_of(code, (size_t)st.st_size), out, err);
    if (rc == MC_OK)
        rc = sign(out, secret, err);
    if (rc == MC_OK) {
        mc_buf_bytes(out, code, (size_t)st.st_size);
        rc = mc_buf_check(out, "wasm: compiled code", err);
    }
    (void)munmap(code, (size_t)st.st_size); /* ours */
    if (rc == MC_OK)
        name_of(module, out_name);
    return rc;
}

/* ---- reading ---- */

bool mc__wasm_artefact_split(mc_str text, mc__wasm_artefact_head *out)
{
    mc_str rest = text;
    size_t line;

    if (!mc_str_starts_with(text, MC_STR(MAGIC)))
        return false;
    rest = mc_str_slice(rest, sizeof(MAGIC) - 1, rest.len);
    line = mc_str_find(rest, MC_STR("\n"));
    if (line == rest.len)
        return false;
    out->about = mc_str_slice(rest, 0, line);
    out->signed_text = mc_str_slice(text, 0, sizeof(MAGIC) - 1 + line + 1);
    rest = mc_str_slice(rest, line + 1, rest.len);
    line = mc_str_find(rest, MC_STR("\n"));
    if (line == rest.len)
        return false;
    out->signature = mc_str_slice(rest, 0, line);
    out->object_at = out->signed_text.len + line + 1;
    return true;
}

static bool is_signed(const mc_wasm_compiler *self, mc_arena *arena,
                      const mc__wasm_artefact_head *h)
{
    mc_str signature;

    if (!mc_hex_parse(arena, h->signature, &signature) || signature.len != crypto_sign_BYTES)
        return false;
    for (size_t i = 0; i < self->artefact_key_count; i++) {
        if (crypto_sign_verify_detached((const unsigned char *)signature.ptr,
                                        (const unsigned char *)h->signed_text.ptr,
                                        h->signed_text.len, self->artefact_keys[i]) == 0)
            return true;
    }
    return false;
}

static bool says(const mc_json *about, const char *key, const char *value)
{
    mc_str text;

    return mc_json_get_str(mc_json_find(about, mc_z(key)), &text) && mc_str_eq(text, mc_z(value));
}

/* A sealed copy of what stands behind the head, and its digest: of the copy, which cannot change.
 */
static int seal_object(int file, size_t from, char digest[HEX + 1])
{
    struct stat st;
    void *code;
    int sealed = -1;
    mc_err err;

    if (mc__wasm_seal(file, from, &sealed, &err) != MC_OK)
        return -1;
    if (fstat(sealed, &st) == 0 && st.st_size > 0 &&
        (code = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, sealed, 0)) != MAP_FAILED) {
        digest_of(mc_str_of(code, (size_t)st.st_size), digest);
        (void)munmap(code, (size_t)st.st_size); /* ours */
        return sealed;
    }
    (void)close(sealed); /* of no use */
    return -1;
}

/* NULL: out is its code. Else why it is refused. */
static const char *read_artefact(const mc_wasm_compiler *self, mc_arena *arena, int file,
                                 const char *module, int *out)
{
    char *room = mc_arena_alloc(arena, HEAD_MAX), digest[HEX + 1] = "";
    const mc_json *about;
    mc__wasm_artefact_head h;
    ssize_t got = room ? pread(file, room, HEAD_MAX, 0) : -1;
    mc_err err;
    int sealed;

    if (got < 0)
        return "it cannot be read";
    if (!mc__wasm_artefact_split(mc_str_of(room, (size_t)got), &h))
        return "it is no compiled code";
    if (self->artefact_key_count == 0)
        return "no key is trusted here to sign compiled code";
    if (!is_signed(self, arena, &h))
        return "it was changed, or signed with a key that is not trusted here";
    if (mc_json_parse(arena, h.about, NULL, &about, &err) != MC_OK)
        return "it is no compiled code";
    if (!says(about, "module", module))
        return "it is of another module";
    if (!says(about, "emitter", mc__wasm_emitter) || !says(about, "arch", mc__wasm_arch))
        return "it was made by another version of metacore, or for other machines";
    sealed = seal_object(file, h.object_at, digest);
    if (sealed < 0)
        return "its code cannot be read";
    if (!says(about, "object", digest)) {
        (void)close(sealed); /* not what was signed */
        return "its code was changed";
    }
    *out = sealed;
    return NULL;
}

/* ---- looking ---- */

/* One of the same module that is of no use here: worth a word to who wonders. */
static bool has_foreign(int dir, const char *module)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    bool is_there = false;

    while (list && !is_there && (entry = readdir(list)))
        is_there = strncmp(entry->d_name, module, HEX) == 0;
    if (list)
        (void)closedir(list); /* nothing was written */
    else if (copy >= 0)
        (void)close(copy); /* as above */
    return is_there;
}

mc_code mc__wasm_artefact_find(const mc_wasm_compiler *self, mc_str bytes, int *out, mc_err *err)
{
    char module[HEX + 1], name[MC_WASM_ARTEFACT_NAME];
    const char *why = NULL;
    mc_arena *arena;
    int dir =
        self->artefact_dir[0] ? open(self->artefact_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int file;

    if (dir < 0)
        return MC_NOT_FOUND;
    digest_of(bytes, module);
    name_of(module, name);
    file = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    arena = mc_arena_new((size_t)256 << 10);
    if (file >= 0)
        why = arena ? read_artefact(self, arena, file, module, out) : "there is no memory";
    else if (has_foreign(dir, module))
        why = "it was made by another version of metacore, or for other machines";
    mc_arena_free(arena);
    (void)close(dir); /* both read only */
    if (file >= 0)
        (void)close(file);
    if (why)
        return mc_fail(err, MC_FORBIDDEN, "wasm: compiled code %.16s… is refused: %s", module, why);
    return file >= 0 ? MC_OK : MC_NOT_FOUND;
}
