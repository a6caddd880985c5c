/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs.
 *
 *     the fiber                                          the server
 *     queues BEGIN, the transaction's id, its queries
 *     asks for the first rows    ───── all of them ────►
 *                                ◄──── all answers ─────
 *     decides, queues its writes
 *     the job ends with OK       ── writes and COMMIT ─►
 *                                ◄──── all answers ─────
 *
 * When the answer to COMMIT does not come, another connection asks what became of the transaction.
 * Until it knows, the caller is not told anything, because it would have to assume the worst. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/postgres/database.h"
#include "store/postgres/postgres_fate.h"

enum {
    ROLLBACK_TIMEOUT_MS = 1000,
    BROKEN_TRIES_MAX = 3, /* runs because connections broke before a commit */
    PAUSE_MIN_US = 1000,
    PAUSE_MAX_US = 64000,
    ASK_PAUSE_MIN_US = 10000, /* between questions about a transaction's outcome */
    ASK_PAUSE_MAX_US = 250000,
};

static const char begin_text[] = "BEGIN";
static const char commit_text[] = "COMMIT";
static const char rollback_text[] = "ROLLBACK";
static const char path_text[] = "SELECT set_config('search_path', $1, true)";

/* A server that crashed, and a standby that took over, may give the id of a transaction that it lost
 * to another one. So what it says of an id is believed only in the life in which the id was taken. A
 * life begins when the server recovers from a crash, which is also when it resets its statistics; a
 * clean restart does not end it. */
#define LIFE                                                                          \
    "coalesce((extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)" \
    "::int8, 0)"
/* An id that is still to be given belongs to no transaction that committed. */
static const char fate_text[] =
    "SELECT CASE WHEN $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'aborted'"
    " ELSE pg_xact_status($1::text::xid8) END, " LIFE;

int64_t postgres_jobs_key(const struct postgres *db)
{
    return (int64_t)hash_text(hash_text(HASH_START, "argosy jobs"), db->target.schema);
}

/* The lock is in FROM, so that it is taken before the id is. */
void postgres_write_statements(struct arena *arena, struct postgres *db)
{
    static const char format[] =
        "SELECT pg_current_xact_id()::text::int8%s FROM pg_advisory_xact_lock_shared(%lld)";
    long long key = (long long)postgres_jobs_key(db);

    db->id_text = arena_printf(arena, format, "", key);
    db->id_and_life_text = arena_printf(arena, format, ", " LIFE, key);
}

/* A call whose waits are not cut short by cancellation. */
static struct call uncancellable(const struct call *call, int64_t timeout_ms)
{
    struct call patient = *call;

    patient.parent = NULL;
    patient.cancelled = false;
    call_limit(&patient, timeout_ms);
    return patient;
}

/* ---- statements ---- */

static struct postgres_request *queue(struct postgres_tx *tx, const char *sql, const char *format,
                                      va_list values)
{
    struct postgres_values bound;

    postgres_read_values(tx->arena, format, values, &bound);
    struct postgres_request *request = postgres_link_send(tx->arena, tx->link, sql, &bound);
    request->tx = tx;
    tx->unsent = true;
    return request;
}

static struct postgres_request *queue_own(struct postgres_tx *tx, const char *sql,
                                          const char *format, ...)
{
    va_list values;

    va_start(values, format);
    struct postgres_request *request = queue(tx, sql, format, values);
    va_end(values);
    return request;
}

/* The id is taken before anything else, so that whoever reads a log in the order of ids knows which
 * may still commit. */
static void begin(struct postgres_tx *tx)
{
    if (tx->id) return;
    queue_own(tx, begin_text, "");
    if (!tx->link->prepares) queue_own(tx, path_text, "t", tx->db->target.schema);
    tx->id = queue_own(tx, tx->link->life ? tx->db->id_text : tx->db->id_and_life_text, "");
}

void postgres_exec(struct postgres_tx *tx, const char *sql, const char *format, ...)
{
    va_list values;

    begin(tx);
    va_start(values, format);
    queue(tx, sql, format, values);
    va_end(values);
}

void postgres_query(struct postgres_tx *tx, struct postgres_rows *ret_rows, const char *sql,
                    const char *format, ...)
{
    va_list values;

    begin(tx);
    va_start(values, format);
    *ret_rows = (struct postgres_rows){
        .request = queue(tx, sql, format, values), .arena = tx->arena, .row = -1};
    va_end(values);
}

void postgres_tell_commit(struct postgres_tx *tx)
{
    tx->tell = true;
}

int postgres_tx_number(struct postgres_tx *tx)
{
    return tx->number++;
}

