/* SPDX-License-Identifier: Apache-2.0 */
/* Signing up through the auth service, beside the real user service, to which the request's
 * idempotency key is passed on. */
#include "events/idempotency_testing.h"
#include "services/auth/auth_testing.h"

extern const struct service_module user_service;

static struct status sign_up(struct call *call, struct stage *stage, const char *phone,
                             struct keyed *keyed)
{
    AuthService__CreateUserRequest request = AUTH_SERVICE__CREATE_USER_REQUEST__INIT;
    AuthService__StandardResponse *response = 0;

    request.name = TEXT("Bob");
    request.email = TEXT("Bob@example.com");
    request.password = TEXT("staple battery");
    request.phone = TEXT(phone);
    struct status st = auth_service_create_user_account_with(call, stage->outside, &request,
                                                             &keyed->options, &response);
    if (failed(st)) return st;
    EXPECT(response->success && response->status_code == 201);
    EXPECT(response->user_data && strcmp(response->user_data->email, "Bob@example.com") == 0);
    EXPECT(response->user_data && strcmp(response->user_data->phone, phone) == 0);
    return st;
}

static void repeats(struct call *call, struct stage *stage)
{
    struct keyed keyed;

    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, "123", &keyed));
    EXPECT(!is_replayed(&keyed));
    key_with(call, "\"k1\"", &keyed);
    EXPECT_OK(sign_up(call, stage, "123", &keyed));
    EXPECT(is_replayed(&keyed));
    EXPECT_REFUSED(sign_up(call, stage, "456", &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    key_with(call, "", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, "123", &keyed), INVALID_ARGUMENT, IDEMPOTENCY_KEY_INVALID);
    key_with(call, "k2", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, "123", &keyed), ALREADY_EXISTS, USER_EXISTS);
}

static _Atomic int replays;

static void repeats_at_once(struct call *call, struct stage *stage, int number)
{
    struct keyed keyed;

    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, "123", &keyed));
    if (is_replayed(&keyed)) replays++;
}

enum { SIGN_UPS = 20 };

static void races(struct call *call, struct stage *stage)
{
    replays = 0;
    stage_spread(call, stage, SIGN_UPS, repeats_at_once);
    EXPECT(replays == SIGN_UPS - 1);
}

static const struct stage_plan plan = {
    .module = &auth_service,
    .besides = &user_service,
    .settings = auth_settings,
};

TEST(a_repeated_sign_up_gets_the_first_answer)
{
    stage_run(&plan, repeats);
}

TEST(twenty_concurrent_sign_ups_with_one_key_make_one_account)
{
    stage_run(&plan, races);
}
