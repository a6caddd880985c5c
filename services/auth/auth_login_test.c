/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in through the loopback, beside a user service in memory: answers, cookies, cost,
 * back-off and better hashes. */
#include "services/auth/auth_testing.h"

#include <time.h>

static void logs_in(struct call *call, struct stage *stage)
{
    struct tokens tokens = {"", "", ""};

    EXPECT_OK(login(call, stage, "aNN@example.COM", "correct horse", "phone", &tokens));
    EXPECT(strcmp(tokens.access, tokens.said) == 0);
    struct jwt_claims claims = claims_of(call, tokens.access);
    EXPECT(str_is(claims.email, "Ann@Example.com") && str_is(claims.role, "customer"));
    EXPECT(str_is(claims.device_id, "phone"));
    EXPECT(claims.expires_s - claims.issued_s == 300);

    tokens = ann_logs_in(call, stage, "");
    EXPECT(str_is(claims_of(call, tokens.access).device_id, "default"));
}

TEST(a_login_answers_with_both_tokens)
{
    auth_play(logs_in);
}

static void sets_cookies(struct call *call, struct stage *stage)
{
    AuthService__LoginRequest request = AUTH_SERVICE__LOGIN_REQUEST__INIT;
    AuthService__StandardResponse *response;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    request.email = TEXT("ann@example.com");
    request.password = TEXT("correct horse");
    /* Anyone may log in, also from outside. */
    EXPECT_OK(auth_service_login_with(call, stage->outside, &request, &options, &response));
    EXPECT(strcmp(cookie(call, &metadata, "access-token", true),
                  "; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=300") == 0);
    const char *refresh_attributes = cookie(call, &metadata, "refresh-token", true);
    EXPECT(strstr(refresh_attributes, "; HttpOnly; Secure;") &&
           strstr(refresh_attributes, "Max-Age=86"));
}

TEST(cookies_are_for_http_and_tls_only)
{
    auth_play(sets_cookies);
}

static bool same_answer(struct status one, struct status other)
{
    return one.code == other.code && one.reason == other.reason &&
           strcmp(one.message, other.message) == 0 && !one.details && !other.details;
}

static void answers_alike(struct call *call, struct stage *stage)
{
    struct tokens tokens;
    struct status wrong = login(call, stage, "ann@example.com", "wrong", "", &tokens);
    struct status unknown = login(call, stage, "bob@example.com", "wrong", "", &tokens);

    EXPECT_REFUSED(wrong, UNAUTHENTICATED, CREDENTIALS_WRONG);
    EXPECT(same_answer(wrong, unknown));
    ann.status = "blocked";
    EXPECT(same_answer(wrong, login(call, stage, "ann@example.com", "wrong", "", &tokens)));
    EXPECT_REFUSED(login(call, stage, "ann@example.com", "correct horse", "", &tokens),
                   PERMISSION_DENIED, USER_BLOCKED);
    ann.deleted = true;
    EXPECT(same_answer(wrong, login(call, stage, "ann@example.com", "correct horse", "", &tokens)));
}

TEST(an_unknown_address_answers_like_a_wrong_password)
{
    auth_play(answers_alike);
}

/* The processor time of all threads of this process. Wall time would also count other processes. */
static int64_t processor_us(void)
{
    struct timespec spent;

    EXPECT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) == 0);
    return (int64_t)spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

/* The least processor time of a few tries. */
static int64_t cost_us(struct call *call, struct stage *stage, const char *email,
                       const char *password)
{
    int64_t least = INT64_MAX;
    struct tokens tokens;

    for (int i = 0; i < 4; i++) {
        int64_t began_us = processor_us();
        EXPECT(failed(login(call, stage, email, password, "", &tokens)));
        int64_t spent_us = processor_us() - began_us;
        if (spent_us < least) least = spent_us;
    }
    return least;
}

static void expect_equal_cost(struct call *call, struct stage *stage, const char *password)
{
    int64_t wrong_us = cost_us(call, stage, "ann@example.com", password);
    int64_t unknown_us = cost_us(call, stage, "bob@example.com", password);

    EXPECT(wrong_us < 2 * unknown_us && unknown_us < 2 * wrong_us);
}

static void costs_alike(struct call *call, struct stage *stage)
{
    const struct password_policy policy = {
        .scheme = PASSWORD_ARGON2ID, .memory_kib = 16 * 1024, .passes = 2};

    EXPECT(password_hash(&policy, STR("correct horse"), ann.hash));
    expect_equal_cost(call, stage, "wrong");
}

TEST(an_unknown_address_costs_like_a_wrong_password)
{
    static const char *const settings[] = {"USER_ARGON2_MEMORY=16MiB", 0};
    static const struct stage_plan plan = {
        .module = &auth_service,
        .settings = settings,
        .fakes = {{&user_service_rpc, &fake_users, 0}},
    };

    ann_begins("correct horse");
    stage_run(&plan, costs_alike);
}

static void costs_alike_with_bcrypt(struct call *call, struct stage *stage)
{
    const struct password_policy policy = {.scheme = PASSWORD_BCRYPT, .cost = 9};

    EXPECT(password_hash(&policy, STR("correct horse"), ann.hash));
    expect_equal_cost(call, stage,
                      "a password of more than the seventy-two bytes that bcrypt looks at, so that "
                      "it hashes none of it");
}

