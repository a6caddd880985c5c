/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: writes whose answers are lost.
 *
 *     mongodb_lose_answer(1);       the next write is made, and its answer is lost
 *
 * The caller of mongodb_write then gets STORE_OUTCOME_UNKNOWN. */
#ifndef STORE_MONGODB_MONGODB_FATE_H
#define STORE_MONGODB_MONGODB_FATE_H

/* Of the nth write of this process from now on; 0: of none. */
void mongodb_lose_answer(int nth);

#endif
