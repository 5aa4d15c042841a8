/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_test_internal.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int mc_wasm_test_run(const char *const *argv)
{
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status = -1, rc;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    rc = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (rc != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool mc_wasm_test_has_wabt(void)
{
    return mc_wasm_test_run((const char *const[]){"wat2wasm", "--version", NULL}) == 0;
}

mc_str mc_wasm_test_file(mc_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rbe");
    size_t room = (size_t)32 << 20, got = 0;
    char *bytes;

    if (!file)
        return MC_STR("");
    if (fseek(file, 0, SEEK_END) == 0)
        room = (size_t)ftell(file);
    rewind(file);
    bytes = mc_arena_alloc(arena, room);
    if (bytes)
        got = fread(bytes, 1, room, file);
    (void)fclose(file); /* read only */
    return mc_str_of(bytes, got);
}

bool mc_wasm_test_write(const char *path, mc_str bytes)
{
    FILE *file = fopen(path, "wbe");
    bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    return file && fclose(file) == 0 && ok;
}

mc_str mc_wasm_test_wat(mc_arena *arena, const char *text, const char *option)
{
    static const char *dir; /* one for all: there are not many */
    const char *wat_z, *wasm_z;

    if (!dir)
        dir = mc_test_dir();
    wat_z = mc_str_z(arena, mc_str_printf(arena, "%s/module.wat", dir));
    wasm_z = mc_str_z(arena, mc_str_printf(arena, "%s/module.wasm", dir));
    MC_EXPECT(mc_wasm_test_write(wat_z, mc_z(text)));
    MC_EXPECT_EQ(mc_wasm_test_run((const char *const[]){"wat2wasm", "--no-check", wat_z, "-o",
                                                        wasm_z, option, NULL}),
                 0);
    return mc_wasm_test_file(arena, wasm_z);
}
