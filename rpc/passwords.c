/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing and checking passwords on a lane, with the back-off checked before and after. */
#include "rpc/passwords.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/hash.h"
#include "fiber/lane.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "rpc/password_backoff.h"
#include "rpc/password_tally.h"
#include "rpc/rpc.h"

enum {
    THREADS = 2,
    QUEUE_MAX = 128,
    BACKOFF_ENTRIES = 65536,
    TELL_EVERY_US = 10 * 1000000, /* that the shared counters are away */
    US_PER_S = 1000000,
    US_PER_MS = 1000
};

static struct metric checks = METRIC_COUNTER(
    "argosy_password_checks_total",
    "Passwords that were checked, by the counters of wrong ones that decided: those that all "
    "processes share, or this process's own.",
    "counters");

struct passwords {
    struct lane *lane;
    struct password_backoff *backoff; /* what this process has seen itself */
    struct password_tally *tally;     /* NULL: no counters are shared */
    struct metric_series *by_tally, *by_own;
    atomic_bool away;        /* is it logged that the shared counters cannot be used? */
    _Atomic int64_t told_us; /* when this was last logged; monotonic */
    struct arena arena;
    int users;
};

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static struct passwords shared;

static int64_t first_wait_us(const struct service_context *context)
{
    return config_duration_ms(context->config, "LOGIN_BACKOFF") * US_PER_MS;
}

static struct status open_tally(const struct service_context *context, struct passwords *passwords)
{
    const char *url = config_text(context->config, "AUTH_CACHE");

    if (!url[0]) return status_ok();
    struct status st = password_tally_new(&passwords->arena, context->shards, url,
                                          first_wait_us(context), &passwords->tally);
    if (!failed(st)) return st;
    return status_printf(context->arena, st.code, st.reason, "AUTH_CACHE: %s", st.message);
}

static struct status open_first(const struct service_context *context, struct passwords *passwords)
{
    *passwords = (struct passwords){0};
    arena_init(&passwords->arena, 0);
    struct status st = open_tally(context, passwords);
    if (failed(st)) {
        arena_release(&passwords->arena);
        return st;
    }
    passwords->by_tally = metric_series(&checks, "shared");
    passwords->by_own = metric_series(&checks, "own");
    passwords->lane = lane_new("passwords", THREADS, QUEUE_MAX);
    passwords->backoff = password_backoff_new(BACKOFF_ENTRIES, first_wait_us(context));
    return st;
}

struct status passwords_open(const struct service_context *context,
                             struct passwords **ret_passwords)
{
    struct status st = status_ok();

    pthread_mutex_lock(&opening);
    if (shared.users == 0) st = open_first(context, &shared);
    if (!failed(st)) shared.users++;
    pthread_mutex_unlock(&opening);
    if (!failed(st)) *ret_passwords = &shared;
    return st;
}

void passwords_close(struct passwords *passwords)
{
    pthread_mutex_lock(&opening);
    if (--passwords->users == 0) {
        lane_free(passwords->lane);
        password_backoff_free(passwords->backoff);
        password_tally_close(passwords->tally);
        arena_release(&passwords->arena);
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

/* ---- back-off ---- */

/* Logs when the shared counters become unusable, at most every TELL_EVERY_US, and when they are back. */
static void note_tally(const struct call *call, struct passwords *passwords, bool answered)
{
    int64_t now_us = clock_monotonic_us(), told_us = atomic_load(&passwords->told_us);
    bool away = answered;

    if (!answered && told_us && now_us - told_us < TELL_EVERY_US) return;
    if (!atomic_compare_exchange_strong(&passwords->away, &away, !answered)) return;
    if (answered) {
        log_info(call->trace, "wrong passwords are counted for all processes again (AUTH_CACHE)");
        return;
    }
    atomic_store(&passwords->told_us, now_us);
    log_warn(call->trace,
             "the Redis server of AUTH_CACHE does not answer, so this process counts only the "
             "wrong passwords that it sees itself, and logins go on; look after that server");
}

/* The process's own counters are always kept, and decide if the shared ones do not answer. `good`
 * NULL: the password has not been compared yet. */
static int64_t wait_of(struct call *call, struct passwords *passwords, const char *account,
                       const bool *good)
{
    struct password_backoff *own = passwords->backoff;
    int64_t now_us = clock_monotonic_us(), wait_us = 0, own_us;
    bool answered = false, accepted;

    if (passwords->tally) {
        answered = good ? password_tally_judge(call, passwords->tally, account, call_peer(call),
                                               *good, &wait_us)
                        : password_tally_wait(call, passwords->tally, account, call_peer(call),
                                              &wait_us);
        if (answered || !failed(call_check(call))) note_tally(call, passwords, answered);
    }
    if (!good) {
        own_us = password_backoff_wait_us(own, account, call_peer(call), now_us);
    } else {
        accepted = *good && wait_us == 0;
        own_us = password_backoff_judge_us(own, account, call_peer(call), accepted, now_us);
        metric_add(answered ? passwords->by_tally : passwords->by_own, 1);
    }
    return answered ? wait_us : own_us;
}

static struct status refuse_for_now(const struct call *call, int64_t wait_us)
{
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
    struct call turn;
    struct status st;

    int64_t wait_us = wait_of(call, passwords, account, NULL);
    if (wait_us > 0) return refuse_for_now(call, wait_us);

    job->trial = trial;
    call_init_child(&turn, call, 0);
    /* Who logs in has no account yet, and would share one turn with all others at the address. */
    if (!turn.caller.account) turn.caller.account = hash_text(HASH_START, account);
    st = lane_run(&turn, passwords->lane, check_in_lane, job);
    if (failed(st)) return st;
    /* Ask again before the verdict: parallel guesses must wait like successive ones, and must not
     * learn from the answer which of them was right. A call whose time is over learns nothing
     * either, because what it tried may not have been counted for the other processes. */
    wait_us = wait_of(call, passwords, account, &job->good);
    st = call_check(call);
    if (failed(st)) return st;
    if (wait_us > 0) return refuse_for_now(call, wait_us);
    if (!job->good)
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__CREDENTIALS_WRONG,
                           "the address or the password is wrong; check both");
    return status_ok();
}
