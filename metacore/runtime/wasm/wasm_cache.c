/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled code on disk: named by everything it depends on, authenticated when it is read. */
#include "metacore/base/random.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"
#include "metacore/runtime/wasm/wasm_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
const char mc__wasm_arch[] = "x86_64";
#elif defined(__aarch64__)
const char mc__wasm_arch[] = "aarch64";
#else
const char mc__wasm_arch[] = "other";
#endif

#define COPY_BYTES 65536

/* ---- the key ---- */

static bool write_whole(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Writes it aside and links it, so that of two processes that start at once one wins whole. */
static mc_code make_key(mc_wasm_compiler *self, mc_err *err)
{
    uint8_t key[MC__WASM_DIGEST];
    char name[64];
    mc_code rc = mc_random_bytes(key, sizeof(key), err);
    int fd;
    bool ok;

    if (rc != MC_OK)
        return rc;
    snprintf(name, sizeof(name), "key.%ld", (long)getpid());
    fd = openat(self->cache, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: key of the cache %s", self->cache_dir);
    ok = write_whole(fd, key, sizeof(key)) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (ok && linkat(self->cache, name, self->cache, "key", 0) != 0 && errno != EEXIST)
        ok = false;
    (void)unlinkat(self->cache, name, 0); /* it has its other name, or is of no use */
    if (!ok)
        return mc_fail_errno(err, MC_IO, errno, "wasm: key of the cache %s", self->cache_dir);
    return MC_OK;
}

static bool read_key(mc_wasm_compiler *self)
{
    int fd = openat(self->cache, "key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok;

    if (fd < 0)
        return false;
    ok = read(fd, self->key, sizeof(self->key)) == (ssize_t)sizeof(self->key);
    (void)close(fd); /* read only */
    return ok;
}

mc_code mc__wasm_cache_open(mc_wasm_compiler *self, mc_err *err)
{
    mc_code rc;

    if (mkdir(self->cache_dir, 0700) != 0 && errno != EEXIST)
        return mc_fail_errno(err, MC_IO, errno, "wasm: cache %s", self->cache_dir);
    self->cache = open(self->cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->cache < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: cache %s", self->cache_dir);
    if (!sodium_is_zero(self->config.cache_key, sizeof(self->config.cache_key))) {
        memcpy(self->key, self->config.cache_key, sizeof(self->key));
        return MC_OK;
    }
    if (read_key(self))
        return MC_OK;
    rc = make_key(self, err);
    if (rc == MC_OK && !read_key(self))
        rc = mc_fail(err, MC_IO, "wasm: key of the cache %s cannot be read", self->cache_dir);
    return rc;
}

/* ---- names ---- */

static void add(crypto_hash_sha256_state *state, mc_str part)
{
    uint64_t len = part.len; /* so that no two lists of parts look alike */

    (void)crypto_hash_sha256_update(state, (const unsigned char *)&len, sizeof(len)); /* always 0 */
    (void)crypto_hash_sha256_update(state, (const unsigned char *)part.ptr, part.len);
}

void mc__wasm_cache_name(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                         char out[80])
{
    crypto_hash_sha256_state state;
    uint8_t digest[MC__WASM_DIGEST];
    char hex[sizeof(digest) * 2 + 1], flags[512] = "";

    (void)mc__wasm_build_flags(self, tier, flags); /* ours: they fit */
    (void)crypto_hash_sha256_init(&state);         /* these always return 0 */
    add(&state, bytes);
    add(&state, mc_z(mc__wasm_emitter));
    add(&state, mc_z(self->tools[tier].version));
    add(&state, mc_z(flags));
    add(&state, mc_z(mc__wasm_arch));
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest)); /* hex has room */
    snprintf(out, 80, "%s.so", hex);
}

/* ---- sealed copies ---- */

static mc_code copy_whole(int from, size_t offset, int to, mc_err *err)
{
    static const size_t max = MC_WASM_OBJECT_BYTES_MAX;
    uint8_t piece[COPY_BYTES];
    size_t total = 0;

    for (;;) {
        ssize_t n = pread(from, piece, sizeof(piece), (off_t)(offset + total));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mc_fail_errno(err, MC_IO, errno, "wasm: reading compiled code");
        if (n == 0)
            return MC_OK;
        total += (size_t)n;
        if (total > max)
            return mc_fail(err, MC_TOO_LARGE, "wasm: compiled code of more than %zu bytes", max);
        if (!write_whole(to, piece, (size_t)n))
            return mc_fail_errno(err, MC_IO, errno, "wasm: copying compiled code");
    }
}

mc_code mc__wasm_seal(int file, size_t offset, int *out, mc_err *err)
{
    int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    mc_code rc;

    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: memfd");
    rc = copy_whole(file, offset, fd, err);
    if (rc == MC_OK &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        rc = mc_fail_errno(err, MC_IO, errno, "wasm: seal");
    if (rc != MC_OK) {
        (void)close(fd); /* given up */
        return rc;
    }
    *out = fd;
    return MC_OK;
}

/* ---- entries ---- */

/* Of the object's bytes and of its name: an authentic object cannot stand in for another. */
static bool authenticate(const mc_wasm_compiler *self, const char *name, int fd,
                         uint8_t out[MC__WASM_DIGEST])
{
    crypto_auth_hmacsha256_state state;
    struct stat st;
    void *bytes;

    if (fstat(fd, &st) != 0 || st.st_size <= 0)
        return false;
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    (void)crypto_auth_hmacsha256_init(&state, self->key, sizeof(self->key)); /* always 0 */
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)name, strlen(name) + 1);
    (void)crypto_auth_hmacsha256_update(&state, bytes, (unsigned long long)st.st_size);
    (void)crypto_auth_hmacsha256_final(&state, out);
    (void)munmap(bytes, (size_t)st.st_size); /* ours */
    return true;
}

int mc__wasm_cache_load(const mc_wasm_compiler *self, const char *name)
{
    uint8_t kept[MC__WASM_DIGEST], found[MC__WASM_DIGEST];
    char mac_name[96];
    int file, mac, sealed = -1;
    mc_err err;

    snprintf(mac_name, sizeof(mac_name), "%s.mac", name);
    file = openat(self->cache, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    mac = openat(self->cache, mac_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file >= 0 && mac >= 0 && read(mac, kept, sizeof(kept)) == (ssize_t)sizeof(kept) &&
        mc__wasm_seal(file, 0, &sealed, &err) == MC_OK &&
        (!authenticate(self, name, sealed, found) || crypto_verify_32(kept, found) != 0)) {
        (void)close(sealed); /* not what we put there */
        sealed = -1;
    }
    if (sealed >= 0)
        (void)utimensat(self->cache, name, NULL, 0); /* used now: others go before it */
    if (file >= 0)
        (void)close(file); /* both read only */
    if (mac >= 0)
        (void)close(mac);
    return sealed;
}

/*
 * Aside first and then renamed, so that whoever reads meets all of it or nothing. Not synced: what
 * a power cut leaves of it is not authentic, and is made again.
 */
static mc_code keep(const mc_wasm_compiler *self, const char *name, int from, mc_str bytes,
                    mc_err *err)
{
    char aside[128];
    mc_code rc = MC_OK;
    int fd;

    snprintf(aside, sizeof(aside), "%s.%ld.new", name, (long)getpid());
    fd = openat(self->cache, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: cache entry");
    if (from >= 0)
        rc = copy_whole(from, 0, fd, err);
    else if (!write_whole(fd, (const uint8_t *)bytes.ptr, bytes.len))
        rc = mc_fail_errno(err, MC_IO, errno, "wasm: cache entry");
    if (close(fd) != 0 && rc == MC_OK)
        rc = mc_fail_errno(err, MC_IO, errno, "wasm: cache entry");
    if (rc == MC_OK && renameat(self->cache, aside, self->cache, name) != 0)
        rc = mc_fail_errno(err, MC_IO, errno, "wasm: cache entry");
    if (rc != MC_OK)
        (void)unlinkat(self->cache, aside, 0); /* may not be there */
    return rc;
}

mc_code mc__wasm_cache_store(const mc_wasm_compiler *self, const char *name, int fd, mc_err *err)
{
    uint8_t mac[MC__WASM_DIGEST];
    char mac_name[96];
    mc_code rc;

    if (!authenticate(self, name, fd, mac))
        return mc_fail_errno(err, MC_IO, errno, "wasm: cache entry");
    snprintf(mac_name, sizeof(mac_name), "%s.mac", name);
    rc = keep(self, mac_name, -1, mc_str_of((const char *)mac, sizeof(mac)), err);
    if (rc == MC_OK)
        rc = keep(self, name, fd, MC_STR(""), err);
    if (rc == MC_OK)
        mc__wasm_cache_prune(self, name);
    return rc;
}
