/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: runs of plain bytes are copied whole, everything else is escaped one by one. */
#include <math.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/number.h"

static inline void separate(struct json_writer *writer)
{
    if (writer->comma) buffer_append_byte(writer->out, ',');
    writer->comma = true;
}

static void open(struct json_writer *writer, char bracket)
{
    separate(writer);
    buffer_append_byte(writer->out, bracket);
    writer->comma = false;
}

static void close(struct json_writer *writer, char bracket)
{
    buffer_append_byte(writer->out, bracket);
    writer->comma = true;
}

void json_object(struct json_writer *writer)
{
    open(writer, '{');
}

void json_object_end(struct json_writer *writer)
{
    close(writer, '}');
}

void json_array(struct json_writer *writer)
{
    open(writer, '[');
}

void json_array_end(struct json_writer *writer)
{
    close(writer, ']');
}

static void escape_control(struct buffer *out, char byte)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    char text[6] = {'\\', letters[(uint8_t)byte]};

    if (text[1]) {
        buffer_append(out, text, 2);
        return;
    }
    memcpy(text, "\\u00", 4);
    text[4] = (char)('0' + ((uint8_t)byte >> 4));
    text[5] = "0123456789abcdef"[byte & 15];
    buffer_append(out, text, sizeof(text));
}

/* Writes the one character at `next`, which is not plain; returns the position behind it. */
static const char *put_escaped(struct buffer *out, const char *next, const char *end)
{
    if (*next == '"' || *next == '\\') {
        char text[2] = {'\\', *next};
        buffer_append(out, text, 2);
        return next + 1;
    }
    if ((uint8_t)*next < 0x20) {
        escape_control(out, *next);
        return next + 1;
    }
    size_t length = str_utf8_length(str_sized(next, (size_t)(end - next)));
    if (length == 0) {
        buffer_append_str(out, STR("\xef\xbf\xbd"));
        return next + 1;
    }
    buffer_append(out, next, length);
    return next + length;
}

static void put_rest(struct buffer *out, const char *next, const char *end)
{
    while (next < end) {
        next = put_escaped(out, next, end);
        const char *plain = next;
        next = json_pass_plain(next, end);
        buffer_append(out, plain, (size_t)(next - plain));
    }
}

/* Writes the text in quotes and `after` behind it. Text that needs no escapes is copied in one
 * go. */
static void put_string(struct buffer *out, struct str text, struct str after)
{
    if (text.length == 0) text = STR(""); /* its data may be NULL */
    const char *end = text.data + text.length;
    size_t plain = (size_t)(json_pass_plain(text.data, end) - text.data);
    char *room = buffer_reserve(out, plain + 1);

    if (!room) return;
    *room++ = '"';
    memcpy(room, text.data, plain);
    out->length += 1 + plain;
    if (plain < text.length) put_rest(out, text.data + plain, end);
    buffer_append_str(out, after);
}

void json_key(struct json_writer *writer, struct str key)
{
    separate(writer);
    put_string(writer->out, key, STR("\":"));
    writer->comma = false;
}

void json_value_string(struct json_writer *writer, struct str value)
{
    separate(writer);
    put_string(writer->out, value, STR("\""));
}

void json_value_raw(struct json_writer *writer, struct str json)
{
    separate(writer);
    buffer_append_str(writer->out, json);
}

void json_value_i64(struct json_writer *writer, int64_t value)
{
    char text[NUMBER_TEXT_SIZE];

    json_value_raw(writer, str_sized(text, number_format_i64(value, text)));
}

void json_value_u64(struct json_writer *writer, uint64_t value)
{
    char text[NUMBER_TEXT_SIZE];

    json_value_raw(writer, str_sized(text, number_format_u64(value, text)));
}

static void not_finite(struct json_writer *writer, double value)
{
    json_value_raw(writer, isnan(value) ? STR("\"NaN\"")
                           : value < 0  ? STR("\"-Infinity\"")
                                        : STR("\"Infinity\""));
}

void json_value_double(struct json_writer *writer, double value)
{
    char text[NUMBER_TEXT_SIZE];

    if (isfinite(value))
        json_value_raw(writer, str_sized(text, number_format_double(value, text)));
    else
        not_finite(writer, value);
}

void json_value_float(struct json_writer *writer, float value)
{
    char text[NUMBER_TEXT_SIZE];

    if (isfinite(value))
        json_value_raw(writer, str_sized(text, number_format_float(value, text)));
    else
        not_finite(writer, (double)value);
}

void json_value_bool(struct json_writer *writer, bool value)
{
    json_value_raw(writer, value ? STR("true") : STR("false"));
}

void json_value_null(struct json_writer *writer)
{
    json_value_raw(writer, STR("null"));
}
