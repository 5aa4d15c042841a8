/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_HOOKS_INTERNAL_H
#define METACORE_HOST_HOOKS_INTERNAL_H

/**
 * hooks: addons' code, in modules and on servers, called around what happens.
 *
 * Promised: a before_ hook has said yes to exactly what is written, this input on this row, however
 * it is written; it is asked outside of the transaction, and again when the row changed meanwhile,
 * so that it may be asked about writes that are not made. An after_ hook is called at least once
 * for every write that was committed, and never for another: the call is a job that is written with
 * the row. Those of one write run in their order, save asynchronous ones; of two writes no order is
 * promised. A server that is away is tried again; an answer, whatever it is, is not.
 *
 * Threads:  thread-safe.
 */

#include "metacore/host/host_internal.h"
#include "metacore/lifecycle/hooks.h"

#define MC__HOOK_DEPTH_MAX 4 /* hooks that call each other by what they write */
#define MC__HOOK_TIMEOUT_MS 10000

typedef struct mc__hook_call {
    const mc_hook *hook;
    mc_str addon_key;
    mc_str event;   /* its name */
    mc_str payload; /* JSON */
    /* Of a change that is being made; NULL: it is looked for, and runs only when it is enabled. */
    const mc_installation *installation;
    const mc_model *const *own; /* models that are not registered yet */
    size_t own_count;
    const mc_install_secrets *secrets; /* of a server's call; NULL: those of what is enabled */
    mc_str delivery; /* of an after_ hook, for servers: the same however often it is called */
} mc__hook_call;

/**
 * hooks_call.c: calls one hook and waits. ctx->conn reads; NULL: one is opened.
 * Errors  REJECTED: it says no, in its words; ctx->failure_code is its code. Any other: it could
 *         not be asked, or failed.
 */
mc_code mc__hook_run(mc_app *app, mc_ctx *ctx, const mc__hook_call *call, mc_err *err);

/* hooks_rows.c: seams of dynamic; user is the app. */
bool mc__hooks_are_asked(void *user, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event);
mc_code mc__hooks_ask(void *user, mc_ctx *ctx, const mc_dynamic_question *question, mc_err *err);
/* {"event","model","record","id"?,"input"?}; empty: not there */
void mc__hook_write_row(mc_buf *out, mc_hook_event event, const mc_model *model, mc_uuid id,
                        mc_str input, mc_str record);

/* hooks_lifecycle.c */
bool mc__hooks_of_change(const mc_hook_set *set, mc_hook_event event);
/* Asks the servers among them, before the change. secrets: NULL: those of what is enabled. */
mc_code mc__hooks_ask_change(mc_app *app, mc_ctx *ctx, const mc_hook_set *set, mc_hook_event event,
                             const mc_addon_change *change, const mc_install_secrets *secrets,
                             mc_err *err);
/* In its transaction: calls the modules among them; in one that others share (ctx->is_alone is
 * not set) all of them are called later. UNINSTALLED: before anything of it is done. */
mc_code mc__hooks_within_change(mc_app *app, mc_ctx *ctx, const mc_addon_change *change,
                                mc_err *err);
/* fn enables, disables or uninstalls target in ctx->conn's transaction; with the hooks of event
 * around it. Blocks. */
mc_code mc__host_change(mc_app *app, mc_ctx *ctx, mc_hook_event event,
                        const mc_install_target *target, mc_db_fn fn, void *user, mc_err *err);

/* hooks_after.c */
/* Calls all hooks of event with payload once ctx->conn's transaction is committed. */
mc_code mc__hooks_enqueue(mc_app *app, mc_ctx *ctx, mc_str addon_key, mc_hook_event event,
                          mc_str payload, mc_err *err);
/* Writes the jobs that call what follows a write; the outbox is there before dynamic. */
mc_code mc__hooks_add_after(mc_app *app, mc_err *err);
/* The kind of job that does it. */
mc_code mc__hooks_add_kind(mc_app *app, mc_err *err);

#endif
