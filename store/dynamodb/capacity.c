/* SPDX-License-Identifier: Apache-2.0 */
/* Reads ConsumedCapacity, one object or an array of them. */
#include "store/dynamodb/capacity.h"

#include <stdio.h>

static struct metric units = METRIC_COUNTER(
    "argosy_store_capacity_units_total",
    "Capacity units that requests to DynamoDB have consumed, by the tables' names.", "store",
    "table", "kind");

static const char *const kinds[CAPACITY_KIND_COUNT] = {"read", "write"};

static struct capacity_table *find_table(struct capacity *capacity, const char *store,
                                         struct str name)
{
    if (name.length == 0 || name.length >= CAPACITY_NAME_SIZE) return 0;
    for (size_t i = 0; i < capacity->count; i++)
        if (str_is(name, capacity->tables[i].name)) return &capacity->tables[i];
    if (capacity->count == CAPACITY_TABLES_MAX) return 0;
    struct capacity_table *table = &capacity->tables[capacity->count++];
    snprintf(table->name, sizeof(table->name), "%.*s", STR_ARGS(name));
    for (int i = 0; i < CAPACITY_KIND_COUNT; i++)
        table->series[i] = metric_series(&units, store, table->name, kinds[i]);
    return table;
}

static void add(struct capacity_table *table, enum capacity_kind kind, struct str digits)
{
    double used;

    if (!str_to_double(digits, &used) || !(used > 0 && used < 1e9)) return;
    double sum = table->rest[kind] + used;
    uint64_t whole = (uint64_t)sum;
    if (whole > 0) metric_add(table->series[kind], whole);
    table->rest[kind] = sum - (double)whole;
}

static void count_one(struct capacity *capacity, const char *store, enum capacity_kind kind,
                      const struct dynamodb_value *consumed)
{
    const struct dynamodb_value *used = dynamodb_member(consumed, "CapacityUnits");
    const struct dynamodb_value *name = dynamodb_member(consumed, "TableName");

    if (used->kind != JSON_NUMBER || name->kind != JSON_STRING) return;
    struct capacity_table *table = find_table(capacity, store, name->text);
    if (table) add(table, kind, used->text);
}

void capacity_count(struct capacity *capacity, const char *store, enum capacity_kind kind,
                    const struct dynamodb_value *answer)
{
    const struct dynamodb_value *consumed = dynamodb_member(answer, "ConsumedCapacity");

    if (consumed->kind == JSON_OBJECT) count_one(capacity, store, kind, consumed);
    if (consumed->kind != JSON_ARRAY) return;
    for (const struct dynamodb_value *one = consumed->first; one; one = one->next)
        count_one(capacity, store, kind, one);
}
