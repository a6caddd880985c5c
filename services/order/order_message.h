/* SPDX-License-Identifier: Apache-2.0 */
/* Converts orders to messages: answers, the stored document, and published events. */
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

/* The document of an order's parts that never change: lines, address and note. */
struct str order_document(struct arena *arena, const struct order *order);
/* Fills in these parts. DATA_LOSS (STORE_DAMAGED) if the document can't be read. */
struct status order_document_read(struct arena *arena, struct str document, struct order *order);

/* The event of proto/events.proto that a move of this turn publishes; NULL if it publishes none. */
const ProtobufCMessage *order_notice(struct arena *arena, const struct order *order,
                                     const struct order_turn *turn, enum order_notice notice);

#endif
