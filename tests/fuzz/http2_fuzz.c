/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes a server with HTTP/2 frames behind a valid preface and an empty SETTINGS frame. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_fuzz(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), str_sized(data, size));
    return 0;
}
