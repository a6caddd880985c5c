/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed part of the wire contract, written down a second time: packages, services, rpcs, HTTP
 * mappings, field names, numbers and types, as existing clients know them. A change to a proto that
 * they would notice fails here. */
#include <string.h>

#include "base/test.h"
#include "rpc/schema.h"

static struct arena arena;
static const struct rpc_schema *schema;

static void load(void)
{
    if (schema) return;
    arena_init(&arena, 0);
    CHECK_OK(rpc_schema_new(&arena, str_sized(proto_descriptors, proto_descriptors_size), &schema));
}

/* ---- rpcs ---- */

struct fixed_rpc {
    const char *path, *request, *response;
    const char *http_method, *http_path, *body; /* http_method NULL: it has none */
};

static const struct fixed_rpc rpcs[] = {
    {"/auth_service.AuthService/Login", "LoginRequest", "StandardResponse", "POST", "/auth/login",
     "*"},
    {"/auth_service.AuthService/ValidateRefreshToken", "ValidateRefreshTokenRequest",
     "StandardResponse", "POST", "/auth/refresh/validate", "*"},
    {"/auth_service.AuthService/Logout", "LogoutRequest", "StandardResponse", "POST",
     "/auth/logout", "*"},
    {"/auth_service.AuthService/CreateUserAccount", "CreateUserRequest", "StandardResponse", "POST",
     "/users", "*"},
    {"/user_service.UserService/CreateCustomer", "CreateCustomerRequest", "CreateCustomerResponse",
     "POST", "/customers", "*"},
    {"/user_service.UserService/GetCustomerByEmail", "GetCustomerByEmailRequest", "Customer", "GET",
     "/customers/{email}", ""},
    {"/user_service.UserService/GetCustomers", "GetCustomersRequest", "GetCustomersResponse", "GET",
     "/customers", ""},
    {"/user_service.UserService/DeleteCustomer", "DeleteCustomerRequest", "DeleteCustomerResponse",
     "DELETE", "/customers/{email}", "*"}, /* ours: the body may have a password */
    {"/user_service.UserService/GetCustomerCredentials", "GetCustomerCredentialsRequest",
     "CustomerCredentialsResponse", 0, 0, 0},
    {"/product_service.ProductService/CreateProduct", "CreateProductRequest", "StandardResponse",
     "POST", "/products", "*"},
    {"/product_service.ProductService/GetProduct", "GetProductRequest", "StandardResponse", "GET",
     "/products", ""},
    {"/product_service.ProductService/GetProductById", "GetProductByIdRequest", "StandardResponse",
     "GET", "/products/{category}/{product_id}", ""},
    {"/product_service.ProductService/UpdateProduct", "UpdateProductRequest", "StandardResponse",
     "PATCH", "/products/{category}/{product_id}", "*"},
    {"/product_service.ProductService/DeleteProduct", "DeleteProductRequest", "StandardResponse",
     "DELETE", "/products/{category}/{product_id}", ""},
    {"/cart_service.CartService/AddToCart", "AddToCartRequest", "CartStandardResponse", "POST",
     "/cart/add", "*"},
    {"/cart_service.CartService/GetCart", "GetCartRequest", "CartStandardResponse", "GET", "/cart",
     ""},
    {"/cart_service.CartService/UpdateCartItem", "UpdateCartItemRequest", "CartStandardResponse",
     "PUT", "/cart/update", "*"},
    {"/cart_service.CartService/RemoveFromCart", "RemoveFromCartRequest", "CartStandardResponse",
     "DELETE", "/cart/remove", "*"},
    {"/cart_service.CartService/ClearCart", "ClearCartRequest", "CartStandardResponse", "DELETE",
     "/cart/clear", "*"},
    {"/order_service.OrderService/CreateOrder", "CreateOrderRequest", "StandardResponse", "POST",
     "/order", "*"},
};

static bool ends_in(const char *name, const char *simple)
{
    const char *dot = strrchr(name, '.');

    return dot && strcmp(dot + 1, simple) == 0;
}

