#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The events between the services and the dead letters, as the commands show them while the shop runs.
. "$(dirname "$0")/shop.sh"
export EVENTS_RETRIES=1
cd "$work" || exit 1
start_shop
make_account sam seller
sign_up ann
log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5,"stock":"20"}'; expect 201
mug=$(value .product_data.product_id)
log_in ann
buy() {
  api POST /order "{\"items\":[{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}"
  expect 201
  order=$(value .order_create_data.order_id)
  eventually "/orders/$order" '.order.status == "CONFIRMED"'
}
buy

# ---- events tail ----

holds() { jq -es "$@" >/dev/null; }

"$ARGOSY" events tail order-events >events.json 2>tail.err
check "each line is JSON, in order" holds '[.[].offset] == ([.[].offset] | sort) and length >= 3' events.json
check "an order's events, decoded" holds --arg order "$order" '[.[] | select(.key == $order) | .type] ==
  ["OrderCreatedEvent","OrderValidatedEvent","OrderConfirmedEvent"] and .[0].payload.order_id == $order and
  .[0].payload.user_id == "ann@example.com" and .[0].payload.items[0].quantity == 1 and .[0].topic == "order-events" and
  (.[0].time | startswith("20")) and (.[0].traceparent | startswith("00-"))' events.json
"$ARGOSY" events tail >all.json
check "all topics" holds '[.[].topic] | unique == ["order-events","order-results","payment-events","user-events"]' all.json
"$ARGOSY" events tail order-events --from 2 >from.json
check "from an offset" holds '.[0].offset == 2' from.json
check "an unknown topic" bash -c "'$ARGOSY' events tail nothing 2>/dev/null; [ \$? = 2 ]"

"$ARGOSY" events tail --follow >follow.json &
follower=$!
buy
# The topics are followed concurrently, so the last event may be of any of them.
followed() { holds --arg order "$order" '[.[] | select(.key == $order) | .type] | sort == ["OrderConfirmedEvent",
  "OrderCreatedEvent","OrderValidatedEvent","OrderValidationResultEvent","PaymentAuthorizedEvent","StockCommittedEvent"]' follow.json 2>/dev/null; }
for _ in $(seq 100); do followed && break; sleep 0.1; done
kill $follower; wait $follower 2>/dev/null
check "what comes is followed" followed

# ---- dead letters ----

check "no dead letters" bash -c "'$ARGOSY' dlq list >dlq.out && [ ! -s dlq.out ]"
check "an unknown group" bash -c "'$ARGOSY' dlq list --group nobody 2>/dev/null; [ \$? = 2 ]"
# An event that no consumer can decode, as a broken producer would send it.
sqlite3 "$ARGOSY_DATA_DIR/order.db" "PRAGMA busy_timeout = 5000; INSERT INTO outbox
  (id, aggregatetype, aggregateid, type, payload, time_us, traceparent)
  VALUES ('broken', 'order-events', 'no-order', 'OrderCreatedEvent', x'0aff', 1, '')" >/dev/null
for _ in $(seq 100); do "$ARGOSY" dlq list >dlq.out; grep -q OrderCreatedEvent dlq.out && break; sleep 0.1; done
check "what cannot be handled is listed" grep -q '^1 .* product .* dead .* OrderCreatedEvent .* no-order .* 2  *INVALID_ARGUMENT' dlq.out
check "of its group alone" bash -c "'$ARGOSY' dlq list --group cart >dlq.out && [ ! -s dlq.out ]"
check "shown with its event" bash -c "'$ARGOSY' dlq show 1 --group product | grep -q '\"payload_base64\":\"Cv8=\"'"
check "an unknown letter is refused" bash -c "! '$ARGOSY' dlq show 99 2>/dev/null"
check "marked to be handed over again" bash -c "'$ARGOSY' dlq replay product 1 | grep -qx '1 marked'"
for _ in $(seq 100); do "$ARGOSY" dlq show 1 --group product >dlq.out; grep -q '^attempts: 3' dlq.out && break; sleep 0.1; done
check "tried by the running shop, and dead again" grep -q '^attempts: 3' dlq.out
check "replaying nothing fails" bash -c "! '$ARGOSY' dlq replay cart 2>/dev/null"
buy # the shop goes on behind it

# ---- without a shop ----

stop_shop
check "stored events are shown" bash -c "'$ARGOSY' events tail order-events | grep -q '$order'"
check "following needs a running shop, which could not start beside it" bash -c \
  "! timeout 20 '$ARGOSY' events tail order-events --follow >follow.json 2>follow.err && grep -q 'argosy serve' follow.err"
