/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the consistency of orders, charges and stock by SQL queries over all databases, attached
 * read-only to one connection. */
#include "tests/crash/checkout_books.h"

#include <stdio.h>
#include <string.h>

/* Orders: 1 PENDING, 2 VALIDATED, 3 CONFIRMED, 4 FULFILLED, 5 REJECTED, 6 CANCELLED, 7 REFUNDED.
 * Facts of an order: 1 its stock is committed, 4 its fulfilment is requested.
 * Charges: 1 authorized, 2 requires_action, 3 declined, 4 captured, 5 voided. */
static const char unpaid[] = "SELECT count(*) FROM orders WHERE state IN (1, 2)";
static const char waiting[] = "SELECT count(*) FROM orders WHERE state = 3 AND facts & 5 <> 1";
static const char charged_twice[] =
    "SELECT count(*) FROM (SELECT 1 FROM bank.charges WHERE status IN (1, 2, 4)"
    " GROUP BY reference HAVING count(*) > 1)";
static const char oversold[] = "SELECT count(*) FROM product.variants"
                               " WHERE tracked AND (on_hand < reserved OR reserved < 0)";

static const struct rule {
    const char *broken; /* the meaning of a number other than 0 */
    const char *query;
} rules[] = {
    {"orders that are neither final nor paid", unpaid},
    {"orders that the bank has charged twice", charged_twice},
    {"charges with more taken than allowed, or more given back than taken",
     "SELECT count(*) FROM bank.charges"
     " WHERE captured_minor > amount_minor OR refunded_minor > captured_minor"},
    {"charges of another amount than the order's, or of no order",
     "SELECT count(*) FROM bank.charges c LEFT JOIN orders o ON o.order_id = c.reference"
     " WHERE o.total_minor IS NOT c.amount_minor OR o.currency IS NOT c.currency"},
    {"confirmed orders that the bank does not hold the money of",
     "SELECT count(*) FROM orders o LEFT JOIN bank.charges c"
     " ON c.reference = o.order_id AND c.status IN (1, 4)"
     " WHERE o.state = 3 AND c.charge_id IS NULL"},
    {"fulfilled orders that are not paid in full",
     "SELECT count(*) FROM orders o LEFT JOIN bank.charges c"
     " ON c.reference = o.order_id AND c.captured_minor = o.total_minor"
     " WHERE o.state = 4 AND c.charge_id IS NULL"},
    {"fulfilled orders whose pieces were not sold",
     "SELECT count(*) FROM orders o LEFT JOIN product.reservations r"
     " ON r.order_id = o.order_id AND r.state = 2"
     " WHERE o.state = 4 AND r.order_id IS NULL"},
    {"confirmed orders that have not heard of their stock, or wait for their delivery", waiting},
    {"cancelled or rejected orders whose money did not go back",
     "SELECT count(*) FROM orders o JOIN bank.charges c ON c.reference = o.order_id"
     " WHERE o.state IN (5, 6)"
     " AND (c.status IN (1, 2) OR (c.status = 4 AND c.refunded_minor < c.captured_minor))"},
    {"refunded orders whose money did not go back",
     "SELECT count(*) FROM orders o LEFT JOIN bank.charges c"
     " ON c.reference = o.order_id AND c.status = 4 AND c.refunded_minor = c.captured_minor"
     " WHERE o.state = 7 AND c.charge_id IS NULL"},
    {"orders that nobody pays for and that hold pieces",
     "SELECT count(*) FROM product.reservations r JOIN orders o ON o.order_id = r.order_id"
     " WHERE r.state = 1 AND o.state <> 2"},
    {"variants with less than nothing, or pieces that nobody has reserved", oversold},
    {"pieces that are still reserved", "SELECT total(reserved) FROM product.variants"},
    {"dead letters",
     "SELECT (SELECT count(*) FROM main.dead_letters) + (SELECT count(*) FROM product.dead_letters)"
     " + (SELECT count(*) FROM payment.dead_letters) + (SELECT count(*) FROM cart.dead_letters)"},
};

static bool attach(struct books *books, const char *directory, const char *name)
{
    char statement[512];

    snprintf(statement, sizeof(statement), "ATTACH 'file:%s/%s.db?mode=ro' AS %s", directory, name,
             name);
    return sqlite3_exec(books->db, statement, 0, 0, 0) == SQLITE_OK;
}

