/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking HTTP/1.1 client over one socket. See tests/crash/http_peer.h. */
#include "tests/crash/http_peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void http_peer_init(struct http_peer *peer, int port)
{
    peer->port = port;
    peer->fd = -1;
    peer->source[0] = 0;
    peer->token[0] = 0;
    peer->key[0] = 0;
    peer->body[0] = 0;
}

void http_peer_close(struct http_peer *peer)
{
    if (peer->fd >= 0) close(peer->fd);
    peer->fd = -1;
}

static bool bind_source(const struct http_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (!peer->source[0]) return true;
    return inet_pton(AF_INET, peer->source, &address.sin_addr) == 1 &&
           bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool peer_connect(struct http_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)peer->port)};
    struct timeval timeout = {.tv_sec = 10};

    if (peer->fd >= 0) return true;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (bind_source(peer) && connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    http_peer_close(peer);
    return false;
}

static bool send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Reads head and body; the shop's responses have a Content-Length. */
static int receive(struct http_peer *peer)
{
    static __thread char answer[HTTP_PEER_BODY_MAX + 16384];
    size_t size = 0, body_size = 0;
    char *body = 0;

    while (!body || size - (size_t)(body - answer) < body_size) {
        if (size >= sizeof(answer) - 1) return 0;
        ssize_t got = recv(peer->fd, answer + size, sizeof(answer) - 1 - size, 0);
        if (got <= 0) return 0;
        size += (size_t)got;
        answer[size] = 0;
        if (body || !(body = strstr(answer, "\r\n\r\n"))) continue;
        body += 4;
        const char *length = strcasestr(answer, "\r\ncontent-length:");
        if (!length || length > body) return 0;
        body_size = strtoul(length + 17, 0, 10);
        if (body_size > HTTP_PEER_BODY_MAX) return 0;
    }
    memcpy(peer->body, body, body_size);
    peer->body[body_size] = 0;
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, 0, 10) : 0;
}

int http_peer_call(struct http_peer *peer, const char *method, const char *path, const char *body)
{
    char head[4096];

    if (!peer_connect(peer)) return 0;
    int size = snprintf(head, sizeof(head),
                        "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                        "application/json\r\n%s%s%s%s%s%sContent-Length: %zu\r\n\r\n",
                        method, path, peer->token[0] ? "Authorization: Bearer " : "", peer->token,
                        peer->token[0] ? "\r\n" : "", peer->key[0] ? "Idempotency-Key: " : "",
                        peer->key, peer->key[0] ? "\r\n" : "", strlen(body));
    int status = 0;
    if (send_all(peer->fd, head, (size_t)size) && send_all(peer->fd, body, strlen(body)))
        status = receive(peer);
    if (status == 0) http_peer_close(peer);
    return status;
}

static const char *find_member(const struct http_peer *peer, const char *name)
{
    char quoted[128];

    snprintf(quoted, sizeof(quoted), "\"%s\":", name);
    const char *found = strstr(peer->body, quoted);
    return found ? found + strlen(quoted) : 0;
}

bool http_peer_member(const struct http_peer *peer, const char *name, char *ret_text, size_t size)
{
    const char *text = find_member(peer, name);

    if (!text || *text++ != '"') return false;
    size_t length = strcspn(text, "\"");
    if (length >= size) return false;
    memcpy(ret_text, text, length);
    ret_text[length] = 0;
    return true;
}

long http_peer_number(const struct http_peer *peer, const char *name)
{
    const char *text = find_member(peer, name);

    if (!text) return -1;
    if (*text == '"') text++;
    return strtol(text, 0, 10);
}
