/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's catalogue, which is combined from lists of words, its accounts, and the tour. */
#include "app/demo.h"

#include <stdio.h>
#include <string.h>

#include "app/catalogue.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/secret.h"
#include "user.rpc.h"

/* ---- the catalogue ---- */

/* A category: the nouns for its products, and the option of their variants. Prices are in minor
 * units. */
struct demo_category {
    const char *name;
    const char *nouns[10];
    const char *option; /* "Size"; NULL: one variant only */
    const char *values[5];
    int price_from, price_step;
};

static const struct demo_category categories[] = {
    {"apparel",
     {"T-Shirt", "Hoodie", "Jacket", "Scarf", "Cardigan", "Trousers", "Shorts", "Skirt", "Blouse",
      "Coat"},
     "Size",
     {"S", "M", "L", "XL"},
     1499,
     350},
    {"shoes",
     {"Sneaker", "Boot", "Sandal", "Loafer", "Trainer", "Clog", "Slipper", "Brogue", "Moccasin",
      "Trail Shoe"},
     "Size",
     {"38", "40", "42", "44"},
     3999,
     700},
    {"kitchen",
     {"Kettle", "Pan", "Teapot", "Grater", "Whisk", "Ladle", "Mortar", "Carafe", "Colander",
      "Bread Knife"},
     0,
     {0},
     999,
     420},
    {"tableware",
     {"Mug", "Bowl", "Plate", "Saucer", "Tumbler", "Jug", "Platter", "Egg Cup", "Goblet", "Tray"},
     "Colour",
     {"Chalk", "Slate", "Moss"},
     699,
     180},
    {"garden",
     {"Trowel", "Planter", "Watering Can", "Rake", "Lantern", "Birdhouse", "Hose Reel", "Secateurs",
      "Bench", "Trellis"},
     0,
     {0},
     1299,
     610},
    {"lighting",
     {"Desk Lamp", "Pendant", "Sconce", "Floor Lamp", "Nightlight", "Spotlight", "Chandelier",
      "Strip Light", "Torch", "Candle Holder"},
     "Finish",
     {"Brass", "Black", "Steel"},
     1999,
     890},
    {"outdoors",
     {"Tent", "Rucksack", "Sleeping Bag", "Flask", "Compass", "Hammock", "Camp Stove", "Headlamp",
      "Poncho", "Dry Bag"},
     "Colour",
     {"Forest", "Sand"},
     2499,
     990},
    {"stationery",
     {"Notebook", "Fountain Pen", "Ruler", "Sketchbook", "Ink Bottle", "Pencil Case", "Planner",
      "Letter Opener", "Stapler", "Desk Pad"},
     0,
     {0},
     399,
     160},
    {"toys",
     {"Puzzle", "Spinning Top", "Kite", "Marble Run", "Toy Boat", "Building Set", "Yo-Yo", "Puppet",
      "Rocking Horse", "Domino Set"},
     0,
     {0},
     899,
     330},
    {"bath",
     {"Towel", "Bath Mat", "Soap Dish", "Bathrobe", "Sponge", "Mirror", "Laundry Basket", "Brush",
      "Toothbrush Cup", "Stool"},
     "Colour",
     {"White", "Sea", "Clay", "Fog"},
     799,
     270},
};

static const char *const styles[10] = {"Harbour",  "Lighthouse", "Driftwood", "Northern",
                                       "Meridian", "Tidewater",  "Anchor",    "Windward",
                                       "Coral",    "Mariner"};

enum {
    CATEGORIES = sizeof(categories) / sizeof(categories[0]),
    PER_CATEGORY = 100,
    UNTRACKED_NOUN = 9 /* the last of each ten: its stock is not tracked */
};

struct demo_catalogue {
    int next;
    const char *currency;
};

