/* SPDX-License-Identifier: Apache-2.0 */
/* Documents (BSON): made from a template with values, and read by paths.
 *
 *     mongodb_document(arena, "{update: 'users', updates: [{q: {_id: %o, v: %l}, u: %d}]}", id, v, u)
 *     mongodb_text(reply, "cursor.firstBatch.0.email")
 *
 * A document is a view of its bytes. Whatever is read from one (texts, bytes, parts) is a view of the
 * same memory. libmongoc's own bson functions do the work, so the library must be loaded: a struct
 * mongodb exists. */
#ifndef STORE_MONGODB_DOCUMENT_H
#define STORE_MONGODB_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { MONGODB_ID_SIZE = 12, MONGODB_DEPTH_MAX = 16, MONGODB_NAME_MAX = 63 };

/* An ObjectId. */
struct mongodb_id {
    uint8_t bytes[MONGODB_ID_SIZE];
};

/* A new one, different from all others. */
struct mongodb_id mongodb_id_new(void);

/* Makes a document in the arena. The template is written like JSON, with bare names, texts in single
 * quotes, int32 numbers, true, false and null, and placeholders for values:
 *
 *     %s const char *   %S struct str (text)   %i int   %l int64_t   %b bool (as int)
 *     %t int64_t, µs since 1970 as a date (which has milliseconds)
 *     %x struct str (binary)   %o struct mongodb_id   %d struct str, a document   %a struct str, an
 *     array
 *
 * A member whose value is a NULL %s, or an %S, %x, %d or %a with data NULL, is left out. The template
 * is the program's own text: a broken one ends the program. Texts must be UTF-8. */
struct str mongodb_document(struct arena *arena, const char *format, ...);

/* An array of documents, for %a. */
struct str mongodb_array(struct arena *arena, const struct str *documents, size_t count);

/* Reading by a path ("cursor.firstBatch.0.email"). What is missing or of another type is "", 0, false,
 * or data NULL. Texts end at their first NUL. */
bool mongodb_has(struct str document, const char *path);
const char *mongodb_text(struct str document, const char *path);
int64_t mongodb_number(struct str document, const char *path); /* int32, int64 or double */
bool mongodb_flag(struct str document, const char *path);
int64_t mongodb_time_us(struct str document, const char *path); /* of a date */
struct str mongodb_binary(struct str document, const char *path);
bool mongodb_read_id(struct str document, const char *path, struct mongodb_id *ret_id);
struct str mongodb_part(struct str document, const char *path); /* a document or an array */

/* The documents among an array's elements, in their order. The list is in the arena. */
struct str *mongodb_items(struct arena *arena, struct str array, size_t *ret_count);

/* A document in the arena with this one member of `document`, whatever its type; empty without it. */
struct str mongodb_member(struct arena *arena, struct str document, const char *name);

/* The value at `path` in `document`, whatever its type, as a document in the arena whose one member has
 * this name: for names that are not known before the program runs. Empty if there is no such value. */
struct str mongodb_name(struct arena *arena, const char *name, struct str document,
                        const char *path);

/* The members of both, in the arena. */
struct str mongodb_join(struct arena *arena, struct str first, struct str second);

/* Are these bytes a whole document, and all texts in it UTF-8? */
bool mongodb_is_document(struct str bytes);

#endif
