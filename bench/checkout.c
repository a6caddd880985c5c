/* SPDX-License-Identifier: Apache-2.0 */
/* Whole checkouts: logged-in shoppers put one piece into their cart, order it, pay by card, and
 * wait until the order is CONFIRMED.
 *
 *     checkout [-c CONNECTIONS] [-s SECONDS] [-r RATE] [-w poll|sse] [-p POLL_MS] [-1]
 *              ADDRESS TOKENS PRODUCTS
 *
 * TOKENS and PRODUCTS are files: an access token, and "category product_id", a line each. Each
 * connection has its own shoppers, who take turns: while the cart of one is being emptied, the next
 * one buys. -1 sells the first product only. -r starts this many checkouts per second, whether
 * earlier ones are done or not; without it each connection starts the next one when it has finished
 * one. -w poll sends GET /orders/{id} on the same connection every POLL_MS, -w sse opens a second
 * connection to /orders/{id}/events and closes it when it has seen CONFIRMED.
 *
 * Prints "RESULT checkouts, per second, p50 ms, p99 ms, errors" for the whole checkouts that were
 * done in time. Then "CONFIRMED p50 ms, p99 ms": from sending POST /order to seeing CONFIRMED. Then
 * "ORDERS" and how many were confirmed in all. It uses one thread and little work per request,
 * since it shares the processors with the server. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 4096,
    LINES_MAX = 8192,
    IN_SIZE = 32 * 1024,
    REQUEST_SIZE = 4096,
    ID_SIZE = 64,
    EVENTS_MAX = 256,
    SAMPLES_MAX = 4 * 1024 * 1024,
    WHEEL_SLOTS = 4096 /* the longest wait of a poll in milliseconds */
};
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* How long the last checkouts may take after the time is up. */
#define GRACE_NS (10 * NS_PER_S)

enum step { IDLE, ADDING, ORDERING, ASKING, PAUSING, WATCHING };

/* One end of a TCP connection with the received bytes. */
struct line {
    int fd;
    size_t size;
    struct shopper *shopper;
    char in[IN_SIZE + 1];
};

struct shopper {
    enum step step;
    int token;
    int64_t began_ns, ordered_ns;
    char order_id[ID_SIZE];
    struct shopper *next; /* in a slot of the wheel, or of the idle ones */
    struct line line, events;
};

static struct {
    int connections, seconds, poll_ms;
    double rate;
    bool sse, one;
    struct sockaddr_in address;
} options = {.connections = 64, .seconds = 4, .poll_ms = 10};

static char *tokens[LINES_MAX], *products[LINES_MAX];
static int token_count, product_count, product_turn;
static struct shopper *shoppers, *idle, **idle_end = &idle;
static struct shopper *wheel[WHEEL_SLOTS];
static int64_t wheel_at; /* the next millisecond to process */
static int poller, running;
static int64_t now, begin_ns, end_ns;
static long backlog, errors, confirmed, keys;
static float *order_ms, *checkout_ms;
static long sample_count;

static int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "checkout: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int read_lines(const char *path, char **lines)
{
    char text[REQUEST_SIZE];
    int count = 0;
    FILE *file = fopen(path, "r");

    if (!file) give_up(path);
    while (count < LINES_MAX && fgets(text, sizeof(text), file)) {
        text[strcspn(text, "\n")] = 0;
        if (text[0]) lines[count++] = strdup(text);
    }
    fclose(file);
    if (count == 0) give_up(path);
    return count;
}

/* ---- sending ---- */

static void connect_line(struct line *line)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};

    line->size = 0;
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 ||
        connect(line->fd, (struct sockaddr *)&options.address, sizeof(options.address)) ||
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) ||
        epoll_ctl(poller, EPOLL_CTL_ADD, line->fd, &event))
        give_up("cannot connect");
}

static void close_line(struct line *line)
{
    if (line->fd >= 0) close(line->fd);
    line->fd = -1;
}

