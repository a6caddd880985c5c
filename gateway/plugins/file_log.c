/* SPDX-License-Identifier: Apache-2.0 */
/* file-log: appends a JSON line for each request to a file, in a lane of its own. When the lane is
 * full or the file cannot be written (a full disk), lines are dropped and counted rather than
 * delaying requests; the log says once that it cannot, and once that it can again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "fiber/lane.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"
#include "gateway/route_table.h"
#include "gateway/traffic.h"
#include "observe/log.h"
#include "observe/metrics.h"

enum { LINE_MAX_SIZE = 16 * 1024, QUEUE_MAX = 4096, READER_WAIT_MS = 1000, US_PER_MS = 1000 };

struct file_log {
    const char *path;
    bool reopen; /* opens the file for each line, so that it can be rotated */
    int fd;
    /* Used by the lane only: */
    bool stuck;    /* its reader did not read for READER_WAIT_MS */
    bool torn;     /* only a part of the last line was written */
    uint64_t lost; /* lines since the file could be written */
    struct lane *lane;
};

/* A line to be written; owned by the lane's job. */
struct line {
    struct file_log *log;
    struct buffer text;
};

static struct metric dropped = METRIC_COUNTER("argosy_gateway_log_lines_dropped_total",
                                              "Lines that file-log could not write.", "path");

static const struct option options[] = {
    {"path", OPTION_TEXT, offsetof(struct file_log, path), .required = true},
    {"reopen", OPTION_BOOLEAN, offsetof(struct file_log, reopen), "false"},
    {0},
};

static struct status start(const struct plugin_context *context, void *data)
{
    struct file_log *log = data;

    log->fd = log_file_open(log->path);
    if (log->fd < 0)
        return plugin_error(context, plugin_by_name(STR("file-log")), "%s cannot be written: %s",
                            log->path, log_file_error(errno));
    log->lane = lane_new("file-log", 1, QUEUE_MAX);
    return status_ok();
}

/* Replaces the file under the same descriptor number, so a line that is being written goes to one
 * file or the other. */
static struct status reopen(struct arena *arena, void *data)
{
    struct file_log *log = data;
    int fd = log_file_open(log->path);

    if (fd < 0 || dup2(fd, log->fd) < 0) {
        int error = errno;
        if (fd >= 0) close(fd);
        return status_errno(arena, error, arena_printf(arena, "file-log: %s", log->path));
    }
    fcntl(log->fd, F_SETFD, FD_CLOEXEC);
    close(fd);
    return status_ok();
}

static void stop(void *data)
{
    struct file_log *log = data;

    if (log->lane) lane_free(log->lane);
    if (log->lane) close(log->fd);
    log->lane = NULL;
}

/* A pipe whose reader is slow is waited for once; while it stays full, further lines are dropped
 * without waiting, so that neither they nor the gateway's stop are held up. */
static bool wait_writable(struct file_log *log, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    log->stuck = poll(&wait, 1, log->stuck ? 0 : READER_WAIT_MS) <= 0;
    return !log->stuck;
}

static const char *append(struct file_log *log, int fd, struct str text)
{
    ssize_t written;

    if (fd < 0) return log_file_error(errno);
    if (!wait_writable(log, fd)) return "its reader does not read";
    if (log->torn && write(fd, "\n", 1) == 1) log->torn = false;
    if (log->torn) return strerror(errno);
    written = write(fd, text.data, text.length);
    if (written == (ssize_t)text.length) return NULL;
    log->torn = written > 0;
    /* A second write says why the first one took only a part. */
    if (written > 0) written = write(fd, text.data + written, text.length - (size_t)written);
    return written < 0 ? strerror(errno) : "only a part of a line could be written";
}

static void note_lost(struct file_log *log, const char *error)
{
    metric_add(metric_series(&dropped, log->path), 1);
    if (log->lost++ > 0) return;
    log_error(NULL, "file-log: the file cannot be written; lines are dropped until it can",
              LOG_STR("path", log->path), LOG_STR("error", error));
}

