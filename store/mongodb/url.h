/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a store's URL and completes it with what a store that must not lose anything needs. Private to
 * store/mongodb. */
#ifndef STORE_MONGODB_URL_H
#define STORE_MONGODB_URL_H

#include "store/findings.h"
#include "store/mongodb/library.h"

/* INVALID_ARGUMENT (SETTING_INVALID), with a message that has no secrets, for a URL that libmongoc
 * refuses or that asks for writes that nobody acknowledges. Adds a warning for every option that can
 * lose acknowledged changes. The caller destroys *ret_uri. */
struct status mongodb_url_read(const char *url, const char *name, struct store_findings *findings,
                               mongoc_uri_t **ret_uri);

#endif
