/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused is said in the language that was asked for; codes are the same in all. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>

static bool setup(mc_process *process, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

MC_TEST("errors speak the reader's language, English to the letter of the contract")
{
    static const struct {
        const char *name, *method, *path, *body, *language;
        int status;
        const char *has, *lang; /* of Content-Language, or NULL */
    } cases[] = {
        {"Spanish fields", "POST", "/api/dynamic/tickets", "{\"subject\":\"\"}", "es", 422,
         "\"subject\":[{\"code\":\"required\",\"message\":\"Subject es obligatorio\"", "es"},
        {"limits with their numbers", "POST", "/api/dynamic/tickets",
         "{\"subject\":\"x\",\"hours\":-1}", "es-MX,es;q=0.9", 422, "debe ser al menos 0", "es"},
        {"rows of a file", "POST", "/api/dynamic/tickets/import?mode=all",
         "[{\"subject\":\"\"},{\"subject\":\"x\"}]", "es", 422,
         "\"message\":\"Subject es obligatorio\",\"row\":1}", NULL},
        {"what became of them", "POST", "/api/dynamic/tickets/import?mode=all",
         "[{\"subject\":\"\"},{\"subject\":\"x\"}]", "es", 422,
         "\"message\":\"1 de 2 filas rechazadas: no se ha importado ninguna\"", NULL},
        {"English fields", "POST", "/api/dynamic/tickets", "{\"subject\":\"\"}", "en", 422,
         "Subject is required", NULL},
        {"a Spanish sentence", "GET", "/api/dynamic/nothing", NULL, "es", 404,
         "el modelo no existe", "es"},
        {"the contract's", "GET", "/api/dynamic/nothing", NULL, "en-GB", 404,
         "\"message\":\"model not found in registry\"", NULL},
        {"a language without texts is the default", "GET", "/api/dynamic/nothing", NULL, "ja", 404,
         "model not found in registry", NULL},
        {"none", "GET", "/api/dynamic/nothing", NULL, NULL, 404, "model not found in registry",
         NULL},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char header[100] = "";

        MC_CASE(cases[i].name);
        if (cases[i].language)
            (void)snprintf(header, sizeof(header), "Accept-Language: %s\r\n", cases[i].language);
        MC_EXPECT_EQ(mc_client_call_type(&client, cases[i].method, cases[i].path,
                                         cases[i].body ? "application/json" : NULL,
                                         mc_z(cases[i].body), header),
                     cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].has);
        if (cases[i].lang) {
            MC_EXPECT_HAS(client.head, "Content-Language: es");
            MC_EXPECT_HAS(client.head, "Accept-Language");
        }
    }
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
