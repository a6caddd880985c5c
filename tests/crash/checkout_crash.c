/* SPDX-License-Identifier: Apache-2.0 */
/* Kills the shop with SIGKILL again and again while people order, pay, cancel, fulfil and refund,
 * and checks that orders, stock and money are as acknowledged. The bank is a separate process that
 * is not killed, like a real one.
 *
 *     checkout_crash ARGOSY ROUNDS [SEED]
 *
 * Each round: load, kill after a random time, check every database, start again; then every POST of
 * an order is repeated with its key: an acknowledged one must return the same order, another one
 * makes at most one order. At the end all orders must become final within a minute, and all checks
 * must pass. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/checkout_books.h"
#include "tests/crash/shop_process.h"

enum {
    BUYERS = 6,
    PRODUCTS = 4,
    ORDERS_MAX = 100000, /* per buyer */
    REFUNDS_MAX = 100000,
    RECENT = 20, /* orders on which a buyer still acts */
    ROUND_MS_MIN = 20,
    ROUND_MS_MAX = 300,
    PAUSE_US = 4000, /* at most, between two requests of a buyer: throughput is not tested */
    END_S = 60,
    ID_SIZE = 40
};
/* Pieces of the first product, which runs out, and of the others. */
enum { SCARCE = 300, PLENTY = 1000000 };

/* An order as its buyer knows it. Body and key are kept for the repetition. */
struct placed {
    char order_id[ID_SIZE]; /* "" until it is acknowledged */
    char body[160];
    bool cancelled; /* acknowledged */
};

struct buyer {
    int number;
    unsigned random;
    pthread_t thread;
    struct http_peer peer;
    struct placed *orders;
    int order_count, looked_at; /* those before looked_at were repeated after an earlier kill */
};

/* An acknowledged refund. */
struct refund {
    char payment_id[ID_SIZE], refund_id[ID_SIZE];
};

static struct shop_process bank = {.name = "bank", .only = "bank", .listener = "bank"};
static struct shop_process shop = {
    .name = "shop", .only = "user,auth,product,cart,order,payment,gateway", .listener = "gateway"};
static char products[PRODUCTS][ID_SIZE];
static struct buyer buyers[BUYERS];
static struct http_peer seller;
static pthread_t selling;
static unsigned seller_random;
static struct refund *refunds;
static int refund_count;
static long fulfilled, seller_keys;
static unsigned seed;
static atomic_bool running;
static int failures;

static void fail(const char *what, const char *which, const char *found)
{
    printf("LOST: %s: %s: %.300s\n", what, which, found);
    failures++;
}

/* ---- what buyers do ---- */

static const char *some_product(struct buyer *buyer)
{
    return products[rand_r(&buyer->random) % PRODUCTS];
}

static const char *some_method(struct buyer *buyer)
{
    int n = rand_r(&buyer->random) % 20;

    if (n < 2) return "pm_card_chargeDeclined";
    if (n < 4) return "pm_card_authenticationRequired";
    if (n < 6) return "";
    return n < 7 ? "pm_test_timeout" : "pm_card_visa";
}

static void set_key(struct http_peer *peer, const char *what, int buyer, long number)
{
    snprintf(peer->key, sizeof(peer->key), "%s-%d-%ld", what, buyer, number);
}

/* The order is of the cart or names a product. */
static void compose(struct buyer *buyer, struct placed *placed)
{
    const char *method = some_method(buyer);
    char item[128];

    if (rand_r(&buyer->random) % 2) {
        snprintf(placed->body, sizeof(placed->body),
                 "{\"category\":\"crash\",\"product_id\":\"%s\",\"quantity\":%d,"
                 "\"payment_method\":\"%s\"}",
                 some_product(buyer), 1 + rand_r(&buyer->random) % 3, method);
        return;
    }
    snprintf(item, sizeof(item), "{\"category\":\"crash\",\"product_id\":\"%s\",\"quantity\":1}",
             some_product(buyer));
    buyer->peer.key[0] = 0;
    /* A cart with a product that is sold out cannot be ordered. */
    if (rand_r(&buyer->random) % 4 == 0)
        http_peer_call(&buyer->peer, "DELETE", "/cart/clear", "{}");
    http_peer_call(&buyer->peer, "POST", "/cart/add", item);
    snprintf(placed->body, sizeof(placed->body), "{\"payment_method\":\"%s\"}", method);
}

