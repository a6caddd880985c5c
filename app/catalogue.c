/* SPDX-License-Identifier: Apache-2.0 */
/* Sends products over one stream to the product service on one fiber, and counts its answers on
 * another. */
#include "app/catalogue.h"

#include "fiber/fiber.h"

struct import {
    const struct catalogue_source *source;
    struct rpc_stream *stream;
    struct catalogue_result result;
    uint64_t answered;
    struct status sent; /* the sending fiber's result */
};

static void refused(struct import *import, struct csv_place place, const char *handle,
                    const char *why)
{
    import->result.refused++;
    if (import->source->on_refused)
        import->source->on_refused(import->source->data, place, handle, why);
}

static struct status send_one(struct call *call, struct import *import, struct arena *arena,
                              bool *ret_end)
{
    ProductService__ImportProductRequest *request = 0;
    struct csv_place place = {0};

    struct status st = import->source->next(import->source->data, arena, &request, &place);
    *ret_end = !failed(st) && !request;
    if (failed(st)) {
        refused(import, place, "", st.message);
        return status_ok();
    }
    if (*ret_end) return status_ok();
    return product_service_import_products_send(call, import->stream, request);
}

/* Runs on a fiber of its own, because the service answers while it still reads. */
static void send_all(struct call *call, void *data)
{
    struct import *import = data;
    struct arena arena;
    bool end = false;

    arena_init(&arena, 0);
    while (!end && !failed(import->sent)) {
        import->sent = send_one(call, import, &arena, &end);
        arena_reset(&arena);
    }
    arena_release(&arena);
    if (!failed(import->sent)) import->sent = rpc_send_end(call, import->stream);
}

static void count(struct import *import, const ProductService__ImportProductResult *answer)
{
    switch (answer->outcome) {
    case PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__CREATED: import->result.created++; break;
    case PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__UPDATED: import->result.updated++; break;
    case PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__UNCHANGED:
        import->result.unchanged++;
        break;
    default: refused(import, (struct csv_place){answer->line, 0}, answer->handle, answer->message);
    }
    import->answered++;
    if (import->source->on_progress)
        import->source->on_progress(import->source->data, import->answered);
}

static struct status receive_all(struct call *call, struct import *import)
{
    for (;;) {
        ProductService__ImportProductResult *answer;
        struct status st = product_service_import_products_receive(call, import->stream, &answer);
        if (failed(st) || !answer) return st;
        count(import, answer);
    }
}

struct status catalogue_import(struct call *call, struct shop *shop,
                               const struct catalogue_source *source,
                               struct catalogue_result *ret_result)
{
    struct import import = {.source = source};
    struct fiber_group group = {0};
    struct status st, finished;

    st = product_service_import_products_open(call, shop_channel(shop, "product"), 0,
                                              &import.stream);
    if (failed(st)) return st;

    st = fiber_group_start(call, &group, send_all, &import);
    if (!failed(st)) {
        st = receive_all(call, &import);
        if (failed(st)) fiber_group_cancel(&group);
        fiber_group_wait(call, &group);
    }
    finished = rpc_stream_finish(call, import.stream);
    if (failed(finished)) return finished;
    if (failed(st)) return st;
    if (failed(import.sent)) return import.sent;
    *ret_result = import.result;
    return status_ok();
}
