/* SPDX-License-Identifier: Apache-2.0 */
/* The user service through the loopback. */
#include "base/clock.h"
#include "events/events_testing.h"
#include "events/idempotency_testing.h"
#include "rpc/rpc_testing.h"
#include "rpc/timestamp.h"
#include "services/user/user_service.h"

extern const struct service_module user_service;

static const char *const quick_hashes[] = {"USER_ARGON2_MEMORY=64KiB", "USER_ARGON2_PASSES=1", 0};
static const struct stage_plan plan = {.module = &user_service, .settings = quick_hashes};

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const char *const roles[] = {"customer", "seller", "admin", "superAdmin"};
enum { CUSTOMER, SELLER, ADMIN, SUPER_ADMIN, ROLES };

/* ---- calls ---- */

static UserService__CreateCustomerRequest ann(void)
{
    UserService__CreateCustomerRequest request = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;

    request.name = TEXT("Ann");
    request.email = TEXT("Ann@Example.com");
    request.password = TEXT("correct horse");
    request.phone = TEXT("+1 (23) 4-5");
    request.address = TEXT("1 Main St");
    request.avatar_url = TEXT("https://example.com/a.png");
    return request;
}

static struct status create(struct call *call, struct stage *stage, const char *email)
{
    UserService__CreateCustomerRequest request = ann();
    UserService__CreateCustomerResponse *response;

    request.email = TEXT(email);
    return user_service_create_customer(call, stage->inside, &request, &response);
}

static struct status get(struct call *call, struct stage *stage, const char *email,
                         UserService__Customer **ret_customer)
{
    UserService__GetCustomerByEmailRequest request =
        USER_SERVICE__GET_CUSTOMER_BY_EMAIL_REQUEST__INIT;

    request.email = TEXT(email);
    return user_service_get_customer_by_email(call, stage->inside, &request, ret_customer);
}

/* Sends the password of `ann`, which every account here starts with. */
static struct status delete_account(struct call *call, struct stage *stage, const char *email)
{
    UserService__DeleteCustomerRequest request = USER_SERVICE__DELETE_CUSTOMER_REQUEST__INIT;
    UserService__DeleteCustomerResponse *response;

    request.email = TEXT(email);
    request.password = TEXT("correct horse");
    return user_service_delete_customer(call, stage->inside, &request, &response);
}

static struct status set_role(struct call *call, struct stage *stage, const char *email,
                              const char *role)
{
    UserService__SetRoleRequest request = USER_SERVICE__SET_ROLE_REQUEST__INIT;
    UserService__Customer *response;

    request.email = TEXT(email);
    request.role = TEXT(role);
    return user_service_set_role(call, stage->inside, &request, &response);
}

static struct status set_status(struct call *call, struct stage *stage, const char *email,
                                const char *status)
{
    UserService__SetStatusRequest request = USER_SERVICE__SET_STATUS_REQUEST__INIT;
    UserService__Customer *response;

    request.email = TEXT(email);
    request.status = TEXT(status);
    return user_service_set_status(call, stage->inside, &request, &response);
}

static struct status list(struct call *call, struct stage *stage, const char *cursor,
                          int32_t page_size, UserService__GetCustomersResponse **ret_page)
{
    UserService__GetCustomersRequest request = USER_SERVICE__GET_CUSTOMERS_REQUEST__INIT;

    request.cursor = TEXT(cursor);
    request.page_size = page_size;
    return user_service_get_customers(call, stage->inside, &request, ret_page);
}

static struct status credentials(struct call *call, struct rpc_channel *channel, const char *email,
                                 UserService__CustomerCredentialsResponse **ret_credentials)
{
    UserService__GetCustomerCredentialsRequest request =
        USER_SERVICE__GET_CUSTOMER_CREDENTIALS_REQUEST__INIT;

    request.email = TEXT(email);
    return user_service_get_customer_credentials(call, channel, &request, ret_credentials);
}

static struct status set_password(struct call *call, struct rpc_channel *channel, const char *email,
                                  const char *password, bool rehash)
{
    UserService__SetPasswordRequest request = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *response;

    request.email = TEXT(email);
    request.password = TEXT(password);
    request.rehash = rehash;
    return user_service_set_password(call, channel, &request, &response);
}

static void as(struct call *call, int role)
{
    stage_as(call, "caller@example.com", roles[role], "phone");
}