TEST(rpcs_and_their_http_mappings_are_the_contracts)
{
    load();
    for (size_t i = 0; i < sizeof(rpcs) / sizeof(rpcs[0]); i++) {
        const struct fixed_rpc *fixed = &rpcs[i];
        const struct schema_method *method = schema_method_by_path(schema, str_of(fixed->path));
        printf("  %s\n", fixed->path);
        CHECK(method != 0);
        CHECK(ends_in(method->request->name, fixed->request));
        CHECK(ends_in(method->response->name, fixed->response));
        CHECK(!method->client_streaming && !method->server_streaming);
        CHECK_INT(method->http_count, ==, fixed->http_method ? 1 : 0);
        if (!fixed->http_method) continue;
        CHECK_STR(method->http[0].method, fixed->http_method);
        CHECK_STR(method->http[0].pattern, fixed->http_path);
        CHECK_STR(method->http[0].body, fixed->body);
    }
}

/* ---- messages ---- */

enum { REPEATED = 1 };

struct fixed_field {
    const char *name;
    uint32_t number;
    enum schema_type type;
    const char *message; /* of messages: the simple name */
    int flags;
};

#define FIELDS_MAX 12

struct fixed_message {
    const char *name;
    struct fixed_field fields[FIELDS_MAX];
};

#define ACCOUNT_REQUEST                                                                      \
    {"name", 1, SCHEMA_STRING}, {"email", 2, SCHEMA_STRING}, {"password", 3, SCHEMA_STRING}, \
        {"phone", 4, SCHEMA_STRING}, {"address", 5, SCHEMA_STRING},                          \
    {                                                                                        \
        "avatar_url", 6, SCHEMA_STRING                                                       \
    }
#define ACCOUNT                                                                                   \
    {"name", 1, SCHEMA_STRING}, {"email", 2, SCHEMA_STRING}, {"role", 3, SCHEMA_STRING},          \
        {"status", 4, SCHEMA_STRING}, {"phone", 5, SCHEMA_STRING}, {"address", 6, SCHEMA_STRING}, \
        {"avatar_url", 7, SCHEMA_STRING},                                                         \
    {                                                                                             \
        "is_deleted", 8, SCHEMA_BOOL                                                              \
    }
#define ENVELOPE                                                \
    {"success", 1, SCHEMA_BOOL}, {"message", 2, SCHEMA_STRING}, \
    {                                                           \
        "status_code", 3, SCHEMA_INT32                          \
    }
#define PRODUCT                                                                     \
    {"product_id", 1, SCHEMA_STRING}, {"name", 2, SCHEMA_STRING},                   \
        {"description", 3, SCHEMA_STRING}, {"category", 4, SCHEMA_STRING},          \
        {"price", 5, SCHEMA_DOUBLE}, {"image_urls", 6, SCHEMA_STRING, 0, REPEATED}, \
        {"status", 7, SCHEMA_STRING}, {"is_featured", 8, SCHEMA_BOOL},              \
    {                                                                               \
        "tags", 9, SCHEMA_STRING, 0, REPEATED                                       \
    }