/* The first error of a statement, OK if there is none. */
static struct status statement_error(const struct postgres_tx *tx)
{
    if (!tx->link->error) return status_ok();
    return postgres_result_status(tx->arena, tx->db, tx->link->error);
}

struct status postgres_tx_await(struct call *call, struct postgres_tx *tx,
                                struct postgres_request *request)
{
    if (!request->done && tx->unsent) {
        postgres_link_flush(tx->link);
        tx->unsent = false;
    }
    struct status st = postgres_link_await(call, tx->link, request);
    struct status error = statement_error(tx);
    if (failed(error)) return error;
    if (postgres_is_unreachable(st)) return postgres_unreachable(tx->arena, tx->db);
    return st;
}

/* What a run of a job ended with. `again`: it may be run again, since nothing of it remains. */
struct run {
    struct status status;
    bool again;
    bool lost_commit;
    int64_t id, life; /* of its transaction, and of the server's when the id was taken */
};

/* ---- what became of a commit ---- */

enum fate { FATE_COMMITTED, FATE_ABORTED, FATE_OPEN, FATE_UNKNOWN };

/* An id that has another owner now: had its first one committed, it would not be given again. */
static enum fate read_fate(const struct postgres_rows *rows, int64_t life)
{
    const char *text = postgres_column_text(rows, 0);
    bool same = postgres_column_i64(rows, 1) == life;

    if (strcmp(text, "aborted") == 0) return FATE_ABORTED;
    if (strcmp(text, "in progress") == 0) return same ? FATE_OPEN : FATE_ABORTED;
    return same && strcmp(text, "committed") == 0 ? FATE_COMMITTED : FATE_UNKNOWN;
}

static struct status ask_fate(struct call *call, struct postgres *db, const struct run *run,
                              enum fate *ret_fate)
{
    const char *text = arena_printf(call->arena, "%lld", (long long)run->id);
    struct postgres_rows rows;

    struct status st = postgres_read(call, db, &rows, fate_text, "t", text);
    if (failed(st)) return st;
    *ret_fate = postgres_next(call, &rows) ? read_fate(&rows, run->life) : FATE_UNKNOWN;
    return st;
}

static struct status unknown_outcome(struct arena *arena, const struct postgres *db)
{
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                         "%s did not answer, and whether the change was made is not known; repeat "
                         "the request with the same Idempotency-Key, or read before you repeat it",
                         db->shown);
}

/* Asks until the server knows, or the deadline passes. ABORTED: the change was certainly not made,
 * and may be made again. */
static struct status find_out(struct call *call, struct postgres *db, const struct run *run)
{
    struct call asking = uncancellable(call, POSTGRES_TIMEOUT_MS);
    int64_t pause_us = ASK_PAUSE_MIN_US;
    enum fate fate = FATE_OPEN;

    while (fate == FATE_OPEN && !shard_is_stopping(call->shard)) {
        struct status st = ask_fate(&asking, db, run, &fate);
        if (!failed(st) && fate == FATE_COMMITTED) return st;
        if (!failed(st) && fate == FATE_ABORTED)
            return status_make(STATUS_ABORTED, 0, "the transaction was not committed");
        if (failed(st) && st.code != STATUS_UNAVAILABLE && !failed(call_check(&asking))) break;
        if (failed(fiber_sleep(&asking, pause_us))) break;
        pause_us = pause_us * 2 < ASK_PAUSE_MAX_US ? pause_us * 2 : ASK_PAUSE_MAX_US;
    }
    log_error(call->trace, "store: the outcome of a commit is not known",
              LOG_STR("store", db->name), LOG_INT("transaction", run->id));
    return unknown_outcome(call->arena, db);
}

static atomic_int commits_until_loss; /* 0: none is lost */

void postgres_lose_answer(int nth)
{
    commits_until_loss = nth;
}

static bool is_to_be_lost(void)
{
    return commits_until_loss > 0 && atomic_fetch_sub(&commits_until_loss, 1) == 1;
}

/* ---- one run ---- */

static void roll_back(struct call *call, struct postgres_tx *tx)
{
    struct call patient = uncancellable(call, ROLLBACK_TIMEOUT_MS);

    if (tx->link->broken) return;
    patient.deadline_us = CALL_NO_DEADLINE;
    call_limit(&patient, ROLLBACK_TIMEOUT_MS);
    if (tx->link->error) postgres_link_sync(tx->arena, tx->link);
    queue_own(tx, rollback_text, "");
    struct postgres_request *end = postgres_link_sync(tx->arena, tx->link);
    struct status st = postgres_link_await(&patient, tx->link, end);
    (void)st; /* a link with requests under way is closed */
}

