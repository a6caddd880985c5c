/* SPDX-License-Identifier: Apache-2.0 */
/* A call: one piece of work for a caller, with its memory, deadline, cancellation and fiber.
 *
 * Suspension is in the signature. A function that takes `struct call *` may suspend the fiber; one
 * that takes `const struct call *` reads the call and may allocate in its arena, and never
 * suspends; one that takes `struct arena *` only allocates; one that takes none of them is pure.
 * Only fiber_suspend (fiber/fiber.h) suspends.
 *
 * What was read from the shard's own state before a suspension is stale after it.
 *
 * A child call (a handler that calls another service in process) has its own `struct call` on the
 * same fiber and arena. Its deadline is never later than its parent's, and it is cancelled when its
 * parent is. */
#ifndef FIBER_CALL_H
#define FIBER_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/trace.h"

struct fiber;
struct shard;
struct rpc_scope; /* rpc/: identity, metadata, the service; NULL outside an rpc */

enum { CALL_NO_DEADLINE = 0 };

/* Whose work a call does, for fair shares of scarce resources: first of the address, then of the
 * account among those that share the address. Hashes; 0: not known. */
struct call_caller {
    uint64_t address; /* an IPv6 /64 network counts as one */
    uint64_t account;
};

struct call {
    struct arena *arena;
    struct shard *shard;
    struct fiber *fiber;
    struct call *parent;       /* NULL for the outermost call of the fiber */
    const struct trace *trace; /* never NULL */
    struct rpc_scope *scope;
    struct call_caller caller;
    int64_t deadline_us; /* monotonic; CALL_NO_DEADLINE */
    bool cancelled;
    bool patient; /* no client waits for it: its writes may wait a little to share a commit */
};

/* A child of `parent`: same fiber, arena and trace. Its deadline is the parent's or `timeout_ms`
 * from now, whichever is earlier; `timeout_ms` 0 keeps the parent's. */
void call_init_child(struct call *call, struct call *parent, int64_t timeout_ms);

/* Brings the deadline forward to `timeout_ms` from now, if that is earlier; 0 or less changes
 * nothing. */
void call_limit(struct call *call, int64_t timeout_ms);

/* Was this call or one of its ancestors cancelled? */
bool call_is_cancelled(const struct call *call);

/* OK, or CANCELLED, or DEADLINE_EXCEEDED: what a suspension would return now. Never suspends. */
struct status call_check(const struct call *call);

/* Microseconds until the deadline, at least 0; INT64_MAX without one. */
int64_t call_remaining_us(const struct call *call);

/* Empties an arena that holds one message or page at a time of the call's work, and charges what it
 * holds next to the budget of the call's own arena. Release it before the call ends. */
void call_arena_reset(const struct call *call, struct arena *arena);

/* Marks the call, and with it its child calls, as cancelled. Their fibers, also those of groups,
 * are made ready with CANCELLED if they are suspended, and run at the end of the turn. Only on the
 * call's shard. */
void call_cancel(struct call *call);

#endif
