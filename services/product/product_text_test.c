/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text from HTML, and the characters of scripts without spaces. */
#include "services/product/product_text.h"

#include "base/clock.h"
#include "base/test.h"

static struct arena arena;

static void expect_plain(const char *html, const char *plain)
{
    const char *found = product_text_plain(&arena, html);

    if (strcmp(found, plain) != 0) printf("  %s: \"%s\" is not \"%s\"\n", html, found, plain);
    CHECK(strcmp(found, plain) == 0);
}

TEST(text_behind_an_unclosed_mark_is_text)
{
    arena_init(&arena, 0);
    expect_plain("a < b and <b>bold</b>", "a < b and  bold ");
    expect_plain("width <30cm walnut", "width <30cm walnut");
    expect_plain("<b unclosed walnut", "<b unclosed walnut");
    expect_plain("<b <i>walnut</i>", "<b  walnut ");
    expect_plain("<", "<");
    expect_plain("<a title=\"a > b\">walnut</a>", " walnut ");
    expect_plain("<a title=\"walnut>oak", "<a title=\"walnut>oak");
    expect_plain("x<!-- hidden > too -->y", "x y");
    expect_plain("x<!-- never closed", "x<!-- never closed");
    expect_plain("x<script>var oak;</script>y<STYLE>b{}</style>z", "x y z");
    arena_release(&arena);
}

TEST(character_references_are_decoded)
{
    arena_init(&arena, 0);
    expect_plain("caf&eacute;", "café");
    expect_plain("caf&eacute au lait", "café au lait"); /* an old name needs no semicolon */
    expect_plain("&#99;af&#xE9; &#XE9;", "café é");
    expect_plain("&#146;", "\xe2\x80\x99"); /* as browsers read it */
    expect_plain("Tom &amp; Jerry &lt;b&gt;", "Tom & Jerry <b>");
    expect_plain("&CounterClockwiseContourIntegral;", "\xe2\x88\xb3");
    expect_plain("&NotEqualTilde;", "\xe2\x89\x82\xcc\xb8"); /* two code points */
    expect_plain("&AElig; &AElig &zwnj;", "\xc3\x86 \xc3\x86 \xe2\x80\x8c");
    expect_plain("&Alpha &nbs; &aaa;", "&Alpha &nbs; &aaa;"); /* none of these is a name */
    expect_plain("&nGt;&zwnj;", "\xe2\x89\xab\xe2\x83\x92\xe2\x80\x8c");
    expect_plain("R&D &; &# &#; &#x; &zzz;", "R&D &; &# &#; &#x; &zzz;");
    expect_plain("&#0;&#xD800;&#x110000;&#99999999999999999999;", "    ");
    arena_release(&arena);
}

TEST(a_text_of_beginnings_costs_no_more_than_another)
{
    static const char *const beginnings[] = {"<!--", "<script", "<a b=\"", "<a b='",
                                             "&#",   "<",       "\"=\"<a", "&"};
    enum { TIMES = 100000 };

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t length = strlen(beginnings[i]);
        char *text = arena_alloc(&arena, length * TIMES + 1);
        for (size_t n = 0; n < TIMES; n++) memcpy(text + n * length, beginnings[i], length);
        text[length * TIMES] = 0;
        int64_t start = clock_monotonic_us();
        CHECK(strlen(product_text_plain(&arena, text)) <= length * TIMES);
        CHECK(clock_monotonic_us() - start < 2000000); /* quadratic: a minute */
    }
    arena_release(&arena);
}
