/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread, one connection, and one transaction for all jobs that wait.
 *
 *     fibers                      writer thread
 *     sqlite_write: queue, wait   take all that wait (GROUP_MAX at most)
 *                                 group_commit                 one fsync
 *                                 generation + 1
 *                                 on_commit, if a job asked for it
 *     answered  <---------------- a message for each job, posted to a shard at once
 *                                 checkpoint, if it is time
 *
 * Jobs that commit together share the cost. So under load the writer pauses until as many jobs wait
 * as the previous group had, or until PAUSE_US have passed since that one began. While all waiting
 * jobs belong to patient calls, it pauses until there are PAUSE_PATIENT_JOBS of them, or until
 * PAUSE_PATIENT_US have passed.
 *
 * The states of a job: QUEUED -> (withdrawn by its fiber, or) BEGUN -> answered. A job leaves
 * QUEUED under the mutex, so it is either withdrawn or waited for, never both.
 *
 * Checkpoints copy the log (WAL) back into the file; each page is copied once, no matter how often
 * it is in the log. SQLite would do this inside a COMMIT, while a group waits for its answer. Here
 * it happens after the answers: once the log has CHECKPOINT_IDLE_PAGES pages and no job has come
 * for CHECKPOINT_QUIET_US, or in any case at CHECKPOINT_LOADED_PAGES, then concurrently with the
 * groups, and only the rest between two of them.
 *
 * In a simulation there is no thread: a timer of the shard commits a group and later answers it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/race_window.h"
#include "fiber/fiber.h"
#include "fiber/simulation.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "reasons.pb-c.h"
#include "store/sqlite/checkpoint.h"
#include "store/sqlite/group.h"
#include "store/sqlite/outage.h"

enum {
    GROUP_MAX = 512,
    PAUSE_JOBS_MIN = 3, /* a smaller group does not count as load */
    PAUSE_US = 1000,
    PAUSE_PATIENT_US = 2000,
    PAUSE_PATIENT_JOBS = 64,
    CHECKPOINT_IDLE_PAGES = 1000,
    CHECKPOINT_LOADED_PAGES = 4000,
    LOG_PAGES_MAX = 6000, /* a longer log is copied before the next group begins */
    CHECKPOINT_QUIET_US = 20000,
    PROBE_US = 500000,
};

struct writer {
    struct connection *connection;
    _Atomic uint64_t *generation;
    struct arena arena; /* used by the thread only; reset after each group */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    /* Under the mutex: */
    struct job *first, *last;
    size_t waiting;
    size_t urgent; /* those that are not patient */
    size_t wanted; /* the thread is woken when this many wait */
    bool stopping;
    /* Used by the thread only: */
    size_t group_size;      /* of the previous group */
    int64_t group_began_us; /* when the previous group began */
    int log_pages;          /* in the WAL after the last commit */
    bool fails;             /* nothing could be written the last time */
    struct checkpoint checkpoint;
    struct outage outage; /* for readiness */
    /* Instead of the thread, in a simulation: */
    struct shard_timer simulated;
    struct job *committed; /* a group that has not been answered yet */
    unsigned simulated_groups;
    /* Called after announced commits; set before the first job. */
    void (*on_commit)(void *data);
    void *on_commit_data;

    _Atomic uint64_t commits, jobs, jobs_failed;
    struct metric_series *commits_metric, *jobs_metric, *failed_metric, *commit_time,
        *waiting_metric;
};

static struct metric commits = METRIC_COUNTER("argosy_sqlite_commits_total",
                                              "Groups that were committed.", "database");
static struct metric jobs = METRIC_COUNTER("argosy_sqlite_jobs_total", "Jobs that the writer ran.",
                                           "database");
static struct metric jobs_failed = METRIC_COUNTER(
    "argosy_sqlite_jobs_failed_total", "Jobs of the writer that were rolled back.", "database");
static struct metric commit_time = METRIC_DURATION(
    "argosy_sqlite_commit_seconds", "Duration of a group, from BEGIN until it is on the disk.",
    "database");
