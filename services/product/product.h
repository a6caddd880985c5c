/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's domain: products, their variants, prices and stock, as plain values.
 *
 * Nothing here does I/O or suspends. A product is made from a request (product_draft), changed by a
 * patch (product_patch) or by a file (product_import_merge), and its stock by product_stock_apply.
 * A store calls these between reading and writing, so the rules are in one place for every store.
 *
 * Money is int64 minor units of an ISO 4217 currency. Times are int64 microseconds, UTC. Texts are
 * never NULL and end with a NUL; all of them are arena memory. */
#ifndef SERVICES_PRODUCT_PRODUCT_H
#define SERVICES_PRODUCT_PRODUCT_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "product.pb-c.h"

enum {
    PRODUCT_OPTIONS_MAX = 3,
    PRODUCT_VARIANTS_MAX = 100,
    PRODUCT_HANDLE_MAX = 255, /* bytes */
};

/* The most pieces of one variant, so that no sum overflows. */
#define PRODUCT_STOCK_MAX INT64_C(1000000000000)

/* Stored, so the numbers must not change. */
enum product_status { PRODUCT_ACTIVE = 0, PRODUCT_DRAFT = 1, PRODUCT_ARCHIVED = 2 };

/* "active", "draft", "archived". */
const char *product_status_name(enum product_status status);
/* An empty text means active. */
bool product_status_parse(const char *name, enum product_status *ret_status);

struct product_texts {
    const char **items;
    size_t count;
};

struct product_option {
    const char *name;
    const char *value;
};

/* received = available + reserved + sold, where available = on_hand - reserved; none is below 0.
 * All are 0 if the variant is not tracked. */
struct product_stock {
    bool tracked;
    int64_t on_hand;
    int64_t reserved;
    int64_t received; /* since tracking began: pieces added, less those written off */
    int64_t sold;
    int64_t imported; /* the quantity that a file gave last, or one of those below */
    int64_t epoch;    /* how often tracking has ended; the numbers count pieces since then */
};

/* No file has said anything; the last file said that the variant is not tracked. */
#define PRODUCT_IMPORTED_NEVER (-1)
#define PRODUCT_IMPORTED_UNTRACKED INT64_MAX

struct product_variant {
    const char *variant_id; /* "" until it is given one */
    const char *sku;
    const char *image_url;
    const char *barcode;
    struct product_option options[PRODUCT_OPTIONS_MAX];
    size_t option_count;
    int64_t unit_amount;
    int64_t compare_at_unit_amount; /* 0: none */
    int32_t grams;
    struct product_stock stock;
};

struct product {
    const char *product_id;
    const char *category;
    const char *handle;
    const char *name;
    const char *description;
    const char *vendor;
    const char *created_by;
    const char *currency;
    enum product_status status;
    bool is_featured;
    struct product_texts image_urls;
    struct product_texts tags;
    struct product_variant *variants; /* at least one */
    size_t variant_count;
    int64_t version; /* from 1; increases with each change except of stock */
    int64_t created_us;
    int64_t updated_us;
    bool is_unpriced; /* of one that a request or a file has made: it names no price at all, all of
                         them are 0. Not stored */
    const struct product_file *file; /* of one that a file has made. Not stored */
};

/* What a file says of a variant besides what it is. */
struct product_file_variant {
    bool unpriced; /* the file has no price for it: it is 0 */
    bool has_stock;
    ProductService__ImportProductRequest__Stock stock;
    int64_t taken;          /* reserved or sold when the quantity was written down; -1: unknown */
    const char *taken_from; /* the product_stock_id of that stock; "": the present one */
};

/* What a file says of a product besides what it is. */
struct product_file {
    uint32_t kept;                         /* a bit for each part that is not in the file */
    struct product_file_variant *variants; /* one for each of the product's */
};

/* The place of a product, perhaps an earlier one: the id alone identifies the product, whatever its
 * category is now. The category matters only for sorting. */
struct product_key {
    const char *category;
    const char *product_id;
};

/* The cheapest variant's. */
int64_t product_unit_amount(const struct product *product);

/* ---- permissions ---- */

/* The caller, in the domain's words. */
struct product_actor {
    const char *email; /* "": nobody */
    bool is_admin;
};

bool product_is_owner(const struct product *product, const struct product_actor *actor);
/* Active products are visible to everybody, others to their seller and admins. */
bool product_is_visible(const struct product *product, const struct product_actor *actor);
/* OK for the owner and admins; NOT_OWNER for others, or NOT_FOUND if they may not see the
 * product. */
struct status product_check_change(const struct product *product,
                                   const struct product_actor *actor);
/* OK if `version` is 0 or the product's, else ABORTED (VERSION_STALE). */
struct status product_check_version(struct arena *arena, const struct product *product,
                                    int64_t version);
