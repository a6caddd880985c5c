/* SPDX-License-Identifier: Apache-2.0 */
/* Opens many idle connections to 127.0.0.1:PORT, and a tenth as many that begin a request and never
 * finish it. Prints "open N" once they are open and keeps them until standard input ends.
 *
 *     idle_connections PORT COUNT */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOW_EVERY = 10 };

static int open_one(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int main(int argc, char **argv)
{
    static const char half[] = "GET /products HTTP/1.1\r\nHost: ";
    struct rlimit files;
    int opened = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: idle_connections PORT COUNT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int port = (int)strtol(argv[1], 0, 10), count = (int)strtol(argv[2], 0, 10);
    for (int i = 0; i < count; i++) {
        int fd = open_one(port);
        if (fd < 0) break;
        if (i % SLOW_EVERY == 0 && write(fd, half, sizeof(half) - 1) < 0) break;
        opened++;
    }
    printf("open %d\n", opened);
    fflush(stdout);
    while (getchar() != EOF) continue;
    return 0;
}