static const struct fixed_message messages[] = {
    {"auth_service.LoginRequest",
     {{"email", 1, SCHEMA_STRING},
      {"password", 2, SCHEMA_STRING},
      {"device_id", 3, SCHEMA_STRING}}},
    {"auth_service.ValidateRefreshTokenRequest", {{"refresh_token", 1, SCHEMA_STRING}}},
    {"auth_service.LogoutRequest", {{"refresh_token", 1, SCHEMA_STRING}}},
    {"auth_service.CreateUserRequest", {ACCOUNT_REQUEST}},
    {"auth_service.StandardResponse",
     {ENVELOPE,
      {"login_data", 4, SCHEMA_MESSAGE, "LoginData"},
      {"logout_data", 5, SCHEMA_MESSAGE, "LogoutData"},
      {"refreshTOkenData", 6, SCHEMA_MESSAGE, "RefreshTokenData"},
      {"user_data", 7, SCHEMA_MESSAGE, "UserData"}}},
    {"auth_service.LoginData", {{"message", 1, SCHEMA_STRING}}},
    {"auth_service.LogoutData", {{"message", 1, SCHEMA_STRING}}},
    {"auth_service.RefreshTokenData", {{"message", 1, SCHEMA_STRING}}},
    {"auth_service.UserData", {ACCOUNT}},
    {"user_service.CreateCustomerRequest", {ACCOUNT_REQUEST}},
    {"user_service.CreateCustomerResponse", {ACCOUNT}},
    {"user_service.Customer", {ACCOUNT}},
    {"user_service.GetCustomerByEmailRequest", {{"email", 1, SCHEMA_STRING}}},
    {"user_service.DeleteCustomerRequest", {{"email", 1, SCHEMA_STRING}}},
    {"user_service.DeleteCustomerResponse", {{"msg", 1, SCHEMA_STRING}}},
    {"user_service.GetCustomersResponse", {{"customers", 1, SCHEMA_MESSAGE, "Customer", REPEATED}}},
    {"user_service.GetCustomerCredentialsRequest", {{"email", 1, SCHEMA_STRING}}},
    {"user_service.CustomerCredentialsResponse",
     {{"email", 1, SCHEMA_STRING},
      {"password", 2, SCHEMA_STRING},
      {"status", 3, SCHEMA_STRING},
      {"role", 4, SCHEMA_STRING},
      {"is_deleted", 5, SCHEMA_BOOL},
      {"password_changed_at", 6, SCHEMA_MESSAGE, "Timestamp"}}},
    {"product_service.CreateProductRequest",
     {{"name", 1, SCHEMA_STRING},
      {"description", 2, SCHEMA_STRING},
      {"category", 3, SCHEMA_STRING},
      {"price", 4, SCHEMA_DOUBLE},
      {"image_urls", 5, SCHEMA_STRING, 0, REPEATED},
      {"status", 6, SCHEMA_STRING},
      {"is_featured", 7, SCHEMA_BOOL},
      {"tags", 8, SCHEMA_STRING, 0, REPEATED}}},
    {"product_service.GetProductRequest",
     {{"category", 1, SCHEMA_STRING}, {"search", 2, SCHEMA_STRING}}},
    {"product_service.GetProductByIdRequest",
     {{"category", 1, SCHEMA_STRING}, {"product_id", 2, SCHEMA_STRING}}},
    {"product_service.UpdateProductRequest",
     {{"category", 1, SCHEMA_STRING},
      {"product_id", 2, SCHEMA_STRING},
      {"name", 3, SCHEMA_STRING},
      {"description", 4, SCHEMA_STRING},
      {"new_category", 5, SCHEMA_STRING},
      {"price", 6, SCHEMA_DOUBLE},
      {"is_featured", 7, SCHEMA_BOOL},
      {"tags", 8, SCHEMA_STRING, 0, REPEATED},
      {"image_urls", 9, SCHEMA_STRING, 0, REPEATED},
      {"status", 10, SCHEMA_STRING},
      {"created_by", 11, SCHEMA_STRING}}},
    {"product_service.DeleteProductRequest",
     {{"product_id", 1, SCHEMA_STRING}, {"category", 2, SCHEMA_STRING}}},
    {"product_service.StandardResponse",
     {ENVELOPE,
      {"product_data", 4, SCHEMA_MESSAGE, "ProductData"},
      {"products", 5, SCHEMA_MESSAGE, "Products"},
      {"product", 6, SCHEMA_MESSAGE, "OneProduct"},
      {"updatedProduct", 7, SCHEMA_MESSAGE, "UpdatedProductData"},
      {"deleted_product", 8, SCHEMA_MESSAGE, "OneProduct"}}},
    {"product_service.ProductData", {PRODUCT}},
    {"product_service.Products",
     {{"products", 1, SCHEMA_MESSAGE, "Product", REPEATED}, {"total_count", 2, SCHEMA_INT32}}},
    {"product_service.OneProduct", {{"product", 1, SCHEMA_MESSAGE, "Product"}}},
    {"product_service.UpdatedProductData", {PRODUCT, {"updated_at", 10, SCHEMA_STRING}}},
    {"product_service.Product", {PRODUCT, {"created_by", 10, SCHEMA_STRING}}},
    {"cart_service.AddToCartRequest",
     {{"product_id", 1, SCHEMA_STRING},
      {"category", 2, SCHEMA_STRING},
      {"quantity", 3, SCHEMA_INT32}}},
    {"cart_service.UpdateCartItemRequest",
     {{"product_id", 1, SCHEMA_STRING}, {"quantity", 2, SCHEMA_INT32}}},
    {"cart_service.RemoveFromCartRequest", {{"product_id", 1, SCHEMA_STRING}}},
    {"cart_service.CartStandardResponse", {ENVELOPE, {"cart_data", 4, SCHEMA_MESSAGE, "CartData"}}},
    {"cart_service.CartData",
     {{"email", 1, SCHEMA_STRING},
      {"items", 2, SCHEMA_MESSAGE, "CartItem", REPEATED},
      {"total_items", 3, SCHEMA_INT32},
      {"subtotal", 4, SCHEMA_DOUBLE},
      {"created_at", 5, SCHEMA_MESSAGE, "Timestamp"},
      {"updated_at", 6, SCHEMA_MESSAGE, "Timestamp"}}},
    {"cart_service.CartItem",
     {{"product_id", 1, SCHEMA_STRING},
      {"category", 2, SCHEMA_STRING},
      {"product_name", 3, SCHEMA_STRING},
      {"price", 4, SCHEMA_DOUBLE},
      {"quantity", 5, SCHEMA_INT32},
      {"image_url", 6, SCHEMA_STRING},
      {"subtotal", 7, SCHEMA_DOUBLE}}},
    {"order_service.CreateOrderRequest",
     {{"user_id", 1, SCHEMA_STRING},
      {"product_id", 2, SCHEMA_STRING},
      {"quantity", 3, SCHEMA_INT32},
      {"category", 4, SCHEMA_STRING}}},
    {"order_service.StandardResponse",
     {ENVELOPE, {"order_create_data", 4, SCHEMA_MESSAGE, "OrderCreateData"}}},
    {"order_service.OrderCreateData",
     {{"order_id", 1, SCHEMA_STRING}, {"status", 2, SCHEMA_STRING}}},
    {"events.OrderCreatedEvent",
     {{"order_id", 1, SCHEMA_STRING},
      {"user_id", 2, SCHEMA_STRING},
      {"items", 3, SCHEMA_MESSAGE, "OrderItem", REPEATED}}},
    {"events.OrderItem", {{"product_id", 1, SCHEMA_STRING}, {"quantity", 2, SCHEMA_INT32}}},
    {"events.OrderValidationResultEvent",
     {{"order_id", 1, SCHEMA_STRING},
      {"is_valid", 2, SCHEMA_BOOL},
      {"error_message", 3, SCHEMA_STRING}}},
};

