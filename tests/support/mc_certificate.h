/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_CERTIFICATE_H
#define METACORE_TESTS_SUPPORT_MC_CERTIFICATE_H

/**
 * mc_certificate: a certificate of an hour for localhost that signs itself, and its key.
 *
 * Threads: functions.
 */

#include <stdbool.h>

/** Makes both files (PEM), the key for its owner only; false when that fails. */
bool mc_certificate_write(const char *cert_path, const char *key_path);

#endif
