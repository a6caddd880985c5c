/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that the transcoder's fuzz targets use: every request and response of the shop's
 * services. */
#ifndef TESTS_FUZZ_TRANSCODE_FUZZ_H
#define TESTS_FUZZ_TRANSCODE_FUZZ_H

#include "gateway/transcode.h"

/* Selects one of them by any number. */
const struct transcode_type *transcode_fuzz_type(uint8_t number);

#endif
