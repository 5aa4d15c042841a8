/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_CHANNEL_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_CHANNEL_INTERNAL_H

/*
 * The memory that a server's thread and a child share: whose turn it is, what is said, and the
 * bytes that go with it.
 *
 *   server: CALL -> child: (HOST_CALL -> server: HOST_RESULT ->)* -> DONE, TRAP or OVERSIZE
 *
 * The server reads each field once and then checks it: a child that was broken into may write
 * anything here at any time. The child trusts the server.
 */

#include "metacore/runtime/wasm/wasm_runtime.h"

#include <stdatomic.h>

enum { MC__WASM_TURN_SERVER = 0, MC__WASM_TURN_CHILD = 1 };

enum {
    MC__WASM_SAY_READY = 1,   /* the child is set up */
    MC__WASM_SAY_FAILED,      /* or could not be; payload: why */
    MC__WASM_SAY_CALL,        /* function, dialect; payload: input */
    MC__WASM_SAY_HOST_CALL,   /* function: which import; lens: of its arguments, one by one */
    MC__WASM_SAY_HOST_RESULT, /* payload: result; function 1: end the call instead */
    MC__WASM_SAY_DONE,        /* payload: output */
    MC__WASM_SAY_TRAP,        /* function: which; payload: why, when it is more than its name */
    MC__WASM_SAY_BAD_RESULT,  /* output outside of the memory */
    MC__WASM_SAY_OVERSIZE,    /* a message beyond MC_WASM_MESSAGE_MAX */
};

/* How a function takes its input and gives its output. */
enum { MC__WASM_DIALECT_PAIR, MC__WASM_DIALECT_PACKED, MC__WASM_DIALECT_PLAIN };

#define MC__WASM_OUTPUT_MAX ((size_t)64 << 10) /* of what a call writes to its streams */
#define MC__WASM_SEED_BYTES 32

typedef struct mc__wasm_channel {
    _Atomic uint32_t turn;     /* a futex */
    _Atomic uint32_t waits[2]; /* by side: it sleeps, or is about to, and has to be woken */
    uint32_t say;
    uint32_t function;
    uint32_t dialect;
    uint32_t alloc; /* function index of the guest's own; UINT32_MAX: none */
    uint32_t count; /* of lens */
    uint32_t lens[MC_WASM_HOST_ARGS_MAX];
    uint32_t len;           /* of payload: the sum of lens, or the one message */
    uint32_t output_len;    /* grows during a call, also when that never answers */
    uint32_t output_is_cut; /* there was more */
    uint8_t seed[MC__WASM_SEED_BYTES];
    uint8_t reserved[4096 - 15 * sizeof(uint32_t) - MC__WASM_SEED_BYTES];
    uint8_t output[MC__WASM_OUTPUT_MAX];
    uint8_t payload[MC_WASM_MESSAGE_MAX];
} mc__wasm_channel;

/* A new one in a memfd, mapped. */
mc_code mc__wasm_channel_new(mc__wasm_channel **out, int *out_fd, mc_err *err);
void mc__wasm_channel_free(mc__wasm_channel *channel);
mc__wasm_channel *mc__wasm_channel_map(int fd);

/*
 * How a side waits. The pair shares a processor, so giving it up once usually is enough for the
 * other to have its turn and end it: that is half of what sleeping and being woken costs. Where
 * somebody else takes the processor instead, it is not tried again for a while. Each side has its
 * own; zero it.
 */
typedef struct mc__wasm_patience {
    uint32_t skip; /* so many waits sleep at once */
    uint32_t backoff;
    /* Told of each wait of the server that lasts: the other computes; NULL: nobody is. */
    void (*on_long)(void *user);
    void *user;
} mc__wasm_patience;

/* Ends one's turn. */
void mc__wasm_channel_pass(mc__wasm_channel *channel, uint32_t to);
/* The child's wait, without end. patience NULL: it sleeps at once, and is not in anybody's way. */
void mc__wasm_channel_wait(mc__wasm_channel *channel, uint32_t mine, mc__wasm_patience *patience);
/* Lets the other side go first, as far as patience goes. */
void mc__wasm_channel_rest(const mc__wasm_patience *patience);
/*
 * The server's wait. MC_TIMEOUT at deadline_us (monotonic); MC_UNAVAILABLE when the process behind
 * pidfd has ended, which is looked at in between.
 */
mc_code mc__wasm_channel_wait_until(mc__wasm_channel *channel, int pidfd, int64_t deadline_us,
                                    mc__wasm_patience *patience);

#endif
