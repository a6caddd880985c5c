/* SPDX-License-Identifier: Apache-2.0 */
/* libpq's connection on the shard's loop. libpq closes and opens sockets by itself while it
 * connects, so the loop watches a duplicate of the descriptor, which is closed only when the loop
 * has let go of it. */
#include "store/postgres/link.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "fiber/resolve.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/postgres/refusal.h"

/* ---- waiting for the socket ---- */

struct poll {
    uv_poll_t handle;
    int fd;
    struct postgres_link *link; /* NULL: closed */
    int events;
};

static void on_closed(uv_handle_t *handle)
{
    struct poll *poll = handle->data;

    close(poll->fd);
    free(poll);
}

static void on_ready(uv_poll_t *handle, int error, int events)
{
    struct poll *poll = handle->data;
    struct postgres_link *link = poll->link;

    (void)error; /* libpq finds it at its next read */
    (void)events;
    if (!link) return;
    if (link->wait.fiber)
        fiber_wake(link->shard, &link->wait);
    else if (link->on_idle)
        link->on_idle(link);
}

static void unwatch(struct postgres_link *link)
{
    if (!link->poll) return;
    link->poll->link = NULL;
    uv_close((uv_handle_t *)&link->poll->handle, on_closed);
    link->poll = NULL;
}

static bool watch(struct postgres_link *link, int events)
{
    struct poll *poll = link->poll;

    if (!poll) {
        int fd = dup(link->library->socket(link->conn));
        if (fd < 0) return false;
        poll = calloc(1, sizeof(*poll));
        invariant(poll);
        poll->handle.data = poll;
        poll->fd = fd;
        if (uv_poll_init_socket(&link->shard->loop, &poll->handle, fd) != 0) {
            close(fd);
            free(poll);
            return false;
        }
        poll->link = link;
        link->poll = poll;
    }
    if (poll->events == events) return true;
    poll->events = events;
    return uv_poll_start(&poll->handle, events, on_ready) == 0;
}

static struct status wait_for(struct call *call, struct postgres_link *link, int events)
{
    if (!watch(link, events))
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                           "the loop cannot watch another connection");
    return fiber_suspend(call, &link->wait);
}

/* ---- connecting ---- */

static void ignore_notice(void *data, const PGresult *result)
{
    (void)data;
    (void)result;
}

static struct status connect_error(const struct call *call, const struct postgres_link *link)
{
    return postgres_connect_status(call->arena, link->library->errorMessage(link->conn));
}

static PGconn *start(const struct call *call, const struct postgres_library *library,
                     const struct postgres_target *target, const struct postgres_host *host,
                     const char *address)
{
    const char *keywords[POSTGRES_OPTIONS_MAX + 4], *values[POSTGRES_OPTIONS_MAX + 4];
    size_t count = target->option_count;

    (void)call;
    memcpy(keywords, target->keywords, count * sizeof(*keywords));
    memcpy(values, target->values, count * sizeof(*values));
    keywords[count] = "host", values[count++] = host->host;
    keywords[count] = "hostaddr", values[count++] = address;
    keywords[count] = "port", values[count++] = host->port;
    keywords[count] = NULL, values[count] = NULL;
    return library->connectStartParams(keywords, values, 0);
}

static struct status finish_connecting(struct call *call, struct postgres_link *link)
{
    const struct postgres_library *library = link->library;
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;

    if (library->status(link->conn) == CONNECTION_BAD) return connect_error(call, link);
    library->setNoticeReceiver(link->conn, ignore_notice, NULL);
    library->setErrorVerbosity(link->conn, PQERRORS_VERBOSE); /* errors with their SQLSTATE */
    while (step != PGRES_POLLING_OK) {
        struct status st = wait_for(call, link,
                                    step == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE);
        if (failed(st)) return st;
        unwatch(link); /* libpq may open another socket */
        step = library->connectPoll(link->conn);
        if (step == PGRES_POLLING_FAILED) return connect_error(call, link);
    }
    if (library->setnonblocking(link->conn, 1) != 0 || library->enterPipelineMode(link->conn) != 1)
        return connect_error(call, link);
    return watch(link, UV_READABLE) ? status_ok() : connect_error(call, link);
}

