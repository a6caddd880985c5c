/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags and the lists of them in If-Match and If-None-Match (RFC 9110, sections 8.8.3, 13.1.1
 * and 13.1.2). Pure. */
#ifndef BASE_ENTITY_TAG_H
#define BASE_ENTITY_TAG_H

#include <stdbool.h>

#include "base/str.h"

enum entity_tag_list {
    ENTITY_TAGS_BROKEN, /* no list: empty, tags without quotes, `*` among others */
    ENTITY_TAGS_ANY,    /* `*` */
    ENTITY_TAGS_SOME,   /* one or more tags */
};

/* What the value of the field is; several lines of it are one list with commas between. */
enum entity_tag_list entity_tags_read(struct str list);

/* Is the tag (empty: there is none) in the list? By the strong comparison, in which a weak tag (W/)
 * equals nothing, or by the weak one, in which W/ does not count. False for a list that is broken
 * and for `*`. */
bool entity_tags_have(struct str list, struct str tag, bool strong);

#endif
