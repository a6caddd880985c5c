/* SPDX-License-Identifier: Apache-2.0 */
/* The load of the tests with faults: customers buy, pay and cancel, the seller's people deliver,
 * carts are filled, accounts are made, visitors look at products, until the file DIRECTORY/enough
 * exists. Then everything that is paid is delivered, so buyers wait whenever too much of it is not
 * delivered yet.
 *
 *     fault_shoppers PORT DIRECTORY SELLERS_TOKEN PRODUCT...
 *
 * PORT is the gateway's. All are careful clients (tests/faults/calls.h). DIRECTORY/orders gets
 * "ID STATE" for each order when its buyer has seen it end, DIRECTORY/confirmed a byte for each that
 * is confirmed while the test runs. In the end every cart and every account is compared with what
 * was acknowledged. Exits with 1 if a promise was broken. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/shop_process.h"
#include "tests/faults/calls.h"

enum { BUYERS = 6, KEEPERS = 2, SELLERS = 4, ID_SIZE = 40, END_S = 90, NAMES_MAX = 20000 };
/* UNDELIVERED_MAX is not met exactly; REQUESTED_MAX is more than it for each seller. */
enum { PAGE_SIZE = 24, UNDELIVERED_MAX = 200, REQUESTED_MAX = 512 };

struct person {
    int number;
    unsigned random;
    long added, ordered; /* pieces: put into the cart, and taken out of it by orders */
    pthread_t thread;
    struct http_peer peer;
};

static int port;
static char **products;
static int product_count;
static FILE *orders_file, *confirmed_file;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static struct person buyers[BUYERS], keepers[KEEPERS], sellers[SELLERS], newcomer, visitor;
static atomic_bool buying = true, delivering = true;
static atomic_long placed, cancelled, delivered, refunded, kept;
static int account_count;

static const char *some_product(struct person *person)
{
    return products[rand_r(&person->random) % product_count];
}

static void set_key(struct person *person, const char *what, long number)
{
    snprintf(person->peer.key, sizeof(person->peer.key), "%s-%d-%ld", what, person->number, number);
}

static int get(struct person *person, enum route route, const char *path)
{
    person->peer.key[0] = 0;
    return calls_until_known(&person->peer, route, "GET", path, "");
}

/* ---- buyers ---- */

static bool is_paid(const char *state)
{
    return strcmp(state, "CONFIRMED") == 0 || strcmp(state, "FULFILLED") == 0 ||
           strcmp(state, "REFUNDED") == 0;
}

static void note_order(const char *order_id, const char *state)
{
    pthread_mutex_lock(&files_lock);
    fprintf(orders_file, "%s %s\n", order_id, state);
    fflush(orders_file);
    if (is_paid(state)) {
        fputc('.', confirmed_file);
        fflush(confirmed_file);
    }
    pthread_mutex_unlock(&files_lock);
}

/* The same request with the same key has the same answer, however often it is sent. */
static void repeat(struct person *buyer, const char *body, const char *order_id)
{
    char again[ID_SIZE] = "";

    if (calls_until_known(&buyer->peer, ROUTE_ORDER, "POST", "/order", body) != 201 ||
        !http_peer_member(&buyer->peer, "order_id", again, ID_SIZE) || strcmp(again, order_id) != 0)
        calls_fail("a repeated order is another", order_id, &buyer->peer);
}

static bool fill_cart(struct person *buyer, long number)
{
    char line[160];

    snprintf(line, sizeof(line), "{\"category\":\"faults\",\"product_id\":\"%s\",\"quantity\":1}",
             some_product(buyer));
    set_key(buyer, "add", number);
    if (calls_until_known(&buyer->peer, ROUTE_CART, "POST", "/cart/add", line) != 200) {
        calls_fail("a product is not added", line, &buyer->peer);
        return false;
    }
    buyer->added++;
    return true;
}

/* An order takes its pieces out of the cart once it is confirmed and the cart service has heard of it.
 * Whoever orders the cart again before that orders these pieces a second time, and then they are
 * taken out twice. So a cart may be empty, but only if as much was ordered as was added. */
static bool is_rightly_empty(const struct person *buyer)
{
    return strstr(buyer->peer.body, "CART_EMPTY") && buyer->added <= buyer->ordered;
}

/* The pieces of all lines of the order that was answered last. */
static long count_pieces(const struct person *buyer)
{
    static const char member[] = "\"quantity\":";
    long count = 0;

    for (const char *at = strstr(buyer->peer.body, member); at; at = strstr(at, member)) {
        at += strlen(member);
        count += strtol(at, 0, 10);
    }
    return count;
}

/* The order was answered last. */
static void note_taken(struct person *buyer, bool from_cart)
{
    if (from_cart && strstr(buyer->peer.body, "\"to\":\"CONFIRMED\""))
        buyer->ordered += count_pieces(buyer);
}

