/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libcurl with dlopen and looks up its functions. */
#include "http/https_library.h"

#include <dlfcn.h>
#include <pthread.h>

#include "reasons.pb-c.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct https_library library;
static char problem[256]; /* "": it is loaded */

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);

    if (!function && !problem[0]) snprintf(problem, sizeof(problem), "it has no %s", name);
    return function;
}

/* POSIX allows dlsym to return a function; ISO C has no cast for that. */
#define FIND(member) (*(void **)&library.member = find(handle, "curl_" #member))

static void load(void)
{
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    if (!handle) {
        const char *error = dlerror();
        snprintf(problem, sizeof(problem), "%s", error ? error : "it is not installed");
        return;
    }
    FIND(global_init);
    FIND(easy_init);
    FIND(easy_setopt);
    FIND(easy_getinfo);
    FIND(easy_strerror);
    FIND(easy_cleanup);
    FIND(slist_append);
    FIND(slist_free_all);
    FIND(multi_init);
    FIND(multi_setopt);
    FIND(multi_add_handle);
    FIND(multi_remove_handle);
    FIND(multi_socket_action);
    FIND(multi_info_read);
    FIND(multi_assign);
    FIND(multi_cleanup);
    if (!problem[0] && library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(problem, sizeof(problem), "it cannot be initialized");
}

struct status https_library_load(struct arena *arena, const struct https_library **ret_library)
{
    pthread_once(&once, load);
    if (problem[0])
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "libcurl cannot be used (%s); install libcurl4", problem);
    *ret_library = &library;
    return status_ok();
}