/* Creates an account and gives it a role. */
static const char *make(struct call *call, struct stage *stage, int role)
{
    static _Atomic int number;
    const char *email = arena_printf(call->arena, "owner-%d@example.com", number++);

    EXPECT_OK(create(call, stage, email));
    stage_as(call, "root@example.com", "superAdmin", "");
    EXPECT_OK(set_role(call, stage, email, roles[role]));
    return email;
}

/* ---- signing up ---- */

static void signs_up(struct call *call, struct stage *stage)
{
    UserService__CreateCustomerRequest request = ann();
    UserService__CreateCustomerResponse *made = 0;
    UserService__CustomerCredentialsResponse *secret = 0;
    UserService__Customer *customer = 0;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    EXPECT_OK(user_service_create_customer_with(call, stage->outside, &request, &options, &made));
    if (!made) return;
    EXPECT(str_is(http_headers_get(&metadata, "x-http-status"), "201"));
    EXPECT(strcmp(made->email, "Ann@Example.com") == 0 && strcmp(made->name, "Ann") == 0);
    EXPECT(strcmp(made->role, "customer") == 0 && strcmp(made->status, "active") == 0);
    EXPECT(strcmp(made->phone, "+1 (23) 4-5") == 0 && strcmp(made->address, "1 Main St") == 0);
    EXPECT(strcmp(made->avatar_url, "https://example.com/a.png") == 0 && !made->is_deleted);
    EXPECT_REFUSED(create(call, stage, "ANN@example.com"), ALREADY_EXISTS, USER_EXISTS);

    stage_as(call, "ann@example.COM", "customer", "");
    EXPECT_OK(get(call, stage, "ann@EXAMPLE.com", &customer));
    EXPECT(customer && strcmp(customer->email, "Ann@Example.com") == 0);
    EXPECT(customer && rpc_timestamp_us(customer->created_at) > clock_now_us() - 60000000);
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &secret));
    EXPECT(secret && password_verify(STR("correct horse"), secret->password));
    EXPECT(secret && !password_verify(STR("correct"), secret->password));
}

TEST(signing_up_makes_an_active_customer)
{
    stage_run(&plan, signs_up);
}

static struct status sign_up(struct call *call, struct stage *stage,
                             const UserService__CreateCustomerRequest *request, struct keyed *keyed)
{
    UserService__CreateCustomerResponse *made = 0;
    struct status st = user_service_create_customer_with(call, stage->outside, request,
                                                         &keyed->options, &made);

    if (failed(st)) return st;
    EXPECT(str_is(http_headers_get(&keyed->answered, "x-http-status"), "201"));
    EXPECT(made && strcmp(made->email, request->email) == 0 && strcmp(made->name, "Ann") == 0);
    EXPECT(made && strcmp(made->role, "customer") == 0);
    return st;
}

static void repeats_sign_up(struct call *call, struct stage *stage)
{
    UserService__CreateCustomerRequest request = ann(), other = ann();
    struct keyed keyed;

    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, &request, &keyed));
    EXPECT(!is_replayed(&keyed));
    EXPECT_OK(sign_up(call, stage, &request, &keyed));
    EXPECT(is_replayed(&keyed));

    other.phone = TEXT("555");
    EXPECT_REFUSED(sign_up(call, stage, &other, &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);
    other = ann();
    other.password = TEXT("incorrect horse");
    EXPECT_REFUSED(sign_up(call, stage, &other, &keyed), FAILED_PRECONDITION,
                   IDEMPOTENCY_KEY_REUSED);

    /* The same key of another address is a different key, and so is another key of the same one. */
    other.email = TEXT("bob@example.com");
    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, &other, &keyed));
    EXPECT(!is_replayed(&keyed));
    key_with(call, "k2", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, &request, &keyed), ALREADY_EXISTS, USER_EXISTS);
    key_with(call, "\"", &keyed);
    EXPECT_REFUSED(sign_up(call, stage, &request, &keyed), INVALID_ARGUMENT,
                   IDEMPOTENCY_KEY_INVALID);
}

TEST(a_repeated_sign_up_gets_the_first_answer)
{
    stage_run(&plan, repeats_sign_up);
}

enum { SIGN_UPS = 20 };
static _Atomic int replays;

