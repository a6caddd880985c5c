/* SPDX-License-Identifier: Apache-2.0 */
/* Locks a service's store for this process, or finds the process that has it. */
#include "app/shop_store.h"

#include <string.h>
#include <time.h>

#include "app/restore.h"
#include "reasons.pb-c.h"

enum {
    /* How long to wait for a process that has the store but does not serve: a command that will
     * soon end, or a shop that will soon serve. A restore is not waited for. */
    WAIT_MS = 5000,
    LOOK_MS = 20,
};

static struct status in_use(const struct service_context *context,
                            const struct service_module *module, const char *path,
                            const struct sqlite_holder *holder)
{
    const char *serves = holder->address[0]
                             ? arena_printf(context->arena, ", which serves it on %s",
                                            holder->address)
                             : "";

    return status_printf(context->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_BUSY,
                         "the %s service's store %s is in use by process %lld%s; stop that process "
                         "first, or set ARGOSY_DATA_DIR to another directory",
                         module->name, path, (long long)holder->pid, serves);
}

/* The file of the module's store; NULL if it has none. */
static const char *find_file(const struct service_context *context,
                             const struct service_module *module)
{
    const char *path;

    /* The module itself refuses an invalid setting. */
    if (!module->store_default[0] || failed(service_store_path(context, module, &path))) return 0;
    return strcmp(path, ":memory:") == 0 ? 0 : path;
}

struct status shop_store_claim(const struct service_context *context,
                               const struct service_module *module, bool serve,
                               struct sqlite_lock **ret_lock, const char **ret_address)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    const char *path = find_file(context, module);
    struct sqlite_holder holder = {.address = ""};
    struct sqlite_lock *lock = 0;

    for (int waited_ms = 0; path; waited_ms += LOOK_MS) {
        struct status st = sqlite_lock_try(context->arena, path, &lock, &holder);
        if (failed(st)) return st;
        if (lock || (holder.address[0] && !serve)) break;
        st = restore_check_finished(context->arena, context->data_dir);
        if (failed(st)) return st;
        if (holder.address[0] || waited_ms >= WAIT_MS)
            return in_use(context, module, path, &holder);
        nanosleep(&pause, 0);
    }
    *ret_lock = lock;
    *ret_address = lock ? "" : holder.address;
    return status_ok();
}
