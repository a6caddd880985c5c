/* SPDX-License-Identifier: Apache-2.0 */
/* Lost answers, for tests only: what happens when the connection breaks before or after the server
 * has received a change. */
#ifndef STORE_REDIS_REDIS_FATE_H
#define STORE_REDIS_REDIS_FATE_H

enum redis_fate {
    REDIS_FATE_ANSWERED,
    REDIS_FATE_MADE,   /* the change is made, but its answer is lost */
    REDIS_FATE_UNMADE, /* the change does not reach the server, but nobody knows that */
};

/* Of the nth change from now on, of this process; 0: of none. */
void redis_set_fate(enum redis_fate fate, int nth);

#endif
