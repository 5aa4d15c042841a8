/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/secret.h"
#include "metacore/base/sync.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define PASSES_DEFAULT 2
#define MEMORY_DEFAULT ((size_t)19 << 20)
#define BCRYPT_LEN 60      /* $2b$10$ and 53 more */
#define BCRYPT_BYTES 72    /* what bcrypt looks at; the rest it would silently ignore */
#define BCRYPT_COST_MAX 16 /* 2^16 rounds, some seconds: a stored hash must not stop the house */

_Static_assert(MC__PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "room for a hash");

/* Of nobody's password, made with the defaults: what an unknown account is compared with. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$NEl2lft3BaVRRqOtQmPrYA$"
                             "CpHKOwTR+GaToWv9lGqCSPKrPyf8ipoiBoNqu+qHt18";

struct mc__hasher {
    mc__hasher_config config;
    char dummy[MC__PASSWORD_HASH_MAX];
    mc_mutex mu;
    mc_cond freed;
    uint32_t running; /* guarded by mu */
};

/* ---- places: each hash takes memory and a core, so there are only so many ---- */

static mc_code enter(mc__hasher *self, mc_err *err)
{
    int64_t deadline_us = mc_clock_monotonic_us((mc_clock){0}) + self->config.wait_us;
    bool is_free;

    mc_mutex_lock(&self->mu);
    while (self->running >= self->config.concurrency) {
        int64_t left_us = deadline_us - mc_clock_monotonic_us((mc_clock){0});

        if (left_us <= 0 || !mc_cond_wait_for(&self->freed, &self->mu, left_us))
            break;
    }
    is_free = self->running < self->config.concurrency;
    if (is_free)
        self->running++;
    mc_mutex_unlock(&self->mu);
    return is_free ? MC_OK : mc_fail(err, MC_LIMIT, "Too many sign-ins at a time");
}

static void leave(mc__hasher *self)
{
    mc_mutex_lock(&self->mu);
    self->running--;
    mc_cond_signal(&self->freed);
    mc_mutex_unlock(&self->mu);
}

/* ---- argon2id ---- */

static mc_code argon2_hash(const mc__hasher *self, mc_str password, char out[MC__PASSWORD_HASH_MAX],
                           mc_err *err)
{
    if (crypto_pwhash_str(out, password.ptr ? password.ptr : "", password.len, self->config.passes,
                          self->config.memory_bytes) != 0)
        return mc_fail(err, MC_NO_MEMORY, "auth: a password hash of %zu bytes",
                       self->config.memory_bytes);
    return MC_OK;
}

static mc_code argon2_verify(const char *stored, mc_str password, bool *out, mc_err *err)
{
    errno = 0;
    *out = crypto_pwhash_str_verify(stored, password.ptr ? password.ptr : "", password.len) == 0;
    if (!*out && errno == ENOMEM) /* not the same as a wrong password */
        return mc_fail(err, MC_NO_MEMORY, "auth: a password hash");
    return MC_OK;
}

/* ---- bcrypt, as accounts from elsewhere bring it ---- */

static bool is_bcrypt(mc_str stored)
{
    uint32_t cost;
    char minor;

    if (stored.len != BCRYPT_LEN)
        return false;
    minor = stored.ptr[2];
    return stored.ptr[0] == '$' && stored.ptr[1] == '2' &&
           (minor == 'a' || minor == 'b' || minor == 'y') && stored.ptr[3] == '$' &&
           stored.ptr[6] == '$' &&
           mc_str_u32(mc_str_slice(stored, 4, 6), 4, BCRYPT_COST_MAX, &cost);
}

