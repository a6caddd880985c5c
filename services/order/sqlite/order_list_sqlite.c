/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of orders, and the orders that are due for the sweep.
 *
 * A page is read backwards along the numbers of a customer's or a seller's orders; its position is
 * the last number. The indexes have the numbers by state, so a list of one state, even a rare one,
 * reads nothing else; a list of all states merges those of each. */
#include "services/order/sqlite/order_store_sqlite.h"

/* ---- lists ---- */

/* The order numbers of one list: of the customer or seller ?1, below ?2, at most ?3. */
#define OF_USER(state) \
    "SELECT number FROM orders WHERE user_id = ?1 AND state = " state " AND number < ?2"
#define OF_SELLER(state)                                                           \
    "SELECT number FROM order_sellers WHERE seller = lower(?1) AND state = " state \
    " AND number < ?2"
#define OF_ALL(list)                                                              \
    list("1") " UNION ALL " list("2") " UNION ALL " list("3") " UNION ALL " list( \
        "4") " UNION ALL " list("5") " UNION ALL " list("6") " UNION ALL " list("7")
#define NEWEST_FIRST " ORDER BY number DESC LIMIT ?3"

/* Indexed by whether it is a seller's list, and whether it is of one state (?4). */
static const char *const numbers[2][2] = {
    {OF_ALL(OF_USER) NEWEST_FIRST, OF_USER("?4") NEWEST_FIRST},
    {OF_ALL(OF_SELLER) NEWEST_FIRST, OF_SELLER("?4") NEWEST_FIRST},
};
static_assert(ORDER_STATE_COUNT == 8, "OF_ALL has all states");

static const char by_number[] = "SELECT " ORDER_COLUMNS
                                ", length(o.document) FROM orders o WHERE o.number = ?";

const char *order_sqlite_list_statement(bool of_seller, bool of_state)
{
    return numbers[of_seller][of_state];
}

struct list {
    const struct order_query *query;
    int64_t before;
    struct order_page page;
};

static struct status read_numbers(const struct call *call, struct sqlite_tx *tx,
                                  const struct list *list, int64_t **ret_numbers, size_t *ret_count)
{
    const struct order_query *query = list->query;
    bool of_seller = *query->seller != '\0', of_state = query->state != ORDER_NONE;
    const char *who = of_seller ? query->seller : query->user_id;
    const char *statement = order_sqlite_list_statement(of_seller, of_state);
    size_t max = (size_t)query->limit + 1, count = 0;
    int64_t *found = arena_array(call->arena, int64_t, max);
    struct sqlite_rows rows;
    struct status st;

    st = of_state ? sqlite_query(tx, &rows, statement, "tlli", who, list->before, (int64_t)max,
                                 (int)query->state)
                  : sqlite_query(tx, &rows, statement, "tll", who, list->before, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && sqlite_next(&rows)) found[count++] = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    *ret_numbers = found;
    *ret_count = count;
    return rows.status;
}

static struct status read_order(struct sqlite_tx *tx, int64_t number, struct order *ret_order,
                                int64_t *ret_bytes)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, by_number, "l", number);

    if (failed(st)) return st;
    if (!sqlite_next(&rows)) return failed(rows.status) ? rows.status : order_not_found();
    st = order_row_read(&rows, ret_order);
    *ret_bytes = sqlite_column_i64(&rows, ORDER_COLUMN_COUNT);
    sqlite_end(&rows);
    return st;
}

/* Reads a page, which ends at its limit or when it has grown large. One number more than the limit
 * is read, to know whether there is a next page. */
static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct list *list = data;
    struct order_page page = {.count = 0};
    size_t limit = (size_t)list->query->limit, count;
    int64_t bytes = 0, *found;
    struct status st;

    st = read_numbers(call, tx, list, &found, &count);
    if (failed(st)) return st;
    page.orders = arena_array(call->arena, struct order, limit);
    while (page.count < count && page.count < limit && bytes <= ORDER_PAGE_BYTES_MAX) {
        int64_t size;
        st = read_order(tx, found[page.count], &page.orders[page.count], &size);
        if (failed(st)) return st;
        page.count++;
        bytes += size;
    }
    if (page.count < count)
        page.next = str_sized((const char *)&found[page.count - 1], sizeof(*found));
    list->page = page;
    return status_ok();
}

struct status order_sqlite_list(struct call *call, struct order_store *port,
                                const struct order_query *query, struct order_page *ret_page)
{
    struct list *list = arena_new(call->arena, struct list);
    struct status st;

    list->query = query;
    st = order_page_position(query->after, &list->before);
    if (failed(st)) return st;
    st = sqlite_scan(call, order_sqlite(port)->db, list_job, list);
    if (failed(st)) return st;
    *ret_page = list->page;
    return status_ok();
}

/* ---- the sweep ---- */

struct status order_sqlite_due(struct call *call, struct order_store *port, int64_t now_us,
                               size_t max, const char ***ret_order_ids, size_t *ret_count)
{
    const char **order_ids = arena_array(call->arena, const char *, max);
    struct sqlite_rows rows;
    size_t count = 0;
    struct status st;

    /* `deadline_us > 0` is the condition of the partial index, and `+` keeps SQLite from preferring
     * the one by state. */
    st = sqlite_read(call, order_sqlite(port)->db, &rows,
                     "SELECT order_id FROM orders WHERE deadline_us > 0 AND deadline_us <= ?"
                     " AND +state IN (1, 2) LIMIT ?",
                     "ll", now_us, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && sqlite_next(&rows)) order_ids[count++] = sqlite_column_text(&rows, 0);
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    *ret_order_ids = order_ids;
    *ret_count = count;
    return status_ok();
}

static struct status count_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    int64_t *counts = data;
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows,
                      "SELECT state, count(*) FROM orders WHERE state < 4 GROUP BY state", "");
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        int64_t state = sqlite_column_i64(&rows, 0);
        if (state > ORDER_NONE && state < ORDER_STATE_COUNT)
            counts[state] = sqlite_column_i64(&rows, 1);
    }
    return rows.status;
}

struct status order_sqlite_count(struct call *call, struct order_store *port,
                                 int64_t ret_counts[ORDER_STATE_COUNT])
{
    memset(ret_counts, 0, ORDER_STATE_COUNT * sizeof(*ret_counts));
    return sqlite_scan(call, order_sqlite(port)->db, count_job, ret_counts);
}
