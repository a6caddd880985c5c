/* SPDX-License-Identifier: Apache-2.0 */
/* Kills the shop with SIGKILL again and again, at random moments under load, and checks that
 * nothing that it acknowledged is missing afterwards.
 *
 *     crash ARGOSY ROUNDS [SEED]
 *
 * Each round: start, let buyers add to their carts and a seller make products, kill after a random
 * time, open every database and check it, start again, compare. A request without a response may or
 * may not have taken effect; one with a response must have. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/crash/shop_process.h"

enum { BUYERS = 8, PRODUCTS_MAX = 200000, ROUND_MS_MIN = 20, ROUND_MS_MAX = 300 };

struct buyer {
    int number;
    pthread_t thread;
    long acknowledged; /* pieces in the cart, as acknowledged */
    long unanswered;   /* at most this many more */
    struct http_peer peer;
};

static struct shop_process shop = {.name = "shop", .listener = "gateway"};
static char product_id[64];
static struct buyer buyers[BUYERS];
static struct http_peer seller;
static char (*products)[40]; /* ids of acknowledged products */
static long product_count;
static atomic_bool running;
static int failures;

static void fail(const char *what, long wanted, long found)
{
    printf("LOST: %s: at least %ld expected, %ld found\n", what, wanted, found);
    failures++;
}

/* ---- load ---- */

static void *buy(void *data)
{
    struct buyer *buyer = data;
    char body[256];

    snprintf(body, sizeof(body), "{\"category\":\"crash\",\"product_id\":\"%s\",\"quantity\":1}",
             product_id);
    while (running) {
        int status = http_peer_call(&buyer->peer, "POST", "/cart/add", body);
        if (status == 200)
            buyer->acknowledged++;
        else if (status == 0)
            buyer->unanswered++;
    }
    return 0;
}

static void *sell(void *data)
{
    struct http_peer *peer = data;
    char body[128];

    while (running && product_count < PRODUCTS_MAX) {
        snprintf(body, sizeof(body), "{\"name\":\"p%ld\",\"category\":\"crash\",\"price\":1}",
                 product_count);
        if (http_peer_call(peer, "POST", "/products", body) == 201 &&
            http_peer_member(peer, "product_id", products[product_count], sizeof(products[0])))
            product_count++;
    }
    return 0;
}

static void load_and_kill(int milliseconds)
{
    pthread_t selling;

    running = true;
    for (int i = 0; i < BUYERS; i++) {
        buyers[i].peer.port = shop.port;
        pthread_create(&buyers[i].thread, 0, buy, &buyers[i]);
    }
    seller.port = shop.port;
    pthread_create(&selling, 0, sell, &seller);
    usleep((useconds_t)milliseconds * 1000);
    shop_kill(&shop);
    running = false;
    for (int i = 0; i < BUYERS; i++) pthread_join(buyers[i].thread, 0);
    pthread_join(selling, 0);
    for (int i = 0; i < BUYERS; i++) http_peer_close(&buyers[i].peer);
    http_peer_close(&seller);
}

/* ---- checking ---- */

static void check_carts(void)
{
    for (int i = 0; i < BUYERS; i++) {
        struct buyer *buyer = &buyers[i];
        buyer->peer.port = shop.port;
        long found = http_peer_call(&buyer->peer, "GET", "/cart", "") == 200
                         ? http_peer_number(&buyer->peer, "total_items")
                         : -1;
        if (found < buyer->acknowledged) fail("pieces in a cart", buyer->acknowledged, found);
        if (found > buyer->acknowledged + buyer->unanswered)
            fail("pieces in a cart, too many", buyer->acknowledged + buyer->unanswered, found);
        /* The next rounds continue from the number found now. */
        buyer->acknowledged = found;
        buyer->unanswered = 0;
    }
}

static void check_products(long from)
{
    char path[128];

    seller.port = shop.port;
    for (long i = from; i < product_count; i++) {
        snprintf(path, sizeof(path), "/products/crash/%s", products[i]);
        if (http_peer_call(&seller, "GET", path, "") != 200) fail(path, 1, 0);
    }
}

static void set_up(void)
{
    char email[64];

    shop_sign_up(shop.port, "seller@example.com", "seller");
    shop_log_in(&seller, shop.port, "seller@example.com");
    if (http_peer_call(&seller, "POST", "/products",
                       "{\"name\":\"p\",\"category\":\"crash\",\"price\":1}") != 201 ||
        !http_peer_member(&seller, "product_id", product_id, sizeof(product_id)))
        shop_give_up("cannot make a product");
    for (int i = 0; i < BUYERS; i++) {
        snprintf(email, sizeof(email), "buyer%d@example.com", i);
        shop_sign_up(shop.port, email, "customer");
        shop_log_in(&buyers[i].peer, shop.port, email);
    }
}

int main(int argc, char **argv)
{
    products = calloc(PRODUCTS_MAX, sizeof(*products));
    if (argc < 3 || !products) {
        fprintf(stderr, "usage: crash ARGOSY ROUNDS [SEED]\n");
        return 2;
    }
    shop_init(argv[1]);
    int rounds = (int)strtol(argv[2], 0, 10);
    unsigned seed = argc > 3 ? (unsigned)strtoul(argv[3], 0, 10) : (unsigned)getpid();
    printf("seed %u, data in %s\n", seed, shop_directory());
    srandom(seed);

    shop_start(&shop);
    set_up();
    for (int round = 1; round <= rounds && failures == 0; round++) {
        int milliseconds = ROUND_MS_MIN + (int)(random() % (ROUND_MS_MAX - ROUND_MS_MIN));
        long products_before = product_count;
        load_and_kill(milliseconds);
        failures += shop_check_databases();
        shop_start(&shop);
        check_carts();
        check_products(products_before);
        if (isatty(1)) printf("\rround %d of %d, %ld products", round, rounds, product_count);
        fflush(stdout);
    }
    check_products(0);
    long added = 0;
    for (int i = 0; i < BUYERS; i++) added += buyers[i].acknowledged;
    printf("\n%ld pieces in carts and %ld products acknowledged over %d kills\n", added,
           product_count, rounds);
    shop_kill(&shop);

    if (failures == 0) shop_remove();
    printf("%d passed, %d failed\n", failures == 0, failures);
    return failures != 0 || added == 0 || product_count == 0;
}
