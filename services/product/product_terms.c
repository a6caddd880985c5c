/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the terms of products and of lists. */
#include "services/product/product_terms.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "reasons.pb-c.h"
#include "services/product/product_text.h"

enum { TERMS_FIRST = 64, DECOMPOSED_MAX = 18, CODE_DIGITS = 8 };

/* ---- a growing list ---- */

struct term_list {
    struct arena *arena;
    char status; /* the first byte of all of them */
    struct str *items;
    size_t count, room;
};

static void put_term(struct term_list *list, struct str term)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : TERMS_FIRST;
        struct str *larger = arena_array(list->arena, struct str, room);
        if (list->count > 0) memcpy(larger, list->items, list->count * sizeof(*larger));
        list->items = larger;
        list->room = room;
    }
    list->items[list->count++] = term;
}

static void add_term(struct term_list *list, char kind, struct str text)
{
    size_t max = TERM_SIZE_MAX - TERM_HEAD, length = text.length < max ? text.length : max;
    char *term = arena_alloc(list->arena, TERM_HEAD + length);

    term[0] = list->status;
    term[1] = kind;
    if (length > 0) memcpy(term + TERM_HEAD, text.data, length);
    put_term(list, str_sized(term, TERM_HEAD + length));
}

static char status_digit(enum product_status status)
{
    return (char)('0' + (int)status);
}

static int compare_terms(const void *a, const void *b)
{
    const struct str *left = a, *right = b;
    size_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->data, right->data, shorter);

    if (order != 0) return order;
    return (left->length > right->length) - (left->length < right->length);
}

static struct product_terms sorted(struct term_list *list)
{
    struct product_terms terms = {.items = list->items};
    size_t size = 1;
    char *next;

    if (list->count > 1) qsort(list->items, list->count, sizeof(*list->items), compare_terms);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && compare_terms(&list->items[i], &list->items[i - 1]) == 0) continue;
        terms.items[terms.count++] = list->items[i];
        size += list->items[i].length + 1;
    }
    if (terms.count == 0) return terms;
    next = arena_alloc(list->arena, size);
    terms.joined = str_sized(next, size);
    *next++ = 0;
    for (size_t i = 0; i < terms.count; i++) {
        memcpy(next, terms.items[i].data, terms.items[i].length);
        next += terms.items[i].length;
        *next++ = 0;
    }
    return terms;
}

/* ---- words ---- */

/* Reads words and passes them on: to a product's terms, or to a search. */
struct word_reader {
    void (*take)(struct word_reader *reader, struct str word, bool single);
    void *data;
    bool whole; /* runs of pairs end with their last character */
    char word[TERM_WORD_MAX + 8];
    size_t length;
    char last[4]; /* the last character of a run of pairs */
    size_t last_length, run;
};

static void end_word(struct word_reader *reader)
{
    if (reader->length > 0) reader->take(reader, str_sized(reader->word, reader->length), false);
    reader->length = 0;
}

static void end_run(struct word_reader *reader)
{
    if (reader->run == 1 || (reader->run > 1 && reader->whole))
        reader->take(reader, str_sized(reader->last, reader->last_length), !reader->whole);
    reader->run = 0;
}

static void put_spaceless(struct word_reader *reader, const char *bytes, size_t length)
{
    char pair[8];

    end_word(reader);
    if (reader->run > 0) {
        memcpy(pair, reader->last, reader->last_length);
        memcpy(pair + reader->last_length, bytes, length);
        reader->take(reader, str_sized(pair, reader->last_length + length), false);
    }
    memcpy(reader->last, bytes, length);
    reader->last_length = length;
    reader->run++;
}

static bool is_word_category(utf8proc_int32_t code)
{
    utf8proc_category_t category = utf8proc_category(code);

    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO) ||
           category == UTF8PROC_CATEGORY_CO;
}

