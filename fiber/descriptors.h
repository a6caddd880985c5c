/* SPDX-License-Identifier: Apache-2.0 */
/* The process's file descriptors, and how many of them clients' connections may hold.
 *
 *     limit = descriptors_raise();                            at the start
 *     descriptors_limit_connections(limit - in use - reserve);  when everything is open
 *
 * Listeners take one for each connection that they accept and stop accepting while none is left;
 * new connections then wait in the kernel's queue. The rest is reserved for databases, files and
 * the listeners that may use the reserve (`reserved` in struct listener_events). Any thread. */
#ifndef FIBER_DESCRIPTORS_H
#define FIBER_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Raises the soft limit of open files (RLIMIT_NOFILE) to the hard one, and returns the limit in
 * force. */
size_t descriptors_raise(void);

/* How many are open now. */
size_t descriptors_open(void);

/* Limits how many connections are open at a time; until it is called only the system's limit
 * holds. */
void descriptors_limit_connections(size_t connections_max);

/* Takes one for a connection; false when all are taken. */
bool descriptors_take(void);
void descriptors_give(void);

struct descriptor_stats {
    size_t connections, connections_max; /* SIZE_MAX: no limit */
};
void descriptor_stats(struct descriptor_stats *ret_stats);

#endif
