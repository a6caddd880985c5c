# SPDX-License-Identifier: Apache-2.0
"""Rpcs that no route of the gateway leads to, called as a process of the shop calls them: over gRPC, signed with the fleet's
key."""
import base64
import hashlib
import hmac
import json
import os
import re
import struct
import subprocess
import time

from shops import Answer

PROTOS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "proto")
ORDER, USER, AUTH, EVENTS = ("order_service.OrderService", "user_service.UserService", "auth_service.AuthService",
                             "events.EventService")
# Those that histories play, by the types of their requests and responses. Some history must use each with success. Of the
# others, the bank's and the products' stores have no second adapter yet, and the books compare what ReconcilePayments answers.
RPCS = {f"{ORDER}/GetOrderStates": ("GetOrderStatesRequest", "GetOrderStatesResponse"),
        f"{USER}/GetCustomerCredentials": ("GetCustomerCredentialsRequest", "CustomerCredentialsResponse"),
        f"{USER}/SetPassword": ("SetPasswordRequest", "SetPasswordResponse"),
        f"{EVENTS}/CommitOffsets": ("CommitOffsetsRequest", "CommitOffsetsResponse"),
        f"{EVENTS}/ListDeadLetters": ("ListDeadLettersRequest", "ListDeadLettersResponse"),
        f"{EVENTS}/ReplayDeadLetters": ("ReplayDeadLettersRequest", "ReplayDeadLettersResponse")}
REFUSED = 600  # a status of gRPC is this much more than its code, so that it is none of HTTP
SIGNED = ("x-user-email", "x-user-role", "x-device-id", "x-request-id", "x-client-ip")


def quoted(text):
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
                         for byte in str(text).encode()) + '"'


def write_text(message):
    """A message in protobuf's text format."""
    parts = []
    for name, value in message.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                parts.append(f"{name} {{ {write_text(one)} }}")
            else:
                parts.append(f"{name}: {quoted(one) if isinstance(one, str) else json.dumps(one)}")
    return " ".join(parts)


def read_text(lines):
    """The message that protoc prints, line by line: what is there more than once is a list, and a point in time is written as
    the gateway writes it."""
    message = {}
    for line in lines:
        if line.strip() == "}":
            break
        name, _, value = line.strip().partition(": ")
        if name.endswith("{"):
            name, value = name[:-2], read_text(lines)
        value = value.strip('"') if isinstance(value, str) else value
        message[name] = [*(message[name] if isinstance(message[name], list) else [message[name]]), value] \
            if name in message else value
    if set(message) & {"seconds", "nanos"}:
        micros = int(message.get("nanos", 0)) // 1000
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(message["seconds"]))) + (f".{micros:06}Z" if micros else "Z")
    return message


def protoc(way, name, data):
    file = name.split(".")[0].removesuffix("_service") + ".proto"
    return subprocess.run(["protoc", f"-I{PROTOS}", "-I/usr/include", f"--{way}={name}", file], input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def signature(shop, path):
    with open(f"{shop.directory}/data/fleet.key", encoding="ascii") as file:
        key = bytes.fromhex(file.read().strip())
    now_ms = int(time.time() * 1000)
    text = f"v1\n{now_ms}\n{path}\n" + "\n" * len(SIGNED)
    mac = base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    return f"v1.{now_ms}.{mac}"


def call(shop, rpc, message, of_fleet):
    request, response = RPCS[rpc]
    package, path = rpc.split(".")[0], f"/{rpc}"
    encoded = protoc("encode", f"{package}.{request}", write_text(message).encode())
    command = ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30", "-H", "content-type: application/grpc", "-H",
               "te: trailers", "--data-binary", "@-", "-D", "/dev/stderr", f"http://{shop.addresses[package]}{path}"]
    if of_fleet:
        command += ["-H", f"x-fleet-signature: {signature(shop, path)}"]
    done = subprocess.run(command, input=b"\0" + struct.pack(">I", len(encoded)) + encoded, capture_output=True, check=False)
    heads = done.stderr.decode()
    code = re.findall(r"(?m)^grpc-status: (\d+)", heads)
    if not code:
        raise OSError(f"{rpc}: no answer: {heads}")
    said = re.findall(r"(?m)^grpc-message: ([^\r\n]*)", heads)
    if code[-1] != "0":
        return Answer(REFUSED + int(code[-1]), [], json.dumps({"message": said[-1:]}).encode())
    text = protoc("decode", f"{package}.{response}", done.stdout[5:]).decode()
    return Answer(200, [], json.dumps(read_text(iter(text.splitlines()))).encode())
