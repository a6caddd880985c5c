# SPDX-License-Identifier: Apache-2.0
"""As much of Stripe as a shop asks, in memory, and its signed webhooks; and the histories that are played with it."""
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from history import History
from records import Order, Step

SECRET = "whsec_equivalence"
PATH = "/payments/webhooks/stripe"


class Stripe:
    """One shop's account."""

    def __init__(self):
        self.lock, self.intents, self.refunds = threading.Lock(), {}, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def settings(self):
        return {"PAYMENT_PROVIDER": "stripe", "STRIPE_API_KEY": "sk_test_equivalence", "STRIPE_WEBHOOK_SECRET": SECRET,
                "STRIPE_API_URL": f"http://127.0.0.1:{self.server.server_address[1]}"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- what the shop asks ----

    def answer(self, method, path, form):
        parts = path.strip("/").split("/")[1:]
        with self.lock:
            if parts[0] == "refunds":
                return self.refund(form) if method == "POST" else \
                    {"data": [one for one in self.refunds[::-1] if one["payment_intent"] == form.get("payment_intent")]
                     if "starting_after" not in form else []}
            if len(parts) == 1 and method == "POST":
                return self.authorize(form)
            if len(parts) == 1 or parts[1] == "search":
                return {"data": []}
            intent = self.intents.get(parts[1])
            if intent and len(parts) == 3:
                self.change(intent, parts[2], int(form.get("amount_to_capture", intent["amount"])))
            return intent

    def authorize(self, form):
        order = form["metadata[order_id]"]
        made = f"pi_{hashlib.sha256(order.encode()).hexdigest()[:24]}"
        asks = form["payment_method"] == "pm_card_authenticationRequired"
        intent = self.intents.setdefault(made, {
            "id": made, "object": "payment_intent", "amount": int(form["amount"]), "amount_received": 0,
            "currency": form["currency"], "status": "requires_action" if asks else "requires_capture",
            "client_secret": f"{made}_secret", "metadata": {"order_id": order},
            "latest_charge": {"amount": int(form["amount"]), "amount_captured": 0, "amount_refunded": 0}})
        return intent

    @staticmethod
    def change(intent, what, amount):
        charge = intent["latest_charge"]
        if what == "confirm" and intent["status"] == "requires_action":
            intent["status"] = "requires_capture"
        elif what == "capture" and intent["status"] == "requires_capture":
            intent.update(status="succeeded", amount_received=amount)
            charge.update(amount_captured=amount, amount_refunded=intent["amount"] - amount)
        elif what == "cancel" and intent["status"].startswith("requires_"):
            intent["status"] = "canceled"

    def refund(self, form):
        intent, amount = self.intents[form["payment_intent"]], int(form["amount"])
        intent["latest_charge"]["amount_refunded"] += amount
        self.refunds.append({"id": f"re_{len(self.refunds):024x}", "status": "succeeded", "payment_intent": intent["id"],
                             "amount": amount, "metadata": {"operation_id": form.get("metadata[operation_id]", "")}})
        return self.refunds[-1]

    # ---- what happens there, and is told ----

    def tell(self, order, about):
        """Does what a step says to the payment of an order; the text of the event about it, and its signature."""
        with self.lock:
            intent = next((one for one in self.intents.values() if one["metadata"]["order_id"] == order), None)
            if intent and about["does"] == "refund" and intent["status"] == "succeeded" and not any(
                    one["payment_intent"] == intent["id"] for one in self.refunds):
                self.refund({"payment_intent": intent["id"], "amount": "100"})
            elif intent and about["does"]:
                self.change(intent, about["does"], intent["amount"])
        whose = intent["id"] if intent and about["ours"] else "pi_of_another_application"
        text = json.dumps({"id": about["event"], "object": "event", "type": about["type"],
                           "data": {"object": {"id": whose, "object": "payment_intent"}}})
        text = text if about["sign"] != "text" else "no event"
        now = int(time.time()) - (3600 if about["sign"] == "old" else 0)
        secret = "whsec_of_somebody_else" if about["sign"] == "wrong" else SECRET
        mac = hmac.new(secret.encode(), f"{now}.{text}".encode(), hashlib.sha256).hexdigest()
        return text, "" if about["sign"] == "none" else f"t={now},v1={'0' * 64},v1={mac},v0=x"


def handler_of(stripe):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in two parts would wait for the first one's acknowledgement

        def do(self):
            target = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode() or target.query
            form = {name: values[0] for name, values in parse_qs(text).items()}
            found = stripe.answer(self.command, target.path, form)
            body = json.dumps(found or {"error": {"type": "invalid_request_error", "code": "resource_missing",
                                                  "message": "No such payment_intent"}}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do

        def log_message(self, *_):
            pass

    return Handler


class WebhookHistory(History):
    """Orders that are paid by Stripe, where things happen that the shop learns by webhooks."""

    TYPES = {"confirm": "payment_intent.amount_capturable_updated", "capture": "payment_intent.succeeded",
             "cancel": "payment_intent.canceled", "refund": "charge.refunded", None: "payment_intent.processing"}

    def open(self):
        self.person("sam", "seller")
        self.person("ann")
        self.new_product("sam", stock=1000, price=20, status="active", currency="EUR")
        self.told = []

    def go_on(self):
        for _ in range(4):
            card = self.pick(("pm_card_visa", "pm_card_authenticationRequired"))
            line = {**self.line(self.products[0]), "quantity": 1}
            name = self.step("ann", "POST", "/order", {"items": [line], "payment_method": card})
            self.orders.append(Order(name, "ann", "sam"))
            self.look(self.orders[-1])
            for _ in range(3):
                self.tell(self.pick(self.orders[-2:]))

    def look(self, order):
        self.rest()
        self.step("boss", "GET", "/payments", query={"order_id": order.id}, name=f"{order.step}-payment")

    def webhook(self, order, does, **more):
        about = {"does": does, "order": order.step, "type": self.TYPES[does], "event": f"evt_{self.tag}_{len(self.steps)}",
                 "sign": "right", "ours": True, **more}
        self.steps.append(Step(f"s{len(self.steps)}", "nobody", "POST", PATH, kind="webhook", about=about))
        return about

    def tell(self, order):
        how = self.random.random()
        if how < 0.5 or not self.told:
            does = self.pick(("confirm", "confirm", "capture", "capture", "cancel", "refund", None))
            self.told.append((order, self.webhook(order, does)))
        elif how < 0.65:  # once more, though something else has happened
            order, about = self.pick(self.told)
            self.webhook(order, self.pick((None, "capture")), event=about["event"], type=about["type"])
        elif how < 0.75:
            self.webhook(order, None, type=self.pick(("invoice.paid", "payment_intent.created", "")))
        elif how < 0.85:
            self.webhook(order, None, ours=False)
        else:  # refused: what has happened is learned later
            self.webhook(order, self.pick((None, None, "capture")), sign=self.pick(("wrong", "old", "none", "text")))
            self.webhook(order, None)
        self.look(order)
        self.step("boss", "GET", f"/payments/{order.payment}/postings")

    def close(self):
        for order in self.orders:
            self.webhook(order, None)
            self.look(order)
            self.step("ann", "GET", f"/orders/{order.id}")
            self.step("boss", "GET", f"/payments/{order.payment}")
            self.step("boss", "GET", f"/payments/{order.payment}/postings")
        self.step("nobody", "POST", "/payments/webhooks/test", {"x": 1})
