/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one command with a client of libmongoc's pool.
 *
 * libmongoc knows one time limit for all commands of a client. So that each command keeps its own, the
 * client's connections are wrapped: whatever waits for the network waits at most until the deadline of
 * the job that this thread runs. While it waits for the first byte of an answer it also looks several
 * times a second whether the caller has given up. */
#include "store/mongodb/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

#define LIBRARY (&mongodb_library)

enum {
    STREAM_TYPE = 100, /* libmongoc leaves numbers of this size to others */
    LOOK_MS = 20,
    US_PER_MS = 1000,
};

/* The job that this thread runs. */
static _Thread_local struct mongodb_job *current;

/* A connection of libmongoc (with or without TLS) in a wrapper. */
struct stream {
    mongoc_stream_t base; /* first */
    mongoc_stream_t *inner;
    bool asked; /* something was written, and none of the answer has come yet */
    bool late;
};

static mongoc_stream_t *inner_of(mongoc_stream_t *stream)
{
    return ((struct stream *)stream)->inner;
}

/* Milliseconds that may still be waited; `limit_ms` is libmongoc's own, at most 0 for none. */
static int32_t left_ms(int32_t limit_ms)
{
    int64_t left = current ? (current->deadline_us - clock_monotonic_us()) / US_PER_MS : INT32_MAX;

    if (current && current->given_up) left = 0;
    if (limit_ms > 0 && limit_ms < left) left = limit_ms;
    if (left > INT32_MAX) left = INT32_MAX;
    return left > 0 ? (int32_t)left : 0;
}

static ssize_t too_late(struct stream *stream)
{
    stream->late = true;
    if (current) current->late = true;
    errno = ETIMEDOUT;
    return -1;
}

static ssize_t write_stream(mongoc_stream_t *base, mongoc_iovec_t *parts, size_t count,
                            int32_t timeout_ms)
{
    struct stream *stream = (struct stream *)base;
    int32_t left = left_ms(timeout_ms);

    if (left == 0) return too_late(stream);
    stream->asked = true;
    return stream->inner->writev(stream->inner, parts, count, left);
}

/* Waits for the answer's first byte. Nothing of it can be in a buffer of TLS yet, so the socket itself
 * may be watched. */
static bool wait_for_answer(struct stream *stream, int32_t timeout_ms)
{
    int64_t end_us = clock_monotonic_us() + left_ms(timeout_ms) * (int64_t)US_PER_MS;
    mongoc_stream_poll_t poll = {.stream = stream->inner, .events = POLLIN};

    for (;;) {
        int64_t left = (end_us - clock_monotonic_us()) / US_PER_MS;
        if (left <= 0 || left_ms(timeout_ms) == 0) return false;
        poll.revents = 0;
        if (LIBRARY->mongoc_stream_poll(&poll, 1, left < LOOK_MS ? (int32_t)left : LOOK_MS) != 0)
            return true; /* or it is broken, which reading finds out */
    }
}

static ssize_t read_stream(mongoc_stream_t *base, mongoc_iovec_t *parts, size_t count, size_t min,
                           int32_t timeout_ms)
{
    struct stream *stream = (struct stream *)base;

    if (stream->asked && !wait_for_answer(stream, timeout_ms)) return too_late(stream);
    stream->asked = false;
    int32_t left = left_ms(timeout_ms);
    if (left == 0) return too_late(stream);
    return stream->inner->readv(stream->inner, parts, count, min, left);
}

static void destroy_stream(mongoc_stream_t *base)
{
    LIBRARY->mongoc_stream_destroy(inner_of(base));
    free(base);
}

static void fail_stream(mongoc_stream_t *base)
{
    mongoc_stream_t *inner = inner_of(base);

    if (inner->failed)
        inner->failed(inner); /* destroys it */
    else
        LIBRARY->mongoc_stream_destroy(inner);
    free(base);
}

static int close_stream(mongoc_stream_t *base)
{
    return inner_of(base)->close(inner_of(base));
}

static int flush_stream(mongoc_stream_t *base)
{
    mongoc_stream_t *inner = inner_of(base);

    return inner->flush ? inner->flush(inner) : 0;
}

static int set_option(mongoc_stream_t *base, int level, int option, void *value,
                      mongoc_socklen_t length)
{
    mongoc_stream_t *inner = inner_of(base);

    return inner->setsockopt ? inner->setsockopt(inner, level, option, value, length) : 0;
}

