/* SPDX-License-Identifier: Apache-2.0 */
/* For the auth service's rpc tests: a fake user service in memory whose answers a test sets, and
 * the calls of a client that keeps its cookies. */
#ifndef SERVICES_AUTH_AUTH_TESTING_H
#define SERVICES_AUTH_AUTH_TESTING_H

#include <pthread.h>
#include <strings.h>

#include "base/clock.h"
#include "rpc/rpc_testing.h"
#include "rpc/timestamp.h"
#include "services/auth/auth_service.h"
#include "user.rpc.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* ---- the user service ---- */

/* One account, ann@example.com, as the fake knows it. */
static struct {
    pthread_mutex_t lock;
    char hash[PASSWORD_HASH_SIZE];
    const char *status, *role;
    bool deleted;
    int64_t password_changed_us;
    int rehashes, created;
    const char *set_meanwhile;       /* somebody else sets this password after the next look-up */
    enum status_code fail, fail_set; /* answer this error instead */
} ann = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct password_policy ann_hashing = {
    .scheme = PASSWORD_ARGON2ID, .memory_kib = 64, .passes = 1};

static inline void ann_begins(const char *password)
{
    ann.status = "active";
    ann.role = "customer";
    ann.deleted = false;
    ann.password_changed_us = 1234567;
    ann.rehashes = ann.created = 0;
    ann.set_meanwhile = 0;
    ann.fail = ann.fail_set = STATUS_OK;
    invariant(password_hash(&ann_hashing, str_of(password), ann.hash));
}

static struct status fake_credentials(struct call *call,
                                      const UserService__GetCustomerCredentialsRequest *request,
                                      UserService__CustomerCredentialsResponse *response)
{
    struct status st = call_require_peer(call);
    if (failed(st)) return st;
    if (ann.fail)
        return status_make(ann.fail, ARGOSY__REASON__INTERNAL_ONLY, "the fake is told so");
    if (strcasecmp(request->email, "ann@example.com") != 0)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__USER_NOT_FOUND, "no account");

    pthread_mutex_lock(&ann.lock);
    response->email = TEXT("Ann@Example.com");
    response->password = arena_printf(call->arena, "%s", ann.hash);
    response->status = TEXT(ann.status);
    response->role = TEXT(ann.role);
    response->is_deleted = ann.deleted;
    response->password_changed_at = rpc_timestamp(call->arena, ann.password_changed_us);
    if (ann.set_meanwhile) {
        invariant(password_hash(&ann_hashing, str_of(ann.set_meanwhile), ann.hash));
        ann.password_changed_us++;
        ann.set_meanwhile = 0;
    }
    pthread_mutex_unlock(&ann.lock);
    return status_ok();
}

static struct status fake_set_password(struct call *call,
                                       const UserService__SetPasswordRequest *request,
                                       UserService__SetPasswordResponse *response)
{
    struct status st = call_require_peer(call);
    if (failed(st)) return st;
    if (ann.fail_set) return status_make(ann.fail_set, 0, "the fake is told so");

    pthread_mutex_lock(&ann.lock);
    bool stale = request->if_changed_at &&
                 rpc_timestamp_us(request->if_changed_at) != ann.password_changed_us;
    if (stale) {
        pthread_mutex_unlock(&ann.lock);
        return status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE, "changed meanwhile");
    }
    invariant(password_hash(&ann_hashing, str_of(request->password), ann.hash));
    if (request->rehash)
        ann.rehashes++;
    else
        ann.password_changed_us++;
    pthread_mutex_unlock(&ann.lock);
    return status_ok();
}

static struct status fake_create(struct call *call,
                                 const UserService__CreateCustomerRequest *request,
                                 UserService__CreateCustomerResponse *response)
{
    if (strcasecmp(request->email, "ann@example.com") == 0)
        return status_make(STATUS_ALREADY_EXISTS, ARGOSY__REASON__USER_EXISTS, "taken");
    ann.created++;
    response->name = request->name;
    response->email = request->email;
    response->role = TEXT("customer");
    response->status = TEXT("active");
    response->phone = request->phone;
    response->address = request->address;
    response->avatar_url = request->avatar_url;
    return status_ok();
}

static const struct user_service_handlers fake_users = {
    .create_customer = fake_create,
    .get_customer_credentials = fake_credentials,
    .set_password = fake_set_password,
};

/* ---- the stage ---- */

extern const struct service_module auth_service;

#define ACCESS_SECRET "access-secret-of-32-bytes-or-more"
#define REFRESH_SECRET "refresh-secret-of-32-bytes-or-more"

static const char *const auth_settings[] = {
    "JWT_ACCESS_TOKEN_SECRET=" ACCESS_SECRET,
    "JWT_REFRESH_TOKEN_SECRET=" REFRESH_SECRET,
    "USER_ARGON2_MEMORY=64KiB",
    "USER_ARGON2_PASSES=1",
    "AUTH_SESSIONS_MAX=3",
    0,
};

