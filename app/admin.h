/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: GET /metrics (Prometheus text), /healthz (the process lives), /readyz (it can
 * serve; 503 and why if not). What it calls and cannot reach is named by /readyz, and does not make
 * it unready. Nothing here changes state. */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "http/http_server.h"

struct admin;

/* Services that this process calls and cannot reach now: said, but it may still be ready. */
struct admin_report {
    const char *unreachable[16];
    size_t count;
};

/* Is the process able to serve, as far as it depends on itself? Fills in the report in any case. */
typedef struct status admin_ready(struct call *call, void *data, struct admin_report *report);

/* `ready` is asked by /readyz. In the arena; lives as long as it. */
struct admin *admin_new(struct arena *arena, admin_ready *ready, void *data);

/* For http_server_new; `data` is the admin. */
http_handler admin_handle;

#endif
