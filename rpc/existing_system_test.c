/* SPDX-License-Identifier: Apache-2.0 */
/* Tests with answers that the existing system's services were seen to give. */
#include "rpc/existing_system.h"

#include "base/test.h"
#include "reasons.pb-c.h"

TEST(an_envelope_without_success_is_a_status)
{
    struct arena arena = {0};
    int gone = ARGOSY__REASON__PRODUCT_NOT_FOUND;

    CHECK(!failed(existing_envelope_status(&arena, true, 0, "fetched", gone)));
    struct status st = existing_envelope_status(
        &arena, false, 500, "rpc error: code = Internal desc = product not found", gone);
    CHECK_INT(st.code, ==, STATUS_NOT_FOUND);
    CHECK_INT(st.reason, ==, gone);
    st = existing_envelope_status(&arena, false, 403, "no", gone);
    CHECK_INT(st.code, ==, STATUS_PERMISSION_DENIED);
    CHECK_INT(st.reason, ==, 0);
    CHECK_STR(st.message, "no");
    CHECK_INT(existing_envelope_status(&arena, false, 500, "boom", gone).code, ==, STATUS_INTERNAL);
    CHECK_INT(existing_envelope_status(&arena, false, 0, "", gone).code, ==, STATUS_INTERNAL);
    arena_release(&arena);
}

TEST(a_free_text_status_says_whether_a_product_is_for_sale)
{
    CHECK(existing_status_for_sale("") && existing_status_for_sale("active"));
    CHECK(existing_status_for_sale("available") && existing_status_for_sale("in_stock"));
    CHECK(!existing_status_for_sale("draft") && !existing_status_for_sale("archived"));
    CHECK(!existing_status_for_sale("sold out"));
}
