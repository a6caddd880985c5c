/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a cart, from its turn to its end. See cart_update.h. */
#include "services/cart/redis/cart_update.h"

#include "base/clock.h"
#include "base/random.h"
#include "reasons.pb-c.h"

enum {
    RACES_MAX = 100, /* comparisons that one change may lose */
    RACES_WITHOUT_PAUSE = 10,
    PAUSE_MAX_US = 5000,
    RESOLVE_PAUSE_US = 25000,
};

/* Reads the stored document; without one the cart is a new one of this moment. */
static struct status decode(struct arena *arena, struct str text, const struct cart *fresh,
                            struct cart *ret_cart, struct cart_marks *ret_marks)
{
    if (text.length > 0) return cart_decode_shared(arena, text, ret_cart, ret_marks);
    *ret_marks = (struct cart_marks){0};
    *ret_cart = *fresh;
    return status_ok();
}

static struct status take_mark(const struct call *call, struct cart_update *update, size_t index,
                               struct str value)
{
    update->over = true;
    update->unsure = true; /* whoever made the change may not have seen replicas confirm it */
    return change_redis_repeated(call, value, update->causes.of_request[index],
                                 update->change->cause.request);
}

static struct status read_all(struct call *call, struct cart_update *update)
{
    struct str words[3 + CHANGE_REDIS_MARKS_MAX] = {STR("MGET"), str_of(update->key)};
    const struct redis_reply *reply;
    size_t count = 2;

    for (size_t i = 0; i < update->causes.count; i++) words[count++] = update->causes.keys[i];
    if (update->given) words[count++] = str_of(update->given);
    struct status st = redis_read(call, update->store->db, words, count, &reply);
    if (failed(st)) return st;
    update->text = redis_reply_text(reply->items[0]);
    update->guessed = false;
    if (update->given) update->inherited = redis_reply_text(reply->items[reply->count - 1]);
    for (size_t i = 0; i < update->causes.count; i++)
        if (reply->items[1 + i]->kind == REDIS_TEXT)
            return take_mark(call, update, i, reply->items[1 + i]->text);
    return st;
}

/* What the script has found. */
static struct status take_result(struct call *call, struct cart_update *update,
                                 const struct cart_comparison *comparison)
{
    switch (comparison->outcome) {
    case CART_WRITTEN:
        update->over = true;
        cart_companions_end(call, update);
        if (comparison->text.length > 0)
            cart_guesses_put(&update->store->guesses[call->shard->index], update->key,
                             comparison->text);
        return status_ok();
    case CART_MARKED: return take_mark(call, update, comparison->mark, comparison->found);
    case CART_CHANGED: break;
    }
    cart_companions_leave(update);
    update->text = comparison->found;
    if (!update->guessed) update->races++;
    /* Without a cart, that of the existing system counts, which only reading finds. */
    if (update->guessed && update->text.length == 0 && update->given) return read_all(call, update);
    update->guessed = false;
    return status_ok();
}

/* Has the server perhaps been asked to write? */
static bool is_in_doubt(struct status st)
{
    return st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN || st.code == STATUS_CANCELLED ||
           st.code == STATUS_DEADLINE_EXCEEDED;
}

static struct status compare_and_write(struct call *call, struct cart_update *update,
                                       struct str text)
{
    struct redis_cart_store *store = update->store;
    struct cart_comparison comparison = {.key = update->key,
                                         .expected = update->text,
                                         .text = text,
                                         .ttl_us = store->ttl_us,
                                         .causes = &update->causes};
    struct status st = cart_compare_and_write(call, store->db, store->compare, &comparison);

    if (!failed(st)) return take_result(call, update, &comparison);
    if (is_in_doubt(st))
        cart_companions_lose(call, update);
    else
        cart_companions_leave(update);
    return st;
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

/* The marks of a change that may have been made. */
static bool is_made(const struct cart_update *update, const struct cart_marks *marks)
{
    return cart_marks_have(marks, update->mark) ||
           (update->lost && cart_marks_have(marks, update->lost));
}

/* Makes the text to write: "" if the cart stays. */
static struct status encode(struct cart_update *update, const struct cart_sum *sum,
                            const struct cart_marks *marks, struct str *text)
{
    if (!sum->keeps) {
        *text = STR("");
        return status_ok();
    }
    if (!sum->changed) return status_ok();
    return cart_encode_shared(update->call->arena, sum->cart, marks, text);
}

/* Writes what was decided; `text` is what it was decided on. */
static struct status write_sum(struct cart_update *update, struct cart_sum sum,
                               struct cart_marks *marks, struct str text)
{
    struct call *call = update->call;

