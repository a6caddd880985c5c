/* SPDX-License-Identifier: Apache-2.0 */
/* Parses path templates by recursive descent. */
#include "gateway/path_template.h"

struct parser {
    const char *next, *end;
    struct path_template *template;
    const char *error;
};

static bool fail(struct parser *parser, const char *error)
{
    parser->error = error;
    return false;
}

static bool take(struct parser *parser, char byte)
{
    if (parser->next == parser->end || *parser->next != byte) return false;
    parser->next++;
    return true;
}

/* Characters that a segment may contain unencoded: RFC 3986's pchar without the colon, which begins
 * the verb, and without the star. */
static bool is_literal(char byte)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9');

    return letter || (byte != '\0' && strchr("-._~%!$&'()+,;=@", byte));
}

static struct str take_literal(struct parser *parser)
{
    const char *start = parser->next;

    while (parser->next < parser->end && is_literal(*parser->next)) parser->next++;
    return str_sized(start, (size_t)(parser->next - start));
}

static bool add_segment(struct parser *parser, struct template_segment segment)
{
    struct path_template *template = parser->template;
    int count = template->segment_count;

    if (count == TEMPLATE_SEGMENTS_MAX) return fail(parser, "it has too many segments");
    if (count > 0 && template->segments[count - 1].kind == SEGMENT_REST)
        return fail(parser, "only a verb may follow **");
    template->segments[template->segment_count++] = segment;
    return true;
}

/* "*", "**" or a literal. */
static bool parse_plain(struct parser *parser)
{
    if (take(parser, '*')) {
        bool rest = take(parser, '*');
        return add_segment(parser,
                           (struct template_segment){.kind = rest ? SEGMENT_REST : SEGMENT_ANY});
    }
    struct str literal = take_literal(parser);
    if (literal.length == 0)
        return fail(parser, "a segment is empty or has a character that is not allowed there");
    return add_segment(parser,
                       (struct template_segment){.kind = SEGMENT_LITERAL, .literal = literal});
}

static bool is_name(char byte, bool first)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';

    return letter || (!first && byte >= '0' && byte <= '9');
}

static bool take_field_path(struct parser *parser, struct str *ret_path)
{
    const char *start = parser->next;

    do {
        const char *name = parser->next;
        while (parser->next < parser->end && is_name(*parser->next, parser->next == name))
            parser->next++;
        if (parser->next == name) return fail(parser, "a variable has no name");
    } while (take(parser, '.'));
    *ret_path = str_sized(start, (size_t)(parser->next - start));
    return true;
}

/* Parses a variable; the "{" has been read. */
static bool parse_variable(struct parser *parser)
{
    struct path_template *template = parser->template;
    struct template_variable variable = {.first = template->segment_count};

    if (template->variable_count == TEMPLATE_VARIABLES_MAX)
        return fail(parser, "it has too many variables");
    if (!take_field_path(parser, &variable.name)) return false;
    for (int i = 0; i < template->variable_count; i++)
        if (str_equal(template->variables[i].name, variable.name))
            return fail(parser, "a variable occurs twice");
    if (take(parser, '=')) {
        do {
            if (!parse_plain(parser)) return false;
        } while (take(parser, '/'));
    } else if (!add_segment(parser, (struct template_segment){.kind = SEGMENT_ANY})) {
        return false;
    }
    if (!take(parser, '}')) return fail(parser, "a variable is not closed");
    variable.end = template->segment_count;
    variable.several = variable.end - variable.first > 1 ||
                       template->segments[variable.first].kind == SEGMENT_REST;
    template->variables[template->variable_count++] = variable;
    return true;
}

static bool parse_segments(struct parser *parser)
{
    if (parser->next == parser->end) return true; /* "/" alone */
    do {
        bool fine = take(parser, '{') ? parse_variable(parser) : parse_plain(parser);
        if (!fine) return false;
    } while (take(parser, '/'));
    return true;
}

bool path_template_parse(struct str text, struct path_template *ret_template,
                         const char **ret_error)
{
    struct parser parser = {
        .next = text.data, .end = text.data + text.length, .template = ret_template};

    *ret_template = (struct path_template){.text = text};
    *ret_error = "it is too long";
    if (text.length > TEMPLATE_SIZE_MAX) return false;
    *ret_error = "it must begin with /";
    if (!take(&parser, '/')) return false;
    bool fine = parse_segments(&parser);
    if (fine && take(&parser, ':')) {
        ret_template->verb = take_literal(&parser);
        if (ret_template->verb.length == 0)
            fine = fail(&parser, "the verb behind the colon is empty");
    }
    if (fine && parser.next != parser.end)
        fine = fail(&parser, "it has a character that is not allowed there");
    *ret_error = parser.error;
    return fine;
}
