/* SPDX-License-Identifier: Apache-2.0 */
/* Formats log lines.
 *
 * Both forms escape characters that could forge a line or control a terminal: control characters of
 * C0 and C1, DEL, the line and paragraph separators and the bidirectional overrides. Invalid UTF-8
 * becomes U+FFFD. */
#include "observe/log_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/status.h"

/* Reserved for the end of a line: a closing quote, the truncation mark, the brace and the
 * newline. */
enum { TAIL_SIZE = 32, BODY_MAX = LOG_LINE_MAX - TAIL_SIZE };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A closing quote may be in the reserved part already. */
static size_t room(const struct log_line *line)
{
    return line->length < BODY_MAX ? BODY_MAX - line->length : 0;
}

/* Appends all of it or nothing. */
static bool put(struct log_line *line, const void *data, size_t size)
{
    if (line->cut || size > room(line)) {
        line->cut = true;
        return false;
    }
    memcpy(line->text + line->length, data, size);
    line->length += size;
    return true;
}

static bool put_text(struct log_line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* Appends to the part that is reserved for the end of the line. */
static void put_tail(struct log_line *line, const char *text)
{
    size_t size = strlen(text);

    invariant(line->length + size <= LOG_LINE_MAX);
    memcpy(line->text + line->length, text, size);
    line->length += size;
}

/* The length of the character that `s` begins with, and its code point; an invalid byte gives
 * U+FFFD. */
static size_t decode(struct str s, uint32_t *ret_point)
{
    const uint8_t *bytes = (const uint8_t *)s.data;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;

    if (length == 1) {
        *ret_point = bytes[0];
        return 1;
    }
    if (length > s.length || !str_is_utf8((struct str){s.data, length})) {
        *ret_point = 0xFFFD;
        return 1;
    }
    *ret_point = bytes[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) *ret_point = *ret_point << 6 | (bytes[i] & 0x3Fu);
    return length;
}

static bool is_dangerous(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x2028 || point == 0x2029 ||
           (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

/* Appends one character, as a JSON escape where necessary; `quote` also escapes the quotation mark.
 */
static bool put_point(struct log_line *line, struct str raw, uint32_t point, bool quote)
{
    char escape[8];

    if (point == '\n') return put_text(line, "\\n");
    if (point == '\t') return put_text(line, "\\t");
    if (point == '\\') return put_text(line, "\\\\");
    if (point == '"' && quote) return put_text(line, "\\\"");
    if (is_dangerous(point)) {
        snprintf(escape, sizeof(escape), "\\u%04" PRIx32, point);
        return put_text(line, escape);
    }
    if (point == 0xFFFD) return put_text(line, "\xEF\xBF\xBD");
    return put(line, raw.data, raw.length);
}

static bool is_plain(char byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

static size_t plain_run(struct str text)
{
    size_t length = 0;

    while (length < text.length && is_plain(text.data[length])) length++;
    return length;
}

/* Appends text with escapes; stops at the first character that does not fit. */
static bool put_escaped(struct log_line *line, struct str text, bool quote)
{
    while (text.length > 0) {
        size_t length = plain_run(text), fits = room(line);
        uint32_t point;

        if (length > fits) {
            put(line, text.data, fits);
            line->cut = true;
            return false;
        }
        if (length > 0) {
            put(line, text.data, length);
        } else {
            length = decode(text, &point);
            if (!put_point(line, (struct str){text.data, length}, point, quote)) return false;
        }
        text.data += length;
        text.length -= length;
    }
    return true;
}

static void put_hex(struct log_line *line, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++)
        put(line, (char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
}

static void put_number(struct log_line *line, const struct log_field *field)
{
    char text[NUMBER_TEXT_SIZE] = "null"; /* JSON has no NaN and no infinities */

    if (field->kind == LOG_FIELD_INT)
        number_format_i64(field->integer, text);
    else if (isfinite(field->real))
        number_format_double(field->real, text);
    put_text(line, text);
}

/* Appends a string in quotes. The closing quote is written even if the text was truncated: there is
 * room for it. */
static void put_quoted(struct log_line *line, struct str text)
{
    if (!put_text(line, "\"")) return;
    put_escaped(line, text, true);
    put_tail(line, "\"");
}

static bool has_trace_id(const struct trace *trace)
{
    for (size_t i = 0; i < sizeof(trace->trace_id); i++)
        if (trace->trace_id[i] != 0) return true;
    return false;
}

/* ,"key": — or nothing if there is no room for it and the shortest value. */
static bool put_json_key(struct log_line *line, const char *key)
{
    size_t before = line->length;

    if (put_text(line, ",\"") && put_escaped(line, str_of(key), true) && put_text(line, "\":") &&
        room(line) >= TAIL_SIZE)
        return true;
    line->length = before;
    line->cut = true;
    return false;
}

static void put_json_field(struct log_line *line, const struct log_field *field)
{
    if (!put_json_key(line, field->key)) return;
    switch (field->kind) {
    case LOG_FIELD_STR: put_quoted(line, field->text); break;
    case LOG_FIELD_BOOL: put_text(line, field->boolean ? "true" : "false"); break;
    case LOG_FIELD_INT:
    case LOG_FIELD_DOUBLE: put_number(line, field); break;
    }
}

void log_line_json(struct log_line *ret_line, const struct log_event *event)
{
    struct log_line *line = ret_line;
    const struct trace *trace = event->trace;
    char time[CLOCK_TEXT_SIZE];

    line->length = 0;
    line->cut = false;
    clock_format(event->time_us, time);
    put_text(line, "{\"time\":\"");
    put_text(line, time);
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[event->level]);
    put_text(line, "\"");
    if (trace && trace->request_id[0]) {
        put_json_key(line, "request_id");
        put_quoted(line, str_of(trace->request_id));
    }
    if (trace && has_trace_id(trace)) {
        put_text(line, ",\"trace_id\":\"");
        put_hex(line, trace->trace_id, sizeof(trace->trace_id));
        put_text(line, "\"");
    }
    put_json_key(line, "message");
    put_quoted(line, str_of(event->message));
    for (int i = 0; i < event->count && !line->cut; i++) put_json_field(line, &event->fields[i]);
    if (line->cut) put_tail(line, ",\"cut\":true");
    put_tail(line, "}\n");
}

static bool is_bare_word(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        if (!is_plain(byte) || byte == ' ' || byte == '=') return false;
    }
    return text.length > 0;
}

static void put_human_field(struct log_line *line, const struct log_field *field)
{
    size_t before = line->length;

    if (!put_text(line, " ") || !put_escaped(line, str_of(field->key), true) ||
        !put_text(line, "=") || room(line) < TAIL_SIZE) {
        line->length = before;
        line->cut = true;
        return;
    }
    switch (field->kind) {
    case LOG_FIELD_STR:
        if (is_bare_word(field->text))
            put_escaped(line, field->text, true);
        else
            put_quoted(line, field->text);
        break;
    case LOG_FIELD_BOOL: put_text(line, field->boolean ? "true" : "false"); break;
    case LOG_FIELD_INT:
    case LOG_FIELD_DOUBLE: put_number(line, field); break;
    }
}

/* 18:40:36.120, in UTC. */
static void put_time_of_day(struct log_line *line, int64_t time_us)
{
    unsigned ms = (unsigned)(time_us / 1000 % 86400000);
    char text[48];

    snprintf(text, sizeof(text), "%02u:%02u:%02u.%03u", ms / 3600000, ms / 60000 % 60,
             ms / 1000 % 60, ms % 1000);
    put_text(line, text);
}

void log_line_human(struct log_line *ret_line, const struct log_event *event, bool colour)
{
    static const char *const names[] = {" DEBUG ", " INFO  ", " WARN  ", " ERROR "};
    static const char *const colours[] = {"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    struct log_line *line = ret_line;

    line->length = 0;
    line->cut = false;
    put_time_of_day(line, event->time_us);
    if (colour) put_text(line, colours[event->level]);
    put_text(line, names[event->level]);
    if (colour) put_text(line, "\x1b[0m");
    put_escaped(line, str_of(event->message), false);
    for (int i = 0; i < event->count && !line->cut; i++) put_human_field(line, &event->fields[i]);
    if (event->trace && event->trace->request_id[0]) {
        struct log_field request = LOG_STR("request", event->trace->request_id);
        put_human_field(line, &request);
    }
    if (line->cut) put_tail(line, " (cut)");
    put_tail(line, "\n");
}
