/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and matches the three forms of a route's path. */
#include "gateway/kong.h"

static bool is_name(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_';
}

/* Kong's regular expressions name their groups. Captures are not used here, so `(?<name>` and
 * `(?P<name>` become `(?:`. NULL if a name does not end. */
static const char *drop_group_names(struct arena *arena, struct str pattern)
{
    char *text = arena_alloc(arena, pattern.length + 1), *to = text;

    for (size_t i = 0; i < pattern.length; i++) {
        struct str rest = str_sized(pattern.data + i, pattern.length - i);
        bool escaped = i > 0 && pattern.data[i - 1] == '\\';
        size_t head = str_starts_with(rest, STR("(?P<"))  ? 4
                      : str_starts_with(rest, STR("(?<")) ? 3
                                                          : 0;
        bool look_behind = head == 3 && rest.length > 3 &&
                           (rest.data[3] == '=' || rest.data[3] == '!');
        if (head == 0 || escaped || look_behind) {
            *to++ = pattern.data[i];
            continue;
        }
        size_t end = head;
        while (end < rest.length && is_name(rest.data[end])) end++;
        if (end == head || end == rest.length || rest.data[end] != '>') return NULL;
        memcpy(to, "(?:", 3);
        to += 3;
        i += end;
    }
    *to = '\0';
    return text;
}

/* The literal text that the pattern begins with. Most paths do not begin with it, and are rejected
 * without running the expression. */
static struct str literal_start(struct str pattern)
{
    static const char special[] = "\\^$.[]|()?*+{}";
    size_t length = 0;

    if (memchr(pattern.data, '|', pattern.length)) return STR("");
    while (length < pattern.length && !strchr(special, pattern.data[length])) length++;
    /* The last character may be repeated or optional. */
    bool repeated = length < pattern.length && strchr("?*+{", pattern.data[length]);
    return str_sized(pattern.data, length - (repeated && length > 0));
}

static bool parse_regex(struct arena *arena, struct str text, struct kong_path *path,
                        const char **ret_error)
{
    const char *plain = drop_group_names(arena, text);

    *ret_error = "a group's name must consist of letters, digits and _ and end with >";
    if (!plain) return false;
    /* A regex matches from the start of the path, even without ^. */
    const char *anchored = arena_printf(arena, "^(?:%s)", plain + (plain[0] == '^'));
    path->kind = KONG_REGEX;
    path->literal = literal_start(str_of(plain + (plain[0] == '^')));
    return schema_pattern_compile(arena, anchored, &path->pattern, ret_error);
}

bool kong_path_parse(struct arena *arena, struct str text, struct kong_path *ret_path,
                     const char **ret_error)
{
    struct kong_path path = {.kind = KONG_PREFIX, .text = text};

    *ret_error = "a path must begin with / (or with ~ if it is a regular expression)";
    if (text.length > 0 && text.data[0] == '~') {
        path.text = str_sized(text.data + 1, text.length - 1);
        if (!parse_regex(arena, path.text, &path, ret_error)) return false;
    } else if (text.length == 0 || text.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i + 1 < text.length && path.kind == KONG_PREFIX; i++) {
        if (text.data[i] != '/' || text.data[i + 1] != ':') continue;
        path.kind = KONG_SEGMENTS;
    }
    *ret_path = path;
    return true;
}

/* Compares whole segments; `:name` matches any one that is not empty. */
static bool match_segments(struct str pattern, struct str request)
{
    struct str pattern_rest = str_sized(pattern.data + 1, pattern.length - 1), part, segment;
    struct str rest;

    if (request.length == 0 || request.data[0] != '/') return false;
    rest = str_sized(request.data + 1, request.length - 1);
    while (str_split(&pattern_rest, '/', &part)) {
        if (!str_split(&rest, '/', &segment)) return false;
        bool variable = part.length > 1 && part.data[0] == ':';
        if (variable ? segment.length == 0 : !str_equal(part, segment)) return false;
    }
    return true;
}

bool kong_path_matches(const struct kong_path *path, struct str request)
{
    switch (path->kind) {
    case KONG_PREFIX: return str_starts_with(request, path->text);
    case KONG_SEGMENTS: return match_segments(path->text, request);
    default:
        return str_starts_with(request, path->literal) &&
               schema_pattern_matches(path->pattern, request);
    }
}
