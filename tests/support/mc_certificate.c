/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>

bool mc_certificate_write(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *cert_file = fopen(cert_path, "we"), *key_file = fopen(key_path, "we");
    X509_NAME *name;
    bool is_good = false;

    if (key && cert && cert_file && key_file) {
        (void)X509_set_version(cert, 2);
        (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
        (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
        (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
        (void)X509_set_pubkey(cert, key);
        name = X509_get_subject_name(cert);
        (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                         (const unsigned char *)"localhost", -1, -1, 0);
        (void)X509_set_issuer_name(cert, name);
        is_good = X509_sign(cert, key, EVP_sha256()) > 0 && PEM_write_X509(cert_file, cert) == 1 &&
                  PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    }
    if (cert_file)
        is_good = fclose(cert_file) == 0 && is_good;
    if (key_file)
        is_good = fclose(key_file) == 0 && is_good;
    X509_free(cert);
    EVP_PKEY_free(key);
    return is_good && chmod(key_path, 0600) == 0;
}
