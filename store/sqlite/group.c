/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the jobs of a group in one transaction: first all together, and if one fails after it has
 * written, again with a savepoint for each. */
#include "store/sqlite/group.h"

#include "reasons.pb-c.h"

/* Undoes one job. If that fails too, the whole group fails, because the state of the transaction is
 * unknown. */
static void undo_job(struct connection *connection, struct arena *arena)
{
    struct status st;

    if (sqlite3_get_autocommit(connection->handle)) return;
    st = connection_run(arena, connection, "ROLLBACK TO job");
    if (!failed(st)) st = connection_run(arena, connection, "RELEASE job");
    if (failed(st)) st = connection_run(arena, connection, "ROLLBACK");
    invariant(!failed(st) || sqlite3_get_autocommit(connection->handle));
}

static void undo_group(struct connection *connection, struct arena *arena)
{
    if (sqlite3_get_autocommit(connection->handle)) return;
    struct status st = connection_run(arena, connection, "ROLLBACK");
    invariant(!failed(st) || sqlite3_get_autocommit(connection->handle));
}

/* A deferred foreign key is checked at COMMIT, where it would fail the whole group because of one
 * job; so it is checked here. */
static struct status check_foreign_keys(struct arena *arena, struct connection *connection)
{
    int broken = 0, unused;

    sqlite3_db_status(connection->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &broken, &unused, 0);
    return broken == 0 ? status_ok()
                       : connection_error(arena, connection, SQLITE_CONSTRAINT_FOREIGNKEY);
}

static struct status run_job(struct connection *connection, struct job *job)
{
    struct arena *arena = job->call.arena;
    struct sqlite_tx tx = {connection, arena, false};

    struct status st = job->fn(&job->call, &tx, job->data);
    connection_end_all(connection);
    if (!failed(st)) st = check_foreign_keys(arena, connection);
    job->tell = tx.tell && !failed(st);
    return st;
}

void sqlite_tell_commit(struct sqlite_tx *tx)
{
    tx->tell = true;
}

/* Runs all jobs without savepoints. False as soon as one has failed after it had written
 * something. */
static bool run_together(struct connection *connection, struct job *group)
{
    for (struct job *job = group; job; job = job->next) {
        int64_t before = sqlite3_total_changes64(connection->handle);
        job->status = run_job(connection, job);
        if (sqlite3_get_autocommit(connection->handle)) return false;
        if (failed(job->status) && sqlite3_total_changes64(connection->handle) != before)
            return false;
    }
    return true;
}

/* Runs each job in its own savepoint, so that a failed one is undone alone. */
static struct status run_apart(struct connection *connection, struct arena *arena,
                               struct job *group)
{
    for (struct job *job = group; job; job = job->next) {
        job->status = connection_run(job->call.arena, connection, "SAVEPOINT job");
        if (!failed(job->status)) job->status = run_job(connection, job);
        if (!failed(job->status))
            job->status = connection_run(job->call.arena, connection, "RELEASE job");
        if (failed(job->status)) undo_job(connection, arena);
        /* Some errors make SQLite roll back the whole transaction. */
        if (sqlite3_get_autocommit(connection->handle))
            return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
                                 "store %s: another write made SQLite roll back the group",
                                 connection->path);
    }
    return status_ok();
}

struct status group_commit(struct connection *connection, struct arena *arena, struct job *group,
                           bool twice)
{
    struct status st = connection_run(arena, connection, "BEGIN IMMEDIATE");

    if (failed(st)) return st;
    if (!run_together(connection, group) || twice) {
        undo_group(connection, arena);
        st = connection_run(arena, connection, "BEGIN IMMEDIATE");
        if (!failed(st)) st = run_apart(connection, arena, group);
    }
    if (!failed(st)) st = connection_run(arena, connection, "COMMIT");
    if (failed(st)) undo_group(connection, arena);
    return st;
}
