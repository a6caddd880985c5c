/* SPDX-License-Identifier: Apache-2.0 */
/* Prepares a product's texts for searches: plain text from HTML, which characters belong to scripts
 * without spaces, and which are written in several ways. */
#ifndef SERVICES_PRODUCT_PRODUCT_TEXT_H
#define SERVICES_PRODUCT_PRODUCT_TEXT_H

#include "base/arena.h"
#include "base/str.h"

/* The text between the tags of HTML, with decoded character references, and without comments,
 * scripts and style sheets. A `<` that does not begin a complete tag is text. */
char *product_text_plain(struct arena *arena, const char *html);

/* Does the character belong to a script without spaces between words: Chinese, Japanese, Korean,
 * Thai, Lao, Burmese, Khmer? Or is it a pictograph? */
bool product_text_is_spaceless(uint32_t code);

/* What searches take a character for, which is decomposed and in lower case: nothing for marks that
 * writers leave out (accents, the vowels of Arabic and Hebrew) and for invisible characters inside
 * words, letters that are typed instead of it ("ae" for "\u00e6", the digits 0 to 9), or itself. */
enum { PRODUCT_TEXT_TYPED_MAX = 2 };
size_t product_text_typed(uint32_t code, uint32_t ret_codes[PRODUCT_TEXT_TYPED_MAX]);

/* Is something in the text written in several characters that is usually one: half-width or voiced
 * Kana, Hangul in parts? It has to be composed before it is compared. */
bool product_text_is_in_parts(const char *text);

/* The one or two code points (the second is 0 if there is one) of an HTML entity without `&`, as in
 * the HTML standard's table ("eacute;", "amp"); false if there is none. */
bool product_entity(struct str name, uint32_t ret_codes[2]);

#endif
