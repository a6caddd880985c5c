/* SPDX-License-Identifier: Apache-2.0 */
/* A store on MongoDB: the lane, the pool of clients, a breaker for each shard.
 *
 *     shard's fiber:  breaker admits -> job into the lane -> waits -> reports to the breaker
 *     lane's thread:  client from the pool -> command -> reply (job.c)
 */
#include "store/mongodb/mongodb.h"

#include "base/clock.h"
#include "base/random.h"
#include "fiber/lane.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/breaker.h"
#include "store/mongodb/change.h"
#include "store/mongodb/error.h"
#include "store/mongodb/job.h"
#include "store/mongodb/mongodb_fate.h"
#include "store/mongodb/url.h"
#include "store/store_metrics.h"

#define LIBRARY (&mongodb_library)

enum {
    WIRE_VERSION_MIN = 9, /* MongoDB 4.4 */
    US_PER_MS = 1000,
    /* A caller whose own deadline was earlier than this has learned nothing about the server. */
    SILENCE_US = 1000000,
};

/* What belongs to one shard. */
struct own {
    struct breaker breaker;
    bool shown_open;                                    /* in the metric */
    char problem[sizeof(((bson_error_t *)0)->message)]; /* why the last command found no server or
                                                           was not let in; "": it did not fail so */
    struct turns turns;
};

struct mongodb {
    const char *name;
    const char *database;
    mongoc_uri_t *uri;
    mongoc_client_pool_t *pool;
    struct lane *lane;
    struct own *own; /* one a shard */
    struct breaker_news news;
    struct store_metrics metrics;
    struct store_findings of_url;
};

struct status mongodb_new(struct arena *arena, struct shards *shards, const char *url,
                          const char *name, struct mongodb **ret_db)
{
    struct mongodb *db = arena_new(arena, struct mongodb);
    struct status st;

    st = mongodb_library_load(arena);
    if (failed(st)) return st;
    db->of_url.arena = arena;
    st = mongodb_url_read(url, name, &db->of_url, &db->uri);
    if (failed(st)) return st;
    db->pool = LIBRARY->mongoc_client_pool_new(db->uri);
    LIBRARY->mongoc_client_pool_set_error_api(db->pool, MONGOC_ERROR_API_VERSION_2);
    db->name = arena_strdup(arena, name);
    db->database = db->name;
    db->lane = lane_new(
        "mongodb",
        LIBRARY->mongoc_uri_get_option_as_int32(db->uri, MONGOC_URI_MAXPOOLSIZE, MONGODB_POOL_MAX),
        MONGODB_WAITERS_MAX);
    int count = shards_count(shards);
    db->own = arena_array(arena, struct own, (size_t)count);
    for (int i = 0; i < count; i++) db->own[i].breaker.news = &db->news;
    store_metrics_init(&db->metrics, db->name);
    *ret_db = db;
    return status_ok();
}

void mongodb_close(struct mongodb *db)
{
    lane_free(db->lane);
    LIBRARY->mongoc_client_pool_destroy(db->pool);
    LIBRARY->mongoc_uri_destroy(db->uri);
}

struct breaker_news *mongodb_news(struct mongodb *db)
{
    return &db->news;
}

void mongodb_use(struct mongodb *db, const char *database)
{
    db->database = database;
}

const char *mongodb_url_database(const struct mongodb *db, const char *fallback)
{
    const char *database = LIBRARY->mongoc_uri_get_database(db->uri);

    return database && database[0] ? database : fallback;
}

struct turns *mongodb_turns_of(struct mongodb *db, const struct call *call)
{
    return &db->own[call->shard->index].turns;
}

/* ---- one command ---- */

static atomic_int lose_nth;

void mongodb_lose_answer(int nth)
{
    atomic_store(&lose_nth, nth);
}

static bool loses_answer(void)
{
    return atomic_load(&lose_nth) > 0 && atomic_fetch_sub(&lose_nth, 1) == 1;
}

