# SPDX-License-Identifier: Apache-2.0
"""What a shop tells the other processes of the fleet, read until something known has come."""
import threading
import time
from collections import defaultdict

import rpcs

COME_S = 120  # how long what is known to come may take
PAGE = 200


class Feed:
    """The events of orders; all histories read the log once, together."""

    def __init__(self, shop):
        self.shop, self.lock, self.after = shop, threading.Lock(), 0
        self.events = defaultdict(list)  # by key

    def until(self, key, kind):
        """The events of a key up to the last one of this kind."""
        end = time.monotonic() + COME_S
        while True:
            with self.lock:
                found = list(self.events[key])
                places = [place for place, event in enumerate(found) if event["type"] == kind]
                if places:
                    return found[:places[-1] + 1]
                if time.monotonic() > end:
                    raise OSError(f"the log of the {self.shop.name} shop has no {kind} of {key}")
                self.read()

    def read(self):
        answer = rpcs.call(self.shop, f"{rpcs.EVENTS}/FetchEvents",
                           {"topic": "order-events", "after": self.after, "max_events": PAGE, "wait_ms": 100})
        for event in answer.find("events"):
            self.events[event["key"]].append(event)
        self.after = int(answer.find("after"))


def read_endings(shop, marker):
    """All sessions that have ended, by the claim `sid`, read from the start until the marker has come."""
    end, after, found = time.monotonic() + COME_S, 0, {}
    while marker not in found:
        if time.monotonic() > end:
            raise OSError(f"the {shop.name} shop does not tell that the session {marker} has ended")
        answer = rpcs.call(shop, f"{rpcs.AUTH}/WatchEndedSessions", {"after": after, "wait_ms": 1000})
        for ending in answer.find("sessions"):
            found.setdefault(ending["session_id"], []).append(ending)
        after = int(answer.find("after"))
    return found
