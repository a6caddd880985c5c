/* SPDX-License-Identifier: Apache-2.0 */
/* The log's queue and its writer.
 *
 *     log_write: format on the caller's stack -> lock, append to `pending`, unlock
 *     writer:    lock, swap `pending` with its own buffer, unlock -> write
 *
 * The lock is held for a copy of at most one line. If the reader at the other end of the descriptor
 * is slow, or its disk is full, lines collect in `pending` up to QUEUE_MAX; further lines are
 * counted and dropped. Lines are written in pieces that a pipe or terminal accepts without blocking
 * once poll says that it is writable, so the process can always end. */
#include "observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "observe/log_line.h"
#include "observe/metrics.h"

enum {
    QUEUE_MAX = 1024 * 1024,
    POLL_MS = 100,
    FILE_MODE = 0640,
    STOP_POLLS_MAX = 20, /* log_stop gives a stuck reader two seconds */
};

static struct {
    _Atomic int level;
    int fd;
    bool json, colour;
    size_t piece_max;
    /* Used by the writer only: */
    int stop_polls;
    int error; /* why the descriptor cannot be written to; 0: it can */
    bool torn; /* only a part of the last line was written */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    /* Under the mutex: */
    struct buffer pending;
    uint64_t dropped;
    bool running, stopping;
} writer = {
    .level = LOG_OFF, .mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static struct metric dropped_lines = METRIC_COUNTER(
    "argosy_log_dropped_lines_total",
    "Log lines dropped because the queue was full or the log could not be written.");

static void format_line(struct log_line *ret_line, const struct log_event *event)
{
    if (writer.json)
        log_line_json(ret_line, event);
    else
        log_line_human(ret_line, event, writer.colour);
}

static bool is_stopping(void)
{
    bool stopping;

    pthread_mutex_lock(&writer.mutex);
    stopping = writer.stopping;
    pthread_mutex_unlock(&writer.mutex);
    return stopping;
}

/* False when the log is stopping and the descriptor stays full. */
static bool wait_writable(void)
{
    struct pollfd waiting = {.fd = writer.fd, .events = POLLOUT};

    while (poll(&waiting, 1, POLL_MS) == 0)
        if (is_stopping() && ++writer.stop_polls >= STOP_POLLS_MAX) return false;
    return true;
}

/* The piece to write next: whole lines, if at least one fits. */
static size_t piece_of(struct str lines)
{
    const char *newline;

    if (lines.length <= writer.piece_max) return lines.length;
    newline = memrchr(lines.data, '\n', writer.piece_max);
    return newline ? (size_t)(newline - lines.data) + 1 : writer.piece_max;
}

/* A full disk gets room again. */
static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

/* Says on standard error, once, that the log cannot be written, since the log cannot say it. */
static void note_error(int error)
{
    struct log_field fields[] = {LOG_STR("error", strerror(error))};
    struct log_event event = {
        .level = LOG_ERROR,
        .time_us = clock_now_us(),
        .message = is_full(error) ? "log: the disk of the log is full; lines wait, and are dropped "
                                    "once there are too many; make room"
                                  : "log: the log cannot be written; its lines are dropped",
        .fields = fields,
        .count = 1};
    struct log_line line;

    if (writer.error == error) return;
    writer.error = error;
    if (writer.fd == STDERR_FILENO) return;
    format_line(&line, &event);
    if (write(STDERR_FILENO, line.text, line.length) < 0) return; /* there is nowhere left */
}

/* False when the log is stopping and its disk stays full. */
static bool wait_for_room(void)
{
    if (is_stopping() && ++writer.stop_polls >= STOP_POLLS_MAX) return false;
    poll(0, 0, POLL_MS);
    return true;
}

/* Returns the number of lines that were lost: those that were not written because the descriptor
 * fails, for another reason than a full disk. */
static uint64_t emit(struct str lines)
{
    const char *begin = lines.data;
    uint64_t lost = 0;

    if (writer.torn && write(writer.fd, "\n", 1) == 1) writer.torn = false;
    while (lines.length > 0 && wait_writable()) {
        ssize_t written = write(writer.fd, lines.data, piece_of(lines));
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written < 0) {
            note_error(errno);
            if (!is_full(errno) || !wait_for_room()) break;
            continue;
        }
        lines.data += written;
        lines.length -= (size_t)written;
    }
    if (lines.data > begin) writer.torn = lines.data[-1] != '\n';
    for (size_t i = 0; i < lines.length; i++) lost += lines.data[i] == '\n';
    return lost;
}

/* Returns false, so that it is tried again, if the line could not be written. */
static bool emit_dropped(uint64_t dropped)
{
    struct log_field fields[] = {LOG_INT("lines", (int64_t)dropped),
                                 LOG_STR("error", writer.error ? strerror(writer.error) : "")};
    struct log_event event = {
        .level = LOG_WARN,
        .time_us = clock_now_us(),
        .message = writer.error
                       ? "log: lines were dropped because the log could not be written"
                       : "log: lines were dropped because the reader of the log is too slow",
        .fields = fields,
        .count = writer.error ? 2 : 1};
    struct log_line line;

    format_line(&line, &event);
    return emit((struct str){line.text, line.length}) == 0;
}

