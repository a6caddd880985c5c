/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of orders, the orders that are due for the sweep, and what audits read.
 *
 * A page is read backwards along the numbers of a customer's or a seller's orders; its position is
 * the last number. The indexes have the numbers by state, so a list of one state, even a rare one,
 * reads nothing else; a list of all states merges those of each. */
#include "services/order/postgres/order_store_postgres.h"

/* ---- lists ---- */

/* The order numbers of one list: of the customer or seller $1, below $2, at most $3. */
#define OF(table, key, state)                                                                \
    "(SELECT number FROM " table " WHERE " key " = $1 AND state = " state " AND number < $2" \
    " ORDER BY number DESC LIMIT $3)"
#define OF_ALL(table, key)                                                                        \
    OF(table, key, "1")                                                                           \
    " UNION ALL " OF(table, key, "2") " UNION ALL " OF(table, key, "3") " UNION ALL " OF(         \
        table, key, "4") " UNION ALL " OF(table, key,                                             \
                                          "5") " UNION ALL " OF(table, key,                       \
                                                                "6") " UNION ALL " OF(table, key, \
                                                                                      "7")
static_assert(ORDER_STATE_COUNT == 8, "OF_ALL has all states");

/* The page of these numbers: it ends early once its documents have $4 bytes. `found` counts the
 * numbers, one more than a page has if there is another. */
#define PAGE(numbers)                                                                    \
    "WITH page AS (SELECT o.*, count(*) OVER () AS found,"                               \
    "  sum(octet_length(document)) OVER (ORDER BY number DESC) - octet_length(document)" \
    "   AS size_before"                                                                  \
    "  FROM orders o JOIN (SELECT number FROM (" numbers ") n"                           \
    "   ORDER BY number DESC LIMIT $3) listed USING (number))"                           \
    " SELECT " ORDER_COLUMNS ", found FROM page o WHERE size_before <= $4"               \
    " ORDER BY number DESC"

/* Indexed by whether it is a seller's list, and whether it is of one state ($5). */
static const char *const pages[2][2] = {
    {PAGE(OF_ALL("orders", "user_key")), PAGE(OF("orders", "user_key", "$5"))},
    {PAGE(OF_ALL("order_sellers", "seller_key")), PAGE(OF("order_sellers", "seller_key", "$5"))},
};

static struct status read_page(struct call *call, struct postgres_rows *rows, size_t limit,
                               struct order_page *ret_page)
{
    struct order_page page = {.orders = arena_array(call->arena, struct order, limit)};
    int64_t found = 0;

    while (page.count < limit && postgres_next(call, rows)) {
        struct status st = order_postgres_read(rows, &page.orders[page.count]);
        if (failed(st)) return st;
        page.count++;
        found = postgres_column_i64(rows, ORDER_COLUMN_COUNT);
    }
    if (failed(rows->status)) return rows->status;
    if ((int64_t)page.count < found) {
        const int64_t *last = &page.orders[page.count - 1].number;
        page.next = str_sized(arena_memdup(call->arena, last, sizeof(*last)), sizeof(*last));
    }
    *ret_page = page;
    return status_ok();
}

struct status order_postgres_list(struct call *call, struct order_store *port,
                                  const struct order_query *query, struct order_page *ret_page)
{
    bool of_seller = *query->seller != '\0', of_state = query->state != ORDER_NONE;
    const char *who = str_lower(call->arena, str_of(of_seller ? query->seller : query->user_id));
    const char *statement = pages[of_seller][of_state];
    int64_t before, max = (int64_t)query->limit + 1, bytes = ORDER_PAGE_BYTES_MAX;
    struct postgres *db = order_postgres(port)->db;
    struct postgres_rows rows;

    struct status st = order_page_position(query->after, &before);
    if (failed(st)) return st;
    st = of_state ? postgres_read(call, db, &rows, statement, "tllli", who, before, max, bytes,
                                  (int)query->state)
                  : postgres_read(call, db, &rows, statement, "tlll", who, before, max, bytes);
    return failed(st) ? st : read_page(call, &rows, (size_t)query->limit, ret_page);
}

