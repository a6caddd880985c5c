/* SPDX-License-Identifier: Apache-2.0 */
/* file-log: a JSON line for each request, appended to a file by a lane of its own. When the lane is
 * full, lines are dropped rather than requests held up; they are counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "fiber/lane.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"
#include "gateway/traffic.h"
#include "observe/metrics.h"

enum { LINE_MAX_SIZE = 16 * 1024, QUEUE_MAX = 4096, FILE_MODE = 0640 };

struct file_log {
    const char *path;
    bool reopen; /* opens the file for each line, so that it may be moved away */
    int fd;
    struct lane *lane;
};

/* One line on its way; owned by the lane's job. */
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

static int open_file(const struct file_log *log)
{
    return open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
}

static struct status start(const struct plugin_context *context, void *data)
{
    struct file_log *log = data;

    log->fd = open_file(log);
    if (log->fd < 0)
        return plugin_error(context, plugin_by_name(STR("file-log")), "%s cannot be written: %s",
                            log->path, strerror(errno));
    log->lane = lane_new("file-log", 1, QUEUE_MAX);
    return status_ok();
}

static void stop(void *data)
{
    struct file_log *log = data;

    if (log->lane) lane_free(log->lane);
    if (log->lane) close(log->fd);
    log->lane = NULL;
}

/* Runs in the lane. */
static void write_line(void *data)
{
    struct line *line = data;
    int fd = line->log->reopen ? open_file(line->log) : line->log->fd;

    if (fd < 0 || write(fd, line->text.data, line->text.length) != (ssize_t)line->text.length)
        metric_add(metric_series(&dropped, line->log->path), 1);
    if (line->log->reopen && fd >= 0) close(fd);
    buffer_release(&line->text);
    free(line);
}

static void format_line(const struct call *call, const struct gateway_request *request,
                        struct buffer *text)
{
    struct json_writer writer;
    char time[CLOCK_TEXT_SIZE];

    clock_format(clock_now_us(), time);
    json_writer_init(&writer, text);
    json_object(&writer);
    json_member(&writer, "time", str_of(time));
    json_member(&writer, "request_id", str_of(call->trace->request_id));
    json_member(&writer, "client_ip", str_of(request->client_ip));
    json_member(&writer, "method", request->http->method);
    json_member(&writer, "path",
                request->http->path); /* the query may hold what is nobody's business */
    json_member(&writer, "route", str_of(request->traffic->route));
    json_key(&writer, STR("status"));
    json_value_i64(&writer, request->http_status);
    json_key(&writer, STR("bytes"));
    json_value_u64(&writer, request->sent);
    json_key(&writer, STR("duration_us"));
    json_value_i64(&writer, clock_monotonic_us() - request->started_us);
    json_member(&writer, "user", str_of(request->user.email ? request->user.email : ""));
    json_member(&writer, "user_agent", request_header(request, "user-agent"));
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
    .stop = stop,
};