/* OK if none of its pieces are reserved, else FAILED_PRECONDITION (STOCK_RESERVED). */
struct status product_check_unreserved(struct arena *arena, const struct product *product);

/* NOT_FOUND, PRODUCT_NOT_FOUND. */
struct status product_not_found(void);

/* ---- making and changing ---- */

/* What is needed besides the request to make a product. */
struct product_context {
    const char *currency; /* the shop's default */
    const char *created_by;
    int64_t now_us;
    bool is_partial; /* variants may lack prices that others have: see product_import_draft */
};

/* Makes a new product from a request that has passed its field rules: with new ids, and a slug of
 * the name as handle. Without any price it is a draft. INVALID_ARGUMENT names the field. */
struct status product_draft(struct arena *arena,
                            const ProductService__CreateProductRequest *request,
                            const struct product_context *context, struct product *ret_product);

/* Makes the changed product, with the next version if anything differs. `product` itself stays as it
 * is, but shares its texts with the result. The caller must check whether a new owner (created_by)
 * is allowed. */
struct status product_patch(struct arena *arena, const struct product *product,
                            const ProductService__UpdateProductRequest *request, int64_t now_us,
                            struct product *ret_product);

/* A product as a file gives it, to be stored as it is if there is none with this handle, else to be
 * merged. */
struct status product_import_draft(struct arena *arena,
                                   const ProductService__ImportProductRequest *request,
                                   const struct product_context *context,
                                   struct product *ret_product);

/* What becomes of a file's product if it is new: without any price it is a draft. INVALID_ARGUMENT
 * for what a new product cannot do without; CURRENCY_UNKNOWN for a currency that was withdrawn. */
struct status product_import_first(struct arena *arena, struct product *product);

/* What a file changes in a product that is there. */
enum product_import_effect {
    PRODUCT_IMPORT_NOTHING,
    PRODUCT_IMPORT_NOTE, /* nothing but `imported` in the stock of variants: the product is as the
                            file has it, and that is remembered */
    PRODUCT_IMPORT_CHANGE,
};

/* What is there, brought to what a file says (made by product_import_draft). Variants are
 * recognised by their options (white space at their ends does not count where that is clear), a
 * single one by being the only one. What the file does not have stays as it is.
 *
 * A quantity is what can be bought, besides what orders have reserved. With the number of pieces
 * that were taken when it was written down, it counts less those that were taken since; if they were
 * taken from another stock than the present one, less all that were taken from this one. Without
 * that number it counts only if it is another than the file's last: what was sold in between is not
 * put back by giving the same file again. *ret_product is not written when nothing changes. */
struct status product_import_merge(struct arena *arena, const struct product *product,
                                   const struct product *file, int64_t now_us,
                                   struct product *ret_product,
                                   enum product_import_effect *ret_effect);

/* "Blaues T-Shirt (XL)" -> "blaues-t-shirt-xl"; "product" if nothing is left. */
char *product_slug(struct arena *arena, const char *name);

/* Are they equal except in ids, version, times, owner, handle and stock? */
bool product_same_content(const struct product *a, const struct product *b);

/* The variant with this id; of a product with one variant also for "". NULL if there is none. */
struct product_variant *product_find_variant(const struct product *product, const char *variant_id);

/* ---- stock ---- */

enum product_stock_change_kind { STOCK_DELTA, STOCK_COUNT, STOCK_UNTRACK };

struct product_stock_change {
    enum product_stock_change_kind kind;
    int64_t pieces; /* for DELTA and COUNT */
    const char *cause;
    const char *reference; /* "": none */
    const char *created_by;
    int64_t now_us;
};

/* An entry of the ledger. The sums of the deltas over a variant's entries are its on_hand and
 * reserved. */
struct product_stock_entry {
    int64_t entry_id; /* set by the store */
    const char *variant_id;
    const char *cause;
    int64_t on_hand_delta;
    int64_t reserved_delta;
    const char *reference;
    const char *created_by;
    int64_t created_us;
};

/* Changes the stock and fills in the ledger's entry. STOCK_INSUFFICIENT if less would be on hand
 * than is reserved, STOCK_NOT_TRACKED if an untracked variant is to be untracked. */
struct status product_stock_apply(struct arena *arena, const struct product_stock_change *change,
                                  struct product_stock *stock,
                                  struct product_stock_entry *ret_entry);

/* Names the stock that is counted since tracking began: another shop's and an earlier one have
 * other names. */
char *product_stock_id(struct arena *arena, const struct product_variant *variant);

/* The stock of a new variant, with `pieces` on hand if it is tracked. */
struct product_stock product_stock_initial(bool tracked, int64_t pieces);

/* The pieces that can be bought now. */
static inline int64_t product_stock_available(const struct product_stock *stock)
{
    return stock->on_hand - stock->reserved;
}

/* Does the stock satisfy the equation of struct product_stock? */
bool product_stock_is_sound(const struct product_stock *stock);

#endif
