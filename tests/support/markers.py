"""Items with markers in their values, and every spelling in which a marker could be found again."""

from __future__ import annotations

import base64
from typing import Any

VALUE = "VALUEMARKER"

KEY = "KEYMARKER"

NUMBER = "731691423"

KEY_NUMBER = "864209753"


def spellings(text: str) -> tuple[bytes, ...]:
    """What a reader could find again: text, its base64 wherever it begins in a longer one, hex, UTF-16."""
    raw = text.encode()
    shifted = [base64.b64encode(bytes(lead) + raw)[4:12] for lead in range(3)]
    return (raw, *shifted, raw.hex().encode(), raw.hex().upper().encode(), text.encode("utf-16-le"))


VALUES = (*spellings(VALUE), *spellings(NUMBER))

KEYS = (*spellings(KEY), *spellings(KEY_NUMBER))


def marked(n: int, **more: Any) -> dict[str, Any]:
    """An item with a marker in the value of every attribute, of every type that has values, on every level."""
    text, number, binary = {"S": f"{VALUE}-{n}"}, {"N": f"{NUMBER}{n:03}"}, {"B": VALUE.encode() + b"%d" % n}
    sets = {"ss": {"SS": [f"{VALUE}-a", f"{VALUE}-b"]}, "ns": {"NS": [f"{NUMBER}1", f"{NUMBER}2"]}}
    sets["bs"] = {"BS": [VALUE.encode() + b"a", b"xx" + VALUE.encode()]}  # type: ignore[dict-item]
    nested = {"M": {"deep": {"L": [text, number, binary, {"M": {"deeper": text, **sets}}]}}}
    constant = {"yes": {"BOOL": True}, "none": {"NULL": True}, "empty": {"S": ""}}
    return {"id": {"S": f"{KEY}-{n}"}, "s": text, "n": number, "b": binary, "m": nested, **sets, **constant} | more
