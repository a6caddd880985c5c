/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints by sqlite3_wal_checkpoint_v2: on the caller's thread, or on a thread and connection
 * of their own. */
#include "store/sqlite/checkpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/race_window.h"
#include "observe/log.h"

static int copy(struct connection *connection, int *ret_copied)
{
    return sqlite3_wal_checkpoint_v2(connection->handle, 0, SQLITE_CHECKPOINT_PASSIVE, 0,
                                     ret_copied);
}

/* The kernel reports a failed sync once, and regards the pages that it could not write as written
 * from then on. SQLite would go on behind the pages that earlier checkpoints have copied, some of
 * them without a sync, and then restart the log, which alone has them. It copies all of them again
 * once it has rebuilt the log's index, which it does if the index's header is not valid. */
static void forget_copied(struct checkpoint *checkpoint, struct connection *connection)
{
    enum { HEADER_SIZE = 96, REGION_SIZE = 32768 }; /* the format is documented (walformat.html) */
    sqlite3_file *file = 0;
    volatile void *index = 0;

    if (!checkpoint->unsure) return;
    sqlite3_file_control(connection->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file->pMethods->xShmMap(file, 0, REGION_SIZE, 0, &index) != SQLITE_OK || !index) return;
    memset((void *)index, 0, HEADER_SIZE);
    file->pMethods->xShmBarrier(file);
    checkpoint->unsure = false;
}

static void note(struct checkpoint *checkpoint, int code, int copied)
{
    bool fails = code != SQLITE_OK && code != SQLITE_BUSY;

    if (fails && !checkpoint->fails)
        log_error(0, "store: a checkpoint failed; the write-ahead log grows until one succeeds",
                  LOG_STR("file", checkpoint->path), LOG_STR("error", sqlite3_errstr(code)));
    checkpoint->fails = fails;
    checkpoint->unsure |= code == SQLITE_IOERR_FSYNC;
    checkpoint->copied = code == SQLITE_OK && copied > 0 ? copied : 0;
}

static void *run(void *data)
{
    struct checkpoint *checkpoint = data;
    struct connection *connection;
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = connection_new(&arena, checkpoint->path, CONNECTION_CHECKPOINTER,
                                      &connection);
    checkpoint->code = SQLITE_CANTOPEN;
    if (!failed(st)) {
        checkpoint->code = copy(connection, &checkpoint->found);
        connection_free(connection);
    }
    arena_release(&arena);
    race_window("checkpoint not ended yet");
    atomic_store(&checkpoint->ended, true);
    return 0;
}

bool checkpoint_start(struct checkpoint *checkpoint, struct connection *connection)
{
    sigset_t all, before;

    forget_copied(checkpoint, connection);
    checkpoint->found = 0;
    atomic_store(&checkpoint->ended, false);
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    checkpoint->runs = pthread_create(&checkpoint->thread, 0, run, checkpoint) == 0;
    pthread_sigmask(SIG_SETMASK, &before, 0);
    if (checkpoint->runs) pthread_setname_np(checkpoint->thread, "checkpoint");
    return checkpoint->runs;
}

void checkpoint_wait(struct checkpoint *checkpoint)
{
    if (!checkpoint->runs) return;
    pthread_join(checkpoint->thread, 0);
    checkpoint->runs = false;
    note(checkpoint, checkpoint->code, checkpoint->found);
}

bool checkpoint_is_running(struct checkpoint *checkpoint)
{
    if (checkpoint->runs && atomic_load(&checkpoint->ended)) checkpoint_wait(checkpoint);
    return checkpoint->runs;
}

void checkpoint_run(struct checkpoint *checkpoint, struct connection *connection)
{
    int copied = 0, code;

    forget_copied(checkpoint, connection);
    code = copy(connection, &copied);
    note(checkpoint, code, copied);
}

void checkpoint_end(struct checkpoint *checkpoint, struct connection *connection)
{
    checkpoint_wait(checkpoint);
    forget_copied(checkpoint, connection);
}
