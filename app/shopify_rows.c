/* SPDX-License-Identifier: Apache-2.0 */
/* See shopify_rows.h. */
#include "app/shopify_rows.h"

#include <stdlib.h>

#include "base/hash.h"
#include "reasons.pb-c.h"

/* ---- walking ---- */

void shopify_walk_init(struct shopify_walk *walk, const struct csv_text *text,
                       const struct csv_reader *csv, const struct shopify_header *header)
{
    walk->text = text;
    walk->kept = csv->next;
    walk->csv = *csv;
    walk->header = header;
    walk->result = CSV_ROW;
    walk->handle = 0;
    arena_init(&walk->arena, 0);
}

void shopify_walk_release(struct shopify_walk *walk)
{
    arena_release(&walk->arena);
}

struct str shopify_walk_cell(const struct shopify_walk *walk, enum shopify_column column)
{
    int index = walk->header->columns[column];

    if (index < 0 || (size_t)index >= walk->row.count) return STR("");
    return walk->row.fields[index];
}

static bool is_blank_row(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].length > 0) return false;
    return true;
}

/* Fields behind the last column are a comma that wanted quotes, unless they are blank. */
static void check_width(struct shopify_walk *walk)
{
    struct csv_row *row = &walk->row;

    for (size_t i = walk->header->count; i < row->count; i++) {
        if (row->fields[i].length == 0) continue;
        walk->result = CSV_BROKEN;
        walk->csv.error = "the row has more fields than the first line has columns: a text with "
                          "separators in it needs quotes around it";
        walk->csv.at = csv_place_at(row->start, row->line, row->starts[i]);
        return;
    }
}

static uint64_t hash_handle(struct str handle)
{
    uint64_t hash = hash_bytes(HASH_START, handle);

    return hash ? hash : 1;
}

static void give_back(struct shopify_walk *walk)
{
    if (walk->csv.next - walk->kept < CSV_TEXT_KEPT) return;
    csv_text_forget(walk->text, walk->kept);
    walk->kept = walk->csv.next;
}

void shopify_walk_next(struct shopify_walk *walk)
{
    give_back(walk);
    do {
        arena_reset(&walk->arena);
        walk->result = csv_next(&walk->csv, &walk->arena, &walk->row);
    } while (walk->result == CSV_ROW && is_blank_row(&walk->row));
    if (walk->result == CSV_END) {
        walk->handle = 0;
        return;
    }
    if (walk->result == CSV_ROW) check_width(walk);

    struct str handle = str_trim(shopify_walk_cell(walk, SHOPIFY_HANDLE));
    if (handle.length > 0)
        walk->handle = hash_handle(handle);
    else if (walk->result == CSV_ROW)
        walk->handle = 0;
}

/* ---- which handles were there ---- */

/* Hashes in a table of open addresses. */
struct handles {
    uint64_t *slots; /* owned; 0: free */
    size_t count, capacity;
};

/* False if it is there already. */
static bool put_hash(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t slot = hash_fold(hash) & (capacity - 1);

    while (slots[slot] && slots[slot] != hash) slot = (slot + 1) & (capacity - 1);
    if (slots[slot]) return false;
    slots[slot] = hash;
    return true;
}

static void grow(struct handles *handles)
{
    size_t capacity = handles->capacity ? handles->capacity * 2 : 1024;
    uint64_t *slots = calloc(capacity, sizeof(*slots));

    invariant(slots);
    for (size_t i = 0; i < handles->capacity; i++)
        if (handles->slots[i]) put_hash(slots, capacity, handles->slots[i]);
    free(handles->slots);
    handles->slots = slots;
    handles->capacity = capacity;
}

static bool is_new(struct handles *handles, uint64_t hash)
{
    if (handles->count * 2 >= handles->capacity) grow(handles);
    if (!put_hash(handles->slots, handles->capacity, hash)) return false;
    handles->count++;
    return true;
}

/* ---- the index ---- */

static void add_run(struct shopify_index *index, const struct shopify_walk *walk)
{
    if (index->count == index->capacity) {
        index->capacity = index->capacity ? index->capacity * 2 : 64;
        index->runs = realloc(index->runs, index->capacity * sizeof(*index->runs));
        invariant(index->runs);
    }
    index->runs[index->count++] = (struct shopify_run){
        .handle = walk->handle, .start = walk->row.start, .line = walk->row.line};
}

static int compare(uint64_t handle, const char *start, const struct shopify_run *run)
{
    if (handle != run->handle) return handle < run->handle ? -1 : 1;
    return start < run->start ? -1 : start > run->start;
}

static int compare_runs(const void *a, const void *b)
{
    const struct shopify_run *first = a;

    return compare(first->handle, first->start, b);
}

static struct status walk_all(struct shopify_walk *walk, struct handles *handles,
                              struct shopify_index *index)
{
    uint64_t before = 0;

    for (;;) {
        shopify_walk_next(walk);
        if (walk->result == CSV_END) return status_ok();
        if (walk->handle && walk->handle != before && !is_new(handles, walk->handle))
            add_run(index, walk);
        before = walk->handle;
        if (handles->count > SHOPIFY_PRODUCTS_MAX)
            return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__INVALID_FIELDS,
                               "the file has more than 4000000 products: split it");
        if (index->count > SHOPIFY_RUNS_MAX)
            return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__INVALID_FIELDS,
                               "more than 4000000 rows are away from the others of their products: "
                               "sort the file by handle");
    }
}

struct status shopify_index_make(const struct csv_text *text, const struct csv_reader *csv,
                                 const struct shopify_header *header,
                                 struct shopify_index *ret_index)
{
    struct shopify_walk *walk = malloc(sizeof(*walk));
    struct shopify_index index = {0};
    struct handles handles = {0};

    invariant(walk);
    shopify_walk_init(walk, text, csv, header);
    struct status st = walk_all(walk, &handles, &index);
    shopify_walk_release(walk);
    free(walk);
    free(handles.slots);
    if (failed(st)) {
        shopify_index_release(&index);
        return st;
    }
    if (index.count > 0) qsort(index.runs, index.count, sizeof(*index.runs), compare_runs);
    *ret_index = index;
    return status_ok();
}

void shopify_index_release(struct shopify_index *index)
{
    free(index->runs);
    *index = (struct shopify_index){0};
}

/* The first run that is not before this place. */
static size_t lower_bound(const struct shopify_index *index, uint64_t handle, const char *start)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(handle, start, &index->runs[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct shopify_run *shopify_index_find(const struct shopify_index *index, uint64_t handle)
{
    size_t found = lower_bound(index, handle, NULL);

    if (found == index->count || index->runs[found].handle != handle) return NULL;
    return &index->runs[found];
}

struct shopify_run *shopify_index_at(const struct shopify_index *index, uint64_t handle,
                                     const char *start)
{
    size_t found = lower_bound(index, handle, start);

    if (found == index->count || compare(handle, start, &index->runs[found]) != 0) return NULL;
    return &index->runs[found];
}
