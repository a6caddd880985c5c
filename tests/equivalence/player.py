# SPDX-License-Identifier: Apache-2.0
"""Plays one history on two shops at the same time, step by step, and compares what they answer."""
import base64
import json
import re
import time
from collections import deque
from urllib.parse import quote, urlencode

import rpcs
from compare import Correspondence
from shops import BOSS, BOSS_PASSWORD, Answer, Connection

REFERENCE = re.compile("«([^:»]+):([^»]+)»|‹([^:›]+):(access|refresh)›")
REST_S = 120  # how long a shop may take until all consequences of a request are there
AGREE_S = 20  # how long two shops at rest may still differ, because something was on its way
PAGES_MAX = 60
PIPELINED = 24  # requests that are sent before the first answer is read
GUESSES_MAX = 20


class Difference(Exception):
    """Two shops that do not answer alike."""

    def __init__(self, index, step, differences, left, right):
        super().__init__(f"step {index}")
        self.index, self.step, self.differences, self.left, self.right = index, step, differences, left, right


class Side:
    """One of the two shops, as a history sees it."""

    def __init__(self, shop, address, boss, tag=""):
        self.shop, self.tag, self.connection = shop, tag, Connection(shop, address)
        self.answers, self.tokens = {}, {"boss": boss}
        self.orders, self.products = {}, {}  # by id: the step that made it, and its category
        self.families = []  # the claim `sid` of each session, in the order of their logins
        self.looked = {}  # order id: the order and its payments, as they were last seen
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

    def send_text(self, path, text, headers):
        self.request = f"POST {path} {text} {headers}"
        self.connection.send("POST", path, [*headers, ("Content-Type", "application/json")], text.encode())

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
                self.note_family(cookies.get("access-token"))
        if step.method == "POST" and answer.find("order_create_data.order_id"):
            self.orders.setdefault(answer.find("order_create_data.order_id"), step)
        if step.method == "POST" and answer.find("product_data.product_id"):
            self.products.setdefault(answer.find("product_data.product_id"), answer.find("product_data.category"))

    def note_family(self, token):
        family = read_claims(token).get("sid")
        if family not in self.families:
            self.families.append(family)

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

    def ask(self, requests):
        """Yields once when the first requests are on their way, and the other shop may be asked, too; then the answers."""
        waiting, answers = deque(requests), []
        self.ask_some(waiting, PIPELINED)
        yield None
        while len(answers) < len(requests):
            answers.append(self.receive())
            self.ask_some(waiting, 1)
        yield answers

    def ask_some(self, waiting, count):
        while waiting and count > 0:
            actor, path, query = waiting.popleft()
            self.send(actor, "GET", path, query=query)
            count -= 1

    def look(self, orders, products, carts):
        """These orders of the history with what hangs on them: yields once when its requests are on their way, then the answer,
        why the shop is not at rest, or None, and what moves. What moves is looked at again alone."""
        requests = []
        for order_id in orders:
            requests += [("boss", f"/orders/{order_id}", None), ("boss", "/payments", {"order_id": order_id})]
        requests += [("boss", f"/products/{self.products[product]}/{product}/stock", None) for product in products]
        requests += [(self.from_cart[order][0], "/cart", None) for order in carts]
        asked = self.ask(requests)
        yield next(asked)
        answers = deque(next(asked))
        why, moving, seen = None, ([], [], []), {"orders": [], "payments": [], "stocks": [], "carts": []}
        for order_id in orders:
            order, listed = answers.popleft(), answers.popleft()
            self.looked[order_id] = order.find("order")
            seen["orders"].append(order.value)
            seen["payments"].append(listed.value)
            began_unknown = "pm_nonsense" == self.orders[order_id].body.get("payment_method")
            if moves := order_moves(order.find("order"), listed.find("payments.payments.0"), began_unknown):
                why = why or moves
                moving[0].append(order_id)
        taken = {}
        for order in self.looked.values():
            count_stock(order, taken)
        for product_id in products:
            stock = answers.popleft()
            seen["stocks"].append(stock.value)
            if moves := self.stock_moves(product_id, stock, taken):
                why = why or moves
                moving[1].append(product_id)
        for order_id in carts:
            cart = answers.popleft()
            seen["carts"].append(cart.value)
            if moves := self.cart_moves(order_id, cart):
                why = why or moves
                moving[2].append(order_id)
        # What the orders take from stock and carts is known only once they are at rest.
        yield Answer(200, [], seen), why, (moving[0], [], []) if moving[0] else moving

    def everything(self):
        return list(self.orders), list(self.products), list(self.from_cart)

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

    def cart_moves(self, order_id, cart):
        actor, version = self.from_cart[order_id]
        order = self.looked.get(order_id)
        if not order or order["status"] not in ("CONFIRMED", "FULFILLED") or order_id in self.settled:
            return None
        if cart.status == 200 and cart.find("cart_data.version") == version:
            return f"the cart of {actor} still has what order {order_id} took"
        self.settled.add(order_id)
        return None


