/* SPDX-License-Identifier: Apache-2.0 */
/* Checks across the databases of all services, which no service can do by itself. The shop may run
 * meanwhile. */
#ifndef TESTS_CRASH_CHECKOUT_BOOKS_H
#define TESTS_CRASH_CHECKOUT_BOOKS_H

#include <sqlite3.h>
#include <stdbool.h>

/* The price of everything, chosen so that numbers of pieces and amounts of money differ. */
enum { BOOKS_PRICE_MINOR = 1000 };

struct books {
    sqlite3 *db; /* order.db, with the others attached */
    sqlite3_stmt *state_of;
};

/* Opens the databases in a data directory, read-only. */
bool books_open(struct books *books, const char *directory);
void books_close(struct books *books);

/* As services/order/order.h numbers them; 0: there is no such order. */
int books_state_of(struct books *books, const char *order_id);
/* The number of orders; -1 on an error. */
long books_order_count(struct books *books);
/* Counts of the promises that matter most; -1 on an error. Meaningful when all orders are final. */
long books_charged_twice(struct books *books); /* orders */
long books_oversold(struct books *books);      /* variants of which more was sold than there was */
long books_stuck(struct books *books);         /* orders that wait for something */

/* Prints how many orders and charges are in each state. */
void books_print(struct books *books);

/* How many rules are broken; each is printed if `aloud`. `pieces_received` is the initial stock of
 * all variants. The result is only meaningful when all orders are final. */
int books_check(struct books *books, long pieces_received, bool aloud);

#endif
