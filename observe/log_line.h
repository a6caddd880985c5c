/* SPDX-License-Identifier: Apache-2.0 */
/* One log line in memory, before it is queued: formatted into a fixed array, never longer than
 * LOG_LINE_MAX. A longer line is truncated between characters and marked as such; a truncated JSON
 * line is still one JSON object. Pure. */
#ifndef OBSERVE_LOG_LINE_H
#define OBSERVE_LOG_LINE_H

#include "observe/log.h"

enum { LOG_LINE_MAX = 8192 };

struct log_line {
    size_t length;
    bool cut;
    char text[LOG_LINE_MAX]; /* ends with a newline, not with NUL */
};

struct log_event {
    enum log_level level;
    int64_t time_us;
    const struct trace *trace; /* may be NULL */
    const char *message;
    const struct log_field *fields;
    int count;
};

void log_line_json(struct log_line *ret_line, const struct log_event *event);
void log_line_human(struct log_line *ret_line, const struct log_event *event, bool colour);

#endif
