/* SPDX-License-Identifier: Apache-2.0 */
/* Text broken between words. */
#include "base/wrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static char *wrapped;

static const char *wrap(const char *text, int column, int indent)
{
    size_t size;

    free(wrapped);
    FILE *out = open_memstream(&wrapped, &size);
    wrap_print(out, text, column, indent);
    fclose(out);
    return wrapped;
}

#define TEN "123456789 "
#define FORTY TEN TEN TEN TEN

TEST(short_text_is_one_line)
{
    CHECK_STR(wrap("", 0, 4), "\n");
    CHECK_STR(wrap("One line.", 0, 4), "One line.\n");
    CHECK_STR(wrap("One\nline.", 0, 4), "One line.\n");
}

TEST(a_line_is_filled_to_its_last_column)
{
    CHECK_STR(wrap(FORTY TEN TEN TEN "1234567890", 0, 2), FORTY TEN TEN TEN "1234567890\n");
    CHECK_STR(wrap(FORTY TEN TEN TEN "1234567890a b", 0, 2),
              FORTY TEN TEN "123456789\n  1234567890a b\n");
    CHECK_STR(wrap(FORTY TEN TEN TEN "1234567890", 1, 2),
              FORTY TEN TEN "123456789\n  1234567890\n");
}

TEST(an_indented_line_is_no_wider)
{
    const char *text = wrap(FORTY FORTY FORTY FORTY "end", 30, 30);

    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        CHECK_INT(strcspn(line, "\n") + (line == text ? 30 : 0), <=, WRAP_COLUMNS);
    CHECK_INT(strspn(strchr(text, '\n') + 1, " "), ==, 30);
}

TEST(paragraphs_stay_apart)
{
    CHECK_STR(wrap("One.\n\nTwo\nthree.", 0, 0), "One.\n\nTwo three.\n");
}

TEST(a_word_wider_than_a_line_stays_whole)
{
    char word[121];

    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    const char *text = wrap(word, 0, 2);
    CHECK_INT(strspn(text, "a"), ==, sizeof(word) - 1);
    CHECK_STR(text + sizeof(word) - 1, "\n");
}
