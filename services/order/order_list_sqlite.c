/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, and what the sweep looks for. A page is read backwards along the numbers of a customer's
 * or a seller's orders; its position is the last number. */
#include "reasons.pb-c.h"
#include "services/order/order_store_sqlite.h"

/* ---- lists ---- */

#define IN_STATE " AND (?3 = 0 OR o.state = ?3) ORDER BY "

static const char by_user[] = "SELECT " ORDER_COLUMNS ", length(o.document) FROM orders o"
                              " WHERE o.user_id = ?1 AND o.number < ?2" IN_STATE
                              "o.number DESC LIMIT ?4";

static const char by_seller[] = "SELECT " ORDER_COLUMNS ", length(o.document) FROM order_sellers s"
                                " CROSS JOIN orders o ON o.number = s.number"
                                " WHERE s.seller = ?1 AND s.number < ?2" IN_STATE
                                "s.number DESC LIMIT ?4";

enum { LENGTH_COLUMN = 17 };

struct listing {
    const struct order_query *query;
    int64_t before;
    struct order_page page;
};

static struct status read_position(struct str position, int64_t *ret_before)
{
    *ret_before = INT64_MAX;
    if (position.length == 0) return status_ok();
    if (position.length != sizeof(*ret_before))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor is none of this list; begin again without one");
    memcpy(ret_before, position.data, sizeof(*ret_before));
    return status_ok();
}

/* A page ends at its limit, or when it has grown large; one row more says that there is a next. */
static struct status read_page(const struct call *call, struct sqlite_rows *rows,
                               struct listing *listing)
{
    struct order_page *page = &listing->page;
    size_t limit = (size_t)listing->query->limit;
    int64_t bytes = 0;
    bool more = false;
    struct status st = status_ok();

    page->orders = arena_array(call->arena, struct order, limit);
    while (!failed(st) && !more && sqlite_next(rows)) {
        more = page->count == limit || bytes > ORDER_PAGE_BYTES_MAX;
        if (more) break;
        st = order_row_read(rows, &page->orders[page->count]);
        if (!failed(st)) page->count++;
        bytes += sqlite_column_i64(rows, LENGTH_COLUMN);
    }
    sqlite_end(rows);
    if (failed(st) || failed(rows->status)) return failed(st) ? st : rows->status;
    if (more)
        page->next = str_sized(arena_memdup(call->arena, &page->orders[page->count - 1].number,
                                            sizeof(page->orders[0].number)),
                               sizeof(page->orders[0].number));
    return status_ok();
}

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct listing *listing = data;
    const struct order_query *query = listing->query;
    bool of_seller = *query->seller != '\0';
    struct sqlite_rows rows;
    struct status st;

    listing->page = (struct order_page){0};
    st = sqlite_query(tx, &rows, of_seller ? by_seller : by_user, "tlii",
                      of_seller ? query->seller : query->user_id, listing->before,
                      (int)query->state, query->limit + 1);
    if (failed(st)) return st;
    return read_page(call, &rows, listing);
}

struct status order_sqlite_list(struct call *call, struct order_store *port,
                                const struct order_query *query, struct order_page *ret_page)
{
    struct listing *listing = arena_new(call->arena, struct listing);
    struct status st;

    listing->query = query;
    st = read_position(query->after, &listing->before);
    if (failed(st)) return st;
    st = sqlite_scan(call, order_sqlite(port)->db, list_job, listing);
    if (failed(st)) return st;
    *ret_page = listing->page;
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

    /* `state < 4` is what the partial index says. */
    st = sqlite_read(call, order_sqlite(port)->db, &rows,
                     "SELECT order_id FROM orders WHERE state < 4 AND state IN (1, 2)"
                     " AND deadline_us <= ? LIMIT ?",
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
