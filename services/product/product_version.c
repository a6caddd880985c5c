/* SPDX-License-Identifier: Apache-2.0 */
/* Makes products' entity tags, and checks the conditions of changes. */
#include "services/product/product_version.h"

#include "base/entity_tag.h"
#include "base/number.h"
#include "reasons.pb-c.h"
#include "rpc/rpc.h"

/* A hash of the available stock, which is part of the answer and changes without a new version, so
 * that answers which differ in it have different tags. 0 if no stock is tracked. */
static uint32_t availability(ProductService__Variant *const *variants, size_t count)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < count; i++) {
        if (variants[i]->available_given_case == 0) continue;
        hash = (hash ^ (uint64_t)variants[i]->available ^ (i << 48)) * 0x9E3779B97F4A7C15;
        hash ^= hash >> 29;
        if (hash == 0) hash = 1;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

struct str product_tag(struct arena *arena, int64_t version,
                       ProductService__Variant *const *variants, size_t count)
{
    char *tag = arena_alloc(arena, 3 + 2 * NUMBER_TEXT_SIZE);
    uint32_t stock = availability(variants, count);
    size_t length = 0;

    tag[length++] = '"';
    length += number_format_i64(version, tag + length);
    if (stock) {
        tag[length++] = '-';
        length += number_format_u64(stock, tag + length);
    }
    tag[length++] = '"';
    return str_sized(tag, length);
}

static struct status read_tags(const struct call *call, const char *name, struct str *ret_list)
{
    struct str list = call_metadata_list(call, name);

    if (list.data && entity_tags_read(list) == ENTITY_TAGS_BROKEN)
        return status_printf(call->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__IF_MATCH_INVALID,
                             "%s must be *, or ETags from responses with their quotes, such as "
                             "\"7\", separated by commas",
                             name);
    *ret_list = list.data ? list : STR("");
    return status_ok();
}

struct status product_condition_read(const struct call *call, int64_t version,
                                     struct product_condition *ret_condition)
{
    struct product_condition condition = {.version = version};
    struct status st = read_tags(call, "if-match", &condition.if_match);

    if (!failed(st)) st = read_tags(call, "if-none-match", &condition.if_none_match);
    if (failed(st)) return st;
    *ret_condition = condition;
    return status_ok();
}

static bool is_any(struct str list)
{
    return entity_tags_read(list) == ENTITY_TAGS_ANY;
}

/* In the order of RFC 9110, section 13.2.2. */
struct status product_condition_check(struct arena *arena, const struct product *product,
                                      const struct product_condition *condition)
{
    struct str match = condition->if_match, none = condition->if_none_match, tag = STR("");

    if (match.length > 0 || none.length > 0) {
        const ProductService__Product *message = product_message(arena, product);
        tag = product_tag(arena, product->version, message->variants, message->n_variants);
    }
    if (match.length > 0 && !is_any(match) && !entity_tags_have(match, tag, true))
        return status_printf(
            arena, STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE,
            "the product has been changed since; its ETag is %.*s, which is not in "
            "If-Match: read it again",
            STR_ARGS(tag));
    if (none.length > 0 && (is_any(none) || entity_tags_have(none, tag, false)))
        return status_printf(arena, STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE,
                             "the product exists with the ETag %.*s, so the condition in "
                             "If-None-Match is false",
                             STR_ARGS(tag));
    return product_check_version(arena, product, condition->version);
}