TEST(a_password_too_long_for_bcrypt_does_not_tell_which_addresses_are_known)
{
    static const char *const settings[] = {"USER_PASSWORD_HASH=bcrypt", "USER_BCRYPT_COST=9", 0};
    static const struct stage_plan plan = {
        .module = &auth_service,
        .settings = settings,
        .fakes = {{&user_service_rpc, &fake_users, 0}},
    };

    ann_begins("correct horse");
    stage_run(&plan, costs_alike_with_bcrypt);
}

static void breaks_rules(struct call *call, struct stage *stage)
{
    struct tokens tokens;

    EXPECT_FIELD(login(call, stage, "ann", "correct horse", "", &tokens), "email");
    EXPECT_FIELD(login(call, stage, "ann@example.com", "", "", &tokens), "password");
    EXPECT_FIELD(login(call, stage, "ann@example.com", "correct horse", "a\r\nb", &tokens),
                 "device_id");
}

TEST(fields_that_break_their_rules_are_named)
{
    auth_play(breaks_rules);
}

static void backs_off(struct call *call, struct stage *stage)
{
    struct user nobody = {"", "", ""};
    struct tokens tokens;

    stage_as(call, "", "", "");
    for (int i = 0; i < 5; i++)
        EXPECT_REFUSED(
            login(call, stage, i % 2 ? "ann@example.com" : "ANN@example.com", "wrong", "", &tokens),
            UNAUTHENTICATED, CREDENTIALS_WRONG);
    struct status st = login(call, stage, "ann@example.com", "correct horse", "", &tokens);
    EXPECT_REFUSED(st, RESOURCE_EXHAUSTED, LOGIN_BACKOFF);
    EXPECT(st.details && st.details->retry_after_ms > 0 && st.details->retry_after_ms <= 1000);

    /* Its owner, elsewhere, notices nothing. */
    rpc_scope_new(call, &nobody, NULL, "198.51.100.7");
    EXPECT_OK(login(call, stage, "ann@example.com", "correct horse", "", &tokens));
    stage_as(call, "", "", "");
    stage_pass_s(1);
    EXPECT_OK(login(call, stage, "ann@example.com", "correct horse", "", &tokens));
    EXPECT_REFUSED(login(call, stage, "ann@example.com", "wrong", "", &tokens), UNAUTHENTICATED,
                   CREDENTIALS_WRONG);
    EXPECT_OK(login(call, stage, "ann@example.com", "correct horse", "", &tokens));
}

TEST(failed_logins_wait_and_a_good_one_forgets_them)
{
    auth_play(backs_off);
}

TEST(while_its_redis_is_away_a_process_counts_wrong_passwords_itself)
{
    auth_play_with("AUTH_CACHE=redis://127.0.0.1:9", backs_off);
}

enum { GUESSES = 60 };
static _Atomic int guesses_judged; /* answered as wrong */

static void guess(struct call *call, struct stage *stage, int number)
{
    bool right = number == GUESSES - 1;
    struct tokens tokens;

    stage_as(call, "", "", "");
    struct status st = login(call, stage, "ann@example.com", right ? "correct horse" : "wrong", "",
                             &tokens);
    EXPECT(failed(st));
    if (right) EXPECT(st.reason == ARGOSY__REASON__LOGIN_BACKOFF);
    if (st.reason == ARGOSY__REASON__CREDENTIALS_WRONG) guesses_judged++;
}

static void guesses_together(struct call *call, struct stage *stage)
{
    const struct password_policy slow = {
        .scheme = PASSWORD_ARGON2ID, .memory_kib = 2048, .passes = 1};

    EXPECT(password_hash(&slow, STR("correct horse"), ann.hash));
    guesses_judged = 0;
    stage_spread(call, stage, GUESSES, guess);
}

TEST(guesses_made_side_by_side_wait_too)
{
    auth_play(guesses_together);
}

TEST(the_right_one_of_guesses_side_by_side_answers_like_the_wrong_ones)
{
    auth_play(guesses_together);
    /* A few more may be checked before the fifth has been counted. */
    CHECK_INT(guesses_judged, >=, 5);
    CHECK_INT(guesses_judged, <, 20);
}

static void upgrades(struct call *call, struct stage *stage)
{
    const struct password_policy bcrypt = {.scheme = PASSWORD_BCRYPT, .cost = 4};

    EXPECT(password_hash(&bcrypt, STR("correct horse"), ann.hash));
    ann.fail_set = STATUS_UNAVAILABLE; /* fails no login */
    ann_logs_in(call, stage, "phone");
    EXPECT(ann.rehashes == 0);
    ann.fail_set = STATUS_OK;
    struct tokens tokens = ann_logs_in(call, stage, "phone");
    EXPECT(ann.rehashes == 1);
    ann_logs_in(call, stage, "laptop");
    EXPECT(ann.rehashes == 1);
    EXPECT_OK(refresh(call, stage, tokens.refresh, &tokens));
}

TEST(a_bcrypt_hash_is_upgraded_once)
{
    auth_play(upgrades);
}
