/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the shop that a test starts, kills, and starts again on the same data.
 *
 *     shop_init("build/argosy");
 *     shop_start(&shop);  ...load...  shop_kill(&shop);
 *     shop_check_databases();
 *     shop_start(&shop);  ...
 *
 * Everything runs on free ports of loopback. A failure to set things up is printed and ends the
 * test with status 2. */
#ifndef TESTS_CRASH_SHOP_PROCESS_H
#define TESTS_CRASH_SHOP_PROCESS_H

#include <sys/types.h>

#include "tests/crash/http_peer.h"

struct shop_process {
    const char *name;     /* the name of its log in the data directory */
    const char *only;     /* its modules, as for `--only`; NULL: all */
    const char *listener; /* the listener to connect to: "gateway", "bank" */
    pid_t pid;            /* while it runs */
    int port;
};

/* Makes the data directory, and sets the settings of all processes of the test. */
void shop_init(const char *program);
/* Borrowed for the life of the test. */
const char *shop_directory(void);
/* Removes the data directory. */
void shop_remove(void);

/* Returns when it is ready, with its port. */
void shop_start(struct shop_process *process);
/* The port of another listener of a running process. */
int shop_port(const struct shop_process *process, const char *listener);
/* Kills it with SIGKILL and waits for its end. */
void shop_kill(struct shop_process *process);

/* Runs `argosy COMMAND` on the data directory; false, with its output shown, if it fails. */
bool shop_command(const char *command);

/* An account with the address as its name, and with a role if it is not "customer". */
void shop_sign_up(int port, const char *email, const char *role);
/* Logs a peer in as that user. Not needed again after a restart. */
void shop_log_in(struct http_peer *peer, int port, const char *email);

/* The number of damaged databases in the data directory; each is printed. Call it while no process
 * runs. */
int shop_check_databases(void);

__attribute__((noreturn)) void shop_give_up(const char *what);

#endif
