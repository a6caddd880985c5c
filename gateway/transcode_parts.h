/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations shared by the files of the transcoder. Private to gateway/transcode*.c. */
#ifndef GATEWAY_TRANSCODE_PARTS_H
#define GATEWAY_TRANSCODE_PARTS_H

#include "base/encode.h"
#include "base/json.h"
#include "gateway/transcode.h"
#include "rpc/wire.h"

/* Types by message: open addressing. */
struct transcode_types {
    struct arena *arena;
    const struct rpc_schema *schema;
    struct transcode_type **slots;
    size_t capacity, count;
};

/* The type that a type URL names, made in the request's arena; NULL if it is unknown. */
const struct transcode_type *
transcode_any_type(struct arena *arena, const struct transcode_types *types, struct str url);

/* Fields of the well-known types, by number. */
enum {
    TIME_SECONDS = 1, /* of Timestamp and Duration */
    TIME_NANOS = 2,
    FIELD_MASK_PATHS = 1,
    VALUE_NULL = 1,
    VALUE_NUMBER = 2,
    VALUE_STRING = 3,
    VALUE_BOOL = 4,
    VALUE_STRUCT = 5,
    VALUE_LIST = 6,
    ANY_URL = 1,
    ANY_VALUE = 2,
};

/* Is it a valid path of a field in a FieldMask, in lowerCamelCase or in snake_case, but not mixed?
 * Both give the same path on the wire. */
bool is_mask_path(struct str path);

/* ---- numbers and other scalars (transcode_scalar.c) ---- */

enum number_result { NUMBER_FINE, NUMBER_MALFORMED, NUMBER_FRACTION, NUMBER_RANGE };

/* Parses a whole number, exponents and zero fractions included ("1e3", "20.0").
 */
enum number_result number_parse_integer(struct str text, bool *ret_negative,
                                        uint64_t *ret_magnitude);

/* The bits of one scalar given as text, ready for the wire: any type but strings, bytes and
 * messages. On failure *ret_error says what was expected. */
bool scalar_parse(const struct schema_field *field, struct str text, uint64_t *ret_bits,
                  const char **ret_error);

/* Adds bits in the wire format of the field's type, without a tag. */
void scalar_put(struct output *out, enum schema_type type, uint64_t bits);

void varint_put(struct output *out, uint64_t value);

/* A length-delimited part whose length is not known yet: its content is written after `open`, and
 * `close` puts the length in front of it. */
size_t length_open(struct output *out);
void length_close(struct output *out, size_t mark);

/* ---- reading JSON (transcode_read.c) ---- */

/* Where the reader is, for error messages: a field's name, a map's key, or an index. */
struct place {
    const struct place *up;
    struct str name;
    int64_t index; /* of an element; -1: the place has a name */
    bool key;      /* the name is a map's key */
};

struct reader {
    struct arena *arena;
    struct json_reader json;
    struct output *out;
    const struct place *place;
    struct status status; /* valid once a function has returned false */
};

/* Records a failure at the current place and returns false. */
bool reader_fail(struct reader *reader, int reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for malformed JSON. */
bool reader_fail_json(struct reader *reader);

/* The next token; false on an error. */
bool reader_next(struct reader *reader, enum json_token *ret_token);

/* The string just read, decoded; fails if it contains NUL. */
bool reader_string(struct reader *reader, struct str *ret_text);

/* The keys seen so far, to refuse duplicates. All zeros is empty. */
struct key_set {
    struct str *slots;
    size_t capacity, count;
    uint64_t seed[2];
};
/* False if it is in the set already. `key` is borrowed for the set's life. */
bool key_set_add(struct arena *arena, struct key_set *set, struct str key);

/* Reads the content of a message whose first token is `token`, without tag and length. */
bool read_message(struct reader *reader, const struct transcode_type *type, enum json_token token);
/* Reads the members of an object up to its end; the "@type" of an `any` is skipped. */
bool read_members(struct reader *reader, const struct transcode_type *type, bool any);
/* Reads one value of a field and writes it with its tag, whatever the field's label. */
bool read_single(struct reader *reader, const struct transcode_field *field, enum json_token token);
/* Reads a repeated field or a map. */
bool read_array(struct reader *reader, const struct transcode_field *field, enum json_token token);
bool read_map(struct reader *reader, const struct transcode_field *field, enum json_token token);
/* Reads a message of a well-known type other than SCHEMA_ORDINARY and SCHEMA_EMPTY
 * (transcode_read_known.c). */
bool read_known(struct reader *reader, const struct transcode_type *type, enum json_token token);
/* Reads the string form of a Timestamp, Duration or FieldMask. */
bool read_known_text(struct reader *reader, enum schema_well_known kind, struct str text);

/* ---- writing JSON (transcode_write.c) ---- */

struct writer {
    struct arena *arena;
    struct output *out;
    int depth;
    struct status status;
};

bool writer_fail(struct writer *writer, const struct schema_message *message, const char *what);
void write_string(struct output *out, struct str text);
/* Writes a message without key and comma. */
bool write_message(struct writer *writer, const struct transcode_type *type, struct str wire);
/* Writes its members, each followed by a comma, without brackets. */
bool write_members(struct writer *writer, const struct transcode_type *type, struct str wire);
bool write_value(struct writer *writer, const struct transcode_field *field,
                 const struct wire_field *value);
/* Writes a repeated field or a map from all its occurrences in `wire`, with brackets. */
bool write_repeated(struct writer *writer, const struct transcode_field *field, struct str wire);
/* Does the wire type fit the field? A field that does not fit counts as unknown. */
bool wire_fits(const struct transcode_field *field, enum wire_type type);
/* Writes a message of a well-known type (transcode_write_known.c). */
bool write_known(struct writer *writer, const struct transcode_type *type, struct str wire);

/* Replaces the comma behind the last member by the closing bracket; without members it just adds
 * the bracket. */
static inline void output_close(struct output *out, char bracket)
{
    if (out->data[out->length - 1] == ',')
        out->data[out->length - 1] = bracket;
    else
        output_byte(out, bracket);
}

#endif
