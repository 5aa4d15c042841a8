/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/host/data_dir.h"
#include "metacore/migrations/migrations.h"

#include <string.h>

static int status(const command *self, mc_db *db, mc_ctx *ctx, mc_migrations files, mc_err *err)
{
    static const char *const columns[] = {"version", "name", "applied", NULL};
    mc_migration_status *rows;
    size_t count;
    mc_buf json;

    if (mc_migrations_status(db, ctx, files, &rows, &count, err) != MC_OK)
        return command_fail(err);
    mc_buf_init_arena(&json, self->arena, 0);
    for (size_t i = 0; i < count; i++) {
        mc_buf_printf(&json, "%s{\"version\":%lld,\"name\":", i ? "," : "[",
                      (long long)rows[i].version);
        mc_json_write_str(&json, rows[i].name);
        mc_buf_printf(&json, ",\"applied\":%s}", rows[i].is_applied ? "true" : "false");
    }
    mc_buf_str(&json, count ? MC_STR("]") : MC_STR("[]"));
    if (mc_buf_check(&json, "status", err) != MC_OK)
        return command_fail(err);
    return command_print_rows(self, mc_buf_get(&json), columns);
}

static int run(const command *self, const char *action, mc_db *db, mc_err *err)
{
    mc_ctx ctx = {.arena = self->arena, .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_migrations files = mc_migrations_kernel(mc_db_dialect_of(db));
    size_t applied = 0;

    if (!strcmp(action, "status"))
        return status(self, db, &ctx, files, err);
    if (!strcmp(action, "down")) {
        if (mc_migrations_down(db, &ctx, files, 1, err) != MC_OK)
            return command_fail(err);
        printf("migrate: one step taken back\n");
        return EXIT_DONE;
    }
    if (mc_migrations_up(db, &ctx, files, &applied, err) != MC_OK)
        return command_fail(err);
    printf("migrate: %zu applied\n", applied);
    return EXIT_DONE;
}

int command_migrate(const command *self)
{
    static const char *const none[] = {NULL};
    const char *action = command_positional(self, none, 0);
    mc_db_config config = {MC_DB_CONFIG, .url = settings_str(self->settings, SETTING_DATABASE)};
    mc_data_dir dir;
    mc_db *db = NULL;
    int result;
    mc_err err;

    if (!action || (strcmp(action, "up") && strcmp(action, "down") && strcmp(action, "status")))
        return command_usage("migrate up | down | status");
    if (mc_data_dir_open(&dir, settings_str(self->settings, SETTING_DATA), &err) != MC_OK)
        return command_fail(&err);
    if (mc_str_is_empty(config.url))
        config.url = mc_str_printf(self->arena, "sqlite:%s/metacore.db", dir.path);
    if (mc_db_open(&config, &db, &err) == MC_OK)
        result = run(self, action, db, &err);
    else
        result = command_fail(&err);
    mc_db_close(db);
    mc_data_dir_close(&dir);
    return result;
}