/* Orders what is in the cart, or one product. */
static bool place(struct person *buyer, long number, bool from_cart, char ret_order_id[ID_SIZE])
{
    char body[256] = "{\"payment_method\":\"pm_card_visa\"}";

    if (from_cart) {
        if (!fill_cart(buyer, number)) return false;
    } else {
        snprintf(body, sizeof(body),
                 "{\"category\":\"faults\",\"product_id\":\"%s\",\"quantity\":%d,"
                 "\"payment_method\":\"pm_card_visa\"}",
                 some_product(buyer), 1 + rand_r(&buyer->random) % 3);
    }
    set_key(buyer, "order", number);
    if (calls_until_known(&buyer->peer, ROUTE_ORDER, "POST", "/order", body) != 201 ||
        !http_peer_member(&buyer->peer, "order_id", ret_order_id, ID_SIZE)) {
        if (!from_cart || !is_rightly_empty(buyer))
            calls_fail("an order is not taken", buyer->peer.key, &buyer->peer);
        return false;
    }
    if (rand_r(&buyer->random) % 8 == 0) repeat(buyer, body, ret_order_id);
    return true;
}

static bool cancel(struct person *buyer, const char *order_id, long number)
{
    char path[128];

    snprintf(path, sizeof(path), "/orders/%s/cancel", order_id);
    set_key(buyer, "cancel", number);
    if (calls_until_known(&buyer->peer, ROUTE_ORDER, "POST", path, "{}") != 200) return false;
    cancelled++;
    return true;
}

static void note_cancelled(struct person *buyer, const char *order_id)
{
    char path[128];

    snprintf(path, sizeof(path), "/orders/%s", order_id);
    if (get(buyer, ROUTE_ORDER, path) != 200)
        calls_fail("a cancelled order is not there", order_id, &buyer->peer);
    note_order(order_id, "CANCELLED");
}

/* Waits until an order is paid. */
static void await(struct person *buyer, const char *order_id)
{
    char path[128], state[24] = "PENDING";
    time_t end = time(0) + END_S;

    snprintf(path, sizeof(path), "/orders/%s", order_id);
    while (time(0) < end && (strcmp(state, "PENDING") == 0 || strcmp(state, "VALIDATED") == 0)) {
        usleep(30000);
        if (get(buyer, ROUTE_ORDER, path) != 200) break;
        http_peer_member(&buyer->peer, "status", state, sizeof(state));
    }
    note_order(order_id, state);
    if (!is_paid(state)) calls_fail("an order does not become paid", order_id, &buyer->peer);
}

static void wait_for_deliveries(void)
{
    while (buying && placed - cancelled - delivered > UNDELIVERED_MAX) usleep(20000);
}

static void *buy(void *data)
{
    struct person *buyer = data;
    char order_id[ID_SIZE];

    for (long number = 0; buying; number++) {
        wait_for_deliveries();
        bool from_cart = rand_r(&buyer->random) % 2;
        if (!place(buyer, number, from_cart, order_id)) continue;
        placed++;
        if (rand_r(&buyer->random) % 10 == 0 && cancel(buyer, order_id, number))
            note_cancelled(buyer, order_id);
        else
            await(buyer, order_id);
        note_taken(buyer, from_cart);
    }
    return 0;
}

/* ---- the sellers ---- */

/* The orders whose delivery, or whose money back, a seller has requested last. They stay as they are
 * until the bank has moved the money. */
struct requests {
    char ids[REQUESTED_MAX][ID_SIZE];
    long count;
};

static bool is_requested(const struct requests *requests, const char *order_id)
{
    for (int i = 0; i < REQUESTED_MAX; i++)
        if (strcmp(requests->ids[i], order_id) == 0) return true;
    return false;
}

static void note_request(struct requests *requests, const char *order_id)
{
    snprintf(requests->ids[requests->count++ % REQUESTED_MAX], ID_SIZE, "%s", order_id);
}

/* The sellers share the orders by the last digit of their ids. */
static bool is_own(const struct person *person, const char *order_id)
{
    size_t length = strlen(order_id);

    return length > 0 && order_id[length - 1] % SELLERS == person->number;
}

struct page {
    char ids[PAGE_SIZE][ID_SIZE];
    int count;
};

static bool list_orders(struct person *person, const char *state, struct page *ret_page)
{
    static const char member[] = "\"order_id\":\"";
    char path[128];

    snprintf(path, sizeof(path), "/orders?seller=sam@example.com&page_size=%d&status=%s", PAGE_SIZE,
             state);
    if (get(person, ROUTE_SELLER, path) != 200) {
        calls_fail("the seller's orders are not listed", path, &person->peer);
        return false;
    }
    ret_page->count = 0;
    for (const char *at = strstr(person->peer.body, member); at && ret_page->count < PAGE_SIZE;
         at = strstr(at, member)) {
        at += strlen(member);
        snprintf(ret_page->ids[ret_page->count++], ID_SIZE, "%.*s", (int)strcspn(at, "\""), at);
    }
    return true;
}

