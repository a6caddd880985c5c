/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the terms of products and of lists. */
#include "services/product/product_terms.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "reasons.pb-c.h"
#include "services/product/product_text.h"

enum { TERMS_FIRST = 64, DECOMPOSED_MAX = 18 };

/* ---- a growing list ---- */

struct term_list {
    struct arena *arena;
    struct str *items;
    size_t count, room;
};

static void add_term(struct term_list *list, char kind, struct str text)
{
    size_t length = text.length < TERM_SIZE_MAX - 1 ? text.length : TERM_SIZE_MAX - 1;
    char *term = arena_alloc(list->arena, length + 1);

    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : TERMS_FIRST;
        struct str *larger = arena_array(list->arena, struct str, room);
        if (list->count > 0) memcpy(larger, list->items, list->count * sizeof(*larger));
        list->items = larger;
        list->room = room;
    }
    term[0] = kind;
    if (length > 0) memcpy(term + 1, text.data, length);
    list->items[list->count++] = str_sized(term, length + 1);
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

static void put_code(struct word_reader *reader, utf8proc_int32_t code)
{
    char bytes[4];
    size_t length;

    if (code >= 0x300 && code <= 0x36F) return; /* the accents of European letters */
    length = (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)bytes);
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
static void read_words(struct word_reader *reader, const char *text)
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

struct product_terms product_terms_of(struct arena *arena, const struct product *product)
{
    struct term_list list = {.arena = arena};
    char status = (char)('0' + (int)product->status);

    add_term(&list, TERM_STATUS, str_sized(&status, 1));
    add_term(&list, TERM_CATEGORY, str_of(product->category));
    add_term(&list, TERM_SELLER, str_of(str_lower(arena, str_of(product->created_by))));
    if (product->is_featured) add_term(&list, TERM_FEATURED, str_sized("", 0));
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

struct product_terms product_terms_complete(struct arena *arena, const struct product_terms *terms)
{
    struct term_list list = {.arena = arena};

    for (size_t i = 0; i < terms->count; i++) {
        struct str term = terms->items[i], text = str_sized(term.data + 1, term.length - 1);
        char kind = term.data[0];
        add_term(&list, kind, text);
        if (kind != TERM_WORD && kind != TERM_NAME) continue;
        kind = kind == TERM_WORD ? TERM_WORD_START : TERM_NAME_START;
        for (int length = 1; length <= TERM_START_MAX; length++) {
            struct str start = start_of(text, length);
            add_term(&list, kind, start);
            if (start.length == text.length) break;
        }
    }
    return sorted(&list);
}

bool product_terms_equal(const struct product_terms *a, const struct product_terms *b)
{
    return str_equal(a->joined, b->joined);
}

/* ---- lists ---- */

struct search_words {
    struct arena *arena;
    struct product_terms_asked *asked;
    bool too_many;
};

static struct str made_term(struct arena *arena, char kind, struct str text)
{
    struct term_list list = {.arena = arena};

    add_term(&list, kind, text);
    return list.items[0];
}

static void ask(struct arena *arena, struct product_terms_asked *asked, char kind, const char *text)
{
    asked->items[asked->count++] = (struct product_term_asked){
        .term = made_term(arena, kind, str_of(text))};
}

static void set_word(struct arena *arena, struct product_term_asked *asked, struct str word,
                     bool begins)
{
    bool starts = begins && str_code_points(word) <= TERM_START_MAX;

    *asked = (struct product_term_asked){
        .term = made_term(arena, starts ? TERM_WORD_START : TERM_WORD, word),
        .name_term = made_term(arena, starts ? TERM_NAME_START : TERM_NAME, word),
        .begins = begins && !starts,
    };
}

static void take_search_word(struct word_reader *reader, struct str word, bool single)
{
    struct search_words *words = reader->data;
    struct product_terms_asked *asked = words->asked;

    words->too_many = words->too_many || asked->words == TERM_WORDS_MAX;
    if (words->too_many) return;
    set_word(words->arena, &asked->items[asked->count++], word, single);
    asked->words++;
}

static struct status ask_words(struct arena *arena, const char *search,
                               struct product_terms_asked *asked)
{
    struct search_words words = {.arena = arena, .asked = asked};
    struct word_reader reader = {.take = take_search_word, .data = &words};

    read_words(&reader, search);
    if (words.too_many)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "search",
                            "has more than %d words; leave some out", (int)TERM_WORDS_MAX);
    if (asked->words > 0) {
        struct product_term_asked *last = &asked->items[asked->count - 1];
        set_word(arena, last, str_sized(last->term.data + 1, last->term.length - 1), true);
    }
    return status_ok();
}

struct status product_terms_ask(struct arena *arena, const struct product_query *query,
                                struct product_terms_asked *ret_asked)
{
    struct product_terms_asked asked = {0};
    char status[2] = {(char)('0' + (int)query->status), 0};
    struct status st;

    st = ask_words(arena, query->search, &asked);
    if (failed(st)) return st;
    ask(arena, &asked, TERM_STATUS, status);
    if (*query->category) ask(arena, &asked, TERM_CATEGORY, query->category);
    if (*query->tag) ask(arena, &asked, TERM_TAG, str_lower(arena, str_of(query->tag)));
    if (*query->created_by)
        ask(arena, &asked, TERM_SELLER, str_lower(arena, str_of(query->created_by)));
    if (query->is_featured >= 0) {
        ask(arena, &asked, TERM_FEATURED, "");
        asked.items[asked.count - 1].absent = query->is_featured == 0;
    }
    *ret_asked = asked;
    return status_ok();
}

bool product_terms_fulfil(struct str joined, const struct product_term_asked *asked, bool name)
{
    struct str term = name && asked->name_term.length > 0 ? asked->name_term : asked->term;
    char pattern[TERM_SIZE_MAX + 2] = {0};
    char kind = term.data[0];
    bool start = kind == TERM_WORD_START || kind == TERM_NAME_START;
    size_t length = term.length + (asked->begins || start ? 1 : 2);

    memcpy(pattern + 1, term.data, term.length);
    if (start) pattern[1] = kind == TERM_WORD_START ? TERM_WORD : TERM_NAME;
    return (joined.length > 0 && memmem(joined.data, joined.length, pattern, length) != 0) !=
           asked->absent;
}
