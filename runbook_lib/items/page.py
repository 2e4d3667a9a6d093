"""The items of a page of answers, parsed a few at a time, each few when they are asked for.

A page is a megabyte of text and ten of objects, which fit into no processor's cache and which the garbage collector
goes through again and again: parsing it as a whole costs more than everything else about it. Where a page may be cut
is guessed, and proved by parsing: a piece that begins where an item begins and is whole by itself ends where one ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import chain
from typing import Any

import orjson

from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import key_and_text
from runbook_lib.items.learned_forms import LearnedForms
from runbook_lib.items.lines import is_utf8, items_of, only_objects
from runbook_lib.items.read_once import read_once

_COMMA = ord(",")
PIECE = 4 << 10  # bytes that are parsed at a time
_BEGIN = b'"Items":['
_BEGIN_ALONE = b"{" + _BEGIN + b"]"
# Between two items; what goes on with a type and its value is inside of one, in a list. Only a guess, for speed.
_BORDER = re.compile(rb'\}\},\{"(?!(?:[SNB]":"|[SNB]S":\[|L":\[|M":\{|BOOL":[tf]|NULL":t))')


class PageItems:
    """The items of one page, to be gone through once.

    `rest` is the answer without them; `count` and `last` are of those that were handed out so far.
    """

    def __init__(self, page: bytes) -> None:
        """Raises ValueError for what is no JSON object, and SaidTwice; either may turn out while it is gone through."""
        self.count, self._page = 0, page
        self.last: Item | None = None
        self.rest: dict[str, Any]
        self._span, self._whole = (0, 0), list[Item]()
        if (inside := _inside(page)) is not None:
            self._span, self.rest = inside
        else:
            self.rest = read_once(page)
            self._whole = items_of(self.rest)

    def __iter__(self) -> Iterator[Item]:
        for items in chain([self._whole], self._pieces()):
            yield from items
            self.count += len(items)
            self.last = items[-1] if items else self.last

    def spelled(self, forms: LearnedForms) -> Iterator[tuple[bytes, bytes]]:
        """The key and the whole of each item in canonical JSON, parsed only where no form knows it."""
        page, (at, end), known = self._page, self._span, forms.spelled if is_utf8(self._page) else _unknown
        items, begun = self._whole, None
        while True:
            for item in items:
                yield key_and_text(item, forms.schema)
                forms.learn(item)
            self.count += len(items)
            self.last = items[-1] if items else self.last
            while at < end and (spelled := known(page, at)):
                pair, after = spelled
                if after != end and (after > end or page[after] != _COMMA):
                    break
                begun, at = at, after + 1
                yield pair
                self.count += 1
            if begun is not None:
                self.last, begun = orjson.loads(page[begun : at - 1]), None
            if at >= end:
                return
            items, at = self._parsed(at, end, 0)

    def _pieces(self) -> Iterator[list[Item]]:
        at, end = self._span
        while at < end:
            items, at = self._parsed(at, end, PIECE)
            yield items

    def _parsed(self, at: int, end: int, size: int) -> tuple[list[Item], int]:
        """The items that begin at a place, of about so many bytes or one at least, and where the next one begins."""
        while True:
            border = _BORDER.search(self._page, at + size, end)
            cut = border.start() + 2 if border else end
            with suppress(ValueError) if border else nullcontext():
                return only_objects(read_once(b"[" + self._page[at:cut] + b"]")), cut + 1
            size = 2 * (cut - at)  # that was inside of an item


def _unknown(page: bytes, at: int) -> None:
    """What is no UTF-8 is parsed, and fails."""


def _inside(page: bytes) -> tuple[tuple[int, int], dict[str, Any]] | None:
    """Where the items of a page begin and end, and the rest of it; None where it is not spelled as DynamoDB does."""
    begin = page.find(_BEGIN) + len(_BEGIN)
    end = len(page) if begin >= len(_BEGIN) else 0
    while (end := page.rfind(b"}]", begin, end)) >= 0:
        after = page[end + 2 :]
        with suppress(ValueError):
            before, rest = read_once(page[:begin] + b"]}"), read_once(_BEGIN_ALONE + after)
            if before.pop("Items", None) == rest.pop("Items") == [] and b'"Items"' not in after:
                return (begin, end + 1), before | rest
    return None
