/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: one list per class. Within a class all timeouts are alike, so that a connection put at
 * the end keeps the list in order, and setting or clearing one costs nothing worth counting. */
#include "metacore/server/server_internal.h"

void mc__timer_clear(mc__conn *conn)
{
    mc__timers *list;

    if (conn->timer < 0)
        return;
    list = &conn->loop->timers[(int)conn->timer];
    if (conn->timer_prev)
        conn->timer_prev->timer_next = conn->timer_next;
    else
        list->first = conn->timer_next;
    if (conn->timer_next)
        conn->timer_next->timer_prev = conn->timer_prev;
    else
        list->last = conn->timer_prev;
    conn->timer_next = conn->timer_prev = NULL;
    conn->timer = -1;
}

void mc__timer_set(mc__conn *conn, int which, int64_t timeout_ms)
{
    mc__timers *list = &conn->loop->timers[which];

    mc__timer_clear(conn);
    conn->timer = (signed char)which;
    conn->deadline_us = conn->loop->now_us + timeout_ms * 1000;
    conn->timer_prev = list->last;
    if (list->last)
        list->last->timer_next = conn;
    else
        list->first = conn;
    list->last = conn;
}

int64_t mc__timers_next_us(const mc__loop *loop)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < MC__TIMER_COUNT; i++) {
        if (loop->timers[i].first && loop->timers[i].first->deadline_us < next)
            next = loop->timers[i].first->deadline_us;
    }
    return next;
}