static void add_variants(struct arena *arena, const struct demo_category *category, int number,
                         ProductService__CreateProductRequest *product)
{
    int count = 1;

    while (category->option && count < 5 && category->values[count]) count++;
    product->variants = arena_array(arena, ProductService__VariantInput *, (size_t)count);
    for (int i = 0; i < count; i++) {
        ProductService__VariantInput *variant = arena_new(arena, ProductService__VariantInput);
        product_service__variant_input__init(variant);
        variant->sku = arena_printf(arena, "%.3s-%03d-%d", category->name, number, i + 1);
        variant->unit_amount_given_case =
            PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
        variant->unit_amount = product->unit_amount;
        if (number % 10 != UNTRACKED_NOUN) {
            variant->stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
            variant->stock = 20 + (number * 7 + i * 13) % 180;
        }
        product->variants[product->n_variants++] = variant;
        if (!category->option) continue;

        variant->options = arena_array(arena, ProductService__VariantOption *, 1);
        variant->options[0] = arena_new(arena, ProductService__VariantOption);
        product_service__variant_option__init(variant->options[0]);
        variant->options[0]->name = (char *)category->option;
        variant->options[0]->value = (char *)category->values[i];
        variant->n_options = 1;
    }
}

static ProductService__CreateProductRequest *make_product(struct arena *arena,
                                                          const struct demo_category *category,
                                                          int number, const char *currency)
{
    ProductService__CreateProductRequest *product = arena_new(arena,
                                                              ProductService__CreateProductRequest);
    const char *style = styles[number / 10], *noun = category->nouns[number % 10];

    product_service__create_product_request__init(product);
    product->name = arena_printf(arena, "%s %s", style, noun);
    product->description = arena_printf(
        arena, "The %s from our %s line: made to last, easy to repair, and packed without plastic.",
        noun, style);
    product->category = (char *)category->name;
    product->vendor = arena_printf(arena, "%s & Daughters", style);
    product->currency = (char *)currency;
    product->status = (char *)"active";
    product->is_featured = number % 25 == 0;
    product->unit_amount = category->price_from + category->price_step * (number % 10) +
                           100 * (number / 10);
    product->tags = arena_array(arena, char *, 2);
    product->tags[product->n_tags++] = str_lower(arena, str_of(style));
    product->tags[product->n_tags++] = (char *)(number % 3 ? "new" : "classic");
    add_variants(arena, category, number, product);
    return product;
}

static struct status next_demo_product(void *data, struct arena *arena,
                                       ProductService__ImportProductRequest **ret_request,
                                       struct csv_place *ret_place)
{
    struct demo_catalogue *catalogue = data;
    ProductService__ImportProductRequest *request = 0;

    if (catalogue->next < CATEGORIES * PER_CATEGORY) {
        const struct demo_category *category = &categories[catalogue->next / PER_CATEGORY];
        int number = catalogue->next % PER_CATEGORY;
        request = arena_new(arena, ProductService__ImportProductRequest);
        product_service__import_product_request__init(request);
        request->line = ++catalogue->next;
        request->handle = arena_printf(arena, "demo-%s-%03d", category->name, number);
        request->product = make_product(arena, category, number, catalogue->currency);
    }
    *ret_place = (struct csv_place){catalogue->next, 0};
    *ret_request = request;
    return status_ok();
}

static struct status load_catalogue(struct call *call, struct shop *shop,
                                    const struct config *config)
{
    struct demo_catalogue catalogue = {.currency = config_text(config, "PRODUCT_CURRENCY")};
    struct catalogue_source source = {.next = next_demo_product, .data = &catalogue};
    struct catalogue_result result;
    struct call selling;

    /* The demo's seller owns the products, but only an admin may import catalogues. */
    call_init_child(&selling, call, 0);
    rpc_scope_new(&selling, &(struct user){"seller@example.com", "admin", "command-line"}, 0,
                  "127.0.0.1");
    struct status st = catalogue_import(&selling, shop, &source, &result);
    if (failed(st)) return st;
    printf("Demo catalogue: %llu products (%llu new).\n",
           (unsigned long long)(result.created + result.updated + result.unchanged),
           (unsigned long long)result.created);
    return status_ok();
}

/* ---- the accounts ---- */

