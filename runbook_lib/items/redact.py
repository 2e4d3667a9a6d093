"""What a server says about an item, without what the item holds.

DynamoDB names the values it refuses in some of its messages ("Input collection [a, a] contains duplicates"). A
reason is kept in the run's folder, and item contents are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.lines import parse_line

GONE = "..."
LEAST = 4
# The places where DynamoDB's messages are known to show a value, whatever its length.
QUOTES = (
    (re.compile(r"\[.*\]", re.DOTALL), f"[{GONE}]"),
    (re.compile(r"(numeric value: ).*", re.DOTALL), rf"\1{GONE}"),
    (re.compile(r"([Vv]alue )'.*?'", re.DOTALL), rf"\1'{GONE}'"),
)


def without_values(message: str, line: bytes) -> str:
    """The server's message with every value of the line's item in it replaced; names of attributes stay."""
    try:
        item = parse_line(line)
    except CorruptFile:
        item = {}
    for pattern, spelled in QUOTES:
        message = pattern.sub(spelled, message)
    return take_out(message, item_texts(item))


def take_out(message: str, texts: Iterable[str]) -> str:
    """A message without these texts, the longest first; a short one is a part of too many words."""
    for text in sorted({text for text in texts if len(text) >= LEAST}, key=len, reverse=True):
        message = message.replace(text, GONE)
    return message


def item_texts(value: Any) -> Iterator[str]:
    """Every text below a value of an item, names left out: strings, numbers as digits and binary as base64."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from item_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from item_texts(inner)
    elif isinstance(value, str):
        yield value