/* Posts an order, for the first time or again; returns the response's status. */
static int post_order(struct buyer *buyer, int index, char ret_id[ID_SIZE])
{
    set_key(&buyer->peer, "order", buyer->number, index);
    int status = http_peer_call(&buyer->peer, "POST", "/order", buyer->orders[index].body);
    if (status == 201 && !http_peer_member(&buyer->peer, "order_id", ret_id, ID_SIZE)) status = 0;
    return status;
}

static void place(struct buyer *buyer)
{
    struct placed *placed = &buyer->orders[buyer->order_count];

    if (buyer->order_count == ORDERS_MAX) return;
    compose(buyer, placed);
    if (!running) return;
    post_order(buyer, buyer->order_count, placed->order_id);
    buyer->order_count++;
}

static void cancel(struct buyer *buyer, int index)
{
    char path[128];

    snprintf(path, sizeof(path), "/orders/%s/cancel", buyer->orders[index].order_id);
    set_key(&buyer->peer, "cancel", buyer->number, index);
    if (http_peer_call(&buyer->peer, "POST", path, "{}") == 200)
        buyer->orders[index].cancelled = true;
}

/* Pays an order that waits for a method, or confirms a payment that waits for confirmation. */
static void pay(struct buyer *buyer, int index)
{
    const char *order_id = buyer->orders[index].order_id;
    char path[128], body[160], payment_id[ID_SIZE];

    buyer->peer.key[0] = 0;
    snprintf(path, sizeof(path), "/payments?order_id=%s", order_id);
    if (http_peer_call(&buyer->peer, "GET", path, "") != 200) return;
    if (strstr(buyer->peer.body, "\"requires_payment_method\"")) {
        snprintf(body, sizeof(body), "{\"order_id\":\"%s\",\"payment_method\":\"%s\"}", order_id,
                 rand_r(&buyer->random) % 4 ? "pm_card_visa" : "pm_card_chargeDeclined");
        set_key(&buyer->peer, "pay", buyer->number, index);
        http_peer_call(&buyer->peer, "POST", "/payments", body);
    } else if (strstr(buyer->peer.body, "\"requires_action\"") &&
               http_peer_member(&buyer->peer, "payment_id", payment_id, sizeof(payment_id))) {
        snprintf(path, sizeof(path), "/payments/%s/confirm", payment_id);
        set_key(&buyer->peer, "confirm", buyer->number, index);
        http_peer_call(&buyer->peer, "POST", path, "{}");
    }
}

static void *buy(void *data)
{
    struct buyer *buyer = data;

    while (running) {
        int n = rand_r(&buyer->random) % 10, recent = buyer->order_count - 1 - n % RECENT;
        if (n < 6 || recent < 0 || !buyer->orders[recent].order_id[0])
            place(buyer);
        else if (n < 7)
            cancel(buyer, recent);
        else
            pay(buyer, recent);
        usleep(rand_r(&buyer->random) % PAUSE_US);
    }
    return 0;
}

/* ---- what the seller does ---- */

/* Posts with a new key. */
static int seller_post(const char *path, const char *body)
{
    set_key(&seller, "seller", 0, seller_keys++);
    return http_peer_call(&seller, "POST", path, body);
}

static void give_back(const char *order_id)
{
    struct refund *refund = &refunds[refund_count];
    char path[128];

    seller.key[0] = 0;
    snprintf(path, sizeof(path), "/payments?order_id=%s", order_id);
    if (refund_count == REFUNDS_MAX || http_peer_call(&seller, "GET", path, "") != 200 ||
        !http_peer_member(&seller, "payment_id", refund->payment_id, ID_SIZE))
        return;
    snprintf(path, sizeof(path), "/payments/%s/refunds", refund->payment_id);
    int status = seller_post(path,
                             rand_r(&seller_random) % 2 ? "{}" : "{\"amount_minor\":\"300\"}");
    if (status / 100 == 2 &&
        http_peer_member(&seller, "refund_id", refund->refund_id, sizeof(refund->refund_id)))
        refund_count++;
}

static void *sell(void *data)
{
    char order_id[ID_SIZE], path[128];

    while (running) {
        bool gives_back = rand_r(&seller_random) % 3 == 0;
        snprintf(path, sizeof(path), "/orders?seller=seller@example.com&page_size=1&status=%s",
                 gives_back ? "FULFILLED" : "CONFIRMED");
        seller.key[0] = 0;
        if (http_peer_call(&seller, "GET", path, "") != 200 ||
            !http_peer_member(&seller, "order_id", order_id, sizeof(order_id)))
            continue;
        if (gives_back) {
            give_back(order_id);
            continue;
        }
        snprintf(path, sizeof(path), "/orders/%s/fulfil", order_id);
        fulfilled += seller_post(path, "{}") == 200;
    }
    return data;
}

