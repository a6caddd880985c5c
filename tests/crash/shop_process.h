/* SPDX-License-Identifier: Apache-2.0 */
/* The shop as processes that a test starts, kills, and starts again on the same data.
 *
 *     shop_init("build/argosy");
 *     shop_start(&shop);  ...load...  shop_kill(&shop);
 *     shop_check_databases();
 *     shop_start(&shop);  ...
 *
 * Everything runs on free ports of loopback. What cannot be is said and ends the test with 2. */
#ifndef TESTS_CRASH_SHOP_PROCESS_H
#define TESTS_CRASH_SHOP_PROCESS_H

#include <sys/types.h>

#include "tests/crash/http_peer.h"

struct shop_process {
    const char *name;     /* of its log in the data directory */
    const char *only;     /* the modules that it has, as `--only` takes them; NULL: all */
    const char *listener; /* whose port is wanted: "gateway", "bank" */
    pid_t pid;            /* while it runs */
    int port;
};

/* Makes the data directory, and settings that all processes of the test have. */
void shop_init(const char *program);
/* Borrowed for the life of the test. */
const char *shop_directory(void);
/* Removes the data directory. */
void shop_remove(void);

/* Returns when it is ready, with its port. */
void shop_start(struct shop_process *process);
/* The port of another listener of a process that runs. */
int shop_port(const struct shop_process *process, const char *listener);
/* SIGKILL, and waits for the end. */
void shop_kill(struct shop_process *process);

/* Runs `argosy COMMAND` on the data directory; false, with its output shown, if it fails. */
bool shop_command(const char *command);

/* An account with the address as its name, and with a role if it is not "customer". */
void shop_sign_up(int port, const char *email, const char *role);
/* Makes a peer of that user; over again with `port` after a restart is not needed. */
void shop_log_in(struct http_peer *peer, int port, const char *email);

/* How many databases of the data directory are damaged; each is named. While no process runs. */
int shop_check_databases(void);

__attribute__((noreturn)) void shop_give_up(const char *what);

#endif