/* Connects to one address within the time for one host. */
static struct status try_address(struct call *call, const struct postgres_target *target,
                                 const struct postgres_host *host, const char *address,
                                 struct postgres_link *link)
{
    struct call limited;

    call_init_child(&limited, call, target->connect_timeout_ms);
    link->conn = start(call, link->library, target, host, address);
    invariant(link->conn);
    struct status st = finish_connecting(&limited, link);
    if (!failed(st)) return st;
    unwatch(link);
    link->library->finish(link->conn);
    link->conn = NULL;
    if (st.code == STATUS_DEADLINE_EXCEEDED && !failed(call_check(call)))
        st = status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "no answer within the time to connect");
    return st;
}

static bool is_name(const struct postgres_host *host)
{
    struct sockaddr_storage address;

    return host->host[0] && host->host[0] != '/' && host->host[0] != '@' && !host->address[0] &&
           !address_from_ip(host->host, 1, &address);
}

static struct status try_host(struct call *call, const struct postgres_target *target,
                              const struct postgres_host *host, struct postgres_link *link)
{
    struct resolved resolved;
    struct status st;

    if (!is_name(host)) return try_address(call, target, host, host->address, link);
    st = resolve_host(call, host->host, &resolved);
    if (failed(st)) return st;
    for (size_t i = 0; i < resolved.count; i++) {
        st = try_address(call, target, host, resolved.ips[i], link);
        if (!failed(st) || failed(call_check(call))) return st;
    }
    return st;
}

static struct status try_hosts(struct call *call, const struct postgres_target *target,
                               size_t *from, struct postgres_link *link)
{
    struct status st = status_ok();
    size_t first = *from;

    for (size_t i = 0; i < target->host_count; i++) {
        size_t index = (first + i) % target->host_count;
        link->host = target->hosts[index].host;
        st = try_host(call, target, &target->hosts[index], link);
        if (!failed(st)) *from = index;
        if (!failed(st) || failed(call_check(call))) return st;
        log_debug(call->trace, "store: a server cannot be used", LOG_STR("host", link->host),
                  LOG_STR("error", st.message ? st.message : ""));
    }
    return st;
}

struct status postgres_link_open(struct call *call, const struct postgres_library *library,
                                 const struct postgres_target *target, size_t *from,
                                 struct postgres_link **ret_link)
{
    struct postgres_link *link = calloc(1, sizeof(*link));

    invariant(link);
    link->library = library;
    link->shard = call->shard;
    link->prepares = !target->pgbouncer;
    struct status st = try_hosts(call, target, from, link);
    if (failed(st)) {
        free(link);
        return st;
    }
    *ret_link = link;
    return st;
}

void postgres_link_close(struct postgres_link *link)
{
    invariant(!link->wait.fiber);
    unwatch(link);
    link->library->finish(link->conn);
    free(link);
}

/* ---- sending ---- */

static void clear_result(void *data)
{
    const struct postgres_request *request = data;

    if (request->result) request->library->clear(request->result);
}

static struct postgres_request *queue(struct arena *arena, struct postgres_link *link,
                                      enum postgres_request_kind kind)
{
    struct postgres_request *request = arena_new(arena, struct postgres_request);

    request->kind = kind;
    request->library = link->library;
    request->link = link;
    if (link->last)
        link->last->next = request;
    else
        link->first = request;
    link->last = request;
    arena_defer(arena, clear_result, request);
    return request;
}

/* The slot of a statement: found by the address of its text, which is compared too; NULL if its
 * neighbours are all taken. */
static struct postgres_statement *find_statement(struct postgres_link *link, const char *sql)
{
    enum { NEIGHBOURS = 16 };
    size_t place = (size_t)hash_fold((uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15));
    uint64_t hash = hash_text(HASH_START, sql);

    for (size_t i = 0; i < NEIGHBOURS; i++) {
        struct postgres_statement *slot = &link->statements[(place + i) % POSTGRES_STATEMENTS_MAX];
        if (slot->sql == sql && slot->hash == hash) return slot;
        if (slot->sql && slot->sql != sql) continue;
        *slot = (struct postgres_statement){
            .sql = sql, .hash = hash, .number = link->next_number++};
        return slot;
    }
    return NULL;
}

