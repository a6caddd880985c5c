/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the user service, in the order of proto/user.proto. */
#include <string.h>

#include "base/clock.h"
#include "base/password_rules.h"
#include "rpc/timestamp.h"
#include "services/user/user_service.h"

enum { PAGE_SIZE_DEFAULT = 100 };

/* ---- answers ---- */

static void fill_customer(const struct call *call, const struct account *account,
                          UserService__Customer *customer)
{
    customer->name = (char *)account->name;
    customer->email = (char *)account->email;
    customer->role = (char *)account->role;
    customer->status = (char *)account->status;
    customer->phone = (char *)account->phone;
    customer->address = (char *)account->address;
    customer->avatar_url = (char *)account->avatar_url;
    customer->is_deleted = account->deleted;
    customer->created_at = rpc_timestamp(call->arena, account->created_us);
    customer->updated_at = rpc_timestamp(call->arena, account->updated_us);
}

/* ---- passwords ---- */

/* PASSWORD_WEAK if a new password breaks the rules of base/password_rules.h. */
static struct status check_new_password(const struct call *call, const char *password,
                                        const char *email)
{
    const char *objection = password_objection(str_of(password), str_of(email));

    if (!objection) return status_ok();
    return status_field(call->arena, ARGOSY__REASON__PASSWORD_WEAK, "password", "%s", objection);
}

static struct status check_password(struct call *call, const struct account *account,
                                    const char *password)
{
    struct user_service *service = call_service(call);
    struct password_trial trial = {.policy = &service->policy,
                                   .email = account->email,
                                   .password = password,
                                   .hash = account->password_hash};

    return passwords_check(call, service->passwords, &trial);
}

/* ---- signing up ---- */

static void fill_created(const struct account *account,
                         UserService__CreateCustomerResponse *response)
{
    response->name = (char *)account->name;
    response->email = (char *)account->email;
    response->role = (char *)account->role;
    response->status = (char *)account->status;
    response->phone = (char *)account->phone;
    response->address = (char *)account->address;
    response->avatar_url = (char *)account->avatar_url;
}

/* The answer to a sign-up in the form in which an idempotency record keeps it. */
static struct str created_answer(struct arena *arena, const struct account *account)
{
    UserService__CreateCustomerResponse response = USER_SERVICE__CREATE_CUSTOMER_RESPONSE__INIT;

    fill_created(account, &response);
    return idempotency_answer(arena, &response.base);
}

static struct status reply_created(const struct call *call)
{
    return call_reply_metadata(call, STR("x-http-status"), STR("201"));
}

/* The idempotency key of a sign-up. There is no account yet, so the key belongs to the address that
 * signs up, and the keys of strangers never collide. The password is left out of the fingerprint,
 * as that would be a hash which is fast to guess; replay_created compares it instead. */
static struct status sign_up_once(struct call *call,
                                  const UserService__CreateCustomerRequest *request,
                                  struct change_request *ret_once)
{
    struct user_service *service = call_service(call);
    UserService__CreateCustomerRequest open = *request;
    struct user caller;
    struct status st;

    call_user_optional(call, &caller);
    if (!caller.email[0]) caller.email = request->email;
    open.password = (char *)protobuf_c_empty_string;
    st = idempotency_of_call(call, &caller, &open.base, &ret_once->idempotency);
    if (failed(st)) return st;
    return service->store->replay(call, service->store, ret_once);
}

/* Whether a request is a repetition depends on its password, so each one is a guess of the password
 * and backs off like a login. */
static struct status replay_created(struct call *call,
                                    const UserService__CreateCustomerRequest *request,
                                    struct str answer,
                                    UserService__CreateCustomerResponse *response)
{
    struct user_service *service = call_service(call);
    struct account *account;
    struct status st;

    st = service->store->find(call, service->store, request->email, &account);
    if (failed(st)) return st;
    st = check_password(call, account, request->password);
    if (st.reason == ARGOSY__REASON__CREDENTIALS_WRONG) return idempotency_key_reused();
    if (failed(st)) return st;

    st = idempotency_replay(call, answer, &response->base);
    if (failed(st)) return st;
    return reply_created(call);
}

