/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: RE2's syntax is rewritten as a POSIX extended regular expression, which libc compiles.
 */
#include "rpc/schema_pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct schema_pattern {
    regex_t regex;
};

/* The state of rewriting: `next` is the position in the pattern, `out` has room for the longest
 * expansion of a character. */
struct rewriter {
    const char *next;
    char *out;
    const char *error;
};

enum { EXPANSION_MAX = 16 };      /* the most bytes that one character of the pattern can become */
enum { PATTERN_COPY_SIZE = 512 }; /* longer texts are copied to the heap */

static void put(struct rewriter *rewriter, const char *text)
{
    size_t length = strlen(text);

    memcpy(rewriter->out, text, length);
    rewriter->out += length;
}

static void put_byte(struct rewriter *rewriter, char byte)
{
    *rewriter->out++ = byte;
}

/* The control character of \t and the like; 0 for other letters. */
static char control_escape(char letter)
{
    switch (letter) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'f': return '\f';
    case 'v': return '\v';
    default: return 0;
    }
}

/* The expansion of \d and the like inside brackets; NULL for other letters. */
static const char *class_escape(char letter)
{
    switch (letter) {
    case 'd': return "0-9";
    case 'w': return "A-Za-z0-9_";
    case 's': return " \t\n\f\r";
    default: return NULL;
    }
}

/* A backslash outside brackets; `next` is behind it. */
static void rewrite_escape(struct rewriter *rewriter)
{
    char letter = *rewriter->next;
    const char *class = class_escape((char)tolower((unsigned char)letter));

    if (letter) rewriter->next++;
    if (class) {
        put(rewriter, isupper((unsigned char)letter) ? "[^" : "[");
        put(rewriter, class);
        put_byte(rewriter, ']');
    } else if (control_escape(letter)) {
        put_byte(rewriter, control_escape(letter));
    } else if (letter == 'A' || letter == 'z') {
        put_byte(rewriter, letter == 'A' ? '^' : '$');
    } else if (ispunct((unsigned char)letter)) {
        /* Only these may be escaped: libc gives others, such as \<, special meanings. */
        if (strchr(".[]()*+?{}|^$\\", letter)) put_byte(rewriter, '\\');
        put_byte(rewriter, letter);
    } else {
        rewriter->error = "it has an escape that is not supported";
    }
}

/* One member of a bracket expression. In POSIX a backslash there is literal, and ], ^ and - are
 * literal only in certain positions, so they cannot be escaped. */
static void rewrite_bracket_member(struct rewriter *rewriter)
{
    char letter = *rewriter->next++;

    if (letter == '[' && strchr(":.=", *rewriter->next)) {
        rewriter->error = "it has a bracket expression with [: [. or [=, which is not supported";
    } else if (letter != '\\') {
        put_byte(rewriter, letter);
    } else {
        letter = *rewriter->next;
        if (letter) rewriter->next++;
        if (class_escape(letter))
            put(rewriter, class_escape(letter));
        else if (control_escape(letter))
            put_byte(rewriter, control_escape(letter));
        else if (ispunct((unsigned char)letter) && !strchr("]^-[", letter))
            put_byte(rewriter, letter);
        else
            rewriter->error = "it has an escape in brackets that is not supported; put - last and "
                              "avoid ] and ^";
    }
}

/* A bracket expression; `next` is behind its [. */
static void rewrite_brackets(struct rewriter *rewriter)
{
    put_byte(rewriter, '[');
    if (*rewriter->next == '^') put_byte(rewriter, *rewriter->next++);
    if (*rewriter->next == ']') put_byte(rewriter, *rewriter->next++);
    while (*rewriter->next && *rewriter->next != ']' && !rewriter->error)
        rewrite_bracket_member(rewriter);
    if (rewriter->error) return;
    if (!*rewriter->next)
        rewriter->error = "a bracket is not closed";
    else
        put_byte(rewriter, *rewriter->next++);
}

/* A repetition operator must not be followed by a second one: RE2 reads `+?` as non-greedy, POSIX
 * as optional. */
static void rewrite_repetition(struct rewriter *rewriter, char mark)
{
    put_byte(rewriter, mark);
    if (mark == '{') {
        while (isdigit((unsigned char)*rewriter->next) || *rewriter->next == ',')
            put_byte(rewriter, *rewriter->next++);
        if (*rewriter->next != '}')
            rewriter->error = "a { does not begin a count; escape it";
        else
            put_byte(rewriter, *rewriter->next++);
    }
    if (*rewriter->next && strchr("*+?{", *rewriter->next))
        rewriter->error =
            "it repeats a repetition, or has a non-greedy one, which is not supported";
}

static void rewrite_next(struct rewriter *rewriter)
{
    char letter = *rewriter->next++;

    if ((unsigned char)letter >= 0x80) {
        rewriter->error = "it has characters that are not ASCII";
    } else if (letter == '\\') {
        rewrite_escape(rewriter);
    } else if (letter == '[') {
        rewrite_brackets(rewriter);
    } else if (letter == '.') {
        put(rewriter, "[^\n]");
    } else if (letter == '(') {
        put_byte(rewriter, '(');
        if (rewriter->next[0] == '?' && rewriter->next[1] == ':')
            rewriter->next += 2;
        else if (rewriter->next[0] == '?')
            rewriter->error = "it has a (? that is not supported";
    } else if (strchr("*+?{", letter)) {
        rewrite_repetition(rewriter, letter);
    } else {
        put_byte(rewriter, letter);
    }
}

static void free_regex(void *data)
{
    regfree(data);
}

bool schema_pattern_compile(struct arena *arena, const char *pattern,
                            const struct schema_pattern **ret_pattern, const char **ret_error)
{
    size_t length = strlen(pattern);
    char *text;
    struct rewriter rewriter = {.next = pattern};
    struct schema_pattern *compiled;
    char error[128];
    int result;

    *ret_error = "it is too long";
    if (length > SCHEMA_PATTERN_SIZE_MAX) return false;
    text = rewriter.out = arena_alloc(arena, length * EXPANSION_MAX + 1);
    while (*rewriter.next && !rewriter.error) rewrite_next(&rewriter);
    *rewriter.out = '\0';
    *ret_error = rewriter.error;
    if (rewriter.error) return false;

    compiled = arena_new(arena, struct schema_pattern);
    result = regcomp(&compiled->regex, text, REG_EXTENDED | REG_NOSUB);
    if (result != 0) {
        regerror(result, &compiled->regex, error, sizeof(error));
        *ret_error = arena_strdup(arena, error);
        return false;
    }
    arena_defer(arena, free_regex, &compiled->regex);
    *ret_pattern = compiled;
    return true;
}

bool schema_pattern_matches(const struct schema_pattern *pattern, struct str text)
{
    /* regexec wants a C string. Its REG_STARTEND would do without, but AddressSanitizer's own
     * regexec does not know that flag and reads on to a NUL. */
    char copy[PATTERN_COPY_SIZE], *whole = copy;

    if (text.length >= sizeof(copy)) whole = malloc(text.length + 1);
    if (!whole) return false;
    if (text.length > 0) memcpy(whole, text.data, text.length);
    whole[text.length] = '\0';
    bool matches = regexec(&pattern->regex, whole, 0, 0, 0) == 0;
    if (whole != copy) free(whole);
    return matches;
}
