/* SPDX-License-Identifier: Apache-2.0 */
/* Configures SQLite's library. */
#include "store/sqlite/library.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "store/sqlite/memory.h"

/* SQLite's memory statistics take a lock that all threads share, for each allocation, and they are
 * not used. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    memory_install();
    sqlite3_initialize();
}

void library_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, configure);
}

bool library_uses_files(void)
{
    library_start();
    return strncmp(sqlite3_vfs_find(0)->zName, "unix", 4) == 0;
}
