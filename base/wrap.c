/* SPDX-License-Identifier: Apache-2.0 */
/* Prints text word by word, and begins a new line before a word that would be too far right. */
#include "base/wrap.h"

#include <stdbool.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n';
}

void wrap_print(FILE *out, const char *text, int column, int indent)
{
    bool line_start = true;

    for (const char *at = text; *at;) {
        int length = (int)strcspn(at, " \n");
        bool fits = column + (line_start ? 0 : 1) + length <= WRAP_COLUMNS;

        if (!line_start && !fits) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            line_start = true;
        }
        fprintf(out, "%s%.*s", line_start ? "" : " ", length, at);
        column += length + (line_start ? 0 : 1);
        line_start = false;
        at += length;

        if (strncmp(at, "\n\n", 2) == 0) {
            fprintf(out, "\n\n%*s", indent, "");
            column = indent;
            line_start = true;
        }
        while (is_space(*at)) at++;
    }
    fputc('\n', out);
}
