"""What a stretch of a stream comes to, key by key: the item before its first change, and after its last.

Pure. Each change of a key has to go on from what the one before has left; where it does not, a record between the two
is missing. The log is read from before the full export's moment on, as nobody knows on which side of a moment a record
lies that was written at about that time: of a key that was, every state is kept in which the export may have caught it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from runbook_lib.aws.dynamodb.streams.records import Record
from runbook_lib.errors import ExportError
from runbook_lib.export_format.change import AROUND, KEYS, METADATA, NEW, OLD, SKEW
from runbook_lib.items.canonical import Item, canonical_json, digest
from runbook_lib.items.keys import KeyAttribute, key_of

AT_MOST = 64 << 20  # bytes of images that are held at once
OF_A_KEY = 400  # about what a key takes beside its images


class TooMuch(Exception):
    """More has changed than can be held: take a shorter stretch."""


class MissingRecord(ExportError):
    """A change does not go on from the one before it."""


@dataclass(slots=True)
class _Net:
    key: Item
    before: Item | None
    after: Item | None
    at: datetime
    around: list[Item | None] = field(default_factory=list)


@dataclass(slots=True)
class NetChanges:
    """The changes since shortly before `began`, the moment of the full export; `records` were added so far."""

    began: datetime
    key: tuple[KeyAttribute, ...]
    limit: int | None = AT_MOST
    records: int = 0
    held: int = 0
    _nets: dict[bytes, _Net] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._nets)

    def add(self, record: Record) -> None:
        """The next change of its key; raises MissingRecord where it is not the next, and TooMuch."""
        key = key_of(record.key, self.key)
        name = canonical_json(key)
        known = self._nets.get(name)
        if known is None:
            known = self._nets[name] = _Net(key, record.old, record.old, record.at)
            self.held += OF_A_KEY + _size(record.old)
        elif not _same(known.after, record.old):
            raise MissingRecord(
                f"the old image of record {record.sequence} should be what the change of the item before it had left, "
                "and is not"
            )
        known.after, known.at = record.new, max(known.at, record.at)
        self.held += _size(record.new)
        if self.began - SKEW <= record.at < self.began + SKEW:
            known.around.append(record.new)
        self.records += 1
        if self.limit is not None and self.held > self.limit:
            raise TooMuch

    def lines(self) -> Iterator[bytes]:
        """The changes as lines of an incremental export, one for each key."""
        for net in self._nets.values():
            yield orjson.dumps(_line(net))


def _line(net: _Net) -> dict[str, object]:
    micros = int(net.at.timestamp()) * 1_000_000
    metadata: dict[str, object] = {"WriteTimestampMicros": {"N": str(micros)}}
    if net.around:
        metadata[AROUND] = list(_different(net.around))
    line: dict[str, object] = {METADATA: metadata, KEYS: net.key}
    if net.before is not None:
        line[OLD] = net.before
    if net.after is not None:
        line[NEW] = net.after
    return line


def _different(states: Iterable[Item | None]) -> Iterator[Item | None]:
    """Each state once."""
    seen = set()
    for state in states:
        name = digest(state) if state is not None else None
        if name not in seen:
            seen.add(name)
            yield state


def _same(one: Item | None, two: Item | None) -> bool:
    if one is None or two is None:
        return one is two
    return one == two or digest(one) == digest(two)


def _size(image: Item | None) -> int:
    return 0 if image is None else len(orjson.dumps(image))
