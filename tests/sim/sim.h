/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: a shop that crashes, a bank, the people who use them, and what they
 * remember.
 *
 *     sim_run(seed, &options, &outcome)       a whole run, from nothing to the last check
 *
 * The shop has several lives; between two of them it has crashed, together with its disk. The
 * people survive all of that: the responses that they got, and the requests that they still wait
 * for, are kept here in plain memory, and the shop is checked against them (sim_check_*.c).
 *
 *     sim_world.c       lives, crashes, and what goes wrong
 *     sim_call.c        one call of a person to a service, and what its answer means
 *     sim_customer.c    carts, orders, payments
 *     sim_seller.c      deliveries, captures, refunds, stock
 *     sim_check_*.c     the invariants of the shop
 *     sim_main.c        runs many seeds in parallel, and repeats single ones */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "fiber/call.h"
#include "rpc/channel.h"
#include "tests/sim/sim_disk.h"

enum {
    SIM_CUSTOMERS_MAX = 40,
    SIM_SELLERS = 2,
    SIM_PRODUCTS = 6,
    SIM_ORDERS_MAX = 1024,
    SIM_LINES_MAX = SIM_PRODUCTS,
    SIM_MAYBE_MAX = 24,
    SIM_MONEY_MAX = 64,
    SIM_ID_SIZE = 64,
};

#define SIM_SECOND_US INT64_C(1000000)
#define SIM_MINUTE_US (60 * SIM_SECOND_US)
#define SIM_HOUR_US (60 * SIM_MINUTE_US)

/* ---- the plan of a run; all of it follows from the seed ---- */

struct sim_plan {
    int customers;
    int turns;           /* of each customer */
    int lives;           /* that end with a crash, before the last one */
    int64_t think_us;    /* at most, between two turns */
    int64_t life_us;     /* at most, until a crash */
    int64_t stock;       /* of each product, at first */
    bool captures_early; /* ORDER_CAPTURE=confirm */
    bool disk_fails;     /* now and then, for some writes */
    bool bank_crashes;   /* sometimes together with the shop */
    /* One in this many; 0: never. */
    unsigned call_lost, answer_lost, call_slow, bank_lost, bank_answer_lost;
    unsigned event_lost, event_doubled, event_late;
    unsigned commit_unheard; /* a commit whose answer is lost */
    int64_t event_late_us;   /* at most */
    int64_t bank_outage_us;  /* how long the bank is unreachable, now and then */
    int payment_timeout_s;   /* the shop's settings */
    int reservation_grace_s;
};

/* ---- what people remember ---- */

struct sim_product {
    char product_id[SIM_ID_SIZE], variant_id[SIM_ID_SIZE];
    const char *category;
    int seller;
};

struct sim_line {
    int product;
    int quantity;
};

enum sim_action {
    SIM_NOTHING,
    SIM_ADD_TO_CART,
    SIM_SET_IN_CART,
    SIM_ORDER,
    SIM_REPEAT_ORDER, /* the same request with the same key, once it has been answered */
    SIM_MISUSE_KEY,   /* another request with a key that was answered */
    SIM_LOOK,
    SIM_PAY,
    SIM_CONFIRM,
    SIM_CANCEL,
    SIM_FULFIL,
    SIM_CAPTURE,
    SIM_REFUND,
    SIM_ADJUST_STOCK,
    SIM_CHANGE_PRICE,
};

/* What a person is doing: repeated with the same key until the answer is definite. */
struct sim_todo {
    enum sim_action action;
    char key[40];
    int order; /* among the orders */
    struct sim_line lines[SIM_LINES_MAX];
    int line_count;
    bool from_cart;
    const char *method; /* of payment; "" */
    char payment_id[SIM_ID_SIZE];
    int64_t amount; /* 0: all */
};

/* A refund that was acknowledged. */
struct sim_refund {
    char refund_id[SIM_ID_SIZE];
    int64_t amount;
};

struct sim_order {
    char order_id[SIM_ID_SIZE];
    int customer;
    int seller;              /* of all its lines; -1: of several */
    struct sim_todo request; /* that made it */
    int64_t total;
    char state[16]; /* last seen */
    /* Acknowledged: */
    bool cancelled, fulfilled;
    struct sim_refund refunds[SIM_MONEY_MAX];
    int refund_count;
    /* Of the last check: */
    bool was_confirmed, was_fulfilled;
    struct sim_line lines[SIM_LINES_MAX];
    int line_count;
};

/* A change of the cart that may have happened. */
struct sim_maybe {
    int product, quantity;
};

