/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes Kong's declarative configuration: it must be read, or refused with a line. */
#include "gateway/kong.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kong *kong;
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = kong_read(&arena, "kong.yml", str_sized(data, size), &kong);
    if (failed(st)) invariant(st.message && str_starts_with(str_of(st.message), STR("kong.yml")));
    arena_release(&arena);
    return 0;
}
