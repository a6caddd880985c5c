/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking HTTP/1.1 client for tests: one keep-alive connection, one request at a time. */
#ifndef TESTS_CRASH_HTTP_PEER_H
#define TESTS_CRASH_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_PEER_BODY_MAX = 256 * 1024 };

struct http_peer {
    int port;                          /* on 127.0.0.1 */
    int fd;                            /* -1: not connected */
    char source[16];                   /* our own address of the loopback network; "": any */
    char token[2048];                  /* bearer token; "" for none */
    char key[64];                      /* Idempotency-Key; "" for none */
    char body[HTTP_PEER_BODY_MAX + 1]; /* the last response's, NUL-terminated */
};

void http_peer_init(struct http_peer *peer, int port);
void http_peer_close(struct http_peer *peer);

/* The response's status; 0 when there was no complete response: then it is unknown whether the
 * request took effect. */
int http_peer_call(struct http_peer *peer, const char *method, const char *path, const char *body);

/* The text of the first string member `name` of the last response; false if there is none or it is
 * too long. */
bool http_peer_member(const struct http_peer *peer, const char *name, char *ret_text, size_t size);
/* The value of the first member of this name that is a whole number; -1 if there is none. */
long http_peer_number(const struct http_peer *peer, const char *name);

#endif