bool books_open(struct books *books, const char *directory)
{
    char path[512];

    snprintf(path, sizeof(path), "file:%s/order.db?mode=ro", directory);
    if (sqlite3_open_v2(path, &books->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, 0) == SQLITE_OK &&
        attach(books, directory, "product") && attach(books, directory, "payment") &&
        attach(books, directory, "bank") && attach(books, directory, "cart") &&
        sqlite3_busy_timeout(books->db, 5000) == SQLITE_OK &&
        sqlite3_prepare_v2(books->db, "SELECT state FROM orders WHERE order_id = ?", -1,
                           &books->state_of, 0) == SQLITE_OK)
        return true;
    printf("cannot open the databases: %s\n", sqlite3_errmsg(books->db));
    sqlite3_close(books->db);
    return false;
}

void books_close(struct books *books)
{
    sqlite3_finalize(books->state_of);
    sqlite3_close(books->db);
}

int books_state_of(struct books *books, const char *order_id)
{
    int state = 0;

    sqlite3_bind_text(books->state_of, 1, order_id, -1, SQLITE_STATIC);
    if (sqlite3_step(books->state_of) == SQLITE_ROW) state = sqlite3_column_int(books->state_of, 0);
    sqlite3_reset(books->state_of);
    return state;
}

/* -1 if the query fails. */
static long number_of(struct books *books, const char *query)
{
    sqlite3_stmt *statement = 0;
    long number = -1;

    if (sqlite3_prepare_v2(books->db, query, -1, &statement, 0) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = (long)sqlite3_column_int64(statement, 0);
    else
        printf("%s: %s\n", query, sqlite3_errmsg(books->db));
    sqlite3_finalize(statement);
    return number;
}

long books_order_count(struct books *books)
{
    return number_of(books, "SELECT count(*) FROM orders");
}

long books_charged_twice(struct books *books)
{
    return number_of(books, charged_twice);
}

long books_oversold(struct books *books)
{
    return number_of(books, oversold);
}

long books_stuck(struct books *books)
{
    return number_of(books, unpaid) + number_of(books, waiting);
}

void books_print(struct books *books)
{
    static const struct {
        const char *text, *query;
    } counts[] = {
        {"CONFIRMED", "SELECT count(*) FROM orders WHERE state = 3"},
        {"FULFILLED", "SELECT count(*) FROM orders WHERE state = 4"},
        {"REJECTED", "SELECT count(*) FROM orders WHERE state = 5"},
        {"CANCELLED", "SELECT count(*) FROM orders WHERE state = 6"},
        {"of them timed out", "SELECT count(*) FROM orders WHERE reason = 'ORDER_TIMED_OUT'"},
        {"REFUNDED", "SELECT count(*) FROM orders WHERE state = 7"},
        {"charges authorized", "SELECT count(*) FROM bank.charges WHERE status = 1"},
        {"declined", "SELECT count(*) FROM bank.charges WHERE status = 3"},
        {"captured", "SELECT count(*) FROM bank.charges WHERE status = 4"},
        {"voided", "SELECT count(*) FROM bank.charges WHERE status = 5"},
    };

    printf("\n");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        printf("%s%ld %s", i ? ", " : "", number_of(books, counts[i].query), counts[i].text);
    printf("\n");
}

/* The pieces sold by orders, and not refunded before they were sent, must be those missing from the
 * stock.
 */
static bool shelves_agree(struct books *books, long pieces_received, bool aloud)
{
    long there = number_of(books, "SELECT total(on_hand) FROM product.variants");
    long sold = number_of(
                    books,
                    "SELECT total(total_minor) FROM orders o WHERE state IN (3, 4) OR state = 7 "
                    "AND EXISTS (SELECT 1 FROM order_history h WHERE h.number = o.number AND "
                    "to_state = 4)") /
                BOOKS_PRICE_MINOR;

    if (there + sold == pieces_received) return true;
    if (aloud)
        printf("BROKEN: %ld pieces received, %ld sold by the orders, %ld on the shelves\n",
               pieces_received, sold, there);
    return false;
}

int books_check(struct books *books, long pieces_received, bool aloud)
{
    int broken = !shelves_agree(books, pieces_received, aloud);

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        long count = number_of(books, rules[i].query);
        if (count == 0) continue;
        broken++;
        if (aloud) printf("BROKEN: %ld %s\n", count, rules[i].broken);
    }
    return broken;
}
