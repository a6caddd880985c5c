/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the JSON reader: it must read to the end or to an error, and its tokens must be writable
 * and readable again.
 */
#include "base/json.h"
#include "base/status.h"
#include "tests/fuzz/fuzz.h"

static void write_token(struct json_writer *out, struct json_reader *in, enum json_token token,
                        struct arena *arena)
{
    switch (token) {
    case JSON_OBJECT: json_object(out); break;
    case JSON_OBJECT_END: json_object_end(out); break;
    case JSON_ARRAY: json_array(out); break;
    case JSON_ARRAY_END: json_array_end(out); break;
    case JSON_KEY: json_key(out, json_string(in, arena)); break;
    case JSON_STRING: json_value_string(out, json_string(in, arena)); break;
    case JSON_NUMBER: json_value_raw(out, in->raw); break;
    case JSON_TRUE: json_value_bool(out, true); break;
    case JSON_FALSE: json_value_bool(out, false); break;
    default: json_value_null(out);
    }
}

static bool rewrite(struct str text, struct buffer *ret_text, struct arena *arena)
{
    struct json_reader in;
    struct json_writer out;
    enum json_token token;

    json_reader_init(&in, text, JSON_DEPTH_MAX);
    json_writer_init(&out, ret_text);
    while ((token = json_next(&in)) != JSON_END) {
        if (token == JSON_ERROR) return false;
        write_token(&out, &in, token, arena);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer once, twice;
    struct arena arena;

    arena_init(&arena, 0);
    buffer_init(&once, 1 << 24);
    buffer_init(&twice, 1 << 24);
    if (rewrite(str_sized(data, size), &once, &arena)) {
        invariant(rewrite(buffer_str(&once), &twice, &arena));
        invariant(str_equal(buffer_str(&once), buffer_str(&twice)));
    }
    buffer_release(&once);
    buffer_release(&twice);
    arena_release(&arena);
    return 0;
}