static struct metric waiting = METRIC_GAUGE("argosy_sqlite_waiting",
                                            "Jobs that wait for the writer.", "database");

/* "data/cart.db" is the database "cart". */
static struct str database_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_of(slash ? slash + 1 : path);

    if (str_ends_with(name, STR(".db"))) name.length -= 3;
    return name;
}

static void find_metrics(struct writer *writer, const char *path)
{
    char *label = str_dup(&writer->arena, database_name(path));

    writer->commits_metric = metric_series(&commits, label);
    writer->jobs_metric = metric_series(&jobs, label);
    writer->failed_metric = metric_series(&jobs_failed, label);
    writer->commit_time = metric_series(&commit_time, label);
    writer->waiting_metric = metric_series(&waiting, label);
    arena_reset(&writer->arena);
}

void writer_on_commit(struct writer *writer, void (*fn)(void *data), void *data)
{
    writer->on_commit_data = data;
    writer->on_commit = fn;
}

/* After a commit. */
static void tell(const struct writer *writer, const struct job *group)
{
    if (!writer->on_commit) return;
    while (group && !group->tell) group = group->next;
    if (group) writer->on_commit(writer->on_commit_data);
}

/* A simulation runs some groups twice, to test that jobs tolerate it. */
static bool simulates_failure(struct writer *writer)
{
    enum { ONE_IN = 3 };

    return simulation_is_on() && ++writer->simulated_groups % ONE_IN == 0;
}

/* The error of a group or job that could not be written: the disk is full, or another process
 * holds the file. */
static struct status fault_of(struct status st, const struct job *group)
{
    for (; group && !failed(st); group = group->next)
        if (group->status.reason == ARGOSY__REASON__STORE_FULL) st = group->status;
    return st;
}

/* Logs once that nothing can be written, and once that it can again. Only a commit that wrote
 * something shows that. */
static void note_fault(struct writer *writer, struct status fault, bool wrote)
{
    if (failed(fault) && !writer->fails) {
        log_error(0, "store: nothing can be written; changes are refused until it can",
                  LOG_STR("file", writer->connection->path), LOG_STR("error", fault.message));
        writer->fails = true;
    } else if (!failed(fault) && writer->fails && wrote) {
        log_warn(0, "store: changes can be written again",
                 LOG_STR("file", writer->connection->path));
        writer->fails = false;
    }
    if (fault.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN)
        atomic_store(&writer->outage.on, true);
    else if (!failed(fault) && wrote)
        atomic_store(&writer->outage.on, false);
}

/* Writes the version of the schema again, as it is. A shop that is not ready may get no requests
 * whose commits would show that its store can be written again. */
static void probe(struct writer *writer)
{
    struct connection *connection = writer->connection;
    int64_t version;

    struct status st = connection_read_i64(&writer->arena, connection, "PRAGMA user_version",
                                           &version);
    if (!failed(st)) {
        const char *sql = arena_printf(&writer->arena, "PRAGMA user_version = %lld",
                                       (long long)version);
        int code = sqlite3_exec(connection->handle, sql, 0, 0, 0);
        if (code != SQLITE_OK) st = connection_error(&writer->arena, connection, code);
    }
    note_fault(writer, st, true);
    arena_reset(&writer->arena);
}

static void run_group(struct writer *writer, struct job *group)
{
    int64_t changes = sqlite3_total_changes64(writer->connection->handle);
    int64_t begun_us = clock_monotonic_us();
    uint64_t count = 0, bad = 0;
    struct status st;

    st = group_commit(writer->connection, &writer->arena, group, simulates_failure(writer));
    if (!failed(st)) {
        race_window("group committed");
        atomic_fetch_add(writer->generation, 1);
        atomic_fetch_add(&writer->commits, 1);
        metric_add(writer->commits_metric, 1);
        metric_observe_us(writer->commit_time, clock_monotonic_us() - begun_us);
        race_window("commit not told of");
        tell(writer, group);
        group_lose_answer(writer->connection->path, group);
    }
    note_fault(writer, fault_of(st, group),
               sqlite3_total_changes64(writer->connection->handle) != changes);
    for (struct job *job = group; job; job = job->next) {
        if (failed(st) && !failed(job->status)) job->status = status_dup(job->call.arena, st);
        bad += failed(job->status);
        count++;
    }
    atomic_fetch_add(&writer->jobs, count);
    atomic_fetch_add(&writer->jobs_failed, bad);
    metric_add(writer->jobs_metric, count);
    metric_add(writer->failed_metric, bad);
    arena_reset(&writer->arena);
}

