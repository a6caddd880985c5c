/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: from connecting to its line of commands.
 *
 *     CONNECTING ── TCP ──► SECURING ── TLS, if any ──► GREETING ── all steps answered ──► READY
 *          └───────────────────┴───────────────────────────┴──────── any failure ──────────► CLOSED
 *
 * In GREETING the steps of logging in are sent at once, and their answers checked one by one. */
#include "store/redis/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "fiber/address.h"
#include "fiber/stream.h"
#include "store/redis/reply.h"

enum {
    STEPS_MAX = 4,
    ENTRIES_KEPT_MAX = 256,
    PROBLEM_SIZE = 400,
    PLAIN_SIZE = 16 * 1024,
    KEPT_SIZE_MAX = 256 * 1024,
    US_PER_MS = 1000,
    MOMENT_US = 20000,
};

enum link_state { LINK_CONNECTING, LINK_SECURING, LINK_GREETING, LINK_READY, LINK_ENDED };

enum link_step { STEP_LOG_IN, STEP_NAME, STEP_SELECT, STEP_ROLE, STEP_ASK_PRIMARY };

/* A place in the line, for the answers of one request. */
struct link_entry {
    struct link_entry *next;
    struct link_request *request; /* NULL: given up */
    int left;                     /* answers that are still to come */
};

struct link {
    struct link_plan plan;
    char address[ADDRESS_HOST_SIZE + 8];
    enum link_state state;
    enum link_end end;
    char problem[PROBLEM_SIZE];

    struct stream_connect *attempt;
    struct stream *stream;
    struct tls *tls;
    struct reply_reader reader;

    enum link_step steps[STEPS_MAX];
    size_t step_count, steps_done;

    struct link_entry *line, *line_last; /* the oldest first */
    size_t waiting;
    struct link_entry *unused;
    size_t unused_count;

    struct buffer out;    /* commands of this turn */
    struct buffer cipher; /* the same, encrypted */
    struct shard_task flush;
    struct shard_timer timer;
    int64_t progress_us; /* when something was last answered, or the line stopped being empty */
    bool answered;
    bool suspected; /* of being silent for too long */
    struct shard_task gone;
};

/* Counts a ready connection as busy or idle, or (-1) no more. */
static void count_as(const struct link *link, bool busy, int change)
{
    metric_shift(busy ? link->plan.metrics->busy : link->plan.metrics->idle, change);
}

/* ---- the end ---- */

static void release(struct link *link)
{
    while (link->unused) {
        struct link_entry *entry = link->unused;
        link->unused = entry->next;
        free(entry);
    }
    tls_free(link->tls);
    reply_reader_release(&link->reader);
    buffer_release(&link->out);
    buffer_release(&link->cipher);
    free(link);
}

/* All requests in the line are lost; their fibers go on at the end of the turn. */
static void lose_line(struct link *link)
{
    while (link->line) {
        struct link_entry *entry = link->line;
        link->line = entry->next;
        if (entry->request) {
            entry->request->lost = true;
            entry->request->entry = 0;
            fiber_wake_later(link->plan.shard, &entry->request->wait);
        }
        free(entry);
    }
    link->line_last = 0;
    link->waiting = 0;
}

/* The owner learns of it before the fibers in the line do, which may try again at once. */
static void report_gone(void *data)
{
    struct link *link = data;

    link->plan.events->on_gone(link->plan.owner, link, link->end, link->problem);
    lose_line(link);
    release(link);
}

static void end_link(struct link *link, enum link_end end, const char *problem)
{
    if (link->state == LINK_ENDED) return;
    if (link->state == LINK_READY) count_as(link, link->waiting > 0, -1);
    link->state = LINK_ENDED;
    link->end = end;
    snprintf(link->problem, sizeof(link->problem), "%s", problem);
    shard_timer_stop(&link->timer);
    shard_defer_cancel(link->plan.shard, &link->flush);
    if (link->attempt) stream_connect_cancel(link->attempt);
    link->attempt = 0;
    if (link->stream)
        stream_close(link->stream); /* reports through on_close */
    else
        shard_defer(link->plan.shard, &link->gone);
}

void link_close(struct link *link)
{
    end_link(link, LINK_CLOSED, "");
}

/* ---- time ---- */

static void on_time(void *data);

static void watch(struct link *link)
{
    shard_timer_start(link->plan.shard, &link->timer,
                      link->progress_us + link->plan.url->timeout_ms * US_PER_MS, on_time, link);
}

