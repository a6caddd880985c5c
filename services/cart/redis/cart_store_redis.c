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
 * longer reach back to it, the outcome stays unknown.
 *
 * The changes of a cart that wait on the same shard while it is written are decided on and written
 * together (cart_companions.c). */
#include "base/clock.h"
#include "services/cart/redis/cart_update.h"

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

static struct status load(struct call *call, struct cart_store *port, const char *email,
                          struct cart *ret_cart)
{
    struct redis_cart_store *store = of(port);
    const char *key = key_of(call, store, email);
    const char *given = key_as_given(call, store, email, key);
    const struct str words[] = {STR("MGET"), str_of(key), str_of(given)};
    const struct redis_reply *reply;
    struct cart_marks marks;

    struct status st = redis_read(call, store->db, words, given ? 3 : 2, &reply);
    if (failed(st)) return st;
    struct str text = redis_reply_text(reply->items[0]);
    if (text.length == 0 && given) text = redis_reply_text(reply->items[1]);
    if (text.length > 0) return cart_decode_shared(call->arena, text, ret_cart, &marks);
    cart_init(email, clock_now_us(), ret_cart);
    return st;
}

static struct status update(struct call *call, struct cart_store *port, const char *email,
                            const struct cart_change *change, struct cart *ret_cart)
{
    struct redis_cart_store *store = of(port);
    struct cart_update *update = arena_new(call->arena, struct cart_update);
    const char *key = key_of(call, store, email);

    *update = (struct cart_update){.call = call,
                                   .store = store,
                                   .email = email,
                                   .key = key,
                                   .given = key_as_given(call, store, email, key),
                                   .change = change};
    struct status st = cart_update_make(call, update);
    if (!failed(st)) *ret_cart = update->write.cart;
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
    return failed(st) ? st : cart_update_confirm(call, store, slot);
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
