/* SPDX-License-Identifier: Apache-2.0 */
/* The books of all services held against one another, in their databases: what no service can see
 * by itself. Whoever runs the shop may go on meanwhile. */
#ifndef TESTS_CRASH_CHECKOUT_BOOKS_H
#define TESTS_CRASH_CHECKOUT_BOOKS_H

#include <sqlite3.h>
#include <stdbool.h>

/* Everything costs so much, so that pieces can be told from money. */
enum { BOOKS_PRICE_MINOR = 1000 };

struct books {
    sqlite3 *db; /* order.db, with the others attached */
    sqlite3_stmt *state_of;
};

/* Of the databases in a data directory, read only. */
bool books_open(struct books *books, const char *directory);
void books_close(struct books *books);

/* As services/order/order.h numbers them; 0: there is no such order. */
int books_state_of(struct books *books, const char *order_id);
/* Orders in all; -1: cannot tell. */
long books_order_count(struct books *books);

/* Prints how many orders have come to which end, and charges likewise. */
void books_print(struct books *books);

/* How many of the rules are broken; said by name if `aloud`. `pieces_received` is what all variants
 * of the catalogue got at first. True only when everything has come to an end. */
int books_check(struct books *books, long pieces_received, bool aloud);

#endif
