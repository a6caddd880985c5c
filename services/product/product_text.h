/* SPDX-License-Identifier: Apache-2.0 */
/* What of a product's texts can be searched for: plain text out of HTML, and which characters stand
 * in texts without spaces. */
#ifndef SERVICES_PRODUCT_PRODUCT_TEXT_H
#define SERVICES_PRODUCT_PRODUCT_TEXT_H

#include "base/arena.h"
#include "base/str.h"

/* The text between the tags of HTML, its character references decoded. Comments, scripts and style
 * sheets are no text; a `<` that begins no complete tag is a character like any other. */
char *product_text_plain(struct arena *arena, const char *html);

/* Is it a character of a script that puts no spaces between words: Chinese, Japanese, Korean, Thai,
 * Lao, Burmese, Khmer? */
bool product_text_is_spaceless(uint32_t code);

/* The UTF-8 text of an HTML entity without `&`, as in the HTML standard's table ("eacute;", "amp");
 * NULL if there is none. */
const char *product_entity(struct str name);

#endif
