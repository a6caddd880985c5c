/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a YAML document from libyaml's events into a tree. */
#include "gateway/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <yaml.h>

#include "reasons.pb-c.h"

struct loader {
    struct arena *arena;
    const char *file;
    yaml_parser_t parser;
    int depth, count;
};

struct status yaml_error(struct arena *arena, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "%s:%d: %s", file, line, text);
}

/* The next event, which the caller deletes. */
static struct status next_event(struct loader *loader, yaml_event_t *event)
{
    if (yaml_parser_parse(&loader->parser, event)) return status_ok();
    const char *problem = loader->parser.problem ? loader->parser.problem : "it cannot be read";
    return yaml_error(loader->arena, loader->file, (int)loader->parser.problem_mark.line + 1,
                      "this is not valid YAML: %s", problem);
}

static bool is_decorated(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT: return true;
    case YAML_SCALAR_EVENT: return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default: return false;
    }
}

static void set_text(struct loader *loader, struct yaml_value *value, const yaml_event_t *event)
{
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t length = event->data.scalar.length;

    value->kind = YAML_IS_TEXT;
    value->text = str_sized(
        arena_strndup(loader->arena, (const char *)event->data.scalar.value, length), length);
    value->null = plain && (length == 0 || str_is(value->text, "~") || str_is(value->text, "null"));
}

static struct status load_value(struct loader *loader, yaml_event_t *event,
                                struct yaml_value **ret_value);

static struct status check_key(struct loader *loader, const struct yaml_value *map,
                               const struct yaml_value *key)
{
    if (key->kind != YAML_IS_TEXT)
        return yaml_error(loader->arena, loader->file, key->line, "a key must be text");
    for (const struct yaml_value *value = map->first; value; value = value->next)
        if (str_equal(value->key, key->text))
            return yaml_error(loader->arena, loader->file, key->line,
                              "\"%.*s\" occurs twice, first in line %d", STR_ARGS(key->text),
                              value->line);
    return status_ok();
}

/* Loads the members of a map or list, up to its end. */
static struct status load_members(struct loader *loader, struct yaml_value *parent)
{
    struct yaml_value **end = &parent->first, *key = NULL, *value;
    struct status st = status_ok();
    yaml_event_t event;

    while (!failed(st)) {
        st = next_event(loader, &event);
        if (failed(st)) return st;
        bool at_end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        if (!at_end) st = load_value(loader, &event, &value);
        yaml_event_delete(&event);
        if (at_end || failed(st)) break;
        if (parent->kind == YAML_IS_MAP && !key) {
            st = check_key(loader, parent, value);
            key = value;
            continue;
        }
        if (key) {
            value->key = key->text;
            value->line = key->line;
        }
        key = NULL;
        *end = value;
        end = &value->next;
    }
    return st;
}

static struct status load_value(struct loader *loader, yaml_event_t *event,
                                struct yaml_value **ret_value)
{
    struct yaml_value *value = arena_new(loader->arena, struct yaml_value);
    struct status st;

    value->line = (int)event->start_mark.line + 1;
    *ret_value = value;
    if (is_decorated(event))
        return yaml_error(loader->arena, loader->file, value->line,
                          "anchors, aliases and tags are not supported");
    if (loader->count++ == YAML_VALUES_MAX || loader->depth == YAML_DEPTH_MAX)
        return yaml_error(loader->arena, loader->file, value->line,
                          "it has too many values, or nests too deeply");
    if (event->type == YAML_SCALAR_EVENT) {
        set_text(loader, value, event);
        return status_ok();
    }
    value->kind = event->type == YAML_SEQUENCE_START_EVENT ? YAML_IS_LIST : YAML_IS_MAP;
    loader->depth++;
    st = load_members(loader, value);
    loader->depth--;
    return st;
}

/* Reads events up to the root's, which the caller deletes. */
static struct status find_root(struct loader *loader, yaml_event_t *event)
{
    for (;;) {
        struct status st = next_event(loader, event);
        if (failed(st)) return st;
        if (event->type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(event);
            return yaml_error(loader->arena, loader->file, 1, "it is empty");
        }
        if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT)
            return st;
        yaml_event_delete(event);
    }
}

/* Checks that only the ends of document and stream follow. */
static struct status check_end(struct loader *loader)
{
    yaml_event_t event;
    bool at_end = false;

    while (!at_end) {
        struct status st = next_event(loader, &event);
        if (failed(st)) return st;
        int line = (int)event.start_mark.line + 1;
        bool more = event.type != YAML_DOCUMENT_END_EVENT && event.type != YAML_STREAM_END_EVENT;
        at_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (more)
            return yaml_error(loader->arena, loader->file, line,
                              "a second document begins; only one is allowed");
    }
    return status_ok();
}

struct status yaml_tree_read(struct arena *arena, const char *file, struct str text,
                             const struct yaml_value **ret_root)
{
    struct loader loader = {.arena = arena, .file = file};
    struct yaml_value *root = NULL;
    yaml_event_t event;

    if (text.length > YAML_SIZE_MAX)
        return yaml_error(arena, file, 1, "it is larger than %d bytes", YAML_SIZE_MAX);
    if (!yaml_parser_initialize(&loader.parser))
        return status_errno(arena, ENOMEM, "cannot make a YAML parser");
    yaml_parser_set_encoding(&loader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&loader.parser,
                                 (const unsigned char *)(text.data ? text.data : ""), text.length);

    struct status st = find_root(&loader, &event);
    if (!failed(st)) {
        st = load_value(&loader, &event, &root);
        yaml_event_delete(&event);
    }
    if (!failed(st)) st = check_end(&loader);
    yaml_parser_delete(&loader.parser);
    if (!failed(st)) *ret_root = root;
    return st;
}
