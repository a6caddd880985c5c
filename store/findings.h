/* SPDX-License-Identifier: Apache-2.0 */
/* What is found about a store's engine, for `argosy store check` and for the log when the store is
 * opened. A warning says that acknowledged changes may be lost, and what to do. */
#ifndef STORE_FINDINGS_H
#define STORE_FINDINGS_H

#include "base/arena.h"
#include "base/trace.h"

enum { STORE_FINDINGS_MAX = 16 };

struct store_finding {
    bool is_warning;
    const char *text;
};

/* With its arena set and all else zeros nothing is found yet. */
struct store_findings {
    struct arena *arena;
    struct store_finding items[STORE_FINDINGS_MAX];
    size_t count;
};

void store_find(struct store_findings *findings, bool is_warning, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Logs the warnings about the store with this name, and returns how many there are. */
size_t store_findings_log(const struct store_findings *findings, const struct trace *trace,
                          const char *name);

#endif
