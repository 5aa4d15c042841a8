/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Six pieces of work that keep a processor busy in six ways, for wasm_bench: compiled natively with
 * it, and by clang for wasm32. No library: both must run the same code. Each returns a checksum.
 */
#include <stdint.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state;
}

/* ---- hashing: rotations and additions ---- */

static uint32_t rotate(uint32_t v, unsigned n)
{
    return (v >> n) | (v << (32 - n));
}

static void compress(uint32_t s[8], const uint32_t in[16], const uint32_t k[64])
{
    uint32_t w[64], a[8];

    for (int i = 0; i < 16; i++)
        w[i] = in[i];
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] + (rotate(x, 7) ^ rotate(x, 18) ^ (x >> 3)) +
               (rotate(y, 17) ^ rotate(y, 19) ^ (y >> 10));
    }
    for (int i = 0; i < 8; i++)
        a[i] = s[i];
    for (int i = 0; i < 64; i++) {
        uint32_t t = a[7] + (rotate(a[4], 6) ^ rotate(a[4], 11) ^ rotate(a[4], 25)) +
                     ((a[4] & a[5]) ^ (~a[4] & a[6])) + k[i] + w[i];
        uint32_t u = (rotate(a[0], 2) ^ rotate(a[0], 13) ^ rotate(a[0], 22)) +
                     ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));

        for (int j = 7; j > 0; j--)
            a[j] = a[j - 1];
        a[4] += t;
        a[0] = t + u;
    }
    for (int i = 0; i < 8; i++)
        s[i] += a[i];
}

static uint32_t hash(uint32_t rounds)
{
    static uint32_t k[64], in[16], s[8];
    uint32_t state = 1;

    for (int i = 0; i < 8; i++)
        s[i] = 0; /* the native one is not new for every call */
    for (int i = 0; i < 64; i++)
        k[i] = next(&state);
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < 16; i++)
            in[i] = next(&state);
        compress(s, in, k);
    }
    return s[0] ^ s[7];
}

/* ---- matrices: floating point in nested loops ---- */

#define SIDE 96

static uint32_t matrices(uint32_t rounds)
{
    static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
    uint32_t state = 2;

    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = next(&state) % 100;
            b[i][j] = next(&state) % 100;
        }
    }
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) {
                double sum = 0;

                for (int n = 0; n < SIDE; n++)
                    sum += a[i][n] * b[n][j];
                c[i][j] = sum;
            }
        }
        a[r % SIDE][0] = c[0][0] / 1000;
    }
    return (uint32_t)c[SIDE - 1][SIDE - 1];
}

/* ---- sorting: compares and swaps in memory ---- */

static void sort(uint32_t *v, int low, int high)
{
    int i = low, j = high;
    uint32_t pivot = v[low + (high - low) / 2];

    while (i <= j) {
        while (v[i] < pivot)
            i++;
        while (v[j] > pivot)
            j--;
        if (i <= j) {
            uint32_t t = v[i];

            v[i++] = v[j];
            v[j--] = t;
        }
    }
    if (low < j)
        sort(v, low, j);
    if (i < high)
        sort(v, i, high);
}

#define NUMBERS 65536

static uint32_t sorting(uint32_t rounds)
{
    static uint32_t v[NUMBERS];
    uint32_t state = 3, sum = 0;

    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < NUMBERS; i++)
            v[i] = next(&state);
        sort(v, 0, NUMBERS - 1);
        sum ^= v[NUMBERS / 2];
    }
    return sum;
}

/* ---- calls ---- */

/* Not static: a compiler that sees all callers turns this into another program. */
uint32_t fibonacci(uint32_t n);

uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

/* ---- scanning: bytes and branches ---- */

#define TEXT 65536

static uint32_t scanning(uint32_t rounds)
{
    static uint8_t text[TEXT];
    uint32_t state = 4, words = 0, digits = 0, depth = 0;

    for (int i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(32 + next(&state) / 65536 % 95);
    for (uint32_t r = 0; r < rounds; r++) {
        int in_word = 0;

        for (int i = 0; i < TEXT; i++) {
            uint8_t c = text[i];

            if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
                words += !in_word;
                in_word = 1;
                continue;
            }
            in_word = 0;
            if (c >= '0' && c <= '9')
                digits++;
            else if (c == '(' || c == '{' || c == '[')
                depth++;
            else if (c == ')' || c == '}' || c == ']')
                depth--;
        }
    }
    return words ^ digits ^ depth;
}

/* ---- calls through pointers ---- */

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a + b;
}
static uint32_t minus(uint32_t a, uint32_t b)
{
    return a - b;
}
static uint32_t times(uint32_t a, uint32_t b)
{
    return a * b;
}
static uint32_t mixed(uint32_t a, uint32_t b)
{
    return a ^ (b >> 3);
}

static uint32_t pointers(uint32_t rounds)
{
    static uint32_t (*volatile const table[4])(uint32_t, uint32_t) = {plus, minus, times, mixed};
    uint32_t state = 5, v = 1;

    for (uint32_t r = 0; r < rounds; r++) {
        uint32_t x = next(&state);

        v = table[x >> 30](v, x);
    }
    return v;
}

uint32_t wasm_kernel(uint32_t which);

uint32_t wasm_kernel(uint32_t which)
{
    switch (which) {
    case 0:
        return hash(60000);
    case 1:
        return matrices(30);
    case 2:
        return sorting(8);
    case 3:
        return fibonacci(31);
    case 4:
        return scanning(150);
    default:
        return pointers(8000000);
    }
}

#ifdef __wasm__
static uint32_t result;
static uint8_t room[4096];

EXPORT("alloc") uint8_t *alloc(uint32_t n)
{
    return n <= sizeof(room) ? room : 0;
}

EXPORT("kernel") uint64_t kernel(uint8_t *which, uint32_t n)
{
    result = wasm_kernel(n ? *which : 0);
    return (uint64_t)(uintptr_t)&result << 32 | sizeof(result);
}
#endif
