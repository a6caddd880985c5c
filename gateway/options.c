/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the members of a YAML map by a table of options. */
#include "gateway/options.h"

/* One option that is being read. */
struct option_reader {
    const struct option_source *source;
    const char *what;
    const struct option *option;
    void *place;
};

static struct status refuse(const struct option_reader *reader, int line, const char *expected)
{
    return yaml_error(reader->source->arena, reader->source->file, line, "%s of %s must be %s",
                      reader->option->name, reader->what, expected);
}

/* "its options are a, b, c" */
static const char *known_names(struct arena *arena, const struct option *table)
{
    const char *names = "its options are";

    for (const struct option *option = table; option->name; option++)
        names = arena_printf(arena, "%s%s %s", names, option == table ? "" : ",", option->name);
    return names;
}

static const char *choices_text(struct arena *arena, const char *const *choices)
{
    const char *text = "one of";

    for (const char *const *choice = choices; *choice; choice++)
        text = arena_printf(arena, "%s%s %s", text, choice == choices ? "" : ",", *choice);
    return text;
}

static bool is_choice(const struct option *option, const char *text)
{
    const char *const *choice = option->choices;

    if (!choice) return true;
    while (*choice && strcmp(*choice, text) != 0) choice++;
    return *choice != NULL;
}

static struct status take_text(const struct option_reader *reader, struct str text, int line,
                               const char **ret_text)
{
    struct arena *arena = reader->source->arena;

    if (memchr(text.length ? text.data : "", 0, text.length))
        return refuse(reader, line, "text without NUL");
    *ret_text = arena_strndup(arena, text.data, text.length);
    if (!is_choice(reader->option, *ret_text))
        return refuse(reader, line, choices_text(arena, reader->option->choices));
    return status_ok();
}

static struct status read_texts(const struct option_reader *reader, const struct yaml_value *value)
{
    struct texts *texts = reader->place;
    const struct yaml_value *item = value->kind == YAML_IS_LIST ? value->first : value;
    struct text *items;
    size_t count = 0;

    for (const struct yaml_value *each = item; each;
         each = value->kind == YAML_IS_LIST ? each->next : NULL)
        count++;
    items = arena_array(reader->source->arena, struct text, count);
    texts->items = items;
    texts->count = count;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (item->kind != YAML_IS_TEXT || item->null)
            return refuse(reader, item->line, "a list of texts");
        items[i].line = item->line;
        struct status st = take_text(reader, item->text, item->line, &items[i].text);
        if (failed(st)) return st;
    }
    return status_ok();
}

static struct status read_scalar(const struct option_reader *reader, struct str text, int line)
{
    const struct option *option = reader->option;
    struct arena *arena = reader->source->arena;
    int64_t number;

    switch (option->kind) {
    case OPTION_TEXT: return take_text(reader, text, line, reader->place);
    case OPTION_INTEGER:
        if (!str_to_i64(text, &number) || number < option->min || number > option->max)
            return refuse(reader, line,
                          arena_printf(arena, "a whole number from %lld to %lld",
                                       (long long)option->min, (long long)option->max));
        *(int64_t *)reader->place = number;
        return status_ok();
    case OPTION_BOOLEAN:
        *(bool *)reader->place = str_is(text, "true");
        if (!str_is(text, "true") && !str_is(text, "false"))
            return refuse(reader, line, "true or false");
        return status_ok();
    default: return status_ok();
    }
}

static struct status read_option(const struct option_reader *reader, const struct yaml_value *value)
{
    switch (reader->option->kind) {
    case OPTION_IGNORED: return status_ok();
    case OPTION_TREE: *(const struct yaml_value **)reader->place = value; return status_ok();
    case OPTION_TEXTS:
        if (value->kind == YAML_IS_MAP) return refuse(reader, value->line, "a list of texts");
        return read_texts(reader, value);
    default:
        if (value->kind != YAML_IS_TEXT) return refuse(reader, value->line, "one value");
        return read_scalar(reader, value->text, value->line);
    }
}

static void set_fallback(const struct option_reader *reader)
{
    const struct option *option = reader->option;
    struct str rest = str_of(option->fallback), part;
    struct text *items;
    struct texts *texts = reader->place;

    if (option->kind == OPTION_INTEGER && !option->fallback) *(int64_t *)reader->place = -1;
    if (!option->fallback) return;
    if (option->kind != OPTION_TEXTS) {
        struct status st = read_scalar(reader, rest, 0);
        invariant(!failed(st)); /* a mistake in the table */
        return;
    }
    items = arena_array(reader->source->arena, struct text, rest.length + 1);
    texts->items = items;
    while (str_split(&rest, ',', &part))
        items[texts->count++].text = str_dup(reader->source->arena, part);
}

static const struct yaml_value *member(const struct yaml_value *map, const char *name)
{
    const struct yaml_value *value = map ? map->first : NULL;

    while (value && !str_is(value->key, name)) value = value->next;
    return value && !value->null ? value : NULL;
}

static struct status check_names(const struct option_source *source, const struct yaml_value *map,
                                 const char *what, const struct option *table)
{
    for (const struct yaml_value *value = map->first; value; value = value->next) {
        const struct option *option = table;
        while (option->name && !str_is(value->key, option->name)) option++;
        if (!option->name)
            return yaml_error(source->arena, source->file, value->line,
                              "%s has no option \"%.*s\"; %s", what, STR_ARGS(value->key),
                              known_names(source->arena, table));
    }
    return status_ok();
}

struct status options_read(const struct option_source *source, const struct yaml_value *map,
                           const char *what, const struct option *table, void *into)
{
    struct status st = status_ok();

    if (map && map->null) map = NULL;
    if (map && map->kind != YAML_IS_MAP)
        return yaml_error(source->arena, source->file, map->line, "%s must be a map of options",
                          what);
    if (map) st = check_names(source, map, what, table);
    for (const struct option *option = table; option->name && !failed(st); option++) {
        struct option_reader reader = {source, what, option, (char *)into + option->offset};
        const struct yaml_value *value = member(map, option->name);
        if (value)
            st = read_option(&reader, value);
        else if (option->required)
            st = yaml_error(source->arena, source->file, map ? map->line : 1, "%s needs %s", what,
                            option->name);
        else
            set_fallback(&reader);
    }
    return st;
}
