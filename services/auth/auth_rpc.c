/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the auth service, in the order of proto/auth.proto. */
#include <string.h>

#include "base/clock.h"
#include "base/password_rules.h"
#include "rpc/timestamp.h"
#include "services/auth/auth_service.h"
#include "user.rpc.h"

enum { US_PER_S = 1000000 };

/* ---- credentials ---- */

/* The user service never refuses our calls, or fields that passed our own rules, unless the fleet
 * is misconfigured. That is an internal error, not a mistake of the user who logs in. */
static struct status as_internal(struct call *call, struct status st)
{
    if (st.code != STATUS_PERMISSION_DENIED && st.code != STATUS_UNAUTHENTICATED &&
        st.code != STATUS_INVALID_ARGUMENT)
        return st;
    return status_printf(call->arena, STATUS_INTERNAL, st.reason,
                         "the user service refused a call of the auth service (%s); give all "
                         "processes the same FLEET_KEY",
                         st.message);
}

/* *ret_credentials is NULL if there is no account, or a deleted one. */
static struct status get_credentials(struct call *call, const char *email,
                                     UserService__CustomerCredentialsResponse **ret_credentials)
{
    struct auth_service *service = call_service(call);
    UserService__GetCustomerCredentialsRequest request =
        USER_SERVICE__GET_CUSTOMER_CREDENTIALS_REQUEST__INIT;
    UserService__CustomerCredentialsResponse *credentials;

    request.email = (char *)email;
    struct status st = user_service_get_customer_credentials(call, service->users, &request,
                                                             &credentials);
    if (st.code == STATUS_NOT_FOUND) {
        *ret_credentials = 0;
        return status_ok();
    }
    if (failed(st)) return as_internal(call, st);
    *ret_credentials = credentials->is_deleted ? 0 : credentials;
    return status_ok();
}

/* Look-up, back-off and password, then the account's status. All failures but that of the status
 * give the same answer at the same cost. */
static struct status authenticate(struct call *call, const char *email, const char *password,
                                  UserService__CustomerCredentialsResponse **ret_credentials)
{
    struct auth_service *service = call_service(call);
    struct password_trial trial = {
        .policy = &service->hashing, .email = email, .password = password};
    UserService__CustomerCredentialsResponse *credentials;
    struct status st;

    st = get_credentials(call, email, &credentials);
    if (failed(st)) return st;

    trial.hash = credentials ? credentials->password : 0;
    st = passwords_check(call, service->passwords, &trial);
    if (failed(st)) return st;

    if (strcmp(credentials->status, "blocked") == 0)
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__USER_BLOCKED,
                           "this account is blocked; contact the shop");
    *ret_credentials = credentials;
    return status_ok();
}

/* Replaces an outdated hash while the password is at hand, unless the password itself has been
 * changed meanwhile. The login succeeds even if this fails: the next one tries again, and the
 * existing system's user service does not know the rpc. */
static void upgrade_hash(struct call *call,
                         const UserService__CustomerCredentialsResponse *credentials,
                         const char *password)
{
    struct auth_service *service = call_service(call);
    UserService__SetPasswordRequest request = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *response;

    if (!password_needs_rehash(&service->hashing, str_of(password), credentials->password)) return;
    request.email = credentials->email;
    request.password = (char *)password;
    request.rehash = true;
    request.if_changed_at = credentials->password_changed_at;
    (void)failed(user_service_set_password(call, service->users, &request, &response));
}

/* ---- tokens and cookies ---- */

static struct status set_cookie(struct call *call, const char *name, struct str value,
                                int64_t max_age_s)
{
    const char *cookie = arena_printf(
        call->arena, "%s=%.*s; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=%lld", name,
        STR_ARGS(value), (long long)max_age_s);

    return call_reply_metadata(call, STR("set-cookie"), str_of(cookie));
}

