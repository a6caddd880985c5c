/* SPDX-License-Identifier: Apache-2.0 */
/* Lost answers, for tests only: what happens when the connection breaks before or after the server
 * has received a change, and nothing can be asked any more before the call ends. */
#ifndef STORE_DYNAMODB_DYNAMODB_FATE_H
#define STORE_DYNAMODB_DYNAMODB_FATE_H

enum dynamodb_fate {
    DYNAMODB_FATE_ANSWERED,
    DYNAMODB_FATE_MADE,   /* the change is made, but its answer is lost */
    DYNAMODB_FATE_UNMADE, /* the change does not reach the server, but nobody knows that */
};

/* Of the nth dynamodb_write from now on, of this process; 0: of none. Its caller gets
 * STORE_OUTCOME_UNKNOWN. */
void dynamodb_set_fate(enum dynamodb_fate fate, int nth);

#endif