/* The fast path for the great majority of characters. */
static void put_ascii(struct word_reader *reader, char byte)
{
    bool upper = byte >= 'A' && byte <= 'Z';

    if (reader->run > 0) end_run(reader);
    if (upper || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')) {
        if (reader->length < TERM_WORD_MAX)
            reader->word[reader->length++] = upper ? (char)(byte | 0x20) : byte;
    } else {
        end_word(reader);
    }
}

static void put_typed(struct word_reader *reader, utf8proc_int32_t code)
{
    char bytes[4];
    size_t length = (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)bytes);

    if (product_text_is_spaceless((uint32_t)code)) {
        put_spaceless(reader, bytes, length);
        return;
    }
    end_run(reader);
    if (!is_word_category(code)) {
        end_word(reader);
    } else if (reader->length + length <= TERM_WORD_MAX) {
        memcpy(reader->word + reader->length, bytes, length);
        reader->length += length;
    }
}

static void put_code(struct word_reader *reader, utf8proc_int32_t code)
{
    uint32_t codes[PRODUCT_TEXT_TYPED_MAX];
    size_t count = product_text_typed((uint32_t)code, codes);

    for (size_t i = 0; i < count; i++) put_typed(reader, (utf8proc_int32_t)codes[i]);
}

static void put_character(struct word_reader *reader, utf8proc_int32_t code)
{
    utf8proc_int32_t codes[DECOMPOSED_MAX];
    int boundary = 0;
    utf8proc_ssize_t count;

    if (product_text_is_spaceless((uint32_t)code) && (code < 0xFF00 || code > 0xFFFF)) {
        put_code(reader, code);
        return;
    }
    count = utf8proc_decompose_char(
        code, codes, DECOMPOSED_MAX,
        (utf8proc_option_t)(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD), &boundary);
    if (count < 0 || count > DECOMPOSED_MAX) return;
    for (utf8proc_ssize_t i = 0; i < count; i++) put_code(reader, codes[i]);
}

/* Malformed UTF-8 ends a word. */
static void read_composed(struct word_reader *reader, const char *text)
{
    const utf8proc_uint8_t *next = (const utf8proc_uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        utf8proc_int32_t code;
        utf8proc_ssize_t length;
        if (*next < 0x80) {
            put_ascii(reader, (char)*next++);
            left--;
            continue;
        }
        length = utf8proc_iterate(next, (utf8proc_ssize_t)left, &code);
        put_character(reader, length > 0 ? code : ' ');
        if (length <= 0) length = 1;
        next += length;
        left -= (size_t)length;
    }
    end_run(reader);
    end_word(reader);
}

/* Voiced Kana and the syllables of Hangul are written as one character or as several. */
static void read_words(struct word_reader *reader, const char *text)
{
    utf8proc_uint8_t *composed = NULL;

    if (product_text_is_in_parts(text))
        (void)utf8proc_map((const utf8proc_uint8_t *)text, 0, &composed,
                           (utf8proc_option_t)(UTF8PROC_NULLTERM | UTF8PROC_STABLE |
                                               UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
    read_composed(reader, composed ? (const char *)composed : text);
    free(composed);
}

struct product_words {
    struct term_list *list;
    bool name;
};

static void take_product_word(struct word_reader *reader, struct str word, bool single)
{
    struct product_words *words = reader->data;

    (void)single;
    add_term(words->list, TERM_WORD, word);
    if (words->name) add_term(words->list, TERM_NAME, word);
}

static void add_words(struct term_list *list, const char *text, bool name)
{
    struct product_words words = {list, name};
    struct word_reader reader = {.take = take_product_word, .data = &words, .whole = true};

    read_words(&reader, text);
}

static void write_code(uint32_t code, char ret_text[CODE_DIGITS])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < CODE_DIGITS; i++) ret_text[i] = digits[code >> (28 - i * 4) & 15];
}

