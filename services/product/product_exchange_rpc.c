/* SPDX-License-Identifier: Apache-2.0 */
/* Imports and exports, which may be far larger than one call's memory.
 *
 * An import works like the store's writer: while one batch is being written, a second fiber reads
 * the next products into another batch. So who sends one product and waits for its result gets it
 * at once, and who sends fifty thousand gets them in by large commits.
 *
 *     receiving fiber:  rpc_receive ──► filling batch ─┐ swapped when the
 *     handler's fiber:  rpc_send ◄── store ◄── batch ◄─┘ last one is answered
 *
 * Each batch has an arena of its own, because the store's thread allocates in it meanwhile. */
#include <stdio.h>

#include "base/clock.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"
#include "services/product/product_service.h"

enum {
    BATCH_MAX = 256,                  /* products of one commit */
    BATCH_SIZE_MAX = 4 * 1024 * 1024, /* bytes in a batch's arena before it counts as full */
    EXPORT_PAGE = 128,                /* products of one read */
};

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

struct item {
    int64_t line;
    const int64_t *variant_lines;
    size_t variant_line_count;
    const char *handle;
    bool stored; /* is among the batch's imports, as the next one in order */
    struct status status;
};

struct batch {
    struct arena arena;
    size_t count;
    struct item items[BATCH_MAX];
    size_t import_count;
    struct product_import imports[BATCH_MAX];
};

struct importer {
    struct product_service *service;
    struct rpc_stream *stream;
    const char *created_by;
    struct batch *filling, *working;
    bool ended;             /* the receiver receives no more */
    struct status received; /* why, if it was not the stream's end */
    struct fiber_wait filled, emptied;
};

static bool is_full(const struct batch *batch)
{
    return batch->count == BATCH_MAX || batch->arena.size >= BATCH_SIZE_MAX;
}

static void batch_reset(struct batch *batch)
{
    arena_reset(&batch->arena);
    batch->count = batch->import_count = 0;
}

/* ---- receiving ---- */

/* The field rules of a product are asked here and not by the stream's validation, which would end
 * the whole import because of one bad row. */
static struct status draft(const struct importer *importer, struct arena *arena,
                           const ProductService__ImportProductRequest *request,
                           struct product *ret_product)
{
    struct product_service *service = importer->service;
    struct product_context context = {service->currency, importer->created_by, clock_now_us()};
    struct status st;

    if (request->product) {
        st = schema_validate(arena, service->create_rules,
                             rpc_pack(arena, &request->product->base));
        if (failed(st)) return st;
    }
    return product_import_draft(arena, request, &context, ret_product);
}

static void add(struct importer *importer, const ProductService__ImportProductRequest *request)
{
    struct batch *batch = importer->filling;
    struct item *item = &batch->items[batch->count++];
    struct product_import *import = &batch->imports[batch->import_count];

    *item = (struct item){
        .line = request->line,
        .variant_lines = arena_memdup(&batch->arena, request->variant_lines,
                                      request->n_variant_lines * sizeof(int64_t)),
        .variant_line_count = request->n_variant_lines,
        .handle = arena_strdup(&batch->arena, request->handle),
    };
    *import = (struct product_import){.dry_run = request->dry_run};
    item->status = draft(importer, &batch->arena, request, &import->product);
    item->stored = !failed(item->status);
    if (item->stored) batch->import_count++;
}

static struct status receive_all(struct call *call, struct importer *importer)
{
    ProductService__ImportProductRequest *request;
    struct status st;

    for (;;) {
        while (is_full(importer->filling)) {
            st = fiber_suspend(call, &importer->emptied);
            if (failed(st)) return st;
        }
        st = product_service_import_products_next(call, importer->stream, &request);
        if (failed(st) || !request) return st;
        add(importer, request);
        fiber_wake(call->shard, &importer->filled);
    }
}

static void receiving_fiber(struct call *call, void *data)
{
    struct importer *importer = data;

    importer->received = receive_all(call, importer);
    importer->ended = true;
    fiber_wake(call->shard, &importer->filled);
}

/* ---- storing and answering ---- */

/* Where in the file what was refused stands: the line of the variant that the error names, if it
 * names one, else that of the product. */
static int64_t line_of(const struct item *item, struct status refusal)
{
    const struct status_details *details = refusal.details;
    size_t index;

    if (!details || details->violation_count == 0 ||
        sscanf(details->violations[0].field, "variants[%zu]", &index) != 1 ||
        index >= item->variant_line_count)
        return item->line;
    return item->variant_lines[index];
}

