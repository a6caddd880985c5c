/* SPDX-License-Identifier: Apache-2.0 */
/* The auth service through the loopback, beside a user service in memory. Logging in is in
 * auth_login_test.c. */
#include "services/auth/auth_testing.h"

/* ---- refreshing ---- */

static void rotates(struct call *call, struct stage *stage)
{
    struct tokens first = ann_logs_in(call, stage, "phone"), second = {0}, again = {0};

    EXPECT_OK(refresh(call, stage, first.refresh, &second));
    EXPECT(strcmp(first.refresh, second.refresh) != 0);
    EXPECT(strcmp(second.access, second.said) == 0);
    EXPECT(str_is(claims_of(call, second.access).email, "Ann@Example.com"));
    EXPECT_OK(refresh(call, stage, first.refresh, &again));
    EXPECT(strcmp(second.refresh, again.refresh) == 0);
    EXPECT_OK(refresh(call, stage, second.refresh, &again));

    stage_pass_s(11);
    EXPECT_REFUSED(refresh(call, stage, second.refresh, &second), UNAUTHENTICATED, TOKEN_REUSED);
    EXPECT_REFUSED(refresh(call, stage, again.refresh, &second), UNAUTHENTICATED, TOKEN_REVOKED);
}

TEST(a_token_buys_one_successor_and_a_late_second_use_ends_the_family)
{
    auth_play(rotates);
}

enum { TABS = 40 };
static const char *shared_token;
static char successors[TABS][2048];

static void refresh_in_a_tab(struct call *call, struct stage *stage, int number)
{
    struct tokens tokens = {"", "", ""};

    EXPECT_OK(refresh(call, stage, shared_token, &tokens));
    snprintf(successors[number], sizeof(successors[number]), "%s", tokens.refresh);
}