/* Sends both cookies of a session; the answer carries the access token too. */
static struct status send_tokens(struct call *call, const struct session *session,
                                 char **ret_access_token)
{
    struct auth_service *service = call_service(call);
    const struct token_policy *policy = &service->policy;
    int64_t now_us = clock_now_us();
    struct status st;

    struct str access = session_access_token(call->arena, policy, session, now_us);
    struct str refresh = session_refresh_token(call->arena, policy, session);
    st = set_cookie(call, "access-token", access, policy->access_ttl_s);
    if (failed(st)) return st;
    st = set_cookie(call, "refresh-token", refresh, session->expires_s - now_us / US_PER_S);
    if (failed(st)) return st;
    *ret_access_token = str_dup(call->arena, access);
    return status_ok();
}

static void succeed(AuthService__StandardResponse *response, const char *message)
{
    response->success = true;
    response->message = (char *)message;
    response->status_code = 200;
}

static const char *device_of(const char *device_id)
{
    return device_id[0] ? device_id : "default";
}

/* Reads and verifies the refresh token: from the request, or else from the metadata that the
 * gateway makes of the cookie. */
static struct status read_refresh_token(struct call *call, const char *in_request,
                                        struct str *ret_token, struct jwt_claims *ret_claims)
{
    struct auth_service *service = call_service(call);
    struct str token = str_of(in_request);

    if (token.length == 0) token = call_metadata(call, "refresh-token");
    if (token.length == 0)
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__LOGIN_REQUIRED,
                           "the request has no refresh token; log in");
    *ret_token = token;
    return jwt_verify(call->arena, &service->refresh_keys, token, "refresh",
                      clock_now_us() / US_PER_S, ret_claims);
}

static struct moment moment_now(void)
{
    return (struct moment){clock_now_us(), clock_monotonic_us()};
}

/* Reads the account once more when the session is in the store: it may have been blocked, or its
 * role or password changed, after it was read and before there was a session that the event could
 * have ended. */
static struct status recheck_account(struct call *call, const struct session *session)
{
    struct auth_service *service = call_service(call);
    UserService__CustomerCredentialsResponse *credentials;
    int removed;
    struct status st;

    st = get_credentials(call, session->email, &credentials);
    if (failed(st)) return st;
    if (credentials && strcmp(credentials->status, "blocked") != 0 &&
        strcmp(credentials->role, session->role) == 0 &&
        rpc_timestamp_us(credentials->password_changed_at) <= session->password_changed_us)
        return st;
    st = service->store->remove(call, service->store, session->email, session->device_id, 0,
                                &removed);
    if (failed(st)) return st;
    return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_REVOKED,
                       "the account has just been changed; log in again");
}

/* ---- handlers ---- */

static struct status login(struct call *call, const AuthService__LoginRequest *request,
                           AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    AuthService__LoginData *data = arena_new(call->arena, AuthService__LoginData);
    UserService__CustomerCredentialsResponse *credentials;
    struct status st;

    st = authenticate(call, request->email, request->password, &credentials);
    if (failed(st)) return st;
    upgrade_hash(call, credentials, request->password);

    struct session session = {
        .email = credentials->email,
        .role = credentials->role,
        .device_id = device_of(request->device_id),
        .password_changed_us = rpc_timestamp_us(credentials->password_changed_at),
        .peer = call_peer(call),
    };
    session_begin(call->arena, &service->policy, moment_now(), &session);
    st = service->store->put(call, service->store, &session, service->sessions_max);
    if (failed(st)) return st;
    st = recheck_account(call, &session);
    if (failed(st)) return st;

    auth_service__login_data__init(data);
    st = send_tokens(call, &session, &data->message);
    if (failed(st)) return st;

    succeed(response, "login successful");
    response->result_case = AUTH_SERVICE__STANDARD_RESPONSE__RESULT_LOGIN_DATA;
    response->login_data = data;
    return status_ok();
}

/* One refresh, applied inside the store's transaction. */
struct refresh {
    struct auth_service *service;
    struct str token, token_id;
    const UserService__CustomerCredentialsResponse *credentials;
    const char *peer;
    struct moment now;
    enum refresh_outcome outcome;
    struct session session; /* as it is afterwards */
};

