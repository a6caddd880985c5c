/* SPDX-License-Identifier: Apache-2.0 */
/* argosy healthcheck: a small HTTP client without event loop or shop, quick enough to be called
 * every few seconds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/str.h"

enum { TIMEOUT_S = 3 };

/* Connects to an IPv4 "host:port"; -1 if that fails. */
static int connect_to(const char *address)
{
    struct str rest = str_of(address), host;
    struct sockaddr_in peer = {.sin_family = AF_INET};
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    char text[64];
    uint64_t port;

    str_split(&rest, ':', &host);
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(host));
    if (strcmp(text, "0.0.0.0") == 0 || strcmp(text, "localhost") == 0)
        snprintf(text, sizeof(text), "127.0.0.1");
    if (inet_pton(AF_INET, text, &peer.sin_addr) != 1 || !str_to_u64(rest, &port) || port > 65535)
        return -1;
    peer.sin_port = htons((uint16_t)port);

    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return -1;
    setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(socket_fd, (struct sockaddr *)&peer, sizeof(peer)) == 0) return socket_fd;
    close(socket_fd);
    return -1;
}

static int healthcheck(const struct command_line *line)
{
    static const char request[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const char *address = line->argument_count ? line->arguments[0]
                                               : config_text(line->config, "ADMIN_LISTEN");
    char answer[4096];
    size_t size = 0;

    if (strcmp(address, "off") == 0) {
        command_error("ADMIN_LISTEN is off, so nothing can be asked; set it, or give an ADDRESS");
        return EXIT_FAILED;
    }
    int socket_fd = connect_to(address);
    if (socket_fd < 0) {
        command_error(
            "nothing answers at %s; start the shop, or give the address that ADMIN_LISTEN has "
            "there, such as 127.0.0.1:8001",
            address);
        return EXIT_FAILED;
    }
    if (write(socket_fd, request, sizeof(request) - 1) == (ssize_t)sizeof(request) - 1) {
        ssize_t got;
        while (size < sizeof(answer) - 1 &&
               (got = read(socket_fd, answer + size, sizeof(answer) - 1 - size)) > 0)
            size += (size_t)got;
    }
    close(socket_fd);
    answer[size] = 0;

    bool ready = strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
    const char *body = strstr(answer, "\r\n\r\n");
    printf("%s: %s", address, body ? body + 4 : "no answer\n");
    return ready ? EXIT_OK : EXIT_FAILED;
}

const struct command command_healthcheck = {
    .name = "healthcheck",
    .arguments = "[ADDRESS]",
    .summary = "Check whether a running shop is ready.",
    .description =
        "Requests /readyz from the admin address (ADMIN_LISTEN, or the given one), prints the "
        "answer, and exits with 0 if the shop is ready, else with 1.",
    .arguments_max = 1,
    .run = healthcheck,
};
