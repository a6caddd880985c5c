# SPDX-License-Identifier: Apache-2.0
"""The steps of a history that go past the gateway: rpcs that only processes of the shop may call."""
from records import Step
from rpcs import AUTH, BANK, EVENTS, ORDER, PRODUCT, USER
from values import TEXTS, WRONG_IDS

BOSS_IDENTITY = {"x-user-email": "boss@equivalence.example", "x-user-role": "superAdmin"}


class InternalSteps:
    def rpc(self, name, body, actor="fleet", **more):
        return self.step(actor, name, "", body, kind="rpc", about=more)

    def internal(self):
        """What processes of the shop ask one another; strangers are refused."""
        order, whom = self.order(), self.email(self.pick((*self.people, "missing")))
        product, group = self.product(), self.pick((f"{self.tag}-group", "missing", ""))
        key = {"category": product.category, "product_id": product.id}
        name, body = self.pick((
            (f"{ORDER}/GetOrderStates", {"order_ids": [order.id, self.pick(WRONG_IDS), self.order().id]}),
            (f"{ORDER}/GetOrderStates", {"order_ids": [order.id] * self.pick((0, 256, 257))}),
            (f"{ORDER}/ListOrderStates", {"after_number": -1}), (f"{ORDER}/ListOrderStates", {"limit": 1001}),
            (f"{USER}/GetCustomerCredentials", {"email": self.pick((whom, whom.upper(), "x", ""))}),
            (f"{USER}/SetPassword", {"email": whom, "password": "another secret 3",
                                     "if_changed_at": "1970-01-01T00:00:01Z"}),
            (f"{USER}/SetPassword", {"email": self.email("missing"), "password": self.pick(TEXTS)}),
            (f"{PRODUCT}/BatchGetProducts", {"products": [key, {**key, "product_id": self.pick(WRONG_IDS)}]}),
            (f"{EVENTS}/FetchEvents", {"topic": self.pick(("missing", "order-events")), "after": self.pick((-2, 0)),
                                       "max_events": self.pick((0, 1001))}),
            (f"{EVENTS}/CommitOffsets", {"topic": self.pick(("order-events", "payment-events", "missing", "")),
                                         "group": f"{self.tag}-other", "offset": self.pick((0, 1, 7, -1))}),
            (f"{EVENTS}/ListDeadLetters", {"group": group or "missing", "limit": self.pick((0, 1, 1001))}),
            (f"{EVENTS}/ListDeadLetters", {"letter_id": self.pick((99, -1))}),
            (f"{EVENTS}/ReplayDeadLetters", {"group": group, "letter_id": self.pick((0, 0, 99))}),
            (f"{AUTH}/WatchEndedSessions", {"after": -1}), (f"{AUTH}/WatchEndedSessions", {"wait_ms": 30001})))
        self.rpc(name, body, self.pick(("fleet", "fleet", "fleet", "stranger")))
        if self.chance(0.2):
            self.set_password()

    def set_password(self):
        who = self.pick(list(self.people))
        new = f"secret {len(self.steps)} of {who}"
        ending = self.rpc(f"{USER}/SetPassword", {"email": self.email(who), "password": new})
        self.ended(who, ending)
        self.people[who]["password"] = new
        self.rpc(f"{USER}/GetCustomerCredentials", {"email": self.email(who)})
        self.log_in(who)

    def read_log(self):
        order = self.order()
        self.steps.append(Step(f"s{len(self.steps)}", "fleet", kind="events", about={"order": order.step}))

    def import_products(self):
        """The same product twice, and with another price; and one that is refused."""
        line = len(self.steps)
        product = {"name": f"{self.tag}word Import", "category": self.category(), "price": self.pick((1, 2.5)), "stock": "4"}
        rows = [{"line": line + number, "handle": f"{self.tag}-import-{line}", "product": one, "dry_run": self.chance(0.2)}
                for number, one in enumerate((product, product, {**product, "price": 7}, {**product, "name": ""}))]
        self.rpc(f"{PRODUCT}/ImportProducts", rows, self.pick(("fleet", "fleet", "stranger")), identity=BOSS_IDENTITY)
        self.step(self.anyone(), "GET", "/products", query={"category": product["category"], "sort": "name"})

    def bank(self):
        """The bank of the test provider; charges for no order are nobody's business."""
        key = f"{self.tag}-{len(self.steps)}"
        body = {"idempotency_key": key, "amount_minor": self.pick((0, 1000, 1000)), "currency": self.pick(("EUR", "EUR", "x")),
                "payment_method": self.pick(("pm_card_visa", "pm_card_visa", "pm_card_authenticationRequired",
                                             "pm_card_chargeDeclined", "pm_nonsense"))}
        made = self.rpc(f"{BANK}/AuthorizeCharge", body)
        charge = f"«{made}:charge_id»"
        self.rpc(f"{BANK}/AuthorizeCharge", {**body, "amount_minor": self.pick((1000, 2000))})
        for number, what in enumerate(self.random.choices(("ConfirmCharge", "CaptureCharge", "CaptureCharge", "VoidCharge",
                                                           "RefundCharge"), k=4)):
            more = {"amount_minor": self.pick((100, 1000, -1))} if what in ("CaptureCharge", "RefundCharge") else {}
            self.rpc(f"{BANK}/{what}", {"idempotency_key": f"{key}-{number}", "charge_id": charge, **more})
        self.rpc(f"{BANK}/GetCharge", self.pick(({"charge_id": charge}, {"idempotency_key": key}, {"charge_id": "missing"})),
                 self.pick(("fleet", "fleet", "stranger")))
        self.rpc(f"{BANK}/GetCharges", {"charge_ids": [charge, "missing"]})
        self.rpc(f"{BANK}/ListCharges", {"limit": self.pick((1001, -1))})

    def guess(self):
        """Wrong passwords for an account that nothing else uses: afterwards the right one has to wait, too, for longer than
        the history lasts. After a few it has not, and they are forgotten."""
        who = f"guy{len(self.steps)}"
        account = {"email": self.email(who), "password": self.password(who)}
        right, wrong = {**account, "device_id": "laptop"}, {**account, "password": "a wrong password"}
        self.step("nobody", "POST", "/users", {"name": "Guy", **account})
        for _ in range(self.pick((0, 1, 3))):
            self.step("nobody", "POST", "/auth/login", wrong)
        self.step("nobody", "POST", "/auth/login", right)
        self.step("nobody", "POST", "/auth/login", wrong, kind="guesses")
        self.step("nobody", "POST", "/auth/login", right)
        self.step("nobody", "POST", "/auth/login", {**right, "email": self.email(who).upper(), "device_id": "phone"})
        self.log_in("ann")
