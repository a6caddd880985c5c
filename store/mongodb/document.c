/* SPDX-License-Identifier: Apache-2.0 */
/* Makes documents from templates, by recursive descent, and reads them with libbson's iterators. */
#include "store/mongodb/document.h"

#include <stdarg.h>

#include "base/status.h"
#include "store/mongodb/library.h"

#define LIBRARY (&mongodb_library)

enum { US_PER_MS = 1000 };

/* ---- making ---- */

struct template
{
    const char *next;
    va_list *values;
    int depth;
};

static void skip_space(struct template *t)
{
    while (*t->next == ' ') t->next++;
}

static bool take(struct template *t, char c)
{
    skip_space(t);
    if (*t->next != c) return false;
    t->next++;
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '$' || c == '-';
}

/* A bare word: a member's name, a number, true, false or null. */
static void take_word(struct template *t, char ret_word[MONGODB_NAME_MAX + 1])
{
    size_t length = 0;

    skip_space(t);
    while (is_name_char(*t->next) && length < MONGODB_NAME_MAX) ret_word[length++] = *t->next++;
    invariant(length > 0 && !is_name_char(*t->next));
    ret_word[length] = '\0';
}

static void append_part(bson_t *to, const char *name, struct str part, bool array)
{
    bson_t view;

    if (!part.data) return;
    bool whole = LIBRARY->bson_init_static(&view, (const uint8_t *)part.data, part.length);
    invariant(whole);
    bool fits = array ? LIBRARY->bson_append_array(to, name, -1, &view)
                      : LIBRARY->bson_append_document(to, name, -1, &view);
    invariant(fits);
}

static void append_text(bson_t *to, const char *name, struct str text)
{
    if (text.data) LIBRARY->bson_append_utf8(to, name, -1, text.data, (int)text.length);
}

static int64_t floor_ms(int64_t us)
{
    return us >= 0 ? us / US_PER_MS : -((-us + US_PER_MS - 1) / US_PER_MS);
}

static void append_binary(bson_t *to, const char *name, struct str bytes)
{
    if (!bytes.data) return;
    LIBRARY->bson_append_binary(to, name, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)bytes.data,
                                (uint32_t)bytes.length);
}

static void append_id(bson_t *to, const char *name, struct mongodb_id id)
{
    bson_oid_t oid;

    memcpy(oid.bytes, id.bytes, sizeof(oid.bytes));
    LIBRARY->bson_append_oid(to, name, -1, &oid);
}

static void append_value(struct template *t, bson_t *to, const char *name)
{
    va_list *values = t->values;

    switch (*t->next++) {
    case 's': append_text(to, name, str_of(va_arg(*values, const char *))); break;
    case 'S': append_text(to, name, va_arg(*values, struct str)); break;
    case 'i': LIBRARY->bson_append_int32(to, name, -1, va_arg(*values, int)); break;
    case 'l': LIBRARY->bson_append_int64(to, name, -1, va_arg(*values, int64_t)); break;
    case 'b': LIBRARY->bson_append_bool(to, name, -1, va_arg(*values, int) != 0); break;
    case 't':
        LIBRARY->bson_append_date_time(to, name, -1, floor_ms(va_arg(*values, int64_t)));
        break;
    case 'x': append_binary(to, name, va_arg(*values, struct str)); break;
    case 'o': append_id(to, name, va_arg(*values, struct mongodb_id)); break;
    case 'd': append_part(to, name, va_arg(*values, struct str), false); break;
    case 'a': append_part(to, name, va_arg(*values, struct str), true); break;
    default: invariant(!"a placeholder of a document's template is not known");
    }
}

static void append_literal(struct template *t, bson_t *to, const char *name)
{
    char word[MONGODB_NAME_MAX + 1];
    int64_t number;

    take_word(t, word);
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        LIBRARY->bson_append_bool(to, name, -1, word[0] == 't');
    } else if (strcmp(word, "null") == 0) {
        LIBRARY->bson_append_null(to, name, -1);
    } else {
        bool whole = str_to_i64(str_of(word), &number) && number == (int32_t)number;
        invariant(whole);
        LIBRARY->bson_append_int32(to, name, -1, (int32_t)number);
    }
}

