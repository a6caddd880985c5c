# SPDX-License-Identifier: Apache-2.0
"""What a history consists of: steps, and the products and orders that earlier steps made."""
from dataclasses import dataclass, field


@dataclass
class Step:
    """One request, or what is waited for. Kinds: `call`; `walk`, a call for each page of a list; `rest`, which waits until
    the orders and what hangs on them have come to rest; `ended`, which waits until a session's tokens are refused; `rpc`, a call
    over gRPC, as a process of the shop if the actor is `fleet`; `guesses`, wrong passwords until the account has to wait;
    `events`, an order's events read from the log; `webhook`, what the payment provider does, and tells."""
    name: str
    actor: str
    method: str = "GET"
    path: str = ""
    query: dict = field(default_factory=dict)
    body: object = None
    headers: list = field(default_factory=list)
    kind: str = "call"
    about: dict = field(default_factory=dict)


@dataclass
class Product:
    step: str
    category: str
    seller: str
    stock: int = -1  # -1: not tracked
    variants: int = 0

    @property
    def id(self):
        return f"«{self.step}:product_data.product_id»"

    @property
    def path(self):
        return f"/products/{self.category}/{self.id}"

    def variant(self, index):
        return f"«{self.step}:product_data.variants.{index}.variant_id»"


@dataclass
class Order:
    step: str
    customer: str
    seller: str

    @property
    def id(self):
        return f"«{self.step}:order_create_data.order_id»"

    @property
    def payment(self):
        return f"«{self.step}-payment:payments.payments.0.payment_id»"
