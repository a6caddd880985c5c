/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target is one function over bytes. Built with libFuzzer it is given generated input; in
 * every other build the same file is a test that runs the stored corpus (replay.c). */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
