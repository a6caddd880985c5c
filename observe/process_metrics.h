/* SPDX-License-Identifier: Apache-2.0 */
/* The process_* families that every Prometheus client exports, read from /proc at each export. */
#ifndef OBSERVE_PROCESS_METRICS_H
#define OBSERVE_PROCESS_METRICS_H

#include "base/str.h"

/* Appends the families; values that the system does not provide are left out. */
void process_metrics_export(struct buffer *out);

#endif
