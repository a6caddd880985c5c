# SPDX-License-Identifier: Apache-2.0
"""Plays one history on two shops at the same time, step by step, and compares what they answer."""
import json
import re
import time
from urllib.parse import quote, urlencode

from compare import Correspondence
from shops import BOSS, BOSS_PASSWORD, Answer, Connection

REFERENCE = re.compile("«([^:»]+):([^»]+)»|‹([^:›]+):(access|refresh)›")
REST_S = 60  # how long a shop may take until all consequences of a request are there
AGREE_S = 3  # how long two shops at rest may still differ, because something was on its way
PAGES_MAX = 60


class Difference(Exception):
    """Two shops that do not answer alike."""

    def __init__(self, index, step, differences, left, right):
        super().__init__(f"step {index}")
        self.index, self.step, self.differences, self.left, self.right = index, step, differences, left, right


class Side:
    """One of the two shops, as a history sees it."""

    def __init__(self, shop, address, boss):
        self.shop, self.connection = shop, Connection(shop, address)
        self.answers, self.tokens = {}, {"boss": boss}
        self.orders, self.products = {}, {}  # by id: the step that made it, and its category
        self.from_cart = {}  # order id: (actor, the cart's version that was ordered)
        self.settled = set()  # orders from carts whose lines have left the cart
        self.untracked = set()  # products that had stock that was not counted
        self.request = None

    # ---- filling in ----

    def lookup(self, found):
        step, path, actor, token = found.groups()
        if actor:
            return self.tokens.get(actor, {}).get(token) or "missing"
        value = self.answers[step].find(path) if step in self.answers else None
        return "missing" if value is None else value

    def fill(self, value):
        if isinstance(value, dict):
            return {key: self.fill(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.fill(member) for member in value]
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value)
        return self.lookup(whole) if whole else REFERENCE.sub(lambda found: str(self.lookup(found)), value)

    # ---- calls ----

    def send(self, actor, method, path, query=None, body=None, headers=()):
        target = quote(str(self.fill(path)), safe="/")
        if query:
            target += "?" + urlencode({key: str(value) for key, value in self.fill(query).items()})
        sent = list(headers)
        token = self.tokens.get(actor, {}).get("access")
        if token and not any(name == "Authorization" for name, _ in sent):
            sent.append(("Authorization", f"Bearer {token}"))
        data = None
        if body is not None:
            data = json.dumps(self.fill(body)).encode()
            sent.append(("Content-Type", "application/json"))
        self.request = f"{method} {target} {data.decode() if data else ''}"
        self.connection.send(method, target, sent, data)

    def receive(self):
        return self.connection.receive()

    def call(self, *arguments, **more):
        self.send(*arguments, **more)
        return self.receive()

    def remember(self, step, answer):
        self.answers[step.name] = answer
        if step.about.get("logs_in"):
            actor = step.actor if step.about["logs_in"] is True else step.about["logs_in"]
            self.tokens.pop(actor, None)
            if answer.status == 200:
                cookies = dict(value.split(";")[0].split("=", 1) for name, value in answer.headers if name == "set-cookie")
                self.tokens[actor] = {"access": cookies.get("access-token"), "refresh": cookies.get("refresh-token")}
        if step.method == "POST" and answer.find("order_create_data.order_id"):
            self.orders.setdefault(answer.find("order_create_data.order_id"), step)
        if step.method == "POST" and answer.find("product_data.product_id"):
            self.products.setdefault(answer.find("product_data.product_id"), answer.find("product_data.category"))

    # ---- rest ----

    def note_cart(self, step):
        """The order of this step was made from a cart, which loses its lines once the order is confirmed."""
        made = self.answers.get(step.about.get("order"))
        if not step.about.get("cart") or not made or made.header("idempotent-replayed"):
            return
        actor, before = step.about["cart"]
        order = made.find("order_create_data.order_id")
        if order:
            self.from_cart.setdefault(order, (actor, self.answers[before].find("cart_data.version")))

    def look(self):
        """All orders of the history with what hangs on them, and why the shop is not at rest, or None."""
        why, orders, payments, taken = None, [], [], {}
        for order_id, made in self.orders.items():
            order = self.call("boss", "GET", f"/orders/{order_id}")
            listed = self.call("boss", "GET", "/payments", query={"order_id": order_id})
            orders.append(order.value)
            payments.append(listed.value)
            why = why or order_moves(order.find("order"), listed.find("payments.payments.0"),
                                     "pm_nonsense" == made.body.get("payment_method"))
            count_stock(order.find("order"), taken)
        stocks = []
        for product_id, category in self.products.items():
            stock = self.call("boss", "GET", f"/products/{category}/{product_id}/stock")
            stocks.append(stock.value)
            why = why or self.stock_moves(product_id, stock, taken)
        carts, cart_why = self.look_at_carts(orders)
        return Answer(200, [], json.dumps({"orders": orders, "payments": payments, "stocks": stocks,
                                           "carts": carts}).encode()), why or cart_why

    def stock_moves(self, product_id, stock, taken):
        for variant in stock.find("stock.variants") or []:
            if not variant["tracked"]:
                self.untracked.add(product_id)
            reserved, sold = taken.get((product_id, variant["variant_id"]), (0, 0))
            if product_id not in self.untracked and int(variant["reserved"]) != reserved:
                return f"{variant['reserved']} pieces of {product_id} are reserved instead of {reserved}"
            if product_id not in self.untracked and int(variant["sold"]) != sold:
                return f"{variant['sold']} pieces of {product_id} are sold instead of {sold}"
        return None

    def look_at_carts(self, orders):
        why, carts = None, []
        confirmed = {order["order"]["order_id"] for order in orders
                     if order.get("order", {}).get("status") in ("CONFIRMED", "FULFILLED")}
        for order_id, (actor, version) in self.from_cart.items():
            cart = self.call(actor, "GET", "/cart")
            carts.append(cart.value)
            if order_id not in confirmed or order_id in self.settled:
                continue
            if cart.status == 200 and cart.find("cart_data.version") == version:
                why = f"the cart of {actor} still has what order {order_id} took"
            else:
                self.settled.add(order_id)
        return carts, why


