/* SPDX-License-Identifier: Apache-2.0 */
/* Parses lists of entity tags and compares the tags in them. */
#include "base/entity_tag.h"

static void skip(struct str *rest, size_t size)
{
    rest->data += size;
    rest->length -= size;
}

static void skip_blanks(struct str *rest)
{
    while (rest->length > 0 && (*rest->data == ' ' || *rest->data == '\t')) skip(rest, 1);
}

/* Parses one tag into its quoted text, without W/, and whether it is weak; false if there is
 * none. */
static bool take_tag(struct str *rest, struct str *ret_tag, bool *ret_weak)
{
    size_t length = 1;

    *ret_weak = str_starts_with(*rest, STR("W/"));
    if (*ret_weak) skip(rest, 2);
    if (rest->length == 0 || *rest->data != '"') return false;
    while (length < rest->length && rest->data[length] != '"') {
        unsigned char byte = (unsigned char)rest->data[length++];
        if (byte <= 0x20 || byte == 0x7f) return false;
    }
    if (length == rest->length) return false;
    *ret_tag = str_sized(rest->data, length + 1);
    skip(rest, length + 1);
    return true;
}

/* Removes the next tag and the comma behind it from the list; empty elements are skipped (section
 * 5.6.1). False at the end, with `rest` empty, and for anything that is not a tag. */
static bool next_tag(struct str *rest, struct str *ret_tag, bool *ret_weak)
{
    while (rest->length > 0 && (*rest->data == ',' || *rest->data == ' ' || *rest->data == '\t'))
        skip(rest, 1);
    if (rest->length == 0 || !take_tag(rest, ret_tag, ret_weak)) return false;
    skip_blanks(rest);
    if (rest->length == 0 || *rest->data == ',') return true;
    return false;
}

enum entity_tag_list entity_tags_read(struct str list)
{
    struct str rest = list, tag;
    bool weak, some = false;

    if (str_is(str_trim(list), "*")) return ENTITY_TAGS_ANY;
    while (next_tag(&rest, &tag, &weak)) some = true;
    return some && rest.length == 0 ? ENTITY_TAGS_SOME : ENTITY_TAGS_BROKEN;
}

bool entity_tags_have(struct str list, struct str tag, bool strong)
{
    bool weak = str_starts_with(tag, STR("W/")), found = false;
    struct str rest = list, other;

    if (tag.length == 0 || (strong && weak)) return false;
    if (entity_tags_read(list) != ENTITY_TAGS_SOME) return false;
    if (weak) skip(&tag, 2);
    while (!found && next_tag(&rest, &other, &weak))
        found = str_equal(other, tag) && !(strong && weak);
    return found;
}
