/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of the shop, the faults in them, and a run from its beginning to its end. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/shop.h"
#include "base/clock.h"
#include "base/hash.h"
#include "events/events.h"
#include "fiber/fiber.h"
#include "fiber/simulation.h"
#include "store/sqlite/sqlite_fate.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_vfs.h"

/* Longer than the latest event is late, and than what is tried again pauses. */
#define QUIET_US (45 * SIM_MINUTE_US)
/* Keys are known for a day, so business takes less. */
#define BUSINESS_MAX_US (10 * SIM_HOUR_US)

/* ---- chance, and what is noted of it ---- */

uint64_t sim_draw(struct sim *sim, uint64_t bound)
{
    uint64_t z = sim->random += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % bound;
}

bool sim_chance(struct sim *sim, unsigned one_in)
{
    return one_in > 0 && sim_draw(sim, one_in) == 0;
}

void sim_make_key(struct sim *sim, char ret_key[40])
{
    snprintf(ret_key, 40, "key-%016" PRIx64, sim_draw(sim, UINT64_MAX));
}

static void note_line(struct sim *sim, const char *line)
{
    sim->hash = hash_text(sim->hash, line);
    sim->notes++;
    if (sim->trace) fprintf(stderr, "%s\n", line);
}

void sim_note(struct sim *sim, const char *format, ...)
{
    char line[512];
    va_list values;
    int length = snprintf(line, sizeof(line), "%d %12.6f ", sim->life,
                          (double)clock_monotonic_us() / 1e6);

    va_start(values, format);
    vsnprintf(line + length, sizeof(line) - (size_t)length, format, values);
    va_end(values);
    note_line(sim, line);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    char line[512];
    va_list values;
    int length = snprintf(line, sizeof(line), "seed %" PRIu64 ", life %d, at %.6f s: ", sim->seed,
                          sim->life, (double)clock_monotonic_us() / 1e6);

    va_start(values, format);
    vsnprintf(line + length, sizeof(line) - (size_t)length, format, values);
    va_end(values);
    note_line(sim, line);
    if (!sim->trace) fprintf(stderr, "%s\n", line);
    sim->failures++;
}

bool sim_is_over(const struct sim *sim, const struct call *call)
{
    return sim->crashed || call_is_cancelled(call);
}

/* ---- the plan ---- */

static unsigned rate(struct sim *sim, unsigned one_in)
{
    return sim_chance(sim, 3) ? 0 : one_in + (unsigned)sim_draw(sim, 3 * one_in);
}

static void make_plan(struct sim *sim)
{
    static const int64_t thinks_us[] = {20000, 300000, 5000000, 60000000};
    static const int timeouts_s[] = {15 * 60, 2 * 60, 20};
    static const int graces_s[] = {60 * 60, 5 * 60, 10};
    struct sim_plan *plan = &sim->plan;

    plan->think_us = thinks_us[sim_draw(sim, 4)];
    plan->customers = 8 + (int)sim_draw(sim, SIM_CUSTOMERS_MAX - 8);
    plan->turns = 4 + (int)sim_draw(sim, 12);
    plan->lives = (int)sim_draw(sim, 6);
    plan->life_us = plan->think_us * 8;
    plan->stock = 5 + (int64_t)sim_draw(sim, 60);
    plan->captures_early = sim_chance(sim, 2);
    plan->disk_fails = sim_chance(sim, 6);
    plan->bank_crashes = sim_chance(sim, 3);
    plan->call_lost = rate(sim, 20);
    plan->answer_lost = rate(sim, 20);
    plan->call_slow = rate(sim, 10);
    plan->bank_lost = rate(sim, 10);
    plan->bank_answer_lost = rate(sim, 8);
    plan->bank_outage_us = sim_chance(sim, 4) ? (int64_t)sim_draw(sim, 60) * SIM_SECOND_US : 0;
    plan->event_lost = rate(sim, 12);
    plan->event_doubled = rate(sim, 8);
    plan->event_late = rate(sim, 10);
    plan->commit_unheard = rate(sim, 20);
    plan->event_late_us = sim_chance(sim, 3) ? 10 * SIM_MINUTE_US : SIM_SECOND_US;
    if (sim_chance(sim, 4)) {
        /* What an order waits for comes when nobody waits for it any more. */
        plan->event_late = 3;
        plan->event_late_us = 30 * SIM_MINUTE_US;
    }
    plan->payment_timeout_s = timeouts_s[sim_draw(sim, 3)];
    plan->reservation_grace_s = graces_s[sim_draw(sim, 3)];
}

