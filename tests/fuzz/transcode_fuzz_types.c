/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the transcoder's types for the fuzz targets once. */
#include "tests/fuzz/transcode_fuzz.h"

enum { TYPES_MAX = 256 };

static const struct transcode_type *types[TYPES_MAX];
static size_t type_count;

static void load(void)
{
    static struct arena arena;
    const struct rpc_schema *schema;
    size_t count;

    arena_init(&arena, 0);
    struct status st = rpc_schema_new(&arena, str_sized(proto_descriptors, proto_descriptors_size),
                                      &schema);
    invariant(!failed(st));
    struct transcode_types *all = transcode_types_new(&arena, schema);
    const struct schema_service *services = schema_services(schema, &count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < services[i].method_count && type_count + 2 <= TYPES_MAX; j++) {
            types[type_count++] = transcode_type(all, services[i].methods[j].request);
            types[type_count++] = transcode_type(all, services[i].methods[j].response);
        }
    }
}

const struct transcode_type *transcode_fuzz_type(uint8_t number)
{
    if (type_count == 0) load();
    return types[number % type_count];
}