static mc_code bcrypt_verify(mc_str stored, mc_str password, bool *out, mc_err *err)
{
    char setting[BCRYPT_LEN + 1], phrase[BCRYPT_BYTES + 1];
    struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KiB: too much for a stack */
    const char *hash;

    if (!data)
        return mc_fail(err, MC_NO_MEMORY, "auth: a password hash");
    memcpy(setting, stored.ptr, BCRYPT_LEN);
    setting[BCRYPT_LEN] = '\0';
    memcpy(phrase, password.ptr, password.len);
    phrase[password.len] = '\0';
    hash = crypt_r(phrase, setting, data);
    *out = hash && mc_str_eq_secret(mc_z(hash), stored);
    mc_wipe(phrase, sizeof(phrase));
    mc_wipe(data, sizeof(*data));
    free(data);
    return MC_OK;
}

/* ---- the two together ---- */

mc_code mc__hasher_hash(mc__hasher *self, mc_str password, char out[MC__PASSWORD_HASH_MAX],
                        mc_err *err)
{
    mc_code rc = enter(self, err);

    if (rc != MC_OK)
        return rc;
    rc = argon2_hash(self, password, out, err);
    leave(self);
    return rc;
}

static mc_code verify(mc__hasher *self, mc_str stored, mc_str password, bool *out_matches,
                      bool *out_is_old, mc_err *err)
{
    char text[MC__PASSWORD_HASH_MAX];
    bool is_argon2 = mc_str_starts_with(stored, MC_STR("$argon2")) && stored.len < sizeof(text);
    /* A longer one would match on its first 72 bytes alone. */
    bool is_short =
        password.len && password.len <= BCRYPT_BYTES && !memchr(password.ptr, '\0', password.len);
    mc_code rc;

    *out_is_old = false;
    if (is_bcrypt(stored) && is_short) {
        *out_is_old = true;
        return bcrypt_verify(stored, password, out_matches, err);
    }
    memset(text, 0, sizeof(text)); /* libsodium looks at all of it */
    memcpy(text, is_argon2 ? stored.ptr : self->dummy,
           is_argon2 ? stored.len : strlen(self->dummy));
    rc = argon2_verify(text, password, out_matches, err);
    *out_matches = *out_matches && is_argon2;
    *out_is_old = *out_matches && crypto_pwhash_str_needs_rehash(text, self->config.passes,
                                                                 self->config.memory_bytes) != 0;
    return rc;
}

mc_code mc__hasher_verify(mc__hasher *self, mc_str stored, mc_str password, bool *out_matches,
                          bool *out_is_old, mc_err *err)
{
    bool matches = false, is_old = false;
    mc_code rc = enter(self, err);

    if (rc != MC_OK)
        return rc;
    rc = verify(self, stored, password, &matches, &is_old, err);
    leave(self);
    if (rc != MC_OK)
        return rc;
    *out_matches = matches;
    *out_is_old = matches && is_old;
    return MC_OK;
}

/* ---- life cycle ---- */

mc_code mc__hasher_new(const mc__hasher_config *config, mc__hasher **out, mc_err *err)
{
    mc__hasher *self;
    bool is_default;
    mc_code rc = MC_OK;

    if (sodium_init() < 0)
        return mc_fail(err, MC_INTERNAL, "auth: libsodium does not start");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: hasher");
    self->config = *config;
    if (!self->config.passes)
        self->config.passes = PASSES_DEFAULT;
    if (!self->config.memory_bytes)
        self->config.memory_bytes = MEMORY_DEFAULT;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->freed);

    is_default =
        self->config.passes == PASSES_DEFAULT && self->config.memory_bytes == MEMORY_DEFAULT;
    if (is_default)
        memcpy(self->dummy, nobody, sizeof(nobody));
    else if (self->config.memory_bytes < crypto_pwhash_MEMLIMIT_MIN ||
             self->config.memory_bytes > crypto_pwhash_MEMLIMIT_SENSITIVE)
        rc = mc_fail(err, MC_INVALID, "auth: argon2_memory_bytes must be 8 KiB to 1 GiB");
    else
        rc = argon2_hash(self, MC_STR("nobody's"), self->dummy, err);
    if (rc != MC_OK) {
        mc__hasher_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc__hasher_free(mc__hasher *self)
{
    if (!self)
        return;
    mc_cond_deinit(&self->freed);
    mc_mutex_deinit(&self->mu);
    free(self);
}
