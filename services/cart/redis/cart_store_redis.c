/* SPDX-License-Identifier: Apache-2.0 */
/* The cart service's port on Redis. A cart is a string at `cart:{email}`, in the document that the
 * existing system reads too (cart_document_shared.c).
 *
 * A change is two round trips: it reads the cart and the marks of its cause, decides, and has a
 * script (cart_compare.h) write the new cart and the marks, if the cart is still the very text that was read and no
 * mark has come meanwhile. If somebody else was faster, the script returns what is there now, and
 * the change is decided anew. A shard that has written the cart before begins with that text instead
 * of reading (cart_guesses.h), which saves one of the two. What it would refuse, or has nothing to
 * write for, it decides only after reading.
 *
 *                 read ◄───────────── the answer was lost
 *                  │                        ▲
 *     marked ◄─────┤                        │
 *                  ▼                        │
 *     changed ──► decide ──► compare and write ──► done
 *        ▲                        │
 *        └────────────────────────┘
 *
 * After a lost answer nobody knows whether the script has run, or will run yet. So the change goes
 * on as before: if the script has run, a mark says so, and if it has not, the comparison keeps it
 * from taking effect later, beside the second one. A change without a cause has its mark in the
 * cart's document, among those of the last changes; if so many others came meanwhile that they no
 * longer reach back to it, the outcome stays unknown. */
#include "services/cart/cart_store.h"

#include "base/clock.h"
#include "base/random.h"
#include "reasons.pb-c.h"
#include "services/cart/redis/cart_compare.h"
#include "services/cart/redis/cart_guesses.h"
#include "store/turns.h"

enum {
    RACES_MAX = 100, /* comparisons that one change may lose */
    RACES_WITHOUT_PAUSE = 10,
    PAUSE_MAX_US = 5000,
    RESOLVE_US = 1000000, /* to find out what has become of a change whose answer was lost */
    RESOLVE_PAUSE_US = 25000,
};

struct redis_cart_store {
    struct cart_store port;
    struct redis *db;
    struct redis_script *compare;
    int64_t ttl_us, marks_ttl_us;
    size_t shard_count;
    struct turns *turns;          /* one for each shard */
    struct cart_guesses *guesses; /* likewise */
};

static struct redis_cart_store *of(struct cart_store *store)
{
    return (struct redis_cart_store *)store;
}

static const char *key_of(const struct call *call, const struct redis_cart_store *store,
                          const char *email)
{
    return arena_printf(call->arena, "%scart:%s", redis_prefix(store->db),
                        str_lower(call->arena, str_of(email)));
}

/* The existing system's key has the address as it was given; NULL if that is the same. */
static const char *key_as_given(const struct call *call, const struct redis_cart_store *store,
                                const char *email, const char *key)
{
    if (str_ends_with(str_of(key), str_of(email))) return 0;
    return arena_printf(call->arena, "%scart:%s", redis_prefix(store->db), email);
}

static struct str text_of(const struct redis_reply *reply)
{
    return reply->kind == REDIS_TEXT ? reply->text : STR("");
}

/* Reads the stored document; without one the cart is a new one of this moment. */
static struct status decode(struct arena *arena, struct str text, const struct cart *fresh,
                            struct cart *ret_cart, struct cart_marks *ret_marks)
{
    if (text.length > 0) return cart_decode_shared(arena, text, ret_cart, ret_marks);
    *ret_marks = (struct cart_marks){0};
    *ret_cart = *fresh;
    return status_ok();
}

static struct status load(struct call *call, struct cart_store *port, const char *email,
                          struct cart *ret_cart)
{
    struct redis_cart_store *store = of(port);
    const char *key = key_of(call, store, email);
    const char *given = key_as_given(call, store, email, key);
    const struct str words[] = {STR("MGET"), str_of(key), str_of(given)};
    const struct redis_reply *reply;
    struct cart_marks marks;
    struct cart fresh;

    struct status st = redis_read(call, store->db, words, given ? 3 : 2, &reply);
    if (failed(st)) return st;
    struct str text = text_of(reply->items[0]);
    if (text.length == 0 && given) text = text_of(reply->items[1]);
    cart_init(email, clock_now_us(), &fresh);
    return decode(call->arena, text, &fresh, ret_cart, &marks);
}

/* ---- changing ---- */

struct update {
    struct redis_cart_store *store;
    const char *email, *key;
    const char *given; /* NULL: none */
    const struct cart_change *change;
    const char *mark; /* of this change, in the cart's document */
    struct change_redis_marks causes;
    struct str text;      /* at the key; "": none */
    bool guessed;         /* it was not read */
    struct str inherited; /* the cart as the existing system left it at `given`; "": none */
    struct cart_write write;
    bool unsure;       /* an answer was lost: the change may have been made */
    int64_t unsure_of; /* as the version with this number, or a later one */
    bool over;         /* it is done, or was done before */
    int races;
    int64_t resolve_until_us;
};

static struct status take_mark(const struct call *call, struct update *update, size_t index,
                               struct str value)
{
    update->over = true;
    update->unsure = true; /* whoever made the change may not have seen replicas confirm it */
    return change_redis_repeated(call, value, update->causes.of_request[index],
                                 update->change->cause.request);
}