/* On the shard's thread. The woken fiber may return at once, and its job no longer exists then. */
static void answer(struct shard *shard, void *data)
{
    struct job *job = data;

    job->answered = true;
    fiber_wake(shard, &job->wait);
}

/* All messages to a shard are posted at once. */
static void answer_group(struct job *group)
{
    struct shard_message *newest[SHARDS_MAX] = {0}, *oldest[SHARDS_MAX];
    struct shard *shards[SHARDS_MAX];

    for (struct job *job = group; job; job = job->next) {
        int index = job->shard->index;
        job->message = (struct shard_message){
            .fn = answer, .data = job, .address = job->call.caller.address, .next = newest[index]};
        if (!newest[index]) oldest[index] = &job->message;
        newest[index] = &job->message;
        shards[index] = job->shard;
    }
    for (int i = 0; i < SHARDS_MAX; i++) {
        if (!newest[i]) continue;
        race_window("group not answered");
        shard_post_messages(shards[i], newest[i], oldest[i]);
    }
}

/* Under the mutex. A test's clock may jump, so each pause is bounded. */
static void pause_for_more(struct writer *writer)
{
    struct timespec until;

    if (simulation_is_on()) return;
    for (;;) {
        bool patient = writer->urgent == 0;
        int64_t longest_us = patient ? PAUSE_PATIENT_US : PAUSE_US;
        int64_t pause_us = longest_us - (clock_monotonic_us() - writer->group_began_us);
        writer->wanted = patient ? PAUSE_PATIENT_JOBS : writer->group_size;
        if (writer->waiting >= writer->wanted || writer->stopping) break;
        if (pause_us <= 0 || pause_us > longest_us) break;
        clock_system_in(pause_us, &until);
        if (pthread_cond_timedwait(&writer->filled, &writer->mutex, &until) != 0) break;
    }
    writer->wanted = 1;
}

/* A long log is copied concurrently with the next groups. They add only little to it meanwhile,
 * which is copied before the following group, so that the log can be restarted. If they add much,
 * because the copying thread is slow, they wait for it. */
static void checkpoint_from(struct writer *writer, int log_pages)
{
    struct checkpoint *checkpoint = &writer->checkpoint;

    if (writer->log_pages >= LOG_PAGES_MAX) checkpoint_wait(checkpoint);
    if (checkpoint_is_running(checkpoint)) return;
    /* More than there are: these were pages of the previous log. */
    if (checkpoint->copied > writer->log_pages) checkpoint->copied = 0;
    if (writer->log_pages < log_pages) return;
    if (writer->log_pages - checkpoint->copied >= CHECKPOINT_LOADED_PAGES && !simulation_is_on() &&
        checkpoint_start(checkpoint, writer->connection))
        return;
    checkpoint_run(checkpoint, writer->connection);
}

/* How long the thread waits for jobs before it does other work; 0: there is none. After a failed
 * checkpoint there is no other until the log is long. */
static int64_t pause_us(const struct writer *writer)
{
    const struct checkpoint *checkpoint = &writer->checkpoint;

    if (atomic_load(&writer->outage.on)) return PROBE_US;
    if (writer->log_pages - checkpoint->copied < CHECKPOINT_IDLE_PAGES || checkpoint->fails)
        return 0;
    return CHECKPOINT_QUIET_US;
}

