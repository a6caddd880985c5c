# SPDX-License-Identifier: Apache-2.0
"""What is compared once, when all histories have been played: dead letters, ended sessions, and lists of everything."""
import glob
import json
import os
import sqlite3
import subprocess
import time
from collections import defaultdict

import rpcs
from compare import Correspondence
from feeds import read_endings
from player import Side, read_claims
from shops import BOSS

# One event of each producer, whose type all groups take that there are: product, payment and cart the order's, and one each
# the others'. They keep their letters in files, and on PostgreSQL, Redis, PostgreSQL and MongoDB.
GROUPS = ("product", "payment", "cart", "order", "auth")
BROKEN = {"order": ("order-events", "OrderConfirmedEvent"), "payment": ("payment-events", "PaymentAuthorizedEvent"),
          "user": ("user-events", "AccountChangedEvent")}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIE_S = 120
PAGE = 1000


def send_broken_events(shop):
    """Events that nobody can decode, as broken producers would send them: now, because an old one may be swept before any
    group has asked for it."""
    for number, (service, (topic, kind)) in enumerate(BROKEN.items()):
        event = {"id": f"018fffff-0000-7000-8000-00000000dea{number}", "aggregatetype": topic, "aggregateid": f"no-{service}",
                 "type": kind, "payload": b"\x0a\xff", "traceparent": "", "time_us": time.time_ns() // 1000}
        store = shop.stores.get(f"{service.upper()}_STORE", "")
        send = {"postgres": to_postgres, "mongodb": to_mongodb}.get(store.split(":")[0].removesuffix("ql"), to_sqlite)
        send(store or f"{shop.directory}/data/{service}.db", event)


def to_sqlite(path, event):
    with sqlite3.connect(path, timeout=30) as db:
        db.execute(f"INSERT INTO outbox ({', '.join(event)}) VALUES ({', '.join('?' * len(event))})", list(event.values()))
    db.close()


def to_postgres(store, event):
    url, schema = store.split("?schema=")
    values = ", ".join(f"'\\x{value.hex()}'" if isinstance(value, bytes) else f"'{value}'" for value in event.values())
    subprocess.run(["psql", url, "-qAt", "-v", "ON_ERROR_STOP=1", "-c",
                    f"INSERT INTO {schema}.outbox (position, {', '.join(event)}) SELECT base + pg_current_xact_id()::text::int8"
                    f" * 65536, {values} FROM {schema}.outbox_base"], check=True)


def to_mongodb(store, event):
    """By the client that comes with what stands in for the server (tests/engines/mongodb.sh)."""
    python = glob.glob(f"{ROOT}/build/engines/secantusdb-*/bin/python")
    if not python:
        raise SystemExit(f"{ROOT}/build/engines has no client of MongoDB; `tests/engines/mongodb.sh start` installs it")
    row = {"id": event["id"], "topic": event["aggregatetype"], "key": event["aggregateid"], "type": event["type"],
           "timeUs": event["time_us"], "traceparent": event["traceparent"]}
    subprocess.run([python[0], "-c", INTO_MONGODB, store, json.dumps(row), event["payload"].hex()], check=True)


INTO_MONGODB = """
import json, sys, bson, pymongo
row = json.loads(sys.argv[2])
row = {**row, "payload": bytes.fromhex(sys.argv[3]), "timeUs": bson.Int64(row["timeUs"])}
outbox = pymongo.MongoClient(sys.argv[1]).get_default_database().outbox
while True:
    newest = next(iter(outbox.find().sort("_id", -1).limit(1)), {"_id": 0})
    try:
        outbox.insert_one({"_id": bson.Int64(newest["_id"] + 1), **row})
        break
    except pymongo.errors.DuplicateKeyError as taken:  # of the number, by the shop
        if "id" in taken.details.get("keyPattern", {}):
            raise
"""


class Ends:
    def __init__(self, run):
        self.run, self.shops, self.same = run, run.shops, Correspondence()

    def call(self, rpc, value, identity=None):
        self.run.used.add(rpc)
        return [rpcs.call(shop, rpc, value, identity=identity).value for shop in self.shops]

    def fail(self, what, differences, seed=None):
        if differences:
            self.run.failed.append(what if seed is None else seed)
            print(f"FAILED  {what}{'' if seed is None else f' of seed {seed}'}:")
            for path, why in differences[:20]:
                print(f"    {path}: {why}")
            if seed is not None:
                print(self.run.again(seed))

    def compare(self, what, left, right):
        differences = []
        self.same.values(left, right, what, differences)
        self.fail(what, differences)

    def each(self, what, ours, theirs):
        """Compares something of each history: `ours` and `theirs` tell what a side of it has."""
        for seed, player in self.run.played:
            differences = []
            player.same.values(ours(player.sides[0]), theirs(player.sides[1]), what, differences)
            self.fail(what, differences, seed)

    # ---- dead letters ----

    def letters(self, attempts):
        """All dead letters, as soon as each group has its own and has tried so often."""
        end = time.monotonic() + DIE_S
        while True:
            found = self.call(f"{rpcs.EVENTS}/ListDeadLetters", {})
            lists = [sorted(one["letters"], key=lambda letter: letter["group"]) for one in found]
            for letter in sum(lists, []):  # offsets of several topics, each of which counts for itself
                letter["event"]["offset"] = bool(letter["event"]["offset"])
            tried = [{letter["group"]: letter["attempts"] for letter in one if letter["state"] == "dead"} for one in lists]
            if all(one == dict.fromkeys(GROUPS, attempts) for one in tried):
                return lists
            if time.monotonic() > end:
                self.fail("dead letters", [(shop.name, json.dumps(one)) for shop, one in zip(self.shops, lists)])
                return lists
            time.sleep(0.02)

    def dead_letters(self):
        died = self.letters(5)
        self.compare("dead letters", *died)
        marked = [[], []]
        for number, group in enumerate(GROUPS):  # some of them by their numbers
            for side, shop in enumerate(self.shops):
                letter = next((one["letter_id"] for one in died[side] if one["group"] == group), "0") if number % 2 else "0"
                rpc = f"{rpcs.EVENTS}/ReplayDeadLetters"
                marked[side].append(rpcs.call(shop, rpc, {"group": group, "letter_id": int(letter)}).value)
                self.run.used.add(rpc)
        self.compare("letters to be replayed", *marked)
        if marked[0] != [{"count": "1"}] * len(GROUPS):
            self.fail("letters to be replayed", [("count", str(marked[0]))])
        self.compare("replayed letters", *self.letters(6))

    # ---- sessions ----

    def endings(self):
        """Of each session that a history began, how it ended, if it did; read until a session that ended last."""
        ended = []
        for shop in self.shops:
            side = Side(shop, "127.0.0.1", None)
            answer = side.call("nobody", "POST", "/auth/login", body={
                "email": BOSS, "password": "the-first-password", "device_id": "marker"})
            token = answer.find("login_data.message")
            side.tokens["boss"] = {"access": token}
            side.call("boss", "DELETE", "/auth/sessions/marker")
            ended.append(read_endings(shop, read_claims(token)["sid"]))
            side.connection.close()
        self.run.used.add(f"{rpcs.AUTH}/WatchEndedSessions")

        def of(number):
            def read(side):
                return [[ending["generation"] for ending in ended[number].get(family, ())] for family in side.families]
            return read

        self.each("ended sessions", of(0), of(1))
        accounts = [sorted(name for name in one if name.startswith("account:")) for one in ended]
        self.compare("accounts whose sessions ended", *accounts)

    # ---- everything ----

    def products(self):
        identity = {"x-user-email": BOSS, "x-user-role": "superAdmin"}
        lists = []
        for found in self.call(f"{rpcs.PRODUCT}/ExportProducts", {}, identity):
            lists.append(defaultdict(list))
            for product in found:
                lists[-1][product["category"].split("-")[0]].append(product)
        self.each("exported products", *(lambda side, one=one: one[side.tag] for one in lists))

    def pages(self, rpc, after, items):
        """A list to its end, on both shops."""
        lists = []
        for shop in self.shops:
            found, last = [], {}
            while True:
                page = rpcs.call(shop, rpc, {**last, "limit": PAGE}).value[items]
                found += page
                if len(page) < PAGE:
                    break
                last = {after[0]: page[-1][after[1]]}
            lists.append(found)
        self.run.used.add(rpc)
        return lists

    def of_orders(self, what, lists, key):
        """What lists say of each history's orders."""
        by_order = []
        for one in lists:
            by_order.append(defaultdict(list))
            for item in one:
                by_order[-1][item[key]].append(item)
        self.each(what, *(lambda side, one=one: [one[order] for order in side.orders] for one in by_order))

    def play(self):
        self.dead_letters()
        self.endings()
        self.products()
        self.of_orders("states of orders", self.pages(f"{rpcs.ORDER}/ListOrderStates", ("after_number", "number"), "states"),
                       "order_id")
        self.of_orders("charges", self.pages(f"{rpcs.BANK}/ListCharges", ("after_charge_id", "charge_id"), "charges"), "reference")
        self.compare("stock", *self.call(f"{rpcs.PRODUCT}/CheckStock", {}))
        self.compare("payments", *self.call(f"{rpcs.PAYMENT}/ReconcilePayments", {}))
