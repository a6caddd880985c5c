/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libpq with dlopen and looks up its functions. */
#include "store/postgres/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "reasons.pb-c.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct postgres_library library;
static char problem[256]; /* "": it is loaded */

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);

    if (!function && !problem[0]) snprintf(problem, sizeof(problem), "it has no %s", name);
    return function;
}

/* POSIX allows dlsym to return a function; ISO C has no cast for that. */
#define FIND(member) (*(void **)&library.member = find(handle, "PQ" #member))

static void find_functions(void *handle)
{
    FIND(conninfoParse);
    FIND(conninfoFree);
    FIND(connectStartParams);
    FIND(connectPoll);
    FIND(finish);
    FIND(status);
    FIND(socket);
    FIND(errorMessage);
    FIND(setErrorVerbosity);
    FIND(serverVersion);
    FIND(backendPID);
    FIND(setnonblocking);
    FIND(setNoticeReceiver);
    FIND(enterPipelineMode);
    FIND(pipelineSync);
    FIND(sendFlushRequest);
    FIND(sendPrepare);
    FIND(sendQueryPrepared);
    FIND(sendQueryParams);
    FIND(flush);
    FIND(consumeInput);
    FIND(isBusy);
    FIND(getResult);
    FIND(notifies);
    FIND(freemem);
    FIND(resultStatus);
    FIND(resultErrorField);
    FIND(resultErrorMessage);
    FIND(ntuples);
    FIND(nfields);
    FIND(ftype);
    FIND(getvalue);
    FIND(getlength);
    FIND(getisnull);
    FIND(cmdTuples);
    FIND(clear);
}

static void load(void)
{
    void *handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);

    if (handle) {
        find_functions(handle);
        return;
    }
    const char *error = dlerror();
    snprintf(problem, sizeof(problem), "%s", error ? error : "it is not installed");
}

struct status postgres_library_load(struct arena *arena,
                                    const struct postgres_library **ret_library)
{
    pthread_once(&once, load);
    if (problem[0])
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "PostgreSQL's client library cannot be used (%s); install libpq5",
                             problem);
    *ret_library = &library;
    return status_ok();
}
