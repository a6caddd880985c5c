/* SPDX-License-Identifier: Apache-2.0 */
/* For tests on a real server: a database of their own. Included by test programs only. */
#ifndef STORE_MONGODB_MONGODB_TESTING_H
#define STORE_MONGODB_MONGODB_TESTING_H

#include <string.h>

#include "base/arena.h"
#include "base/random.h"

/* The server's URL with a new database as its path. */
static inline const char *mongodb_test_url(struct arena *arena, const char *url)
{
    const char *hosts = strstr(url, "://");
    size_t before = hosts ? strcspn(hosts + 3, "/") + (size_t)(hosts + 3 - url) : strlen(url);
    const char *options = strchr(url, '?');

    return arena_printf(arena, "%.*s/test_%llx%s", (int)before, url,
                        (unsigned long long)random_below(INT64_MAX), options ? options : "");
}

#endif