/* The name is not cut off. */
static void add_sorted_by(struct term_list *list, const struct product *product)
{
    size_t length = strlen(product->name);
    char text[CODE_DIGITS], *term = arena_alloc(list->arena, TERM_HEAD + length);

    write_code(product_amount_code(product_unit_amount(product)), text);
    add_term(list, TERM_AMOUNT_CODE, str_sized(text, CODE_DIGITS));
    term[0] = list->status;
    term[1] = TERM_WHOLE_NAME;
    memcpy(term + TERM_HEAD, product->name, length);
    put_term(list, str_sized(term, TERM_HEAD + length));
}

struct product_terms product_terms_of(struct arena *arena, const struct product *product)
{
    struct term_list list = {.arena = arena, .status = status_digit(product->status)};

    add_term(&list, TERM_ALL, str_sized("", 0));
    add_term(&list, TERM_CATEGORY, str_of(product->category));
    add_term(&list, TERM_SELLER, str_of(str_lower(arena, str_of(product->created_by))));
    add_term(&list, TERM_FEATURED, product->is_featured ? STR("1") : STR("0"));
    add_sorted_by(&list, product);
    for (size_t i = 0; i < product->tags.count; i++) {
        add_term(&list, TERM_TAG, str_of(str_lower(arena, str_of(product->tags.items[i]))));
        add_words(&list, product->tags.items[i], false);
    }
    for (size_t i = 0; i < product->variant_count; i++)
        add_words(&list, product->variants[i].sku, false);
    add_words(&list, product->name, true);
    add_words(&list, product->vendor, false);
    add_words(&list, product_text_plain(arena, product->description), false);
    return sorted(&list);
}

struct product_terms product_terms_parse(struct arena *arena, struct str joined)
{
    struct product_terms terms = {.joined = joined};
    size_t count = 0;

    for (size_t i = 1; i < joined.length; i++) count += joined.data[i] == 0;
    terms.items = arena_array(arena, struct str, count);
    for (size_t start = 1; start < joined.length;) {
        size_t length = strlen(joined.data + start);
        terms.items[terms.count++] = str_sized(joined.data + start, length);
        start += length + 1;
    }
    return terms;
}

static const int start_lengths[] = {1, 2, 3, 5};
enum { START_LENGTHS = sizeof(start_lengths) / sizeof(start_lengths[0]) };

/* The first characters of a term's text. */
static struct str start_of(struct str text, int characters)
{
    struct str rest = text;

    for (; characters > 0 && rest.length > 0; characters--) {
        size_t length = str_utf8_length(rest);
        if (length == 0) break;
        rest = str_sized(rest.data + length, rest.length - length);
    }
    return str_sized(text.data, text.length - rest.length);
}

/* The starts of a word, but for those that the word before it in the order has, too. */
static void add_starts(struct term_list *list, struct str text, char kind,
                       struct str last[START_LENGTHS])
{
    for (size_t length = 0; length < START_LENGTHS; length++) {
        struct str start = start_of(text, start_lengths[length]);
        if (!str_equal(start, last[length])) add_term(list, kind, start);
        last[length] = start;
        if (start.length == text.length) break;
    }
}

struct product_terms product_terms_complete(struct arena *arena, const struct product_terms *terms)
{
    struct term_list list = {.arena = arena};
    struct str words[START_LENGTHS] = {0}, names[START_LENGTHS] = {0};

    for (size_t i = 0; i < terms->count; i++) {
        struct str term = terms->items[i];
        struct str text = str_sized(term.data + TERM_HEAD, term.length - TERM_HEAD);
        list.status = term.data[0];
        put_term(&list, term);
        if (term.data[1] == TERM_WORD) add_starts(&list, text, TERM_WORD_START, words);
        if (term.data[1] == TERM_NAME) add_starts(&list, text, TERM_NAME_START, names);
    }
    return (struct product_terms){.items = list.items, .count = list.count};
}

bool product_terms_equal(const struct product_terms *a, const struct product_terms *b)
{
    return str_equal(a->joined, b->joined);
}

/* ---- lists ---- */

struct search_words {
    struct arena *arena;
    struct product_terms_asked *asked;
    char status;
    bool too_many;
};