static void give_back(struct person *person, const char *order_id)
{
    char path[128], payment_id[ID_SIZE];

    snprintf(path, sizeof(path), "/payments?order_id=%s", order_id);
    if (get(person, ROUTE_SELLER, path) != 200 ||
        !http_peer_member(&person->peer, "payment_id", payment_id, sizeof(payment_id)))
        return;
    snprintf(path, sizeof(path), "/payments/%s/refunds", payment_id);
    snprintf(person->peer.key, sizeof(person->peer.key), "refund-%s", order_id);
    int status = calls_until_known(&person->peer, ROUTE_SELLER, "POST", path, "{}");
    if (status / 100 == 2) refunded++;
}

static void give_one_back(struct person *person, struct requests *requests)
{
    struct page page;

    if (!list_orders(person, "FULFILLED", &page)) return;
    for (int i = 0; i < page.count; i++) {
        if (!is_own(person, page.ids[i]) || is_requested(requests, page.ids[i])) continue;
        give_back(person, page.ids[i]);
        note_request(requests, page.ids[i]);
        return;
    }
}

/* An order is refused until its stock is committed; then it is requested again. */
static void fulfil(struct person *person, struct requests *requests, const char *order_id)
{
    char path[128];

    snprintf(path, sizeof(path), "/orders/%s/fulfil", order_id);
    snprintf(person->peer.key, sizeof(person->peer.key), "fulfil-%s", order_id);
    int status = calls_until_known(&person->peer, ROUTE_SELLER, "POST", path, "{}");
    if (status / 100 != 2) return;
    delivered++;
    note_request(requests, order_id);
}

/* Delivers what is paid and gives some of the money back, until nothing is left to deliver. */
static void *deliver(void *data)
{
    struct person *person = data;
    struct requests deliveries = {.count = 0}, refunds = {.count = 0};
    struct page page;

    for (;;) {
        bool last = !delivering;
        if (!last && rand_r(&person->random) % 64 == 0) give_one_back(person, &refunds);
        if (!list_orders(person, "CONFIRMED", &page)) continue;
        if (last && page.count == 0) return 0;
        for (int i = 0; i < page.count; i++)
            if (is_own(person, page.ids[i]) && !is_requested(&deliveries, page.ids[i]))
                fulfil(person, &deliveries, page.ids[i]);
        usleep(50000);
    }
}

/* ---- carts, accounts, visitors ---- */

/* Both fill one cart, so they compete for it. */
static void *keep(void *data)
{
    struct person *keeper = data;
    char line[160];

    snprintf(line, sizeof(line), "{\"category\":\"faults\",\"product_id\":\"%s\",\"quantity\":1}",
             products[0]);
    for (long number = 0; buying; number++) {
        set_key(keeper, "keep", number);
        if (calls_until_known(&keeper->peer, ROUTE_CART, "POST", "/cart/add", line) == 200)
            kept++;
        else
            calls_fail("a product is not added", keeper->peer.key, &keeper->peer);
        usleep(100000);
    }
    return 0;
}

/* Each account comes from an address of its own, so that none reaches the limits of one address. */
static void move(struct person *person, int number)
{
    http_peer_close(&person->peer);
    snprintf(person->peer.source, sizeof(person->peer.source), "127.0.%d.%d",
             1 + number / 250 % 250, 1 + number % 250);
}

static int make_account(struct person *person, int number)
{
    char body[160];

    move(person, number);
    set_key(person, "account", number);
    snprintf(body, sizeof(body),
             "{\"name\":\"x\",\"email\":\"new%d@example.com\",\"password\":\"secret-word\"}",
             number);
    return calls_until_known(&person->peer, ROUTE_ACCOUNT, "POST", "/users", body);
}

static void check_account(struct person *person, int number)
{
    char body[160];

    move(person, number);
    person->peer.key[0] = 0;
    snprintf(body, sizeof(body),
             "{\"email\":\"new%d@example.com\",\"password\":\"secret-word\",\"device_id\":\"d\"}",
             number);
    if (calls_until_known(&person->peer, ROUTE_ACCOUNT, "POST", "/auth/login", body) != 200)
        calls_fail("an acknowledged account cannot log in", body, &person->peer);
}

static void *sign_up(void *data)
{
    struct person *person = data;

    while (buying && account_count < NAMES_MAX) {
        if (make_account(person, account_count) != 201)
            calls_fail("an account is not made", person->peer.key, &person->peer);
        check_account(person, account_count++);
        usleep(200000);
    }
    return 0;
}

