/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what DynamoDB, a container's agent or STS may answer, and the text of a profile file. The
 * first byte chooses the HTTP status. */
#include "store/dynamodb/capacity.h"
#include "store/dynamodb/dynamodb.h"
#include "store/dynamodb/fault.h"
#include "store/dynamodb/sources.h"
#include "tests/fuzz/fuzz.h"

/* Every value's own text must be that value again. */
static void check_value(struct arena *arena, const struct dynamodb_value *value)
{
    const struct dynamodb_value *again = dynamodb_parse(arena, value->json);

    invariant(again && again->kind == value->kind && again->count == value->count);
    invariant(str_equal(again->text, value->text));
    dynamodb_as_integer(value);
    dynamodb_as_bytes(arena, value);
    dynamodb_as_set(value);
}

static void check_answer(struct arena *arena, struct str text)
{
    const struct dynamodb_value *answer = dynamodb_parse(arena, text), *item;
    struct capacity *capacity = arena_new(arena, struct capacity);

    if (!answer) return;
    check_value(arena, answer);
    for (const struct dynamodb_value *value = answer->first; value; value = value->next)
        check_value(arena, value);
    capacity_count(capacity, "fuzz", CAPACITY_READ, answer);
    invariant(capacity->count <= CAPACITY_TABLES_MAX);
    dynamodb_refused(answer, 1, &item);
    invariant(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct fault fault;
    struct keys keys;

    if (size < 2) return 0;
    struct str text = str_sized(data + 1, size - 1);
    arena_init(&arena, 0);
    check_answer(&arena, text);
    fault_read(&arena, 300 + data[0], text, &fault);
    invariant(fault.body && fault.name && fault.message);
    if (sources_parse(&arena, text, &keys) || sources_parse_sts(&arena, text, &keys))
        invariant(keys.id[0] && keys.secret[0]);
    settings_profile_value(text, "default", "region");
    settings_profile_value(text, "profile shop", "region");
    arena_release(&arena);
    return 0;
}
