/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_SOCKET_H
#define METACORE_SERVER_SOCKET_H

/**
 * socket: what an HTTP exchange becomes by a 101: a strict RFC 6455 WebSocket on its loop.
 *
 * A handler that finds mc_upgrade_check content answers with mc_answer.upgrade. From then on the
 * exchange and its arena are given back, and an idle socket holds no buffer. Whole text messages
 * arrive at on_text; frames are encoded once, shared by all who get them, and written together once
 * per turn of the loop. A reader that falls behind by more than its backlog is closed with 1013.
 *
 * Everything about a socket happens on its loop's thread: its callbacks are called there, and its
 * functions are called from there. Other threads reach it by a task (mc_server_post). That leaves
 * nothing to lock, and one owner who frees it.
 *
 * Not here: who is told what (ws). No extension and no subprotocol is ever agreed to.
 * Threads:  a socket is its loop thread's; frames and tasks may come from any.
 * Standard: RFC 6455.
 */

#include "metacore/server/server.h"

MC_BEGIN_DECLS

#define MC_CLOSE_NORMAL 1000
#define MC_CLOSE_GOING_AWAY 1001 /* the server stops */
#define MC_CLOSE_PROTOCOL 1002
#define MC_CLOSE_UNSUPPORTED 1003 /* binary */
#define MC_CLOSE_NO_CODE 1005     /* never sent: the other side gave none */
#define MC_CLOSE_ABNORMAL 1006    /* never sent: the connection broke */
#define MC_CLOSE_NOT_UTF8 1007
#define MC_CLOSE_POLICY 1008
#define MC_CLOSE_TOO_BIG 1009
#define MC_CLOSE_INTERNAL 1011
#define MC_CLOSE_TRY_LATER 1013 /* it did not read what it was sent */

/* ---- the handshake ---- */

/**
 * MC_OK when message asks for a WebSocket and does it right.
 *
 * out_status  else the answer: 426 when it asks for none or for another version (an answer of 426
 *             carries Upgrade and Sec-WebSocket-Version), 400 when it asks wrongly
 * Errors      INVALID, naming what is wrong.
 */
MC_API MC_MUST_USE mc_code mc_upgrade_check(const mc_message *message, int *out_status,
                                            mc_err *err);

typedef struct mc_socket_handler {
    uint32_t struct_size;
    /** Optional. The 101 is out; frames may be sent. */
    void (*on_open)(void *user, mc_socket *socket);
    /** Optional. A whole message, valid UTF-8; text is gone after the call. */
    void (*on_text)(void *user, mc_socket *socket, mc_str text);
    /** Optional. A backlog that the client would not take is out. */
    void (*on_drained)(void *user, mc_socket *socket);
    /**
     * Required, and called once for every upgrade that was answered, also when the client had left
     * before (socket NULL: on_open never came). code is what was sent or received first, or
     * MC_CLOSE_ABNORMAL. socket is no more afterwards.
     */
    void (*on_close)(void *user, mc_socket *socket, int code);
} mc_socket_handler;

/** What mc_answer.upgrade points to, in the exchange's arena; handler outlives the server. */
struct mc_upgrade {
    const mc_socket_handler *handler;
    void *user;
};

/* ---- frames ---- */

/** One text message, encoded; counted. */
typedef struct mc_frame mc_frame;

/** text is UTF-8, which is the caller's to know; copied. */
MC_API MC_MUST_USE mc_code mc_frame_new(mc_str text, mc_frame **out, mc_err *err);
MC_API mc_frame *mc_frame_ref(mc_frame *frame);
MC_API void mc_frame_unref(mc_frame *frame);

/* ---- on the loop's thread ---- */

/** Queues; takes a reference of its own. Over the backlog the socket is closed with 1013; once it
 *  is closing nothing is sent any more. Never calls back. */
MC_API void mc_socket_send(mc_socket *socket, mc_frame *frame);
/** Says goodbye after what is queued; reason is at most 123 bytes of UTF-8. Never calls back: the
 *  socket lives until on_close. */
MC_API void mc_socket_close(mc_socket *socket, int code, mc_str reason);
/** Bytes that are queued. */
MC_API size_t mc_socket_backlog(const mc_socket *socket);
MC_API bool mc_socket_is_closing(const mc_socket *socket);
MC_API unsigned mc_socket_loop(const mc_socket *socket);
MC_API void *mc_socket_user(const mc_socket *socket);

/* ---- from any thread to a loop's ---- */

/** Embedded in the caller's object; the loop's from mc_server_post until run returns false. */
typedef struct mc_task {
    struct mc_task *next;
    /** On the loop's thread. True: again, after the loop has looked at its sockets: long work is
     *  done in slices. After false the loop does not touch task any more. */
    bool (*run)(struct mc_task *task, unsigned loop);
} mc_task;

/** loop: 0 … mc_server_loops - 1. A task posted to a server that has stopped is never run. */
MC_API void mc_server_post(mc_server *server, unsigned loop, mc_task *task);
MC_API unsigned mc_server_loops(const mc_server *server);

MC_END_DECLS
#endif