static void lengthen(struct sim_plan *plan)
{
    plan->customers = SIM_CUSTOMERS_MAX;
    plan->turns *= 3;
    plan->lives = plan->lives * 3 + 3;
    plan->stock *= 4;
}

/* ---- what goes wrong on the way ---- */

static struct rpc_fate lose_call(const struct call *call, struct str path, void *data)
{
    struct sim *sim = data;
    const struct sim_plan *plan = &sim->plan;
    struct rpc_fate fate = {0};

    fate.lost = sim->crashed; /* nothing leaves the house any more */
    if (sim->calm || sim->crashed) return fate;
    fate.delay_us = (int64_t)sim_draw(sim, 500);
    fate.answer_delay_us = (int64_t)sim_draw(sim, 500);
    fate.lost = sim_chance(sim, plan->call_lost);
    fate.answer_lost = sim_chance(sim, plan->answer_lost);
    if (sim_chance(sim, plan->call_slow)) fate.delay_us = (int64_t)sim_draw(sim, 2000000);
    if (sim_chance(sim, plan->call_slow)) fate.answer_delay_us = (int64_t)sim_draw(sim, 40000000);
    return fate;
}

static struct rpc_fate lose_bank_call(const struct call *call, struct str path, void *data)
{
    struct sim *sim = data;
    const struct sim_plan *plan = &sim->plan;
    struct rpc_fate fate = {0};
    int64_t now_us = clock_monotonic_us();

    fate.lost = sim->crashed;
    if (sim->calm || sim->crashed) return fate;
    if (plan->bank_outage_us > 0 && sim_chance(sim, 30))
        sim->bank_back_us = now_us + plan->bank_outage_us;
    fate.delay_us = (int64_t)sim_draw(sim, 3000);
    fate.answer_delay_us = (int64_t)sim_draw(sim, 3000);
    fate.lost = sim_chance(sim, plan->bank_lost) || now_us < sim->bank_back_us;
    fate.answer_lost = sim_chance(sim, plan->bank_answer_lost);
    if (sim_chance(sim, 12)) fate.answer_delay_us = (int64_t)sim_draw(sim, 45000000);
    sim_note(sim, "bank %.*s%s%s", STR_ARGS(path), fate.lost ? " lost" : "",
             fate.answer_lost ? " answer lost" : "");
    return fate;
}

static struct event_fate mislay_event(const struct event *event, const char *group, void *data)
{
    struct sim *sim = data;
    const struct sim_plan *plan = &sim->plan;
    struct event_fate fate = {0};

    if (!sim->calm) {
        fate.lost = sim_chance(sim, plan->event_lost);
        fate.doubled = sim_chance(sim, plan->event_doubled);
        if (sim_chance(sim, plan->event_late))
            fate.delay_us = (int64_t)sim_draw(sim, (uint64_t)plan->event_late_us);
    }
    sim_note(sim, "%s takes %s of %s%s%s", group, event->type, event->key, fate.lost ? " lost" : "",
             fate.doubled ? " doubled" : "");
    return fate;
}

/* The write has taken effect, and whoever waits for it does not learn that. */
static bool lose_commit(const char *path, void *data)
{
    struct sim *sim = data;

    if (sim->calm || sim->crashed || !sim_chance(sim, sim->plan.commit_unheard)) return false;
    sim_note(sim, "commit of %s unheard", path);
    return true;
}