/* Plays with ann's password "correct horse", and with one more setting; NULL: with none. */
static inline void auth_play_with(const char *setting,
                                  void (*play)(struct call *call, struct stage *stage))
{
    enum { COUNT = sizeof(auth_settings) / sizeof(auth_settings[0]) };
    const char *settings[COUNT + 1] = {0};

    for (size_t i = 0; i < COUNT - 1; i++) settings[i] = auth_settings[i];
    settings[COUNT - 1] = setting;
    const struct stage_plan plan = {
        .module = &auth_service,
        .settings = settings,
        .fakes = {{&user_service_rpc, &fake_users, 0}},
    };
    ann_begins("correct horse");
    stage_run(&plan, play);
}

static inline void auth_play(void (*play)(struct call *call, struct stage *stage))
{
    auth_play_with(NULL, play);
}

/* ---- the client ---- */

struct tokens {
    const char *access, *refresh; /* of the cookies; "" none */
    const char *said;             /* in the message */
};

/* A cookie's value and, behind it, its attributes. */
static inline const char *cookie(const struct call *call, const struct http_headers *headers,
                                 const char *name, bool attributes)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < headers->count; i++) {
        struct str value = headers->items[i].value;
        if (!str_is(headers->items[i].name, "set-cookie")) continue;
        if (value.length <= length || memcmp(value.data, name, length) != 0) continue;
        value = str_sized(value.data + length + 1, value.length - length - 1);
        size_t end = str_find(value, ';');
        return attributes ? str_dup(call->arena, str_sized(value.data + end, value.length - end))
                          : str_dup(call->arena, str_sized(value.data, end));
    }
    return "";
}

static inline struct status login(struct call *call, struct stage *stage, const char *email,
                                  const char *password, const char *device_id,
                                  struct tokens *ret_tokens)
{
    AuthService__LoginRequest request = AUTH_SERVICE__LOGIN_REQUEST__INIT;
    AuthService__StandardResponse *response;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    request.email = TEXT(email);
    request.password = TEXT(password);
    request.device_id = TEXT(device_id);
    struct status st = auth_service_login_with(call, stage->inside, &request, &options, &response);
    if (failed(st)) return st;
    EXPECT(response->result_case == AUTH_SERVICE__STANDARD_RESPONSE__RESULT_LOGIN_DATA);
    EXPECT(response->success && response->status_code == 200);
    *ret_tokens = (struct tokens){
        .access = cookie(call, &metadata, "access-token", false),
        .refresh = cookie(call, &metadata, "refresh-token", false),
        .said = response->login_data->message,
    };
    return st;
}

/* Ann's own, with her password. */
static inline struct tokens ann_logs_in(struct call *call, struct stage *stage,
                                        const char *device_id)
{
    struct tokens tokens = {"", "", ""};

    EXPECT_OK(login(call, stage, "ann@example.com", "correct horse", device_id, &tokens));
    return tokens;
}

static inline struct status refresh(struct call *call, struct stage *stage, const char *token,
                                    struct tokens *ret_tokens)
{
    AuthService__ValidateRefreshTokenRequest request =
        AUTH_SERVICE__VALIDATE_REFRESH_TOKEN_REQUEST__INIT;
    AuthService__StandardResponse *response;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    request.refresh_token = TEXT(token);
    struct status st = auth_service_validate_refresh_token_with(call, stage->inside, &request,
                                                                &options, &response);
    if (failed(st)) return st;
    EXPECT(response->result_case == AUTH_SERVICE__STANDARD_RESPONSE__RESULT_REFRESH_TOKEN_DATA);
    EXPECT(response->success && response->status_code == 200);
    *ret_tokens = (struct tokens){
        .access = cookie(call, &metadata, "access-token", false),
        .refresh = cookie(call, &metadata, "refresh-token", false),
        .said = response->refreshtokendata->message,
    };
    return st;
}

static inline struct status logout(struct call *call, struct stage *stage, const char *token)
{
    AuthService__LogoutRequest request = AUTH_SERVICE__LOGOUT_REQUEST__INIT;
    AuthService__StandardResponse *response;

    request.refresh_token = TEXT(token);
    return auth_service_logout(call, stage->inside, &request, &response);
}

/* What an access token says. */
static inline struct jwt_claims claims_of(const struct call *call, const char *access)
{
    struct jwt_claims claims = {0};
    struct jwt_keys keys;
    const char *error;

    EXPECT(jwt_keys_parse(STR(ACCESS_SECRET), &keys, &error));
    EXPECT_OK(jwt_verify(call->arena, &keys, str_of(access), "access", clock_now_us() / 1000000,
                         &claims));
    return claims;
}

#endif
