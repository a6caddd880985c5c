/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for SQLite's library. Executing a statement allocates a block for each cursor and each
 * text that it reads, and frees them all at its end, some five hundred in a checkout. Debian builds
 * SQLite without its lookaside memory, which is meant for these; so each thread keeps small blocks
 * that were freed, and takes from them first. */
#ifndef STORE_SQLITE_MEMORY_H
#define STORE_SQLITE_MEMORY_H

/* Only blocks up to MEMORY_BLOCK_MAX bytes are kept, and no more than MEMORY_KEPT_MAX bytes of them
 * for each thread. */
enum { MEMORY_BLOCK_MAX = 1024, MEMORY_KEPT_MAX = 48 * 1024 };

/* Makes SQLite use it, unless the program has called SQLite before. Under AddressSanitizer it does
 * nothing, because that finds uses of a block that was freed only if the block is really freed. */
void memory_install(void);

#endif
