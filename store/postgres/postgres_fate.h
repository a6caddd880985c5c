/* SPDX-License-Identifier: Apache-2.0 */
/* The fate of commits, for tests: makes the answer of a commit be lost, as sqlite_fate.h does for the
 * embedded store. */
#ifndef STORE_POSTGRES_POSTGRES_FATE_H
#define STORE_POSTGRES_POSTGRES_FATE_H

/* The nth commit of the process from now on (1 is the next one) is made, but its caller is told that
 * its outcome is unknown (STORE_OUTCOME_UNKNOWN). Call it while nothing is being written. */
void postgres_lose_answer(int nth);

#endif
