/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and entity tags: which state of a product an answer shows, and which one a change is
 * based on (RFC 9110, section 13). */
#ifndef SERVICES_PRODUCT_PRODUCT_VERSION_H
#define SERVICES_PRODUCT_PRODUCT_VERSION_H

#include "fiber/call.h"
#include "services/product/product_message.h"

/* The tag of the answer that shows these variants at this version, with its quotes: "7", or
 * "7-2839" where stock is tracked. */
struct str product_tag(struct arena *arena, int64_t version,
                       ProductService__Variant *const *variants, size_t count);

/* What must hold of a product that is changed; the texts are the call's. */
struct product_condition {
    int64_t version;          /* 0: any */
    struct str if_match;      /* empty: any */
    struct str if_none_match; /* empty: any */
};

/* The call's conditions; `version` 0 if the request names none. INVALID_ARGUMENT
 * (IF_MATCH_INVALID) for an If-Match or If-None-Match that is no list of tags. */
struct status product_condition_read(const struct call *call, int64_t version,
                                     struct product_condition *ret_condition);

/* OK if they hold, else ABORTED (VERSION_STALE). */
struct status product_condition_check(struct arena *arena, const struct product *product,
                                      const struct product_condition *condition);

#endif
