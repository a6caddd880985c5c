/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the databases of all services with one another and with what buyers have seen.
 *
 *     fault_books DIRECTORY PIECES ORDERS
 *
 * DIRECTORY has the databases as the embedded shop has them (copies of those on other engines); no
 * order may be in progress. PIECES is the initial stock of all products. ORDERS has "ID STATE" for
 * each acknowledged order, STATE as its buyer saw it last. Prints what is broken, and the figures of
 * the promises that matter most; exits with 1 if anything is broken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/checkout_books.h"

/* As services/order/order.h numbers them. */
static const char *const states[] = {"",          "PENDING",  "VALIDATED", "CONFIRMED",
                                     "FULFILLED", "REJECTED", "CANCELLED", "REFUNDED"};

/* Once seen, CONFIRMED may become FULFILLED or REFUNDED; the other ends stay or are refunded. */
static bool follows(const char *seen, const char *is)
{
    if (strcmp(seen, is) == 0) return true;
    if (strcmp(seen, "CONFIRMED") == 0)
        return strcmp(is, "FULFILLED") == 0 || strcmp(is, "REFUNDED") == 0;
    return strcmp(seen, "FULFILLED") == 0 && strcmp(is, "REFUNDED") == 0;
}

struct acknowledged {
    long orders, lost;
};

/* Returns how many are not as their buyers saw them. */
static int check_orders(struct books *books, const char *path,
                        struct acknowledged *ret_acknowledged)
{
    char id[64], seen[32];
    long known = 0, lost = 0;
    int broken = 0;
    FILE *file = fopen(path, "r");

    if (!file) {
        printf("cannot read %s\n", path);
        return 1;
    }
    while (fscanf(file, "%63s %31s", id, seen) == 2) {
        int state = books_state_of(books, id);
        known++;
        if (follows(seen, states[state])) continue;
        broken++;
        lost += state == 0;
        printf("BROKEN: order %s was %s and is %s\n", id, seen, state ? states[state] : "lost");
    }
    fclose(file);
    *ret_acknowledged = (struct acknowledged){known, lost};
    if (known == books_order_count(books)) return broken;
    printf("BROKEN: %ld orders were acknowledged, %ld are there\n", known,
           books_order_count(books));
    return broken + 1;
}

int main(int argc, char **argv)
{
    struct books books;
    struct acknowledged acknowledged = {0};

    if (argc != 4) {
        fprintf(stderr, "usage: fault_books DIRECTORY PIECES ORDERS\n");
        return 2;
    }
    if (!books_open(&books, argv[1])) return 2;
    int broken = books_check(&books, strtol(argv[2], 0, 10), true);
    broken += check_orders(&books, argv[3], &acknowledged);
    books_print(&books);
    printf(
        "%ld orders acknowledged: %ld lost, %ld charged twice, %ld stuck; %ld products oversold\n",
        acknowledged.orders, acknowledged.lost, books_charged_twice(&books), books_stuck(&books),
        books_oversold(&books));
    books_close(&books);
    return broken != 0;
}
