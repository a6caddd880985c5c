# SPDX-License-Identifier: Apache-2.0
"""Shops to play histories on: each is one process of argosy with a data directory of its own."""
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections import deque

SERVICES = ("user", "auth", "product", "cart", "order", "payment", "bank")
BOSS = "boss@equivalence.example"
BOSS_PASSWORD = "the-first-password"
START_S, ANSWER_S = 120, 120


class Answer:
    """Of a request over HTTP, with its body as bytes; or of something else, with a value as JSON has it."""

    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        if not isinstance(body, bytes):
            self.value, self.text = body, None
            return
        self.text = body.decode("utf-8", "replace")
        try:
            self.value = [json.loads(line[5:]) for line in self.text.splitlines() if line.startswith("data:")] \
                if self.text.startswith("data:") else json.loads(self.text)
        except ValueError:
            self.value = self.text

    def shown(self):
        return json.dumps(self.value) if self.text is None else self.text

    def header(self, name):
        return next((value for key, value in self.headers if key == name), "")

    def find(self, path):
        """The member of the body at a path such as orders.orders.0.order_id; None if there is none."""
        value = self.value
        for part in path.split("."):
            if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                return None
        return value


class Connection:
    """One client of a shop, with an address of its own on the loopback network, so that it reaches no other's limits. Its own
    few lines of HTTP/1.1 take a third of the time of Python's, and may send several requests before the first answer."""

    def __init__(self, shop, address):
        self.shop, self.address, self.socket = shop, address, None
        self.waiting, self.data = deque(), b""

    def open(self):
        host, port = self.shop.gateway.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), ANSWER_S, (self.address, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def send(self, method, target, headers, body):
        lines = [f"{method} {target} HTTP/1.1\r\nHost: {self.shop.gateway}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        if body is not None or method in ("POST", "PUT", "PATCH", "DELETE"):
            lines.append(f"Content-Length: {len(body or b'')}\r\n")
        text = ("".join(lines) + "\r\n").encode() + (body or b"")
        if not self.socket:
            self.open()
        self.waiting.append((method, text))
        self.socket.sendall(text)

    def read(self):
        more = self.socket.recv(262144)
        if not more:
            raise OSError("the shop has closed the connection")
        self.data += more

    def take(self, end):
        """What has come until a mark, without it."""
        while (at := self.data.find(end)) < 0:
            self.read()
        found, self.data = self.data[:at], self.data[at + len(end):]
        return found

    def take_sized(self, size):
        while len(self.data) < size:
            self.read()
        found, self.data = self.data[:size], self.data[size:]
        return found

    def take_chunks(self):
        chunks = []
        while size := int(self.take(b"\r\n").split(b";")[0], 16):
            chunks.append(self.take_sized(size))
            self.take(b"\r\n")
        while self.take(b"\r\n"):
            pass
        return b"".join(chunks)

    def receive(self):
        method, _ = self.waiting[0]
        first, *lines = self.take(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = [line.split(":", 1) for line in lines]
        headers = [(name.lower(), value.strip()) for name, value in pairs]
        known = dict(headers)
        status = int(first.split()[1])
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif "chunked" in known.get("transfer-encoding", ""):
            body = self.take_chunks()
        else:
            body = self.take_sized(int(known["content-length"]))
        self.waiting.popleft()
        if known.get("connection", "").lower() == "close":
            self.close()
            self.send_again()
        return Answer(status, headers, body)

    def send_again(self):
        """The requests that a closed connection has not answered."""
        waiting, self.waiting = self.waiting, deque()
        for method, text in waiting:
            self.socket or self.open()
            self.waiting.append((method, text))
            self.socket.sendall(text)

    def call(self, method, target, headers=(), body=None):
        self.send(method, target, headers, body)
        return self.receive()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Shop:
    def __init__(self, name, program, directory, stores):
        self.name, self.program, self.directory, self.stores = name, program, directory, stores
        self.environment = {
            **os.environ, **stores, "ARGOSY_DATA_DIR": f"{directory}/data", "ARGOSY_LOG": "info",
            "ARGOSY_LOG_FORMAT": "json", "USER_ARGON2_MEMORY": "256KiB", "USER_ARGON2_PASSES": "1",
            "ACCESS_TOKEN_EXP_DURATION": "2h", "EVENTS_RETRIES": "4",
            # Whoever has to wait after wrong passwords waits longer than any history lasts, on any machine.
            "LOGIN_BACKOFF": "24h"}
        self.process, self.gateway, self.admin = None, None, None
        self.addresses = {}  # of the services for gRPC, by the package of their proto
        self.lock, self.channels = threading.Lock(), {}
        self.feed, self.stripe = None, None

    def start(self):
        listens = {f"{name.upper()}_LISTEN": "127.0.0.1:0" for name in (*SERVICES, "gateway", "admin")}
        os.makedirs(self.directory, exist_ok=True)
        self.log = f"{self.directory}/log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "serve"], env={**self.environment, **listens},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the {self.name} shop does not start:\n{open(self.log).read()}")
            time.sleep(0.02)
        self.command("user", "create", BOSS, "--role", "superAdmin", text=BOSS_PASSWORD + "\n")

    def is_ready(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        for line in text.splitlines():
            found = re.search(r'"message":"listening".*', line)
            if found:
                entry = json.loads(line)
                if entry["name"] == "gateway":
                    self.gateway = entry["address"]
                self.addresses[f"{entry['name']}_service"] = entry["address"]
        self.addresses["events"] = self.addresses.get("order_service")
        return '"ready"' in text and self.gateway

    def command(self, *arguments, text=""):
        """What a command of the command line prints; it must succeed."""
        done = self.try_command(*arguments, text=text)
        if done.returncode != 0:
            raise SystemExit(f"argosy {' '.join(arguments)} fails on the {self.name} shop:\n{done.stdout}{done.stderr}")
        return done.stdout

    def try_command(self, *arguments, text=""):
        return subprocess.run([self.program, *arguments], env=self.environment, input=text, text=True,
                              capture_output=True, timeout=600, check=False)

    def stop(self):
        """Ends the shop. True if it ended as it should."""
        for channel in self.channels.values():
            channel.close()
        if not self.process:
            return True
        self.process.terminate()
        try:
            return self.process.wait(30) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
