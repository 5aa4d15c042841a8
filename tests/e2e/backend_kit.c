/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_kit.h"
#include "mc_test.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>

static bool run(const char *const *args)
{
    static char out[65536];
    int status = mc_process_run(args, NULL, out, sizeof(out));

    if (status != 0)
        (void)printf("%s\n", out);
    return mc_test_check(status == 0, __FILE__, __LINE__, "metacore addon …");
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

bool backend_start(backend *self, const char *folder, const char *key)
{
    static const char *const args[] = {"--dev", NULL};
    const char *bundle = text_of("%s/%s.tar.gz", mc_test_dir(), key);

    (void)snprintf(self->key, sizeof(self->key), "%s", key);
    if (!RUN("addon", "validate", folder, "--strict") ||
        !RUN("addon", "build", folder, "-o", bundle) ||
        !mc_process_start(&self->process, mc_test_dir(), args))
        return false;
    mc_client_init(&self->owner, self->process.port);
    return RUN("addon", "install", bundle, "--org", "Demo", "--data", self->process.data) &&
           mc_client_sign_in(&self->owner, "owner@example.com", "metacore-demo") == 200;
}

void backend_stop(backend *self)
{
    mc_client_deinit(&self->owner);
    MC_EXPECT_EQ(mc_process_stop(&self->process, SIGTERM), 0);
}

bool backend_make(backend *self, const char *row)
{
    return workshop_make(&self->owner, self->key, row, self->id);
}

int backend_act(backend *self, const char *action)
{
    return mc_client_call(&self->owner, "POST",
                          text_of("/api/dynamic/%s/%s/action/%s", self->key, self->id, action),
                          "{}");
}

mc_str backend_log(const backend *self)
{
    static char text[1 << 18];
    FILE *file = fopen(self->process.log, "rbe");
    size_t got = file ? fread(text, 1, sizeof(text), file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    return mc_str_of(text, got);
}
