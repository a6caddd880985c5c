/* SPDX-License-Identifier: Apache-2.0 */
/* Removes the tables that only older programs used (the full-text index and the tags), some rows at
 * a time. */
#ifndef SERVICES_PRODUCT_PRODUCT_OBSOLETE_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_OBSOLETE_SQLITE_H

#include "store/sqlite/sqlite.h"

/* Inside a transaction; *ret_more is false once nothing is left. */
struct status product_obsolete_step(struct sqlite_tx *tx, bool *ret_more);

#endif
