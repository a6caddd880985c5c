/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of rpc/password_backoff.h in Redis, for all processes that are given the same
 * server: a guesser gains nothing by spreading guesses over processes. The server's clock measures
 * the waits.
 *
 * A counter is a key `backoff:<kind>:<digest of account and address>`, which expires when its
 * failures have faded. A server that loses, evicts or never gets a counter forgets failures, and no
 * more: each step waits PASSWORD_TALLY_TIMEOUT_MS at most, after a few failures not at all
 * (store/breaker.h), and the caller then asks its own process's counters. */
#ifndef RPC_PASSWORD_TALLY_H
#define RPC_PASSWORD_TALLY_H

#include "fiber/call.h"
#include "fiber/shard.h"

struct password_tally;

enum { PASSWORD_TALLY_TIMEOUT_MS = 100 };

/* Reads the URL, reaches nobody; the first wait is of `first_us`. INVALID_ARGUMENT or
 * FAILED_PRECONDITION (SETTING_INVALID). Before the shards run. */
struct status password_tally_new(struct arena *arena, struct shards *shards, const char *url,
                                 int64_t first_us, struct password_tally **ret_tally);
/* After the shards have been joined; does nothing for NULL. */
void password_tally_close(struct password_tally *tally);

/* As password_backoff_wait_us. False if the server did not answer. */
bool password_tally_wait(struct call *call, struct password_tally *tally, const char *account,
                         const char *address, int64_t *ret_wait_us);
/* As password_backoff_judge_us. If it returns false, the result may be recorded or not. */
bool password_tally_judge(struct call *call, struct password_tally *tally, const char *account,
                          const char *address, bool good, int64_t *ret_wait_us);

#endif