/* Waits for lines and moves them all to the empty `batch`; false when there are none and no more
 * will come. */
static bool take(struct buffer *batch, uint64_t *ret_dropped)
{
    struct buffer taken;

    pthread_mutex_lock(&writer.mutex);
    while (writer.pending.length == 0 && writer.dropped == 0 && !writer.stopping)
        pthread_cond_wait(&writer.filled, &writer.mutex);
    taken = writer.pending;
    writer.pending = *batch;
    *batch = taken;
    *ret_dropped = writer.dropped;
    writer.dropped = 0;
    pthread_mutex_unlock(&writer.mutex);
    return batch->length > 0 || *ret_dropped > 0;
}

static void *write_lines(void *unused)
{
    uint64_t dropped, lost, unreported = 0;
    struct buffer batch;

    buffer_init(&batch, QUEUE_MAX);
    while (take(&batch, &dropped)) {
        lost = emit(buffer_str(&batch));
        buffer_clear(&batch);
        if (lost > 0) metric_add(metric_series(&dropped_lines), lost);
        unreported += dropped + lost;
        if (lost > 0) continue;
        if (unreported > 0 && emit_dropped(unreported)) unreported = 0;
        if (unreported == 0) writer.error = 0;
    }
    buffer_release(&batch);
    return unused;
}

static bool wants_colour(int fd)
{
    const char *terminal = getenv("TERM");

    return isatty(fd) && !getenv("NO_COLOR") && !(terminal && strcmp(terminal, "dumb") == 0);
}

int log_file_open(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, FILE_MODE);
}

const char *log_file_error(int error)
{
    if (error != ENXIO) return strerror(error);
    return "it is a socket, or a pipe that nobody reads; start its reader first, or name a file";
}

void log_start(int fd, bool json, enum log_level level)
{
    struct stat file;
    sigset_t all, before;

    invariant(!writer.running);
    writer.fd = fd;
    writer.json = json;
    writer.colour = !json && wants_colour(fd);
    writer.piece_max = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) ? SIZE_MAX : PIPE_BUF;
    buffer_init(&writer.pending, QUEUE_MAX);
    writer.dropped = 0;
    writer.stop_polls = 0;
    writer.error = 0;
    writer.torn = false;
    writer.stopping = false;
    writer.running = true;
    metric_series(&dropped_lines);

    /* The writer blocks signals: they are for the main thread, and a closed pipe must be an error,
     * not SIGPIPE. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    invariant(pthread_create(&writer.thread, 0, write_lines, 0) == 0);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    atomic_store(&writer.level, level);
}

void log_stop(void)
{
    if (!writer.running) return;
    atomic_store(&writer.level, LOG_OFF);
    pthread_mutex_lock(&writer.mutex);
    writer.stopping = true;
    pthread_cond_signal(&writer.filled);
    pthread_mutex_unlock(&writer.mutex);
    pthread_join(writer.thread, 0);

    pthread_mutex_lock(&writer.mutex);
    buffer_release(&writer.pending);
    writer.running = false;
    pthread_mutex_unlock(&writer.mutex);
}

void log_set_level(enum log_level level)
{
    if (writer.running) atomic_store(&writer.level, level);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};

    for (int i = LOG_DEBUG; text && i <= LOG_OFF; i++) {
        if (!str_equal_nocase(str_of(text), str_of(names[i]))) continue;
        *ret_level = (enum log_level)i;
        return true;
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&writer.level, memory_order_relaxed) &&
           level < LOG_OFF;
}

static void enqueue(const struct log_line *line)
{
    bool dropped = false;

    pthread_mutex_lock(&writer.mutex);
    /* Another thread may have passed log_enabled just before log_stop. */
    if (writer.running && !writer.stopping) {
        bool was_empty = writer.pending.length == 0;
        buffer_append(&writer.pending, line->text, line->length);
        dropped = writer.pending.overflow;
        writer.pending.overflow = false;
        writer.dropped += dropped;
        if (was_empty) pthread_cond_signal(&writer.filled);
    }
    pthread_mutex_unlock(&writer.mutex);
    if (dropped) metric_add(metric_series(&dropped_lines), 1);
}

void log_write(enum log_level level, const struct trace *trace, const char *message,
               const struct log_field *fields, int count)
{
    /* Not on the stack: each fiber that logs would keep pages for it. */
    static _Thread_local struct log_line line;
    struct log_event event = {level, clock_now_us(), trace, message, fields, count};

    if (!log_enabled(level)) return;
    format_line(&line, &event);
    enqueue(&line);
}
