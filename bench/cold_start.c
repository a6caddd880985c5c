/* SPDX-License-Identifier: Apache-2.0 */
/* cold_start RUNS PATH PROGRAM ARGUMENT...: measures the time from starting a server to its first
 * 200 response to GET PATH. {port} in an argument is replaced by a free port, on which the server
 * must listen. It is polled every 200 microseconds.
 *
 * Prints the milliseconds of each run, smallest first, on one line. Ends each server with SIGTERM.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RUNS_MAX = 1000,
    ARGUMENTS_MAX = 64,
    ARGUMENT_SIZE = 512,
    REQUEST_SIZE = 1024,
    GIVE_UP_MS = 10000
};
enum { PORT_FIRST = 10000, PORT_COUNT = 20000 };
enum { POLL_NS = 200000, NS_PER_MS = 1000000 };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)1000 * NS_PER_MS + now.tv_nsec;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* The server gets a port that was free a moment ago; nothing keeps it free until the server has it.
 * It is below the range of ephemeral ports, since a client that connects to its own port, where
 * nothing listens yet, would reach itself. */
static int free_port(void)
{
    static int used;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), first = getpid() % PORT_COUNT;

    while (fd >= 0 && used < PORT_COUNT) {
        int port = PORT_FIRST + (first + used++) % PORT_COUNT;
        struct sockaddr_in address = loopback(port);
        if (bind(fd, (struct sockaddr *)&address, sizeof(address))) continue;
        close(fd);
        return port;
    }
    perror("free port");
    exit(1);
}

/* Does the server answer 200 now? */
static int answers(int port, const char *path)
{
    static const char ok[] = "HTTP/1.1 200";
    struct sockaddr_in address = loopback(port);
    struct timeval patience = {.tv_sec = 1};
    char request[REQUEST_SIZE], answer[sizeof(ok) - 1];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), right = 0;
    int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
        send(fd, request, (size_t)length, MSG_NOSIGNAL) == length &&
        recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer))
        right = !memcmp(answer, ok, sizeof(answer));
    close(fd);
    return right;
}

static pid_t start(char **template, int port)
{
    static char texts[ARGUMENTS_MAX][ARGUMENT_SIZE];
    char *arguments[ARGUMENTS_MAX + 1] = {0};

    for (int i = 0; i < ARGUMENTS_MAX && template[i]; i++) {
        const char *place = strstr(template[i], "{port}");
        arguments[i] = place ? texts[i] : template[i];
        if (place)
            snprintf(texts[i], sizeof(texts[i]), "%.*s%d%s", (int)(place - template[i]),
                     template[i], port, place + strlen("{port}"));
    }
    pid_t pid = fork();
    if (pid) return pid;
    execv(arguments[0], arguments);
    perror(arguments[0]);
    _exit(127);
}

/* Milliseconds from fork to the first response; exits with a message when there is none. */
static double run_once(const char *path, char **template)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    int port = free_port(), status;
    int64_t begin = now_ns();
    pid_t pid = start(template, port);

    while (!answers(port, path)) {
        int given_up = now_ns() - begin > GIVE_UP_MS * (int64_t)NS_PER_MS;
        if (given_up) kill(pid, SIGTERM);
        if (given_up || waitpid(pid, &status, WNOHANG) == pid) {
            fprintf(stderr, "cold_start: %s never answered 200 to GET %s\n", template[0], path);
            exit(1);
        }
        nanosleep(&pause, 0);
    }
    double took = (double)(now_ns() - begin) / NS_PER_MS;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    return took;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static double took[RUNS_MAX];
    long runs = argc > 3 ? strtol(argv[1], 0, 10) : 0;

    if (runs < 1 || runs > RUNS_MAX)
        return fputs("usage: cold_start RUNS PATH PROGRAM ARGUMENT...\n", stderr), 2;
    for (long i = 0; i < runs; i++) took[i] = run_once(argv[2], argv + 3);
    qsort(took, (size_t)runs, sizeof(took[0]), by_size);
    for (long i = 0; i < runs; i++) printf("%s%.1f", i ? " " : "", took[i]);
    puts("");
    return 0;
}
