/* SPDX-License-Identifier: Apache-2.0 */
/* Kills the shop with SIGKILL again and again, at random moments under load, and looks whether
 * anything that it acknowledged is missing afterwards.
 *
 *     crash ARGOSY ROUNDS [SEED]
 *
 * Each round: start, let buyers add to their carts and a seller make products, kill after a random
 * while, open every database and check it, start again, compare. A request without an answer may or
 * may not have taken effect; one with an answer must have. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/http_peer.h"

enum {
    BUYERS = 8,
    PRODUCTS_MAX = 200000,
    ROUND_MS_MIN = 20,
    ROUND_MS_MAX = 300,
    START_TIMEOUT_MS = 20000
};

struct buyer {
    int number;
    pthread_t thread;
    long acknowledged; /* pieces in the cart, as answered */
    long unanswered;   /* at most so many more */
    struct http_peer peer;
};

static const char *program;
static char directory[] = "/tmp/argosy-crash-XXXXXX";
static pid_t shop = -1;
static int port;
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

__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "crash: %s\n", what);
    if (shop > 0) kill(shop, SIGKILL);
    exit(2);
}

/* ---- the shop ---- */

static void run_shop(const char *log)
{
    setenv("ARGOSY_DATA_DIR", directory, 1);
    setenv("ARGOSY_LOG_FORMAT", "json", 1);
    setenv("USER_ARGON2_MEMORY", "256KiB", 1);
    setenv("USER_ARGON2_PASSES", "1", 1);
    setenv("ACCESS_TOKEN_EXP_DURATION", "24h", 1);
    static const char *const listens[] = {"GATEWAY_LISTEN", "ADMIN_LISTEN",   "USER_LISTEN",
                                          "AUTH_LISTEN",    "PRODUCT_LISTEN", "CART_LISTEN"};
    for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++)
        setenv(listens[i], "127.0.0.1:0", 1);
    if (!freopen(log, "w", stderr)) _exit(126);
    execl(program, program, "serve", (char *)0);
    _exit(127);
}

/* The gateway's port out of the log, once the shop says that it is ready; 0 until then. */
static int read_port(const char *log)
{
    char line[4096];
    int found = 0;
    bool ready = false;
    FILE *file = fopen(log, "r");

    while (file && fgets(line, sizeof(line), file)) {
        const char *gateway = strstr(line, "\"name\":\"gateway\",\"address\":\"127.0.0.1:");
        if (gateway) found = (int)strtol(strrchr(gateway, ':') + 1, 0, 10);
        if (strstr(line, "\"message\":\"ready\"")) ready = true;
    }
    if (file) fclose(file);
    return ready ? found : 0;
}

static void start_shop(void)
{
    char log[128];

    snprintf(log, sizeof(log), "%s/log", directory);
    unlink(log);
    shop = fork();
    if (shop == 0) run_shop(log);
    for (int waited = 0; waited < START_TIMEOUT_MS; waited += 5) {
        port = read_port(log);
        if (port > 0) return;
        if (waitpid(shop, 0, WNOHANG) != 0) break;
        usleep(5000);
    }
    give_up("the shop does not start; see its log in the data directory");
}

static void kill_shop(void)
{
    kill(shop, SIGKILL);
    waitpid(shop, 0, 0);
    shop = -1;
}

/* ---- accounts ---- */

static void log_in(struct http_peer *peer, const char *email)
{
    char body[256];

    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"secret\",\"device_id\":\"%s\"}",
             email, email);
    if (http_peer_call(peer, "POST", "/auth/login", body) != 200 ||
        !http_peer_member(peer, "message", peer->token, sizeof(peer->token)))
        give_up("cannot log in");
    /* The envelope has a message too; the token is login_data's. */
    const char *data = strstr(peer->body, "\"login_data\":{\"message\":\"");
    if (!data) give_up("the login answers without a token");
    snprintf(peer->token, sizeof(peer->token), "%.*s", (int)strcspn(data + 25, "\""), data + 25);
}

static void sign_up(const char *email)
{
    struct http_peer *peer = malloc(sizeof(*peer));
    char body[256];

    if (!peer) give_up("no memory");
    http_peer_init(peer, port);
    snprintf(body, sizeof(body), "{\"name\":\"x\",\"email\":\"%s\",\"password\":\"secret\"}",
             email);
    if (http_peer_call(peer, "POST", "/users", body) != 201) give_up("cannot sign up");
    http_peer_close(peer);
    free(peer);
}

