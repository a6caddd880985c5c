/* SPDX-License-Identifier: Apache-2.0 */
/* Reads on the shards.
 *
 * Beginning a read transaction costs about as much as a point read, so one serves all reads of a
 * turn of the loop:
 *
 *     first read of the turn:  BEGIN            turn's end:  COMMIT
 *
 * Read-your-writes. The writer increments `generation` after a commit and before it answers its
 * jobs. A reader loads the number, then begins its transaction, which thus sees that commit and all
 * earlier ones, perhaps more. Before each later read it loads the number again and, if it has
 * changed, begins a new transaction. A fiber can learn of a commit, through sqlite_write or from
 * another fiber, only after the increment, so its next read finds the new number.
 *
 * One exception: while rows are open their transaction stays, because rows must not change while
 * they are read. Such rows belong to the running fiber, since no fiber keeps rows across a
 * suspension, and so it has not waited for a write in the meantime. */
#include "base/race_window.h"
#include "store/sqlite/database.h"

static struct reader *reader_of(const struct call *call, struct sqlite *db)
{
    invariant(call->shard->index < db->reader_count);
    return &db->readers[call->shard->index];
}

/* Ending a read transaction cannot fail; if it did, the next BEGIN would report it. */
static void end_transaction(struct arena *arena, struct reader *reader)
{
    struct status st;

    if (!reader->in_transaction) return;
    st = connection_run(arena, reader->connection, "COMMIT");
    reader->in_transaction = failed(st) && !sqlite3_get_autocommit(reader->connection->handle);
}

static void on_turn_end(void *data)
{
    struct reader *reader = data;
    struct arena arena;

    arena_init(&arena, 0);
    connection_end_all(reader->connection);
    end_transaction(&arena, reader);
    arena_release(&arena);
}

/* Makes sure that the open transaction sees all commits up to now. */
static struct status refresh(const struct call *call, struct reader *reader)
{
    uint64_t generation = atomic_load_explicit(&reader->db->generation, memory_order_acquire);
    struct status st;

    if (reader->in_transaction) {
        if (reader->generation == generation || reader->connection->busy > 0) return status_ok();
        end_transaction(call->arena, reader);
    }
    if (!reader->connection) {
        st = connection_new(call->arena, reader->db->path, CONNECTION_READER, &reader->connection);
        if (failed(st)) return st;
    }
    race_window("read not begun");
    st = connection_run(call->arena, reader->connection, "BEGIN");
    if (failed(st)) return st;
    reader->in_transaction = true;
    reader->looked = false;
    reader->generation = generation;
    reader->turn_end.fn = on_turn_end;
    reader->turn_end.data = reader;
    shard_defer(call->shard, &reader->turn_end);
    return st;
}

struct status sqlite_read(const struct call *call, struct sqlite *db, struct sqlite_rows *ret_rows,
                          const char *sql, const char *format, ...)
{
    struct reader *reader = reader_of(call, db);
    struct status st;
    va_list values;

    *ret_rows = (struct sqlite_rows){0};
    st = refresh(call, reader);
    if (failed(st)) return st;
    va_start(values, format);
    st = rows_open(call->arena, reader->connection, ret_rows, sql, format, values);
    va_end(values);
    return st;
}

/* Checks whether the file has changed since this reader last checked although `generation` has not:
 * then another process has written it. (Or this process's writer has committed and not yet
 * incremented the number. It will, and one extra increment does no harm.) */
static struct status look(const struct call *call, struct reader *reader, bool *ret_foreign)
{
    int64_t version;
    struct status st;

    st = connection_read_i64(call->arena, reader->connection, "PRAGMA data_version", &version);
    if (failed(st)) return st;
    *ret_foreign = reader->has_looked && version != reader->data_version &&
                   reader->generation == reader->looked_generation;
    reader->has_looked = true;
    reader->data_version = version;
    reader->looked_generation = reader->generation;
    reader->looked = true;
    return st;
}

uint64_t sqlite_generation(const struct call *call, struct sqlite *db)
{
    struct reader *reader = reader_of(call, db);
    bool foreign = false;
    struct status st;

    st = refresh(call, reader);
    if (!failed(st) && !reader->looked) st = look(call, reader, &foreign);
    if (!failed(st) && foreign) {
        /* The transaction's number remains the one from before it began, so it begins once more. */
        atomic_fetch_add(&db->generation, 1);
        st = refresh(call, reader);
        /* The next check must compare with this transaction, not with the one before it: else the
         * next change by another process would be mistaken for one of ours. */
        if (!failed(st)) st = look(call, reader, &foreign);
    }
    /* If the database cannot be read its state is unknown, so caches must not be used. */
    return failed(st) ? atomic_fetch_add(&db->generation, 1) + 1 : reader->generation;
}
