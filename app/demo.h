/* SPDX-License-Identifier: Apache-2.0 */
/* The demo: a thousand invented products with variants and stock, and accounts of a customer, a
 * seller and an admin. */
#ifndef APP_DEMO_H
#define APP_DEMO_H

#include "app/shop.h"

/* Loads what is missing and prints a short tour. The catalogue is the same every time. The accounts
 * customer@, seller@ and admin@example.com have the password ARGOSY_DEMO_PASSWORD, or a random one
 * that is printed. */
struct status demo_load(struct call *call, struct shop *shop, const struct config *config);

#endif