static void make_seller(void)
{
    char command[512];

    snprintf(command, sizeof(command),
             "ARGOSY_DATA_DIR=%s '%s' user role seller@example.com seller >/dev/null", directory,
             program);
    if (system(command) != 0) give_up("cannot make a seller");
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
        buyers[i].peer.port = port;
        pthread_create(&buyers[i].thread, 0, buy, &buyers[i]);
    }
    seller.port = port;
    pthread_create(&selling, 0, sell, &seller);
    usleep((useconds_t)milliseconds * 1000);
    kill_shop();
    running = false;
    for (int i = 0; i < BUYERS; i++) pthread_join(buyers[i].thread, 0);
    pthread_join(selling, 0);
    for (int i = 0; i < BUYERS; i++) http_peer_close(&buyers[i].peer);
    http_peer_close(&seller);
}

/* ---- looking ---- */

static void check_database(const char *name)
{
    char path[512];
    sqlite3 *db = 0;
    sqlite3_stmt *statement = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    bool whole = sqlite3_open(path, &db) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, 0) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    if (!whole) {
        printf("DAMAGED: %s: %s\n", path, sqlite3_errmsg(db));
        failures++;
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void check_databases(void)
{
    DIR *folder = opendir(directory);
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".db") == 0)
            check_database(entry->d_name);
    }
    if (folder) closedir(folder);
}

static void check_carts(void)
{
    for (int i = 0; i < BUYERS; i++) {
        struct buyer *buyer = &buyers[i];
        buyer->peer.port = port;
        long found = http_peer_call(&buyer->peer, "GET", "/cart", "") == 200
                         ? http_peer_number(&buyer->peer, "total_items")
                         : -1;
        if (found < buyer->acknowledged) fail("pieces in a cart", buyer->acknowledged, found);
        if (found > buyer->acknowledged + buyer->unanswered)
            fail("pieces in a cart, too many", buyer->acknowledged + buyer->unanswered, found);
        /* What is known now is what the next rounds build on. */
        buyer->acknowledged = found;
        buyer->unanswered = 0;
    }
}

static void check_products(long from)
{
    char path[128];

    seller.port = port;
    for (long i = from; i < product_count; i++) {
        snprintf(path, sizeof(path), "/products/crash/%s", products[i]);
        if (http_peer_call(&seller, "GET", path, "") != 200) fail(path, 1, 0);
    }
}

static void set_up(void)
{
    char email[64];

    sign_up("seller@example.com");
    make_seller();
    http_peer_init(&seller, port);
    log_in(&seller, "seller@example.com");
    if (http_peer_call(&seller, "POST", "/products",
                       "{\"name\":\"p\",\"category\":\"crash\",\"price\":1}") != 201 ||
        !http_peer_member(&seller, "product_id", product_id, sizeof(product_id)))
        give_up("cannot make a product");
    for (int i = 0; i < BUYERS; i++) {
        snprintf(email, sizeof(email), "buyer%d@example.com", i);
        sign_up(email);
        http_peer_init(&buyers[i].peer, port);
        log_in(&buyers[i].peer, email);
    }
}

int main(int argc, char **argv)
{
    products = calloc(PRODUCTS_MAX, sizeof(*products));
    if (argc < 3 || !products || !mkdtemp(directory)) {
        fprintf(stderr, "usage: crash ARGOSY ROUNDS [SEED]\n");
        return 2;
    }
    program = argv[1];
    int rounds = (int)strtol(argv[2], 0, 10);
    unsigned seed = argc > 3 ? (unsigned)strtoul(argv[3], 0, 10) : (unsigned)getpid();
    printf("seed %u, data in %s\n", seed, directory);
    srandom(seed);

    start_shop();
    set_up();
    for (int round = 1; round <= rounds && failures == 0; round++) {
        int milliseconds = ROUND_MS_MIN + (int)(random() % (ROUND_MS_MAX - ROUND_MS_MIN));
        long products_before = product_count;
        load_and_kill(milliseconds);
        check_databases();
        start_shop();
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
    kill_shop();

    if (failures == 0) {
        char command[128];
        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        if (system(command) != 0) return 2;
    }
    printf("%d passed, %d failed\n", failures == 0, failures);
    return failures != 0 || added == 0 || product_count == 0;
}
