/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/curl_internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

mc__curl mc__curl_table;

static bool is_loaded; /* set once, before anybody reads it */

/* ISO C has no conversion from an object's pointer to a function's; POSIX promises the bits. */
static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL); /* stays until the end */
    mc__curl *t = &mc__curl_table;

    is_loaded = library && find(library, "curl_global_init", &t->global_init) &&
                find(library, "curl_easy_init", &t->easy_init) &&
                find(library, "curl_easy_setopt", &t->easy_setopt) &&
                find(library, "curl_easy_perform", &t->easy_perform) &&
                find(library, "curl_easy_cleanup", &t->easy_cleanup) &&
                find(library, "curl_easy_reset", &t->easy_reset) &&
                find(library, "curl_easy_getinfo", &t->easy_getinfo) &&
                find(library, "curl_easy_header", &t->easy_header) &&
                find(library, "curl_easy_strerror", &t->easy_strerror) &&
                find(library, "curl_slist_append", &t->slist_append) &&
                find(library, "curl_slist_free_all", &t->slist_free_all) &&
                t->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

mc_code mc__curl_load(mc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, load); /* cannot fail with a static control */
    return is_loaded ? MC_OK
                     : mc_fail(err, MC_NOT_PROVIDED,
                               "http: libcurl.so.4 (7.83 or newer) is not installed");
}
