/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of file-log with files that cannot be written at once. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/gateway_testing.h"
#include "observe/log.h"

enum { PATIENCE_S = 20 };

static char folder[] = "/tmp/file-log-XXXXXX";
static char pipe_path[64];

static void make_pipe(void)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", folder);
    CHECK(mkfifo(pipe_path, 0600) == 0);
}

static void remove_pipe(void)
{
    unlink(pipe_path);
    rmdir(folder);
    memset(folder + sizeof(folder) - 7, 'X', 6);
}

static void ask_often(struct call *call, struct edge *edge)
{
    for (int i = 0; i < 100; i++) EXPECT(ask(call, edge, "GET", "/nope", "", "").status == 404);
}

TEST(file_log_to_a_pipe_that_is_not_read_holds_up_neither_requests_nor_the_stop)
{
    static char zeros[4096];
    char configuration[1024];

    make_pipe();
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    int writer = open(pipe_path, O_WRONLY | O_NONBLOCK);
    CHECK(reader >= 0 && writer >= 0);
    while (write(writer, zeros, sizeof(zeros)) > 0) continue;
    snprintf(configuration, sizeof(configuration),
             "_format_version: \"3.0\"\nplugins:\n- name: file-log\n  config: {path: %s}\n"
             "services:\n- name: edge\n  url: argosy://edge\n  plugins:\n  - name: grpc-gateway\n"
             "    config: {proto: edge.proto}\n  routes:\n  - {name: all, paths: [/]}\n",
             pipe_path);
    alarm(PATIENCE_S); /* ends the test should it hang */
    edge_run(configuration, NULL, ask_often);
    alarm(0);
    close(reader);
    close(writer);
    remove_pipe();
}

TEST(a_log_file_that_is_a_pipe_without_a_reader_is_refused_at_once)
{
    make_pipe();
    alarm(PATIENCE_S);
    CHECK(log_file_open(pipe_path) < 0);
    CHECK(has(log_file_error(errno), "a pipe that nobody reads"));
    CHECK(is(log_file_error(EACCES), strerror(EACCES)));
    alarm(0);
    remove_pipe();
}
