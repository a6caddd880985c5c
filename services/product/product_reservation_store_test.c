/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the port, continued: reservations. Each test runs against each adapter. */
#include "services/product/product_store_testing.h"

#include "base/clock.h"
#include "base/uuid.h"

/* ---- orders to begin with ---- */

enum { LATER_US = 1000 };

static struct product_reservation_line line_of(const struct product *product,
                                               const char *variant_id, int64_t quantity)
{
    return (struct product_reservation_line){
        .product_id = product->product_id,
        .category = product->category,
        .variant_id = variant_id,
        .quantity = quantity,
    };
}

static struct status apply_as(struct call *call, const char *event_id,
                              const struct product_order *order,
                              struct product_reservation_outcome *ret_outcome)
{
    struct event event = {.id = event_id,
                          .topic = "order-events",
                          .key = order->order_id,
                          .type = "",
                          .traceparent = "",
                          .attempt = 1};

    return store->apply_order(call, store, &event, order, ret_outcome);
}

static struct product_reservation_outcome
apply(struct call *call, enum product_reservation_event event, const char *order_id,
      const struct product_reservation_line *lines, size_t count)
{
    struct product_order order = {event, order_id, lines, count, LATER_US, 1};
    struct product_reservation_outcome outcome = {.state = RESERVATION_NONE};

    EXPECT_OK(apply_as(call, uuid_new(call->arena), &order, &outcome));
    return outcome;
}

/* The state that the event leads to, with one line of the product. */
static int after(struct call *call, enum product_reservation_event event, const char *order_id,
                 const struct product *product, int64_t quantity)
{
    struct product_reservation_line line = line_of(product, "", quantity);

    return (int)apply(call, event, order_id, &line, 1).state;
}

static struct product keep_stocked(struct call *call, const char *name, int64_t pieces)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, name, "one", 1);

    if (pieces >= 0) set_stock(request, pieces);
    return keep(call, request);
}

static struct status allow(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static struct status change_stock(struct call *call, const struct product *product,
                                  const struct product_stock_change *change)
{
    struct product_key key = key_of(product);
    struct product_check check = {allow, 0, "me"};
    struct product_adjustment adjustment = {"", change, &check, NULL};
    struct product now;

    return store->adjust_stock(call, store, &key, &adjustment, &now);
}

static struct status adjust(struct call *call, const struct product *product, int64_t delta)
{
    struct product_stock_change change = {STOCK_DELTA, delta, "", "", "me", 7};

    return change_stock(call, product, &change);
}

static struct status archive_it(const struct call *call, struct product *product, void *data)
{
    product->status = PRODUCT_ARCHIVED;
    product->version++;
    return status_ok();
}

static void expect_stock(struct call *call, const struct product *product, int64_t on_hand,
                         int64_t reserved, int64_t sold)
{
    struct product now = found(call, product);
    const struct product_stock *stock = &now.variants[0].stock;
    struct product_audit audit = {0};

    EXPECT_INT(stock->on_hand, on_hand);
    EXPECT_INT(stock->reserved, reserved);
    EXPECT_INT(stock->sold, sold);
    expect_ledger(call, product);
    EXPECT_OK(store->audit(call, store, "", 10, &audit));
    EXPECT_INT(audit.difference_count, 0);
}

/* The newest entry of the product's first variant. */
static void expect_entry(struct call *call, const struct product *product, const char *cause,
                         const char *reference)
{
    struct product_stock_page page = {0};

    EXPECT_OK(store->list_entries(call, store, product->product_id, "", 0, 1, &page));
    EXPECT(page.count == 1);
    EXPECT_STR(page.entries[0].cause, cause);
    EXPECT_STR(page.entries[0].reference, reference);
    EXPECT_STR(page.entries[0].created_by, "order");
}

/* ---- one order ---- */

static void check_life(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 10);

    EXPECT_INT(after(call, RESERVATION_RESERVE, "o1", &product, 3), RESERVATION_OPEN);
    expect_stock(call, &product, 10, 3, 0);
    expect_entry(call, &product, "reserved", "order:o1:reserved");
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_COMMITTED);
    expect_stock(call, &product, 7, 0, 3);
    expect_entry(call, &product, "sold", "order:o1:sold");
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 3), RESERVATION_RESTOCKED);
    expect_stock(call, &product, 10, 0, 0);
    expect_entry(call, &product, "restocked", "order:o1:restocked");

    EXPECT_INT(after(call, RESERVATION_RESERVE, "o2", &product, 10), RESERVATION_OPEN);
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o3", &product, 1), RESERVATION_REFUSED);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o2", &product, 10), RESERVATION_CANCELLED);
    expect_entry(call, &product, "released", "order:o2:released");
    expect_stock(call, &product, 10, 0, 0);
    EXPECT_INT(found(call, &product).version, 1);
}

