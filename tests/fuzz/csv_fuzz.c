/* SPDX-License-Identifier: Apache-2.0 */
/* CSV, and products in it: every row ends, every product is whole or refused, and rows written read
 * back. */
#include "app/shopify.h"
#include "tests/fuzz/fuzz.h"

static void read_rows(struct arena *arena, struct str text)
{
    static struct csv_row row, again;
    struct csv_reader reader;
    enum csv_result result;

    csv_reader_init(&reader, text);
    while ((result = csv_next(&reader, arena, &row)) != CSV_END) {
        if (result != CSV_ROW) continue;
        struct buffer out;
        buffer_init(&out, 1 << 24);
        for (size_t i = 0; i < row.count; i++) csv_write(&out, i == 0, row.fields[i]);
        csv_write_end(&out);
        struct csv_reader back;
        csv_reader_init(&back, buffer_str(&out));
        if (csv_next(&back, arena, &again) == CSV_ROW) {
            invariant(again.count == row.count);
            for (size_t i = 1; i < row.count; i++)
                invariant(str_equal(again.fields[i], row.fields[i]));
        }
        buffer_release(&out);
    }
}

static void read_products(struct arena *arena, struct str text)
{
    struct shopify_reader reader;
    ProductService__ImportProductRequest *request = 0;
    int64_t line;

    if (failed(shopify_reader_init(arena, text, "USD", &reader))) return;
    for (;;) {
        struct status st = shopify_next(&reader, arena, &request, &line);
        if (failed(st)) continue;
        if (!request) break;
        invariant(request->product && request->product->n_variants >= 1 && request->handle[0]);
    }
    shopify_reader_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    arena_init(&arena, 0);
    read_rows(&arena, str_sized(data, size));
    read_products(&arena, str_sized(data, size));
    arena_release(&arena);
    return 0;
}
