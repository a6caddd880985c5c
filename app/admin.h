/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: GET /metrics (Prometheus text), /healthz (the process lives), /readyz (it can
 * serve; 503 and why if not). Nothing here changes state. */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "http/http_server.h"

struct admin;

/* `ready` is asked by /readyz. In the arena; lives as long as it. */
struct admin *admin_new(struct arena *arena, struct status (*ready)(struct call *call, void *data),
                        void *data);

/* For http_server_new; `data` is the admin. */
http_handler admin_handle;

#endif
