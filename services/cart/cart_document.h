/* SPDX-License-Identifier: Apache-2.0 */
/* What the two writers of documents share. Private to services/cart/cart_document*.c. */
#ifndef SERVICES_CART_CART_DOCUMENT_H
#define SERVICES_CART_CART_DOCUMENT_H

#include "services/cart/cart.h"

/* Moves what was written into the arena, and releases the buffer. CART_LINES_MAX if it was too
 * large. */
struct status cart_document_finish(struct arena *arena, struct buffer *out,
                                   struct str *ret_document);

#endif
