/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes Cookie headers: the value found must be a part of the header. */
#include "base/status.h"
#include "http/http.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header header = {STR("cookie"), str_sized(data, size)};
    struct http_headers headers = {&header, 1, 1};

    struct str value = http_cookie(&headers, "access-token");
    if (value.data) {
        invariant(value.data >= (const char *)data);
        invariant(value.data + value.length <= (const char *)data + size);
    }
    return 0;
}