static mongoc_stream_t *base_of(mongoc_stream_t *base)
{
    return inner_of(base);
}

static bool check_closed(mongoc_stream_t *base)
{
    return inner_of(base)->check_closed(inner_of(base));
}

static bool timed_out(mongoc_stream_t *base)
{
    mongoc_stream_t *inner = inner_of(base);

    return ((struct stream *)base)->late || (inner->timed_out && inner->timed_out(inner));
}

static bool should_retry(mongoc_stream_t *base)
{
    mongoc_stream_t *inner = inner_of(base);

    return !((struct stream *)base)->late && inner->should_retry && inner->should_retry(inner);
}

static mongoc_stream_t *connect_stream(const mongoc_uri_t *uri, const mongoc_host_list_t *host,
                                       void *client, bson_error_t *error)
{
    mongoc_stream_t *inner = LIBRARY->connect(uri, host, client, error);
    if (!inner) return 0;
    struct stream *stream = calloc(1, sizeof(*stream));
    invariant(stream != 0);
    stream->inner = inner;
    stream->base = (mongoc_stream_t){
        .type = STREAM_TYPE,
        .destroy = destroy_stream,
        .close = close_stream,
        .flush = flush_stream,
        .writev = write_stream,
        .readv = read_stream,
        .setsockopt = set_option,
        .get_base_stream = base_of,
        .check_closed = check_closed,
        .failed = fail_stream,
        .timed_out = timed_out,
        .should_retry = should_retry,
    };
    return &stream->base;
}

void mongodb_job_init(struct mongodb_job *job)
{
    LIBRARY->bson_init(&job->reply);
}

/* Does libmongoc, whose own threads look for the servers all the time, know one that takes writes? */
static bool knows_server(mongoc_client_t *client)
{
    static const char *const types[] = {"RSPrimary", "Standalone", "Mongos", "LoadBalancer"};
    size_t count;
    bool found = false;

    mongoc_server_description_t **all = LIBRARY->mongoc_client_get_server_descriptions(client,
                                                                                       &count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++)
            found |= strcmp(LIBRARY->mongoc_server_description_type(all[i]), types[j]) == 0;
    LIBRARY->mongoc_server_descriptions_destroy_all(all, count);
    return found;
}

static bool run_command(struct mongodb_job *job, mongoc_client_t *client, const bson_t *command)
{
    bson_t *reply = &job->reply;
    bson_error_t *error = &job->error;

    job->unasked = job->hurried && !knows_server(client);
    if (job->unasked) {
        LIBRARY->bson_init(reply);
        *error = (bson_error_t){.domain = MONGOC_ERROR_SERVER_SELECTION,
                                .code = MONGOC_ERROR_SERVER_SELECTION_FAILURE,
                                .message = "no server is known that takes writes"};
        return false;
    }

    if (job->writes)
        return LIBRARY->mongoc_client_write_command_with_opts(client, job->database, command, 0,
                                                              reply, error);
    mongoc_read_prefs_t *primary = LIBRARY->mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    bool ok = LIBRARY->mongoc_client_read_command_with_opts(client, job->database, command, primary,
                                                            0, reply, error);
    LIBRARY->mongoc_read_prefs_destroy(primary);
    return ok;
}

/* The command with the time that the server may take; the one that was given is not changed. */
static void limit_time(const struct mongodb_job *job, bson_t *ret_command)
{
    bson_t given;
    int32_t left = left_ms(0);

    bool whole = LIBRARY->bson_init_static(&given, (const uint8_t *)job->command.data,
                                           job->command.length);
    invariant(whole);
    LIBRARY->bson_copy_to(&given, ret_command);
    LIBRARY->bson_append_int64(ret_command, "maxTimeMS", -1, left > 0 ? left : 1);
}

void mongodb_job_run(void *data)
{
    struct mongodb_job *job = data;
    bson_t command;

    job->begun = true;
    current = job;
    mongoc_client_t *client = LIBRARY->mongoc_client_pool_try_pop(job->pool);
    invariant(client != 0); /* the lane has no more threads than the pool clients */
    if (LIBRARY->connect)
        LIBRARY->mongoc_client_set_stream_initiator(client, connect_stream, client);
    limit_time(job, &command);
    LIBRARY->bson_destroy(&job->reply);
    job->ok = run_command(job, client, &command);
    LIBRARY->bson_destroy(&command);
    LIBRARY->mongoc_client_pool_push(job->pool, client);
    current = 0;
}
