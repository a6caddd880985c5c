/* SPDX-License-Identifier: Apache-2.0 */
/* The demo: a thousand products of our own invention with variants and stock, and an account for
 * each role. */
#ifndef APP_DEMO_H
#define APP_DEMO_H

#include "app/shop.h"

/* Loads what is not there yet and prints what to try. The catalogue is the same every time.
 * Accounts: customer@, seller@ and admin@example.com with the password ARGOSY_DEMO_PASSWORD, or one
 * that is made and printed once. */
struct status demo_load(struct call *call, struct shop *shop, const struct config *config);

#endif
