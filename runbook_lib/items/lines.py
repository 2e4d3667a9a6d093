"""Items as the bytes AWS wrote, and what has to be known of one: its key and its canonical digest.

An export line is `{"Item":{...}}`. Nothing here changes a byte of it; parsing is done only
to look. Numbers stay text: DynamoDB's have 38 digits and a float has 15.
"""

from __future__ import annotations

import json
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.read_once import read_once

PREFIX = b'{"Item":'
DELETE = b'{"Key":'
_decoder = json.JSONDecoder()


def parse_line(line: bytes) -> Item:
    """The item of one export line; raises CorruptFile with the reason if it is none, SaidTwice if it may be two."""
    data = _value_of(line)
    if not isinstance(data, dict) or not isinstance(data.get("Item"), dict) or len(data) != 1:
        raise CorruptFile('expected {"Item":{...}}, as a full export in DYNAMODB_JSON has it')
    return data["Item"]  # type: ignore[no-any-return]


def parse_sent(line: bytes) -> Item:
    """The item of a line that is put, or the key of one that is deleted; raises CorruptFile if it is neither."""
    if not line.startswith(DELETE):
        return parse_line(line)
    data = _value_of(line)
    if not isinstance(data.get("Key"), dict) or len(data) != 1:
        raise CorruptFile('expected {"Key":{...}}, as a delete has it')
    return data["Key"]  # type: ignore[no-any-return]


def _value_of(line: bytes) -> Any:
    try:
        return read_once(line)
    except ValueError as error:
        raise CorruptFile(f"not JSON: {error}") from None


def is_utf8(text: bytes) -> bool:
    """Whether a text is one."""
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def sent_in(request: dict[str, dict[str, Item]]) -> Item:
    """The item of a put, or the key of a delete, that came back as unprocessed."""
    return request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]


def items_of(answer: dict[str, Any]) -> list[Item]:
    """Take the items out of an answer; none where it has none. Raises ValueError for what is no list of objects."""
    items = answer.pop("Items", [])
    if not isinstance(items, list):
        raise ValueError("its Items are no list")
    return only_objects(items)


def only_objects(items: list[Any]) -> list[Item]:
    """Items that are objects each; raises ValueError where one is none."""
    if set(map(type, items)) - {dict}:
        raise ValueError("its Items hold what is no item")
    return items


def split_items(page: bytes) -> tuple[list[bytes], dict[str, Any]]:
    """Cut a Scan answer into the raw bytes of its items; the second part is the answer without them.

    The items are found by parsing but returned as slices, so no value is rewritten.
    """
    text = page.decode("utf-8")
    answer = read_once(page)
    items = items_of(answer)
    slices: list[bytes] = []
    if items:
        at = _array_after(text, "Items")
        for _ in items:
            _, end = _decoder.raw_decode(text, at)
            # A line break can only be white space between tokens; inside strings JSON escapes it.
            slices.append(text[at:end].replace("\n", " ").encode("utf-8"))
            at = past_separators(text, end)
    return slices, answer


def _array_after(text: str, wanted: str) -> int:
    """Position of the first element of the top-level array `wanted`."""
    at = past_separators(text, text.index("{") + 1)
    while True:
        name, end = _decoder.raw_decode(text, at)
        at = past_separators(text, end)
        if name == wanted:
            return past_separators(text, at + 1)
        _, end = _decoder.raw_decode(text, at)
        at = past_separators(text, end)


def past_separators(text: str, at: int) -> int:
    """Past white space, colons and commas."""
    while text[at] in " \t\r\n:,":
        at += 1
    return at
