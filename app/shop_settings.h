/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the process and those that every service has: X_LISTEN, X_STORE and X_URL. */
#ifndef APP_SHOP_SETTINGS_H
#define APP_SHOP_SETTINGS_H

#include "base/arena.h"

/* The default of a process with the gateway. */
#define ADMIN_LISTEN_DEFAULT "127.0.0.1:8001"

/* "CART_LISTEN" for ("cart", "LISTEN"), in the arena. */
const char *service_setting(struct arena *arena, const char *service, const char *what);

/* The service's default gRPC port in services/registry; 0 for an unknown service. */
int service_port(const char *service);

#endif