struct sim_customer {
    struct sim *sim;
    int number;
    char email[40];
    int turns_left;
    struct sim_todo todo;
    int tries;
    int in_cart[SIM_PRODUCTS]; /* by acknowledged changes */
    struct sim_maybe maybe[SIM_MAYBE_MAX];
    int maybe_count;
    int cart_order; /* the last order from the cart, or being made; -1: none */
    bool cart_order_made;
};

struct sim_seller {
    struct sim *sim;
    int number;
    char email[40];
    struct sim_todo todo;
    int tries;
};

/* ---- the world ---- */

struct sim {
    uint64_t seed, random;
    bool trace;
    struct sim_plan plan;
    struct sim_disk *shop_disk, *bank_disk;
    struct shop *shop; /* NULL between two lives */
    struct shards *shards;
    int life;
    bool crashed; /* this life has ended: no answer arrives any more */
    bool calm;    /* nothing goes wrong any more */
    bool closing; /* nobody begins anything new */
    int64_t bank_back_us;
    struct rpc_channel *products, *carts, *orders_at, *payments, *bank;

    struct sim_product catalogue[SIM_PRODUCTS];
    struct sim_customer customers[SIM_CUSTOMERS_MAX];
    struct sim_seller sellers[SIM_SELLERS];
    struct sim_order orders[SIM_ORDERS_MAX];
    int order_count;

    uint64_t hash; /* of everything that was noted */
    uint64_t notes;
    int failures;
    uint64_t acknowledged; /* answers that were definite */
};

struct sim_outcome {
    uint64_t hash;
    int failures;
    int orders, lives;
    uint64_t notes;
};

struct sim_options {
    bool trace;   /* every note goes to stderr */
    bool is_long; /* more customers, more turns, more crashes */
};

void sim_run(uint64_t seed, const struct sim_options *options, struct sim_outcome *ret_outcome);

/* ---- for all of the world ---- */

/* A random number below `bound`, from the run's own stream. */
uint64_t sim_draw(struct sim *sim, uint64_t bound);
/* True once in `one_in` times; never for 0. */
bool sim_chance(struct sim *sim, unsigned one_in);

/* Adds a line to the run's hash, and prints it when the run is traced. */
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reports a broken promise; the run has failed. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is this life over? People then wait for the next one. */
bool sim_is_over(const struct sim *sim, const struct call *call);

/* A new idempotency key. */
void sim_make_key(struct sim *sim, char ret_key[40]);

#define SIM_TEXT(literal) ((char *)(uintptr_t)(literal))

/* ---- one call (sim_call.c) ---- */

enum sim_answer {
    SIM_UNKNOWN, /* unknown whether it happened; to be repeated */
    SIM_YES,
    SIM_NO, /* refused: it did not and will not happen */
};

struct sim_call {
    struct call call;
    struct arena arena;
    struct user user;
    struct http_headers metadata;
    struct rpc_options options;
};

/* `key` NULL: none. */
void sim_call_begin(struct sim_call *ret_call, struct call *parent, const char *email,
                    const char *role, const char *key);
/* Interprets the answer, whose memory is freed. */
enum sim_answer sim_call_end(struct sim *sim, struct sim_call *call, const char *what,
                             struct status st);

/* As the shop's operator. */
void sim_call_as_operator(struct sim_call *ret_call, struct call *parent);
/* In the last checks every call must succeed. */
bool sim_call_must(struct sim *sim, struct sim_call *call, const char *what, struct status st);

/* ---- people ---- */

void sim_customer_live(struct call *call, void *customer);
void sim_seller_live(struct call *call, void *seller);

/* Makes the products, as their sellers, while there are no faults. */
void sim_seller_open_shop(struct call *call, struct sim *sim);

/* Compares a state that is seen with the one that was seen before, and remembers it. */
void sim_order_seen(struct sim *sim, struct sim_order *order, const char *state);
/* Does the table of states allow this step? */
bool sim_state_leads(const char *from, const char *to);

/* ---- checks ---- */

/* Checks the stock, whose invariants hold at any moment. */
void sim_check_stock_now(struct call *call, struct sim *sim);

/* At the end, in this order: each fills in what the next ones compare. */
void sim_check_orders(struct call *call, struct sim *sim);
void sim_check_stock(struct call *call, struct sim *sim);
void sim_check_carts(struct call *call, struct sim *sim);
void sim_check_money(struct call *call, struct sim *sim);
/* After the shop has ended: reads the files. */
void sim_check_events(struct sim *sim);

#endif
