/* SPDX-License-Identifier: Apache-2.0 */
/* What of a text can be seen: which characters a name or a note may have, and how a text from
 * outside is shown on a terminal. Pure.
 *
 * Characters that nobody sees are refused rather than taken out, because they make two names look
 * alike, reverse what is read, or break a line that others read: control characters, line breaks,
 * the marks that set the direction of text, zero-width and filler characters, tags, and what
 * Unicode says is no character. Joiners and variation selectors are part of many scripts and of
 * emoji, so a few may stand behind a character that is not ASCII. */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include "base/arena.h"
#include "base/str.h"

enum text_form {
    TEXT_LINE,  /* one line: something to see in it, and nothing that is not */
    TEXT_LINES, /* paragraphs: line breaks and tabs too, and what types set between words */
    TEXT_ANY,   /* a password, or what a machine reads */
};

/* NULL if well-formed UTF-8 has this form; else why not, as a static text that follows a field's
 * name. An empty text has every form. */
const char *text_objection(struct str text, enum text_form form);

/* The text for a line of output, whatever it is: what cannot be seen, or is no UTF-8, is written as
 * JSON does, \u202e. So text that is JSON already stays the same JSON. The text itself if there is
 * nothing to write otherwise. */
const char *text_shown(struct arena *arena, const char *text);

#endif
