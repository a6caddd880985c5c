/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libmongoc with dlopen and looks up its functions. */
#include "store/mongodb/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "observe/log.h"
#include "reasons.pb-c.h"

struct mongodb_library mongodb_library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[256]; /* "": it is loaded */

/* libmongoc's own warnings: of certificates and servers, never of what is stored. */
static void log_line(mongoc_log_level_t level, const char *domain, const char *message, void *data)
{
    (void)data;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_warn(0, "mongodb: a warning of libmongoc", LOG_STR("part", domain),
                 LOG_STR("error", message));
}

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);

    if (!function && !problem[0]) snprintf(problem, sizeof(problem), "it has no %s", name);
    return function;
}

/* libmongoc counts in shared memory that is named by the process. While it is loaded, before it knows
 * our log, it warns on stderr if a process that had our number was killed and left its own. */
static void remove_counters(void)
{
    char name[32];

    snprintf(name, sizeof(name), "/mongoc-%u", (unsigned)getpid());
    shm_unlink(name);
}

static void load(void)
{
    remove_counters();
    void *handle = dlopen("libmongoc-1.0.so.0", RTLD_NOW | RTLD_LOCAL);

    if (!handle) {
        const char *error = dlerror();
        snprintf(problem, sizeof(problem), "%s", error ? error : "it is not installed");
        return;
    }
    /* POSIX allows dlsym to return a function; ISO C has no cast for that. dlsym also searches the
     * libraries that libmongoc needs, and so finds those of libbson. */
#define FIND(name) *(void **)&mongodb_library.name = find(handle, #name);
    MONGODB_FUNCTIONS(FIND)
#undef FIND
    *(void **)&mongodb_library.connect = dlsym(handle, "mongoc_client_default_stream_initiator");
    if (problem[0]) return;
    mongodb_library.mongoc_init();
    mongodb_library.mongoc_log_set_handler(log_line, 0);
}

struct status mongodb_library_load(struct arena *arena)
{
    pthread_once(&once, load);
    if (problem[0])
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "libmongoc cannot be used (%s); install libmongoc-1.0-0", problem);
    return status_ok();
}