static struct str made_term(const struct search_words *words, char kind, struct str text)
{
    struct term_list list = {.arena = words->arena, .status = words->status};

    add_term(&list, kind, text);
    return list.items[0];
}

static void ask(const struct search_words *words, char kind, const char *text)
{
    struct product_terms_asked *asked = words->asked;

    asked->items[asked->count++] = (struct product_term_asked){
        .term = made_term(words, kind, str_of(text))};
}

/* A beginning is a start of that length, or covers the starts of the next length, or if there is
 * none so long, words. */
static void set_word(const struct search_words *words, struct product_term_asked *asked,
                     struct str word, bool begins)
{
    int characters = begins ? (int)str_code_points(word) : INT_MAX;
    bool starts = characters <= start_lengths[START_LENGTHS - 1];
    bool whole = !starts;

    for (size_t i = 0; i < START_LENGTHS; i++) whole = whole || characters == start_lengths[i];
    *asked = (struct product_term_asked){
        .term = made_term(words, starts ? TERM_WORD_START : TERM_WORD, word),
        .name_term = made_term(words, starts ? TERM_NAME_START : TERM_NAME, word),
        .begins = begins && !(starts && whole),
    };
}

static void take_search_word(struct word_reader *reader, struct str word, bool single)
{
    struct search_words *words = reader->data;
    struct product_terms_asked *asked = words->asked;

    words->too_many = words->too_many || asked->words == TERM_WORDS_MAX;
    if (words->too_many) return;
    set_word(words, &asked->items[asked->count++], word, single);
    asked->words++;
}

static struct status ask_words(struct search_words *words, const char *search)
{
    struct product_terms_asked *asked = words->asked;
    struct word_reader reader = {.take = take_search_word, .data = words};

    read_words(&reader, search);
    if (words->too_many)
        return status_field(words->arena, ARGOSY__REASON__INVALID_FIELDS, "search",
                            "has more than %d words; leave some out", (int)TERM_WORDS_MAX);
    if (asked->words > 0) {
        struct product_term_asked *last = &asked->items[asked->count - 1];
        set_word(words, last, str_sized(last->term.data + TERM_HEAD, last->term.length - TERM_HEAD),
                 true);
    }
    return status_ok();
}

struct status product_terms_ask(struct arena *arena, const struct product_query *query,
                                struct product_terms_asked *ret_asked)
{
    struct product_terms_asked asked = {0};
    struct search_words words = {
        .arena = arena, .asked = &asked, .status = status_digit(query->status)};
    struct status st;

    st = ask_words(&words, query->search);
    if (failed(st)) return st;
    if (*query->category) ask(&words, TERM_CATEGORY, query->category);
    if (*query->tag) ask(&words, TERM_TAG, str_lower(arena, str_of(query->tag)));
    if (*query->created_by) ask(&words, TERM_SELLER, str_lower(arena, str_of(query->created_by)));
    if (query->is_featured >= 0) ask(&words, TERM_FEATURED, query->is_featured ? "1" : "0");
    if (asked.count == 0) ask(&words, TERM_ALL, "");
    *ret_asked = asked;
    return status_ok();
}

/* Filters come before words, so that looking at one term after the other ends soon. */
static bool has_filter(struct str joined, struct str term)
{
    for (size_t at = 1; at < joined.length;) {
        struct str next = str_of(joined.data + at);
        if (str_equal(next, term)) return true;
        if (next.length >= TERM_HEAD && next.data[1] > term.data[1]) return false;
        at += next.length + 1;
    }
    return false;
}

