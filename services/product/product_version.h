/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and entity tags: the state of a product that an answer shows, and the state that a
 * change is based on (RFC 9110, section 13). */
#ifndef SERVICES_PRODUCT_PRODUCT_VERSION_H
#define SERVICES_PRODUCT_PRODUCT_VERSION_H

#include "fiber/call.h"
#include "services/product/product_message.h"

/* The entity tag of an answer with these variants at this version, with its quotes: "7", or
 * "7-2839" if stock is tracked. */
struct str product_tag(struct arena *arena, int64_t version,
                       ProductService__Variant *const *variants, size_t count);

/* The conditions of a change; the texts belong to the call. */
struct product_condition {
    int64_t version;          /* 0: any */
    struct str if_match;      /* empty: any */
    struct str if_none_match; /* empty: any */
};

/* Reads the call's conditions; `version` is 0 if the request has none. INVALID_ARGUMENT
 * (IF_MATCH_INVALID) for an If-Match or If-None-Match that is not a list of tags. */
struct status product_condition_read(const struct call *call, int64_t version,
                                     struct product_condition *ret_condition);

/* OK if the conditions hold, else ABORTED (VERSION_STALE). */
struct status product_condition_check(struct arena *arena, const struct product *product,
                                      const struct product_condition *condition);

#endif
