/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259): a pull reader over text in memory and a writer into a buffer. Neither builds a
 * tree.
 *
 * Reading: call json_next until JSON_END or JSON_ERROR. The reader checks the whole grammar, UTF-8
 * and the depth, and refuses anything after the value.
 *
 *     json_reader_init(&reader, text, depth_max);
 *     while ((token = json_next(&reader)) != JSON_END) { if (token == JSON_ERROR) ...; }
 *
 * Inside an object the tokens are JSON_KEY, then the value's; duplicate keys are not detected. A
 * string without escapes is a view of the input; one with escapes is decoded by json_string into
 * the arena.
 *
 * Writing: json_object / json_key / values / json_end; the writer adds the commas. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum json_token {
    JSON_ERROR,
    JSON_END, /* the value is complete and nothing follows */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

enum { JSON_DEPTH_MAX = 64 };

struct json_reader {
    const char *start, *next, *end;
    const char *token; /* where the last token starts */
    const char *error; /* static text after JSON_ERROR */
    struct str raw;    /* of KEY and STRING: the text between the quotes; of NUMBER: its text */
    bool escaped;      /* raw holds escapes */
    uint8_t state;
    uint8_t depth, depth_max;
    uint64_t arrays; /* one bit per level: is it an array? */
};

/* `text` is borrowed for the reader's life. depth_max: 1 to JSON_DEPTH_MAX. */
void json_reader_init(struct json_reader *reader, struct str text, int depth_max);

enum json_token json_next(struct json_reader *reader);

/* The byte offset of the last token, for error messages. */
size_t json_offset(const struct json_reader *reader);

/* The last KEY's or STRING's text without escapes: the view itself, or a decoded copy in the arena.
 * It is well-formed UTF-8 and may hold NUL bytes (from \u0000). */
struct str json_string(const struct json_reader *reader, struct arena *arena);

/* Skips the rest of the value whose first token was just read (`token`): the whole object or array;
 * nothing for other values. False on an error in it. */
bool json_skip(struct json_reader *reader, enum json_token token);

struct json_writer {
    struct buffer *out; /* borrowed */
    bool comma;
};

static inline void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    writer->out = out;
    writer->comma = false;
}

void json_object(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array(struct json_writer *writer);
void json_array_end(struct json_writer *writer);
void json_key(struct json_writer *writer, struct str key);
/* Invalid UTF-8 is replaced by U+FFFD, so that the output is always valid JSON. */
void json_value_string(struct json_writer *writer, struct str value);
void json_value_i64(struct json_writer *writer, int64_t value);
void json_value_u64(struct json_writer *writer, uint64_t value);
/* The fewest digits that read back as the same number; NaN and infinities as the strings of the
 * proto3 mapping. */
void json_value_double(struct json_writer *writer, double value);
void json_value_float(struct json_writer *writer, float value);
void json_value_bool(struct json_writer *writer, bool value);
void json_value_null(struct json_writer *writer);
/* Text that is already JSON, unchecked. */
void json_value_raw(struct json_writer *writer, struct str json);

/* A key and a string value, the most frequent pair, in one call. */
static inline void json_member(struct json_writer *writer, const char *key, struct str value)
{
    json_key(writer, str_of(key));
    json_value_string(writer, value);
}

#endif
