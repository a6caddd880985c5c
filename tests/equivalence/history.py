# SPDX-License-Identifier: Apache-2.0
"""Makes histories of requests from seeds. A history knows no shop: what a step needs from an earlier answer (an id, a version, a
page cursor) stands in it as «step:path», and is filled in for each shop by itself. If that step answered no such thing,
the text "missing" stands in its place, which is one more wrong id."""
import random

from internal import InternalSteps
from records import Order, Product, Step
from values import CARDS, CURSORS, KEYS, NUMBERS, PAGE_SIZES, SORTS, STATUSES, TEXTS, TOKENS, WRONG_IDS

class History(InternalSteps):
    """Seed and tag give the same history always; the tag makes its names its own."""

    def __init__(self, seed, tag, length):
        self.random, self.tag, self.length = random.Random(seed), tag, length
        self.steps, self.products, self.orders, self.people = [], [], [], {}
        self.whole_orders = []
        self.requests = []  # requests with a key, to be repeated
        self.cursors = []
        self.open()
        self.go_on()
        self.close()

    # ---- frames ----

    def step(self, actor, method, path, body=None, **more):
        name = more.pop("name", f"s{len(self.steps)}")
        self.steps.append(Step(name, actor, method, path, body=body, **more))
        return name

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def email(self, who):
        return f"{self.tag}-{who}@example.com"

    def password(self, who):
        return f"secret of {self.tag} {who}"

    def log_in(self, who, device="laptop", password=None):
        self.step(who, "POST", "/auth/login", {"email": self.email(who.split(".")[0]), "device_id": device,
                                               "password": password or self.people[who.split(".")[0]]["password"]},
                  about={"logs_in": True})

    def person(self, who, role="customer"):
        body = {"name": f"{who} Person", "email": self.email(who), "password": self.password(who)}
        if self.chance(0.3):
            body.update(phone="+49 (30) 123-4", address=self.pick(TEXTS[2:6]))
        self.step("nobody", "POST", self.pick(("/users", "/customers")), body)
        self.people[who] = {"role": role, "password": self.password(who)}
        if role != "customer":
            self.step("boss", "PUT", f"/customers/{self.email(who)}/role", {"role": role})
        self.log_in(who)

    def category(self):
        return f"{self.tag}-{self.pick(('pots', 'pans', 'Lids'))}"

    def rest(self, cart=None, order=None):
        """Waits for what the last requests have caused, and looks at it."""
        self.steps.append(Step(f"s{len(self.steps)}", "boss", kind="rest", about={"cart": cart, "order": order}))

    def open(self):
        self.person("sam", "seller")
        self.person("ann")
        for who, role, share in (("sue", "seller", 0.6), ("bob", "customer", 0.5), ("eve", "customer", 0.25),
                                 ("adam", "admin", 0.25)):
            if self.chance(share):
                self.person(who, role)
        self.new_product("sam", stock=20)
        for _ in range(self.random.randint(1, 4)):  # so that lists have pages
            self.place("ann", {"items": [self.line()]}, card="pm_card_visa", seller="sam")

    def go_on(self):
        chances = (
            (self.some_product, 4), (self.change_product, 4), (self.change_stock, 4), (self.read_catalogue, 4),
            (self.delete_product, 1), (self.fill_cart, 8), (self.change_cart, 4), (self.order_cart, 5), (self.order_items, 5),
            (self.whole_order, 3),
            (self.pay, 5), (self.end_order, 6), (self.money, 6), (self.read_orders, 5), (self.read_payments, 3),
            (self.walk, 3), (self.sessions, 4), (self.profile, 3), (self.accounts, 3), (self.change_password, 1),
            (self.block, 1), (self.repeat, 5), (self.hostile, 8), (self.wrong_cursor, 2), (self.watch, 2),
            (self.some_product, 1), (self.internal, 3), (self.read_log, 1), (self.import_products, 0.7), (self.bank, 0.7),
            (self.guess, 0.5))
        actions, weights = zip(*chances)
        while len(self.steps) < self.length:
            self.random.choices(actions, weights)[0]()

    def close(self):
        """Reads everything once more at the end, as those see it who may."""
        self.rest()
        for who in self.people:
            self.step(who, "GET", "/cart")
            self.walk_of(who, "/orders", "orders.orders", {"page_size": 1})
            self.walk_of(who, "/payments", "payments.payments", {"page_size": 1})
            self.step(who, "GET", "/customers/me")
            self.step(who, "GET", "/auth/sessions")
        self.walk_of("boss", "/customers", "customers", {"page_size": 500}, own=True)
        for product in self.products:
            self.step("boss", "GET", product.path + "/stock/entries")
        for order in self.orders:
            self.step("boss", "GET", f"/payments/{order.payment}/postings")
        if self.chance(0.5):
            self.delete_account(self.pick(("ann", "sam")))

    def shoppers(self):
        return [who for who, person in self.people.items() if person["role"] == "customer"]

    def shopper(self):
        """Mostly ann, so that somebody has many orders."""
        return "ann" if self.chance(0.5) else self.pick(self.shoppers() or ["ann"])

    def anyone(self):
        return self.pick([*self.people, "nobody", "boss"])

    def keyed(self, share=0.35):
        return [("Idempotency-Key", f"{self.pick(KEYS)}")] if self.chance(share) else []

    def send_keyed(self, actor, path, body, **more):
        """A POST that may have a key; with one it is repeated later, as it was and differently."""
        headers = self.keyed()
        name = self.step(actor, "POST", path, body, headers=headers, **more)
        if headers:
            self.requests.append((actor, path, body, headers))
        return name

    # ---- the catalogue ----

    def new_product(self, seller, stock=None, **more):
        product = {"name": f"{self.tag}word {self.pick(('Mug', 'Pot', 'Lid', 'Ünikum'))}", "category": self.category(),
                   "price": self.pick((0, 1, 2.5, 12.5, 19.99, 100)), **more}
        if stock is None:
            stock = self.pick((0, 1, 3, 10, 50, -1))
        if stock >= 0:
            product["stock"] = str(stock)
        variants = 0
        if self.chance(0.25):
            variants = self.random.randint(1, 3)
            product["variants"] = [{"sku": f"{self.tag}-{len(self.steps)}-{index}", "unit_amount": str(500 + 100 * index),
                                    "options": [{"name": "Size", "value": "SMLX"[index]}], "stock": str(3 + index)}
                                   for index in range(variants)]
            product.pop("stock", None)
            stock = 3
        if self.chance(0.5):
            product.update(description=self.pick(TEXTS), tags=[f"{self.tag}tag", "Tag"], is_featured=self.chance(0.5),
                           vendor="Vendor", image_urls=["https://example.com/a.png"])
        if self.chance(0.1):
            product["currency"] = self.pick(("EUR", "JPY", "XXX", "eur"))
        name = self.send_keyed(seller, "/products", product)
        self.products.append(Product(name, product["category"], seller, stock, variants))

    def seller(self):
        return self.pick([who for who, person in self.people.items() if person["role"] == "seller"] or ["sam"])

    def some_product(self):
        more = {"status": self.pick(("draft", "archived", "active"))} if self.chance(0.2) else {}
        self.new_product(self.seller(), **more)

    def product(self):
        return self.pick(self.products)

    def change_product(self):
        product = self.product()
        change = self.pick(({"name": f"{self.tag}word {self.pick(TEXTS)}"}, {"price": self.pick((0, 3, 7.25))},
                            {"status": self.pick(("active", "draft", "archived"))}, {"tags": ["x"]}, {"clear": ["tags"]},
                            {"unit_amount": str(self.pick((0, 999, 1250)))}, {"description": self.pick(TEXTS)},
                            {"version": self.pick(("1", "2", "99")), "is_featured": True}))
        headers = [("If-Match", self.pick(('"v1"', '"v2"', "*", "W/\"v1\"", "v1", "")))] if self.chance(0.25) else []
        actor = product.seller if self.chance(0.8) else self.anyone()
        self.step(actor, "PATCH", product.path, change, headers=headers)
        self.step(actor, "GET", product.path)

    def change_stock(self):
        product = self.product()
        change = self.pick(({"delta": str(self.pick((5, 1, -1, -3, -100)))}, {"on_hand": str(self.pick((0, 1, 10)))},
                            {"delta": "2", "reference": self.pick(("note 1", "note 2"))}))
        if product.variants:
            change["variant_id"] = product.variant(self.random.randrange(product.variants))
        if product.stock < 0:
            change = {"untrack": True}
        actor = product.seller if self.chance(0.8) else self.anyone()
        self.send_keyed(actor, product.path + "/stock", {"cause": self.pick(("", "received", "damage", "x")), **change})
        self.step(self.anyone(), "GET", product.path + "/stock")
        self.step(actor, "GET", product.path + "/stock/entries", query={"page_size": self.pick(PAGE_SIZES[:6])})

    def read_catalogue(self):
        query = {"category": self.pick((self.category(), self.category(), "missing"))}
        if self.chance(0.5):
            query = {"search": self.pick((f"{self.tag}word", f"{self.tag}w", f"{self.tag}word mug", f"{self.tag}tag lid"))}
        for key, choices in (("sort", SORTS), ("page_size", PAGE_SIZES), ("min_unit_amount", (0, 100, 1250)),
                             ("max_unit_amount", (100, 1250, 2000)), ("status", ("active", "draft", "archived")),
                             ("is_featured", ("true", "false")), ("tag", ("Tag", "x")),
                             ("created_by", [self.email("sam"), self.email("SAM")])):
            if self.chance(0.2):
                query[key] = self.pick(choices)
        self.step(self.anyone(), self.pick(("GET", "GET", "HEAD")), "/products", query=query)
        product = self.product()
        headers = [("If-None-Match", self.pick(('"v1"', "*", '"x"')))] if self.chance(0.3) else []
        self.step(self.anyone(), "GET", product.path, headers=headers)

    def delete_product(self):
        product = self.product()
        self.step(self.pick((product.seller, self.anyone())), "DELETE", product.path)
        self.step("nobody", "GET", product.path)

    # ---- carts and orders ----

    def line(self, product=None):
        product = product or self.product()
        line = {"product_id": product.id, "category": product.category, "quantity": self.pick((1, 1, 1, 2, 3))}
        if product.variants and self.chance(0.9):
            line["variant_id"] = product.variant(self.random.randrange(product.variants))
        return line

    def fill_cart(self):
        line = self.line()
        if self.chance(0.15):
            line["quantity"] = self.pick((0, -1, 9999, 10000, 1000000, 1000001, 1.5, "1"))
        actor = self.shopper() if self.chance(0.9) else self.anyone()
        self.send_keyed(actor, "/cart/add", line)
        if self.chance(0.4):
            self.step(actor, "GET", "/cart")

    def change_cart(self):
        actor, line = self.shopper(), self.line(self.pick(self.products[-2:]))
        if self.chance(0.5):
            self.step(actor, "POST", "/cart/add", dict(line))
        del line["category"]
        how = self.random.random()
        if how < 0.5:
            line["quantity"] = self.pick((0, 1, 5, 9999, 10000, -1))
            self.step(actor, "PUT", "/cart/update", line)
        elif how < 0.85:
            del line["quantity"]
            self.step(actor, "DELETE", "/cart/remove", line)
        else:
            self.step(actor, "DELETE", "/cart/clear", self.pick(({}, None, {"x": 1})))
        self.step(actor, "GET", "/cart")

    def address(self):
        return {"name": self.pick(TEXTS[:6]), "line1": self.pick(TEXTS[:12]) or "Street 1", "city": "Town", "country":
                self.pick(("DE", "DE", "de", "XX")), "postal_code": "01234"}

    def place(self, actor, body, cart=None, card=None, seller=None):
        if card or self.chance(0.7):
            body["payment_method"] = card or self.pick(CARDS)
        if self.chance(0.2):
            body["note"] = self.pick(TEXTS)
        if self.chance(0.2):
            body["shipping_address"] = self.address()
        if not card and self.chance(0.1):
            body["expected_total_minor"] = str(self.pick((0, 1250, 100000000)))
        name = self.send_keyed(actor, "/order", body)
        self.orders.append(Order(name, actor, seller or self.seller()))
        self.rest(cart=cart, order=name)
        self.step("boss", "GET", "/payments", query={"order_id": self.orders[-1].id}, name=f"{name}-payment")

    def order_cart(self):
        actor = self.shopper()
        if self.chance(0.7):
            self.step(actor, "POST", "/cart/add", self.line())
        before = self.step(actor, "GET", "/cart")
        self.place(actor, {}, cart=(actor, before))
        self.step(actor, "GET", "/cart")

    def order_items(self):
        actor = self.shopper() if self.chance(0.9) else self.pick(list(self.people))
        if self.chance(0.5):
            body = {"items": [self.line() for _ in range(self.random.randint(1, 3))]}
        else:
            body = self.line()
        if self.chance(0.1):
            body["user_id"] = self.pick((self.email("ann"), self.email(actor), self.email("missing")))
        self.place(actor, body)

    def whole_order(self):
        """An order that goes well for a while, and all that may be done with it then."""
        seller, actor = self.seller(), self.shopper()
        self.new_product(seller, stock=10)
        product = self.products[-1]
        card = self.pick(("pm_card_visa",) * 3 + ("pm_card_authenticationRequired", "pm_card_chargeDeclined"))
        line = {**self.line(product), "quantity": self.pick((1, 2))}
        if product.variants:
            line["variant_id"] = product.variant(0)
        self.place(actor, {"items": [line]}, card=card, seller=seller)
        order = self.orders[-1]
        self.whole_orders.append(order)
        if card != "pm_card_visa":
            if self.chance(0.5):
                self.send_keyed(actor, f"/payments/{order.payment}/confirm", {})
            else:
                self.send_keyed(actor, "/payments", {"order_id": order.id, "payment_method": self.pick(CARDS)})
            self.rest()
        for what in self.random.sample(("capture", "fulfil", "refund", "refund part", "void", "cancel"), 2):
            path = f"/orders/{order.id}/{what}" if what in ("fulfil", "cancel") else \
                f"/payments/{order.payment}/{'refunds' if 'refund' in what else what}"
            body = {"amount_minor": self.pick(("100", "1"))} if "part" in what or (what == "capture" and self.chance(0.3)) else {}
            self.send_keyed("boss" if what == "void" else self.pick((seller, "boss")), path, body)
            self.rest()
        self.step(actor, "GET", f"/orders/{order.id}")
        self.step(seller, "GET", f"/payments/{order.payment}")
        self.step("boss", "GET", f"/payments/{order.payment}/postings")

    def order(self):
        """Often one that was made surely, else one that may have been refused."""
        if self.whole_orders and self.chance(0.5):
            return self.pick(self.whole_orders)
        return self.pick(self.orders) if self.orders else Order("missing", "ann", "sam")

    def pay(self):
        # A payment that does not exist is waited for, so only few ask for one.
        order = self.pick(self.whole_orders) if self.whole_orders and self.chance(0.9) else self.order()
        if order.step == "missing" and self.chance(0.9):
            self.whole_order()
            return
        actor = order.customer if self.chance(0.8) else self.anyone()
        if self.chance(0.3):
            self.send_keyed(actor, f"/payments/{order.payment}/confirm", {})
        else:
            self.send_keyed(actor, "/payments", {"order_id": order.id, "payment_method": self.pick(CARDS)})
        self.rest()
        self.step("boss", "GET", "/payments", query={"order_id": order.id}, name=f"{order.step}-payment")

    def end_order(self):
        order = self.order()
        actor = self.pick((order.customer, order.seller, "boss", self.anyone()))
        if self.chance(0.5):
            self.send_keyed(actor, f"/orders/{order.id}/cancel", {"reason": self.pick(TEXTS[:8])})
        else:
            self.send_keyed(actor, f"/orders/{order.id}/fulfil", {"tracking_number": self.pick(TEXTS[:8])})
        self.rest()
        self.step(order.customer, "GET", f"/orders/{order.id}")

    def money(self):
        order = self.order()
        actor = self.pick((order.seller, "boss", "boss", self.anyone()))
        what = self.pick(("capture", "capture", "refunds", "refunds", "void"))
        body = {"amount_minor": str(self.pick((1, 100, 1250, 10000000)))} if what != "void" and self.chance(0.5) else {}
        if what == "refunds" and self.chance(0.5):
            body["reason"] = self.pick(TEXTS[:10])
        self.send_keyed(actor, f"/payments/{order.payment}/{what}", body)
        self.rest()
        self.step("boss", "GET", f"/payments/{order.payment}")
        self.step("boss", "GET", f"/payments/{order.payment}/postings")

    def read_orders(self):
        order, query = self.order(), {}
        for key, choices in (("status", STATUSES), ("page_size", PAGE_SIZES), ("seller", (self.email("sam"), self.email("x"))),
                             ("user_id", (self.email("ann"), self.email("ANN"), "x"))):
            if self.chance(0.35):
                query[key] = self.pick(choices)
        actor = self.anyone()
        if actor == "boss" and "user_id" not in query:
            query["user_id"] = self.email("ann")
        self.cursors.append((self.step(actor, "GET", "/orders", query=query), "orders.next_cursor"))
        self.step(self.anyone(), "GET", f"/orders/{order.id}")

    def read_payments(self):
        order = self.order()
        actor = self.anyone()
        query = {"page_size": self.pick(PAGE_SIZES)}
        if actor == "boss" or self.chance(0.5):
            query["order_id"] = order.id
        self.cursors.append((self.step(actor, "GET", "/payments", query=query), "payments.next_cursor"))
        self.step(actor, "GET", f"/payments/{order.payment}")
        self.step(actor, "GET", f"/payments/{order.payment}/postings")

    def watch(self):
        """The stream of an order ends by itself once the order is final."""
        order = self.order()
        self.step("boss", "POST", f"/orders/{order.id}/cancel", {})
        self.rest()
        self.step("boss", "POST", f"/payments/{order.payment}/refunds", {})
        self.rest()
        self.step(self.pick((order.customer, "boss", self.anyone())), "GET", f"/orders/{order.id}/events",
                  about={"final": order.step})

    # ---- lists ----

    def walk_of(self, actor, path, items, query, own=False):
        self.step(actor, "GET", path, query=query, kind="walk", about={"items": items, "own": own})

    def walk(self):
        actor = self.anyone()
        size = self.pick((1, 2, 3, 200))
        lists = [("/products", "products.products", {"category": self.category(), "sort": self.pick(SORTS[2:8])}),
                 ("/products", "products.products", {"created_by": self.email("sam"), "sort": self.pick(SORTS[1:8])}),
                 (self.product().path + "/stock/entries", "stock_entries.entries", {})]
        if actor != "boss":
            lists += [("/orders", "orders.orders", {"status": self.pick(STATUSES[:8])}), ("/orders", "orders.orders", {}),
                      ("/orders", "orders.orders", {"seller": self.email(actor)}),
                      ("/payments", "payments.payments", {})]
        else:
            lists += [("/orders", "orders.orders", {"user_id": self.email("ann")}),
                      ("/orders", "orders.orders", {"seller": self.email("sam"), "status": self.pick(STATUSES[:8])})]
        path, items, query = self.pick(lists)
        self.walk_of(actor, path, items, {**query, "page_size": size})

    def wrong_cursor(self):
        """A cursor of another list, or none at all."""
        cursor = self.pick(CURSORS)
        if self.cursors and self.chance(0.6):
            step, path = self.pick(self.cursors)
            cursor = f"«{step}:{path}»"
        path, query = self.pick((("/orders", {}), ("/payments", {}), ("/orders", {"status": "CONFIRMED"}),
                                 ("/orders", {"seller": self.email("sam")}), ("/products", {"category": self.category()}),
                                 ("/products", {"category": self.category(), "sort": "name"}),
                                 (self.product().path + "/stock/entries", {})))
        actor = self.pick(list(self.people))
        self.step(actor, "GET", path, query={**query, "cursor": cursor, "page_size": 2})

    # ---- accounts and sessions ----

    def sessions(self):
        who = self.pick(list(self.people))
        phone = f"{who}.phone"
        how = self.random.randrange(8)
        if how == 0:
            self.log_in(phone, self.pick(("phone", "Phone", "my.phone", "a:b@c-d e", "d" * 128, "d" * 129, "$x", "")))
            self.step(who, "GET", "/auth/sessions")
        elif how == 1:
            self.step(who, "POST", "/auth/refresh/validate", {"refresh_token": f"‹{who}:refresh›"}, about={"logs_in": True})
        elif how == 2:
            self.log_in(phone, "phone")
            ending = self.step(phone, "POST", "/auth/logout", {"refresh_token": f"‹{phone}:refresh›"})
            self.ended(phone, ending)
            self.step(phone, "POST", "/auth/refresh/validate", {"refresh_token": f"‹{phone}:refresh›"})
        elif how == 3:
            self.log_in(phone, "my.phone")
            ending = self.step(who, "DELETE", f"/auth/sessions/{self.pick(('my.phone', 'my.phone', 'missing', '$x'))}")
            if self.steps[-1].path.endswith("my.phone"):
                self.ended(phone, ending)
        elif how == 4:
            self.log_in(phone, "phone")
            ending = self.step(who, "DELETE", "/auth/sessions")
            self.ended(phone, ending)
            self.ended(who, ending)
            self.log_in(who)
        elif how == 5:
            # A stolen refresh token: one that was used, and then its successor too.
            self.log_in(phone, "phone")
            self.step(phone, "POST", "/auth/refresh/validate", {"refresh_token": f"‹{phone}:refresh›"},
                      name=f"{phone}{len(self.steps)}", about={"logs_in": f"{phone}2"})
            self.step(f"{phone}2", "POST", "/auth/refresh/validate", {"refresh_token": f"‹{phone}2:refresh›"},
                      about={"logs_in": f"{phone}3"})
            ending = self.step("nobody", "POST", "/auth/refresh/validate", {"refresh_token": f"‹{phone}:refresh›"})
            self.steps.append(Step(f"s{len(self.steps)}", f"{phone}3", kind="ended", about={"after": None, "answer": ending}))
            self.step("nobody", "POST", "/auth/refresh/validate", {"refresh_token": f"‹{phone}3:refresh›"})
        elif how == 6:
            self.step("nobody", "POST", "/auth/login", {"email": self.email(who), "password": "a wrong password"})
            self.step("nobody", "POST", "/auth/login", {"email": self.email(who).upper(),
                                                        "password": self.people[who]["password"], "device_id": "tablet"})
        else:
            self.step("nobody", "POST", "/auth/refresh/validate",
                      {"refresh_token": self.pick((*TOKENS, f"‹{who}:access›", TEXTS[6]))})

    def ended(self, actor, ending):
        self.steps.append(Step(f"s{len(self.steps)}", actor, kind="ended", about={"after": ending}))

    def profile(self):
        who = self.pick(list(self.people))
        change = {self.pick(("name", "address", "phone", "avatar_url", "role")): self.pick((*TEXTS, "https://example.com/x", 7))
                  for _ in range(self.random.randint(1, 2))}
        self.step(who, "PATCH", "/customers/me", change)
        self.step(who, "GET", self.pick(("/customers/me", f"/customers/{self.email(who)}",
                                         f"/customers/{self.email(who).upper()}")))

    def accounts(self):
        actor, whom = self.anyone(), self.pick((*self.people, "missing"))
        self.step(actor, "GET", f"/customers/{self.email(whom)}")
        how = self.random.randrange(4)
        if how == 0:
            self.walk_of(actor, "/customers", "customers", {"page_size": 500, "role": self.pick(("seller", "admin", "x"))},
                         own=True)
        elif how == 1:
            body = {"name": self.pick(TEXTS), "email": self.pick((self.email(whom), self.email("new"), "x", "a@b", "",
                                                                  f"{self.tag}+tag@example.com", f"{self.tag}.$x@example.com",
                                                                  f"{self.tag}'quote@example.com")),
                    "password": self.pick(("long enough 1", "short", "password", "password1", "ü" * 70, "x\u0000y" * 5))}
            self.send_keyed("nobody", self.pick(("/users", "/customers")), body)
        elif how == 2:
            # By somebody who may not.
            wrong = self.pick([*self.shoppers(), "nobody"])
            self.step(wrong, "PUT", f"/customers/{self.email(whom)}/role", {"role": "superAdmin"})
            self.step(wrong, "PUT", f"/customers/{self.email(whom)}/status", {"status": "blocked"})
            self.step(wrong, "DELETE", f"/customers/{self.email('sam')}", {})
        else:
            self.step("boss", "PUT", f"/customers/{self.email('missing')}/role", {"role": "seller"})
            self.step("boss", "PUT", f"/customers/{self.email('ann')}/role", {"role": self.pick(("king", "", 7))})

    def change_password(self):
        who = self.pick(list(self.people))
        person = self.people[who]
        self.step(who, "POST", "/auth/password", {"current_password": "wrong one", "new_password": "another secret 1"})
        self.step(who, "POST", "/auth/password", {"current_password": person["password"], "new_password": "short"})
        self.step(who, "POST", "/auth/password", {"current_password": person["password"],
                                                  "new_password": person["password"]})
        self.log_in(f"{who}.phone", "phone")
        new = f"secret {len(self.steps)} of {who}"
        ending = self.step(who, "POST", "/auth/password", {"current_password": person["password"], "new_password": new})
        self.ended(f"{who}.phone", ending)
        person["password"] = new
        self.log_in(who)

    def block(self):
        who = self.pick(list(self.people))
        if self.chance(0.5):
            ending = self.step("boss", "PUT", f"/customers/{self.email(who)}/status", {"status": "blocked"})
            self.ended(who, ending)
            self.log_in(f"{who}.blocked")
            self.step("boss", "PUT", f"/customers/{self.email(who)}/status", {"status": "active"})
        else:
            role = self.pick([one for one in ("customer", "seller", "admin") if one != self.people[who]["role"]])
            ending = self.step("boss", "PUT", f"/customers/{self.email(who)}/role", {"role": role})
            self.people[who]["role"] = role
            self.ended(who, ending)
        self.log_in(who)

    def delete_account(self, who):
        self.step(who, "DELETE", f"/customers/{self.email(who)}", {})
        self.step(who, "DELETE", f"/customers/{self.email(who)}", {"password": "wrong"})
        ending = self.step(who, "DELETE", f"/customers/{self.email(who)}", {"password": self.people[who]["password"]})
        self.ended(who, ending)
        self.log_in(f"{who}.deleted")
        self.step("boss", "GET", f"/customers/{self.email(who)}")
        self.step("nobody", "POST", "/users", {"name": "again", "email": self.email(who), "password": "another secret 2"})
        self.step("boss", "GET", "/orders", query={"user_id": self.email(who)})

    # ---- hostile requests ----

    def repeat(self):
        """A request with its key once more: the same, another one, or somebody else's."""
        if not self.requests:
            return
        actor, path, body, headers = self.pick(self.requests)
        how = self.random.random()
        if how < 0.6:
            self.step(actor, "POST", path, body, headers=headers)
        elif how < 0.8:
            self.step(actor, "POST", path, {**body, "quantity": 2}, headers=headers)
        else:
            self.step(self.anyone(), "POST", path, body, headers=headers)
        self.rest()

    def hostile(self):
        order, product = self.order(), self.product()
        wrong = self.pick(WRONG_IDS)
        number = self.pick(NUMBERS)
        text = self.pick(TEXTS)
        actor = self.anyone()
        method, path, body = self.pick((
            ("GET", f"/orders/{wrong}", None), ("POST", f"/orders/{wrong}/cancel", {}), ("POST", f"/orders/{wrong}/fulfil", {}),
            ("GET", f"/orders/{wrong}/events", None), ("GET", f"/payments/{wrong}", None),
            ("GET", f"/payments/{wrong}/postings", None), ("POST", f"/payments/{wrong}/capture", {}),
            ("POST", f"/payments/{wrong}/refunds", {"amount_minor": number}), ("POST", f"/payments/{wrong}/void", {}),
            ("POST", f"/payments/{wrong}/confirm", {}), ("POST", f"/payments/{order.payment}/capture", {"amount_minor": number}),
            ("POST", "/payments", {"order_id": wrong, "payment_method": text}),
            ("POST", "/payments/webhooks/test", {"x": 1}), ("POST", "/payments/webhooks/stripe", {"x": 1}),
            ("POST", f"/payments/webhooks/{wrong}", {}),
            ("GET", f"/products/{product.category}/{wrong}", None), ("GET", f"/products/{wrong}/{product.id}", None),
            ("DELETE", f"/products/{product.category}/{wrong}", None),
            ("PATCH", f"/products/{product.category}/{wrong}", {"price": number}),
            ("PATCH", product.path, {"unit_amount": number}), ("PATCH", product.path, {"version": number, "name": "x"}),
            ("POST", product.path + "/stock", {"delta": number}),
            ("POST", "/products", {"name": text, "category": self.category(), "price": number}),
            ("POST", "/cart/add", {"product_id": wrong, "category": product.category, "quantity": 1}),
            ("POST", "/cart/add", {"product_id": product.id, "category": text, "quantity": 1}),
            ("POST", "/cart/add", {**self.line(product), "quantity": number}),
            ("POST", "/cart/add", {**self.line(product), "variant_id": wrong}),
            ("POST", "/cart/add", {**self.line(product), "unknown": text}),
            ("PUT", "/cart/update", {"product_id": wrong, "quantity": number}),
            ("PUT", "/cart/update", {"product_id": product.id, "quantity": number}),
            ("DELETE", "/cart/remove", {"product_id": wrong}), ("DELETE", "/cart/remove", {}),
            ("POST", "/order", {"product_id": wrong, "category": product.category, "quantity": 1}),
            ("POST", "/order", {"items": [{**self.line(product), "quantity": 1000000}]}),
            ("POST", "/order", {"items": [{**self.line(product), "variant_id": wrong}]}),
            ("POST", "/order", {**self.line(product), "user_id": self.email("missing")}),
            ("GET", f"/customers/{wrong}", None), ("PUT", f"/customers/{wrong}/role", {"role": "seller"}),
            ("DELETE", f"/customers/{wrong}", {}), ("POST", "/auth/login", {"email": text, "password": text}),
            ("POST", "/auth/login", {"email": self.email("missing"), "password": "nothing at all"}),
            ("DELETE", f"/auth/sessions/{wrong}", None), ("POST", "/auth/logout", {"refresh_token": self.pick(TOKENS)}),
            ("GET", "/nothing", None), ("POST", "/order", [1]), ("PUT", "/cart", {}), ("OPTIONS", "/cart", None)))
        headers = []
        if self.chance(0.15):
            headers.append(("Authorization", f"Bearer {self.pick(TOKENS)}"))
            actor = "nobody"
        if method == "POST" and path == "/order":
            self.place_hostile(actor, body, headers)
            return
        self.step(actor, method, path, body, headers=headers)
        if method in ("POST", "DELETE") and ("payments" in path or "orders" in path):
            self.rest()

    def place_hostile(self, actor, body, headers):
        name = self.step(actor, "POST", "/order", body, headers=headers)
        self.orders.append(Order(name, actor if actor in self.people else "ann", self.seller()))
        self.rest()
        self.step("boss", "GET", "/payments", query={"order_id": self.orders[-1].id}, name=f"{name}-payment")
