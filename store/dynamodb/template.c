/* SPDX-License-Identifier: Apache-2.0 */
/* Makes JSON from templates. A key is written once its value is known, because a member without one
 * is left out. */
#include <stdarg.h>

#include "base/encode.h"
#include "base/number.h"
#include "base/status.h"
#include "store/dynamodb/item.h"

enum { TEMPLATE_DEPTH_MAX = 32 };

struct template
{
    const char *next;
    struct arena *arena;
    struct json_writer out;
    struct str key;  /* waits for its value; data NULL: none does */
    uint32_t arrays; /* one bit per level: is it an array? */
    int depth;
    va_list values;
};

static void write_key(struct template *template)
{
    if (template->key.data) json_key(&template->out, template->key);
    template->key = (struct str){0};
}

/* ---- placeholders ---- */

static void open_attribute(struct template *template, const char *type)
{
    write_key(template);
    json_object(&template->out);
    json_key(&template->out, str_of(type));
}

static void write_attribute(struct template *template, const char *type, struct str text)
{
    open_attribute(template, type);
    json_value_string(&template->out, text);
    json_object_end(&template->out);
}

static void write_nested(struct template *template, const char *type, struct str json)
{
    open_attribute(template, type);
    json_value_raw(&template->out, json);
    json_object_end(&template->out);
}

static void write_integer(struct template *template, int64_t value)
{
    char digits[NUMBER_TEXT_SIZE];
    size_t length = number_format_i64(value, digits);

    write_attribute(template, "N", str_sized(digits, length));
}

static void write_flag(struct template *template, bool value)
{
    open_attribute(template, "BOOL");
    json_value_bool(&template->out, value);
    json_object_end(&template->out);
}

static void write_set(struct template *template, const struct str *texts, size_t count)
{
    if (count == 0) {
        template->key = (struct str){0};
        return;
    }
    open_attribute(template, "SS");
    json_array(&template->out);
    for (size_t i = 0; i < count; i++) json_value_string(&template->out, texts[i]);
    json_array_end(&template->out);
    json_object_end(&template->out);
}

static void write_text(struct template *template, char kind, struct str text)
{
    if (!text.data) {
        template->key = (struct str){0};
        return;
    }
    switch (kind) {
    case 's':
    case 'S': write_attribute(template, "S", text); break;
    case 'N': write_attribute(template, "N", text); break;
    case 'x': write_attribute(template, "B", base64_encode(template->arena, text)); break;
    case 'l': write_nested(template, "L", text); break;
    case 'm': write_nested(template, "M", text); break;
    case 'j':
        write_key(template);
        json_value_raw(&template->out, text);
        break;
    default: write_key(template); json_value_string(&template->out, text);
    }
}

static void write_placeholder(struct template *template)
{
    char kind = *++template->next;

    template->next++;
    switch (kind) {
    case 's':
    case 't': write_text(template, kind, str_of(va_arg(template->values, const char *))); break;
    case 'n': write_integer(template, va_arg(template->values, int64_t)); break;
    case 'b': write_flag(template, va_arg(template->values, int) != 0); break;
    case 'i':
        write_key(template);
        json_value_i64(&template->out, va_arg(template->values, int64_t));
        break;
    case 'z': {
        const struct str *texts = va_arg(template->values, const struct str *);
        write_set(template, texts, va_arg(template->values, size_t));
        break;
    }
    default:
        invariant(kind && strchr("STNxlmj", kind));
        write_text(template, kind, va_arg(template->values, struct str));
    }
}

/* ---- the rest ---- */

static void pass_space(struct template *template)
{
    template->next += strspn(template->next, " \n,");
}

static struct str read_quoted(struct template *template)
{
    const char *start = ++template->next;
    size_t length = strcspn(start, "'");

    invariant(start[length] == '\'');
    template->next = start + length + 1;
    return str_sized(start, length);
}