/* Creates an account with the role customer; an admin may give it another role afterwards. */
static struct status create_customer(struct call *call,
                                     const UserService__CreateCustomerRequest *request,
                                     UserService__CreateCustomerResponse *response)
{
    struct user_service *service = call_service(call);
    struct account account = {
        .email = request->email,
        .name = request->name,
        .phone = request->phone,
        .address = request->address,
        .avatar_url = request->avatar_url,
        .role = "customer",
        .status = "active",
        .created_us = clock_now_us(),
    };
    struct change_request once = {0};
    struct account_creation creation = {.account = &account, .cause = {.request = &once}};
    struct status st;

    st = sign_up_once(call, request, &once);
    if (failed(st)) return st;
    if (once.replayed.data) return replay_created(call, request, once.replayed, response);

    st = check_new_password(call, request->password, request->email);
    if (failed(st)) return st;
    st = passwords_hash(call, service->passwords, &service->policy, request->password,
                        &account.password_hash);
    if (failed(st)) return st;

    account.updated_us = account.created_us;
    account.password_changed_us = account.created_us;
    if (change_wants_answer(&creation.cause))
        creation.record.answer = created_answer(call->arena, &account);
    st = service->store->insert(call, service->store, &creation);
    if (failed(st)) return st;
    if (once.replayed.data) return replay_created(call, request, once.replayed, response);

    fill_created(&account, response);
    return reply_created(call);
}

/* ---- accounts ---- */

/* The caller. The existing system's services call without naming a user, and may do what an admin
 * may. */
static struct status read_caller(const struct call *call, struct user *ret_caller)
{
    if (!call_is_unnamed_service(call)) return call_user(call, ret_caller);
    *ret_caller = (struct user){.email = "", .role = "admin", .device_id = ""};
    return status_ok();
}

static struct status get_customer_by_email(struct call *call,
                                           const UserService__GetCustomerByEmailRequest *request,
                                           UserService__Customer *response)
{
    struct user_service *service = call_service(call);
    struct account *account;
    struct user caller;
    struct status st;

    st = read_caller(call, &caller);
    if (failed(st)) return st;

    st = account_check_read(&caller, request->email);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, request->email, &account);
    if (failed(st)) return st;

    fill_customer(call, account, response);
    return status_ok();
}

/* The cursor is the last key of the previous page: addresses are no secret to an admin. */
static struct status get_customers(struct call *call,
                                   const UserService__GetCustomersRequest *request,
                                   UserService__GetCustomersResponse *response)
{
    struct user_service *service = call_service(call);
    int limit = request->page_size ? request->page_size : PAGE_SIZE_DEFAULT;
    struct account *accounts;
    struct user caller;
    size_t count;
    struct status st;

    st = read_caller(call, &caller);
    if (failed(st)) return st;
    st = user_require_role(call, &caller, "admin superAdmin");
    if (failed(st)) return st;

    st = service->store->list(call, service->store, request->cursor, request->role, limit + 1,
                              &accounts, &count);
    if (failed(st)) return st;

    bool more = count > (size_t)limit;
    if (more) count = (size_t)limit;
    response->customers = arena_array(call->arena, UserService__Customer *, count + 1);
    for (size_t i = 0; i < count; i++) {
        UserService__Customer *customer = arena_new(call->arena, UserService__Customer);
        user_service__customer__init(customer);
        fill_customer(call, &accounts[i], customer);
        response->customers[response->n_customers++] = customer;
    }
    if (more) response->next_cursor = (char *)account_key(call->arena, accounts[count - 1].email);
    return status_ok();
}