static struct status read_all(struct call *call, struct update *update)
{
    struct str words[3 + CHANGE_REDIS_MARKS_MAX] = {STR("MGET"), str_of(update->key)};
    const struct redis_reply *reply;
    size_t count = 2;

    for (size_t i = 0; i < update->causes.count; i++) words[count++] = update->causes.keys[i];
    if (update->given) words[count++] = str_of(update->given);
    struct status st = redis_read(call, update->store->db, words, count, &reply);
    if (failed(st)) return st;
    update->text = text_of(reply->items[0]);
    update->guessed = false;
    if (update->given) update->inherited = text_of(reply->items[reply->count - 1]);
    for (size_t i = 0; i < update->causes.count; i++)
        if (reply->items[1 + i]->kind == REDIS_TEXT)
            return take_mark(call, update, i, reply->items[1 + i]->text);
    return st;
}

/* What the script has found. */
static struct status take_result(struct call *call, struct update *update,
                                 const struct cart_comparison *comparison)
{
    switch (comparison->outcome) {
    case CART_WRITTEN:
        update->over = true;
        if (comparison->text.length > 0)
            cart_guesses_put(&update->store->guesses[call->shard->index], update->key,
                             comparison->text);
        return status_ok();
    case CART_MARKED: return take_mark(call, update, comparison->mark, comparison->found);
    case CART_CHANGED: break;
    }
    update->text = comparison->found;
    if (!update->guessed) update->races++;
    /* Without a cart, that of the existing system counts, which only reading finds. */
    if (update->guessed && update->text.length == 0 && update->given) return read_all(call, update);
    update->guessed = false;
    return status_ok();
}

static struct status compare_and_write(struct call *call, struct update *update, struct str text)
{
    struct redis_cart_store *store = update->store;
    struct cart_comparison comparison = {.key = update->key,
                                         .expected = update->text,
                                         .text = text,
                                         .ttl_us = store->ttl_us,
                                         .causes = &update->causes};
    struct status st = cart_compare_and_write(call, store->db, store->compare, &comparison);

    return failed(st) ? st : take_result(call, update, &comparison);
}

static struct status outcome_unknown(void)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                       "too many other changes of this cart hide whether the change was made; read "
                       "the cart before you repeat it");
}

/* Do the marks of the last changes include that of this version, or is it still to come? */
static bool reaches_back(const struct cart_marks *marks, const struct cart *cart, int64_t version)
{
    return cart->version - (int64_t)marks->count < version;
}

/* Decides on the cart as it was read, and writes it. */
static struct status attempt(struct call *call, struct update *update)
{
    struct cart_write *write = &update->write;
    struct cart_marks marks;
    struct str text = update->text;
    int64_t now_us = clock_now_us();
    struct cart fresh;
    struct status st;

    if (text.length == 0 && update->given) text = update->inherited;
    cart_init(update->email, now_us, &fresh);
    st = decode(call->arena, text, &fresh, &write->cart, &marks);
    if (failed(st)) return st;
    if (update->unsure && update->causes.count == 0) {
        bool made = cart_marks_have(&marks, update->mark);
        update->over = made || !reaches_back(&marks, &write->cart, update->unsure_of);
        if (update->over) return made ? st : outcome_unknown();
    }
    st = cart_decide(call, update->change, now_us, write);
    if (failed(st)) return update->guessed ? read_all(call, update) : st;
    cart_marks_add(&marks, update->mark);
    if (!write->keeps)
        text = STR("");
    else if (write->cart.changed)
        st = cart_encode_shared(call->arena, &write->cart, &marks, &text);
    if (failed(st)) return st;
    if (text.length == 0 && update->causes.count == 0) {
        if (update->guessed) return read_all(call, update);
        update->over = true; /* there is nothing to write */
        return st;
    }
    change_redis_record(call->arena, &update->change->cause, &write->record, &update->causes);
    if (!update->unsure && write->cart.changed) update->unsure_of = write->cart.version;
    return compare_and_write(call, update, text);
}

/* After a lost race the text that the winner has written is at hand, and is used at once, while it
 * is fresh. Whoever loses often steps aside for a moment, and reads again. */
static struct status pause_after_race(struct call *call, struct update *update)
{
    if (update->races >= RACES_MAX)
        return status_make(STATUS_ABORTED, ARGOSY__REASON__CART_CONTENDED,
                           "too many changes of this cart at the same time; try again");
    if (update->races % RACES_WITHOUT_PAUSE != 0) return status_ok();
    struct status st = fiber_sleep(call, (int64_t)random_below(PAUSE_MAX_US));
    return failed(st) ? st : read_all(call, update);
}

/* The answer was lost: reads again, for a while, until the server answers. */
static struct status read_after_loss(struct call *call, struct update *update, struct status lost)
{
    struct status st;

