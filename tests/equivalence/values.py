# SPDX-License-Identifier: Apache-2.0
"""What the histories put into requests, right and wrong."""

CARDS = ("pm_card_visa",) * 6 + ("", "", "pm_card_chargeDeclined", "pm_card_authenticationRequired", "pm_nonsense")
TEXTS = ("plain", "", " spaces around ", "ÄÖÜ ß ǅ", "日本語 テキスト", "🛒🧺", "a" * 200, "a" * 201, "b" * 2001, "\u0000", "tab\there",
         "line\nfeed", "$set", "a.b.c", "{\"$gt\":\"\"}", "'; DROP TABLE orders; --", "\\", "%00", "<b>&amp;</b>", "null",
         "\u202etxet", "e\u0301", "\ufeffmark", "0", "-1", "true", "*", "k\u2028k")
WRONG_IDS = ("missing", "0", "-1", "00000000-0000-0000-0000-000000000000", "01a2291c-b8b2-750f-bd5c-9aaf69d2b257",
             "01A2291C-B8B2-750F-BD5C-9AAF69D2B257", "x" * 64, "x" * 65, "a/b", "..", "a b", "ü", "$id", "null", "'", "%")
NUMBERS = (0, 1, -1, 2, 3, 7, 9999, 10000, 1000000, 1000001, 2147483647, 2147483648, -2147483648, 9223372036854775807,
           9223372036854775808, 1.5, 1e300, "1", "x", "", None, True, [], {})
PAGE_SIZES = (0, 1, 2, 3, 50, 200, 201, 500, 501, -1, 2147483648, "x", "")
CURSORS = ("x", "AAAA", "0", "🛒", "a" * 513, "eyJ", "-", "%")
KEYS = ("one", "two", "a.b", "$key", "with space", "k" * 255, "k" * 256, "ü", "", "\"quoted\"", "one ", "ONE")
STATUSES = ("", "PENDING", "VALIDATED", "CONFIRMED", "FULFILLED", "REJECTED", "CANCELLED", "REFUNDED", "pending", "X")
SORTS = ("", "relevance", "name", "-name", "price", "-price", "created_at", "-created_at", "sku")
TOKENS = ("garbage", "", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "eyJhbGciOiJub25lIn0.eyJFbWFpbCI6ImJvc3NAZXhhbXBsZS5jb20ifQ.")