/* Runs in the lane. */
static void write_line(void *data)
{
    struct line *line = data;
    struct file_log *log = line->log;
    int fd = log->reopen ? log_file_open(log->path) : log->fd;
    const char *error = append(log, fd, buffer_str(&line->text));

    if (error) {
        note_lost(log, error);
    } else if (log->lost > 0) {
        log_warn(NULL, "file-log: the file can be written again", LOG_STR("path", log->path),
                 LOG_INT("lines_dropped", (int64_t)log->lost));
        log->lost = 0;
    }
    if (log->reopen && fd >= 0) close(fd);
    buffer_release(&line->text);
    free(line);
}

static void member_i64(struct json_writer *writer, const char *name, int64_t value)
{
    json_key(writer, str_of(name));
    json_value_i64(writer, value);
}

/* The query and most headers may contain secrets or personal data, so they are not logged. */
static void format_request(const struct call *call, const struct gateway_request *request,
                           struct json_writer *writer)
{
    json_key(writer, STR("request"));
    json_object(writer);
    json_member(writer, "id", str_of(call->trace->request_id));
    json_member(writer, "method", request->http->method);
    json_member(writer, "uri", request->http->path);
    member_i64(writer, "size", (int64_t)request->received);
    json_key(writer, STR("headers"));
    json_object(writer);
    json_member(writer, "host", request->http->authority);
    json_member(writer, "user-agent", request_header(request, "user-agent"));
    json_object_end(writer);
    json_object_end(writer);
}

/* In milliseconds, as in Kong: `request` is the total, `proxy` the service's part (-1: it was not
 * called) and `kong` the gateway's. */
static void format_latencies(const struct gateway_request *request, struct json_writer *writer)
{
    int64_t request_us = clock_monotonic_us() - request->started_us;
    int64_t proxy_us = request->upstream_us;

    json_key(writer, STR("latencies"));
    json_object(writer);
    member_i64(writer, "request", request_us / US_PER_MS);
    member_i64(writer, "proxy", proxy_us < 0 ? -1 : proxy_us / US_PER_MS);
    member_i64(writer, "kong", (request_us - (proxy_us < 0 ? 0 : proxy_us)) / US_PER_MS);
    json_object_end(writer);
}

static void format_name(struct json_writer *writer, const char *what, const char *name)
{
    json_key(writer, str_of(what));
    json_object(writer);
    json_member(writer, "name", str_of(name));
    json_object_end(writer);
}

/* The members are those of Kong's lines that apply here; `rule`, `duration_us` and `user` are our
 * own. */
static void format_line(const struct call *call, const struct gateway_request *request,
                        struct buffer *text)
{
    const struct kong_route *route = request->route ? request->route->kong : NULL;
    struct json_writer writer;

    json_writer_init(&writer, text);
    json_object(&writer);
    member_i64(&writer, "started_at",
               (clock_now_us() - (clock_monotonic_us() - request->started_us)) / US_PER_MS);
    json_member(&writer, "client_ip", str_of(request->client_ip));
    format_request(call, request, &writer);
    json_key(&writer, STR("response"));
    json_object(&writer);
    member_i64(&writer, "status", request->http_status);
    member_i64(&writer, "size", (int64_t)request->sent);
    json_object_end(&writer);
    format_latencies(request, &writer);
    if (route) format_name(&writer, "route", route->name);
    if (route) format_name(&writer, "service", route->service->name);
    json_member(&writer, "rule", str_of(request->traffic->route));
    member_i64(&writer, "duration_us", clock_monotonic_us() - request->started_us);
    json_member(&writer, "user", str_of(request->user.email ? request->user.email : ""));
    json_object_end(&writer);
    buffer_append_byte(text, '\n');
}

static void log_request(const struct call *call, const struct gateway_request *request, void *data)
{
    struct file_log *log = data;
    struct line *line = malloc(sizeof(*line));

    if (!line) return;
    line->log = log;
    buffer_init(&line->text, LINE_MAX_SIZE);
    format_line(call, request, &line->text);
    if (!line->text.overflow && lane_post(log->lane, write_line, line)) return;
    metric_add(metric_series(&dropped, log->path), 1);
    buffer_release(&line->text);
    free(line);
}

extern const struct plugin plugin_file_log;
const struct plugin plugin_file_log = {
    .name = "file-log",
    .options = options,
    .config_size = sizeof(struct file_log),
    .start = start,
    .log = log_request,
    .reopen = reopen,
    .stop = stop,
};
