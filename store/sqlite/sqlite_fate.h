/* SPDX-License-Identifier: Apache-2.0 */
/* The fate of commits, for tests and simulations. A store whose engine is another process may have
 * committed without its answer ever coming back; the embedded store can only be made to:
 *
 *     sqlite_lose_answer(1);       the next commit is made, and its answer is lost
 *
 * Each write of a lost commit then fails with UNAVAILABLE (STORE_OUTCOME_UNKNOWN), although it has
 * taken effect. A write that was refused, and so changed nothing, keeps its own answer. */
#ifndef STORE_SQLITE_SQLITE_FATE_H
#define STORE_SQLITE_SQLITE_FATE_H

#include <stdbool.h>

/* Is the answer of the commit that was just made lost? `path` is the database's. Called on the
 * writer's thread. */
typedef bool sqlite_fate(const char *path, void *data);

/* Decides about all commits of the process from now on; NULL: no answer is lost. Call it while
 * nothing is being written. */
void sqlite_set_fate(sqlite_fate *fate, void *data);

/* Loses the answer of the nth commit from now on: 1 is the next one. Replaces any other fate. */
void sqlite_lose_answer(int nth);

#endif
