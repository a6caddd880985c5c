/* SPDX-License-Identifier: Apache-2.0 */
/* Collects what is found about a store's engine. */
#include "store/findings.h"

#include <stdarg.h>

#include "base/status.h"
#include "observe/log.h"

void store_find(struct store_findings *findings, bool is_warning, const char *format, ...)
{
    va_list arguments;

    invariant(findings->count < STORE_FINDINGS_MAX);
    va_start(arguments, format);
    findings->items[findings->count++] = (struct store_finding){
        is_warning, arena_vprintf(findings->arena, format, arguments)};
    va_end(arguments);
}

size_t store_findings_log(const struct store_findings *findings, const struct trace *trace,
                          const char *name)
{
    size_t warnings = 0;

    for (size_t i = 0; i < findings->count; i++) {
        if (!findings->items[i].is_warning) continue;
        log_warn(trace, "store: acknowledged changes may be lost", LOG_STR("store", name),
                 LOG_STR("why", findings->items[i].text));
        warnings++;
    }
    return warnings;
}
