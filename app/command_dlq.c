/* SPDX-License-Identifier: Apache-2.0 */
/* argosy dlq list, show and replay: the dead letters, which are events that could not be
 * handled. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/event_json.h"
#include "app/shop.h"
#include "base/clock.h"
#include "events.rpc.h"
#include "rpc/service.h"
#include "rpc/timestamp.h"

enum { LETTERS_MAX = 1000 };

/* Runs fn on a shop that does not listen; services with X_URL settings are called over the
 * network. */
static int with_shop(const struct command_line *line,
                     struct status (*fn)(struct call *call, struct shop *shop, void *data))
{
    struct shop_options options = {.existing = true, .shards = 1};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, fn, (void *)line);
        shop_free(shop);
    }
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* Is this the name of a service, as every consumer group's name is? Prints an error if not. */
static bool is_group(const char *group)
{
    for (size_t i = 0; services_registry[i]; i++)
        if (strcmp(services_registry[i]->name, group) == 0) return true;
    command_error("there is no service '%s'; a consumer group is named after its service", group);
    return false;
}

/* Reads the number of a letter. */
static bool read_number(const char *text, int64_t *ret_number)
{
    if (str_to_i64(str_of(text), ret_number) && *ret_number > 0) return true;
    command_error("'%s' is not the number of a dead letter; `argosy dlq list` prints them", text);
    return false;
}

/* Calls fn for each letter of one group or of all, the newest of each group first. */
static struct status
each_letter(struct call *call, const struct shop *shop, const char *group, int64_t letter_id,
            void (*fn)(struct call *call, const Events__DeadLetter *letter, void *data), void *data)
{
    Events__ListDeadLettersRequest request = EVENTS__LIST_DEAD_LETTERS_REQUEST__INIT;

    request.letter_id = letter_id;
    request.limit = LETTERS_MAX;
    for (size_t i = 0; services_registry[i]; i++) {
        const char *service = services_registry[i]->name;
        Events__ListDeadLettersResponse *response;
        if (group && strcmp(group, service) != 0) continue;
        request.group = (char *)service;
        struct status st = event_service_list_dead_letters(call, shop_channel(shop, service),
                                                           &request, &response);
        if (failed(st)) return st;
        for (size_t j = 0; j < response->n_letters; j++) fn(call, response->letters[j], data);
    }
    return status_ok();
}

static const char *died(struct call *call, const Events__DeadLetter *letter)
{
    char *text = arena_alloc(call->arena, CLOCK_TEXT_SIZE);

    clock_format(rpc_timestamp_us(letter->died_at), text);
    return text;
}

/* ---- dlq list ---- */

static void print_letter(struct call *call, const Events__DeadLetter *letter, void *data)
{
    command_print("%-7lld %-10s %-9s %-27s %-26s %-36s %3d  %s%s%s: %s",
                  (long long)letter->letter_id, letter->group, letter->state, died(call, letter),
                  letter->event->type, letter->event->key, letter->attempts, letter->code,
                  letter->reason[0] ? " " : "", letter->reason, letter->message);
}

static struct status list(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;

    return each_letter(call, shop, command_option(line, "group"), 0, print_letter, 0);
}

static int dlq_list(const struct command_line *line)
{
    const char *group = command_option(line, "group");

    if (group && !is_group(group)) return EXIT_USAGE;
    return with_shop(line, list);
}

const struct command command_dlq_list = {
    .name = "dlq list",
    .arguments = "",
    .summary = "Print the events that a service could not handle.",
    .description =
        "Prints the dead letters, the newest of each consumer group first: number, group, "
        "state, when it died, type, key, attempts, and the last failure. A group has the name "
        "of its service. The shop may be running on the same data directory.",
    .options = {{"group", "GROUP", "Only the letters of one consumer group."}},
    .run = dlq_list,
};

/* ---- dlq show ---- */

struct letter_printer {
    struct event_json *json;
    int count;
};

static void show_letter(struct call *call, const Events__DeadLetter *letter, void *data)
{
    struct letter_printer *printer = data;
    struct str event = event_json_line(call->arena, printer->json, letter->event);

    command_print("letter:   %lld", (long long)letter->letter_id);
    command_print("topic:    %s", letter->topic);
    command_print("group:    %s", letter->group);
    command_print("state:    %s", letter->state);
    command_print("died:     %s", died(call, letter));
    command_print("attempts: %d", letter->attempts);
    command_print("code:     %s", letter->code);
    command_print("reason:   %s", letter->reason);
    command_print("message:  %s", letter->message);
    command_print("event:    %.*s", STR_ARGS(event));
    printer->count++;
}

static struct status show(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;
    struct letter_printer printer = {0};
    int64_t letter_id = 0;
    struct status st;

    str_to_i64(str_of(line->arguments[0]), &letter_id);
    st = event_json_new(line->arena, &printer.json);
    if (failed(st)) return st;
    st = each_letter(call, shop, command_option(line, "group"), letter_id, show_letter, &printer);
    if (!failed(st) && printer.count == 0)
        return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__DEAD_LETTER_NOT_FOUND,
                             "there is no dead letter %s; `argosy dlq list` prints them",
                             line->arguments[0]);
    return st;
}

static int dlq_show(const struct command_line *line)
{
    const char *group = command_option(line, "group");
    int64_t letter_id;

    if (group && !is_group(group)) return EXIT_USAGE;
    if (!read_number(line->arguments[0], &letter_id)) return EXIT_USAGE;
    return with_shop(line, show);
}

const struct command command_dlq_show = {
    .name = "dlq show",
    .arguments = "ID",
    .summary = "Print a dead letter with its event.",
    .description =
        "Prints a dead letter with its event, decoded. Each service numbers its own letters; "
        "if several have a letter with this number, all are printed.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = {{"group", "GROUP", "Only the letter of one consumer group."}},
    .run = dlq_show,
};

/* ---- dlq replay ---- */

static struct status replay(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;
    Events__ReplayDeadLettersRequest request = EVENTS__REPLAY_DEAD_LETTERS_REQUEST__INIT;
    Events__ReplayDeadLettersResponse *response;

    request.group = (char *)line->arguments[0];
    if (line->argument_count > 1) str_to_i64(str_of(line->arguments[1]), &request.letter_id);
    struct status st = event_service_replay_dead_letters(
        call, shop_channel(shop, line->arguments[0]), &request, &response);
    if (failed(st)) return st;
    printf("%lld marked\n", (long long)response->count);
    return status_ok();
}

static int dlq_replay(const struct command_line *line)
{
    int64_t letter_id;

    if (!is_group(line->arguments[0])) return EXIT_USAGE;
    if (line->argument_count > 1 && !read_number(line->arguments[1], &letter_id)) return EXIT_USAGE;
    return with_shop(line, replay);
}

const struct command command_dlq_replay = {
    .name = "dlq replay",
    .arguments = "GROUP [ID]",
    .summary = "Replay dead letters of a service.",
    .description =
        "Marks a dead letter of a consumer group, or all of them, to be delivered again: "
        "within a second if the shop is running on this data directory, else when it next "
        "runs. An event that fails again becomes a dead letter again.",
    .arguments_min = 1,
    .arguments_max = 2,
    .run = dlq_replay,
};