static void signs_up_at_once(struct call *call, struct stage *stage, int number)
{
    const UserService__CreateCustomerRequest request = ann();
    struct keyed keyed;

    key_with(call, "k1", &keyed);
    EXPECT_OK(sign_up(call, stage, &request, &keyed));
    if (is_replayed(&keyed)) replays++;
}

static void signs_up_once(struct call *call, struct stage *stage)
{
    UserService__GetCustomersResponse *page = 0;

    replays = 0;
    stage_spread(call, stage, SIGN_UPS, signs_up_at_once);
    as(call, ADMIN);
    EXPECT_OK(list(call, stage, "", 0, &page));
    EXPECT(page && page->n_customers == 1);
    EXPECT(replays == SIGN_UPS - 1);
}

TEST(twenty_concurrent_sign_ups_with_one_key_make_one_account)
{
    stage_run(&plan, signs_up_once);
}

static void is_tidied(struct call *call, struct stage *stage)
{
    const struct user_service *service = stage->service;

    EXPECT(stage_events->sweeper_count == 1);
    EXPECT(stage_events->sweepers[0] == service->store->events.sweeper);
}

TEST(the_bus_removes_old_records_of_sign_ups)
{
    static const struct stage_plan with_bus = {.module = &user_service, EVENTS_STAGE};

    stage_run(&with_bus, is_tidied);
}

/* Each is `ann()` with one field that breaks its rule. */
static void breaks_rules(struct call *call, struct stage *stage)
{
    static char long_text[502];
    struct row {
        const char *field;
        size_t offset;
        const char *value;
    };
    const struct row rows[] = {
        {"name", offsetof(UserService__CreateCustomerRequest, name), ""},
        {"name", offsetof(UserService__CreateCustomerRequest, name), long_text},
        {"email", offsetof(UserService__CreateCustomerRequest, email), ""},
        {"email", offsetof(UserService__CreateCustomerRequest, email), "ann"},
        {"email", offsetof(UserService__CreateCustomerRequest, email), "ann@x.com\r\nbcc: all"},
        {"password", offsetof(UserService__CreateCustomerRequest, password), "short"},
        {"password", offsetof(UserService__CreateCustomerRequest, password), long_text},
        {"phone", offsetof(UserService__CreateCustomerRequest, phone), "call me"},
        {"address", offsetof(UserService__CreateCustomerRequest, address), long_text},
        {"avatar_url", offsetof(UserService__CreateCustomerRequest, avatar_url), "no address"},
    };
    UserService__CreateCustomerResponse *response;

    memset(long_text, 'x', sizeof(long_text) - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UserService__CreateCustomerRequest request = ann();
        *(char **)((char *)&request + rows[i].offset) = TEXT(rows[i].value);
        EXPECT_FIELD(user_service_create_customer(call, stage->inside, &request, &response),
                     rows[i].field);
        EXPECT_FIELD(user_service_create_customer(call, stage->outside, &request, &response),
                     rows[i].field);
    }
    as(call, SUPER_ADMIN);
    EXPECT_FIELD(set_role(call, stage, "ann@example.com", "king"), "role");
    EXPECT_FIELD(set_role(call, stage, "ann", "admin"), "email");
    EXPECT_FIELD(set_status(call, stage, "ann@example.com", "asleep"), "status");
    UserService__GetCustomersResponse *page;
    EXPECT_FIELD(list(call, stage, "", 501, &page), "page_size");
    EXPECT_FIELD(list(call, stage, "", -1, &page), "page_size");
    UserService__Customer *customer;
    EXPECT_FIELD(get(call, stage, "", &customer), "email");
}

TEST(fields_that_break_their_rules_are_named)
{
    stage_run(&plan, breaks_rules);
}

/* ---- who may do what ---- */