/* Under the mutex, which is released during a checkpoint and a probe. */
static void wait_for_jobs(struct writer *writer)
{
    struct timespec until;

    while (!writer->first && !writer->stopping) {
        int64_t longest_us = pause_us(writer);
        if (longest_us == 0) {
            pthread_cond_wait(&writer->filled, &writer->mutex);
            continue;
        }
        clock_system_in(longest_us, &until);
        if (pthread_cond_timedwait(&writer->filled, &writer->mutex, &until) != ETIMEDOUT) continue;
        pthread_mutex_unlock(&writer->mutex);
        if (atomic_load(&writer->outage.on))
            probe(writer);
        else
            checkpoint_from(writer, CHECKPOINT_IDLE_PAGES);
        pthread_mutex_lock(&writer->mutex);
    }
}

/* Waits for jobs and takes them; NULL when the writer stops and none are left. */
static struct job *take_group(struct writer *writer)
{
    struct job *group, *last = 0;
    int count = 0;

    pthread_mutex_lock(&writer->mutex);
    do {
        wait_for_jobs(writer);
        if (writer->group_size >= PAUSE_JOBS_MIN) pause_for_more(writer);
        /* The jobs may have been withdrawn during the pause. */
    } while (!writer->first && !writer->stopping);
    group = writer->first;
    for (struct job *job = group; job && count < GROUP_MAX; job = job->next) {
        job->begun = true;
        writer->urgent -= !job->call.patient;
        last = job;
        count++;
    }
    if (last) {
        writer->first = last->next;
        last->next = 0;
        if (writer->first)
            writer->first->previous = 0;
        else
            writer->last = 0;
        writer->waiting -= (size_t)count;
    }
    pthread_mutex_unlock(&writer->mutex);
    race_window("group taken");
    writer->group_size = (size_t)count;
    writer->group_began_us = clock_monotonic_us();
    metric_shift(writer->waiting_metric, -count);
    return group;
}

static int note_log_pages(void *data, sqlite3 *handle, const char *schema, int pages)
{
    ((struct writer *)data)->log_pages = pages;
    return SQLITE_OK;
}

static void *write_groups(void *data)
{
    struct writer *writer = data;
    struct job *group;

    while ((group = take_group(writer))) {
        run_group(writer, group);
        answer_group(group);
        checkpoint_from(writer, CHECKPOINT_LOADED_PAGES);
    }
    return 0;
}

/* Other work runs between a commit and its answers, as it does with a thread. */
static void write_simulated(void *data)
{
    struct writer *writer = data;
    struct job *group = writer->committed;

    if (group) {
        writer->committed = 0;
        answer_group(group);
        checkpoint_from(writer, writer->first ? CHECKPOINT_LOADED_PAGES : CHECKPOINT_IDLE_PAGES);
    } else if (writer->first) { /* it may have been withdrawn */
        group = writer->committed = take_group(writer);
        run_group(writer, group);
    }
    if (writer->committed || writer->first)
        simulation_work(&writer->simulated, write_simulated, writer);
}

/* Signals are for the main thread. */
static int start_thread(struct writer *writer)
{
    struct str database = database_name(writer->connection->path);
    char name[16]; /* the longest that the system takes */
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&writer->thread, 0, write_groups, writer);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    if (error) return error;
    snprintf(name, sizeof(name), "write-%.*s", STR_ARGS(database));
    pthread_setname_np(writer->thread, name);
    return 0;
}

struct status writer_new_take(struct arena *arena, struct connection *connection,
                              _Atomic uint64_t *generation, struct writer **ret_writer)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t monotonic;
    int error = 0;

    invariant(writer);
    writer->connection = connection;
    writer->checkpoint.path = connection->path;
    writer->generation = generation;
    arena_init(&writer->arena, 0);
    pthread_mutex_init(&writer->mutex, 0);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    writer->wanted = 1;
    find_metrics(writer, connection->path);
    sqlite3_wal_hook(connection->handle, note_log_pages, writer);

    outage_join(&writer->outage, connection->path);
    if (!simulation_is_on()) error = start_thread(writer);
    if (error) {
        outage_leave(&writer->outage);
        connection_free(connection);
        free(writer);
        return status_errno(arena, error, "start the writer of a store");
    }
    *ret_writer = writer;
    return status_ok();
}