/* Small enough for an empty socket buffer, so it is never written in parts. */
static void send_request(struct line *line, const char *request, int size)
{
    if (line->fd < 0) connect_line(line);
    if (size >= REQUEST_SIZE || send(line->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        give_up("cannot send");
}

static const char *token_of(const struct shopper *shopper)
{
    return tokens[shopper->token];
}

static void add_to_cart(struct shopper *shopper)
{
    char body[512], request[REQUEST_SIZE];
    const char *product = products[options.one ? 0 : product_turn++ % product_count];
    const char *space = strchr(product, ' ');

    if (!space) give_up("a product's line has no id");
    int size = snprintf(body, sizeof(body),
                        "{\"category\":\"%.*s\",\"product_id\":\"%s\",\"quantity\":1}",
                        (int)(space - product), product, space + 1);
    size = snprintf(request, sizeof(request),
                    "POST /cart/add HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    token_of(shopper), size, body);
    shopper->step = ADDING;
    shopper->began_ns = now;
    send_request(&shopper->line, request, size);
}

static void order(struct shopper *shopper)
{
    static const char body[] = "{\"payment_method\":\"pm_card_visa\"}";
    char request[REQUEST_SIZE];
    int size = snprintf(request, sizeof(request),
                        "POST /order HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                        "Idempotency-Key: %llx-%ld\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        token_of(shopper), (unsigned long long)begin_ns, keys++, sizeof(body) - 1,
                        body);

    shopper->step = ORDERING;
    shopper->ordered_ns = now;
    send_request(&shopper->line, request, size);
}

static void ask(struct shopper *shopper, struct line *line, enum step step, const char *what)
{
    char request[REQUEST_SIZE];
    int size = snprintf(request, sizeof(request),
                        "GET /orders/%s%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                        "\r\n",
                        shopper->order_id, what, token_of(shopper));

    shopper->step = step;
    send_request(line, request, size);
}

static void ask_later(struct shopper *shopper)
{
    struct shopper **slot = &wheel[(now / NS_PER_MS + options.poll_ms) % WHEEL_SLOTS];

    shopper->step = PAUSING;
    shopper->next = *slot;
    *slot = shopper;
}

/* ---- one checkout after another ---- */

/* Puts the shopper at the end of the line, until the cart has been emptied. */
static void put_idle(struct shopper *shopper)
{
    shopper->next = 0;
    *idle_end = shopper;
    idle_end = &shopper->next;
}

static struct shopper *take_idle(void)
{
    struct shopper *shopper = idle;

    if (!shopper) return 0;
    idle = shopper->next;
    if (!idle) idle_end = &idle;
    return shopper;
}

static void begin_checkout(struct shopper *shopper)
{
    running++;
    add_to_cart(shopper);
}

static void end_checkout(struct shopper *shopper)
{
    close_line(&shopper->events);
    shopper->token += options.connections;
    if (shopper->token >= token_count) shopper->token %= options.connections;
    shopper->step = IDLE;
    running--;
    if (now < end_ns && (options.rate == 0 || backlog > 0)) {
        if (backlog > 0) backlog--;
        begin_checkout(shopper);
        return;
    }
    put_idle(shopper);
}

static void done(struct shopper *shopper)
{
    confirmed++;
    if (now <= end_ns && sample_count < SAMPLES_MAX) {
        order_ms[sample_count] = (float)(now - shopper->ordered_ns) / (float)NS_PER_MS;
        checkout_ms[sample_count++] = (float)(now - shopper->began_ns) / (float)NS_PER_MS;
    }
    end_checkout(shopper);
}

static void fail(struct shopper *shopper, const char *answer)
{
    if (errors++ == 0) fprintf(stderr, "checkout: step %d: %s\n", (int)shopper->step, answer);
    close_line(&shopper->line);
    end_checkout(shopper);
}

static bool keep_order_id(struct shopper *shopper, const char *body)
{
    static const char member[] = "\"order_id\":\"";
    const char *id = strstr(body, member);

    if (!id) return false;
    id += sizeof(member) - 1;
    size_t size = strcspn(id, "\"");
    if (size == 0 || size >= ID_SIZE) return false;
    memcpy(shopper->order_id, id, size);
    shopper->order_id[size] = 0;
    return true;
}

static bool is_confirmed(const char *text)
{
    return strstr(text, "\"status\":\"CONFIRMED\"");
}
static bool is_on_its_way(const char *text)
{
    return strstr(text, "\"status\":\"PENDING\"") || strstr(text, "\"status\":\"VALIDATED\"");
}

static void answered(struct shopper *shopper, int status, const char *body)
{
    switch (shopper->step) {
    case ADDING:
        if (status == 200) return order(shopper);
        break;
    case ORDERING:
        if (status != 201 || !keep_order_id(shopper, body)) break;
        if (options.sse) return ask(shopper, &shopper->events, WATCHING, "/events");
        return ask_later(shopper);
    case ASKING:
        if (status != 200) break;
        if (is_confirmed(body)) return done(shopper);
        if (is_on_its_way(body)) return ask_later(shopper);
        break;
    default: break;
    }
    fail(shopper, shopper->line.in);
}

/* ---- receiving ---- */

/* If the whole response has arrived, its status and body; else 0. */
static int whole_answer(struct line *line, char **ret_body)
{
    char *body = strstr(line->in, "\r\n\r\n");
    const char *length = body ? strcasestr(line->in, "\r\ncontent-length:") : 0;

    if (!body || !length || length > body) return 0;
    body += 4;
    if ((size_t)(line->in + line->size - body) < strtoul(length + 17, 0, 10)) return 0;
    *ret_body = body;
    return (int)strtol(line->in + sizeof("HTTP/1.1 ") - 1, 0, 10);
}

static void watch(struct shopper *shopper)
{
    struct line *line = &shopper->events;

    if (is_confirmed(line->in)) return done(shopper);
    if (line->size > 12 && strncmp(line->in, "HTTP/1.1 200", 12) != 0)
        return fail(shopper, line->in);
    /* An order that ends in another way ends the stream: 0-sized chunk. */
    if (strstr(line->in, "\r\n0\r\n\r\n")) fail(shopper, line->in);
}

static void receive(struct line *line)
{
    struct shopper *shopper = line->shopper;
    ssize_t got = recv(line->fd, line->in + line->size, IN_SIZE - line->size, MSG_DONTWAIT);
    char *body;

    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close_line(line);
        if (shopper->step != IDLE) fail(shopper, "the connection ended");
        return;
    }
    line->size += (size_t)got;
    line->in[line->size] = 0;
    if (line == &shopper->events) return watch(shopper);

    int status = whole_answer(line, &body);
    if (status == 0) return;
    line->size = 0;
    answered(shopper, status, body);
}

/* ---- time ---- */

static void turn_wheel(void)
{
    for (; wheel_at <= now / NS_PER_MS; wheel_at++) {
        struct shopper *shopper = wheel[wheel_at % WHEEL_SLOTS];
        wheel[wheel_at % WHEEL_SLOTS] = 0;
        while (shopper) {
            struct shopper *next = shopper->next;
            ask(shopper, &shopper->line, ASKING, "");
            shopper = next;
        }
    }
}

/* Starts the checkouts that are due by the rate; without a free connection they wait for one. */
static void let_in(long *begun)
{
    long due = (long)((double)(now - begin_ns) / (double)NS_PER_S * options.rate);

    for (; *begun < due; ++*begun) {
        struct shopper *shopper = take_idle();
        if (shopper)
            begin_checkout(shopper);
        else
            backlog++;
    }
}

static void run(void)
{
    struct epoll_event events[EVENTS_MAX];
    long begun = 0;

    for (int i = 0; options.rate == 0 && i < options.connections; i++) {
        now = now_ns();
        begin_checkout(&shoppers[i]);
    }
    while (now < end_ns || (running > 0 && now < end_ns + GRACE_NS)) {
        int count = epoll_wait(poller, events, EVENTS_MAX, 1);
        now = now_ns();
        for (int i = 0; i < count; i++) {
            struct line *line = events[i].data.ptr;
            if (line->fd >= 0) receive(line);
        }
        turn_wheel();
        if (options.rate > 0 && now < end_ns) let_in(&begun);
    }
}

/* ---- results ---- */

static int by_size(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;

    return (a > b) - (a < b);
}

static double percentile(const float *sorted, double part)
{
    return sample_count ? (double)sorted[(long)((double)sample_count * part)] : 0;
}

static void report(void)
{
    qsort(order_ms, (size_t)sample_count, sizeof(order_ms[0]), by_size);
    qsort(checkout_ms, (size_t)sample_count, sizeof(checkout_ms[0]), by_size);
    if (running > 0) {
        fprintf(stderr, "checkout: %d orders are not confirmed by the end\n", running);
        errors += running;
    }
    if (backlog > 0) fprintf(stderr, "checkout: %ld shoppers found no connection free\n", backlog);
    printf("RESULT %ld %.1f %.3f %.3f %ld\n", sample_count, (double)sample_count / options.seconds,
           percentile(checkout_ms, 0.5), percentile(checkout_ms, 0.99), errors);
    printf("CONFIRMED %.3f %.3f\n", percentile(order_ms, 0.5), percentile(order_ms, 0.99));
    printf("ORDERS %ld\n", confirmed);
}

static void read_address(char *text)
{
    char *colon = strrchr(text, ':');

    if (colon) *colon = 0;
    options.address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(colon ? (uint16_t)strtoul(colon + 1, 0, 10) : 0)};
    if (!colon || inet_pton(AF_INET, text, &options.address.sin_addr) != 1) {
        fprintf(stderr, "checkout: '%s' is not an address; write it like 127.0.0.1:8000\n", text);
        exit(2);
    }
}

static bool read_options(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "c:s:r:w:p:1")) != -1) {
        switch (letter) {
        case 'c': options.connections = (int)strtol(optarg, 0, 10); break;
        case 's': options.seconds = (int)strtol(optarg, 0, 10); break;
        case 'r': options.rate = strtod(optarg, 0); break;
        case 'w': options.sse = strcmp(optarg, "sse") == 0; break;
        case 'p': options.poll_ms = (int)strtol(optarg, 0, 10); break;
        case '1': options.one = true; break;
        default: return false;
        }
    }
    return argc - optind == 3 && options.connections > 0 &&
           options.connections <= CONNECTIONS_MAX && options.seconds > 0 && options.rate >= 0 &&
           options.poll_ms > 0 && options.poll_ms < WHEEL_SLOTS;
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fputs("usage: checkout [-c CONNECTIONS] [-s SECONDS] [-r RATE] [-w poll|sse] [-p POLL_MS]\n"
              "                [-1] ADDRESS TOKENS PRODUCTS\n",
              stderr);
        return 2;
    }
    read_address(argv[optind]);
    token_count = read_lines(argv[optind + 1], tokens);
    product_count = read_lines(argv[optind + 2], products);
    if (token_count < options.connections) {
        fputs("checkout: two connections would share a cart: fewer tokens than connections\n",
              stderr);
        return 2;
    }
    shoppers = calloc((size_t)options.connections, sizeof(*shoppers));
    order_ms = calloc(SAMPLES_MAX, sizeof(*order_ms));
    checkout_ms = calloc(SAMPLES_MAX, sizeof(*checkout_ms));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!shoppers || !order_ms || !checkout_ms || poller < 0) give_up("cannot begin");

    for (int i = options.connections - 1; i >= 0; i--) {
        struct shopper *shopper = &shoppers[i];
        shopper->token = i;
        shopper->line.shopper = shopper->events.shopper = shopper;
        shopper->events.fd = -1;
        connect_line(&shopper->line);
        if (options.rate > 0) put_idle(shopper);
    }
    begin_ns = now = now_ns();
    wheel_at = now / NS_PER_MS;
    end_ns = begin_ns + options.seconds * NS_PER_S;
    run();
    report();
    return 0;
}