static void nobody_is_sent_away(struct call *call, struct stage *stage)
{
    UserService__GetProfileRequest profile = USER_SERVICE__GET_PROFILE_REQUEST__INIT;
    UserService__UpdateProfileRequest update = USER_SERVICE__UPDATE_PROFILE_REQUEST__INIT;
    UserService__GetCustomersResponse *page;
    UserService__Customer *customer;

    EXPECT_OK(create(call, stage, "ann@example.com"));
    EXPECT_REFUSED(get(call, stage, "ann@example.com", &customer), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(list(call, stage, "", 0, &page), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(delete_account(call, stage, "ann@example.com"), UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(set_role(call, stage, "ann@example.com", "admin"), UNAUTHENTICATED,
                   LOGIN_REQUIRED);
    EXPECT_REFUSED(set_status(call, stage, "ann@example.com", "blocked"), UNAUTHENTICATED,
                   LOGIN_REQUIRED);
    EXPECT_REFUSED(user_service_get_profile(call, stage->inside, &profile, &customer),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(user_service_update_profile(call, stage->inside, &update, &customer),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
}

TEST(a_caller_who_is_not_logged_in_may_only_sign_up)
{
    stage_run(&plan, nobody_is_sent_away);
}

static void reads_follow_roles(struct call *call, struct stage *stage)
{
    UserService__GetCustomersResponse *page;
    UserService__Customer *customer;
    const char *email = make(call, stage, CUSTOMER);

    for (int role = 0; role < ROLES; role++) {
        as(call, role);
        if (role >= ADMIN) {
            EXPECT_OK(get(call, stage, email, &customer));
            EXPECT_OK(list(call, stage, "", 0, &page));
            EXPECT_REFUSED(get(call, stage, "none@example.com", &customer), NOT_FOUND,
                           USER_NOT_FOUND);
        } else {
            EXPECT_REFUSED(get(call, stage, email, &customer), PERMISSION_DENIED, NOT_OWNER);
            /* Strangers must not learn which addresses have accounts. */
            EXPECT_REFUSED(get(call, stage, "none@example.com", &customer), PERMISSION_DENIED,
                           NOT_OWNER);
            EXPECT_REFUSED(list(call, stage, "", 0, &page), PERMISSION_DENIED, ROLE_REQUIRED);
        }
        stage_as(call, email, roles[role], "");
        EXPECT_OK(get(call, stage, email, &customer));
    }
}

TEST(accounts_are_read_by_their_owners_and_by_admins)
{
    stage_run(&plan, reads_follow_roles);
}

/* Who may manage whose account: a row for each caller, a column for each owner. */
static const bool manages[ROLES][ROLES] = {
    [ADMIN] = {1, 1, 0, 0},
    [SUPER_ADMIN] = {1, 1, 1, 1},
};

static void management_follows_roles(struct call *call, struct stage *stage)
{
    for (int caller = 0; caller < ROLES; caller++) {
        for (int owner = 0; owner < ROLES; owner++) {
            const char *email = make(call, stage, owner);
            as(call, caller);
            if (manages[caller][owner]) {
                EXPECT_OK(set_status(call, stage, email, "blocked"));
                EXPECT_OK(set_role(call, stage, email, "seller"));
                EXPECT_OK(delete_account(call, stage, email));
                EXPECT_REFUSED(delete_account(call, stage, email), NOT_FOUND, USER_NOT_FOUND);
                EXPECT_REFUSED(set_role(call, stage, email, "seller"), NOT_FOUND, USER_NOT_FOUND);
                continue;
            }
            EXPECT_REFUSED(set_status(call, stage, email, "blocked"), PERMISSION_DENIED,
                           ROLE_REQUIRED);
            EXPECT_REFUSED(set_role(call, stage, email, "seller"), PERMISSION_DENIED,
                           ROLE_REQUIRED);
            struct status st = delete_account(call, stage, email);
            EXPECT(st.code == STATUS_PERMISSION_DENIED);
            EXPECT(st.reason ==
                   (caller < ADMIN ? ARGOSY__REASON__NOT_OWNER : ARGOSY__REASON__ROLE_REQUIRED));
        }
    }
    const char *email = make(call, stage, CUSTOMER);
    as(call, ADMIN);
    EXPECT_REFUSED(set_role(call, stage, email, "admin"), PERMISSION_DENIED, ROLE_REQUIRED);
    as(call, SUPER_ADMIN);
    EXPECT_OK(set_role(call, stage, email, "superAdmin"));
}

TEST(accounts_are_managed_by_admins_and_admins_by_super_admins)
{
    stage_run(&plan, management_follows_roles);
}

static void strangers_are_not_believed(struct call *call, struct stage *stage)
{
    UserService__GetCustomersRequest request = USER_SERVICE__GET_CUSTOMERS_REQUEST__INIT;
    UserService__GetCustomersResponse *page;
    UserService__CustomerCredentialsResponse *secret;

    EXPECT_OK(create(call, stage, "ann@example.com"));
    as(call, SUPER_ADMIN);
    EXPECT_REFUSED(user_service_get_customers(call, stage->outside, &request, &page),
                   UNAUTHENTICATED, LOGIN_REQUIRED);
    EXPECT_REFUSED(credentials(call, stage->outside, "ann@example.com", &secret), PERMISSION_DENIED,
                   INTERNAL_ONLY);
    EXPECT_REFUSED(set_password(call, stage->outside, "ann@example.com", "stolen horse", false),
                   PERMISSION_DENIED, INTERNAL_ONLY);
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &secret));
    EXPECT(password_verify(STR("correct horse"), secret->password));
    /* The fleet's key proves that one of our services calls, and on behalf of which user. */
    EXPECT_OK(credentials(call, stage->fleet, "ann@example.com", &secret));
    EXPECT_OK(user_service_get_customers(call, stage->fleet, &request, &page));
    as(call, CUSTOMER);
    EXPECT_REFUSED(user_service_get_customers(call, stage->fleet, &request, &page),
                   PERMISSION_DENIED, ROLE_REQUIRED);
}

TEST(credentials_are_for_the_shops_own_services)
{
    stage_run(&plan, strangers_are_not_believed);
}

/* ---- passwords ---- */

static void sets_passwords(struct call *call, struct stage *stage)
{
    UserService__CustomerCredentialsResponse *before, *after;

    EXPECT_OK(create(call, stage, "ann@example.com"));
    EXPECT_OK(credentials(call, stage->inside, "ANN@example.com", &before));
    EXPECT_OK(set_password(call, stage->inside, "ANN@example.com", "correct horse", true));
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &after));
    EXPECT(strcmp(before->password, after->password) != 0);
    EXPECT(rpc_timestamp_us(before->password_changed_at) ==
           rpc_timestamp_us(after->password_changed_at));

    EXPECT_OK(set_password(call, stage->inside, "ann@example.com", "another horse", false));
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &after));
    EXPECT(password_verify(STR("another horse"), after->password));
    EXPECT(rpc_timestamp_us(before->password_changed_at) <
           rpc_timestamp_us(after->password_changed_at));
    EXPECT_OK(set_password(call, stage->inside, "ann@example.com", "correct horse", false));

    stage_as(call, "ann@example.com", "customer", "");
    EXPECT_OK(delete_account(call, stage, "ann@example.com"));
    EXPECT_REFUSED(set_password(call, stage->inside, "ann@example.com", "third horse", false),
                   NOT_FOUND, USER_NOT_FOUND);
    EXPECT_REFUSED(set_password(call, stage->inside, "none@example.com", "third horse", false),
                   NOT_FOUND, USER_NOT_FOUND);
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &after));
    EXPECT(after->is_deleted);
}

