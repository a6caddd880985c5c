/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and formats grpc-timeout. */
#include "rpc/timeout.h"

enum { DIGITS_MAX = 8, VALUE_MAX = 99999999 };

static const int64_t timeout_max_us = (int64_t)30 * 365 * 24 * 3600 * 1000 * 1000;

/* Each is coarser than the one before; n is handled separately, because it is finer than our
 * microseconds. */
static const struct {
    char unit;
    int64_t us;
} units[] = {{'u', 1}, {'m', 1000}, {'S', 1000000}, {'M', 60000000}, {'H', 3600000000}};

enum { UNIT_COUNT = sizeof(units) / sizeof(*units) };

bool rpc_timeout_parse(struct str text, int64_t *ret_timeout_us)
{
    int64_t value = 0, timeout_us = -1;

    if (text.length < 2 || text.length > DIGITS_MAX + 1) return false;
    for (size_t i = 0; i + 1 < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (text.data[i] - '0');
    }
    for (int i = 0; i < UNIT_COUNT; i++)
        if (text.data[text.length - 1] == units[i].unit) timeout_us = value * units[i].us;
    if (text.data[text.length - 1] == 'n') timeout_us = value / 1000;
    if (timeout_us < 0) return false;

    if (timeout_us == 0) timeout_us = 1;
    *ret_timeout_us = timeout_us < timeout_max_us ? timeout_us : timeout_max_us;
    return true;
}

void rpc_timeout_format(int64_t timeout_us, char ret_text[static RPC_TIMEOUT_TEXT_SIZE])
{
    int unit = 0;

    if (timeout_us < 1) timeout_us = 1;
    if (timeout_us > timeout_max_us) timeout_us = timeout_max_us;
    while (timeout_us / units[unit].us > VALUE_MAX) unit++;
    snprintf(ret_text, RPC_TIMEOUT_TEXT_SIZE, "%lld%c", (long long)(timeout_us / units[unit].us),
             units[unit].unit);
}
