/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: GET /metrics (Prometheus text), /healthz (the process is alive), /readyz (it can
 * serve; else 503 with the reason). /readyz names other services that can't be reached, but they do
 * not make the process unready. Nothing here changes state. */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "http/http_server.h"

struct admin;

/* The services that this process calls and can't reach at present; it may be ready all the same. */
struct admin_report {
    const char *unreachable[16];
    size_t count;
};

/* OK if the process itself can serve. Fills in the report in any case. */
typedef struct status admin_ready(struct call *call, void *data, struct admin_report *report);

/* In the arena. /readyz calls `ready`. */
struct admin *admin_new(struct arena *arena, admin_ready *ready, void *data);

/* For http_server_new; `data` is the admin. */
http_handler admin_handle;

#endif
