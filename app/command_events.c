/* SPDX-License-Identifier: Apache-2.0 */
/* What the services tell one another, as lines of JSON. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/event_json.h"
#include "app/shop.h"
#include "events.rpc.h"
#include "fiber/fiber.h"

enum { FETCH_MAX = 256, FOLLOW_WAIT_MS = 10000 };

/* Who offers which; docs/events.md says more of them. */
static const struct topic {
    const char *name, *producer;
} topics[] = {
    {"order-events", "order"},
    {"order-results", "product"},
    {"payment-events", "payment"},
};

enum { TOPICS = sizeof(topics) / sizeof(topics[0]) };

struct tailing {
    const struct command_line *line;
    struct event_json *json;
    struct shop *shop;
    int64_t from;
    bool follow;
};

/* One topic of it. */
struct tail {
    struct tailing *tailing;
    const struct topic *topic;
    struct status status;
};

/* Prints what one fetch brings; *after moves. False at the end of the log. */
static struct status print_some(struct call *call, const struct tail *tail, int64_t *after,
                                bool *ret_more)
{
    Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;
    const struct tailing *tailing = tail->tailing;
    Events__FetchEventsResponse *response;

    request.topic = (char *)tail->topic->name;
    request.after = *after;
    request.max_events = FETCH_MAX;
    request.wait_ms = tailing->follow ? FOLLOW_WAIT_MS : 0;
    struct status st = event_service_fetch_events(
        call, shop_channel(tailing->shop, tail->topic->producer), &request, &response);
    if (failed(st)) return st;
    for (size_t i = 0; i < response->n_events; i++) {
        struct str line = event_json_line(call->arena, tailing->json, response->events[i]);
        command_print("%.*s", STR_ARGS(line));
    }
    fflush(stdout);
    *ret_more = response->after != *after;
    *after = response->after;
    return status_ok();
}

/* With an arena of its own, because it may last for ever. */
static void run_tail(struct call *call, void *data)
{
    struct tail *tail = data;
    int64_t after = tail->tailing->from > 0 ? tail->tailing->from - 1 : 0;
    bool more = true;
    struct arena arena;
    struct call fetching;

    arena_init(&arena, 0);
    call_init_child(&fetching, call, 0);
    fetching.arena = &arena;
    while (!failed(tail->status) && (more || tail->tailing->follow)) {
        arena_reset(&arena);
        tail->status = print_some(&fetching, tail, &after, &more);
    }
    tail->status = status_dup(call->arena, tail->status);
    arena_release(&arena);
}

static bool is_asked_for(const struct command_line *line, const struct topic *topic)
{
    return line->argument_count == 0 || strcmp(line->arguments[0], topic->name) == 0;
}

/* One after another; but all at once if they are followed. */
static struct status tail_topics(struct call *call, struct shop *shop, void *data)
{
    struct tailing *tailing = data;
    struct tail tails[TOPICS] = {0};
    struct fiber_group group = {0};
    struct status st = status_ok();

    tailing->shop = shop;
    for (size_t i = 0; i < TOPICS && !failed(st); i++) {
        if (!is_asked_for(tailing->line, &topics[i])) continue;
        tails[i] = (struct tail){.tailing = tailing, .topic = &topics[i]};
        st = fiber_group_start(call, &group, run_tail, &tails[i]);
        if (!tailing->follow) fiber_group_wait(call, &group);
    }
    fiber_group_wait(call, &group);
    for (size_t i = 0; i < TOPICS && !failed(st); i++) st = tails[i].status;
    return st;
}

static bool read_line(const struct command_line *line, struct tailing *ret_tailing)
{
    const char *from = command_option(line, "from");
    bool known = false;

    *ret_tailing = (struct tailing){.line = line, .follow = command_option(line, "follow") != 0};
    for (size_t i = 0; i < TOPICS; i++) known = known || is_asked_for(line, &topics[i]);
    if (!known)
        command_error("there is no topic '%s': order-events, order-results and payment-events are",
                      line->arguments[0]);
    if (!from) return known;
    if (str_to_i64(str_of(from), &ret_tailing->from) && ret_tailing->from >= 0) return known;
    command_error("'%s' is no offset", from);
    return false;
}

static int events_tail(const struct command_line *line)
{
    struct shop_options options = {.existing = true, .shards = 1};
    struct tailing tailing;
    struct shop *shop;

    if (!read_line(line, &tailing)) return EXIT_USAGE;
    struct status st = event_json_new(line->arena, &tailing.json);
    if (!failed(st)) st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, tail_topics, &tailing);
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
    .summary = "Print the events of a topic, or of all.",
    .description =
        "Prints events, one line of JSON each, the oldest that is kept first: order-events,\n"
        "order-results or payment-events, or all of them. Works beside a running shop, on the "
        "same\n"
        "data directory.",
    .arguments_max = 1,
    .options = {{"follow", 0, "Wait for more."},
                {"from", "OFFSET", "Begin with the event at this place of the topic."}},
    .run = events_tail,
};