static struct status refresh_session(const struct call *call, struct session *session, void *data)
{
    struct refresh *refresh = data;

    /* The session ends if the account was blocked or deleted, or its password changed, since the
     * session last checked it. Credentials may also be older than the session: read before the
     * password was changed and this device logged in with the new one. */
    const UserService__CustomerCredentialsResponse *credentials = refresh->credentials;
    bool valid = credentials && strcmp(credentials->status, "blocked") != 0 &&
                 rpc_timestamp_us(credentials->password_changed_at) <= session->password_changed_us;
    if (!valid) {
        session->ended = true;
        refresh->outcome = REFRESH_FOREIGN;
        return status_ok();
    }

    /* A new successor carries the account's present role; a repeated one the role that it was
     * issued with. */
    const char *role_before = session->role;
    session->role = credentials->role;
    refresh->outcome = session_refresh(call->arena, &refresh->service->policy, refresh->token,
                                       refresh->token_id, refresh->now, session);
    if (refresh->outcome == REFRESH_ROTATED)
        session->peer = refresh->peer;
    else
        session->role = role_before;
    refresh->session = *session;
    return status_ok();
}

static struct status refuse_refresh(enum refresh_outcome outcome)
{
    if (outcome == REFRESH_REUSED)
        return status_make(
            STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_REUSED,
            "this refresh token was already used, so its session has been ended; log in again");
    return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_REVOKED,
                       "this session has ended; log in again");
}

static struct status validate_refresh_token(struct call *call,
                                            const AuthService__ValidateRefreshTokenRequest *request,
                                            AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    AuthService__RefreshTokenData *data = arena_new(call->arena, AuthService__RefreshTokenData);
    struct refresh refresh = {.service = service, .peer = call_peer(call)};
    struct jwt_claims claims;
    UserService__CustomerCredentialsResponse *credentials;
    struct status st;

    st = read_refresh_token(call, request->refresh_token, &refresh.token, &claims);
    if (failed(st)) return st;

    const char *email = str_dup(call->arena, claims.email);
    st = get_credentials(call, email, &credentials);
    if (failed(st)) return st;

    refresh.token_id = claims.id;
    refresh.credentials = credentials;
    refresh.now = moment_now();
    st = service->store->update(call, service->store, email, str_dup(call->arena, claims.device_id),
                                &(struct session_change){refresh_session, &refresh});
    if (st.code == STATUS_NOT_FOUND) return refuse_refresh(REFRESH_FOREIGN);
    if (failed(st)) return st;
    if (refresh.outcome == REFRESH_REUSED || refresh.outcome == REFRESH_FOREIGN)
        return refuse_refresh(refresh.outcome);
    if (refresh.outcome == REFRESH_ROTATED) st = recheck_account(call, &refresh.session);
    if (failed(st)) return st;

    auth_service__refresh_token_data__init(data);
    st = send_tokens(call, &refresh.session, &data->message);
    if (failed(st)) return st;

    succeed(response, "new access token generated");
    response->result_case = AUTH_SERVICE__STANDARD_RESPONSE__RESULT_REFRESH_TOKEN_DATA;
    response->refreshtokendata = data;
    return status_ok();
}

/* Ends the session only if the token is of its present family: an old token must not log out a new
 * session. */
static struct status end_session(const struct call *call, struct session *session, void *data)
{
    struct str id = *(const struct str *)data, family;

    if (str_split(&id, '.', &family) && str_is(family, session->family)) session->ended = true;
    return status_ok();
}

