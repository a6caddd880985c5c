/* SPDX-License-Identifier: Apache-2.0 */
/* Starts, kills and checks the shop's processes. See tests/crash/shop_process.h. */
#include "tests/crash/shop_process.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TIMEOUT_MS = 20000, PROCESSES_MAX = 8, COMMAND_MAX = 1024 };

static const char *program;
static char directory[] = "/tmp/argosy-crash-XXXXXX";
static pid_t running[PROCESSES_MAX]; /* ended with the test; 0: free */

static void note(pid_t from, pid_t to)
{
    for (int i = 0; i < PROCESSES_MAX; i++) {
        if (running[i] != from) continue;
        running[i] = to;
        return;
    }
}

void shop_give_up(const char *what)
{
    fprintf(stderr, "crash: %s; see %s\n", what, directory);
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (running[i] > 0) kill(running[i], SIGKILL);
    exit(2);
}

void shop_init(const char *path)
{
    program = path;
    if (!mkdtemp(directory)) shop_give_up("cannot make a data directory");
    setenv("ARGOSY_DATA_DIR", directory, 1);
    setenv("ARGOSY_LOG_FORMAT", "json", 1);
    setenv("USER_ARGON2_MEMORY", "256KiB", 1);
    setenv("USER_ARGON2_PASSES", "1", 1);
    setenv("ACCESS_TOKEN_EXP_DURATION", "24h", 1);
}

const char *shop_directory(void)
{
    return directory;
}

void shop_remove(void)
{
    char command[COMMAND_MAX];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    if (system(command) != 0) shop_give_up("cannot remove the data directory");
}

/* ---- processes ---- */

static void log_path(const struct shop_process *process, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%s.log", directory, process->name);
}

/* A listener's port from the log, once the process has logged that it is ready; 0 until then. */
int shop_port(const struct shop_process *process, const char *listener)
{
    char path[128], start[128], line[4096];
    int found = 0;
    bool ready = false;

    log_path(process, path, sizeof(path));
    snprintf(start, sizeof(start), "\"name\":\"%s\",\"address\":\"127.0.0.1:", listener);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        const char *place = strstr(line, start);
        if (place) found = (int)strtol(place + strlen(start), 0, 10);
        if (strstr(line, "\"message\":\"ready\"")) ready = true;
    }
    if (file) fclose(file);
    return ready ? found : 0;
}

/* Chooses free ports for the modules of the process; it finds others at the ports on which they
 * listen. */
static void choose_free_ports(const char *only)
{
    static const char *const listeners[] = {"gateway", "user",  "auth",    "product",
                                            "cart",    "order", "payment", "bank"};
    char setting[32];

    setenv("ADMIN_LISTEN", "127.0.0.1:0", 1);
    for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++) {
        if (only && !strstr(only, listeners[i])) continue;
        snprintf(setting, sizeof(setting), "%s_LISTEN", listeners[i]);
        for (char *c = setting; *c; c++) *c = (char)toupper((unsigned char)*c);
        setenv(setting, "127.0.0.1:0", 1);
    }
}

static void run(const struct shop_process *process, const char *log)
{
    choose_free_ports(process->only);
    if (!freopen(log, "w", stderr)) _exit(126);
    if (process->only)
        execl(program, program, "serve", "--only", process->only, (char *)0);
    else
        execl(program, program, "serve", (char *)0);
    _exit(127);
}

void shop_start(struct shop_process *process)
{
    char log[128];

    log_path(process, log, sizeof(log));
    unlink(log);
    process->pid = fork();
    if (process->pid == 0) run(process, log);
    note(0, process->pid);
    for (int waited = 0; waited < START_TIMEOUT_MS; waited += 5) {
        process->port = shop_port(process, process->listener);
        if (process->port > 0) return;
        if (waitpid(process->pid, 0, WNOHANG) != 0) break;
        usleep(5000);
    }
    shop_give_up("the shop does not start; its log is in the data directory");
}

void shop_kill(struct shop_process *process)
{
    kill(process->pid, SIGKILL);
    waitpid(process->pid, 0, 0);
    note(process->pid, 0);
    process->pid = 0;
}

bool shop_command(const char *command)
{
    char line[COMMAND_MAX], output[COMMAND_MAX];

    snprintf(line, sizeof(line), "'%s' %s >'%s/command.out' 2>&1", program, command, directory);
    if (system(line) == 0) return true;
    printf("FAILED: argosy %s\n", command);
    snprintf(line, sizeof(line), "%s/command.out", directory);
    FILE *file = fopen(line, "r");
    while (file && fgets(output, sizeof(output), file)) fputs(output, stdout);
    if (file) fclose(file);
    return false;
}

/* ---- accounts ---- */

void shop_sign_up(int port, const char *email, const char *role)
{
    struct http_peer *peer = malloc(sizeof(*peer));
    char text[256];

    if (!peer) shop_give_up("no memory");
    http_peer_init(peer, port);
    snprintf(text, sizeof(text), "{\"name\":\"x\",\"email\":\"%s\",\"password\":\"secret-word\"}",
             email);
    if (http_peer_call(peer, "POST", "/users", text) != 201) shop_give_up("cannot sign up");
    http_peer_close(peer);
    free(peer);

    snprintf(text, sizeof(text), "user role %s %s", email, role);
    if (strcmp(role, "customer") != 0 && !shop_command(text)) shop_give_up("cannot give a role");
}

void shop_log_in(struct http_peer *peer, int port, const char *email)
{
    static const char start[] = "\"login_data\":{\"message\":\"";
    char body[256];

    http_peer_init(peer, port);
    snprintf(body, sizeof(body),
             "{\"email\":\"%s\",\"password\":\"secret-word\",\"device_id\":\"%s\"}", email, email);
    if (http_peer_call(peer, "POST", "/auth/login", body) != 200) shop_give_up("cannot log in");
    const char *token = strstr(peer->body, start);
    if (!token) shop_give_up("the login answers without a token");
    token += strlen(start);
    snprintf(peer->token, sizeof(peer->token), "%.*s", (int)strcspn(token, "\""), token);
}

/* ---- databases ---- */

static bool is_whole(const char *name)
{
    char path[512];
    sqlite3 *db = 0;
    sqlite3_stmt *statement = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    bool whole = sqlite3_open(path, &db) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, 0) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    if (!whole) printf("DAMAGED: %s: %s\n", path, sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return whole;
}

int shop_check_databases(void)
{
    DIR *folder = opendir(directory);
    struct dirent *entry;
    int damaged = 0;

    while (folder && (entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".db") == 0)
            damaged += !is_whole(entry->d_name);
    }
    if (folder) closedir(folder);
    return damaged;
}