/* ---- a life ---- */

static void on_disk_crash(void *data)
{
    struct sim *sim = data;

    sim_note(sim, "crash at a write");
    sim->crashed = true;
    if (sim->shards) shards_stop(sim->shards);
}

static void crash(struct sim *sim)
{
    if (sim->crashed) return;
    sim_note(sim, "crash");
    sim->crashed = true;
    sim_disk_freeze(sim->shop_disk);
}

static void set(struct config *config, struct arena *arena, const char *name, const char *value)
{
    const char *error;

    invariant(config_set(config, arena_printf(arena, "%s=%s", name, value), &error));
}

static struct config *make_config(struct sim *sim, struct arena *arena)
{
    static const char *const stores[] = {"product", "cart", "order", "payment"};
    struct config *config = config_new();
    const char *errors;

    shop_declare_settings(config);
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        char *name = arena_printf(arena, "%s_STORE", stores[i]);
        for (char *c = name; *c; c++)
            if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
        set(config, arena, name, arena_printf(arena, "sqlite:shop/%s.db", stores[i]));
    }
    set(config, arena, "BANK_STORE", "sqlite:bank/bank.db");
    set(config, arena, "ARGOSY_DATA_DIR", "."); /* is there, and nothing is written to it */
    set(config, arena, "FLEET_KEY",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    set(config, arena, "PAYMENT_PROVIDER", "test");
    set(config, arena, "ORDER_CAPTURE", sim->plan.captures_early ? "confirm" : "fulfil");
    set(config, arena, "ORDER_PAYMENT_TIMEOUT",
        arena_printf(arena, "%ds", sim->plan.payment_timeout_s));
    set(config, arena, "PRODUCT_RESERVATION_GRACE",
        arena_printf(arena, "%ds", sim->plan.reservation_grace_s));
    if (!config_check(config, &errors)) {
        fprintf(stderr, "%s\n", errors);
        abort();
    }
    return config;
}

static void find_services(struct sim *sim)
{
    const struct service_context *context = shop_context(sim->shop);

    sim->products = context->channel(context, "product");
    sim->carts = context->channel(context, "cart");
    sim->orders_at = context->channel(context, "order");
    sim->payments = context->channel(context, "payment");
    sim->bank = context->channel(context, "bank");
    rpc_channel_set_fate(sim->products, lose_call, sim);
    rpc_channel_set_fate(sim->carts, lose_call, sim);
    rpc_channel_set_fate(sim->orders_at, lose_call, sim);
    rpc_channel_set_fate(sim->payments, lose_call, sim);
    rpc_channel_set_fate(sim->bank, lose_bank_call, sim);
    events_set_fate(context->events, mislay_event, sim);
}

typedef void life_fn(struct call *call, struct sim *sim);

struct life {
    struct sim *sim;
    life_fn *fn;
};

static struct status run_life(struct call *call, struct shop *shop, void *data)
{
    struct life *life = data;

    life->sim->shards = call->shard->shards;
    life->fn(call, life->sim);
    return status_ok();
}

/* The shop from its start to its end, or its crash: then what its disk has not kept is lost. False
 * if it has crashed while it started. */
static bool live(struct sim *sim, life_fn *fn)
{
    struct shop_options options = {.only = "product,cart,order,payment,bank", .shards = 1};
    struct life life = {sim, fn};
    struct arena arena;
    struct config *config;

    sim->life++;
    arena_init(&arena, 0);
    config = make_config(sim, &arena);
    struct status st = shop_new(&arena, config, &options, &sim->shop);
    sim_note(sim, "start: %s", status_code_name(st.code));
    if (failed(st) && !sim->crashed && !sim->plan.disk_fails)
        sim_fail(sim, "the shop does not start: %s", st.message);
    if (!failed(st)) {
        find_services(sim);
        shop_start_work(sim->shop);
        (void)shop_call(sim->shop, run_life, &life);
        shop_free(sim->shop);
    }
    sim->shop = NULL;
    sim->shards = NULL;
    config_free(config);
    arena_release(&arena);
    return !failed(st);
}