/* ---- rounds ---- */

static void load_and_kill(int milliseconds)
{
    running = true;
    for (int i = 0; i < BUYERS; i++) {
        buyers[i].peer.port = shop.port;
        pthread_create(&buyers[i].thread, 0, buy, &buyers[i]);
    }
    seller.port = shop.port;
    pthread_create(&selling, 0, sell, 0);
    usleep((useconds_t)milliseconds * 1000);
    shop_kill(&shop);
    running = false;
    for (int i = 0; i < BUYERS; i++) pthread_join(buyers[i].thread, 0);
    pthread_join(selling, 0);
    for (int i = 0; i < BUYERS; i++) http_peer_close(&buyers[i].peer);
    http_peer_close(&seller);
}

/* Repeats a POST. An acknowledged one must return the same response; another one is decided now and
 * must then stay so. */
static void repeat(struct buyer *buyer, int index)
{
    struct placed *placed = &buyer->orders[index];
    char order_id[ID_SIZE] = "";

    buyer->peer.port = shop.port;
    int status = post_order(buyer, index, order_id);
    if (placed->order_id[0]) {
        if (status != 201 || strcmp(order_id, placed->order_id) != 0)
            fail("an acknowledged order", placed->order_id, buyer->peer.body);
        return;
    }
    /* An empty cart, or one that was ordered already with another method, is refused; after any
     * other status the key's outcome is unknown. */
    if (status == 400 || (status == 409 && strstr(buyer->peer.body, "CART_ORDERED"))) return;
    if (status != 201) {
        fail("an order whose answer was lost", placed->body, buyer->peer.body);
        return;
    }
    memcpy(placed->order_id, order_id, ID_SIZE);
    if (post_order(buyer, index, order_id) != 201 || strcmp(order_id, placed->order_id) != 0)
        fail("one key, one order", placed->order_id, buyer->peer.body);
}

static void repeat_orders(void)
{
    for (int i = 0; i < BUYERS; i++)
        for (; buyers[i].looked_at < buyers[i].order_count; buyers[i].looked_at++)
            repeat(&buyers[i], buyers[i].looked_at);
}

/* ---- the end ---- */

/* Without further requests all orders must become final. */
static void check_books(struct books *books)
{
    const long received = SCARCE + (PRODUCTS - 1) * (long)PLENTY;
    time_t end = time(0) + END_S;

    while (books_check(books, received, false) > 0 && time(0) < end) usleep(100000);
    failures += books_check(books, received, true);
}

/* Ordering an unchanged cart again returns the first order. */
static bool is_repeated(const struct buyer *buyer, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(buyer->orders[i].order_id, buyer->orders[index].order_id) == 0) return true;
    return false;
}

static long check_orders(struct books *books)
{
    long known = 0;

    for (int i = 0; i < BUYERS; i++) {
        for (int n = 0; n < buyers[i].order_count; n++) {
            const struct placed *placed = &buyers[i].orders[n];
            if (!placed->order_id[0]) continue;
            known += !is_repeated(&buyers[i], n);
            int state = books_state_of(books, placed->order_id);
            if (state == 0) fail("an acknowledged order", placed->order_id, "is not there");
            if (placed->cancelled && state != 6)
                fail("an acknowledged cancellation", placed->order_id, "is in another state");
        }
    }
    long found = books_order_count(books);
    if (found != known) {
        printf("LOST: %ld orders were acknowledged, %ld are there\n", known, found);
        failures++;
    }
    return known;
}

static void check_refunds(void)
{
    char path[128];

    seller.port = shop.port;
    seller.key[0] = 0;
    for (int i = 0; i < refund_count; i++) {
        snprintf(path, sizeof(path), "/payments/%s", refunds[i].payment_id);
        if (http_peer_call(&seller, "GET", path, "") != 200 ||
            !strstr(seller.body, refunds[i].refund_id))
            fail("an acknowledged refund", refunds[i].refund_id, seller.body);
    }
}

