/* SPDX-License-Identifier: Apache-2.0 */
/* Loads librdkafka with dlopen and looks up its functions. */
#include "store/kafka/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "reasons.pb-c.h"

struct kafka_library kafka_library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[256]; /* "": it is loaded */

static void *find(void *handle, const char *name)
{
    void *function = dlsym(handle, name);

    if (!function && !problem[0]) snprintf(problem, sizeof(problem), "it has no %s", name);
    return function;
}

/* POSIX allows dlsym to return a function; ISO C has no cast for that. */
#define FIND(name) *(void **)&kafka_library.name = find(handle, "rd_kafka_" #name);

static void load(void)
{
    void *handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);

    if (handle) {
        KAFKA_LIBRARY(FIND)
        return;
    }
    const char *error = dlerror();
    snprintf(problem, sizeof(problem), "%s", error ? error : "it is not installed");
}

struct status kafka_library_load(struct arena *arena)
{
    pthread_once(&once, load);
    if (problem[0])
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "Kafka's client library cannot be used (%s); install librdkafka1",
                             problem);
    return status_ok();
}
