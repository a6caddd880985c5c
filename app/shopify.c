/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file: which columns it has, and which rows belong to which product. What the rows say
 * is shopify_product.c's. */
#include "app/shopify.h"

#include "app/shopify_product.h"
#include "reasons.pb-c.h"

/* ---- the header ---- */

/* "sep=;", as the first line, is how Excel is told of another separator. */
static bool take_separator_line(struct csv_reader *csv)
{
    const char *text = csv->next;
    size_t length = (size_t)(csv->end - text);

    if (length < 5 || !str_equal_nocase(str_sized(text, 4), STR("sep=")) ||
        !strchr(",;|\t", text[4]) || (length > 5 && text[5] != '\r' && text[5] != '\n'))
        return false;
    csv->separator = text[4];
    size_t end = 5;
    if (end < length && text[end] == '\r') end++;
    if (end < length && text[end] == '\n') end++;
    csv_seek(csv, text + end, 2);
    return true;
}

/* The separator that makes most columns of the first line; quotes are respected, because it is read
 * as a row. */
static void choose_separator(struct csv_reader *csv, struct arena *arena, struct csv_row *row)
{
    static const char separators[] = {',', ';', '\t', '|'};
    const char *start = csv->next;
    int64_t line = csv->line;
    size_t most = 0;
    char best = ',';

    for (size_t i = 0; i < sizeof(separators); i++) {
        csv->separator = separators[i];
        csv_seek(csv, start, line);
        if (csv_next(csv, arena, row) != CSV_ROW) continue;
        size_t known = shopify_header_known(row);
        if (known <= most) continue;
        most = known;
        best = separators[i];
    }
    csv->separator = best;
    csv_seek(csv, start, line);
}

static struct status read_header(struct arena *arena, struct csv_reader *csv, struct csv_row *row,
                                 struct shopify_header *ret_header, struct csv_place *ret_place)
{
    if (!take_separator_line(csv)) choose_separator(csv, arena, row);
    switch (csv_next(csv, arena, row)) {
    case CSV_ROW: return shopify_header_read(arena, row, ret_header, ret_place);
    case CSV_BROKEN:
        *ret_place = csv->at;
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, csv->error);
    default:
        *ret_place = (struct csv_place){1, 0};
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                           "the file has no line that names the columns");
    }
}

struct status shopify_reader_init(struct arena *arena, const struct csv_text *text,
                                  const struct shopify_options *options,
                                  struct shopify_reader *ret_reader, struct csv_place *ret_place)
{
    struct shopify_reader *reader = ret_reader;
    struct csv_reader csv;
    struct status st;

    csv_reader_init(&csv, text->text);
    csv.is_clean = text->is_clean;
    st = read_header(arena, &csv, &reader->walk.row, &reader->header, ret_place);
    if (failed(st)) return st;
    *ret_place = (struct csv_place){1, 0};
    st = shopify_index_make(text, &csv, &reader->header, &reader->index);
    if (failed(st)) return st;
    reader->options = *options;
    reader->notes = (struct shopify_notes){0};
    shopify_walk_init(&reader->walk, text, &csv, &reader->header);
    shopify_walk_init(&reader->away, text, &csv, &reader->header);
    shopify_walk_next(&reader->walk);
    return status_ok();
}

void shopify_reader_release(struct shopify_reader *reader)
{
    shopify_index_release(&reader->index);
    shopify_walk_release(&reader->walk);
    shopify_walk_release(&reader->away);
}

int shopify_progress(const struct shopify_reader *reader)
{
    const struct csv_reader *csv = &reader->walk.csv;

    return (int)((csv->next - csv->start) * 100 / (csv->end - csv->start));
}

/* ---- the rows of one product ---- */

static bool is_in_text(const struct csv_reader *csv, struct str text)
{
    return text.length == 0 || (text.data >= csv->start && text.data < csv->end);
}

/* Keeps the row's cells that are understood; those that are no views of the text are copied. */
static struct shopify_row *keep_row(struct arena *arena, const struct shopify_walk *walk)
{
    struct shopify_row *row = arena_new(arena, struct shopify_row);

