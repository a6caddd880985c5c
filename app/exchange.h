/* SPDX-License-Identifier: Apache-2.0 */
/* Catalogues as files, in and out, without the command line around it. */
#ifndef APP_EXCHANGE_H
#define APP_EXCHANGE_H

#include "app/catalogue.h"
#include "app/shopify.h"

struct exchange_import {
    struct shopify_options options;
    bool dry_run; /* check only */
    /* A product or row was refused, by the file's reader or by the service. May be NULL. */
    void (*on_refused)(void *data, struct csv_place place, const char *handle, const char *why);
    /* After each answer. May be NULL. */
    void (*on_progress)(void *data, uint64_t answered, int percent);
    void *data;
};

struct exchange_result {
    struct catalogue_result counts;
    struct shopify_notes notes;
    size_t unused_count; /* columns that are not understood, */
    const char *unused;  /* and their names, in the call's arena */
};

/* Takes in all products of a text. INVALID_ARGUMENT and RESOURCE_EXHAUSTED are about the file, at
 * *ret_place; nothing has been changed then. Every other failure is about the service. */
struct status exchange_import(struct call *call, struct shop *shop, const struct csv_text *text,
                              const struct exchange_import *import,
                              struct exchange_result *ret_result, struct csv_place *ret_place);

/* Writes products, "" for those of all categories, piece by piece. */
struct status exchange_export(struct call *call, struct shop *shop, const char *category,
                              struct status (*write)(struct call *call, void *data,
                                                     struct str piece),
                              void *data, uint64_t *ret_count);

#endif