static void refreshes_together(struct call *call, struct stage *stage)
{
    struct tokens tokens;

    shared_token = ann_logs_in(call, stage, "phone").refresh;
    stage_spread(call, stage, TABS, refresh_in_a_tab);
    for (int i = 0; i < TABS; i++) EXPECT(strcmp(successors[i], successors[0]) == 0);
    EXPECT(successors[0][0] && strcmp(successors[0], shared_token) != 0);

    stage_pass_s(11);
    EXPECT_REFUSED(refresh(call, stage, shared_token, &tokens), UNAUTHENTICATED, TOKEN_REUSED);
    EXPECT_REFUSED(refresh(call, stage, successors[0], &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
}

TEST(tabs_that_refresh_together_get_the_same_successor)
{
    auth_play(refreshes_together);
}

static void reads_metadata(struct call *call, struct stage *stage)
{
    AuthService__ValidateRefreshTokenRequest request =
        AUTH_SERVICE__VALIDATE_REFRESH_TOKEN_REQUEST__INIT;
    struct tokens tokens = ann_logs_in(call, stage, "phone");
    struct http_headers sent = {0};
    struct rpc_options options = {.metadata = &sent};
    struct str answer = {0};

    EXPECT_OK(http_headers_add(call->arena, &sent, STR("refresh-token"), str_of(tokens.refresh)));
    EXPECT_OK(rpc_call_raw(call, stage->outside, "/auth_service.AuthService/ValidateRefreshToken",
                           STR(""), &options, &answer));
    AuthService__StandardResponse *response = auth_service__standard_response__unpack(
        0, answer.length, (const uint8_t *)answer.data);
    EXPECT(response &&
           response->result_case == AUTH_SERVICE__STANDARD_RESPONSE__RESULT_REFRESH_TOKEN_DATA);
    if (response) auth_service__standard_response__free_unpacked(response, 0);

    AuthService__StandardResponse *none;
    EXPECT_REFUSED(auth_service_validate_refresh_token(call, stage->inside, &request, &none),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
}

TEST(the_refresh_token_may_come_as_metadata)
{
    auth_play(reads_metadata);
}

TEST(the_odd_capital_of_the_contract_stays)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &auth_service__standard_response__descriptor, 6);

    CHECK(field);
    CHECK_STR(field->name, "refreshTOkenData");
}

static void refuses_bad_tokens(struct call *call, struct stage *stage)
{
    struct tokens tokens = ann_logs_in(call, stage, "phone"), other;
    char *forged = str_dup(call->arena, str_of(tokens.refresh));
    size_t length = strlen(forged);

    forged[length - 5] = forged[length - 5] == 'A' ? 'B' : 'A';
    EXPECT_REFUSED(refresh(call, stage, forged, &other), UNAUTHENTICATED, TOKEN_FORGED);
    EXPECT_REFUSED(refresh(call, stage, "no.token", &other), UNAUTHENTICATED, TOKEN_MALFORMED);
    EXPECT_REFUSED(refresh(call, stage, tokens.access, &other), UNAUTHENTICATED, TOKEN_FORGED);
    EXPECT_OK(refresh(call, stage, tokens.refresh, &tokens));
    stage_pass_s(24 * 3600);
    EXPECT_REFUSED(refresh(call, stage, tokens.refresh, &other), UNAUTHENTICATED, TOKEN_EXPIRED);
}

TEST(forged_expired_and_foreign_tokens_are_refused)
{
    auth_play(refuses_bad_tokens);
}

static void takes_up_roles(struct call *call, struct stage *stage)
{
    struct tokens tokens = ann_logs_in(call, stage, "phone"), again = {0};

    ann.role = "seller";
    const char *first = tokens.refresh;
    EXPECT_OK(refresh(call, stage, first, &tokens));
    EXPECT(str_is(claims_of(call, tokens.access).role, "seller"));
    ann.role = "admin";
    EXPECT_OK(refresh(call, stage, first, &again));
    EXPECT(strcmp(again.refresh, tokens.refresh) == 0);
    EXPECT(str_is(claims_of(call, again.access).role, "seller"));
    EXPECT_OK(refresh(call, stage, again.refresh, &again));
    EXPECT(str_is(claims_of(call, again.access).role, "admin"));
}

TEST(a_new_role_is_taken_up_at_the_next_refresh)
{
    auth_play(takes_up_roles);
}

static void blocks(void)
{
    ann.status = "blocked";
}

static void deletes(void)
{
    ann.deleted = true;
}

static void changes_password(void)
{
    ann.password_changed_us++;
}

static void ends_sessions(struct call *call, struct stage *stage)
{
    void (*const changes[])(void) = {blocks, deletes, changes_password};
    struct tokens tokens;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        ann_begins("correct horse");
        const char *token = ann_logs_in(call, stage, "phone").refresh;
        changes[i]();
        EXPECT_REFUSED(refresh(call, stage, token, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
        /* It stays ended. */
        ann_begins("correct horse");
        EXPECT_REFUSED(refresh(call, stage, token, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
    }
}

TEST(a_blocked_deleted_or_changed_account_ends_its_sessions_at_refresh)
{
    auth_play(ends_sessions);
}

static void reads_stale_credentials(struct call *call, struct stage *stage)
{
    struct tokens old = ann_logs_in(call, stage, "phone"), tokens;

    ann.password_changed_us++;
    struct tokens new = ann_logs_in(call, stage, "phone");
    /* What a refresh reads that began before the change. */
    ann.password_changed_us--;
    EXPECT_REFUSED(refresh(call, stage, old.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
    EXPECT_OK(refresh(call, stage, new.refresh, &new));
    ann.password_changed_us++;
    EXPECT_OK(refresh(call, stage, new.refresh, &new));
}

TEST(credentials_from_before_a_new_password_end_no_session_from_after)
{
    auth_play(reads_stale_credentials);
}

/* ---- sessions ---- */

static void logs_out(struct call *call, struct stage *stage)
{
    AuthService__LogoutRequest request = AUTH_SERVICE__LOGOUT_REQUEST__INIT;
    AuthService__StandardResponse *response;
    struct tokens old = ann_logs_in(call, stage, "phone"),
                  tokens = ann_logs_in(call, stage, "phone");
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    /* A token from before the newer login logs nobody out. */
    EXPECT_OK(logout(call, stage, old.refresh));
    EXPECT_OK(refresh(call, stage, tokens.refresh, &tokens));

    request.refresh_token = TEXT(tokens.refresh);
    EXPECT_OK(auth_service_logout_with(call, stage->inside, &request, &options, &response));
    EXPECT(response->result_case == AUTH_SERVICE__STANDARD_RESPONSE__RESULT_LOGOUT_DATA);
    EXPECT(strcmp(cookie(call, &metadata, "access-token", false), "") == 0);
    EXPECT(strstr(cookie(call, &metadata, "refresh-token", true), "Max-Age=0"));
    EXPECT_REFUSED(refresh(call, stage, tokens.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
    EXPECT_OK(logout(call, stage, tokens.refresh));

    EXPECT_REFUSED(logout(call, stage, ""), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(logout(call, stage, "no.token"), UNAUTHENTICATED, TOKEN_MALFORMED);
    stage_pass_s(25 * 3600);
    EXPECT_OK(logout(call, stage, tokens.refresh));
}

TEST(logging_out_ends_the_session_and_may_be_repeated)
{
    auth_play(logs_out);
}

static AuthService__SessionsData *sessions(struct call *call, struct stage *stage)
{
    AuthService__ListSessionsRequest request = AUTH_SERVICE__LIST_SESSIONS_REQUEST__INIT;
    AuthService__StandardResponse *response = 0;

    EXPECT_OK(auth_service_list_sessions(call, stage->inside, &request, &response));
    return response->sessions_data;
}

static struct status revoke_device(struct call *call, struct stage *stage, const char *device_id)
{
    AuthService__RevokeSessionRequest request = AUTH_SERVICE__REVOKE_SESSION_REQUEST__INIT;
    AuthService__StandardResponse *response;

    request.device_id = TEXT(device_id);
    return auth_service_revoke_session(call, stage->inside, &request, &response);
}

static void lists_sessions(struct call *call, struct stage *stage)
{
    AuthService__RevokeAllSessionsRequest all = AUTH_SERVICE__REVOKE_ALL_SESSIONS_REQUEST__INIT;
    AuthService__StandardResponse *response;
    struct tokens tokens;

    stage_as(call, "ann@example.com", "customer", "phone");
    struct tokens phone = ann_logs_in(call, stage, "phone");
    struct tokens laptop = ann_logs_in(call, stage, "laptop");
    AuthService__SessionsData *list = sessions(call, stage);
    EXPECT(list->n_sessions == 2);
    if (list->n_sessions != 2) return;
    EXPECT(strcmp(list->sessions[0]->device_id, "laptop") == 0 && !list->sessions[0]->current);
    EXPECT(strcmp(list->sessions[1]->device_id, "phone") == 0 && list->sessions[1]->current);
    EXPECT(strcmp(list->sessions[0]->peer, "192.0.2.1") == 0);

    EXPECT_REFUSED(revoke_device(call, stage, "fridge"), NOT_FOUND, SESSION_NOT_FOUND);
    EXPECT_FIELD(revoke_device(call, stage, ""), "device_id");
    EXPECT_OK(revoke_device(call, stage, "laptop"));
    EXPECT_REFUSED(refresh(call, stage, laptop.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
    EXPECT_OK(refresh(call, stage, phone.refresh, &phone));
    EXPECT_OK(auth_service_revoke_all_sessions(call, stage->inside, &all, &response));
    EXPECT(sessions(call, stage)->n_sessions == 0);
    EXPECT_REFUSED(refresh(call, stage, phone.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);

    /* Others' sessions are out of reach. */
    ann_logs_in(call, stage, "phone");
    stage_as(call, "bob@example.com", "superAdmin", "phone");
    EXPECT(sessions(call, stage)->n_sessions == 0);
    EXPECT_REFUSED(revoke_device(call, stage, "phone"), NOT_FOUND, SESSION_NOT_FOUND);
}

TEST(sessions_are_listed_and_revoked_by_their_owner)
{
    auth_play(lists_sessions);
}

static void limits_sessions(struct call *call, struct stage *stage)
{
    struct tokens tokens, first = ann_logs_in(call, stage, "a");

    ann_logs_in(call, stage, "b");
    ann_logs_in(call, stage, "c");
    ann_logs_in(call, stage, "d");
    stage_as(call, "ann@example.com", "customer", "d");
    EXPECT(sessions(call, stage)->n_sessions == 3);
    EXPECT_REFUSED(refresh(call, stage, first.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
}

TEST(past_the_limit_the_oldest_session_ends)
{
    auth_play(limits_sessions);
}

static struct status change_password(struct call *call, struct stage *stage, const char *current,
                                     const char *new)
{
    AuthService__ChangePasswordRequest request = AUTH_SERVICE__CHANGE_PASSWORD_REQUEST__INIT;
    AuthService__StandardResponse *response;

    request.current_password = TEXT(current);
    request.new_password = TEXT(new);
    return auth_service_change_password(call, stage->inside, &request, &response);
}

static void changes_passwords(struct call *call, struct stage *stage)
{
    struct tokens phone = ann_logs_in(call, stage, "phone");
    struct tokens laptop = ann_logs_in(call, stage, "laptop"), tokens;

    stage_as(call, "ann@example.com", "customer", "phone");
    EXPECT_REFUSED(change_password(call, stage, "wrong", "another horse"), UNAUTHENTICATED,
                   CREDENTIALS_WRONG);
    EXPECT_REFUSED(change_password(call, stage, "correct horse", "correct horse"), INVALID_ARGUMENT,
                   PASSWORD_SAME);
    EXPECT_FIELD(change_password(call, stage, "correct horse", "short"), "new_password");
    ann.fail_set = STATUS_INVALID_ARGUMENT; /* bcrypt and its 72 bytes */
    EXPECT_FIELD(change_password(call, stage, "correct horse", "another horse"), "new_password");
    ann.fail_set = STATUS_OK;
    EXPECT_OK(change_password(call, stage, "correct horse", "another horse"));

    EXPECT_OK(refresh(call, stage, phone.refresh, &phone));
    EXPECT_REFUSED(refresh(call, stage, laptop.refresh, &tokens), UNAUTHENTICATED, TOKEN_REVOKED);
    EXPECT_REFUSED(login(call, stage, "ann@example.com", "correct horse", "", &tokens),
                   UNAUTHENTICATED, CREDENTIALS_WRONG);
    EXPECT_OK(login(call, stage, "ann@example.com", "another horse", "", &tokens));
}

TEST(a_new_password_ends_all_other_sessions)
{
    auth_play(changes_passwords);
}

static void passwords_change_meanwhile(struct call *call, struct stage *stage)
{
    const struct password_policy bcrypt = {.scheme = PASSWORD_BCRYPT, .cost = 4};
    struct tokens tokens;

    /* An outdated hash, which a login with the old password would replace. */
    EXPECT(password_hash(&bcrypt, STR("correct horse"), ann.hash));
    ann.set_meanwhile = "another horse";
    EXPECT_REFUSED(login(call, stage, "ann@example.com", "correct horse", "", &tokens),
                   UNAUTHENTICATED, TOKEN_REVOKED);
    EXPECT(password_verify(STR("another horse"), ann.hash) && ann.rehashes == 0);

    stage_as(call, "ann@example.com", "customer", "phone");
    ann.set_meanwhile = "third horse";
    EXPECT_REFUSED(change_password(call, stage, "another horse", "stolen horse"), ABORTED,
                   VERSION_STALE);
    EXPECT(password_verify(STR("third horse"), ann.hash));
}

TEST(an_old_password_checked_too_early_does_not_undo_a_new_one)
{
    auth_play(passwords_change_meanwhile);
}

static void needs_a_user(struct call *call, struct stage *stage)
{
    AuthService__ListSessionsRequest list = AUTH_SERVICE__LIST_SESSIONS_REQUEST__INIT;
    AuthService__RevokeAllSessionsRequest all = AUTH_SERVICE__REVOKE_ALL_SESSIONS_REQUEST__INIT;
    AuthService__StandardResponse *response;

    EXPECT_REFUSED(auth_service_list_sessions(call, stage->inside, &list, &response),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(auth_service_revoke_all_sessions(call, stage->inside, &all, &response),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(revoke_device(call, stage, "phone"), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(change_password(call, stage, "correct horse", "another horse"), UNAUTHENTICATED,
                   LOGIN_REQUIRED);
    /* Nor is a stranger believed. */
    stage_as(call, "ann@example.com", "customer", "phone");
    EXPECT_REFUSED(auth_service_revoke_all_sessions(call, stage->outside, &all, &response),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
}

TEST(sessions_and_passwords_take_a_user)
{
    auth_play(needs_a_user);
}

/* ---- the user service beside it ---- */

static void signs_up(struct call *call, struct stage *stage)
{
    AuthService__CreateUserRequest request = AUTH_SERVICE__CREATE_USER_REQUEST__INIT;
    AuthService__StandardResponse *response = 0;

    request.name = TEXT("Bob");
    request.email = TEXT("Bob@example.com");
    request.password = TEXT("staple battery");
    request.phone = TEXT("123");
    EXPECT_OK(auth_service_create_user_account(call, stage->outside, &request, &response));
    EXPECT(response && response->status_code == 201 && response->success);
    EXPECT(response && response->result_case == AUTH_SERVICE__STANDARD_RESPONSE__RESULT_USER_DATA);
    EXPECT(response && strcmp(response->user_data->email, "Bob@example.com") == 0 &&
           strcmp(response->user_data->role, "customer") == 0 &&
           strcmp(response->user_data->phone, "123") == 0);

    request.email = TEXT("ann@example.com");
    EXPECT_REFUSED(auth_service_create_user_account(call, stage->inside, &request, &response),
                   ALREADY_EXISTS, USER_EXISTS);
    request.password = TEXT("short");
    EXPECT_FIELD(auth_service_create_user_account(call, stage->inside, &request, &response),
                 "password");
    EXPECT(ann.created == 1);
}

TEST(signing_up_is_passed_on_to_the_user_service)
{
    auth_play(signs_up);
}

static void survives_odd_answers(struct call *call, struct stage *stage)
{
    struct tokens tokens, phone = ann_logs_in(call, stage, "phone");

    ann.fail = STATUS_UNAVAILABLE;
    EXPECT(login(call, stage, "ann@example.com", "correct horse", "", &tokens).code ==
           STATUS_UNAVAILABLE);
    EXPECT(refresh(call, stage, phone.refresh, &tokens).code == STATUS_UNAVAILABLE);
    /* A fleet whose keys differ is an internal error, not a wrong login. */
    ann.fail = STATUS_PERMISSION_DENIED;
    EXPECT(login(call, stage, "ann@example.com", "correct horse", "", &tokens).code ==
           STATUS_INTERNAL);
    EXPECT(refresh(call, stage, phone.refresh, &tokens).code == STATUS_INTERNAL);
    ann.fail = STATUS_OK;
    snprintf(ann.hash, sizeof(ann.hash), "no hash at all");
    EXPECT_REFUSED(login(call, stage, "ann@example.com", "correct horse", "", &tokens),
                   UNAUTHENTICATED, CREDENTIALS_WRONG);
    /* None of this ended the session. */
    EXPECT_OK(refresh(call, stage, phone.refresh, &tokens));
}

TEST(a_failing_user_service_ends_no_session)
{
    auth_play(survives_odd_answers);
}

static void is_unavailable(struct call *call, struct stage *stage)
{
    struct tokens tokens;

    EXPECT_REFUSED(login(call, stage, "ann@example.com", "correct horse", "", &tokens), UNAVAILABLE,
                   SERVICE_ABSENT);
}

TEST(without_a_user_service_nobody_logs_in)
{
    static const struct stage_plan plan = {.module = &auth_service, .settings = auth_settings};

    stage_run(&plan, is_unavailable);
}