TEST(an_order_reserves_commits_releases_and_restocks)
{
    on_every_store(1, check_life);
}

static void check_all_or_none(struct call *call, int number)
{
    struct product rich = keep_rich(call), mug = keep_stocked(call, "Mug", 10),
                   service = keep_stocked(call, "Engraving", -1);
    struct product draft = keep_stocked(call, "Draft", 5);
    struct product_key draft_key = key_of(&draft);
    struct product none = {.product_id = "none", .category = ""};
    struct product_reservation_line good[] = {
        line_of(&mug, "", 4), line_of(&rich, rich.variants[0].variant_id, 2),
        line_of(&mug, mug.variants[0].variant_id, 4), line_of(&service, "", 1000)};
    struct product_reservation_line bad[] = {
        line_of(&mug, "", 1),   line_of(&mug, mug.variants[0].variant_id, 2),
        line_of(&none, "", 1),  line_of(&rich, "", 1),
        line_of(&rich, "x", 1), line_of(&draft, "", 1)};
    static const int reasons[] = {
        ARGOSY__REASON__STOCK_INSUFFICIENT, ARGOSY__REASON__PRODUCT_NOT_FOUND,
        ARGOSY__REASON__VARIANT_NOT_FOUND, ARGOSY__REASON__VARIANT_NOT_FOUND,
        ARGOSY__REASON__PRODUCT_NOT_ACTIVE};
    struct product_reservation_outcome outcome;

    EXPECT_INT(apply(call, RESERVATION_RESERVE, "good", good, 4).state, RESERVATION_OPEN);
    expect_stock(call, &mug, 10, 8, 0);
    EXPECT_INT(found(call, &rich).variants[0].stock.reserved, 2);
    EXPECT_INT(found(call, &service).variants[0].stock.reserved, 0);

    struct product_change archive = {archive_it, 0, "me"};
    EXPECT_OK(store->update(call, store, &draft_key, &archive, &draft));
    outcome = apply(call, RESERVATION_RESERVE, "bad", bad, 6);
    EXPECT_INT(outcome.state, RESERVATION_REFUSED);
    EXPECT_INT(outcome.refused_count, 5);
    for (size_t i = 0; i < 5; i++) EXPECT_INT(outcome.refused[i].reason, reasons[i]);
    EXPECT_INT(outcome.refused[0].claim->line.quantity, 3);
    EXPECT_INT(product_stock_available(&outcome.refused[0].claim->stock), 2);
    expect_stock(call, &mug, 10, 8, 0);
    EXPECT_INT(apply(call, RESERVATION_RESERVE, "empty", 0, 0).state, RESERVATION_REFUSED);

    EXPECT_INT(apply(call, RESERVATION_COMMIT, "good", good, 4).state, RESERVATION_COMMITTED);
    expect_stock(call, &mug, 2, 0, 8);
    EXPECT_INT(apply(call, RESERVATION_CANCEL, "good", good, 4).state, RESERVATION_RESTOCKED);
    expect_stock(call, &mug, 10, 0, 0);
    EXPECT_INT(found(call, &rich).variants[0].stock.on_hand, 5);
}

TEST(all_lines_of_an_order_are_reserved_or_none)
{
    on_every_store(1, check_all_or_none);
}

enum { LINES = 150 }; /* more than one transaction of some engines has room for */

/* Of `scarce` there are fewer pieces than of the others. */
static void keep_many(struct call *call, struct product *products, size_t scarce)
{
    struct product_import *imports = arena_array(call->arena, struct product_import, LINES);

    for (size_t i = 0; i < LINES; i++) {
        ProductService__CreateProductRequest *request = create_request(call->arena, "P", "one", 1);
        set_stock(request, i == scarce ? 3 : 6);
        products[i] = draft_of(call->arena, request);
        products[i].handle = arena_printf(call->arena, "many-%zu", i);
        imports[i] = import_made(call->arena, &products[i]);
    }
    EXPECT_OK(store->import(call, store, imports, LINES));
}

static void expect_each(struct call *call, const struct product *products, int64_t reserved,
                        int64_t sold)
{
    for (size_t i = 0; i < LINES; i++) {
        struct product now = found(call, &products[i]);
        EXPECT_INT(now.variants[0].stock.reserved, reserved);
        EXPECT_INT(now.variants[0].stock.sold, sold);
    }
}