void writer_free(struct writer *writer)
{
    if (!writer) return;
    pthread_mutex_lock(&writer->mutex);
    writer->stopping = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->mutex);
    if (simulation_is_on())
        shard_timer_stop(&writer->simulated);
    else
        pthread_join(writer->thread, 0);

    outage_leave(&writer->outage);
    checkpoint_end(&writer->checkpoint, writer->connection);
    connection_free(writer->connection);
    arena_release(&writer->arena);
    pthread_mutex_destroy(&writer->mutex);
    pthread_cond_destroy(&writer->filled);
    free(writer);
}

struct connection *writer_connection(struct writer *writer)
{
    return writer->connection;
}

void writer_stats(const struct writer *writer, struct sqlite_stats *ret_stats)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&writer->mutex;

    ret_stats->commits = atomic_load(&writer->commits);
    ret_stats->jobs = atomic_load(&writer->jobs);
    ret_stats->jobs_failed = atomic_load(&writer->jobs_failed);
    pthread_mutex_lock(mutex);
    ret_stats->waiting = writer->waiting;
    pthread_mutex_unlock(mutex);
}

static struct status enqueue(struct writer *writer, struct job *job)
{
    struct status st = status_ok();

    pthread_mutex_lock(&writer->mutex);
    if (writer->stopping) {
        st = status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__DRAINING, "the store is being closed");
    } else if (writer->waiting >= SQLITE_QUEUE_MAX) {
        st = status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                         "too many writes wait for the store");
    } else {
        job->previous = writer->last;
        if (writer->last)
            writer->last->next = job;
        else
            writer->first = job;
        writer->last = job;
        writer->waiting++;
        writer->urgent += !job->call.patient;
        if (writer->waiting >= writer->wanted || (!job->call.patient && writer->urgent == 1))
            pthread_cond_signal(&writer->filled);
    }
    pthread_mutex_unlock(&writer->mutex);
    if (failed(st)) return st;
    race_window("job queued");
    metric_shift(writer->waiting_metric, 1);
    if (simulation_is_on()) simulation_work(&writer->simulated, write_simulated, writer);
    return st;
}

/* Takes a job out of the queue; false if the writer has it already. */
static bool withdraw(struct writer *writer, struct job *job)
{
    bool queued;

    race_window("job not withdrawn yet");
    pthread_mutex_lock(&writer->mutex);
    queued = !job->begun;
    if (queued) {
        if (job->previous)
            job->previous->next = job->next;
        else
            writer->first = job->next;
        if (job->next)
            job->next->previous = job->previous;
        else
            writer->last = job->previous;
        writer->waiting--;
        writer->urgent -= !job->call.patient;
    }
    pthread_mutex_unlock(&writer->mutex);
    if (queued) metric_shift(writer->waiting_metric, -1);
    if (simulation_is_on() && !writer->first && !writer->committed)
        shard_timer_stop(&writer->simulated);
    return queued;
}

/* The answer to a job that is queued. */
static struct status wait_for(struct call *call, struct writer *writer, struct job *job)
{
    while (!job->answered) {
        struct status st = fiber_suspend(call, &job->wait);
        if (!failed(st)) continue;
        if (withdraw(writer, job)) return st;
        while (!job->answered) fiber_suspend_uncancellable(call, &job->wait);
    }
    return job->status;
}

struct status sqlite_write(struct call *call, struct sqlite *db, sqlite_job *fn, void *data)
{
    struct job job = {.fn = fn, .data = data, .shard = call->shard};
    struct status st;

    st = call_check(call);
    if (failed(st)) return st;
    database_lend_call(call, &job.call);
    st = enqueue(db->writer, &job);
    if (!failed(st)) st = wait_for(call, db->writer, &job);
    database_return_call(call, &job.call);
    return st;
}
