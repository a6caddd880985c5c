/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing and checking passwords on a lane, with the back-off checked before and after. */
#include "rpc/passwords.h"

#include <pthread.h>

#include "base/clock.h"
#include "fiber/lane.h"
#include "rpc/password_backoff.h"
#include "rpc/rpc.h"

enum {
    THREADS = 2,
    QUEUE_MAX = 128,
    BACKOFF_ENTRIES = 65536,
    US_PER_S = 1000000,
    US_PER_MS = 1000
};

struct passwords {
    struct lane *lane;
    struct password_backoff *backoff;
    int users;
};

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static struct passwords shared;

struct passwords *passwords_open(void)
{
    pthread_mutex_lock(&opening);
    if (shared.users++ == 0) {
        shared.lane = lane_new("passwords", THREADS, QUEUE_MAX);
        shared.backoff = password_backoff_new(BACKOFF_ENTRIES);
    }
    pthread_mutex_unlock(&opening);
    return &shared;
}

void passwords_close(struct passwords *passwords)
{
    pthread_mutex_lock(&opening);
    if (--passwords->users == 0) {
        lane_free(passwords->lane);
        password_backoff_free(passwords->backoff);
    }
    pthread_mutex_unlock(&opening);
}

/* ---- hashing ---- */

struct hash_job {
    const struct password_policy *policy;
    struct str password;
    char hash[PASSWORD_HASH_SIZE];
    bool done;
};

static void hash_in_lane(void *data)
{
    struct hash_job *job = data;

    job->done = password_hash(job->policy, job->password, job->hash);
}

struct status passwords_hash(struct call *call, struct passwords *passwords,
                             const struct password_policy *policy, const char *password,
                             const char **ret_hash)
{
    struct hash_job *job = arena_new(call->arena, struct hash_job);

    job->policy = policy;
    job->password = str_of(password);
    struct status st = lane_run(call, passwords->lane, hash_in_lane, job);
    if (failed(st)) return st;
    if (!job->done)
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "password",
                            "cannot be hashed; with bcrypt it may have at most 72 bytes");
    *ret_hash = job->hash;
    return status_ok();
}

/* ---- checking ---- */

struct check_job {
    const struct password_trial *trial;
    bool good;
};

/* A login without an account must take as long as a verification, and hashing with the same
 * parameters does. A fixed text is hashed, because the given password might be refused at once, as
 * bcrypt does with long ones. */
static void check_in_lane(void *data)
{
    struct check_job *job = data;
    char decoy[PASSWORD_HASH_SIZE];

    if (job->trial->hash) {
        job->good = password_verify(str_of(job->trial->password), job->trial->hash);
    } else {
        (void)password_hash(job->trial->policy, STR("nobody's password"), decoy);
        job->good = false;
    }
}

static struct status check_backoff(const struct call *call, const struct passwords *passwords,
                                   const char *account)
{
    int64_t wait_us = password_backoff_wait_us(passwords->backoff, account, call_peer(call),
                                               clock_monotonic_us());

    if (wait_us == 0) return status_ok();
    struct status_details *details = arena_new(call->arena, struct status_details);
    details->retry_after_ms = (wait_us + US_PER_MS - 1) / US_PER_MS;
    struct status st = status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED,
                                     ARGOSY__REASON__LOGIN_BACKOFF,
                                     "too many failed logins; try again in %lld s",
                                     (long long)(wait_us + US_PER_S - 1) / US_PER_S);
    st.details = details;
    return st;
}

struct status passwords_check(struct call *call, struct passwords *passwords,
                              const struct password_trial *trial)
{
    const char *account = str_lower(call->arena, str_of(trial->email));
    struct check_job *job = arena_new(call->arena, struct check_job);
    struct status st;

    st = check_backoff(call, passwords, account);
    if (failed(st)) return st;

    job->trial = trial;
    st = lane_run(call, passwords->lane, check_in_lane, job);
    if (failed(st)) return st;
    /* Check again before the verdict: parallel guesses must wait like successive ones, and must not
     * learn from the answer which of them was right. */
    st = check_backoff(call, passwords, account);
    if (failed(st) || !job->good)
        password_backoff_failed(passwords->backoff, account, call_peer(call), clock_monotonic_us());
    if (failed(st)) return st;
    if (!job->good)
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__CREDENTIALS_WRONG,
                           "the address or the password is wrong; check both");
    password_backoff_succeeded(passwords->backoff, account, call_peer(call));
    return status_ok();
}
