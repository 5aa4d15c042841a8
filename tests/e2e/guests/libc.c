/* SPDX-License-Identifier: Apache-2.0 */
/* A guest with a C library, wasi-libc: as a reactor, and, with a main, as a command. */
#define METACORE_GUEST
#define METACORE_OWN_ALLOC
#include "metacore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char began[16];

__attribute__((constructor)) static void begin(void)
{
    (void)snprintf(began, sizeof(began), "yes");
}

#ifdef COMMAND
int main(int argc, char **argv)
{
    (void)argv;
    (void)printf("main with %d arguments\n", argc);
    return 0;
}
#endif

/* What a program may expect of its surroundings: each in its order, or the number of what was not
 * so.
 */
static int look_around(void)
{
    struct timespec pause = {0, 2000000};
    unsigned char random[16], none[16] = {0};

    if (strcmp(began, "yes") != 0)
        return 1;
    if (getenv("PATH") || getenv("HOME"))
        return 2;
    if (time(NULL) < 1000000000)
        return 3;
    if (getentropy(random, sizeof(random)) != 0 || memcmp(random, none, sizeof(none)) == 0)
        return 4;
    if (nanosleep(&pause, NULL) != 0)
        return 5;
    if (getchar() != EOF)
        return 6;
    if (!isatty(STDOUT_FILENO))
        return 7;
    if (write(7, "x", 1) != -1 || errno != EBADF)
        return 8;
    return 0;
}

METACORE_EXPORT("look") mc_answer look(const char *input, unsigned len)
{
    char *text = malloc(200);

    (void)input;
    (void)printf("an input of %s bytes\n", len ? "some" : "no");
    (void)fprintf(stderr, "and an %s\n", "error");
    return text
               ? mc_answer_of(text, (unsigned)snprintf(text, 200,
                                                       "{\"success\":true,\"data\":{\"wrong\":%d}}",
                                                       look_around()))
               : 0;
}

static const struct {
    const char *json, *key, *value; /* NULL: there is none */
} members[] = {
    {"{\"a\":1}", "a", "1"},
    {" { \"a\" : -1.5e3 , \"b\" : null } ", "a", "-1.5e3"},
    {" { \"a\" : -1.5e3 , \"b\" : null } ", "b", "null"},
    {"{\"x\":{\"a\":1},\"a\":[{\"b\":\"]}\"},2]}", "a", "[{\"b\":\"]}\"},2]"},
    {"{\"x\":\"\\\"a\\\":1,\\\\\",\"a\":\"y\\\"\"}", "a", "\"y\\\"\""},
    {"{\"x\":{\"a\":1}}", "a", 0},
    {"{\"ab\":1,\"\":2}", "a", 0},
    {"{\"ab\":1,\"\":2}", "", "2"},
    {"{}", "a", 0},
    {"[{\"a\":1}]", "a", 0},
    {"{\"a\"", "a", 0},
    {"{\"a\":", "a", 0},
    {"{\"b", "a", 0},
    {"", "a", 0},
};

/* {"first","wrong"}: a member of the row, and the number of what was read wrongly; -1: nothing. */
METACORE_EXPORT("read") mc_answer read_(const char *input, unsigned len)
{
    mc_text name = mc_find_in(mc_find(input, len, "row"), "name");
    int wrong = -1;
    char number[16];

    for (unsigned i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const char *value = members[i].value;
        mc_text found = mc_find(members[i].json, (unsigned)strlen(members[i].json), members[i].key);

        if (value ? found.len != strlen(value) || memcmp(found.ptr, value, found.len) != 0
                  : found.ptr != 0)
            wrong = (int)i;
    }
    if (!mc_is(name, "{ }") || mc_is(name, "{ ") || mc_is(name, "{ }}") || mc_is(name, ""))
        wrong = 100;
    (void)snprintf(number, sizeof(number), "%d", wrong);
    mc_put("{\"first\":");
    mc_put_text(name);
    mc_put(",\"wrong\":");
    mc_put(number);
    mc_put("}");
    return mc_finish();
}

METACORE_EXPORT("leave") mc_answer leave(const char *input, unsigned len)
{
    (void)input;
    (void)len;
    (void)printf("leaving");
    exit(3);
}

METACORE_EXPORT("fine") mc_answer fine(const char *input, unsigned len)
{
    (void)input;
    (void)len;
    exit(0);
}

METACORE_EXPORT("broken") mc_answer broken(const char *input, unsigned len)
{
    (void)input;
    (void)len;
    (void)fprintf(stderr, "giving up\n");
    abort();
}
