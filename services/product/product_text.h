/* SPDX-License-Identifier: Apache-2.0 */
/* Prepares a product's texts for searches: plain text from HTML, and which characters belong to
 * scripts without spaces. */
#ifndef SERVICES_PRODUCT_PRODUCT_TEXT_H
#define SERVICES_PRODUCT_PRODUCT_TEXT_H

#include "base/arena.h"
#include "base/str.h"

/* The text between the tags of HTML, with decoded character references, and without comments,
 * scripts and style sheets. A `<` that does not begin a complete tag is text. */
char *product_text_plain(struct arena *arena, const char *html);

/* Does the character belong to a script without spaces between words: Chinese, Japanese, Korean,
 * Thai, Lao, Burmese, Khmer? */
bool product_text_is_spaceless(uint32_t code);

/* The one or two code points (the second is 0 if there is one) of an HTML entity without `&`, as in
 * the HTML standard's table ("eacute;", "amp"); false if there is none. */
bool product_entity(struct str name, uint32_t ret_codes[2]);

#endif