/* While nobody is there time goes on: for a moment, or for longer than anything waits. */
static void stay_away(struct sim *sim)
{
    int64_t away_us = (int64_t)sim_draw(sim, sim_chance(sim, 4) ? 2 * SIM_HOUR_US : SIM_SECOND_US);

    if (clock_monotonic_us() < BUSINESS_MAX_US)
        simulation_pass_until(clock_monotonic_us() + away_us);
}

static void recover(struct sim *sim)
{
    if (sim->crashed) {
        sim_disk_freeze(sim->shop_disk);
        sim_disk_recover(sim->shop_disk);
        if (sim_disk_is_frozen(sim->bank_disk)) sim_disk_recover(sim->bank_disk);
    }
    sim_disk_crash_after(sim->shop_disk, 0, NULL, NULL);
    sim_disk_fail_after(sim->shop_disk, 0, 0, SIM_DISK_OK);
    sim->crashed = false;
    stay_away(sim);
}

/* ---- what happens in a life ---- */

static void start_people(struct call *call, struct sim *sim, struct fiber_group *group)
{
    for (int i = 0; i < sim->plan.customers; i++)
        if (failed(fiber_group_start(call, group, sim_customer_live, &sim->customers[i]))) abort();
    for (int i = 0; i < SIM_SELLERS; i++)
        if (failed(fiber_group_start(call, group, sim_seller_live, &sim->sellers[i]))) abort();
}

static bool customers_are_done(const struct sim *sim)
{
    for (int i = 0; i < sim->plan.customers; i++)
        if (sim->customers[i].turns_left > 0 || sim->customers[i].todo.action) return false;
    return true;
}

static void open_shop(struct call *call, struct sim *sim)
{
    sim_seller_open_shop(call, sim);
}

/* What has to hold at any moment, right after a crash too. */
static void look_around(struct call *call, struct sim *sim)
{
    sim->calm = true;
    sim_check_stock_now(call, sim);
    sim->calm = false;
}

/* Business until the crash. */
static void do_business(struct call *call, struct sim *sim)
{
    struct fiber_group group = {0};
    int64_t end_us = clock_monotonic_us() + 1 + (int64_t)sim_draw(sim, (uint64_t)sim->plan.life_us);

    look_around(call, sim);
    start_people(call, sim, &group);
    while (!sim_is_over(sim, call) && clock_monotonic_us() < end_us) {
        int64_t left_us = end_us - clock_monotonic_us();
        if (failed(fiber_sleep(call, left_us < SIM_SECOND_US ? left_us : SIM_SECOND_US))) break;
    }
    crash(sim);
    if (sim->plan.bank_crashes && sim_chance(sim, 2)) sim_disk_freeze(sim->bank_disk);
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
}

static void expect_answers(struct sim *sim)
{
    for (int i = 0; i < sim->plan.customers; i++)
        if (sim->customers[i].todo.action)
            sim_fail(sim, "%s waits for an answer to action %d in vain", sim->customers[i].email,
                     (int)sim->customers[i].todo.action);
    for (int i = 0; i < SIM_SELLERS; i++)
        if (sim->sellers[i].todo.action)
            sim_fail(sim, "%s waits for an answer to action %d in vain", sim->sellers[i].email,
                     (int)sim->sellers[i].todo.action);
}

/* Until nobody waits any more, or for so long. */
static void let_end(struct call *call, const struct sim *sim, const struct fiber_group *group,
                    int64_t patience_us)
{
    int64_t end_us = clock_monotonic_us() + patience_us;

    while (group->running > 0 && clock_monotonic_us() < end_us) {
        if (!sim->closing && customers_are_done(sim)) return;
        if (failed(fiber_sleep(call, SIM_SECOND_US))) return;
    }
}