/* A name, bare or in quotes, and its colon. */
static void read_key(struct template *template)
{
    if (*template->next == '\'') {
        template->key = read_quoted(template);
    } else {
        size_t sign = strspn(template->next, ":#");
        size_t length = sign + strcspn(template->next + sign, ": \n{}[],'%");
        invariant(length > sign && sign <= 1);
        template->key = str_sized(template->next, length);
        template->next += length;
    }
    pass_space(template);
    invariant(*template->next == ':');
    template->next++;
    pass_space(template);
}

static void open_level(struct template *template, bool array)
{
    invariant(template->depth < TEMPLATE_DEPTH_MAX);
    write_key(template);
    if (array)
        json_array(&template->out);
    else
        json_object(&template->out);
    uint32_t bit = UINT32_C(1) << template->depth++;
    template->arrays = array ? template->arrays | bit : template->arrays & ~bit;
    template->next++;
}

static void close_level(struct template *template, bool array)
{
    invariant(template->depth > 0 && (template->arrays >> --template->depth & 1) == array);
    if (array)
        json_array_end(&template->out);
    else
        json_object_end(&template->out);
    template->next++;
}

/* A number, true, false or null. */
static void write_word(struct template *template)
{
    size_t length = strcspn(template->next, " \n,{}[]:'%");

    invariant(length > 0);
    write_key(template);
    json_value_raw(&template->out, str_sized(template->next, length));
    template->next += length;
}

static void write_value(struct template *template)
{
    switch (*template->next) {
    case '{': open_level(template, false); break;
    case '[': open_level(template, true); break;
    case '%': write_placeholder(template); break;
    case '\'': {
        struct str text = read_quoted(template);
        write_key(template);
        json_value_string(&template->out, text);
        break;
    }
    default: write_word(template);
    }
}

static void write_all(struct template *template)
{
    do {
        bool in_object = template->depth > 0 && !(template->arrays >> (template->depth - 1) & 1);
        if (*template->next == '}' || *template->next == ']') {
            close_level(template, *template->next == ']');
        } else {
            if (in_object) read_key(template);
            write_value(template);
        }
        pass_space(template);
    } while (template->depth > 0);
    invariant(*template->next == 0);
}

static struct str keep(struct arena *arena, struct buffer *text)
{
    invariant(!text->overflow);
    struct str kept = str_sized(arena_memdup(arena, text->data ? text->data : "", text->length),
                                text->length);
    buffer_release(text);
    return kept;
}

struct str dynamodb_json(struct arena *arena, const char *format, ...)
{
    struct template template = {.next = format, .arena = arena};
    struct buffer text;

    buffer_init(&text, SIZE_MAX);
    json_writer_init(&template.out, &text);
    va_start(template.values, format);
    write_all(&template);
    va_end(template.values);
    return keep(arena, &text);
}

struct str dynamodb_array(struct arena *arena, const struct str *texts, size_t count)
{
    struct json_writer writer;
    struct buffer text;

    buffer_init(&text, SIZE_MAX);
    json_writer_init(&writer, &text);
    json_array(&writer);
    for (size_t i = 0; i < count; i++) json_value_raw(&writer, texts[i]);
    json_array_end(&writer);
    return keep(arena, &text);
}

/* What is between the braces of an object. */
static struct str inside(struct str object)
{
    object = str_trim(object);
    invariant(object.length >= 2 && object.data[0] == '{' && object.data[object.length - 1] == '}');
    return str_trim(str_sized(object.data + 1, object.length - 2));
}

struct str dynamodb_join(struct arena *arena, struct str first, struct str second)
{
    struct str left = inside(first), right = inside(second);
    struct buffer text;

    buffer_init(&text, SIZE_MAX);
    buffer_append_byte(&text, '{');
    buffer_append_str(&text, left);
    if (left.length > 0 && right.length > 0) buffer_append_byte(&text, ',');
    buffer_append_str(&text, right);
    buffer_append_byte(&text, '}');
    return keep(arena, &text);
}