static void show_breaker(const struct mongodb *db, struct own *own)
{
    bool open = own->breaker.state != BREAKER_CLOSED;

    if (open == own->shown_open) return;
    metric_shift(db->metrics.breaker_open, open ? 1 : -1);
    own->shown_open = open;
    if (open)
        log_warn(0,
                 "mongodb: the store's server does not answer; its callers are refused until it "
                 "does",
                 LOG_STR("store", db->name), LOG_STR("error", own->problem));
    else
        log_info(0, "mongodb: the store's server answers again", LOG_STR("store", db->name));
}

static bool says_away(struct status st, const struct mongodb_job *job, int64_t took_us)
{
    if (job->late) return took_us >= SILENCE_US;
    if (!job->ok && mongodb_is_login_refused(&job->error)) return true;
    return st.reason == ARGOSY__REASON__STORE_UNREACHABLE ||
           st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN;
}

/* libmongoc has looked for the server in vain for a while, so there is no need to let two more callers
 * wait that long; nor to have a wrong password refused twice more. */
static bool is_conclusive(const struct mongodb_job *job)
{
    return !job->ok && (job->error.domain == MONGOC_ERROR_SERVER_SELECTION ||
                        mongodb_is_login_refused(&job->error));
}

static void report_failure(struct own *own, const struct mongodb_job *job, int64_t now_us)
{
    int times = is_conclusive(job) ? BREAKER_FAILURES_MAX : 1;

    while (times-- > 0 && own->breaker.state != BREAKER_OPEN)
        breaker_failed(&own->breaker, now_us, random_below(1 << 30));
}

static void report(struct mongodb *db, struct own *own, struct status st,
                   const struct mongodb_job *job, int64_t took_us)
{
    int64_t now_us = clock_monotonic_us();

    bool away = says_away(st, job, took_us);
    if (!job->unasked)
        snprintf(own->problem, sizeof(own->problem), "%s",
                 away && !job->ok ? job->error.message : "");
    if (away) {
        report_failure(own, job, now_us);
    } else if (job->late) {
        breaker_abandoned(&own->breaker, now_us);
    } else {
        breaker_succeeded(&own->breaker, now_us);
    }
    show_breaker(db, own);
}

static void give_up(void *job)
{
    ((struct mongodb_job *)job)->given_up = true;
}

/* What went wrong is for the log, with the server's address in it; callers learn only the status. */
static void log_failure(const struct call *call, const struct mongodb *db,
                        const struct mongodb_job *job, struct status st)
{
    if (st.code != STATUS_UNAVAILABLE && st.reason != ARGOSY__REASON__SETTING_INVALID) return;
    log_debug(call->trace, "mongodb: a command failed", LOG_STR("store", db->name),
              LOG_STR("error", job->ok ? st.message : job->error.message));
}

static struct status finish(struct call *call, struct mongodb *db, struct mongodb_job *job,
                            struct str *ret_reply)
{
    struct str reply = str_sized(
        arena_memdup(call->arena, LIBRARY->bson_get_data(&job->reply), job->reply.len),
        job->reply.len);
    const struct mongodb_result result = {
        .name = db->name,
        .writes = job->writes,
        .ok = job->ok,
        .late = job->late && failed(call_check(call)), /* else the limit of reads has passed */
        .error = &job->error,
        .reply = reply,
    };
    struct status st = mongodb_result_status(call->arena, &result);

    if (job->writes && loses_answer()) st = mongodb_outcome_unknown(call->arena, db->name);
    if (failed(st)) log_failure(call, db, job, st);
    *ret_reply = reply;
    return st;
}

static struct status refuse(struct call *call, const struct mongodb *db)
{
    return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "the %s service's store cannot be reached; try again later", db->name);
}

/* The reply is written for a failed command too. */
static struct status run(struct call *call, struct mongodb *db, struct mongodb_job *job,
                         struct str *ret_reply)
{
    struct own *own = &db->own[call->shard->index];
    int64_t begun_us = clock_monotonic_us(), took_us, left_us = call_remaining_us(call);
    const int64_t most_us = (job->writes ? MONGODB_TIMEOUT_MS : MONGODB_READ_TIMEOUT_MS) *
                            (int64_t)US_PER_MS;
    struct status st = call_check(call);