static struct status logout(struct call *call, const AuthService__LogoutRequest *request,
                            AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    AuthService__LogoutData *data = arena_new(call->arena, AuthService__LogoutData);
    struct jwt_claims claims;
    struct str token;
    struct status st;

    st = read_refresh_token(call, request->refresh_token, &token, &claims);
    if (failed(st) && st.reason != ARGOSY__REASON__TOKEN_EXPIRED) return st;

    if (!failed(st)) {
        st = service->store->update(call, service->store, str_dup(call->arena, claims.email),
                                    str_dup(call->arena, claims.device_id),
                                    &(struct session_change){end_session, &claims.id});
        if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    }
    st = set_cookie(call, "access-token", STR(""), 0);
    if (failed(st)) return st;
    st = set_cookie(call, "refresh-token", STR(""), 0);
    if (failed(st)) return st;

    auth_service__logout_data__init(data);
    data->message = (char *)"logout successful";
    succeed(response, "logout successful");
    response->result_case = AUTH_SERVICE__STANDARD_RESPONSE__RESULT_LOGOUT_DATA;
    response->logout_data = data;
    return status_ok();
}

/* The user service has the account, and so the idempotency record too: the client's key is passed
 * on to it, and the mark of a replayed answer is passed back. */
static struct status create_customer(struct call *call,
                                     const UserService__CreateCustomerRequest *request,
                                     UserService__CreateCustomerResponse **ret_customer)
{
    struct auth_service *service = call_service(call);
    struct str key = call_metadata(call, "idempotency-key");
    struct http_headers metadata = {0}, answered = {0};
    struct rpc_options options = {.metadata = &metadata, .ret_metadata = &answered};
    struct status st;

    if (!key.data) return user_service_create_customer(call, service->users, request, ret_customer);
    st = http_headers_add(call->arena, &metadata, STR("idempotency-key"), key);
    if (failed(st)) return st;
    st = user_service_create_customer_with(call, service->users, request, &options, ret_customer);
    if (failed(st)) return st;
    struct str replayed = http_headers_get(&answered, "idempotent-replayed");
    if (!replayed.data) return st;
    return call_reply_metadata(call, STR("idempotent-replayed"), replayed);
}

static struct status create_user_account(struct call *call,
                                         const AuthService__CreateUserRequest *request,
                                         AuthService__StandardResponse *response)
{
    AuthService__UserData *data = arena_new(call->arena, AuthService__UserData);
    UserService__CreateCustomerRequest create = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;
    UserService__CreateCustomerResponse *customer;

    create.name = request->name;
    create.email = request->email;
    create.password = request->password;
    create.phone = request->phone;
    create.address = request->address;
    create.avatar_url = request->avatar_url;
    struct status st = create_customer(call, &create, &customer);
    if (failed(st)) return st;

    auth_service__user_data__init(data);
    data->name = customer->name;
    data->email = customer->email;
    data->role = customer->role;
    data->status = customer->status;
    data->phone = customer->phone;
    data->address = customer->address;
    data->avatar_url = customer->avatar_url;
    succeed(response, "user created successfully");
    response->status_code = 201;
    response->result_case = AUTH_SERVICE__STANDARD_RESPONSE__RESULT_USER_DATA;
    response->user_data = data;
    return status_ok();
}

static AuthService__Session *session_message(const struct call *call, const struct session *session,
                                             const char *device_id)
{
    AuthService__Session *message = arena_new(call->arena, AuthService__Session);

    auth_service__session__init(message);
    message->device_id = (char *)session->device_id;
    message->created_at = rpc_timestamp(call->arena, session->created_us);
    message->used_at = rpc_timestamp(call->arena, session->used_us);
    message->expires_at = rpc_timestamp(call->arena, session->expires_s * US_PER_S);
    message->current = strcmp(session->device_id, device_id) == 0;
    message->peer = (char *)session->peer;
    return message;
}

static struct status list_sessions(struct call *call,
                                   const AuthService__ListSessionsRequest *request,
                                   AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    AuthService__SessionsData *data = arena_new(call->arena, AuthService__SessionsData);
    struct session *sessions;
    struct user user;
    size_t count;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->list(call, service->store, user.email, clock_now_us() / US_PER_S,
                              &sessions, &count);
    if (failed(st)) return st;

    auth_service__sessions_data__init(data);
    data->sessions = arena_array(call->arena, AuthService__Session *, count + 1);
    for (size_t i = 0; i < count; i++)
        data->sessions[data->n_sessions++] = session_message(call, &sessions[i], user.device_id);
    succeed(response, "sessions");
    response->result_case = AUTH_SERVICE__STANDARD_RESPONSE__RESULT_SESSIONS_DATA;
    response->sessions_data = data;
    return status_ok();
}