def order_moves(order, payment, began_unknown):
    """Why something is still on its way to this order or its payment, or None."""
    if not order:
        return None
    status, paid = order["status"], payment["status"] if payment else None
    refunded = paid == "succeeded" and int(payment["captured_minor"]) > 0 and \
        payment["refunded_minor"] == payment["captured_minor"]
    free = order["total_minor"] == "0"
    # A method that the provider does not know is noted at the order only if the order was made with it.
    told = payment and (order["reason"] == payment["reason"] or
                        (payment["reason"] == "PAYMENT_METHOD_UNKNOWN" and (order["reason"] != "" or not began_unknown)))
    rest = {
        "PENDING": False,
        "REJECTED": True,
        "VALIDATED": (paid == "requires_payment_method" and told) or
                     (paid == "requires_action" and order["payment_id"] != ""),
        "CONFIRMED": order["fulfilment"] == "ready" and not refunded and paid in ("requires_capture", "succeeded"),
        "FULFILLED": paid == "succeeded" and not refunded,
        "CANCELLED": paid in (None, "canceled") or refunded or (free and paid == "succeeded" and payment["reason"] != ""),
        "REFUNDED": paid == "canceled" or refunded}
    return None if rest[status] else f"order {order['order_id']} is {status}, its payment {paid}"


def count_stock(order, taken):
    """Adds what the order holds of each variant: reserved while it is validated, sold once it is confirmed."""
    if not order:
        return
    fulfilled = any(step["to"] == "FULFILLED" for step in order["history"])
    sold = order["status"] in ("CONFIRMED", "FULFILLED") or (order["status"] == "REFUNDED" and fulfilled)
    for line in order["items"]:
        key = (line["product_id"], line["variant_id"])
        reserved_before, sold_before = taken.get(key, (0, 0))
        taken[key] = (reserved_before + line["quantity"] * (order["status"] == "VALIDATED"),
                      sold_before + line["quantity"] * sold)


def log_in_boss(shop, address):
    connection = Connection(shop, address)
    answer = connection.call("POST", "/auth/login", [("Content-Type", "application/json")], json.dumps(
        {"email": BOSS, "password": BOSS_PASSWORD, "device_id": "equivalence"}).encode())
    connection.close()
    return {"access": answer.find("login_data.message")}