    if (!update->unsure) update->resolve_until_us = shard_now_us(call->shard) + RESOLVE_US;
    update->unsure = true;
    for (;;) {
        if (shard_now_us(call->shard) >= update->resolve_until_us) return lost;
        st = read_all(call, update);
        if (st.code != STATUS_UNAVAILABLE) return st;
        st = fiber_sleep(call, RESOLVE_PAUSE_US / 2 + (int64_t)random_below(RESOLVE_PAUSE_US));
        if (failed(st)) return lost;
    }
}

/* Begins with what this shard wrote last, or reads. */
static struct status begin(struct call *call, struct update *update)
{
    update->text = cart_guesses_get(&update->store->guesses[call->shard->index], call->arena,
                                    update->key);
    update->guessed = update->text.length > 0;
    return update->guessed ? status_ok() : read_all(call, update);
}

/* Waits for the replicas that have to confirm a change, if it was found to be made. */
static struct status confirm(struct call *call, struct redis_cart_store *store, const char *key)
{
    return redis_confirm(call, store->db, str_of(arena_printf(call->arena, "{%s}:confirm", key)));
}

static struct status change_cart(struct call *call, struct update *update)
{
    struct status st = begin(call, update);

    while (!failed(st) && !update->over) {
        int races = update->races;
        st = attempt(call, update);
        if (update->over) break;
        if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN)
            st = read_after_loss(call, update, st);
        else if (!failed(st) && update->races > races)
            st = pause_after_race(call, update);
    }
    return failed(st) || !update->unsure ? st : confirm(call, update->store, update->key);
}

/* The cart is at its own key now; what the existing system has left would show again when that has
 * expired. If this fails, it expires too. */
static void drop_inherited(struct call *call, struct update *update)
{
    const struct redis_reply *reply;

    if (update->inherited.length == 0 || !update->write.keeps) return;
    struct status st = redis_write(call, update->store->db,
                                   REDIS_WORDS(STR("UNLINK"), str_of(update->given)), &reply);
    (void)st;
}

static struct status update(struct call *call, struct cart_store *port, const char *email,
                            const struct cart_change *change, struct cart *ret_cart)
{
    struct redis_cart_store *store = of(port);
    struct update *update = arena_new(call->arena, struct update);
    struct turns *turns = &store->turns[call->shard->index];
    struct turn turn;

    *update = (struct update){
        .store = store, .email = email, .key = key_of(call, store, email), .change = change};
    update->given = key_as_given(call, store, email, update->key);
    update->mark = cart_mark_new(call->arena);
    change_redis_marks(call, update->key, &change->cause, store->marks_ttl_us, &update->causes);
    struct status st = turn_take(call, turns, update->key, &turn);
    if (failed(st)) return st;
    st = change_cart(call, update);
    turn_give(call, turns, &turn);
    if (failed(st)) return st;
    drop_inherited(call, update);
    *ret_cart = update->write.cart;
    return st;
}

static struct status replay(struct call *call, struct cart_store *port,
                            struct change_request *request)
{
    struct redis_cart_store *store = of(port);
    const struct redis_reply *reply;

    request->replayed = (struct str){0};
    if (!idempotency_given(&request->idempotency)) return status_ok();
    const char *slot = key_of(call, store, request->idempotency.scope);
    struct str key = change_redis_request_key(call, slot, &request->idempotency);
    struct status st = redis_read(call, store->db, REDIS_WORDS(STR("GET"), key), &reply);
    if (failed(st) || reply->kind != REDIS_TEXT) return st;
    st = change_redis_repeated(call, reply->text, true, request);
    return failed(st) ? st : confirm(call, store, slot);
}

/* ---- its life ---- */

static struct status open_store(struct call *call, struct cart_store *port)
{
    return redis_open(call, of(port)->db);
}

static struct status check_store(struct call *call, struct cart_store *port,
                                 struct store_findings *findings)
{
    return redis_check(call, of(port)->db, findings);
}

static void close_store(struct cart_store *port)
{
    struct redis_cart_store *store = of(port);

    for (size_t i = 0; i < store->shard_count; i++) cart_guesses_release(&store->guesses[i]);
    redis_close(store->db);
}

struct status cart_store_redis(const struct service_context *context, const char *url,
                               int64_t ttl_us, int64_t marks_ttl_us, struct cart_store **ret_store)
{
    struct redis_cart_store *store = arena_new(context->arena, struct redis_cart_store);
    size_t shards = (size_t)shards_count(context->shards);

    struct status st = redis_new(context->arena, context->shards, url, "cart", &store->db);
    if (failed(st)) return st;
    store->port = (struct cart_store){
        .open = open_store,
        .check = check_store,
        .load = load,
        .update = update,
        .replay = replay,
        .close = close_store,
        .events = {.letters = dead_letters_redis(context->arena, store->db, "cart"),
                   .sweeper = events_sweeper_redis(context->arena, store->db, "cart"),
                   .engine = redis_news(store->db)},
    };
    store->compare = cart_compare_script(context->arena);
    store->ttl_us = ttl_us;
    store->marks_ttl_us = marks_ttl_us;
    store->shard_count = shards;
    store->turns = arena_array(context->arena, struct turns, shards);
    store->guesses = arena_array(context->arena, struct cart_guesses, shards);
    *ret_store = &store->port;
    return st;
}