    cart_marks_add(marks, update->mark);
    struct status st = encode(update, &sum, marks, &text);
    if (failed(st) && update->companion_count > 0) { /* all together may be too much */
        cart_companions_leave(update);
        sum = cart_sum_alone(update);
        st = encode(update, &sum, marks, &text);
    }
    if (failed(st)) return st;
    if (text.length == 0 && update->causes.count == 0) {
        if (update->guessed) {
            cart_companions_leave(update);
            return read_all(call, update);
        }
        update->over = true; /* there is nothing to write */
        cart_companions_end(call, update);
        return st;
    }
    change_redis_record(call->arena, &update->change->cause, &update->write.record,
                        &update->causes);
    if (sum.changed && (!update->unsure || sum.cart->version < update->unsure_of))
        update->unsure_of = sum.cart->version;
    return compare_and_write(call, update, text);
}

/* Decides on the cart as it was read, and writes it. */
static struct status attempt(struct call *call, struct cart_update *update)
{
    struct cart_write *write = &update->write;
    struct cart_marks marks;
    struct cart_sum sum;
    struct str text = update->text;
    int64_t now_us = clock_now_us();
    struct cart fresh;
    struct status st;

    if (text.length == 0 && update->given) text = update->inherited;
    cart_init(update->email, now_us, &fresh);
    st = decode(call->arena, text, &fresh, &write->cart, &marks);
    if (failed(st)) return st;
    if (update->unsure && update->causes.count == 0) {
        bool made = is_made(update, &marks);
        update->over = made || !reaches_back(&marks, &write->cart, update->unsure_of);
        if (update->over) return made ? st : outcome_unknown();
    }
    st = cart_decide(call, update->change, now_us, write);
    if (failed(st)) return update->guessed ? read_all(call, update) : st;
    cart_companions_take(update, now_us, &sum);
    if (sum.refused && update->guessed) {
        cart_companions_leave(update);
        return read_all(call, update);
    }
    return write_sum(update, sum, &marks, text);
}

/* After a lost race the text that the winner has written is at hand, and is used at once, while it
 * is fresh. Whoever loses often steps aside for a moment, and reads again. */
static struct status pause_after_race(struct call *call, struct cart_update *update)
{
    if (update->races >= RACES_MAX)
        return status_make(STATUS_ABORTED, ARGOSY__REASON__CART_CONTENDED,
                           "too many changes of this cart at the same time; try again");
    if (update->races % RACES_WITHOUT_PAUSE != 0) return status_ok();
    struct status st = fiber_sleep(call, (int64_t)random_below(PAUSE_MAX_US));
    return failed(st) ? st : read_all(call, update);
}

/* The answer was lost: reads again, for a while, until the server answers. */
static struct status read_after_loss(struct call *call, struct cart_update *update,
                                     struct status lost)
{
    struct status st;

    if (!update->unsure) update->resolve_until_us = shard_now_us(call->shard) + CART_RESOLVE_US;
    update->unsure = true;
    for (;;) {
        st = read_all(call, update);
        if (st.code != STATUS_UNAVAILABLE) return st;
        if (shard_now_us(call->shard) >= update->resolve_until_us) return lost;
        st = fiber_sleep(call, RESOLVE_PAUSE_US / 2 + (int64_t)random_below(RESOLVE_PAUSE_US));
        if (failed(st)) return lost;
    }
}

/* Begins with what this shard wrote last, or reads. */
static struct status begin(struct call *call, struct cart_update *update)
{
    if (update->unsure) /* it went along with another change */
        return read_after_loss(
            call, update,
            status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                        "the cart's store did not answer, and whether the change "
                        "was made is not known; read the cart before you repeat "
                        "it"));
    update->text = cart_guesses_get(&update->store->guesses[call->shard->index], call->arena,
                                    update->key);
    update->guessed = update->text.length > 0;
    return update->guessed ? status_ok() : read_all(call, update);
}

struct status cart_update_confirm(struct call *call, struct redis_cart_store *store,
                                  const char *key)
{
    return redis_confirm(call, store->db, str_of(arena_printf(call->arena, "{%s}:confirm", key)));
}

static struct status change_cart(struct call *call, struct cart_update *update)
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
    if (failed(st) || !update->unsure) return st;
    return cart_update_confirm(call, update->store, update->key);
}

/* The cart is at its own key now; what the existing system has left would show again when that has
 * expired. If this fails, it expires too. */
static void drop_inherited(struct call *call, struct cart_update *update)
{
    const struct redis_reply *reply;

    if (update->inherited.length == 0 || !update->write.keeps) return;
    struct status st = redis_write(call, update->store->db,
                                   REDIS_WORDS(STR("UNLINK"), str_of(update->given)), &reply);
    (void)st;
}

struct status cart_update_make(struct call *call, struct cart_update *update)
{
    struct redis_cart_store *store = update->store;
    struct turns *turns = &store->turns[call->shard->index];

    update->mark = cart_mark_new(call->arena);
    change_redis_marks(call, update->key, &update->change->cause, store->marks_ttl_us,
                       &update->causes);
    struct status st = turn_take(call, turns, update->key, &update->turn);
    if (failed(st) && update->place) *update->place = 0;
    if (failed(st)) return st;
    if (update->turn.served) return update->companion_ends;
    st = change_cart(call, update);
    turn_give(call, turns, &update->turn);
    if (!failed(st)) drop_inherited(call, update);
    return st;
}
