/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the stores on Redis and MongoDB. Each caller has a record of its own:
 *
 * cart       one more piece of the same variant is added to the caller's cart, of three lines
 * user       the caller's account is read
 * account    the name in the caller's account is changed
 * session    the caller's session gets its next refresh token */
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "bench/engines/stores.h"
#include "services/auth/auth_store.h"
#include "services/cart/cart_store.h"
#include "services/user/user_store.h"

enum { CALLERS_MAX = 100, SESSIONS_MAX = 10 };
#define DAY_S INT64_C(86400)
#define US_PER_S INT64_C(1000000)

/* All addresses have the same length. */
static const char *email_of(struct arena *arena, const struct caller *caller)
{
    return arena_printf(arena, "shopper-%02d@example.com", caller->index % CALLERS_MAX);
}

/* ---- carts ---- */

static struct cart_store *carts;

static struct status make_carts(const struct service_context *context, const char *url)
{
    return cart_store_redis(context, url, 7 * DAY_S * US_PER_S, DAY_S * US_PER_S, &carts);
}

static struct status open_carts(struct call *call)
{
    return carts->open(call, carts);
}

static void close_carts(void)
{
    carts->close(carts);
}

/* `data` is the number of the product. */
static struct status add(const struct call *call, struct cart *cart, void *data)
{
    static const struct cart_limits limits = {.lines_max = 100, .quantity_max = 1000000};
    const char *id = arena_printf(call->arena, "01900000-0000-7000-8000-00000000000%d",
                                  *(const int *)data);
    const struct cart_line line = {.product_id = id,
                                   .variant_id = id,
                                   .category = "mugs",
                                   .product_name = "A mug of stoneware",
                                   .options = "Blue, Large",
                                   .image_url = "https://example.com/mug.png",
                                   .currency = "EUR",
                                   .unit_amount = 1250,
                                   .quantity = 1};

    return cart_add(call->arena, cart, &line, &limits);
}

static struct status add_product(struct call *call, const struct caller *caller, int product)
{
    const struct cart_change change = {.apply = add, .data = &product};
    struct cart cart;

    return carts->update(call, carts, email_of(call->arena, caller), &change, &cart);
}

static struct status begin_cart(struct call *call, struct caller *caller)
{
    struct status st = status_ok();

    for (int product = 0; product < 3 && !failed(st); product++)
        st = add_product(call, caller, product);
    return st;
}

static struct status run_cart(struct call *call, struct caller *caller)
{
    return add_product(call, caller, 1);
}

const struct operation operation_cart = {
    .name = "cart",
    .make = make_carts,
    .open = open_carts,
    .begin = begin_cart,
    .run = run_cart,
    .close = close_carts,
};

/* ---- accounts ---- */

static struct user_store *users;

static struct status make_users(const struct service_context *context, const char *url)
{
    return user_store_mongodb(context, url, &users);
}

static struct status open_users(struct call *call)
{
    return users->open(call, users);
}

static void close_users(void)
{
    users->close(users);
}

static struct status begin_account(struct call *call, struct caller *caller)
{
    const struct account account = {
        .email = email_of(call->arena, caller),
        .name = "Ann",
        .phone = "+1 23",
        .address = "1 Main St",
        .avatar_url = "",
        .role = "customer",
        .status = "active",
        .password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                         "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
        .created_us = clock_now_us(),
        .updated_us = clock_now_us(),
        .password_changed_us = clock_now_us(),
    };

    struct status st = users->insert(call, users, &(struct account_creation){.account = &account});
    return st.code == STATUS_ALREADY_EXISTS ? status_ok() : st;
}

static struct status run_user(struct call *call, struct caller *caller)
{
    struct account *account;

    return users->find(call, users, email_of(call->arena, caller), &account);
}

static struct status rename_account(const struct call *call, struct account *account, void *data)
{
    (void)call;
    account->name = data;
    account->updated_us = clock_now_us();
    return status_ok();
}

static struct status run_account(struct call *call, struct caller *caller)
{
    const char *name = caller->done % 2 ? "Ann" : "Bob";
    const struct account_change change = {.apply = rename_account, .data = (void *)(uintptr_t)name};
    struct account *account;

    return users->update(call, users, email_of(call->arena, caller), &change, &account);
}

const struct operation operation_user = {
    .name = "user",
    .make = make_users,
    .open = open_users,
    .begin = begin_account,
    .run = run_user,
    .close = close_users,
};
const struct operation operation_account = {
    .name = "account",
    .make = make_users,
    .open = open_users,
    .begin = begin_account,
    .run = run_account,
    .close = close_users,
};

/* ---- sessions ---- */

static struct auth_store *sessions;

static struct status make_sessions(const struct service_context *context, const char *url)
{
    return auth_store_mongodb(context, url, &sessions);
}

static struct status open_sessions(struct call *call)
{
    sessions->access_ttl_s = DAY_S / 24;
    return sessions->open(call, sessions);
}

static void close_sessions(void)
{
    sessions->close(sessions);
}

static struct status begin_session(struct call *call, struct caller *caller)
{
    int64_t now_us = clock_now_us();
    struct session session = {
        .email = email_of(call->arena, caller),
        .role = "customer",
        .device_id = "phone",
        .family = "01900000-0000-7000-8000-000000000001",
        .number = 1,
        .issued_s = now_us / US_PER_S,
        .expires_s = now_us / US_PER_S + DAY_S,
        .created_us = now_us,
        .used_us = now_us,
        .password_changed_us = now_us,
        .boot = "01900000-0000-4000-8000-000000000001",
        .generation = 1,
        .peer = "192.0.2.1",
    };

    return sessions->put(call, sessions, &session, SESSIONS_MAX);
}

static struct status rotate(const struct call *call, struct session *session, void *data)
{
    (void)call;
    (void)data;
    session->number++;
    random_bytes(session->hash, sizeof(session->hash));
    session->used_us = clock_now_us();
    session->issued_s = session->used_us / US_PER_S;
    session->expires_s = session->issued_s + DAY_S;
    return status_ok();
}

static struct status run_session(struct call *call, struct caller *caller)
{
    const struct session_change change = {rotate, NULL};

    return sessions->update(call, sessions, email_of(call->arena, caller), "phone", &change);
}

const struct operation operation_session = {
    .name = "session",
    .make = make_sessions,
    .open = open_sessions,
    .begin = begin_session,
    .run = run_session,
    .close = close_sessions,
};