bool product_terms_fulfil(struct str joined, const struct product_term_asked *asked, bool name)
{
    struct str term = name && asked->name_term.length > 0 ? asked->name_term : asked->term;
    char pattern[TERM_SIZE_MAX + 2] = {0};
    char kind = term.data[1];
    bool start = kind == TERM_WORD_START || kind == TERM_NAME_START;
    size_t length = term.length + (asked->begins || start ? 1 : 2);

    if (product_term_is_filter(term)) return has_filter(joined, term);
    memcpy(pattern + 1, term.data, term.length);
    if (start) pattern[2] = kind == TERM_WORD_START ? TERM_WORD : TERM_NAME;
    return joined.length > 0 && memmem(joined.data, joined.length, pattern, length) != 0;
}

/* ---- codes ---- */

/* A number of 32 bits: five of exponent and 27 of fraction, so that the upper half alone tells
 * amounts below 4096 apart, and both tell all below 2^28. */
enum { AMOUNT_BITS = 11, AMOUNT_REST_BITS = 16, AMOUNT_LENGTH_MAX = AMOUNT_BITS + 31 };

uint32_t product_amount_code(int64_t amount)
{
    uint64_t value = (uint64_t)amount;
    int length = value > 0 ? 64 - __builtin_clzll(value) : 0, rest;
    uint64_t upper, lower;

    if (length <= AMOUNT_BITS) return (uint32_t)value << AMOUNT_REST_BITS;
    if (length > AMOUNT_LENGTH_MAX) return UINT32_MAX;
    rest = length - AMOUNT_BITS - 1;
    upper = (uint64_t)(rest + 1) << AMOUNT_BITS | (value >> rest & ((1u << AMOUNT_BITS) - 1));
    lower = value & ((1ull << rest) - 1);
    lower = rest <= AMOUNT_REST_BITS ? lower << (AMOUNT_REST_BITS - rest)
                                     : lower >> (rest - AMOUNT_REST_BITS);
    return (uint32_t)(upper << AMOUNT_REST_BITS | lower);
}

int64_t product_amount_of_code(uint32_t code)
{
    uint32_t upper = code >> AMOUNT_REST_BITS;
    uint64_t lower = code & ((1u << AMOUNT_REST_BITS) - 1);
    uint64_t fraction = upper & ((1u << AMOUNT_BITS) - 1);
    int rest = (int)(upper >> AMOUNT_BITS) - 1;

    if (rest < 0) return (int64_t)fraction + (lower > 0);
    fraction = (fraction | 1u << AMOUNT_BITS) << rest;
    if (rest > AMOUNT_REST_BITS) return (int64_t)(fraction + (lower << (rest - AMOUNT_REST_BITS)));
    fraction += lower >> (AMOUNT_REST_BITS - rest);
    return (int64_t)fraction + ((lower & ((1ull << (AMOUNT_REST_BITS - rest)) - 1)) > 0);
}

bool product_amount_code_is_exact(uint32_t code)
{
    return (int)(code >> (AMOUNT_BITS + AMOUNT_REST_BITS)) - 1 <= AMOUNT_REST_BITS;
}

/* ---- what a product is sorted by ---- */

/* The text of the only term of this kind, which is one of the last. */
static bool find_text(struct str joined, char kind, struct str *ret_text)
{
    size_t end = joined.length; /* behind the NUL that ends a term */

    while (end > TERM_HEAD + 1) {
        const char *before = memrchr(joined.data, 0, end - 1);
        if (!before || before[1] == 0 || before[2] < kind) return false;
        if (before[2] == kind) {
            *ret_text = str_of(before + 1 + TERM_HEAD);
            return true;
        }
        end = (size_t)(before - joined.data) + 1;
    }
    return false;
}

bool product_terms_amount_code(struct str joined, uint32_t *ret_code)
{
    struct str text;
    uint32_t code = 0;

    if (!find_text(joined, TERM_AMOUNT_CODE, &text) || text.length != CODE_DIGITS) return false;
    for (size_t i = 0; i < CODE_DIGITS; i++) {
        char digit = text.data[i];
        code = code << 4 | (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    *ret_code = code;
    return true;
}

bool product_terms_name(struct str joined, struct str *ret_name)
{
    return find_text(joined, TERM_WHOLE_NAME, ret_name);
}
