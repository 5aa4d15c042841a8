/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzz targets without libFuzzer: replays a corpus folder and a fixed number of seeded
 * mutations of it, so that every test run exercises the targets in the same way.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 16)
#define MUTATIONS_PER_FILE 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64*: repeatable, which is the point here. */
static uint64_t next_random(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees one byte too far */

    if (!exact)
        return;
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static size_t mutate(uint8_t *data, size_t size)
{
    size_t edits = 1 + (size_t)(next_random() % 4);

    while (edits--) {
        size_t at = size ? (size_t)(next_random() % size) : 0;

        switch (next_random() % 4) {
        case 0:
            if (size)
                data[at] = (uint8_t)next_random();
            break;
        case 1:
            if (size)
                data[at] ^= (uint8_t)(1u << (next_random() % 8));
            break;
        case 2:
            if (size) {
                memmove(data + at, data + at + 1, size - at - 1);
                size--;
            }
            break;
        default:
            if (size < INPUT_MAX) {
                memmove(data + at + 1, data + at, size - at);
                data[at] = (uint8_t)next_random();
                size++;
            }
        }
    }
    return size;
}

static void run_file(const char *path)
{
    static uint8_t original[INPUT_MAX + 8], work[INPUT_MAX + 8];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file)
        return;
    size = fread(original, 1, INPUT_MAX, file);
    (void)fclose(file); /* read only: nothing to lose */
    run_copy(original, size);
    for (int i = 0; i < MUTATIONS_PER_FILE; i++) {
        memcpy(work, original, size);
        run_copy(work, mutate(work, size));
    }
}

int main(int argc, char **argv)
{
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    char path[4096];
    int files = 0;

    run_copy((const uint8_t *)"", 0);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        run_file(path);
        files++;
    }
    if (dir)
        (void)closedir(dir);
    if (!files) {
        fprintf(stderr, "no corpus in %s\n", argc > 1 ? argv[1] : "(none)");
        printf("0 passed, 1 failed\n");
        return 1;
    }
    printf("1 passed, 0 failed\n");
    return 0;
}
