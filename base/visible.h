/* SPDX-License-Identifier: Apache-2.0 */
/* Visible text: which characters a name or a note may contain, and how text from outside is escaped
 * for a terminal. Pure.
 *
 * Invisible characters are refused rather than removed, because they make two names look alike,
 * reverse the reading order, or break lines of output: control characters, line breaks, marks that
 * set the direction of text, zero-width and filler characters, tags, and noncharacters. Joiners and
 * variation selectors are part of many scripts and of emoji, so a few of them may follow a
 * character that is not ASCII. */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include "base/arena.h"
#include "base/str.h"

enum text_form {
    TEXT_LINE,  /* one line of visible characters, not blank */
    TEXT_LINES, /* paragraphs: also line breaks, tabs and typographic marks between words */
    TEXT_ANY,   /* a password, or text for a machine */
};

/* NULL if the text, well-formed UTF-8, has this form; else why not, as a static text to follow a
 * field's name. An empty text has every form. */
const char *text_objection(struct str text, enum text_form form);

/* The text escaped for a line of output: invisible characters and invalid UTF-8 are written as JSON
 * escapes, such as \u202e. Text that is JSON thus remains the same JSON. Returns the text itself if
 * nothing needs escaping. */
const char *text_shown(struct arena *arena, const char *text);

#endif