static struct status set_password_of(struct call *call, struct stage *stage,
                                     Google__Protobuf__Timestamp *changed_at, const char *password,
                                     bool rehash)
{
    UserService__SetPasswordRequest request = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *response;

    request.email = TEXT("ann@example.com");
    request.password = TEXT(password);
    request.rehash = rehash;
    request.if_changed_at = changed_at;
    return user_service_set_password(call, stage->inside, &request, &response);
}

static void keeps_new_password(struct call *call, struct stage *stage)
{
    UserService__CustomerCredentialsResponse *before, *after;

    EXPECT_OK(create(call, stage, "ann@example.com"));
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &before));
    Google__Protobuf__Timestamp *then = before->password_changed_at;
    EXPECT_OK(set_password_of(call, stage, then, "correct horse", true));
    EXPECT_OK(set_password_of(call, stage, then, "another horse", false));
    /* A change that was based on the old password is refused. */
    EXPECT_REFUSED(set_password_of(call, stage, then, "correct horse", true), ABORTED,
                   VERSION_STALE);
    EXPECT_REFUSED(set_password_of(call, stage, then, "third horse", false), ABORTED,
                   VERSION_STALE);
    EXPECT_OK(credentials(call, stage->inside, "ann@example.com", &after));
    EXPECT(password_verify(STR("another horse"), after->password));
}

TEST(a_better_hash_of_the_old_password_does_not_undo_the_new_one)
{
    stage_run(&plan, keeps_new_password);
}

TEST(a_password_is_set_or_only_rehashed)
{
    stage_run(&plan, sets_passwords);
}