static struct status revoke_session(struct call *call,
                                    const AuthService__RevokeSessionRequest *request,
                                    AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    struct user user;
    int removed;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->remove(call, service->store, user.email, request->device_id, 0, &removed);
    if (failed(st)) return st;
    if (removed == 0)
        return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__SESSION_NOT_FOUND,
                             "you have no session on the device '%s'; list your sessions to see "
                             "which devices have one",
                             request->device_id);
    succeed(response, "session ended");
    return status_ok();
}

static struct status revoke_all_sessions(struct call *call,
                                         const AuthService__RevokeAllSessionsRequest *request,
                                         AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    struct user user;
    int removed;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->remove(call, service->store, user.email, 0, 0, &removed);
    if (failed(st)) return st;
    succeed(response, arena_printf(call->arena, "%d sessions ended", removed));
    return status_ok();
}

static struct status set_password_changed(const struct call *call, struct session *session,
                                          void *data)
{
    session->password_changed_us = *(const int64_t *)data;
    return status_ok();
}

/* The session that changes the password goes on with the new one; all others end. */
static struct status keep_only_this_session(struct call *call, const struct user *user)
{
    struct auth_service *service = call_service(call);
    UserService__CustomerCredentialsResponse *credentials;
    int removed;
    struct status st;

    st = service->store->remove(call, service->store, user->email, 0, user->device_id, &removed);
    if (failed(st)) return st;
    st = get_credentials(call, user->email, &credentials);
    if (failed(st) || !credentials) return st;

    int64_t changed_us = rpc_timestamp_us(credentials->password_changed_at);
    st = service->store->update(call, service->store, user->email, user->device_id,
                                &(struct session_change){set_password_changed, &changed_us});
    return st.code == STATUS_NOT_FOUND ? status_ok() : st;
}

static struct status change_password(struct call *call,
                                     const AuthService__ChangePasswordRequest *request,
                                     AuthService__StandardResponse *response)
{
    struct auth_service *service = call_service(call);
    UserService__SetPasswordRequest set = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *done;
    UserService__CustomerCredentialsResponse *credentials;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    /* The cheap check first; its answer reveals nothing about the password. */
    if (strcmp(request->current_password, request->new_password) == 0)
        return status_field(call->arena, ARGOSY__REASON__PASSWORD_SAME, "new_password",
                            "is the same as `current_password`; choose another");
    st = authenticate(call, user.email, request->current_password, &credentials);
    if (failed(st)) return st;

    const char *objection = password_objection(str_of(request->new_password),
                                               str_of(credentials->email));
    if (objection)
        return status_field(call->arena, ARGOSY__REASON__PASSWORD_WEAK, "new_password", "%s",
                            objection);

    set.email = credentials->email;
    set.password = request->new_password;
    set.if_changed_at = credentials->password_changed_at;
    set.changed_on = (char *)user.device_id;
    st = user_service_set_password(call, service->users, &set, &done);
    if (st.code == STATUS_INVALID_ARGUMENT)
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "new_password",
                            "is too long to be hashed; choose one of at most 72 bytes");
    if (failed(st)) return as_internal(call, st);

    st = keep_only_this_session(call, &user);
    if (failed(st)) return st;
    succeed(response, "password changed; your other sessions have been ended");
    return status_ok();
}

const struct auth_service_handlers auth_handlers = {
    .login = login,
    .validate_refresh_token = validate_refresh_token,
    .logout = logout,
    .create_user_account = create_user_account,
    .list_sessions = list_sessions,
    .revoke_session = revoke_session,
    .revoke_all_sessions = revoke_all_sessions,
    .change_password = change_password,
    .watch_ended_sessions = watch_ended_sessions,
};
