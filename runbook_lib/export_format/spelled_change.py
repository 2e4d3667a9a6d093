"""Changes whose lines are spelled as AWS spells them: taken and sent without having been parsed.

Images that have a known form (`items/learned_forms.py`) are canonical as they stand in a line, and a line whose members
are where AWS puts them can be cut. Whatever is spelled otherwise is parsed: a spelling saves time and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

import orjson

from runbook_lib.export_format.change import BOTH_IMAGES, SKEW, Change, ChangeWindow
from runbook_lib.items.canonical import FORMS, PARSED_TYPES, Item, canonical_json
from runbook_lib.items.keys import LONGEST_KEY, KeyAttribute
from runbook_lib.items.learned_forms import SCALARS, LearnedForms
from runbook_lib.items.lines import DELETE, PREFIX, is_utf8

_OLD, _NEW, _NEXT = b"OldImage", b"NewImage", b',"NewImage":'
_HEAD = rb'\{"Metadata":\{"WriteTimestampMicros":\{"N":"(\d{1,16})"\}\},"Keys":\{%b\}(?:,"(OldImage|NewImage)":)?+'
_NO_ATTRIBUTE = re.compile(rb'\{"(?!(?:%b)":)' % "|".join((*PARSED_TYPES, *FORMS)).encode()).match
# Not empty, and a number has at most 38 digits; how long the others are is looked at.
_KEPT = {"S": rb'(?!\{"S":"")', "B": rb'(?!\{"B":"")', "N": rb'(?=\{"N":"[^"]{1,38}"\})'}
_Match = Callable[[bytes], re.Match[bytes] | None]
_SHORT = min(LONGEST_KEY.values())


class SpelledChange(NamedTuple):
    """A change with its key and both images in canonical JSON; None for no item. See `Change`."""

    key: bytes
    old: bytes | None
    new: bytes | None
    around: tuple[bytes | None, ...] = ()


def spelled_change(change: Change) -> SpelledChange:
    """A change that had to be parsed; raises CorruptFile for an image that is no item."""
    key, around = canonical_json(change.key), tuple(map(_spelled, change.around))
    return SpelledChange(key, _spelled(change.old), _spelled(change.new), around)


def _spelled(image: Item | None) -> bytes | None:
    return None if image is None else canonical_json(image)


class ChangeSpelling:
    """How the lines of a window are spelled, as far as they were met; for one thread."""

    def __init__(self, window: ChangeWindow) -> None:
        self._both = window.view == BOTH_IMAGES
        self._earliest = (window.start - SKEW).timestamp()
        self._latest = (window.end + SKEW).timestamp()
        self._heads = [_head(order) for order in permutations(window.key)]
        self._forms = LearnedForms(window.key)

    def learn(self, change: Change) -> None:
        """Take notice of a change that had to be parsed, and is one."""
        for image in (change.old, change.new):
            if image is not None:
                self._forms.learn(image)

    def spelled(self, line: bytes) -> SpelledChange | None:
        """The change in a line, if it is one of the window with the key of the table in every image; None: parse it."""
        if (head := self._head_of(line)) is None or not is_utf8(line):
            return None
        micros, key, member, at = head
        if not self._earliest <= int(micros) // 1_000_000 < self._latest or len(key) > _SHORT:
            return None
        old = new = None
        if member == _OLD:
            found = self._forms.spelled(line, at)
            if found is None or not self._both or found[0][0] != key:
                return None
            old, at = found[0][1], found[1]
            if line.startswith(_NEXT, at):
                member, at = _NEW, at + len(_NEXT)
        if member == _NEW:
            found = self._forms.spelled(line, at)
            if found is None or found[0][0] != key:
                return None
            new, at = found[0][1], found[1]
        return SpelledChange(key, old, new) if line[at:] == b"}" else None

    def sent(self, line: bytes) -> bytes | None:
        """What `Change.as_line` says of a line that was found to be a change; None: parse it.

        NewImage is a member of the line, and no attribute of an image, unless what follows it begins as an attribute's
        value does: with a type.
        """
        if (head := self._head_of(line)) is None or not line.endswith(b"}}"):
            return None
        _, key, member, at = head
        if member == _OLD and (mark := line.find(_NEXT, at)) >= 0:
            at = mark + len(_NEXT)
            return PREFIX + line[at:] if _NO_ATTRIBUTE(line, at) else None
        others = [image for image in (_OLD, _NEW) if image != member]
        if any(image in line for image in others) or b"\\u" in line:  # perhaps as a member, perhaps with an escape
            return None
        return PREFIX + line[at:] if member == _NEW else b"%b%b}" % (DELETE, key)

    def _head_of(self, line: bytes) -> tuple[bytes, bytes, bytes | None, int] | None:
        """When a change was written, its key, which image comes first, and where that begins."""
        for match, places in self._heads:
            if found := match(line):
                groups = found.groups()
                key = groups[1] if len(places) == 1 else b",".join([groups[at] for at in places])
                return groups[0], b"{%b}" % key, groups[-1], found.end()
        return None


def _head(order: Sequence[KeyAttribute]) -> tuple[_Match, list[int]]:
    """What matches a line up to its images, with the key in this order, and where the groups of the key are by name."""
    attributes = [b"(%b:%b%b)" % (re.escape(orjson.dumps(k.name)), _KEPT[k.type], SCALARS[k.type]) for k in order]
    names = [k.name for k in order]
    return re.compile(_HEAD % b",".join(attributes)).match, [1 + names.index(n) for n in sorted(names)]
