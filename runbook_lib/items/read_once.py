"""JSON that holds items, read only if it says everything once.

An object that names a member twice is two objects: one parser takes the first, another the last, and none of them
complains. What such a line or answer means nobody knows, so nothing here believes it. Source: RFC 8259, section 4,
which leaves it open.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from runbook_lib.errors import SaidTwice


def read_once(text: bytes) -> Any:
    """The value that a text holds; raises ValueError for what is no JSON, and SaidTwice.

    What can be spelled again just as it was has lost nothing, so no name stood twice: that costs half as much again as
    parsing alone. A text with white space between its tokens, or with escapes that are not needed, is gone through once
    more, slowly.
    """
    value = orjson.loads(text)
    try:
        if orjson.dumps(value) != text:
            json.loads(text, object_pairs_hook=_once)
    except (TypeError, RecursionError):  # there is no other reason why what was parsed could not be spelled
        raise ValueError("it is nested deeper than anything that DynamoDB has") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise SaidTwice("it names a member of an object twice; which of the two holds, nobody knows")