/* The last life: business comes to its end, then nothing goes wrong any more and everything that
 * waits for a time gets it. */
static void close_business(struct call *call, struct sim *sim)
{
    struct fiber_group group = {0};

    start_people(call, sim, &group);
    let_end(call, sim, &group, 2 * SIM_HOUR_US);
    sim->calm = sim->closing = true;
    let_end(call, sim, &group, SIM_HOUR_US);
    expect_answers(sim);
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    int64_t waits_s = sim->plan.payment_timeout_s + sim->plan.reservation_grace_s;
    if (failed(fiber_sleep(call, waits_s * SIM_SECOND_US + QUIET_US))) return;
    sim_check_orders(call, sim);
    sim_check_stock(call, sim);
    sim_check_carts(call, sim);
    sim_check_money(call, sim);
}

/* A crash at a write of the start or of the business, or at some moment of the business. */
static void live_and_crash(struct sim *sim)
{
    if (sim_chance(sim, 2))
        sim_disk_crash_after(sim->shop_disk, 1 + sim_draw(sim, sim_chance(sim, 4) ? 40 : 2000),
                             on_disk_crash, sim);
    if (sim->plan.disk_fails)
        sim_disk_fail_after(sim->shop_disk, 50 + sim_draw(sim, 1500), 1 + sim_draw(sim, 4),
                            sim_chance(sim, 2) ? SIM_DISK_FULL : SIM_DISK_BROKEN);
    live(sim, do_business);
    if (!sim->crashed) crash(sim);
    recover(sim);
}

/* ---- a run ---- */

static struct sim *world_new(uint64_t seed, const struct sim_options *options)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    invariant(sim);
    sim->seed = seed;
    sim->random = seed * 2654435761u + 1;
    sim->trace = options->trace;
    sim->hash = HASH_START;
    make_plan(sim);
    if (options->is_long) lengthen(&sim->plan);
    sim->shop_disk = sim_disk_new("shop", seed + 1);
    sim->bank_disk = sim_disk_new("bank", seed + 2);
    for (int i = 0; i < sim->plan.customers; i++) {
        struct sim_customer *customer = &sim->customers[i];
        customer->sim = sim;
        customer->number = i;
        customer->turns_left = sim->plan.turns;
        customer->cart_order = -1;
        snprintf(customer->email, sizeof(customer->email), "customer%d@example.com", i);
    }
    for (int i = 0; i < SIM_SELLERS; i++) {
        sim->sellers[i].sim = sim;
        sim->sellers[i].number = i;
        snprintf(sim->sellers[i].email, sizeof(sim->sellers[i].email), "seller%d@example.com", i);
    }
    return sim;
}

void sim_run(uint64_t seed, const struct sim_options *options, struct sim_outcome *ret_outcome)
{
    struct sim *sim;

    simulation_begin(seed);
    sim_vfs_begin();
    sim = world_new(seed, options);
    sqlite_set_fate(lose_commit, sim);
    sim_vfs_mount(sim->shop_disk);
    sim_vfs_mount(sim->bank_disk);

    sim->calm = true;
    live(sim, open_shop);
    sim->calm = false;
    for (int i = 0; i < sim->plan.lives; i++) live_and_crash(sim);
    sim->plan.disk_fails = false; /* from here on every INTERNAL is a mistake */
    live(sim, close_business);
    sim_check_events(sim);

    sqlite_set_fate(NULL, NULL);
    *ret_outcome = (struct sim_outcome){
        .hash = sim->hash,
        .failures = sim->failures,
        .orders = sim->order_count,
        .lives = sim->life,
        .notes = sim->notes,
    };
    sim_disk_free(sim->shop_disk);
    sim_disk_free(sim->bank_disk);
    sim_vfs_end();
    simulation_end();
    free(sim);
}