static void append_quoted(struct template *t, bson_t *to, const char *name)
{
    const char *end = strchr(t->next, '\'');

    invariant(end != 0);
    append_text(to, name, str_sized(t->next, (size_t)(end - t->next)));
    t->next = end + 1;
}

static void append_members(struct template *t, bson_t *to);
static void append_elements(struct template *t, bson_t *to);

static void append(struct template *t, bson_t *to, const char *name)
{
    bson_t child;

    if (take(t, '{')) {
        LIBRARY->bson_append_document_begin(to, name, -1, &child);
        append_members(t, &child);
        LIBRARY->bson_append_document_end(to, &child);
    } else if (take(t, '[')) {
        LIBRARY->bson_append_array_begin(to, name, -1, &child);
        append_elements(t, &child);
        LIBRARY->bson_append_array_end(to, &child);
    } else if (take(t, '%')) {
        append_value(t, to, name);
    } else if (take(t, '\'')) {
        append_quoted(t, to, name);
    } else {
        append_literal(t, to, name);
    }
}

/* What follows a `{`, up to its `}`. */
static void append_members(struct template *t, bson_t *to)
{
    char name[MONGODB_NAME_MAX + 1];

    invariant(++t->depth <= MONGODB_DEPTH_MAX);
    if (!take(t, '}')) {
        do {
            take_word(t, name);
            bool colon = take(t, ':');
            invariant(colon);
            append(t, to, name);
        } while (take(t, ','));
        bool end = take(t, '}');
        invariant(end);
    }
    t->depth--;
}

static void append_elements(struct template *t, bson_t *to)
{
    char name[24];
    int count = 0;

    invariant(++t->depth <= MONGODB_DEPTH_MAX);
    if (!take(t, ']')) {
        do {
            snprintf(name, sizeof(name), "%d", count++);
            append(t, to, name);
        } while (take(t, ','));
        bool end = take(t, ']');
        invariant(end);
    }
    t->depth--;
}

/* Moves the bytes of a document from libbson's heap into the arena. */
static struct str keep(struct arena *arena, bson_t *made)
{
    struct str kept = str_sized(arena_memdup(arena, LIBRARY->bson_get_data(made), made->len),
                                made->len);

    LIBRARY->bson_destroy(made);
    return kept;
}

struct str mongodb_document(struct arena *arena, const char *format, ...)
{
    va_list values;
    struct template t = {.next = format};
    bson_t made;

    va_start(values, format);
    t.values = &values;
    LIBRARY->bson_init(&made);
    bool begins = take(&t, '{');
    invariant(begins);
    append_members(&t, &made);
    invariant(*t.next == '\0');
    va_end(values);
    return keep(arena, &made);
}

struct str mongodb_array(struct arena *arena, const struct str *documents, size_t count)
{
    char name[24];
    bson_t made;

    LIBRARY->bson_init(&made);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        append_part(&made, name, documents[i], false);
    }
    return keep(arena, &made);
}

struct mongodb_id mongodb_id_new(void)
{
    struct mongodb_id id;
    bson_oid_t oid;

    LIBRARY->bson_oid_init(&oid, 0);
    memcpy(id.bytes, oid.bytes, sizeof(id.bytes));
    return id;
}

/* ---- reading ---- */

static bool find(struct str document, const char *path, bson_iter_t *ret_iter)
{
    bson_iter_t iter;
    bson_t view;

    if (!document.data ||
        !LIBRARY->bson_init_static(&view, (const uint8_t *)document.data, document.length))
        return false;
    return LIBRARY->bson_iter_init(&iter, &view) &&
           LIBRARY->bson_iter_find_descendant(&iter, path, ret_iter);
}

static bool find_typed(struct str document, const char *path, bson_type_t type,
                       bson_iter_t *ret_iter)
{
    return find(document, path, ret_iter) && LIBRARY->bson_iter_type(ret_iter) == type;
}

bool mongodb_has(struct str document, const char *path)
{
    bson_iter_t iter;

    return find(document, path, &iter);
}

const char *mongodb_text(struct str document, const char *path)
{
    bson_iter_t iter;

    if (!find_typed(document, path, BSON_TYPE_UTF8, &iter)) return "";
    return LIBRARY->bson_iter_utf8(&iter, 0);
}

