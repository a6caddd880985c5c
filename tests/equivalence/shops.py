# SPDX-License-Identifier: Apache-2.0
"""Shops to play histories on: each is one process of argosy with a data directory of its own."""
import http.client
import json
import os
import re
import socket
import subprocess
import time

SERVICES = ("user", "auth", "product", "cart", "order", "payment", "bank")
BOSS = "boss@equivalence.example"
BOSS_PASSWORD = "the-first-password"
START_S, ANSWER_S = 60, 30


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, [(name.lower(), value) for name, value in headers]
        self.text = body.decode("utf-8", "replace")
        try:
            self.value = [json.loads(line[5:]) for line in self.text.splitlines() if line.startswith("data:")] \
                if self.text.startswith("data:") else json.loads(self.text)
        except ValueError:
            self.value = self.text

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
    """One client of a shop, with an address of its own on the loopback network, so that it reaches no other's limits."""

    def __init__(self, shop, address):
        self.shop, self.address, self.http = shop, address, None

    def open(self):
        host, port = self.shop.gateway.rsplit(":", 1)
        self.http = http.client.HTTPConnection(host, int(port), timeout=ANSWER_S, source_address=(self.address, 0))
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, method, target, headers, body):
        if not self.http:
            self.open()
        self.http.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            self.http.putheader(name, value.encode("utf-8"))
        if body is not None or method in ("POST", "PUT", "PATCH", "DELETE"):
            self.http.putheader("Content-Length", str(len(body or b"")))
        self.http.endheaders(body)

    def receive(self):
        response = self.http.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        if response.will_close:
            self.close()
        return answer

    def call(self, method, target, headers=(), body=None):
        self.send(method, target, headers, body)
        return self.receive()

    def close(self):
        if self.http:
            self.http.close()
        self.http = None


class Shop:
    def __init__(self, name, program, directory, stores):
        self.name, self.program, self.directory = name, program, directory
        self.environment = {
            **os.environ, **stores, "ARGOSY_DATA_DIR": f"{directory}/data", "ARGOSY_LOG": "info",
            "ARGOSY_LOG_FORMAT": "json", "USER_ARGON2_MEMORY": "256KiB", "USER_ARGON2_PASSES": "1",
            "ACCESS_TOKEN_EXP_DURATION": "2h"}
        self.process, self.gateway, self.admin = None, None, None

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
        if not self.process:
            return True
        self.process.terminate()
        try:
            return self.process.wait(30) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
