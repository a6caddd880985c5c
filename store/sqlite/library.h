/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's library. It is configured once, before its first use, because it takes no settings
 * afterwards; so every function that may be the first to call SQLite calls library_start before. */
#ifndef STORE_SQLITE_LIBRARY_H
#define STORE_SQLITE_LIBRARY_H

#include <stdbool.h>

/* Configures SQLite unless that is done. Any thread. */
void library_start(void);

/* Are databases files of the operating system? False if the program has replaced SQLite's VFS, as
 * simulations do. Starts the library. */
bool library_uses_files(void);

#endif