    if (failed(st)) return st;
    if (!breaker_admits(&own->breaker, begun_us)) return refuse(call, db);
    job->hurried = !job->patient && own->breaker.state == BREAKER_HALF_OPEN;
    show_breaker(db, own);
    job->pool = db->pool;
    job->deadline_us = begun_us + (left_us < most_us ? left_us : most_us);
    mongodb_job_init(job);
    metric_shift(db->metrics.busy, 1);
    st = lane_run_interruptible(call, db->lane, mongodb_job_run, give_up, job);
    metric_shift(db->metrics.busy, -1);
    took_us = clock_monotonic_us() - begun_us;
    if (failed(st) && !job->begun) /* the lane was full, or the caller went away while it waited */
        breaker_abandoned(&own->breaker, begun_us);
    else {
        st = finish(call, db, job, ret_reply);
        report(db, own, st, job, took_us);
    }
    LIBRARY->bson_destroy(&job->reply);
    store_metrics_request(&db->metrics, took_us, store_outcome_of(st));
    return st;
}

struct status mongodb_read(struct call *call, struct mongodb *db, struct str command,
                           struct str *ret_reply)
{
    struct mongodb_job job = {.database = db->database, .command = command};

    return run(call, db, &job, ret_reply);
}

struct status mongodb_write(struct call *call, struct mongodb *db, struct str command,
                            struct str *ret_reply)
{
    struct mongodb_job job = {.database = db->database, .command = command, .writes = true};

    return run(call, db, &job, ret_reply);
}

struct status mongodb_define(struct call *call, struct mongodb *db, struct str command)
{
    struct mongodb_job job = {.database = db->database, .command = command, .writes = true};
    struct str reply;

    struct status st = run(call, db, &job, &reply);
    return st.code == STATUS_NOT_FOUND ? status_ok() : st;
}

struct status mongodb_drop(struct call *call, struct mongodb *db)
{
    return mongodb_define(call, db, mongodb_document(call->arena, "{dropDatabase: 1}"));
}

/* ---- opening ---- */

static struct status ask_server(struct call *call, struct mongodb *db, const char *question,
                                struct str *ret_answer)
{
    struct mongodb_job job = {
        .database = "admin", .command = mongodb_document(call->arena, question), .patient = true};

    struct status st = run(call, db, &job, ret_answer);
    return mongodb_explain(call->arena, db->own[call->shard->index].problem, st);
}

static struct status check_server(const struct mongodb *db, struct str hello,
                                  struct store_findings *findings)
{
    if (mongodb_number(hello, "maxWireVersion") < WIRE_VERSION_MIN)
        return status_printf(findings->arena, STATUS_FAILED_PRECONDITION,
                             ARGOSY__REASON__SETTING_INVALID,
                             "the MongoDB server of the %s service's store is older than 4.4; "
                             "upgrade it",
                             db->name);
    if (!mongodb_text(hello, "setName")[0] && strcmp(mongodb_text(hello, "msg"), "isdbgrid") != 0)
        store_find(findings, true,
                   "the server is not a member of a replica set: nobody else has what it "
                   "acknowledged, and writes are not repeated by themselves");
    return status_ok();
}

struct status mongodb_check(struct call *call, struct mongodb *db, struct store_findings *findings)
{
    struct str hello, build;

    struct status st = ask_server(call, db, "{hello: 1}", &hello);
    if (!failed(st)) st = ask_server(call, db, "{buildInfo: 1}", &build);
    if (failed(st)) return st;
    store_find(findings, false, "MongoDB %s, database %s", mongodb_text(build, "version"),
               db->database);
    for (size_t i = 0; i < db->of_url.count; i++)
        store_find(findings, true, "%s", db->of_url.items[i].text);
    return check_server(db, hello, findings);
}

struct status mongodb_open(struct call *call, struct mongodb *db)
{
    struct store_findings findings = {.arena = call->arena};

    struct status st = mongodb_check(call, db, &findings);
    if (!failed(st)) store_findings_log(&findings, call->trace, db->name);
    return st;
}
