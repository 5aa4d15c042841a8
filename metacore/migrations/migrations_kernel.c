/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/migrations/migrations.h"

#include "metacore/base/embedded.h"

#include <pthread.h>

#define KERNEL_FILES_MAX 64

MC_EMBEDDED(mc__migrations_sqlite);
MC_EMBEDDED(mc__migrations_postgres);

static mc_migration sqlite_files[KERNEL_FILES_MAX], postgres_files[KERNEL_FILES_MAX];
static size_t sqlite_count, postgres_count;

static size_t copy(const mc_embedded *from, size_t count, mc_migration *to)
{
    size_t n = count < KERNEL_FILES_MAX ? count : KERNEL_FILES_MAX;

    for (size_t i = 0; i < n; i++) {
        to[i].name = mc_z(from[i].name);
        to[i].sql = mc_str_of((const char *)from[i].bytes, from[i].size);
    }
    return n;
}

static void copy_all(void)
{
    sqlite_count = copy(mc__migrations_sqlite, mc__migrations_sqlite_count, sqlite_files);
    postgres_count = copy(mc__migrations_postgres, mc__migrations_postgres_count, postgres_files);
}

mc_migrations mc_migrations_kernel(mc_db_dialect dialect)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, copy_all); /* cannot fail with a static control */
    return dialect == MC_DB_POSTGRES ? (mc_migrations){postgres_files, postgres_count}
                                     : (mc_migrations){sqlite_files, sqlite_count};
}
