/* SPDX-License-Identifier: Apache-2.0 */
/* Checks events: each one in an outbox must be in the inbox of every group that acts on it. Reads
 * the files, once the shop has ended. */
#include <sqlite3.h>
#include <stdio.h>

#include "events.pb-c.h"
#include "tests/sim/sim.h"

struct subscription {
    const char *topic, *producer, *group, *types;
    bool (*concerns)(const void *payload, size_t size); /* NULL: every one does */
};

/* A cart has nothing to do with orders that were not made from it. */
static bool is_from_cart(const void *payload, size_t size)
{
    Events__OrderConfirmedEvent *confirmed = events__order_confirmed_event__unpack(NULL, size,
                                                                                   payload);
    bool from_cart = confirmed && confirmed->from_cart;

    if (confirmed) events__order_confirmed_event__free_unpacked(confirmed, NULL);
    return from_cart;
}

static const struct subscription subscriptions[] = {
    {"order-events", "order", "product",
     "'OrderCreatedEvent', 'OrderConfirmedEvent', 'OrderCancelledEvent'"},
    {"order-events", "order", "payment",
     "'OrderValidatedEvent', 'OrderConfirmedEvent', 'OrderCancelledEvent', 'OrderFulfilledEvent'"},
    {"order-events", "order", "cart", "'OrderConfirmedEvent'", is_from_cart},
    {"order-results", "product", "order",
     "'OrderValidationResultEvent', 'ReservationExpiredEvent'"},
    {"payment-events", "payment", "order",
     "'PaymentAuthorizedEvent', 'PaymentFailedEvent', 'PaymentRefundedEvent'"},
};

/* A failure for each row of (id, type, key, payload) that concerns the group. */
static void fail_each(struct sim *sim, sqlite3 *handle, const char *sql, const char *what,
                      const struct subscription *subscription)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        sim_fail(sim, "cannot look for what %s: %s", what, sqlite3_errmsg(handle));
        return;
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        if (subscription->concerns &&
            !subscription->concerns(sqlite3_column_blob(statement, 3),
                                    (size_t)sqlite3_column_bytes(statement, 3)))
            continue;
        sim_fail(sim, "event %s, %s of order %s, %s", sqlite3_column_text(statement, 0),
                 sqlite3_column_text(statement, 1), sqlite3_column_text(statement, 2), what);
    }
    sqlite3_finalize(statement);
}

static void check_applied(struct sim *sim, const struct subscription *subscription)
{
    char path[64], sql[1024], what[128];
    sqlite3 *handle;

    snprintf(path, sizeof(path), "shop/%s.db", subscription->producer);
    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        sim_fail(sim, "cannot open %s", path);
        sqlite3_close(handle);
        return;
    }
    snprintf(sql, sizeof(sql), "ATTACH 'shop/%s.db' AS taker", subscription->group);
    sqlite3_exec(handle, sql, NULL, NULL, NULL);

    snprintf(what, sizeof(what), "was never applied by %s", subscription->group);
    snprintf(sql, sizeof(sql),
             "SELECT id, type, aggregateid, payload FROM main.outbox WHERE aggregatetype = '%s'"
             " AND type IN (%s) AND id NOT IN (SELECT id FROM taker.inbox)"
             " AND id NOT IN (SELECT id FROM taker.dead_letters)",
             subscription->topic, subscription->types);
    fail_each(sim, handle, sql, what, subscription);

    snprintf(what, sizeof(what), "is a dead letter of %s", subscription->group);
    fail_each(sim, handle,
              "SELECT id, type || ' (' || message || ')', aggregateid, payload"
              " FROM taker.dead_letters",
              what, subscription);
    sqlite3_close(handle);
}

void sim_check_events(struct sim *sim)
{
    for (size_t i = 0; i < sizeof(subscriptions) / sizeof(subscriptions[0]); i++)
        check_applied(sim, &subscriptions[i]);
}
