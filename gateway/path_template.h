/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates of google.api.http:
 *
 *     Template = "/" Segments [ ":" LITERAL ]        Segment  = "*" | "**" | LITERAL | Variable
 *     Segments = Segment { "/" Segment }             Variable = "{" FieldPath [ "=" Segments ] "}"
 *
 * `*` matches one segment, `**` any number of segments including none, and only at the end. `{a}`
 * is short for `{a=*}`. Pure. */
#ifndef GATEWAY_PATH_TEMPLATE_H
#define GATEWAY_PATH_TEMPLATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum { TEMPLATE_SEGMENTS_MAX = 32, TEMPLATE_VARIABLES_MAX = 8, TEMPLATE_SIZE_MAX = 1024 };

enum template_segment_kind { SEGMENT_LITERAL, SEGMENT_ANY, SEGMENT_REST };

struct template_segment {
    enum template_segment_kind kind;
    struct str literal;
};

struct template_variable {
    struct str name; /* the path of a field: "product.id" */
    int first, end;  /* its segments: the first, and one past the last */
    bool several;    /* its pattern can match several segments, so %2F stays encoded in it */
};

struct path_template {
    struct str text;
    struct template_segment segments[TEMPLATE_SEGMENTS_MAX];
    int segment_count;
    struct template_variable variables[TEMPLATE_VARIABLES_MAX];
    int variable_count;
    struct str verb; /* without its colon; empty if none */
};

/* False with a static message for an invalid template. The text is borrowed for the template's
 * life. */
bool path_template_parse(struct str text, struct path_template *ret_template,
                         const char **ret_error);

#endif