static void check_many_lines(struct call *call, int number)
{
    struct product *products = arena_array(call->arena, struct product, LINES);
    struct product_reservation_line lines[LINES];
    struct product_reservation_outcome outcome;

    keep_many(call, products, LINES - 1);
    for (size_t i = 0; i < LINES; i++) lines[i] = line_of(&products[i], "", 2);
    EXPECT_INT(apply(call, RESERVATION_RESERVE, "o1", lines, LINES).state, RESERVATION_OPEN);
    expect_each(call, products, 2, 0);
    outcome = apply(call, RESERVATION_RESERVE, "o2", lines, LINES);
    EXPECT_INT(outcome.state, RESERVATION_REFUSED);
    EXPECT_INT(outcome.refused_count, 1);
    expect_each(call, products, 2, 0);
    EXPECT_INT(apply(call, RESERVATION_COMMIT, "o1", lines, LINES).state, RESERVATION_COMMITTED);
    expect_each(call, products, 0, 2);
    EXPECT_INT(apply(call, RESERVATION_COMMIT, "o2", lines, LINES).state, RESERVATION_EXPIRED);
    expect_each(call, products, 0, 2);
    EXPECT_INT(apply(call, RESERVATION_CANCEL, "o1", lines, LINES).state, RESERVATION_RESTOCKED);
    expect_each(call, products, 0, 0);
    for (size_t i = 0; i < LINES; i += 50) expect_stock(call, &products[i], 6, 0, 0);
}

TEST(an_order_of_many_lines_is_reserved_whole_or_not_at_all)
{
    on_every_store(1, check_many_lines);
}

/* ---- doubled, late and out of order ---- */

static void check_doubled(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 10);
    struct product_reservation_line line = line_of(&product, "", 3);
    struct product_order order = {RESERVATION_RESERVE, "o1", &line, 1, LATER_US, 1};
    struct product_reservation_outcome outcome;

    for (int i = 0; i < 3; i++) {
        EXPECT_OK(apply_as(call, "event-1", &order, &outcome));
        EXPECT_INT(outcome.state, i == 0 ? RESERVATION_OPEN : RESERVATION_NONE);
    }
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o1", &product, 5), RESERVATION_NONE);
    expect_stock(call, &product, 10, 3, 0);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_COMMITTED);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_NONE);
    expect_stock(call, &product, 7, 0, 3);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 3), RESERVATION_RESTOCKED);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 3), RESERVATION_NONE);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_NONE);
    expect_stock(call, &product, 10, 0, 0);
}

TEST(an_event_that_comes_again_changes_nothing)
{
    on_every_store(1, check_doubled);
}

static void check_reordered(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 10);

    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 3), RESERVATION_CANCELLED);
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o1", &product, 3), RESERVATION_NONE);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_NONE);
    expect_stock(call, &product, 10, 0, 0);

    EXPECT_INT(after(call, RESERVATION_COMMIT, "o2", &product, 4), RESERVATION_COMMITTED);
    expect_entry(call, &product, "sold", "order:o2:sold");
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o2", &product, 4), RESERVATION_NONE);
    expect_stock(call, &product, 6, 0, 4);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o3", &product, 7), RESERVATION_EXPIRED);
    expect_stock(call, &product, 6, 0, 4);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o3", &product, 7), RESERVATION_CANCELLED);
    expect_stock(call, &product, 6, 0, 4);
}

TEST(a_late_creation_finds_what_came_before_it)
{
    on_every_store(1, check_reordered);
}

/* ---- expiry ---- */

static int expire(struct call *call, int64_t now_us, int limit)
{
    int count = -1;

    EXPECT_OK(store->expire_orders(call, store, now_us, limit, &count));
    return count;
}

