/* SPDX-License-Identifier: Apache-2.0 */
/* Removes the tables of older programs, which no migration drops: with a million rows that takes
 * seconds, for which no start should wait. Each step deletes some rows of one table; an empty table
 * is dropped. */
#include "services/product/sqlite/product_obsolete_sqlite.h"

/* Removed in this order: what is in the tables of the full-text index before the index itself. */
static const struct obsolete {
    const char *name;
    const char *shrink; /* deletes some rows; NULL: it need not be empty */
    const char *drop;   /* NULL: it goes with another */
} obsoletes[] = {
    {"product_tags",
     "DELETE FROM product_tags WHERE (tag, product) IN"
     " (SELECT tag, product FROM product_tags LIMIT 2000)",
     "DROP TABLE product_tags"},
    {"product_search_docsize",
     "DELETE FROM product_search_docsize WHERE id IN"
     " (SELECT id FROM product_search_docsize LIMIT 4000)",
     NULL},
    /* The index can't be dropped without the first two records of its data. */
    {"product_search_data",
     "DELETE FROM product_search_data WHERE id IN"
     " (SELECT id FROM product_search_data WHERE id > 10 LIMIT 500)",
     NULL},
    {"product_search_idx",
     "DELETE FROM product_search_idx WHERE (segid, term) IN"
     " (SELECT segid, term FROM product_search_idx LIMIT 2000)",
     NULL},
    {"product_search", NULL, "DROP TABLE product_search"},
    {"product_postings_old",
     "DELETE FROM product_postings_old WHERE (chunk, term) IN"
     " (SELECT chunk, term FROM product_postings_old LIMIT 2000)",
     "DROP TABLE product_postings_old"},
};
enum { OBSOLETES = sizeof(obsoletes) / sizeof(obsoletes[0]) };

static struct status exists(struct sqlite_tx *tx, const char *name, bool *ret_exists)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT 1 FROM sqlite_schema WHERE name = ?", "t",
                                    name);

    if (failed(st)) return st;
    *ret_exists = sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

static struct status shrink(struct sqlite_tx *tx, const struct obsolete *obsolete, bool *ret_shrunk)
{
    struct sqlite_rows rows;
    struct status st = sqlite_exec(tx, 0, obsolete->shrink, "");

    if (failed(st)) return st;
    st = sqlite_query(tx, &rows, "SELECT changes()", "");
    if (failed(st)) return st;
    *ret_shrunk = sqlite_next(&rows) && sqlite_column_i64(&rows, 0) > 0;
    sqlite_end(&rows);
    return rows.status;
}

struct status product_obsolete_step(struct sqlite_tx *tx, bool *ret_more)
{
    for (size_t i = 0; i < OBSOLETES; i++) {
        const struct obsolete *obsolete = &obsoletes[i];
        bool there, shrunk = false;
        struct status st = exists(tx, obsolete->name, &there);
        if (!failed(st) && there && obsolete->shrink) st = shrink(tx, obsolete, &shrunk);
        if (!failed(st) && there && !shrunk && obsolete->drop)
            st = sqlite_exec(tx, 0, obsolete->drop, "");
        if (failed(st)) return st;
        if (shrunk) {
            *ret_more = true;
            return st;
        }
    }
    *ret_more = false;
    return status_ok();
}