/* Runs the shop's own commands while it runs. */
static void check_by_command(void)
{
    char url[64];

    snprintf(url, sizeof(url), "grpc://127.0.0.1:%d", shop_port(&shop, "product"));
    setenv("PRODUCT_URL", url, 1);
    snprintf(url, sizeof(url), "grpc://127.0.0.1:%d", shop_port(&shop, "payment"));
    setenv("PAYMENT_URL", url, 1);
    failures += !shop_command("stock check");
    failures += !shop_command("payments reconcile");
}

static long check_end(void)
{
    struct books books;
    long known = 0;

    if (!books_open(&books, shop_directory())) {
        failures++;
        return 0;
    }
    check_books(&books);
    known = check_orders(&books);
    books_print(&books);
    books_close(&books);
    check_refunds();
    check_by_command();
    return known;
}

/* ---- setting up ---- */

static void make_products(void)
{
    char body[160];

    for (int i = 0; i < PRODUCTS; i++) {
        snprintf(body, sizeof(body),
                 "{\"name\":\"p%d\",\"category\":\"crash\",\"unit_amount\":\"%d\",\"currency\":"
                 "\"USD\",\"stock\":\"%d\"}",
                 i, BOOKS_PRICE_MINOR, i == 0 ? SCARCE : PLENTY);
        if (http_peer_call(&seller, "POST", "/products", body) != 201 ||
            !http_peer_member(&seller, "product_id", products[i], ID_SIZE))
            shop_give_up("cannot make a product");
    }
}

static void set_up(const char *program)
{
    char text[64];

    shop_init(program);
    /* Unpaid orders expire before the end of the test, some of them while the shop is down. */
    setenv("ORDER_PAYMENT_TIMEOUT", "3s", 1);
    setenv("ORDER_VALIDATION_TIMEOUT", "20s", 1);
    /* Buyers order faster than they pay, and must not be refused for that. */
    setenv("ORDER_UNPAID_MAX", "10000", 1);
    setenv("ORDER_UNPAID_LINES_MAX", "10000", 1);
    setenv("ORDER_UNPAID_PIECES_MAX", "1000000", 1);
    setenv("ORDER_ADDRESS_UNPAID_MAX", "10000", 1);
    setenv("ORDER_ADDRESS_UNPAID_LINES_MAX", "10000", 1);
    setenv("ORDER_ADDRESS_UNPAID_PIECES_MAX", "1000000", 1);
    shop_start(&bank);
    snprintf(text, sizeof(text), "grpc://127.0.0.1:%d", bank.port);
    setenv("BANK_URL", text, 1);
    shop_start(&shop);

    shop_sign_up(shop.port, "seller@example.com", "seller");
    shop_log_in(&seller, shop.port, "seller@example.com");
    seller_random = seed;
    make_products();
    refunds = calloc(REFUNDS_MAX, sizeof(*refunds));
    for (int i = 0; i < BUYERS; i++) {
        struct buyer *buyer = &buyers[i];
        buyer->number = i;
        buyer->random = seed + 1 + (unsigned)i;
        buyer->orders = calloc(ORDERS_MAX, sizeof(*buyer->orders));
        if (!buyer->orders || !refunds) shop_give_up("no memory");
        snprintf(text, sizeof(text), "buyer%d@example.com", i);
        shop_sign_up(shop.port, text, "customer");
        shop_log_in(&buyer->peer, shop.port, text);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: checkout_crash ARGOSY ROUNDS [SEED]\n");
        return 2;
    }
    int rounds = (int)strtol(argv[2], 0, 10);
    seed = argc > 3 ? (unsigned)strtoul(argv[3], 0, 10) : (unsigned)getpid();
    srandom(seed);
    set_up(argv[1]);
    printf("seed %u, data in %s\n", seed, shop_directory());

    for (int round = 1; round <= rounds && failures == 0; round++) {
        load_and_kill(ROUND_MS_MIN + (int)(random() % (ROUND_MS_MAX - ROUND_MS_MIN)));
        failures += shop_check_databases();
        shop_start(&shop);
        repeat_orders();
        if (isatty(1)) printf("\rround %d of %d", round, rounds);
        fflush(stdout);
    }
    long orders = check_end();
    printf("%ld orders, %ld fulfilments and %d refunds acknowledged over %d kills\n", orders,
           fulfilled, refund_count, rounds);
    shop_kill(&shop);
    shop_kill(&bank);
    failures += shop_check_databases();
    if (failures == 0) shop_remove();
    printf("%d passed, %d failed\n", failures == 0, failures);
    return failures != 0 || orders == 0;
}