static void check_expiry(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 10);
    int64_t open, first_us;

    EXPECT_OK(store->open_orders(call, store, &open, &first_us));
    EXPECT_INT(open, 0);
    EXPECT_INT(first_us, 0);
    for (int i = 0; i < 5; i++)
        EXPECT_INT(
            after(call, RESERVATION_RESERVE, arena_printf(call->arena, "o%d", i), &product, 2),
            RESERVATION_OPEN);
    EXPECT_OK(store->open_orders(call, store, &open, &first_us));
    EXPECT_INT(open, 5);
    EXPECT_INT(first_us, LATER_US);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o0", &product, 2), RESERVATION_COMMITTED);
    EXPECT_INT(expire(call, LATER_US - 1, 10), 0);
    EXPECT_INT(expire(call, LATER_US, 3), 3);
    EXPECT_INT(expire(call, LATER_US, 3), 1);
    EXPECT_INT(expire(call, LATER_US, 3), 0);
    expect_stock(call, &product, 8, 0, 2);
    expect_entry(call, &product, "expired", "order:o4:expired");

    /* Paid late: the pieces are taken if available, even of a product that is no longer for
     * sale. */
    struct product_change archive = {archive_it, 0, "me"};
    struct product_key key = key_of(&product);
    EXPECT_OK(store->update(call, store, &key, &archive, &product));
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 2), RESERVATION_COMMITTED);
    expect_stock(call, &product, 6, 0, 4);
    EXPECT_INT(adjust(call, &product, -5).code, STATUS_OK);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o2", &product, 2), RESERVATION_EXPIRED);
    expect_stock(call, &product, 1, 0, 4);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o2", &product, 2), RESERVATION_CANCELLED);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 2), RESERVATION_RESTOCKED);
    expect_stock(call, &product, 3, 0, 2);
}

TEST(pieces_that_are_not_confirmed_in_time_are_for_sale_again)
{
    on_every_store(1, check_expiry);
}

/* ---- products that change meanwhile ---- */

static struct status untrack(struct call *call, const struct product *product)
{
    struct product_stock_change change = {STOCK_UNTRACK, 0, "", "", "me", 7};

    return change_stock(call, product, &change);
}

static void check_tracking(struct call *call, int number)
{
    struct product loose = keep_stocked(call, "Loose", -1), tight = keep_stocked(call, "Tight", 5);

    /* Not counted when it was ordered: never counted. */
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o1", &loose, 3), RESERVATION_OPEN);
    EXPECT_OK(adjust(call, &loose, 10));
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &loose, 3), RESERVATION_COMMITTED);
    expect_stock(call, &loose, 10, 0, 0);
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &loose, 3), RESERVATION_RESTOCKED);
    expect_stock(call, &loose, 10, 0, 0);

    /* Counted: it stays so while it is reserved. */
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o2", &tight, 3), RESERVATION_OPEN);
    EXPECT_REASON(untrack(call, &tight), ARGOSY__REASON__STOCK_RESERVED);
    EXPECT_REASON(adjust(call, &tight, -3), ARGOSY__REASON__STOCK_INSUFFICIENT);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o2", &tight, 3), RESERVATION_COMMITTED);
    EXPECT_OK(untrack(call, &tight));
    expect_stock(call, &tight, 0, 0, 0);
    EXPECT_OK(adjust(call, &tight, 4));
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o2", &tight, 3), RESERVATION_RESTOCKED);
    expect_stock(call, &tight, 7, 0, 0);
    EXPECT_INT(found(call, &tight).variants[0].stock.received, 7);
}

TEST(a_variant_may_be_tracked_or_untracked_between)
{
    on_every_store(1, check_tracking);
}

static struct status move_to(const struct call *call, struct product *product, void *data)
{
    product->category = data;
    product->version++;
    return status_ok();
}

static struct status if_unreserved(const struct call *call, const struct product *product,
                                   void *data)
{
    return product_check_unreserved(call->arena, product);
}

static void check_moved_and_removed(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 10), moved, removed;
    struct product_key key = key_of(&product);
    struct product_change move = {move_to, (void *)(uintptr_t) "sale", "me"};
    struct product_check check = {if_unreserved, 0, "me"};
    struct product_audit audit = {0};

    EXPECT_INT(after(call, RESERVATION_RESERVE, "o1", &product, 3), RESERVATION_OPEN);
    EXPECT_OK(store->update(call, store, &key, &move, &moved));
    key = key_of(&moved);
    EXPECT_REASON(store->remove(call, store, &key, &check, &removed),
                  ARGOSY__REASON__STOCK_RESERVED);
    EXPECT_INT(after(call, RESERVATION_COMMIT, "o1", &product, 3), RESERVATION_COMMITTED);
    expect_stock(call, &moved, 7, 0, 3);
    EXPECT_OK(store->remove(call, store, &key, &check, &removed));
    EXPECT_OK(store->audit(call, store, "", 10, &audit));
    EXPECT_INT(audit.difference_count, 0); /* nothing says any more what was sold of it */

    /* The pieces can't be restocked; the order is cancelled all the same. */
    EXPECT_INT(after(call, RESERVATION_CANCEL, "o1", &product, 3), RESERVATION_RESTOCKED);
    EXPECT_INT(after(call, RESERVATION_RESERVE, "o2", &product, 1), RESERVATION_REFUSED);
    EXPECT_OK(store->audit(call, store, "", 10, &audit));
    EXPECT_INT(audit.difference_count, 0);
}