/* The timer is not moved at each answer, but looks again when it is due. A process that was stopped
 * for a while finds its timers due before it has read what came meanwhile, so a silent server gets
 * one more moment. */
static void on_time(void *data)
{
    struct link *link = data;
    int64_t now_us = shard_now_us(link->plan.shard);

    if (link->state == LINK_READY && link->waiting == 0) return;
    if (now_us - link->progress_us < link->plan.url->timeout_ms * US_PER_MS) {
        watch(link);
        return;
    }
    if (link->suspected) {
        end_link(link, LINK_SILENT, "it has answered nothing for the `timeout` of the store's URL");
        return;
    }
    link->suspected = true;
    shard_timer_start(link->plan.shard, &link->timer, now_us + MOMENT_US, on_time, link);
}

/* ---- writing ---- */

/* The memory that a large command took is not kept. */
static void empty(struct buffer *buffer)
{
    if (buffer->capacity > KEPT_SIZE_MAX)
        buffer_release(buffer);
    else
        buffer_clear(buffer);
}

static void end_by_tls(struct link *link)
{
    end_link(link, tls_is_refused(link->tls) ? LINK_REFUSED : LINK_LOST, tls_error(link->tls));
}

static void flush(void *data)
{
    struct link *link = data;
    struct buffer *out = &link->out;

    if (link->state == LINK_ENDED) return;
    if (link->tls) {
        if (out->length > 0 && !tls_write(link->tls, out->data, out->length)) {
            end_by_tls(link);
            return;
        }
        out = &link->cipher;
        tls_take(link->tls, out);
    }
    const struct iovec part = {out->data, out->length};
    if (out->length > 0) stream_write(link->stream, &part, 1);
    empty(&link->out);
    empty(&link->cipher);
}

/* What RESP has before an array ('*') and a text ('$'). */
static void put_length(struct buffer *out, char kind, size_t length)
{
    char text[1 + NUMBER_TEXT_SIZE + 2] = {kind};
    size_t size = 1 + number_format_u64(length, text + 1);

    text[size++] = '\r';
    text[size++] = '\n';
    buffer_append(out, text, size);
}

void link_write(struct link *link, const struct str *words, size_t count)
{
    struct buffer *out = &link->out;

    invariant(count > 0 && count <= REDIS_WORDS_MAX);
    put_length(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        put_length(out, '$', words[i].length);
        buffer_append(out, words[i].data, words[i].length);
        buffer_append(out, "\r\n", 2);
    }
    invariant(!out->overflow);
}

static struct link_entry *take_entry(struct link *link)
{
    struct link_entry *entry = link->unused;

    if (entry) {
        link->unused = entry->next;
        link->unused_count--;
    } else {
        entry = malloc(sizeof(*entry));
        invariant(entry);
    }
    return entry;
}

void link_send(struct link *link, struct link_request *request)
{
    struct link_entry *entry = take_entry(link);

    *entry = (struct link_entry){.request = request, .left = request->wanted};
    request->entry = entry;
    if (link->line_last)
        link->line_last->next = entry;
    else
        link->line = entry;
    link->line_last = entry;
    if (link->waiting++ == 0) {
        link->progress_us = shard_now_us(link->plan.shard);
        link->suspected = false;
        watch(link);
        count_as(link, false, -1);
        count_as(link, true, 1);
    }
    shard_defer(link->plan.shard, &link->flush);
}

void link_give_up(struct link_request *request)
{
    if (request->entry) request->entry->request = 0;
    request->entry = 0;
}

/* ---- logging in ---- */

static void add_step(struct link *link, enum link_step step, const struct str *words, size_t count)
{
    link->steps[link->step_count++] = step;
    link_write(link, words, count);
}

static void greet(struct link *link)
{
    const struct redis_url *url = link->plan.url;
    char database[16], name[64];

    link->state = LINK_GREETING;
    if (url->user[0])
        add_step(link, STEP_LOG_IN,
                 REDIS_WORDS(STR("AUTH"), str_of(url->user), str_of(url->password)));
    else if (url->password[0])
        add_step(link, STEP_LOG_IN, REDIS_WORDS(STR("AUTH"), str_of(url->password)));
    if (link->plan.to_sentinel) {
        add_step(link, STEP_ASK_PRIMARY,
                 REDIS_WORDS(STR("SENTINEL"), STR("get-master-addr-by-name"), str_of(url->master)));
    } else {
        snprintf(name, sizeof(name), "argosy-%s", link->plan.name);
        add_step(link, STEP_NAME, REDIS_WORDS(STR("CLIENT"), STR("SETNAME"), str_of(name)));
        snprintf(database, sizeof(database), "%d", url->database);
        if (url->database)
            add_step(link, STEP_SELECT, REDIS_WORDS(STR("SELECT"), str_of(database)));
        add_step(link, STEP_ROLE, REDIS_WORDS(STR("ROLE")));
    }
    flush(link);
}