int64_t mongodb_number(struct str document, const char *path)
{
    bson_iter_t iter;

    if (!find(document, path, &iter)) return 0;
    switch (LIBRARY->bson_iter_type(&iter)) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE: return LIBRARY->bson_iter_as_int64(&iter);
    default: return 0;
    }
}

bool mongodb_flag(struct str document, const char *path)
{
    bson_iter_t iter;

    return find_typed(document, path, BSON_TYPE_BOOL, &iter) && LIBRARY->bson_iter_bool(&iter);
}

int64_t mongodb_time_us(struct str document, const char *path)
{
    bson_iter_t iter;
    int64_t us;

    if (!find_typed(document, path, BSON_TYPE_DATE_TIME, &iter)) return 0;
    if (__builtin_mul_overflow(LIBRARY->bson_iter_date_time(&iter), (int64_t)US_PER_MS, &us))
        return 0;
    return us;
}

struct str mongodb_binary(struct str document, const char *path)
{
    const uint8_t *bytes = 0;
    bson_subtype_t subtype;
    uint32_t length = 0;
    bson_iter_t iter;

    if (find_typed(document, path, BSON_TYPE_BINARY, &iter))
        LIBRARY->bson_iter_binary(&iter, &subtype, &length, &bytes);
    return str_sized(bytes, length);
}

bool mongodb_read_id(struct str document, const char *path, struct mongodb_id *ret_id)
{
    bson_iter_t iter;

    if (!find_typed(document, path, BSON_TYPE_OID, &iter)) return false;
    memcpy(ret_id->bytes, LIBRARY->bson_iter_oid(&iter)->bytes, sizeof(ret_id->bytes));
    return true;
}

static struct str part_of(const bson_iter_t *iter)
{
    bson_type_t type = LIBRARY->bson_iter_type(iter);
    const uint8_t *bytes = 0;
    uint32_t length = 0;

    if (type == BSON_TYPE_DOCUMENT) LIBRARY->bson_iter_document(iter, &length, &bytes);
    if (type == BSON_TYPE_ARRAY) LIBRARY->bson_iter_array(iter, &length, &bytes);
    return str_sized(bytes, length);
}

struct str mongodb_part(struct str document, const char *path)
{
    struct str none = {0};
    bson_iter_t iter;

    return find(document, path, &iter) ? part_of(&iter) : none;
}

static size_t each_item(struct str array, struct str *items)
{
    bson_iter_t iter;
    size_t count = 0;
    bson_t view;

    if (!array.data ||
        !LIBRARY->bson_init_static(&view, (const uint8_t *)array.data, array.length) ||
        !LIBRARY->bson_iter_init(&iter, &view))
        return 0;
    while (LIBRARY->bson_iter_next(&iter)) {
        struct str part = part_of(&iter);
        if (!part.data) continue;
        if (items) items[count] = part;
        count++;
    }
    return count;
}

struct str *mongodb_items(struct arena *arena, struct str array, size_t *ret_count)
{
    size_t count = each_item(array, 0);
    struct str *items = arena_array(arena, struct str, count + 1);

    *ret_count = each_item(array, items);
    return items;
}

struct str mongodb_name(struct arena *arena, const char *name, struct str document,
                        const char *path)
{
    bson_iter_t iter;
    bson_t made;

    LIBRARY->bson_init(&made);
    if (find(document, path, &iter)) LIBRARY->bson_append_iter(&made, name, -1, &iter);
    return keep(arena, &made);
}

struct str mongodb_member(struct arena *arena, struct str document, const char *name)
{
    return mongodb_name(arena, name, document, name);
}

struct str mongodb_join(struct arena *arena, struct str first, struct str second)
{
    bson_t view, made;

    LIBRARY->bson_init(&made);
    const struct str parts[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        bool whole = LIBRARY->bson_init_static(&view, (const uint8_t *)parts[i].data,
                                               parts[i].length);
        invariant(whole && LIBRARY->bson_concat(&made, &view));
    }
    return keep(arena, &made);
}

bool mongodb_is_document(struct str bytes)
{
    bson_t view;

    return bytes.data &&
           LIBRARY->bson_init_static(&view, (const uint8_t *)bytes.data, bytes.length) &&
           LIBRARY->bson_validate(&view, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL, 0);
}
