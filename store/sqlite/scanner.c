/* SPDX-License-Identifier: Apache-2.0 */
/* Scans and searches: they take too long for a shard, so they run in a lane, on connections that
 * the lane's threads share. Audits have their own lane.
 *
 * A lane may be faster than the shards, which have to make answers of what it has read. Until a
 * shard has taken a result, no budget knows how large it is; so the threads wait while such results
 * hold more than a part of MEMORY_MAX, and the lane's queue fills instead. */
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/clock.h"
#include "fiber/simulation.h"
#include "store/sqlite/database.h"

enum {
    SCAN_THREADS = 2,
    SCAN_QUEUE_MAX = 256,
    AUDIT_THREADS = 1,
    AUDIT_QUEUE_MAX = 16,
    AUDIT_NICE = 19, /* the lowest priority */
    CONNECTIONS_MAX = SCAN_THREADS + AUDIT_THREADS,
    /* The likely size of a page of rows, charged in advance, because the thread that reads it cannot
     * charge a budget. */
    SCAN_WEIGHT = 128 * 1024,
    /* The part of MEMORY_MAX that finished results may hold until their shards have taken them. */
    FINISHED_PART = 16,
    SCAN_STEPS = 4096, /* steps of SQLite's virtual machine between two checks for deadline and
                        * cancellation */
};

struct scanner {
    const char *path;
    struct lane *lane, *audits;
    pthread_mutex_t mutex; /* guards the members below */
    struct connection *idle[CONNECTIONS_MAX];
    int idle_count;
    pthread_cond_t taken; /* some of `finished_size` was */
    size_t finished_size; /* bytes of results that their shards have not taken yet */
};

struct scan {
    struct scanner *scanner;
    struct call call;
    sqlite_scan_job *job;
    void *data;
    struct status status;
    size_t size;           /* of the result, once it was read */
    atomic_bool abandoned; /* its result is not needed any more */
};

struct scanner *scanner_new(const char *path)
{
    struct scanner *scanner = calloc(1, sizeof(*scanner));

    invariant(scanner);
    scanner->path = path;
    scanner->lane = lane_new("sqlite_scan", SCAN_THREADS, SCAN_QUEUE_MAX);
    scanner->audits = lane_new("sqlite_audit", AUDIT_THREADS, AUDIT_QUEUE_MAX);
    pthread_mutex_init(&scanner->mutex, 0);
    pthread_cond_init(&scanner->taken, 0);
    return scanner;
}

void scanner_free(struct scanner *scanner)
{
    if (!scanner) return;
    lane_free(scanner->lane);
    lane_free(scanner->audits);
    for (int i = 0; i < scanner->idle_count; i++) connection_free(scanner->idle[i]);
    pthread_cond_destroy(&scanner->taken);
    pthread_mutex_destroy(&scanner->mutex);
    free(scanner);
}

/* There are never more connections than threads, because a thread returns the one that it has
 * taken. */
static struct status take_connection(struct arena *arena, struct scanner *scanner,
                                     struct connection **ret_connection)
{
    struct connection *connection = 0;

    pthread_mutex_lock(&scanner->mutex);
    if (scanner->idle_count > 0) connection = scanner->idle[--scanner->idle_count];
    pthread_mutex_unlock(&scanner->mutex);
    if (!connection) return connection_new(arena, scanner->path, CONNECTION_READER, ret_connection);
    *ret_connection = connection;
    return status_ok();
}

static void give_back(struct scanner *scanner, struct connection *connection)
{
    pthread_mutex_lock(&scanner->mutex);
    invariant(scanner->idle_count < CONNECTIONS_MAX);
    scanner->idle[scanner->idle_count++] = connection;
    pthread_mutex_unlock(&scanner->mutex);
}

static void abandon(void *data)
{
    struct scan *scan = data;

    atomic_store_explicit(&scan->abandoned, true, memory_order_relaxed);
}

