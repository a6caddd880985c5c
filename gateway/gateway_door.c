/* SPDX-License-Identifier: Apache-2.0 */
/* Generations of gateways: each shard has a current one, and old ones are freed when all shards
 * have left them. */
#include "gateway/gateway_door.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/gateway_parts.h"
#include "gateway/session_watch.h"

enum { ENDED_SESSIONS_MAX = 64 * 1024 };

struct generation {
    struct generation *older;
    struct arena arena;
    struct gateway *gateway;
    char *text; /* of the configuration; owned */
    size_t text_size;
    const struct config *config;
    struct config *owned;      /* the same, if it came with a change */
    _Atomic int left;          /* shards that no longer use it */
    bool freed;                /* set by the last of these shards, read after they have been
                                * joined */
    size_t inside[SHARDS_MAX]; /* requests; each entry is used only by its shard */
};

struct gateway_door {
    struct service_context context;
    struct ended_sessions *ended; /* shared by all generations */
    struct session_watch *watch;  /* fills `ended`; NULL: no generation has verified tokens yet */
    struct generation *newest;    /* used by shard 0 only */
    struct generation *current[SHARDS_MAX]; /* each entry is used only by its shard */
};

/* ---- generations ---- */

static void release(struct generation *generation)
{
    if (generation->freed) return;
    gateway_free(generation->gateway);
    arena_release(&generation->arena);
    free(generation->text);
    if (generation->owned) config_free(generation->owned);
    generation->freed = true;
}

static struct status make(const struct gateway_door *door, const struct config *config,
                          struct arena *messages, struct generation **ret_generation)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    struct service_context context = door->context;
    struct str text;

    invariant(generation);
    arena_init(&generation->arena, 0);
    context.arena = &generation->arena;
    context.config = config;
    generation->config = config;
    struct status st = gateway_read_text(&generation->arena, config, &text);
    if (!failed(st)) st = gateway_new(&context, door->ended, &generation->gateway);
    if (failed(st)) {
        st = status_dup(messages, st);
        arena_release(&generation->arena);
        free(generation);
        return st;
    }
    generation->text = malloc(text.length + 1);
    invariant(generation->text);
    memcpy(generation->text, text.data, text.length);
    generation->text_size = text.length;
    *ret_generation = generation;
    return st;
}

/* Watches ended sessions from the first generation that verifies tokens to the end of the process,
 * so that a change of the configuration forgets none. */
static void watch_sessions(struct gateway_door *door, const struct generation *generation)
{
    if (!door->watch && gateway_verifies_tokens(generation->gateway))
        door->watch = session_watch_start(&door->context, door->ended);
}

/* The shard no longer uses this generation. */
static void leave(const struct gateway_door *door, struct generation *generation)
{
    int count = shards_count(door->context.shards);

    if (atomic_fetch_add(&generation->left, 1) == count - 1 &&
        !gateway_has_channels(generation->gateway))
        release(generation);
}

/* ---- serving ---- */

void gateway_door_handle(struct call *call, struct http_exchange *exchange, void *data)
{
    struct gateway_door *door = data;
    int shard = call->shard->index;
    struct generation *generation = door->current[shard];

    generation->inside[shard]++;
    gateway_handle(call, exchange, generation->gateway);
    if (--generation->inside[shard] == 0 && generation != door->current[shard])
        leave(door, generation);
}

/* ---- changing ---- */

struct turn {
    struct gateway_door *door;
    struct generation *generation;
};

static void take_over(struct shard *shard, void *data)
{
    struct turn *turn = data;
    struct gateway_door *door = turn->door;
    struct generation *before = door->current[shard->index];

    door->current[shard->index] = turn->generation;
    free(turn);
    if (before->inside[shard->index] == 0) leave(door, before);
}

static void take_over_everywhere(struct gateway_door *door, struct generation *generation)
{
    for (int i = 0; i < shards_count(door->context.shards); i++) {
        struct turn *turn = malloc(sizeof(*turn));
        invariant(turn);
        *turn = (struct turn){door, generation};
        shard_post(shards_at(door->context.shards, i), take_over, turn);
    }
}

/* Are all inputs from which the gateway was made unchanged? */
static bool is_as_before(const struct generation *generation, const struct config *config,
                         struct str text)
{
    static const char *const none[] = {NULL};

    return generation->text_size == text.length &&
           memcmp(generation->text, text.data, text.length) == 0 &&
           !config_difference(generation->config, config, none);
}

static struct status change(struct gateway_door *door, struct arena *arena,
                            const struct config *config, struct generation **ret_generation)
{
    struct str text;
    struct status st = gateway_reopen(arena, door->newest->gateway);

    if (!failed(st)) st = gateway_read_text(arena, config, &text);
    if (failed(st)) return st;
    *ret_generation = door->newest;
    if (is_as_before(door->newest, config, text)) return st;
    return make(door, config, arena, ret_generation);
}

struct status gateway_door_change_take(struct gateway_door *door, struct arena *arena,
                                       struct config *config, bool *ret_changed)
{
    struct generation *generation = door->newest;
    struct status st = change(door, arena, config, &generation);

    if (failed(st) || generation == door->newest) {
        config_free(config);
        if (!failed(st)) *ret_changed = false;
        return st;
    }
    generation->owned = config;
    generation->older = door->newest;
    door->newest = generation;
    watch_sessions(door, generation);
    take_over_everywhere(door, generation);
    *ret_changed = true;
    return st;
}

/* ---- from start to end ---- */

struct status gateway_door_new(const struct service_context *context,
                               struct gateway_door **ret_door)
{
    struct gateway_door *door = arena_new(context->arena, struct gateway_door);

    door->context = *context;
    door->ended = ended_sessions_new(ENDED_SESSIONS_MAX);
    struct status st = make(door, context->config, context->arena, &door->newest);
    if (failed(st)) {
        ended_sessions_free(door->ended);
        return st;
    }
    watch_sessions(door, door->newest);
    for (int i = 0; i < SHARDS_MAX; i++) door->current[i] = door->newest;
    *ret_door = door;
    return st;
}

void gateway_door_free(struct gateway_door *door)
{
    struct generation *older;

    for (struct generation *one = door->newest; one; one = older) {
        older = one->older;
        release(one);
        free(one);
    }
    ended_sessions_free(door->ended);
}