static void refuses_long_passwords(struct call *call, struct stage *stage)
{
    UserService__CreateCustomerRequest request = ann();
    UserService__CreateCustomerResponse *response;

    EXPECT_OK(user_service_create_customer(call, stage->inside, &request, &response));
    request.email = TEXT("bob@example.com");
    request.password = TEXT(
        "0123456789012345678901234567890123456789012345678901234567890123456789012");
    EXPECT_FIELD(user_service_create_customer(call, stage->inside, &request, &response),
                 "password");
}

TEST(bcrypt_refuses_a_password_that_it_would_truncate)
{
    static const char *const bcrypt[] = {"USER_PASSWORD_HASH=bcrypt", "USER_BCRYPT_COST=4", 0};
    static const struct stage_plan with_bcrypt = {.module = &user_service, .settings = bcrypt};

    stage_run(&with_bcrypt, refuses_long_passwords);
}

/* ---- profile and list ---- */

static void updates_profile(struct call *call, struct stage *stage)
{
    UserService__GetProfileRequest get_profile = USER_SERVICE__GET_PROFILE_REQUEST__INIT;
    UserService__UpdateProfileRequest update = USER_SERVICE__UPDATE_PROFILE_REQUEST__INIT;
    UserService__Customer *customer;

    EXPECT_OK(create(call, stage, "ann@example.com"));
    stage_as(call, "ANN@example.com", "customer", "");
    EXPECT_OK(user_service_get_profile(call, stage->inside, &get_profile, &customer));
    EXPECT(strcmp(customer->name, "Ann") == 0);

    update.name_given_case = USER_SERVICE__UPDATE_PROFILE_REQUEST__NAME_GIVEN_NAME;
    update.name = TEXT("Anna");
    update.avatar_url_given_case =
        USER_SERVICE__UPDATE_PROFILE_REQUEST__AVATAR_URL_GIVEN_AVATAR_URL;
    update.avatar_url = TEXT("");
    EXPECT_OK(user_service_update_profile(call, stage->inside, &update, &customer));
    EXPECT(strcmp(customer->name, "Anna") == 0 && strcmp(customer->avatar_url, "") == 0);
    EXPECT(strcmp(customer->phone, "+1 (23) 4-5") == 0);
    int64_t updated_us = rpc_timestamp_us(customer->updated_at);
    EXPECT_OK(user_service_update_profile(call, stage->inside, &update, &customer));
    EXPECT(rpc_timestamp_us(customer->updated_at) == updated_us); /* it changes nothing */

    update.avatar_url = TEXT("no address");
    EXPECT_FIELD(user_service_update_profile(call, stage->inside, &update, &customer),
                 "avatar_url");
    update.avatar_url = TEXT("");
    update.name = TEXT("");
    EXPECT_FIELD(user_service_update_profile(call, stage->inside, &update, &customer), "name");

    EXPECT_OK(delete_account(call, stage, "ann@example.com"));
    update.name = TEXT("Ann");
    EXPECT_REFUSED(user_service_update_profile(call, stage->inside, &update, &customer), NOT_FOUND,
                   USER_NOT_FOUND);
    EXPECT_REFUSED(user_service_get_profile(call, stage->inside, &get_profile, &customer),
                   NOT_FOUND, USER_NOT_FOUND);
}

TEST(a_profile_changes_only_in_the_fields_given)
{
    stage_run(&plan, updates_profile);
}

static void pages_through(struct call *call, struct stage *stage)
{
    UserService__GetCustomersResponse *page;
    const char *cursor = "", *last = "";
    int seen = 0, pages = 0;

    for (int i = 0; i < 7; i++)
        EXPECT_OK(create(call, stage, arena_printf(call->arena, "User%d@example.com", i)));
    as(call, ADMIN);
    do {
        EXPECT_OK(list(call, stage, cursor, 3, &page));
        EXPECT(page->n_customers <= 3);
        for (size_t i = 0; i < page->n_customers; i++, seen++) {
            EXPECT(strcmp(last, page->customers[i]->email) < 0);
            last = page->customers[i]->email;
        }
        cursor = page->next_cursor;
        pages++;
    } while (cursor[0] && pages < 10);
    EXPECT(seen == 7 && pages == 3);
}

TEST(the_list_comes_in_pages)
{
    stage_run(&plan, pages_through);
}
