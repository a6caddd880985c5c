# SPDX-License-Identifier: Apache-2.0
"""Calls rpcs over gRPC as a process of the shop calls them, signed with the fleet's key: most have no route of the gateway."""
import base64
import glob
import hashlib
import hmac
import json
import os
import subprocess
import time
from collections import namedtuple

from shops import Answer

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError as missing:
    raise SystemExit(f"{missing}; `tools/install engine` installs it") from missing

PROTOS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "proto")
AUTH, BANK, ORDER, PAYMENT, PRODUCT, USER, EVENTS = (
    "auth_service.AuthService", "bank_service.BankService", "order_service.OrderService", "payment_service.PaymentService",
    "product_service.ProductService", "user_service.UserService", "events.EventService")
REFUSED = 600  # a status of gRPC is this much more than its code, so that it is none of HTTP
SIGNED = ("x-user-email", "x-user-role", "x-device-id", "x-request-id", "x-client-ip")
TIMEOUT_S = 120

Rpc = namedtuple("Rpc", "path request response streams_in streams_out")


def read_protos():
    """All rpcs of the shop's protos, by service and name; and the factory of their messages."""
    files = sorted(os.path.basename(file) for file in glob.glob(f"{PROTOS}/*.proto"))
    text = subprocess.run(["protoc", f"-I{PROTOS}", "-I/usr/include", "--include_imports", "--descriptor_set_out=/dev/stdout",
                           *files], check=True, stdout=subprocess.PIPE).stdout
    pool, found = descriptor_pool.DescriptorPool(), {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(text).file:
        pool.Add(file)
        if file.name not in files:
            continue
        for service in file.service:
            for method in service.method:
                name = f"{file.package}.{service.name}/{method.name}"
                found[name] = Rpc("/" + name, method.input_type[1:], method.output_type[1:], method.client_streaming,
                                  method.server_streaming)
    return found, pool, message_factory.MessageFactory(pool)


RPCS, POOL, FACTORY = read_protos()


def message_class(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(name))


def read_message(message):
    value = json_format.MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True,
                                      descriptor_pool=POOL)
    return read_events(value)


def read_events(value):
    """Events have their payload as bytes, a trace of their own, and a time that may be the microsecond of another one."""
    if isinstance(value, list):
        return [read_events(one) for one in value]
    if not isinstance(value, dict):
        return value
    if {"topic", "payload", "traceparent"} <= set(value):
        value = {**value, "traceparent": bool(value["traceparent"]), "time": bool(value["time"]),
                 "payload": read_payload(value["type"], value["payload"])}
    return {name: read_events(one) for name, one in value.items()}


def read_payload(kind, encoded):
    try:
        return read_message(message_class(f"events.{kind}").FromString(base64.b64decode(encoded)))
    except Exception:  # of whatever kind: it is compared as it is
        return encoded


def signature(shop, path, identity):
    with open(f"{shop.directory}/data/fleet.key", encoding="ascii") as file:
        key = bytes.fromhex(file.read().strip())
    now_ms = int(time.time() * 1000)
    text = f"v1\n{now_ms}\n{path}\n" + "".join(identity.get(name, "") + "\n" for name in SIGNED)
    mac = base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    return f"v1.{now_ms}.{mac}"


def channel_of(shop, package):
    with shop.lock:
        if package not in shop.channels:
            shop.channels[package] = grpc.insecure_channel(shop.addresses[package], (("grpc.enable_http_proxy", 0),))
        return shop.channels[package]


def call(shop, name, value, of_fleet=True, identity=None):
    """The answer to a request, or to a stream of them if it is a list: a stream of answers becomes a list."""
    rpc = RPCS[name]
    request, response = message_class(rpc.request), message_class(rpc.response)
    channel, kind = channel_of(shop, name.split(".")[0]), f"{'stream' if rpc.streams_in else 'unary'}_" \
        f"{'stream' if rpc.streams_out else 'unary'}"
    identity = identity or {}
    metadata = [*identity.items()]
    if of_fleet:
        metadata.append(("x-fleet-signature", signature(shop, rpc.path, identity)))
    made = [json_format.ParseDict(one, request(), descriptor_pool=POOL) for one in (value if rpc.streams_in else [value])]
    send = getattr(channel, kind)(rpc.path, request.SerializeToString, response.FromString)
    try:
        got = send(iter(made) if rpc.streams_in else made[0], timeout=TIMEOUT_S, metadata=metadata, wait_for_ready=True)
        return Answer(200, [], [read_message(one) for one in got] if rpc.streams_out else read_message(got))
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            raise OSError(f"{name}: {error.details()}") from error
        return Answer(REFUSED + error.code().value[0], [], {"message": error.details()})