static bool is_error(const struct redis_reply *reply, const char *code)
{
    return reply->kind == REDIS_ERROR && str_starts_with(reply->text, str_of(code));
}

static void refuse(struct link *link, enum link_end end, const char *what,
                   const struct redis_reply *reply)
{
    struct str text = reply->text;
    char problem[PROBLEM_SIZE];

    if (text.length > 160) text.length = 160;
    snprintf(problem, sizeof(problem), "%s%.*s%s", what, STR_ARGS(text),
             end == LINK_REFUSED
                 ? "; correct the user, the password or the database in the store's "
                   "URL or file, or in the server"
                 : "");
    end_link(link, end, problem);
}

static void check_role(struct link *link, const struct redis_reply *reply)
{
    bool known = reply->kind == REDIS_ARRAY && reply->count > 0 &&
                 reply->items[0]->kind == REDIS_TEXT;

    /* A user without the right to ask is believed to have been sent to the primary. */
    if (is_error(reply, "NOPERM") || (known && str_is(reply->items[0]->text, "master"))) return;
    if (known)
        end_link(link, LINK_REPLICA, "it is a replica, and not the primary");
    else
        refuse(link, LINK_LOST, "it does not say its role: ", reply);
}

static void take_primary(struct link *link, const struct redis_reply *reply)
{
    char address[sizeof(link->address)];

    if (reply->kind != REDIS_ARRAY || reply->count != 2 || reply->items[0]->kind != REDIS_TEXT ||
        reply->items[1]->kind != REDIS_TEXT) {
        refuse(link, LINK_LOST,
               reply->kind == REDIS_NIL ? "the Sentinel knows no master of this name"
                                        : "Sentinel: ",
               reply);
        return;
    }
    struct str host = reply->items[0]->text, port = reply->items[1]->text;
    bool v6 = str_find(host, ':') < host.length;
    int length = snprintf(address, sizeof(address), v6 ? "[%.*s]:%.*s" : "%.*s:%.*s",
                          STR_ARGS(host), STR_ARGS(port));
    if (length < 0 || (size_t)length >= sizeof(address)) {
        end_link(link, LINK_LOST, "the Sentinel's address of the primary is too long");
        return;
    }
    link->plan.events->on_primary(link->plan.owner, link, address);
    link_close(link);
}

/* A Sentinel without a password refuses AUTH, which does not matter. */
static void check_step(struct link *link, enum link_step step, const struct redis_reply *reply)
{
    bool refused = reply->kind == REDIS_ERROR;

    if (is_error(reply, "NOAUTH")) {
        refuse(link, LINK_REFUSED, "it wants a password: ", reply);
    } else if (step == STEP_LOG_IN && refused && !link->plan.to_sentinel) {
        refuse(link, is_error(reply, "LOADING") ? LINK_LOST : LINK_REFUSED, "AUTH: ", reply);
    } else if (step == STEP_SELECT && refused) {
        refuse(link, is_error(reply, "LOADING") ? LINK_LOST : LINK_REFUSED, "SELECT: ", reply);
    } else if (step == STEP_ROLE) {
        check_role(link, reply);
    } else if (step == STEP_ASK_PRIMARY) {
        take_primary(link, reply);
    }
}

static void take_greeting(struct link *link, const struct redis_reply *reply)
{
    check_step(link, link->steps[link->steps_done++], reply);
    if (link->state != LINK_GREETING || link->steps_done < link->step_count) return;
    link->state = LINK_READY;
    count_as(link, false, 1);
    link->plan.events->on_ready(link->plan.owner, link);
}

/* ---- answers ---- */

static void keep_entry(struct link *link, struct link_entry *entry)
{
    if (link->unused_count >= ENTRIES_KEPT_MAX) {
        free(entry);
        return;
    }
    entry->next = link->unused;
    link->unused = entry;
    link->unused_count++;
}