struct change {
    struct user caller;
    const char *value;
    const UserService__UpdateProfileRequest *profile;
    const UserService__SetPasswordRequest *password;
    const int64_t *proven_us; /* password_changed_us of the password that the owner has proven */
    int64_t now_us;
};

static struct status change_deleted(const struct call *call, struct account *account, void *data)
{
    const struct change *change = data;

    if (change->proven_us) {
        struct status st = account_check_password(account, *change->proven_us);
        if (failed(st)) return st;
    }
    return account_delete(account, &change->caller, change->now_us);
}

/* A user who deletes their own account proves with the password to be its owner, and not somebody
 * who found an open browser or a token. */
static struct status prove_owner(struct call *call,
                                 const UserService__DeleteCustomerRequest *request,
                                 int64_t *ret_changed_us)
{
    struct user_service *service = call_service(call);
    struct account *account;
    struct status st;

    if (!request->password[0])
        return status_field(call->arena, ARGOSY__REASON__PASSWORD_REQUIRED, "password",
                            "is needed to delete your own account; send it in the body, as "
                            "{\"password\": \"...\"}");
    st = service->store->find(call, service->store, request->email, &account);
    if (!failed(st)) st = account_check_exists(account);
    if (!failed(st)) st = check_password(call, account, request->password);
    if (failed(st)) return st;
    *ret_changed_us = account->password_changed_us;
    return status_ok();
}

static struct status delete_customer(struct call *call,
                                     const UserService__DeleteCustomerRequest *request,
                                     UserService__DeleteCustomerResponse *response)
{
    struct user_service *service = call_service(call);
    struct change change = {.now_us = clock_now_us()};
    struct account *account;
    struct status st;

    st = read_caller(call, &change.caller);
    if (failed(st)) return st;

    /* Before the look-up, so that a stranger can't learn which addresses have accounts. */
    st = account_check_read(&change.caller, request->email);
    if (failed(st)) return st;

    int64_t proven_us;
    if (account_is_own(&change.caller, request->email)) {
        st = prove_owner(call, request, &proven_us);
        if (failed(st)) return st;
        change.proven_us = &proven_us;
    }

    st = service->store->update(call, service->store, request->email,
                                &(struct account_change){change_deleted, &change}, &account);
    if (failed(st)) return st;

    response->msg = arena_printf(call->arena, "%s is deleted", account->email);
    return status_ok();
}

static struct status
get_customer_credentials(struct call *call,
                         const UserService__GetCustomerCredentialsRequest *request,
                         UserService__CustomerCredentialsResponse *response)
{
    struct user_service *service = call_service(call);
    struct account *account;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, request->email, &account);
    if (failed(st)) return st;

    response->email = (char *)account->email;
    response->password = (char *)account->password_hash;
    response->status = (char *)account->status;
    response->role = (char *)account->role;
    response->is_deleted = account->deleted;
    response->password_changed_at = rpc_timestamp(call->arena, account->password_changed_us);
    return status_ok();
}

static struct status get_profile(struct call *call, const UserService__GetProfileRequest *request,
                                 UserService__Customer *response)
{
    struct user_service *service = call_service(call);
    struct account *account;
    struct user caller;
    struct status st;

    st = call_user(call, &caller);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, caller.email, &account);
    if (failed(st)) return st;

    st = account_check_exists(account);
    if (failed(st)) return st;

    fill_customer(call, account, response);
    return status_ok();
}

static bool differs(const struct account *a, const struct account *b)
{
    return strcmp(a->name, b->name) != 0 || strcmp(a->phone, b->phone) != 0 ||
           strcmp(a->address, b->address) != 0 || strcmp(a->avatar_url, b->avatar_url) != 0;
}

static struct status change_profile(const struct call *call, struct account *account, void *data)
{
    const struct change *change = data;
    const UserService__UpdateProfileRequest *profile = change->profile;

