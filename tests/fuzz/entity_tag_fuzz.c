/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lists of entity tags; the text before the first line feed is the tag to look for. */
#include "base/entity_tag.h"
#include "base/status.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str list = str_sized(data, size), tag;
    size_t end = str_find(list, '\n');

    tag = str_sized(list.data, end);
    if (end < list.length) list = str_sized(list.data + end + 1, list.length - end - 1);
    bool strong = entity_tags_have(list, tag, true), weak = entity_tags_have(list, tag, false);
    invariant(weak || !strong);
    invariant(!weak || entity_tags_read(list) == ENTITY_TAGS_SOME);
    return 0;
}