static void take_answer(struct link *link, const struct redis_reply *reply)
{
    struct link_entry *entry = link->line;

    if (!entry) {
        end_link(link, LINK_LOST, "it has answered without having been asked");
        return;
    }
    struct link_request *request = entry->request;
    if (request) request->replies[request->got++] = reply_dup(request->arena, reply);
    link->answered = true;
    link->suspected = false;
    link->progress_us = shard_now_us(link->plan.shard);
    if (--entry->left > 0) return;
    link->line = entry->next;
    if (!link->line) link->line_last = 0;
    if (--link->waiting == 0) {
        count_as(link, true, -1);
        count_as(link, false, 1);
    }
    keep_entry(link, entry);
    if (!request) return;
    request->entry = 0;
    fiber_wake(link->plan.shard, &request->wait);
}

static void take_plain(struct link *link, const void *data, size_t size)
{
    const struct redis_reply *reply;
    enum reply_found found;

    reply_reader_feed(&link->reader, data, size);
    while (link->state != LINK_ENDED) {
        found = reply_reader_next(&link->reader, &reply);
        if (found == REPLY_INCOMPLETE) return;
        if (found == REPLY_BROKEN)
            end_link(link, LINK_LOST, reply_reader_error(&link->reader));
        else if (link->state == LINK_GREETING)
            take_greeting(link, reply);
        else
            take_answer(link, reply);
    }
}

/* ---- the stream ---- */

static void take_cipher(struct link *link, const void *data, size_t size)
{
    char plain[PLAIN_SIZE];
    size_t count;

    tls_feed(link->tls, data, size);
    do {
        if (!tls_read(link->tls, plain, sizeof(plain), &count)) {
            flush(link); /* an alert tells the server why */
            end_by_tls(link);
            return;
        }
        if (link->state == LINK_SECURING && tls_is_ready(link->tls)) greet(link);
        if (count > 0) take_plain(link, plain, count);
    } while (count > 0 && link->state != LINK_ENDED);
    flush(link);
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct link *link = owner;

    if (link->state == LINK_ENDED) return;
    if (link->tls)
        take_cipher(link, data, size);
    else
        take_plain(link, data, size);
}

static void on_end(void *owner)
{
    end_link(owner, LINK_LOST, "it has closed the connection");
}

static void on_drain(void *owner)
{
    (void)owner;
}

static void on_close(void *owner, int error)
{
    struct link *link = owner;

    if (link->state != LINK_ENDED) {
        link->stream = 0;
        end_link(link, LINK_LOST, error ? uv_strerror(error) : "the connection was closed");
        return;
    }
    report_gone(link);
}

static const struct stream_events stream_events = {on_data, on_end, on_drain, on_close};

static void secure(struct link *link)
{
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;

    link->state = LINK_SECURING;
    if (!address_split(link->address, host, &port)) host[0] = 0;
    link->tls = tls_new(link->plan.tls, host);
    flush(link);
}

static void on_connected(void *data, struct stream *stream, int error)
{
    struct link *link = data;

    link->attempt = 0;
    if (!stream) {
        end_link(link, LINK_LOST, uv_strerror(error));
        return;
    }
    link->stream = stream;
    stream_start(stream, &stream_events, link);
    link->progress_us = shard_now_us(link->plan.shard);
    watch(link);
    if (link->plan.tls)
        secure(link);
    else
        greet(link);
}

struct link *link_new(const struct link_plan *plan)
{
    struct link *link = calloc(1, sizeof(*link));

    invariant(link);
    link->plan = *plan;
    snprintf(link->address, sizeof(link->address), "%s", plan->address);
    link->plan.address = link->address;
    reply_reader_init(&link->reader);
    buffer_init(&link->out, 2 * (size_t)LINK_UNSENT_SIZE_MAX);
    buffer_init(&link->cipher, 4 * (size_t)LINK_UNSENT_SIZE_MAX);
    link->flush = (struct shard_task){.fn = flush, .data = link};
    link->gone = (struct shard_task){.fn = report_gone, .data = link};
    link->attempt = stream_connect(plan->shard, link->address, plan->url->timeout_ms, on_connected,
                                   link);
    return link;
}

/* ---- its state ---- */

const char *link_address(const struct link *link)
{
    return link->address;
}

bool link_is_ready(const struct link *link)
{
    return link->state == LINK_READY;
}

size_t link_waiting(const struct link *link)
{
    return link->waiting;
}

bool link_has_answered(const struct link *link)
{
    return link->answered;
}

bool link_has_room(const struct link *link)
{
    return link->waiting < LINK_LINE_MAX &&
           link->out.length + stream_queued(link->stream) < LINK_UNSENT_SIZE_MAX;
}