/* ---- the sweep ---- */

struct status order_postgres_due(struct call *call, struct order_store *port, int64_t now_us,
                                 size_t max, const char ***ret_order_ids, size_t *ret_count)
{
    const char **order_ids = arena_array(call->arena, const char *, max);
    struct postgres_rows rows;
    size_t count = 0;

    /* `state < 4` is the condition of the partial index. */
    struct status st = postgres_read(call, order_postgres(port)->db, &rows,
                                     "SELECT order_id FROM orders WHERE state < 4"
                                     " AND state IN (1, 2) AND deadline_us <= $1 LIMIT $2",
                                     "ll", now_us, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && postgres_next(call, &rows))
        order_ids[count++] = postgres_column_text(&rows, 0);
    if (failed(rows.status)) return rows.status;
    *ret_order_ids = order_ids;
    *ret_count = count;
    return status_ok();
}

struct status order_postgres_count(struct call *call, struct order_store *port,
                                   int64_t ret_counts[ORDER_STATE_COUNT])
{
    struct postgres_rows rows;

    memset(ret_counts, 0, ORDER_STATE_COUNT * sizeof(*ret_counts));
    struct status st = postgres_read(
        call, order_postgres(port)->db, &rows,
        "SELECT state, count(*) FROM orders WHERE state < 4 GROUP BY state", "");
    if (failed(st)) return st;
    while (postgres_next(call, &rows)) {
        int64_t state = postgres_column_i64(&rows, 0);
        if (state > ORDER_NONE && state < ORDER_STATE_COUNT)
            ret_counts[state] = postgres_column_i64(&rows, 1);
    }
    return rows.status;
}

/* ---- audits ---- */

/* The ids go as one text with line feeds between them. */
struct status order_postgres_states(struct call *call, struct order_store *port,
                                    const char *const *order_ids, size_t count,
                                    enum order_state **ret_states)
{
    enum order_state *states = arena_array(call->arena, enum order_state, count);
    struct postgres_rows rows;
    struct buffer list;
    size_t found = 0;

    buffer_init(&list, SIZE_MAX);
    for (size_t i = 0; i < count; i++) buffer_printf(&list, "%s%s", i ? "\n" : "", order_ids[i]);
    struct status st = postgres_read(
        call, order_postgres(port)->db, &rows,
        "SELECT coalesce(o.state, 0)"
        " FROM unnest(string_to_array($1, E'\\n')) WITH ORDINALITY AS asked (order_id, place)"
        " LEFT JOIN orders o USING (order_id) ORDER BY place",
        "s", buffer_str(&list));
    buffer_release(&list);
    if (failed(st)) return st;
    while (found < count && postgres_next(call, &rows))
        states[found++] = order_state_of(postgres_column_i64(&rows, 0));
    if (failed(rows.status)) return rows.status;
    *ret_states = states;
    return status_ok();
}

struct status order_postgres_briefs(struct call *call, struct order_store *port, int64_t after,
                                    size_t max, struct order_brief **ret_briefs, size_t *ret_count)
{
    struct order_brief *briefs = arena_array(call->arena, struct order_brief, max);
    struct postgres_rows rows;
    size_t count = 0;

    struct status st = postgres_read(call, order_postgres(port)->db, &rows,
                                     "SELECT number, order_id, state, total_minor FROM orders"
                                     " WHERE number > $1 ORDER BY number LIMIT $2",
                                     "ll", after, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && postgres_next(call, &rows))
        briefs[count++] = (struct order_brief){
            .number = postgres_column_i64(&rows, 0),
            .order_id = postgres_column_text(&rows, 1),
            .state = order_state_of(postgres_column_i64(&rows, 2)),
            .total_minor = postgres_column_i64(&rows, 3),
        };
    if (failed(rows.status)) return rows.status;
    *ret_briefs = briefs;
    *ret_count = count;
    return status_ok();
}