static int is_over(void *data)
{
    const struct scan *scan = data;
    const struct call *call = &scan->call;

    if (atomic_load_explicit(&scan->abandoned, memory_order_relaxed)) return 1;
    return call->deadline_us != CALL_NO_DEADLINE && clock_monotonic_us() >= call->deadline_us;
}

static struct status scan_on(struct scan *scan, struct connection *connection)
{
    struct sqlite_tx tx = {connection, scan->call.arena, false};
    struct status st, end;

    st = connection_run(tx.arena, connection, "BEGIN");
    if (failed(st)) return st;
    sqlite3_progress_handler(connection->handle, SCAN_STEPS, is_over, scan);
    st = scan->job(&scan->call, &tx, scan->data);
    sqlite3_progress_handler(connection->handle, 0, 0, 0);
    connection_end_all(connection);
    if (sqlite3_get_autocommit(connection->handle)) return st;
    end = connection_run(tx.arena, connection, "COMMIT");
    return failed(st) ? st : end;
}

/* In a simulation the shard itself runs the job, so it could take nothing meanwhile. */
static void wait_for_room(struct scanner *scanner)
{
    if (simulation_is_on()) return;
    pthread_mutex_lock(&scanner->mutex);
    while (scanner->finished_size > budget_part(FINISHED_PART))
        pthread_cond_wait(&scanner->taken, &scanner->mutex);
    pthread_mutex_unlock(&scanner->mutex);
}

static void finish(struct scan *scan)
{
    pthread_mutex_lock(&scan->scanner->mutex);
    scan->size = scan->call.arena->size;
    scan->scanner->finished_size += scan->size;
    pthread_mutex_unlock(&scan->scanner->mutex);
}

/* On the shard. A scan that was withdrawn from the lane has no size. */
static void take_result(struct scan *scan)
{
    if (scan->size == 0) return;
    pthread_mutex_lock(&scan->scanner->mutex);
    scan->scanner->finished_size -= scan->size;
    pthread_cond_broadcast(&scan->scanner->taken);
    pthread_mutex_unlock(&scan->scanner->mutex);
}

static void run_scan(void *data)
{
    struct scan *scan = data;
    struct connection *connection;

    wait_for_room(scan->scanner);
    scan->status = take_connection(scan->call.arena, scan->scanner, &connection);
    if (!failed(scan->status)) {
        scan->status = scan_on(scan, connection);
        give_back(scan->scanner, connection);
    }
    finish(scan);
}

/* In Linux the priority is per thread, and this thread runs only audits; a simulation has no
 * threads. */
static void run_audit(void *data)
{
    if (!simulation_is_on()) setpriority(PRIO_PROCESS, (id_t)gettid(), AUDIT_NICE);
    run_scan(data);
}

static struct status run_in(struct call *call, struct lane *lane, void (*run)(void *data),
                            struct scan *scan)
{
    struct budget *budget = call->arena->budget;
    struct status st;

    budget_charge(budget, SCAN_WEIGHT);
    database_lend_call(call, &scan->call);
    st = lane_run_interruptible(call, lane, run, abandon, scan);
    budget_refund(budget, SCAN_WEIGHT);
    take_result(scan);
    database_return_call(call, &scan->call);
    if (!failed(st) && atomic_load_explicit(&scan->abandoned, memory_order_relaxed))
        st = call_check(call); /* SQLite only reports that it was interrupted */
    return failed(st) ? st : scan->status;
}

struct status sqlite_scan(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data)
{
    struct scan scan = {.scanner = db->scanner, .job = job, .data = data};

    return run_in(call, db->scanner->lane, run_scan, &scan);
}

struct status sqlite_audit(struct call *call, struct sqlite *db, sqlite_scan_job *job, void *data)
{
    struct scan scan = {.scanner = db->scanner, .job = job, .data = data};

    return run_in(call, db->scanner->audits, run_audit, &scan);
}
