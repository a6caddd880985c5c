# SPDX-License-Identifier: Apache-2.0
"""Compares what two shops answer. Ids, times, tokens and page cursors are chosen by each shop for itself; they are equal if
they correspond: whatever one shop calls X, the other one calls Y, everywhere and for the whole history."""
import re
from datetime import datetime, timedelta

# What a shop chooses for itself, wherever it stands in a text.
VARIABLE = re.compile(
    r"(?P<token>eyJ[\w-]+\.[\w-]+\.[\w-]+)"
    r"|(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r"|(?P<hash>[0-9a-f]{16,64})"
    r"|(?P<suffix>(?<=-)[0-9a-f]{6}$)"  # of a handle, where another product has the name
    r"|(?P<seconds>(?<=; try again in )[1-9]\d*(?= s$))")  # that a message tells to wait
# Members that a shop chooses for itself and that look like anything: order numbers count the orders of all histories.
CHOSEN = {"number": "number", "entry_id": "entry", "posting_id": "posting", "next_cursor": "cursor", "offset": "offset",
          "password_changed_us": "time", "password": "password", "letter_id": "letter", "after": "offset"}
# Headers that depend on the moment, or on the length of what differs.
IGNORED_HEADERS = {"date", "content-length", "x-request-id", "connection", "transfer-encoding", "content-encoding"}
# Headers of which only the presence is compared, because their values count seconds.
TIMED_HEADERS = {"retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}


# How long a cookie lives is counted from the second in which it is sent.
AGE = re.compile(r"Max-Age=[1-9]\d*")


def are_near(one, other):
    """Can the times be those of one change, whose parts read the clock one after another? Then they may also be equal."""
    one, other = (datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*Z", lambda part: f".{part[1]:0<6}+00:00", time))
                  for time in (one, other))
    return abs(one - other) <= timedelta(milliseconds=1)


class Correspondence:
    """Which names of one shop correspond to which of the other one, as far as a history has shown."""

    def __init__(self):
        self.there, self.back = {}, {}

    def copy(self):
        other = Correspondence()
        other.there, other.back = dict(self.there), dict(self.back)
        return other

    def pair(self, kind, left, right):
        """None if the two correspond; they do from now on if neither was seen before."""
        if kind in ("token", "seconds") or (kind == "time" and "." not in left + right):
            return None  # two things that are made in the same second may have the same token or time, or not
        known = self.there.setdefault((kind, left), right)
        if known != right and not (kind == "time" and are_near(known, right)):
            return f"{kind} {left} corresponded to {known}, and now to {right}"
        known = self.back.setdefault((kind, right), left)
        if known != left and not (kind == "time" and are_near(known, left)):
            return f"{kind} {right} corresponded to {known}, and now to {left}"
        return None

    def texts(self, left, right):
        """None, or why the texts differ in more than what the shops choose."""
        at_left, at_right = list(VARIABLE.finditer(left)), list(VARIABLE.finditer(right))
        if VARIABLE.sub("*", left) != VARIABLE.sub("*", right):
            return f"{left!r} and {right!r}"
        for one, other in zip(at_left, at_right):
            if one.lastgroup != other.lastgroup:
                return f"{left!r} and {right!r}"
            why = self.pair(one.lastgroup, one.group(), other.group())
            if why:
                return why
        return None

    def values(self, left, right, path, differences):
        """Appends (path, why) for each difference between two JSON values."""
        name = path.rsplit(".", 1)[-1]
        if name == "updated_at" and "payment" in path:
            why = None if left and right else f"{left!r} and {right!r}"  # later events of its order are noted, unseen
        elif name in CHOSEN and type(left) is type(right) and bool(left) == bool(right):
            why = left and self.pair(CHOSEN[name], left, right)
        elif isinstance(left, dict) and isinstance(right, dict):
            why = None
            if list(left) != list(right):
                why = f"the members {list(left)} and {list(right)}"
            for key in [key for key in left if key in right]:
                self.values(left[key], right[key], f"{path}.{key}", differences)
        elif isinstance(left, list) and isinstance(right, list):
            why = f"{len(left)} and {len(right)} elements" if len(left) != len(right) else None
            for index, (one, other) in enumerate(zip(left, right)):
                self.values(one, other, f"{path}[{index}]", differences)
        elif isinstance(left, str) and isinstance(right, str):
            why = self.texts(left, right)
        else:
            why = None if type(left) is type(right) and left == right else f"{left!r} and {right!r}"
        if why:
            differences.append((path, why))

    def answers(self, left, right):
        """The differences between two answers, as a list of (where, why)."""
        differences = []
        if left.status != right.status:
            differences.append(("status", f"{left.status} and {right.status}"))
        self.headers(left.headers, right.headers, differences)
        self.values(left.value, right.value, "body", differences)
        return differences

    def headers(self, left, right, differences):
        names = [sorted({name for name, _ in side} - IGNORED_HEADERS) for side in (left, right)]
        if names[0] != names[1]:
            differences.append(("headers", f"{names[0]} and {names[1]}"))
        for name in set(names[0]) & set(names[1]) - TIMED_HEADERS:
            ours, theirs = (sorted(AGE.sub("Max-Age=*", value) for key, value in side if key == name)
                            for side in (left, right))
            why = f"{ours} and {theirs}" if len(ours) != len(theirs) else None
            for one, other in zip(ours, theirs):
                why = why or self.texts(one, other)
            if why:
                differences.append((f"header {name}", why))
