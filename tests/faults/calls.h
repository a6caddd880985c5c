/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a careful client, and a tally of how they were answered.
 *
 * A careful client gives every POST an Idempotency-Key and repeats it, with the same key, until it
 * knows the outcome: after no answer, UNAVAILABLE, a deadline, or a limit. So each promise of the
 * shop can be checked exactly: what was acknowledged took effect once, and every request ends. */
#ifndef TESTS_FAULTS_CALLS_H
#define TESTS_FAULTS_CALLS_H

#include "tests/crash/http_peer.h"

/* Which part of the shop a call needs. */
enum route { ROUTE_ACCOUNT, ROUTE_CATALOGUE, ROUTE_CART, ROUTE_ORDER, ROUTE_SELLER, ROUTES };

/* One call, counted. Returns its status as http_peer_call does. */
int calls_once(struct http_peer *peer, enum route route, const char *method, const char *path,
               const char *body);
/* Repeats a call until its outcome is known; 0 after two minutes, which is counted as a failure. */
int calls_until_known(struct http_peer *peer, enum route route, const char *method,
                      const char *path, const char *body);

/* Prints what is broken and counts it; the text of the peer's last answer is added. */
void calls_fail(const char *what, const char *which, const struct http_peer *peer);
int calls_failures(void);
/* Prints a line for each route: its answers and, in milliseconds, how long refusals took. */
void calls_report(void);

#endif