    row->line = walk->row.line;
    row->start = walk->row.start;
    for (int column = 0; column < SHOPIFY_COLUMNS; column++) {
        int index = walk->header->columns[column];
        if (index < 0 || (size_t)index >= walk->row.count) {
            row->cells[column] = STR("");
            row->starts[column] = row->start;
            continue;
        }
        struct str cell = walk->row.fields[index];
        row->cells[column] = is_in_text(&walk->csv, cell)
                                 ? cell
                                 : str_sized(arena_memdup(arena, cell.data, cell.length),
                                             cell.length);
        row->starts[column] = walk->row.starts[index];
    }
    return row;
}

/* What is the matter with a product; the first thing counts. */
struct trouble {
    struct status status;
    struct csv_place place;
};

static void find_trouble(struct trouble *trouble, struct csv_place place, const char *what)
{
    if (failed(trouble->status)) return;
    trouble->place = place;
    trouble->status = status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, what);
}

static void collect_row(struct shopify_reader *reader, struct arena *arena,
                        const struct shopify_walk *walk, struct trouble *trouble)
{
    if (walk->result == CSV_BROKEN)
        find_trouble(trouble, walk->csv.at, walk->csv.error);
    else if (reader->row_count == SHOPIFY_ROWS_MAX)
        find_trouble(trouble, (struct csv_place){walk->row.line, 0},
                     "a product has at most 1000 rows");
    else
        reader->rows[reader->row_count++] = keep_row(arena, walk);
}

/* The rows that stand together, from the walk's row on. */
static void collect_run(struct shopify_reader *reader, struct arena *arena,
                        struct shopify_walk *walk, struct trouble *trouble)
{
    uint64_t handle = walk->handle;

    while (walk->result != CSV_END && walk->handle == handle) {
        collect_row(reader, arena, walk, trouble);
        shopify_walk_next(walk);
    }
}

/* Those that stand elsewhere, in the order of the file. */
static void collect_away(struct shopify_reader *reader, struct arena *arena, uint64_t handle,
                         struct trouble *trouble)
{
    struct shopify_run *end = reader->index.runs + reader->index.count;
    struct shopify_run *run = shopify_index_find(&reader->index, handle);

    for (; run && run < end && run->handle == handle; run++) {
        csv_seek(&reader->away.csv, run->start, run->line);
        reader->away.handle = handle; /* of the row before, for a broken one */
        shopify_walk_next(&reader->away);
        collect_run(reader, arena, &reader->away, trouble);
        run->taken = true;
    }
}

/* Goes past rows that have been read with an earlier one of their product. */
static void pass_taken_runs(struct shopify_reader *reader)
{
    struct shopify_walk *walk = &reader->walk;

    for (;;) {
        if (walk->result == CSV_END || !walk->handle || reader->index.count == 0) return;
        const struct shopify_run *run = shopify_index_at(&reader->index, walk->handle,
                                                         walk->row.start);
        if (!run || !run->taken) return;
        uint64_t handle = walk->handle;
        while (walk->result != CSV_END && walk->handle == handle) shopify_walk_next(walk);
    }
}

/* A row that belongs to no product. */
static struct status refuse_row(struct shopify_walk *walk, struct csv_place *ret_place)
{
    struct trouble trouble = {0};

    if (walk->result == CSV_BROKEN)
        find_trouble(&trouble, walk->csv.at, walk->csv.error);
    else
        find_trouble(&trouble, (struct csv_place){walk->row.line, 0},
                     "the row has no Handle: give it one, or remove it");
    shopify_walk_next(walk);
    *ret_place = trouble.place;
    return trouble.status;
}

struct status shopify_next(struct shopify_reader *reader, struct arena *arena,
                           ProductService__ImportProductRequest **ret_request,
                           struct csv_place *ret_place)
{
    struct shopify_walk *walk = &reader->walk;
    struct trouble trouble = {0};

    pass_taken_runs(reader);
    if (walk->result == CSV_END) {
        *ret_request = NULL;
        return status_ok();
    }
    if (!walk->handle) return refuse_row(walk, ret_place);

    uint64_t handle = walk->handle;
    reader->row_count = 0;
    collect_run(reader, arena, walk, &trouble);
    if (reader->index.count > 0) collect_away(reader, arena, handle, &trouble);
    *ret_place = trouble.place;
    if (failed(trouble.status)) return trouble.status;
    return shopify_product_read(reader, arena, ret_request, ret_place);
}
