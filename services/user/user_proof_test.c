/* SPDX-License-Identifier: Apache-2.0 */
/* The user service's other checks of a password: when an account is deleted, when a sign-up is
 * repeated, and which new passwords are refused. */
#include "events/idempotency_testing.h"
#include "rpc/rpc_testing.h"
#include "user.rpc.h"

extern const struct service_module user_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const char *const settings[] = {"USER_ARGON2_MEMORY=64KiB", "USER_ARGON2_PASSES=1", 0};
static const struct stage_plan plan = {.module = &user_service, .settings = settings};

static struct status sign_up(struct call *call, struct stage *stage, const char *password,
                             struct keyed *keyed)
{
    UserService__CreateCustomerRequest request = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;
    UserService__CreateCustomerResponse *response;

    request.name = TEXT("Ann");
    request.email = TEXT("ann.smith@example.com");
    request.password = TEXT(password);
    return user_service_create_customer_with(call, stage->inside, &request,
                                             keyed ? &keyed->options : 0, &response);
}

static struct status delete_own(struct call *call, struct stage *stage, const char *password)
{
    UserService__DeleteCustomerRequest request = USER_SERVICE__DELETE_CUSTOMER_REQUEST__INIT;
    UserService__DeleteCustomerResponse *response;

    request.email = TEXT("Ann.Smith@example.com");
    request.password = TEXT(password);
    return user_service_delete_customer(call, stage->inside, &request, &response);
}

static void deletes(struct call *call, struct stage *stage)
{
    EXPECT_OK(sign_up(call, stage, "correct horse", 0));
    stage_as(call, "ann.smith@example.com", "customer", "");
    EXPECT_REFUSED(delete_own(call, stage, ""), INVALID_ARGUMENT, PASSWORD_REQUIRED);
    EXPECT_REFUSED(delete_own(call, stage, "correct hors"), UNAUTHENTICATED, CREDENTIALS_WRONG);
    EXPECT_OK(delete_own(call, stage, "correct horse"));
    EXPECT_REFUSED(delete_own(call, stage, "correct horse"), NOT_FOUND, USER_NOT_FOUND);
}

TEST(deleting_ones_own_account_takes_its_password)
{
    stage_run(&plan, deletes);
}

static void guesses_by_deleting(struct call *call, struct stage *stage)
{
    struct status st = {0};

    EXPECT_OK(sign_up(call, stage, "correct horse", 0));
    stage_as(call, "ann.smith@example.com", "customer", "");
    for (int i = 0; i < 6; i++) st = delete_own(call, stage, "wrong guess");
    EXPECT(st.reason == ARGOSY__REASON__LOGIN_BACKOFF && st.details->retry_after_ms > 0);
    EXPECT_REFUSED(delete_own(call, stage, "correct horse"), RESOURCE_EXHAUSTED, LOGIN_BACKOFF);
}

TEST(guessing_by_deleting_backs_off)
{
    stage_run(&plan, guesses_by_deleting);
}

static void guesses_by_repeating(struct call *call, struct stage *stage)
{
    struct keyed keyed;

    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, "correct horse", &keyed));
    for (int i = 0; i < 5; i++) {
        key_with(call, "k1", &keyed);
        EXPECT_REFUSED(sign_up(call, stage, "wrong guess", &keyed), FAILED_PRECONDITION,
                       IDEMPOTENCY_KEY_REUSED);
    }
    key_with(call, "k1", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, "wrong guess", &keyed), RESOURCE_EXHAUSTED, LOGIN_BACKOFF);
    key_with(call, "k1", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, "correct horse", &keyed), RESOURCE_EXHAUSTED,
                   LOGIN_BACKOFF);
}

TEST(guessing_by_repeating_a_sign_up_backs_off)
{
    stage_run(&plan, guesses_by_repeating);
}

static struct status sign_up_as(struct call *call, struct stage *stage, const char *name,
                                const char *address)
{
    UserService__CreateCustomerRequest request = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;
    UserService__CreateCustomerResponse *response;

    request.name = TEXT(name);
    request.address = TEXT(address);
    request.email = TEXT("eve@example.com");
    request.password = TEXT("correct horse");
    return user_service_create_customer(call, stage->inside, &request, &response);
}

static void forgers(struct call *call, struct stage *stage)
{
    EXPECT_FIELD(sign_up_as(call, stage, "Eve\nroot@example.com superAdmin", ""), "name");
    EXPECT_FIELD(sign_up_as(call, stage, "\u202eeve", ""), "name");
    EXPECT_FIELD(sign_up_as(call, stage, "\u200b", ""), "name");
    EXPECT_FIELD(sign_up_as(call, stage, " ", ""), "name");
    EXPECT_FIELD(sign_up_as(call, stage, "Eve", "1 Main St\nTown"), "address");
    EXPECT_FIELD(sign_up_as(call, stage, "Eve", "\u3164"), "address");
    EXPECT_OK(sign_up_as(call, stage, "Eve \u674e", "1 Main St, Town"));
}

TEST(names_and_addresses_are_single_visible_lines)
{
    stage_run(&plan, forgers);
}

static void weak_ones(struct call *call, struct stage *stage)
{
    UserService__SetPasswordRequest set = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *done;

    EXPECT_REFUSED(sign_up(call, stage, "P@ssw0rd1", 0), INVALID_ARGUMENT, PASSWORD_WEAK);
    EXPECT_REFUSED(sign_up(call, stage, "ann.smith99", 0), INVALID_ARGUMENT, PASSWORD_WEAK);
    EXPECT_FIELD(sign_up(call, stage, "k3vzqma", 0), "password");
    EXPECT_OK(sign_up(call, stage, "correct horse", 0));
    set.email = TEXT("ann.smith@example.com");
    set.password = TEXT("short");
    EXPECT_REFUSED(user_service_set_password(call, stage->inside, &set, &done), INVALID_ARGUMENT,
                   PASSWORD_WEAK);
    set.rehash = true; /* of a password set under older rules */
    EXPECT_OK(user_service_set_password(call, stage->inside, &set, &done));
}

TEST(weak_passwords_are_refused)
{
    stage_run(&plan, weak_ones);
}
