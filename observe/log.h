/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one event per line, as JSON or for people, with the request and trace ids of the work
 * that it belongs to.
 *
 *     log_warn(call->trace, "cart: store is slow", LOG_STR("store", url), LOG_INT("ms", elapsed));
 *
 * Lines are formatted on the caller's thread and handed to one writer thread through a bounded
 * queue, so that a slow terminal never stops a shard; when the queue is full, lines are dropped and
 * their number is logged later. Libraries do not log errors that they return: the edge does, once.
 * Never log secrets. */
#ifndef OBSERVE_LOG_H
#define OBSERVE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/trace.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } kind;
    union {
        struct str text;
        int64_t integer;
        double real;
        bool boolean;
    };
};

#define LOG_STR(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_STR, .text = str_of(value)})
#define LOG_TEXT(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_STR, .text = (value)})
#define LOG_INT(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_INT, .integer = (value)})
#define LOG_DOUBLE(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_DOUBLE, .real = (value)})
#define LOG_BOOL(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_BOOL, .boolean = (value)})

/* Opens a file of log lines for appending, or creates it; -1 with errno. Nothing waits for whoever
 * reads a pipe: opening one without a reader fails (ENXIO), and so does writing to a full one
 * (EAGAIN). */
int log_file_open(const char *path);
/* Why log_file_open failed, for people. */
const char *log_file_error(int error);

/* Starts the writer on a file descriptor. json false: for people, with colour on a terminal. Before
 * log_start and after log_stop nothing is logged. A line is at most 8 KiB: longer ones are
 * truncated and marked as such. */
void log_start(int fd, bool json, enum log_level level);
/* Writes the queued lines and ends the writer; a reader that does not read delays it by two seconds
 * at most. */
void log_stop(void);
/* May be called on any thread while the log runs. */
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *ret_level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const struct trace *trace, const char *message,
               const struct log_field *fields, int count);

#define LOG_EVENT(level, trace, message, ...)                                       \
    do {                                                                            \
        if (log_enabled(level)) {                                                   \
            const struct log_field log_fields_[] = {__VA_ARGS__ __VA_OPT__(, ){0}}; \
            log_write((level), (trace), (message), log_fields_,                     \
                      (int)(sizeof(log_fields_) / sizeof(log_fields_[0])) - 1);     \
        }                                                                           \
    } while (0)
/* `trace` may be NULL, for work that belongs to no request. */
#define log_debug(trace, message, ...) \
    LOG_EVENT(LOG_DEBUG, trace, message __VA_OPT__(, ) __VA_ARGS__)
#define log_info(trace, message, ...) LOG_EVENT(LOG_INFO, trace, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(trace, message, ...) LOG_EVENT(LOG_WARN, trace, message __VA_OPT__(, ) __VA_ARGS__)
#define log_error(trace, message, ...) \
    LOG_EVENT(LOG_ERROR, trace, message __VA_OPT__(, ) __VA_ARGS__)

#endif