TEST(a_product_may_move_while_it_is_reserved_and_go_when_it_is_sold)
{
    on_every_store(1, check_moved_and_removed);
}

/* ---- races ---- */

static struct product raced;
static _Atomic int winners, losers;

static void race_to_reserve(struct call *call, struct stage *stage, int number)
{
    int state = after(call, RESERVATION_RESERVE, arena_printf(call->arena, "o%d", number), &raced,
                      1);

    if (state == RESERVATION_OPEN)
        winners++;
    else if (state == RESERVATION_REFUSED)
        losers++;
}

static void check_buyers(struct call *call, struct stage *stage)
{
    winners = losers = 0;
    raced = keep_stocked(call, "Raced", 100);
    stage_spread(call, stage, 500, race_to_reserve);
    EXPECT_INT(winners, 100);
    EXPECT_INT(losers, 400);
    expect_stock(call, &raced, 100, 100, 0);
}

TEST(five_hundred_who_reserve_of_a_hundred_get_a_hundred)
{
    for_each_adapter(check_buyers);
}

/* ---- random histories ---- */

enum { ORDERS = 10, HISTORY = 400 };

static uint64_t seed;

static uint64_t below(uint64_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % bound;
}

static void may_fail(struct status st)
{
    EXPECT(!failed(st) || st.code == STATUS_FAILED_PRECONDITION);
}

static void check_history(struct call *call, int number)
{
    struct product products[] = {keep_stocked(call, "A", 12), keep_stocked(call, "B", 12),
                                 keep_stocked(call, "C", -1)};
    struct product_audit audit = {0};

    for (int step = 0; step < HISTORY; step++) {
        struct product_reservation_line lines[] = {
            line_of(&products[below(3)], "", 1 + (int64_t)below(4)),
            line_of(&products[below(3)], "", 1 + (int64_t)below(4))};
        struct product *product = &products[below(3)];
        switch (below(12)) {
        case 0: may_fail(adjust(call, product, (int64_t)below(12) - 6)); break;
        case 1: may_fail(untrack(call, product)); break;
        case 2: expire(call, LATER_US, 1); break;
        default:
            apply(call, (enum product_reservation_event)below(RESERVATION_EXPIRE),
                  arena_printf(call->arena, "o%d", (int)below(ORDERS) + step / 40 * ORDERS), lines,
                  2);
        }
        EXPECT_OK(store->audit(call, store, "", 10, &audit));
        EXPECT_INT(audit.difference_count, 0);
    }
    EXPECT_INT(audit.variant_count, 3);
    for (size_t i = 0; i < 3; i++)
        EXPECT(product_stock_is_sound(&found(call, &products[i]).variants[0].stock));
}

TEST(the_stock_adds_up_after_every_step_of_any_history)
{
    seed = (uint64_t)clock_now_us();
    printf("  seed %llu\n", (unsigned long long)seed);
    on_every_store(1, check_history);
}

/* ---- what it tells ---- */

static const char *results(struct call *call)
{
    const char *told = "";
    struct event *events;
    size_t count = 0;
    int64_t next;

    EXPECT_OK(store->events.log->read(call, store->events.log, "order-results", 0, 100, &events,
                                      &count, &next));
    for (size_t i = 0; i < count; i++)
        told = arena_printf(call->arena, "%s%s %s\n", told, events[i].key, events[i].type);
    return told;
}

static void check_events(struct call *call, int number)
{
    struct product product = keep_stocked(call, "Mug", 2);

    after(call, RESERVATION_RESERVE, "o1", &product, 1);
    after(call, RESERVATION_RESERVE, "o1", &product, 1);
    after(call, RESERVATION_RESERVE, "o2", &product, 2);
    after(call, RESERVATION_COMMIT, "o1", &product, 1);
    after(call, RESERVATION_CANCEL, "o1", &product, 1);
    after(call, RESERVATION_RESERVE, "o3", &product, 2);
    expire(call, LATER_US, 10);
    EXPECT_STR(results(call), "o1 OrderValidationResultEvent\n"
                              "o2 OrderValidationResultEvent\n"
                              "o1 StockCommittedEvent\n"
                              "o3 OrderValidationResultEvent\n"
                              "o3 ReservationExpiredEvent\n");
}

TEST(the_outbox_has_the_events_that_the_order_waits_for_and_no_more)
{
    on_every_store(1, check_events);
}
