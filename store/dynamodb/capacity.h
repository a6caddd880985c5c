/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the capacity that requests have consumed, as the answers say:
 *
 *     argosy_store_capacity_units_total{store,table,kind}     read or write units
 *
 * Units have fractions and counters have none, so each shard keeps what is left of a unit for the
 * next request. Private to store/dynamodb. */
#ifndef STORE_DYNAMODB_CAPACITY_H
#define STORE_DYNAMODB_CAPACITY_H

#include "observe/metrics.h"
#include "store/dynamodb/item.h"

enum { CAPACITY_TABLES_MAX = 16, CAPACITY_NAME_SIZE = 256 };

enum capacity_kind { CAPACITY_READ, CAPACITY_WRITE, CAPACITY_KIND_COUNT };

/* Of one shard. All zeros: nothing counted yet. */
struct capacity {
    struct capacity_table {
        char name[CAPACITY_NAME_SIZE];
        struct metric_series *series[CAPACITY_KIND_COUNT];
        double rest[CAPACITY_KIND_COUNT];
    } tables[CAPACITY_TABLES_MAX];
    size_t count;
};

/* Adds what ConsumedCapacity of an answer says; of further tables than CAPACITY_TABLES_MAX nothing.
 * `store` is the store's name, `kind` the request's. */
void capacity_count(struct capacity *capacity, const char *store, enum capacity_kind kind,
                    const struct dynamodb_value *answer);

#endif
