/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal: broken between words, so that no line is wider than 80 columns. */
#ifndef BASE_WRAP_H
#define BASE_WRAP_H

#include <stdio.h>

enum { WRAP_COLUMNS = 80 };

/* Prints text and ends its line. The first line begins at `column`, where the caller's output has
 * already arrived; the others are indented by `indent`. An empty line in the text is printed as
 * one, a single line feed counts as a space. A word that fits on no line stays whole. Every byte
 * counts as one column, so the text should be ASCII. */
void wrap_print(FILE *out, const char *text, int column, int indent);

#endif