def read_claims(token):
    """What an access token says, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def look_at(sides, wanted):
    """Looks at both shops at the same time."""
    looks = [side.look(*one) for side, one in zip(sides, wanted)]
    for look in looks:
        next(look)
    return [next(look) for look in looks]


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


def last_event(order):
    """The last of the events that surely tell how an order has come to its state."""
    if any(step["to"] == "FULFILLED" for step in order["history"]):
        return "OrderFulfilledEvent"
    return {"VALIDATED": "OrderValidatedEvent", "CONFIRMED": "OrderConfirmedEvent", "CANCELLED": "OrderCancelledEvent",
            "REFUNDED": "OrderCancelledEvent"}.get(order["status"], "OrderCreatedEvent")


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
        self.sides = [Side(shop, address, boss, history.tag) for shop, boss in zip(shops, bosses)]
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
                   f"{answers[0].shown()[:300]}")
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
        self.compare(index, step, [Answer(200, [], {step.about["items"]: one}) for one in collected])
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

    def play_rpc(self, index, step):
        answers = []
        for side in self.sides:
            value = side.fill(step.body)
            side.request = f"{step.method} {json.dumps(value)}"
            answers.append(rpcs.call(side.shop, step.method, value, step.actor != "stranger", step.about.get("identity")))
        self.compare(index, step, answers)
        if answers[0].status < 300:
            self.used.add(step.method)

    def play_guesses(self, index, step):
        """Wrong passwords until the account has to wait, which is at the same one wherever they are counted, unless the
        counters did not answer in time."""
        reasons = []
        for side in self.sides:
            answers = []
            while not answers or answers[-1].status != 429 and len(answers) < GUESSES_MAX:
                answers.append(side.call(step.actor, step.method, step.path, body=step.body))
            reasons.append([f"{answer.status} {answer.find('error.reason')}" for answer in (answers[0], answers[-1])])
        self.compare(index, step, [Answer(200, [], one) for one in reasons])

    def play_events(self, index, step):
        """The log of orders up to the event that reports the order's state, and that event as a group's next one."""
        answers = []
        for side in self.sides:
            made = side.answers.get(step.about["order"])
            order = made and made.find("order_create_data.order_id")
            found = order and side.call("boss", "GET", f"/orders/{order}").find("order")
            events = side.shop.feed.until(order, last_event(found)) if found else []
            side.request = f"the events of order {order}"
            value = {"events": events}
            if events:
                last = int(events[-1]["offset"])
                whose = {"topic": "order-events", "group": f"{self.history.tag}-group"}
                value["committed"] = rpcs.call(side.shop, f"{rpcs.EVENTS}/CommitOffsets", {**whose, "offset": last - 1}).value
                value["next"] = rpcs.call(side.shop, f"{rpcs.EVENTS}/FetchEvents", {**whose, "after": -1, "max_events": 1}).value
                self.used |= {f"{rpcs.EVENTS}/CommitOffsets", f"{rpcs.EVENTS}/FetchEvents"}
            answers.append(Answer(200, [], value))
        self.compare(index, step, answers)

    def play_webhook(self, index, step):
        """What Stripe does, and the webhook by which it tells."""
        for side in self.sides:
            made = side.answers.get(step.about["order"])
            order = made.find("order_create_data.order_id") if made else None
            text, signature = side.shop.stripe.tell(order, step.about)
            side.send_text(step.path, text, [("Stripe-Signature", signature)])
        answers = [side.receive() for side in self.sides]
        self.compare(index, step, answers)
        if answers[0].status < 300:
            self.used.add((step.method, step.path))

    def play_rest(self, index, step):
        for side in self.sides:
            side.note_cart(step)
        start, rested = time.monotonic(), None
        wanted = [side.everything() for side in self.sides]
        while True:
            looks = look_at(self.sides, wanted)
            answers, reasons, moving = zip(*looks)
            now = time.monotonic()
            if any(reasons):
                rested, wanted = None, moving
                if now > start + REST_S:
                    raise Difference(index, step, [("rest", f"no rest: {reasons[0]} / {reasons[1]}")], *answers)
            elif wanted != [side.everything() for side in self.sides]:
                wanted = [side.everything() for side in self.sides]  # what moved is at rest: now all of it
                continue
            else:
                rested = rested or now
                if now > rested + AGREE_S or not self.same.copy().answers(*answers):
                    self.compare(index, step, answers)
                    return
            time.sleep(0.004)