static const struct {
    const char *email, *name, *role;
} accounts[] = {
    {"customer@example.com", "Demo Customer", "customer"},
    {"seller@example.com", "Demo Seller", "seller"},
    {"admin@example.com", "Demo Admin", "admin"},
};

static struct status make_account(struct call *call, struct shop *shop, size_t index,
                                  const char *password, bool *ret_made)
{
    struct rpc_channel *users = shop_channel(shop, "user");
    UserService__CreateCustomerRequest create = USER_SERVICE__CREATE_CUSTOMER_REQUEST__INIT;
    UserService__CreateCustomerResponse *created;
    UserService__SetRoleRequest set = USER_SERVICE__SET_ROLE_REQUEST__INIT;
    UserService__Customer *customer;

    create.email = (char *)accounts[index].email;
    create.name = (char *)accounts[index].name;
    create.password = (char *)password;
    struct status st = user_service_create_customer(call, users, &create, &created);
    *ret_made = !failed(st);
    if (failed(st) && st.code != STATUS_ALREADY_EXISTS) return st;
    set.email = create.email;
    set.role = (char *)accounts[index].role;
    return user_service_set_role(call, users, &set, &customer);
}

/* Sets the passwords of existing accounts again, so that the printed password works. */
static struct status reset_password(struct call *call, struct shop *shop, size_t index,
                                    const char *password)
{
    UserService__SetPasswordRequest set = USER_SERVICE__SET_PASSWORD_REQUEST__INIT;
    UserService__SetPasswordResponse *done;

    set.email = (char *)accounts[index].email;
    set.password = (char *)password;
    return user_service_set_password(call, shop_channel(shop, "user"), &set, &done);
}

static struct status load_accounts(struct call *call, struct shop *shop, const char *password)
{
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        bool made = false;
        struct status st = make_account(call, shop, i, password, &made);
        if (!failed(st) && !made) st = reset_password(call, shop, i, password);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* ---- what to try ---- */

static void print_tour(const char *address, const char *password, bool made)
{
    printf("Demo accounts: customer@example.com, seller@example.com, admin@example.com; password "
           "%s\n\n"
           "Try:\n"
           "%s"
           "  curl 'http://%s/products?search=mug'\n"
           "  curl -c cookies -H 'Content-Type: application/json' http://%s/auth/login \\\n"
           "    -d "
           "'{\"email\":\"customer@example.com\",\"password\":\"%s\",\"device_id\":\"laptop\"}'\n"
           "  product=$(curl -s 'http://%s/products?category=garden&page_size=1' | sed "
           "'s/.*\"product_id\":\"\\([^\"]*\\)\".*/\\1/')\n"
           "  curl -b cookies -H 'Content-Type: application/json' http://%s/cart/add \\\n"
           "    -d "
           "\"{\\\"category\\\":\\\"garden\\\",\\\"product_id\\\":\\\"$product\\\","
           "\\\"quantity\\\":2}\"\n"
           "  curl -b cookies http://%s/cart\n"
           "An access token is valid for five minutes. This gets a new one:\n"
           "  curl -b cookies -c cookies -X POST http://%s/auth/refresh/validate\n",
           made ? password : "as set by ARGOSY_DEMO_PASSWORD",
           made ? "" : "  read -r ARGOSY_DEMO_PASSWORD     # type or paste it\n", address, address,
           made ? password : "'\"$ARGOSY_DEMO_PASSWORD\"'", address, address, address, address);
    fflush(stdout);
}

static const char *make_password(struct arena *arena)
{
    uint8_t random[12];

    random_bytes(random, sizeof(random));
    return str_dup(arena, base64url_encode(arena, str_sized(random, sizeof(random))));
}

struct status demo_load(struct call *call, struct shop *shop, const struct config *config)
{
    const char *password = config_text(config, "ARGOSY_DEMO_PASSWORD");
    bool made = !password[0];
    struct status st;

    if (made) password = make_password(call->arena);
    st = load_catalogue(call, shop, config);
    if (failed(st)) return st;
    st = load_accounts(call, shop, password);
    if (failed(st)) return st;
    print_tour(shop_gateway_address(shop), password, made);
    return status_ok();
}