static void prepare(struct arena *arena, struct postgres_link *link,
                    struct postgres_statement *statement, const char *name,
                    const struct postgres_values *values)
{
    statement->preparing = true;
    if (!link->library->sendPrepare(link->conn, name, statement->sql, values->count, values->types))
        link->broken = true;
    queue(arena, link, POSTGRES_PREPARE)->statement = statement;
}

struct postgres_request *postgres_link_send(struct arena *arena, struct postgres_link *link,
                                            const char *sql, const struct postgres_values *values)
{
    struct postgres_statement *statement = link->prepares ? find_statement(link, sql) : NULL;
    const struct postgres_library *library = link->library;
    char name[16];
    int sent;

    if (statement) {
        snprintf(name, sizeof(name), "s%d", statement->number);
        if (!statement->prepared && !statement->preparing)
            prepare(arena, link, statement, name, values);
        sent = library->sendQueryPrepared(link->conn, name, values->count, values->values,
                                          values->lengths, values->formats, 1);
    } else {
        sent = library->sendQueryParams(link->conn, sql, values->count, values->types,
                                        values->values, values->lengths, values->formats, 1);
    }
    if (!sent) link->broken = true;
    return queue(arena, link, POSTGRES_STATEMENT);
}

void postgres_link_flush(struct postgres_link *link)
{
    if (!link->library->sendFlushRequest(link->conn)) link->broken = true;
}

struct postgres_request *postgres_link_sync(struct arena *arena, struct postgres_link *link)
{
    if (!link->library->pipelineSync(link->conn)) link->broken = true;
    return queue(arena, link, POSTGRES_SYNC);
}

/* ---- receiving ---- */

static void pop(struct postgres_link *link)
{
    struct postgres_request *request = link->first;
    struct postgres_statement *statement = request->statement;

    link->first = request->next;
    if (!link->first) link->last = NULL;
    request->next = NULL;
    request->done = true;
    link->ends = 0;
    if (!statement) return;
    statement->preparing = false;
    statement->prepared = request->result &&
                          link->library->resultStatus(request->result) == PGRES_COMMAND_OK;
}

/* Takes one result, or the end of a statement's results. False if libpq has neither, which only
 * happens when the connection is lost. */
static bool take_result(struct postgres_link *link)
{
    struct postgres_request *request = link->first;
    PGresult *result = link->library->getResult(link->conn);
    ExecStatusType status;

    if (!result) {
        if (request->result) pop(link);
        return ++link->ends < 3;
    }
    link->ends = 0;
    if (request->result) link->library->clear(request->result);
    request->result = result;
    status = link->library->resultStatus(result);
    if ((status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) && !link->error)
        link->error = request;
    if (status == PGRES_PIPELINE_SYNC) pop(link);
    return true;
}

static void take_results(struct postgres_link *link)
{
    while (link->first && !link->library->isBusy(link->conn))
        if (!take_result(link)) {
            link->broken = true;
            return;
        }
}

static struct status lost(void)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                       "the connection to the store was lost");
}

struct status postgres_link_await(struct call *call, struct postgres_link *link,
                                  struct postgres_request *request)
{
    while (!request->done) {
        int left = link->broken ? -1 : link->library->flush(link->conn);
        if (left < 0) link->broken = true;
        take_results(link);
        if (request->done) break;
        if (link->broken) return lost();
        struct status st = wait_for(call, link, UV_READABLE | (left > 0 ? UV_WRITABLE : 0));
        if (failed(st)) return st;
        if (!link->library->consumeInput(link->conn)) {
            take_results(link); /* the server may have said why */
            link->broken = true;
        }
    }
    return status_ok();
}

void postgres_link_push(struct postgres_link *link)
{
    if (link->library->flush(link->conn) < 0) link->broken = true;
}

struct status postgres_link_listen(struct call *call, struct postgres_link *link)
{
    struct status st = wait_for(call, link, UV_READABLE);

    if (!failed(st) && !link->library->consumeInput(link->conn)) st = lost();
    return st;
}