static struct status reply(struct call *call, const struct importer *importer,
                           const struct item *item, const struct product_import *import)
{
    ProductService__ImportProductResult result = PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__INIT;
    struct status refusal = item->stored ? import->status : item->status;
    const ProtobufCEnumValue *reason = protobuf_c_enum_descriptor_get_value(
        &argosy__reason__descriptor, refusal.reason);

    result.line = line_of(item, refusal);
    result.handle = (char *)item->handle;
    result.outcome = item->stored ? import->outcome : OUTCOME(REFUSED);
    if (failed(refusal)) {
        result.message = (char *)refusal.message;
        result.reason = (char *)(reason ? reason->name : "");
    }
    return product_service_import_products_reply(call, importer->stream, &result);
}

static struct status work(struct call *call, struct importer *importer)
{
    struct product_store *store = importer->service->store;
    struct batch *batch = importer->working;
    struct call inner;
    struct status st = status_ok();
    size_t next = 0;

    call_init_child(&inner, call, 0);
    inner.arena = &batch->arena;
    if (batch->import_count > 0)
        st = store->import(&inner, store, batch->imports, batch->import_count);
    for (size_t i = 0; i < batch->count && !failed(st); i++) {
        const struct item *item = &batch->items[i];
        st = reply(&inner, importer, item, item->stored ? &batch->imports[next++] : 0);
    }
    if (failed(st)) st = status_dup(call->arena, st);
    return st;
}

static struct status work_all(struct call *call, struct importer *importer)
{
    struct status st;

    for (;;) {
        struct batch *batch;
        while (importer->filling->count == 0 && !importer->ended) {
            st = fiber_suspend(call, &importer->filled);
            if (failed(st)) return st;
        }
        if (importer->filling->count == 0) return importer->received;
        batch = importer->filling;
        importer->filling = importer->working;
        importer->working = batch;
        fiber_wake(call->shard, &importer->emptied);
        st = work(call, importer);
        batch_reset(batch);
        if (failed(st)) return st;
    }
}

static void batch_release(void *data)
{
    struct batch *batch = data;

    arena_release(&batch->arena);
}

static struct batch *batch_new(struct arena *arena)
{
    struct batch *batch = arena_new(arena, struct batch);

    arena_init(&batch->arena, 0);
    arena_defer(arena, batch_release, batch);
    return batch;
}

/* Takes in a stream of products; each is answered in order. */
struct status product_import_products(struct call *call, struct rpc_stream *stream)
{
    struct importer importer = {.service = call_service(call), .stream = stream};
    struct fiber_group group = {0};
    struct user user;
    struct status st;

    st = call_require_role(call, "admin superAdmin", &user);
    if (failed(st)) return st;
    importer.created_by = user.email;
    importer.filling = batch_new(call->arena);
    importer.working = batch_new(call->arena);
    st = fiber_group_start(call, &group, receiving_fiber, &importer);
    if (failed(st)) return st;
    st = work_all(call, &importer);
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    return st;
}

/* ---- exports ---- */

/* Sends one page and moves `after` behind it. */
static struct status export_page(struct call *call, struct rpc_stream *stream, const char *category,
                                 struct product_key *after, size_t *ret_count)
{
    struct product_service *service = call_service(call);
    struct product_page page;
    struct status st;

    st = service->store->export(call, service->store, category, after, EXPORT_PAGE, &page);
    if (failed(st)) return st;
    for (size_t i = 0; i < page.count && !failed(st); i++)
        st = product_service_export_products_reply(
            call, stream, product_message_export(call->arena, &page.products[i]));
    if (page.count > 0) {
        after->category = page.products[page.count - 1].category;
        after->product_id = page.products[page.count - 1].product_id;
    }
    *ret_count = page.count;
    return st;
}

/* Sends every product, page by page: what changes meanwhile is in the export or not, but none is
 * missed or doubled that stays where it is. */
struct status product_export_products(struct call *call,
                                      const ProductService__ExportProductsRequest *request,
                                      struct rpc_stream *stream)
{
    struct product_key after = {"", ""};
    struct arena pages[2]; /* of the page before, whose end `after` is, and of this one */
    struct call inner;
    struct user user;
    struct status st;
    size_t count = EXPORT_PAGE;

    st = call_require_role(call, "admin superAdmin", &user);
    if (failed(st)) return st;
    arena_init(&pages[0], 0);
    arena_init(&pages[1], 0);
    call_init_child(&inner, call, 0);
    for (size_t page = 0; count == EXPORT_PAGE && !failed(st); page ^= 1) {
        inner.arena = &pages[page];
        arena_reset(inner.arena);
        st = export_page(&inner, stream, request->category, &after, &count);
    }
    if (failed(st)) st = status_dup(call->arena, st);
    arena_release(&pages[0]);
    arena_release(&pages[1]);
    return st;
}
