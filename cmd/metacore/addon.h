/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_ADDON_H
#define METACORE_CMD_ADDON_H

/**
 * addon: what the actions of `metacore addon` share: their table's row, files, keys and findings.
 *
 * Authors' actions need no data directory and no server.
 */

#include "command.h"

#include "metacore/bundle/bundle.h"
#include "metacore/review/review.h"
#include "metacore/security/signature.h"

#define ADDON_SECRET_LABEL "METACORE PRIVATE KEY"
#define ADDON_PUBLIC_LABEL "METACORE PUBLIC KEY"

typedef struct addon_action {
    const char *name;
    int (*run)(const command *self);
    const char *usage;           /* after "metacore addon" */
    const char *about;           /* a few lines for people */
    const char *const *options;  /* each with a value */
    const char *const *switches; /* besides --json */
    int arg_min;                 /* others, this action's name not counted */
    int arg_max;
} addon_action;

/* Arguments as main found them, but for the word "addon"; "-o" is written "--out". */
extern const char *const addon_no_names[];

/* The index-th argument behind the action's name; NULL when there is none. */
const char *addon_arg(const command *self, int index);

/* addon_files.c */

/** A bundle from an archive, or what an author's folder becomes. Errors: mc_bundle_open's. */
mc_code addon_open(const command *self, const char *path, mc_bundle **out, mc_err *err);
/** At most max bytes of a file, in the command's arena. Errors: INVALID, TOO_LARGE. */
mc_code addon_read_file(const command *self, const char *path, size_t max, mc_str *out,
                        mc_err *err);
/** Makes a file that is not there yet. Errors: CONFLICT: it is there. IO. */
mc_code addon_new_file(const char *path, mc_str data, unsigned mode, mc_err *err);
/** Makes or replaces a file, whole or not at all. Errors: IO. */
mc_code addon_replace_file(const char *path, mc_str data, mc_err *err);

/* addon_validate.c */

/** Reviews bundle and prints the findings to out; false when it is refused. */
mc_code addon_review(const command *self, const mc_bundle *bundle, bool is_strict, FILE *out,
                     bool *out_is_good, mc_err *err);

/* addon_keys.c */

mc_code addon_read_secret_key(const command *self, const char *path, mc_secret_key *out,
                              mc_err *err);
/** From a file, or 64 hexadecimal digits. */
mc_code addon_read_public_key(const command *self, const char *text, mc_signing_keys *out,
                              mc_err *err);

/* addon_sign.c */

/** What a signature of an archive is about; borrows bundle's memory. Errors: INVALID: a folder, a
 *  manifest that cannot be read. */
mc_code addon_signed(const command *self, const mc_bundle *bundle, mc_signed_bundle *out,
                     mc_err *err);
/** The signature in hexadecimal and a newline, in the command's arena. */
mc_code addon_signature_of(const command *self, const mc_bundle *bundle, const char *key_path,
                           bool is_v2, mc_str *out, mc_err *err);
/** Holds --signature, or the file beside path, against --key. */
mc_code addon_check_signature(const command *self, const char *path, mc_str *out_algorithm,
                              mc_err *err);

/* addon_remote.c */

/**
 * Runs install, enable, disable, uninstall, rotate, settings or list on the server that --server
 * names; the rest is in the arguments.
 *
 * set     the settings to change, JSON; empty: none
 * out     JSON as admin.h's command of that name gives it
 * Errors  remote.h's; what the server refuses.
 */
mc_code addon_remote(const command *self, const char *action, mc_str set, mc_str *out, mc_err *err);

int addon_init(const command *self);
int addon_validate(const command *self);
int addon_build(const command *self);
int addon_compile(const command *self);
int addon_keygen(const command *self);
int addon_sign(const command *self);
int addon_verify(const command *self);
int addon_inspect(const command *self);

#endif
