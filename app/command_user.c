/* SPDX-License-Identifier: Apache-2.0 */
/* argosy user create, role and list. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/shop.h"
#include "user.rpc.h"

/* Runs fn on a shop with only the user service, or calls the one at USER_URL. `existing`: a shop
 * that is not there yet is an error, and is not created. */
static int with_users(const struct command_line *line, bool existing,
                      struct status (*fn)(struct call *call, struct shop *shop, void *data))
{
    struct shop_options options = {.only = "user", .existing = existing, .shards = 1};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, fn, (void *)line);
        shop_free(shop);
    }
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

/* ---- user create ---- */

static void strip_newline(char *text)
{
    text[strcspn(text, "\r\n")] = 0;
}

/* Asks twice on a terminal, without echo; else reads one line of standard input. Returns what went
 * wrong, or NULL. */
static const char *read_password(char *ret_password, size_t size)
{
    static const char none[] = "no password was given; write it to standard input, as one line";
    char again[256] = "";
    struct termios shown, hidden;

    if (!isatty(STDIN_FILENO)) {
        if (!fgets(ret_password, (int)size, stdin)) return none;
        strip_newline(ret_password);
        return NULL;
    }
    tcgetattr(STDIN_FILENO, &shown);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs("Password: ", stderr);
    bool read = fgets(ret_password, (int)size, stdin) != 0;
    fputs("\nRepeat the password: ", stderr);
    read = read && fgets(again, sizeof(again), stdin) != 0;
    fputc('\n', stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);

    strip_newline(ret_password);
    strip_newline(again);
    bool same = strcmp(ret_password, again) == 0;
    secret_wipe(again, sizeof(again));
    if (!read) return "no password was given; type it twice";
    return same ? NULL : "the two passwords differ; run the command again";
}

static struct status set_role(struct call *call, struct shop *shop, const char *email,
                              const char *role)
{
    UserService__SetRoleRequest request = USER_SERVICE__SET_ROLE_REQUEST__INIT;
    UserService__Customer *customer;

    request.email = (char *)email;
    request.role = (char *)role;
    struct status st = user_service_set_role(call, shop_channel(shop, "user"), &request, &customer);
    if (failed(st)) return st;
    command_print("%s is %s", customer->email, customer->role);
    return status_ok();
}

static struct status create(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;
    const char *role = command_option(line, "role"), *name = command_option(line, "name");
    UserService__CreateCustomerRequest request = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;
    UserService__CreateCustomerResponse *customer;
    char password[256] = "";

    const char *error = read_password(password, sizeof(password));
    if (error) return status_make(STATUS_INVALID_ARGUMENT, 0, error);
    request.email = (char *)line->arguments[0];
    request.name = (char *)(name ? name : line->arguments[0]);
    request.password = arena_strdup(call->arena, password);
    secret_wipe(password, sizeof(password));

    struct status st = user_service_create_customer(call, shop_channel(shop, "user"), &request,
                                                    &customer);
    secret_wipe(request.password, strlen(request.password));
    if (failed(st)) return st;
    if (role) return set_role(call, shop, customer->email, role);
    command_print("%s is %s", customer->email, customer->role);
    return status_ok();
}

/* Prints an error if there is no such role. Checked before an account is created, so that a typing
 * error does not leave one behind. */
static bool check_role(const char *role)
{
    static const char *const roles[] = {"customer", "seller", "admin", "superAdmin"};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (!role || strcmp(role, roles[i]) == 0) return true;
    command_error("there is no role '%s'; use customer, seller, admin or superAdmin", role);
    return false;
}

static int user_create(const struct command_line *line)
{
    if (!check_role(command_option(line, "role"))) return EXIT_USAGE;
    return with_users(line, false, create);
}

const struct command command_user_create = {
    .name = "user create",
    .arguments = "EMAIL",
    .summary = "Create an account, such as the first admin's.",
    .description =
        "Creates an account. Asks for the password on a terminal; otherwise reads it as one "
        "line of standard input.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = {{"role", "ROLE", "customer (the default), seller, admin or superAdmin."},
                {"name", "NAME", "The person's name (the default is the address)."}},
    .run = user_create,
};

/* ---- user role ---- */

static struct status change_role(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;

    return set_role(call, shop, line->arguments[0], line->arguments[1]);
}

static int user_role(const struct command_line *line)
{
    if (!check_role(line->arguments[1])) return EXIT_USAGE;
    return with_users(line, true, change_role);
}

const struct command command_user_role = {
    .name = "user role",
    .arguments = "EMAIL ROLE",
    .summary = "Give an account a role.",
    .description =
        "Gives an account a role: customer, seller, admin or superAdmin. Open sessions stay "
        "open: their present access tokens are refused, and refreshed ones have the new role.",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = user_role,
};

/* ---- user list ---- */

static struct status list(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;
    const char *role = command_option(line, "role");
    UserService__GetCustomersRequest request = USER_SERVICE__GET_CUSTOMERS_REQUEST__INIT;

    request.page_size = 500;
    if (role) request.role = (char *)role;
    for (;;) {
        UserService__GetCustomersResponse *page;
        struct status st = user_service_get_customers(call, shop_channel(shop, "user"), &request,
                                                      &page);
        if (failed(st)) return st;
        for (size_t i = 0; i < page->n_customers; i++) {
            const UserService__Customer *customer = page->customers[i];
            command_print("%-40s %-10s %-12s %s%s", customer->email, customer->role,
                          customer->status, customer->name,
                          customer->is_deleted ? " (deleted)" : "");
        }
        if (!page->next_cursor[0]) return status_ok();
        request.cursor = page->next_cursor;
    }
}

static int user_list(const struct command_line *line)
{
    if (!check_role(command_option(line, "role"))) return EXIT_USAGE;
    return with_users(line, true, list);
}

const struct command command_user_list = {
    .name = "user list",
    .arguments = "",
    .summary = "Print the accounts.",
    .description = "Prints every account: address, role, status, name.",
    .options = {{"role", "ROLE", "Only accounts with this role."}},
    .run = user_list,
};