/* A connection stays in one life of the server, unless it is shared by a pooler. */
static void read_id(const struct postgres_tx *tx, struct run *run)
{
    struct postgres_rows rows = {.request = tx->id, .row = 0};
    struct postgres_link *link = tx->link;

    run->id = postgres_column_i64(&rows, 0);
    run->life = link->life ? link->life : postgres_column_i64(&rows, 1);
    if (link->prepares) link->life = run->life;
}

/* Commits. Before the COMMIT is sent the transaction's id is known, so that its outcome can be
 * found out. */
static void commit(struct call *call, struct postgres_tx *tx, struct run *run)
{
    struct call patient = uncancellable(call, POSTGRES_TIMEOUT_MS);

    run->status = postgres_tx_await(call, tx, tx->id);
    if (failed(run->status)) return;
    read_id(tx, run);
    queue_own(tx, commit_text, "");
    struct postgres_request *end = postgres_link_sync(tx->arena, tx->link);
    struct status waited = postgres_link_await(&patient, tx->link, end);
    run->status = statement_error(tx);
    if (!failed(run->status)) run->status = waited;
    /* A server that stops may have committed before it said so. */
    run->lost_commit = failed(waited) || postgres_is_unreachable(run->status);
}

static void run_on(struct call *call, struct postgres_tx *tx, postgres_job *job, void *data,
                   struct run *run)
{
    run->status = job(call, tx, data);
    if (!tx->id) return; /* it has asked for nothing */
    struct status error = statement_error(tx);
    /* The job may have turned the error into one of its own; these end the run in any case. */
    if (failed(error) && (!failed(run->status) || postgres_is_conflict(error))) run->status = error;
    if (!failed(run->status)) commit(call, tx, run);
    if (run->lost_commit) return;
    run->again = failed(run->status) &&
                 (postgres_is_conflict(run->status) || postgres_is_unreachable(run->status));
    if (failed(run->status) && !failed(call_check(call)))
        roll_back(call, tx);
    else if (failed(run->status))
        tx->link->broken = true;
}

static struct run run_once(struct call *call, struct postgres *db, postgres_job *job, void *data)
{
    struct postgres_tx tx = {.db = db, .arena = call->arena};
    struct run run = {0};

    run.status = postgres_take(call, db, &tx.link);
    if (failed(run.status)) return run;
    run_on(call, &tx, job, data, &run);
    postgres_release(call, db, tx.link, run.status);
    if (run.lost_commit) {
        run.status = find_out(call, db, &run);
        run.again = postgres_is_conflict(run.status);
    }
    if (failed(run.status)) return run;
    if (tx.tell) postgres_committed(db);
    if (run.id && is_to_be_lost()) run.status = unknown_outcome(call->arena, db);
    return run;
}

/* ---- repeating ---- */

static struct status pause_before(struct call *call, int tries)
{
    int64_t pause_us = PAUSE_MIN_US;

    for (int i = 1; i < tries && pause_us < PAUSE_MAX_US; i++) pause_us *= 2;
    return fiber_sleep(call, pause_us / 2 + (int64_t)random_below((uint64_t)pause_us / 2));
}

bool postgres_again(struct call *call, struct postgres *db, struct postgres_tries *tries,
                    struct status *st)
{
    bool conflict = postgres_is_conflict(*st);

    if (!conflict && ++tries->broken >= BROKEN_TRIES_MAX) return false;
    if (conflict) metric_add(db->metrics.errors[STORE_CONFLICT], 1);
    if (++tries->count < POSTGRES_TRIES_MAX && !failed(pause_before(call, tries->count)))
        return true;
    if (conflict)
        *st = status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
                            "%s is busy with other changes of the same data; try again later",
                            db->shown);
    return false;
}

static struct status run_until_done(struct call *call, struct postgres *db, postgres_job *job,
                                    void *data)
{
    struct postgres_tries tries = {0};
    struct run run;

    do {
        run = run_once(call, db, job, data);
    } while (run.again && postgres_again(call, db, &tries, &run.status));
    return run.status;
}

struct status postgres_write_within(struct call *call, struct postgres *db, int64_t timeout_ms,
                                    postgres_job *job, void *data)
{
    int64_t begun_us = clock_monotonic_us();
    struct call limited;

    call_init_child(&limited, call, timeout_ms);
    struct status st = run_until_done(&limited, db, job, data);
    store_metrics_request(&db->metrics, clock_monotonic_us() - begun_us, store_outcome_of(st));
    return st;
}

struct status postgres_write(struct call *call, struct postgres *db, postgres_job *job, void *data)
{
    return postgres_write_within(call, db, POSTGRES_TIMEOUT_MS, job, data);
}