class Player:
    def __init__(self, history, shops, bosses, address, trace=None):
        self.history, self.trace = history, trace or (lambda line: None)
        self.same = Correspondence()
        self.sides = [Side(shop, address, boss) for shop, boss in zip(shops, bosses)]
        self.used = set()  # (method, path of the step) that was answered with success

    def play(self):
        try:
            for index, step in enumerate(self.history.steps):
                getattr(self, f"play_{step.kind}")(index, step)
        finally:
            for side in self.sides:
                side.connection.close()

    def both(self, actor, method, path, **more):
        for side in self.sides:
            side.send(actor, method, path, **more)
        return [side.receive() for side in self.sides]

    def compare(self, index, step, answers):
        for side, answer in zip(self.sides, answers):
            side.remember(step, answer)
        differences = self.same.answers(*answers)
        self.trace(f"{index:3} {step.kind:5} {step.actor:8} {self.sides[0].request} -> {answers[0].status} "
                   f"{answers[0].text[:300]}")
        if differences:
            raise Difference(index, step, differences, *answers)

    def play_call(self, index, step):
        final = step.about.get("final")
        if final and not all(self.is_final(side, final) for side in self.sides):
            return
        answers = self.both(step.actor, step.method, step.path, query=step.query, body=step.body, headers=step.headers)
        self.compare(index, step, answers)
        if answers[0].status < 300:
            self.used.add((step.method, step.path))

    def is_final(self, side, order_step):
        order = side.answers[order_step].find("order_create_data.order_id") if order_step in side.answers else None
        return order and side.call("boss", "GET", f"/orders/{order}").find("order.status") in (
            "REJECTED", "CANCELLED", "REFUNDED")

    def play_walk(self, index, step):
        """A list, page by page, to its end. Of a list with others' entries only the history's own are compared."""
        query = dict(step.query)
        collected = [[], []]
        for _ in range(PAGES_MAX):
            for side in self.sides:
                cursor = side.answers.get(f"{step.name}-page")
                following = cursor.find(step.about["items"].rsplit(".", 1)[0] + ".next_cursor"
                                        if "." in step.about["items"] else "next_cursor") if cursor else None
                side.send(step.actor, "GET", step.path, query={**query, "cursor": following} if following else query)
            answers = [side.receive() for side in self.sides]
            mores = []
            for number, (side, answer) in enumerate(zip(self.sides, answers)):
                side.answers[f"{step.name}-page"] = answer
                mores.append(bool(answer.find(step.about["items"].rsplit(".", 1)[0] + ".next_cursor"
                                              if "." in step.about["items"] else "next_cursor")))
                collected[number] += [item for item in answer.find(step.about["items"]) or []
                                      if self.history.tag + "-" in json.dumps(item)]
            if not step.about["own"] or any(answer.status != 200 for answer in answers):
                self.compare(index, step, answers)
            if not any(mores):
                break
        self.compare(index, step, [Answer(200, [], json.dumps({step.about["items"]: one}).encode())
                                    for one in collected])
        self.used.add(("GET", step.path))

    def play_ended(self, index, step):
        """Until the tokens of the actor are refused, if the step that ends the session succeeded."""
        end = time.monotonic() + REST_S
        for side in self.sides:
            ending = side.answers.get(step.about["after"] or step.about["answer"])
            if not ending or (ending.status >= 300) != (step.about["after"] is None) or step.actor not in side.tokens:
                return
        while True:
            answers = self.both(step.actor, "GET", "/auth/sessions")
            if all(answer.status == 401 for answer in answers) or time.monotonic() > end:
                break
            time.sleep(0.005)
        if time.monotonic() > end:
            raise Difference(index, step, [("session", "its tokens are still accepted")], *answers)
        self.compare(index, step, answers)

    def play_rest(self, index, step):
        for side in self.sides:
            side.note_cart(step)
        start = time.monotonic()
        rested = None
        while True:
            looks = [side.look() for side in self.sides]
            reasons = [why for _, why in looks]
            answers = [answer for answer, _ in looks]
            now = time.monotonic()
            if any(reasons):
                rested = None
                if now > start + REST_S:
                    raise Difference(index, step, [("rest", f"no rest: {reasons[0]} / {reasons[1]}")], *answers)
            else:
                rested = rested or now
                if now > rested + AGREE_S or not self.same.copy().answers(*answers):
                    self.compare(index, step, answers)
                    return
            time.sleep(0.004)
