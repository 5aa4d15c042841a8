/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_CURL_INTERNAL_H
#define METACORE_SECURITY_CURL_INTERNAL_H

/*
 * libcurl, loaded when the first request goes out: it brings a dozen libraries of its own, whose
 * pages a server that calls nobody would carry for nothing (3 MB of 17).
 *
 * Its functions are called by their own names; here those are entries of one table.
 */

#include "metacore/base/err.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

typedef struct mc__curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *handle);
    void (*easy_cleanup)(CURL *handle);
    void (*easy_reset)(CURL *handle);
    CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
    CURLHcode (*easy_header)(CURL *handle, const char *name, size_t index, unsigned int origin,
                             int request, struct curl_header **out);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
} mc__curl;

/* Loads it once. Errors: NOT_PROVIDED: it is not installed. */
mc_code mc__curl_load(mc_err *err);
/* After a successful load. */
extern mc__curl mc__curl_table;

#undef curl_easy_setopt
#undef curl_easy_getinfo
#define curl_easy_init mc__curl_table.easy_init
#define curl_easy_setopt mc__curl_table.easy_setopt
#define curl_easy_perform mc__curl_table.easy_perform
#define curl_easy_cleanup mc__curl_table.easy_cleanup
#define curl_easy_reset mc__curl_table.easy_reset
#define curl_easy_getinfo mc__curl_table.easy_getinfo
#define curl_easy_header mc__curl_table.easy_header
#define curl_easy_strerror mc__curl_table.easy_strerror
#define curl_slist_append mc__curl_table.slist_append
#define curl_slist_free_all mc__curl_table.slist_free_all

#endif
