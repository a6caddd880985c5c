/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags and the lists of them in If-Match and If-None-Match (RFC 9110, sections 8.8.3, 13.1.1
 * and 13.1.2). Pure. */
#ifndef BASE_ENTITY_TAG_H
#define BASE_ENTITY_TAG_H

#include <stdbool.h>

#include "base/str.h"

enum entity_tag_list {
    ENTITY_TAGS_BROKEN, /* malformed: empty, a tag without quotes, `*` beside tags */
    ENTITY_TAGS_ANY,    /* `*` */
    ENTITY_TAGS_SOME,   /* one or more tags */
};

/* Classifies the field's value. Several lines of the field must be joined with commas first. */
enum entity_tag_list entity_tags_read(struct str list);

/* Is the tag (empty: there is none) in the list? In the strong comparison a weak tag (W/) equals
 * nothing; in the weak one W/ is ignored. False for a malformed list and for `*`. */
bool entity_tags_have(struct str list, struct str tag, bool strong);

#endif
