/* SPDX-License-Identifier: Apache-2.0 */
/* argosy events tail: the events between the services, as lines of JSON. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/event_json.h"
#include "app/shop.h"
#include "events.rpc.h"
#include "fiber/fiber.h"
#include "rpc/service.h"

enum { FETCH_MAX = 256, FOLLOW_WAIT_MS = 10000 };

/* The topics and their producers; docs/events.md describes them. */
static const struct topic {
    const char *name, *producer;
} topics[] = {
    {"order-events", "order"},
    {"order-results", "product"},
    {"payment-events", "payment"},
    {"user-events", "user"},
};

enum { TOPICS = sizeof(topics) / sizeof(topics[0]) };

struct tail {
    const struct command_line *line;
    struct event_json *json;
    struct shop *shop;
    int64_t from;
    bool follow;
};

/* The tail of one topic. */
struct topic_tail {
    struct tail *tail;
    const struct topic *topic;
    struct status status;
};

/* Prints the events of one fetch and advances *after. *ret_more is false at the end of the log. */
static struct status print_some(struct call *call, const struct topic_tail *one, int64_t *after,
                                bool *ret_more)
{
    Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;
    const struct tail *tail = one->tail;
    Events__FetchEventsResponse *response;

    request.topic = (char *)one->topic->name;
    request.after = *after;
    request.max_events = FETCH_MAX;
    request.wait_ms = tail->follow ? FOLLOW_WAIT_MS : 0;
    struct status st = event_service_fetch_events(
        call, shop_channel(tail->shop, one->topic->producer), &request, &response);
    if (failed(st)) return st;
    for (size_t i = 0; i < response->n_events; i++) {
        struct str line = event_json_line(call->arena, tail->json, response->events[i]);
        command_print("%.*s", STR_ARGS(line));
    }
    fflush(stdout);
    *ret_more = response->after != *after;
    *after = response->after;
    return status_ok();
}

/* Uses an arena of its own, which it resets, because it may run for ever. */
static void run_tail(struct call *call, void *data)
{
    struct topic_tail *one = data;
    int64_t after = one->tail->from > 0 ? one->tail->from - 1 : 0;
    bool more = true;
    struct arena arena;
    struct call fetching;

    arena_init(&arena, 0);
    call_init_child(&fetching, call, 0);
    fetching.arena = &arena;
    while (!failed(one->status) && (more || one->tail->follow)) {
        arena_reset(&arena);
        one->status = print_some(&fetching, one, &after, &more);
    }
    one->status = status_dup(call->arena, one->status);
    arena_release(&arena);
}

static bool is_asked_for(const struct command_line *line, const struct topic *topic)
{
    return line->argument_count == 0 || strcmp(line->arguments[0], topic->name) == 0;
}

/* Is the service's store an embedded one, which only one process may have open? */
static bool is_embedded(const struct shop *shop, const char *service)
{
    const char *path;

    for (size_t i = 0; services_registry[i]; i++)
        if (strcmp(services_registry[i]->name, service) == 0)
            return !failed(service_store_path(shop_context(shop), services_registry[i], &path));
    return false;
}

/* New events can only come from a shop that runs. Were there none, this command would hold the
 * embedded stores, and no shop could start on them until it ends. */
static struct status check_followed(const struct call *call, const struct tail *tail)
{
    for (size_t i = 0; tail->follow && i < TOPICS; i++) {
        const char *producer = topics[i].producer;
        if (!is_asked_for(tail->line, &topics[i]) || !shop_has_store(tail->shop, producer) ||
            !is_embedded(tail->shop, producer))
            continue;
        return status_printf(call->arena, STATUS_FAILED_PRECONDITION, 0,
                             "no running shop serves the %s service, so no new events of %s can "
                             "come; start it with argosy serve, or leave out --follow",
                             producer, topics[i].name);
    }
    return status_ok();
}

/* Tails one topic after another, or with --follow all at once. */
static struct status tail_topics(struct call *call, struct shop *shop, void *data)
{
    struct tail *tail = data;
    struct topic_tail tails[TOPICS] = {0};
    struct fiber_group group = {0};

    tail->shop = shop;
    struct status st = check_followed(call, tail);
    for (size_t i = 0; i < TOPICS && !failed(st); i++) {
        if (!is_asked_for(tail->line, &topics[i])) continue;
        tails[i] = (struct topic_tail){.tail = tail, .topic = &topics[i]};
        st = fiber_group_start(call, &group, run_tail, &tails[i]);
        if (!tail->follow) fiber_group_wait(call, &group);
    }
    fiber_group_wait(call, &group);
    for (size_t i = 0; i < TOPICS && !failed(st); i++) st = tails[i].status;
    return st;
}

static bool read_line(const struct command_line *line, struct tail *ret_tail)
{
    const char *from = command_option(line, "from");
    bool known = false;

    *ret_tail = (struct tail){.line = line, .follow = command_option(line, "follow") != 0};
    for (size_t i = 0; i < TOPICS; i++) known = known || is_asked_for(line, &topics[i]);
    if (!known)
        command_error("there is no topic '%s'; use order-events, order-results, payment-events or "
                      "user-events",
                      line->arguments[0]);
    if (!from) return known;
    if (str_to_i64(str_of(from), &ret_tail->from) && ret_tail->from >= 0) return known;
    command_error("--from must be an offset, 0 or more, and not '%s'", from);
    return false;
}

static int events_tail(const struct command_line *line)
{
    struct shop_options options = {.existing = true, .shards = 1};
    struct tail tail;
    struct shop *shop;

    if (!read_line(line, &tail)) return EXIT_USAGE;
    struct status st = event_json_new(line->arena, &tail.json);
    if (!failed(st)) st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, tail_topics, &tail);
        shop_free(shop);
    }
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

const struct command command_events_tail = {
    .name = "events tail",
    .arguments = "[TOPIC]",
    .summary = "Print the events of a topic, or of all topics.",
    .description =
        "Prints the events of one topic (order-events, order-results, payment-events or "
        "user-events), or of all of them, one line of JSON each, the oldest stored event "
        "first. The shop may be running on the same data directory; with --follow it must be.",
    .arguments_max = 1,
    .options = {{"follow", 0, "Wait for new events of the running shop."},
                {"from", "OFFSET", "Begin with the event at this offset of the topic."}},
    .run = events_tail,
};
