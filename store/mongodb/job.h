/* SPDX-License-Identifier: Apache-2.0 */
/* One command on a thread of the lane. Private to store/mongodb. */
#ifndef STORE_MONGODB_JOB_H
#define STORE_MONGODB_JOB_H

#include <stdatomic.h>

#include "store/mongodb/library.h"
#include "base/str.h"

struct mongodb_job {
    mongoc_client_pool_t *pool;
    const char *database;
    struct str command;
    bool writes;
    bool patient;        /* waits for a server even as the breaker's probe, for libmongoc's words */
    bool hurried;        /* fails at once if libmongoc knows of no server: it is the probe */
    int64_t deadline_us; /* monotonic */
    atomic_bool given_up; /* set by the fiber: stop waiting for the server */

    /* Set by the job: */
    bool begun;
    bool ok;
    bool unasked; /* hurried, and no server was known */
    bool late;    /* the deadline passed, or it was given up, while it waited for the server */
    bson_error_t error;
    bson_t reply; /* to be destroyed, however the job ends */
};

/* The job of the lane: takes a client from the pool and runs the command. */
void mongodb_job_run(void *job);
/* The job never began: makes an empty reply. */
void mongodb_job_init(struct mongodb_job *job);

#endif
