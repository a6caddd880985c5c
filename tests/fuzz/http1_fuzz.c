/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes a server with HTTP/1.1 requests. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_fuzz(STR(""), str_sized(data, size));
    return 0;
}
