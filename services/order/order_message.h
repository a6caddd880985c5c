/* SPDX-License-Identifier: Apache-2.0 */
/* Between orders and messages: answers, the stored document, and what the others are told. */
#ifndef SERVICES_ORDER_ORDER_MESSAGE_H
#define SERVICES_ORDER_ORDER_MESSAGE_H

#include "order.pb-c.h"
#include "services/order/order.h"

/* For answers, without the history; borrows the order's texts. */
OrderService__Order *order_message(struct arena *arena, const struct order *order);

void order_message_add_history(struct arena *arena, const struct order_transition *history,
                               size_t count, OrderService__Order *message);

/* NULL for NULL; borrows the message's texts. */
const struct order_address *order_address_of(struct arena *arena,
                                             const OrderService__Address *message);

/* The part of an order that is kept as one document and never changes: lines, address and note. */
struct str order_document(struct arena *arena, const struct order *order);
/* Fills that part in. DATA_LOSS (STORE_DAMAGED) for a document that is none of ours. */
struct status order_document_read(struct arena *arena, struct str document, struct order *order);

/* The event of proto/events.proto that tells of a move of this turn; NULL when it tells nobody. */
const ProtobufCMessage *order_notice(struct arena *arena, const struct order *order,
                                     const struct order_turn *turn, enum order_notice notice);

#endif