    struct status st = account_check_exists(account);
    if (failed(st)) return st;
    const struct account before = *account;
    if (profile->name_given_case) account->name = profile->name;
    if (profile->phone_given_case) account->phone = profile->phone;
    if (profile->address_given_case) account->address = profile->address;
    if (profile->avatar_url_given_case) account->avatar_url = profile->avatar_url;
    if (differs(&before, account)) account->updated_us = change->now_us;
    return status_ok();
}

static struct status update_profile(struct call *call,
                                    const UserService__UpdateProfileRequest *request,
                                    UserService__Customer *response)
{
    struct user_service *service = call_service(call);
    struct change change = {.profile = request, .now_us = clock_now_us()};
    struct account *account;
    struct status st;

    st = call_user(call, &change.caller);
    if (failed(st)) return st;

    st = service->store->update(call, service->store, change.caller.email,
                                &(struct account_change){change_profile, &change}, &account);
    if (failed(st)) return st;

    fill_customer(call, account, response);
    return status_ok();
}

static struct status change_role(const struct call *call, struct account *account, void *data)
{
    const struct change *change = data;

    return account_set_role(account, &change->caller, change->value, change->now_us);
}

static struct status set_role(struct call *call, const UserService__SetRoleRequest *request,
                              UserService__Customer *response)
{
    struct user_service *service = call_service(call);
    struct change change = {.value = request->role, .now_us = clock_now_us()};
    struct account *account;
    struct status st;

    st = call_require_role(call, "admin superAdmin", &change.caller);
    if (failed(st)) return st;

    st = service->store->update(call, service->store, request->email,
                                &(struct account_change){change_role, &change}, &account);
    if (failed(st)) return st;

    fill_customer(call, account, response);
    return status_ok();
}

static struct status change_status(const struct call *call, struct account *account, void *data)
{
    const struct change *change = data;

    return account_set_status(account, &change->caller, change->value, change->now_us);
}

static struct status set_status(struct call *call, const UserService__SetStatusRequest *request,
                                UserService__Customer *response)
{
    struct user_service *service = call_service(call);
    struct change change = {.value = request->status, .now_us = clock_now_us()};
    struct account *account;
    struct status st;

    st = call_require_role(call, "admin superAdmin", &change.caller);
    if (failed(st)) return st;

    st = service->store->update(call, service->store, request->email,
                                &(struct account_change){change_status, &change}, &account);
    if (failed(st)) return st;

    fill_customer(call, account, response);
    return status_ok();
}

static struct status change_password(const struct call *call, struct account *account, void *data)
{
    const struct change *change = data;
    const UserService__SetPasswordRequest *password = change->password;

    if (password->if_changed_at) {
        struct status st = account_check_password(account,
                                                  rpc_timestamp_us(password->if_changed_at));
        if (failed(st)) return st;
    }
    return account_set_password(account, change->value, password->rehash, change->now_us);
}

static struct status set_password(struct call *call, const UserService__SetPasswordRequest *request,
                                  UserService__SetPasswordResponse *response)
{
    struct user_service *service = call_service(call);
    struct change change = {.password = request, .now_us = clock_now_us()};
    struct account *account;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    /* A better hash of the present password need not keep the rules for new ones. */
    if (!request->rehash) st = check_new_password(call, request->password, request->email);
    if (failed(st)) return st;
    st = passwords_hash(call, service->passwords, &service->policy, request->password,
                        &change.value);
    if (failed(st)) return st;

    return service->store->update(
        call, service->store, request->email,
        &(struct account_change){change_password, &change, request->changed_on}, &account);
}

const struct user_service_handlers user_handlers = {
    .create_customer = create_customer,
    .get_customer_by_email = get_customer_by_email,
    .get_customers = get_customers,
    .delete_customer = delete_customer,
    .get_customer_credentials = get_customer_credentials,
    .get_profile = get_profile,
    .update_profile = update_profile,
    .set_role = set_role,
    .set_status = set_status,
    .set_password = set_password,
};
