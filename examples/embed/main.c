/* SPDX-License-Identifier: Apache-2.0 */
/* A host of its own: one model declared in code, one route, and everything metacore brings. */
#include "metacore/host/app.h"

#include <signal.h>
#include <stdio.h>

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("title"), .type = MC_STR_INIT("string"), .size = 200, .required = true},
    {.name = MC_STR_INIT("pages"), .type = MC_STR_INIT("integer"), .min = MC_STR_INIT("1")},
    {.name = MC_STR_INIT("price"), .type = MC_STR_INIT("decimal")},
};

static const mc_model_def books = {
    .key = MC_STR_INIT("books"),
    .table = MC_STR_INIT("books"),
    .label = MC_STR_INIT("Books"),
    .org_scoped = true,
    .soft_delete = true,
    .columns = columns,
    .column_count = MC_LEN(columns),
};

/* GET /api/greeting: {"data":{"hello":"<email>"},"success":true} */
static mc_code greet(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_buf *out = mc_http_ok_begin(res, 200);

    (void)user;
    mc_buf_lit(out, "{\"hello\":");
    mc_json_write_str(out, mc_http_ctx(req)->who.email);
    mc_buf_char(out, '}');
    return mc_http_ok_end(res, MC_STR(""), err);
}

int main(int argc, char **argv)
{
    mc_app_config config = {MC_APP_CONFIG, .dev = true, .listen = MC_STR("127.0.0.1:0")};
    mc_http_route greeting = {
        .method = "GET", .pattern = "/greeting", .run = MC_HTTP_READ, .handle = greet};
    sigset_t until;
    mc_app *app = NULL;
    mc_err err;
    int got;

    /* First of all, before threads and secrets: addons' WebAssembly runs in children of this. */
    if (mc_wasm_zygote_start(&config.zygote, &err) != MC_OK)
        fprintf(stderr, "embed: addons' WebAssembly will not run: %s\n", err.msg);
    config.data_dir = mc_z(argc > 1 ? argv[1] : "./embed-data");
    (void)sigemptyset(&until);
    (void)sigaddset(&until, SIGINT);
    (void)sigaddset(&until, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &until, NULL); /* before any thread is made */

    if (mc_app_new(&config, &app, &err) != MC_OK || mc_app_add_model(app, &books, &err) != MC_OK ||
        mc_app_add_route(app, &greeting, &err) != MC_OK || mc_app_start(app, &err) != MC_OK) {
        fprintf(stderr, "embed: %s\n", err.msg);
        mc_app_free(app);
        mc_wasm_zygote_stop(config.zygote);
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n", mc_app_port(app));
    (void)fflush(stdout);
    (void)sigwait(&until, &got);
    mc_app_free(app);
    mc_wasm_zygote_stop(config.zygote);
    return 0;
}