TEST(fields_have_the_contracts_names_numbers_and_types)
{
    load();
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const struct schema_message *message = schema_message_by_name(schema,
                                                                      str_of(messages[i].name));
        printf("  %s\n", messages[i].name);
        CHECK(message != 0);
        for (const struct fixed_field *fixed = messages[i].fields;
             fixed < messages[i].fields + FIELDS_MAX && fixed->name; fixed++) {
            const struct schema_field *field = schema_field_by_number(message, fixed->number);
            CHECK(field != 0);
            CHECK_STR(field->name, fixed->name);
            CHECK_INT(field->type, ==, fixed->type);
            CHECK_INT(field->repeated, ==, fixed->flags & REPEATED);
            if (fixed->message) CHECK(ends_in(field->message->name, fixed->message));
        }
    }
}

TEST(no_more_fields_below_twenty_than_the_contract_has)
{
    load();
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const struct schema_message *message = schema_message_by_name(schema,
                                                                      str_of(messages[i].name));
        size_t fixed = 0, low = 0;
        while (fixed < FIELDS_MAX && messages[i].fields[fixed].name) fixed++;
        for (size_t f = 0; f < message->field_count; f++) low += message->fields[f].number < 20;
        if (strcmp(message->name, "user_service.GetCustomersResponse") == 0)
            low--; /* next_cursor 2 is ours */
        if (strcmp(message->name, "auth_service.StandardResponse") == 0)
            low--; /* sessions_data 8 is ours */
        if (strcmp(message->name, "product_service.ProductData") == 0)
            low--; /* created_by 10 is ours */
        CHECK_INT(low, ==, fixed);
    }
}
