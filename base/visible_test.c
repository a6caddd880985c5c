/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of which texts are visible, and of escaping. */
#include "base/visible.h"

#include "base/test.h"

static bool is_line(const char *text)
{
    return !text_objection(str_of(text), TEXT_LINE);
}

static bool is_lines(const char *text)
{
    return !text_objection(str_of(text), TEXT_LINES);
}

TEST(names_of_all_scripts_are_lines)
{
    static const char *const names[] = {
        "",
        "Ann",
        "Ann O'Neill-Smith, Jr.",
        "Zo\u00eb",
        "\u674e\u5c0f\u9f99",
        "\u0645\u062d\u0645\u062f",
        "\u05d3\u05d5\u05d3",
        "\u0928\u093f\u0924\u093f\u0928",
        /* Persian with a zero-width non-joiner, a family of emoji with joiners, a red heart */
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\u2764\ufe0fAnn",
        "1\ufe0f\u20e3",
        "100 % <b>cotton</b> \\ \"x\"",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) CHECK(is_line(names[i]));
}

TEST(invisible_characters_are_refused_in_a_line)
{
    static const char *const bad[] = {
        "a\nb",
        "a\rb",
        "a\tb",
        "a\x01"
        "b",
        "a\x7f",
        "\x1b[31mred",
        "a\xc2\x85"
        "b",
        "a\xc2\x9b"
        "31m",
        "a\u2028b",
        "a\u202eb",
        "\u2066a\u2069",
        "a\u200bb",
        "a\ufeff",
        "a\u00adb",
        "a\u2060b",
        "a\u200eb",
        "a\u200db",
        "\u200da",
        "\u3164",
        "\u115f",
        "\ufe0f",
        "\U000e0041",
        "\ufffe",
        "a\ufe0f",
        "1\ufe0f",
        "\u674e\u200d\u200d\u200d",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!is_line(bad[i]));
}

TEST(blank_lines_are_refused)
{
    CHECK(!is_line(" "));
    CHECK(!is_line("\u00a0\u3000"));
    CHECK(!is_line("\u2800"));
    CHECK(is_line(" a "));
}

TEST(paragraphs_have_line_breaks_and_nothing_that_controls)
{
    CHECK(is_lines("a\r\n\tb\n\n"));
    CHECK(is_lines(" \n"));
    CHECK(is_lines("hy\u00adphen\u200bate"));
    CHECK(!is_lines("a\x1b[2J"));
    CHECK(!is_lines("a\u202eb"));
    CHECK(!is_lines("a\xc2\x85"));
    CHECK(!text_objection(STR("\n\x1b"), TEXT_ANY));
}

TEST(what_is_printed_is_escaped)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_STR(text_shown(&arena, "Zo\u00eb \\n"), "Zo\u00eb \\n");
    CHECK_STR(text_shown(&arena, "x\nroot@example.com superAdmin"),
              "x\\u000aroot@example.com superAdmin");
    CHECK_STR(text_shown(&arena, "\x1b[2J\xc2\x9b\u202e\u200b"), "\\u001b[2J\\u009b\\u202e\\u200b");
    CHECK_STR(text_shown(&arena, "\U000e0041"), "\\udb40\\udc41");
    CHECK_STR(text_shown(&arena, "a\xff\xc3"), "a\\ufffd\\ufffd");
    CHECK_STR(text_shown(&arena, "{\"a\":\"\u202e\"}"), "{\"a\":\"\\u202e\"}");
    arena_release(&arena);
}
