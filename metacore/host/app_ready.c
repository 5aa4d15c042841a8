/* SPDX-License-Identifier: Apache-2.0 */
/* GET /healthz: the process answers. GET /readyz: it can do its work, too. */
#include "metacore/host/app_internal.h"

#include "metacore/base/json.h"
#include "metacore/migrations/migrations.h"

#include <sys/statvfs.h>

#define DISK_MIN_BYTES (UINT64_C(64) << 20)
#define STUCK_MS 10000

/* Of the database too: it is the same question that the migrations answer. */
static const char *check_migrations(const mc_app *app, mc_db_conn *conn, bool *does_answer)
{
    mc_db_value applied = mc_db_bool(true);
    int64_t version = 0;
    mc_db_rows rows;
    mc_err ignored; /* what strangers may know is that it does not answer */

    *does_answer = false;
    if (mc_db_query(conn,
                    MC_STR("SELECT max(version_id) FROM goose_db_version WHERE is_applied = $1"),
                    &applied, 1, &rows, &ignored) != MC_OK)
        return "unknown";
    if (mc_db_rows_next(&rows))
        version = mc_db_col_int(&rows, 0);
    if (mc_db_rows_finish(&rows, &ignored) != MC_OK)
        return "unknown";
    *does_answer = true;
    return version < app->newest_migration ? "behind" : NULL;
}

static const char *check_writer(mc_app *app)
{
    int64_t stuck_ms = app->config.stuck_ms ? app->config.stuck_ms : STUCK_MS;
    int64_t now_us = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    mc_db_stats stats;

    if (!mc_db_get_stats(app->db, &stats))
        return NULL;
    if (stats.busy_since_us > 0 && now_us - stats.busy_since_us > stuck_ms * 1000)
        return "stuck";
    return stats.queued >= stats.queue_max ? "queue full" : NULL;
}

static const char *check_disk(const mc_app *app)
{
    uint64_t least = app->config.disk_min_bytes ? app->config.disk_min_bytes : DISK_MIN_BYTES;
    struct statvfs disk;

    if (statvfs(app->dir.path, &disk) != 0)
        return "unknown";
    /* In blocks, so that no product overflows. */
    return disk.f_frsize && disk.f_bavail < least / disk.f_frsize ? "nearly full" : NULL;
}

bool mc__app_check_ready(mc_app *app, mc_db_conn *conn, mc__app_check out[MC__APP_CHECKS])
{
    bool does_answer;
    const char *migrations = check_migrations(app, conn, &does_answer);

    out[0] = (mc__app_check){"database", !does_answer                      ? "does not answer"
                                         : atomic_load(&app->is_displaced) ? "another's"
                                                                           : NULL};
    out[1] = (mc__app_check){"disk", check_disk(app)};
    out[2] = (mc__app_check){"migrations", migrations};
    out[3] = (mc__app_check){"serving", atomic_load(&app->is_draining) ? "stopping" : NULL};
    out[4] = (mc__app_check){"writer", check_writer(app)};
    for (size_t i = 0; i < MC__APP_CHECKS; i++) {
        if (out[i].trouble)
            return false;
    }
    return true;
}

void mc__app_write_checks(mc_buf *out, const mc__app_check checks[MC__APP_CHECKS])
{
    bool is_ready = true;

    mc_buf_lit(out, "{\"checks\":");
    for (size_t i = 0; i < MC__APP_CHECKS; i++) {
        mc_buf_char(out, i == 0 ? '{' : ',');
        mc_json_write_str(out, mc_z(checks[i].name));
        mc_buf_char(out, ':');
        mc_json_write_str(out, mc_z(checks[i].trouble ? checks[i].trouble : "ok"));
        is_ready = is_ready && !checks[i].trouble;
    }
    mc_buf_lit(out, "},\"status\":");
    mc_json_write_str(out, is_ready ? MC_STR("ready") : MC_STR("not ready"));
    mc_buf_char(out, '}');
}

static mc_code healthz(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)req;
    (void)user;
    mc_buf_lit(mc_http_ok_begin(res, 200), "{\"status\":\"ok\"}");
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* What was found is the operator's to know: others learn yes or no. */
static mc_code readyz(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc__app_check checks[MC__APP_CHECKS];
    bool is_ready = mc__app_check_ready(app, mc_http_ctx(req)->conn, checks);

    if (req->is_local || mc__app_has_token(app, mc_http_header(req, MC_STR("authorization")))) {
        res->status = is_ready ? 200 : 503;
        mc_http_content_type(res, MC_STR("application/json; charset=utf-8"));
        mc__app_write_checks(&res->body, checks);
        return MC_OK;
    }
    for (size_t i = 0; i < MC__APP_CHECKS; i++) {
        if (checks[i].trouble)
            return mc_fail(err, MC_UNAVAILABLE, "not ready: %s: %s", checks[i].name,
                           checks[i].trouble);
    }
    mc_buf_lit(mc_http_ok_begin(res, 200), "{\"status\":\"ready\"}");
    return mc_http_ok_end(res, MC_STR(""), err);
}

mc_code mc__app_mount_health(mc_app *app, mc_err *err)
{
    const mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/healthz",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_PUBLIC,
         .handle = healthz,
         .user = app},
        {.method = "GET",
         .pattern = "/readyz",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_PUBLIC,
         .handle = readyz,
         .user = app},
    };
    mc_migrations files = mc_migrations_kernel(mc_db_dialect_of(app->db));

    for (size_t i = 0; i < files.count; i++) {
        int64_t version;

        if (mc_migration_version(files.items[i].name, &version) && version > app->newest_migration)
            app->newest_migration = version;
    }
    return mc_http_router_add_all(app->router, MC_STR(""), routes, MC_LEN(routes), err);
}