static void *visit(void *data)
{
    struct person *person = data;
    char path[128];

    while (buying) {
        snprintf(path, sizeof(path), "/products/faults/%s", some_product(person));
        if (get(person, ROUTE_CATALOGUE, path) != 200)
            calls_fail("a product is not there", path, &person->peer);
        usleep(50000);
    }
    return 0;
}

/* ---- the whole ---- */

static void begin(struct person *person, int number, void *(*run)(void *))
{
    person->number = number;
    person->random = (unsigned)number + 1;
    if (pthread_create(&person->thread, 0, run, person) != 0) shop_give_up("cannot make a thread");
}

static void set_up(struct http_peer *peer, const char *email)
{
    shop_sign_up(port, email, "customer");
    shop_log_in(peer, port, email);
}

static void use_token(struct http_peer *peer, const char *token)
{
    http_peer_init(peer, port);
    snprintf(peer->token, sizeof(peer->token), "%s", token);
}

static void begin_all(const char *token)
{
    char email[64];

    for (int i = 0; i < BUYERS; i++) {
        snprintf(email, sizeof(email), "buyer%d@example.com", i);
        set_up(&buyers[i].peer, email);
    }
    set_up(&keepers[0].peer, "keeper@example.com");
    for (int i = 1; i < KEEPERS; i++) use_token(&keepers[i].peer, keepers[0].peer.token);
    for (int i = 0; i < SELLERS; i++) use_token(&sellers[i].peer, token);
    use_token(&newcomer.peer, "");
    use_token(&visitor.peer, "");

    for (int i = 0; i < BUYERS; i++) begin(&buyers[i], i, buy);
    for (int i = 0; i < KEEPERS; i++) begin(&keepers[i], i, keep);
    for (int i = 0; i < SELLERS; i++) begin(&sellers[i], i, deliver);
    begin(&newcomer, 0, sign_up);
    begin(&visitor, 0, visit);
}

static void end_all(void)
{
    buying = false;
    for (int i = 0; i < BUYERS; i++) pthread_join(buyers[i].thread, 0);
    for (int i = 0; i < KEEPERS; i++) pthread_join(keepers[i].thread, 0);
    pthread_join(newcomer.thread, 0);
    pthread_join(visitor.thread, 0);
    delivering = false;
    for (int i = 0; i < SELLERS; i++) pthread_join(sellers[i].thread, 0);
}

/* Nothing that was added is lost. */
static void check_buyers_cart(struct person *buyer)
{
    char known[64];

    snprintf(known, sizeof(known), "%ld pieces added, %ld ordered", buyer->added, buyer->ordered);
    int status = get(buyer, ROUTE_CART, "/cart");
    long left = http_peer_number(&buyer->peer, "total_items"); /* -1: the cart is empty */
    if (status != 200 || (left < 0 ? 0 : left) < buyer->added - buyer->ordered)
        calls_fail("pieces are missing in a cart", known, &buyer->peer);
}

static void check_carts(void)
{
    char known[32];

    for (int i = 0; i < BUYERS; i++) check_buyers_cart(&buyers[i]);
    snprintf(known, sizeof(known), "%ld pieces acknowledged", (long)kept);
    if (get(&keepers[0], ROUTE_CART, "/cart") != 200 ||
        http_peer_number(&keepers[0].peer, "quantity") != kept)
        calls_fail("a cart is not as acknowledged", known, &keepers[0].peer);
}

static void check_accounts(void)
{
    for (int i = 0; i < account_count; i++) check_account(&newcomer, i);
}

static FILE *open_file(const char *directory, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (!file) shop_give_up("cannot write into the directory");
    return file;
}

int main(int argc, char **argv)
{
    char enough[512];

    if (argc < 5) {
        fprintf(stderr, "usage: fault_shoppers PORT DIRECTORY SELLERS_TOKEN PRODUCT...\n");
        return 2;
    }
    port = (int)strtol(argv[1], 0, 10);
    orders_file = open_file(argv[2], "orders");
    confirmed_file = open_file(argv[2], "confirmed");
    products = argv + 4;
    product_count = argc - 4;
    snprintf(enough, sizeof(enough), "%s/enough", argv[2]);

    begin_all(argv[3]);
    while (access(enough, F_OK) != 0) usleep(20000);
    end_all();
    check_carts();
    check_accounts();
    calls_report();
    printf(
        "acknowledged: %ld orders (%ld cancelled, %ld delivered, %ld refunded), %ld pieces in one"
        " cart, %d accounts; %d broken\n",
        (long)placed, (long)cancelled, (long)delivered, (long)refunded, (long)kept, account_count,
        calls_failures());
    return calls_failures() != 0 || placed == 0;
}
