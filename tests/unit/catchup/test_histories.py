"""Random histories of a table, cut anywhere into windows, applied with kills: the target is the source at the end."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from runbook_lib.export_format.change import BOTH_IMAGES, NEW_IMAGE, ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import fetch_changes, read_changes
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.chain import Link, Span, chain_faults
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.windows import Overlay, WindowCounts, keep_changes, rows_of, window_counts
from runbook_lib.sandbox.emulator.change_log import ChangeLog
from runbook_lib.sandbox.emulator.s3.incremental import change_lines

KEY = (KeyAttribute("id", "S", "HASH"),)
T0 = datetime(2026, 1, 14, 10, tzinfo=UTC)
Item = dict[str, Any]
Table = dict[str, Item]
HISTORIES = 50


class Bucket:
    """One object."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def get_object(self, **asked: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.body), "ContentLength": len(self.body), "ETag": '"x"'}


@dataclass
class History:
    """A table that is written to at random: put, update, delete, make again, expire."""

    chance: random.Random
    source: Table = field(default_factory=dict)
    log: ChangeLog = field(default_factory=ChangeLog)
    now: datetime = T0

    def write(self) -> None:
        """One write of one of a few keys, some time later."""
        self.now += timedelta(seconds=self.chance.choice([0, 0.001, 1, 30, 600]))
        name = f"k{self.chance.randrange(8)}"
        old = self.source.get(name)
        new = None if old is not None and self.chance.random() < 0.5 else self._item(name)
        if new is None:
            self.source.pop(name)
        else:
            self.source[name] = new
        self._note(name, old, new)

    def _item(self, name: str) -> Item:
        return {"id": {"S": name}, "n": {"N": str(self.chance.randrange(5))}, "NewImage": {"S": '"NewImage":'}}

    def _note(self, name: str, old: Item | None, new: Item | None) -> None:
        images = [orjson.dumps(image) if image is not None else None for image in (old, new)]
        self.log.add(self.now, (name.encode().ljust(16),), orjson.dumps({"id": {"S": name}}), *images)


@dataclass
class CaughtUp:
    """A target, and what a ledger knows of the windows that were applied to it."""

    ledger: Ledger
    secret: RunSecret
    target: Table
    full: Table
    chance: random.Random
    number: int = 0

    def apply(self, lines: list[bytes], window: ChangeWindow) -> WindowCounts:
        """Read a window, then write it: killed anywhere, begun again, and some of it sent twice."""
        self.number += 1
        body = gzip.compress(b"".join(line + b"\n" for line in lines))
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        with fetch_changes(Bucket(body), "b", DataFile(0, "k", md5, len(lines)), window) as checked:
            known = window.view == BOTH_IMAGES
            changes = read_changes(Bucket(body), "b", [checked.file], window)
            keep_changes(self.ledger, "t", self.number, rows_of(changes, self.secret, known=known))
            sent = [orjson.loads(line) for _, line in checked.items()]
        for _ in range(self.chance.randrange(3)):  # killed: what was on its way may be there, in any order
            self._send(self.chance.sample(sent, self.chance.randint(0, len(sent))))
        self._send(self.chance.sample(sent, len(sent)))
        return window_counts(self.ledger, "t", self.number)

    def _send(self, lines: list[Item]) -> None:
        for line in lines:
            if "Item" in line:
                self.target[line["Item"]["id"]["S"]] = line["Item"]
            else:
                self.target.pop(line["Key"]["id"]["S"], None)

    def expected(self) -> Table:
        """The full export with the windows laid over it, as digests know it."""
        overlay = Overlay(self.ledger, "t", self.number)
        held = {name: item for name, item in self.full.items() if overlay.get(self._digest(name)) is None}
        for name, item in self.target.items():
            known = overlay.get(self._digest(name))
            if known is not None and known.digest == self.secret.item_digest(canonical_json(item)):
                held[name] = item
        assert overlay.present() == len(held) - sum(overlay.get(self._digest(n)) is None for n in held)
        return held

    def broken_at_the_beginning(self) -> int:
        """How many keys of the full export are not what their first change says that they were."""
        overlay, broken = Overlay(self.ledger, "t", self.number), 0
        for name in {f"k{n}" for n in range(8)}:
            known = overlay.get(self._digest(name))
            item = self.full.get(name)
            held = self.secret.item_digest(canonical_json(item)) if item is not None else None
            broken += known is not None and known.first_known and known.first_old != held
        return broken

    def _digest(self, name: str) -> bytes:
        return self.secret.key_digest(canonical_json({"id": {"S": name}}))


@dataclass(frozen=True)
class Cut:
    """One window of a history: its lines as AWS writes them, and what the source was at its end."""

    span: Span
    lines: list[bytes]
    source: Table


def cuts(history: History, chance: random.Random, view: str) -> Iterator[Cut]:
    """Windows that touch, of random lengths, with random writes in each."""
    start = T0
    for _ in range(chance.randint(1, 5)):
        end = start + timedelta(seconds=chance.randint(15 * 60, 3 * 3600))
        while chance.random() < 0.9:
            history.write()
            if history.now >= end:
                end = history.now.replace(microsecond=0) + timedelta(seconds=1)
        end = min(end, start + timedelta(hours=24))
        if history.now >= end:
            return
        history.now = end
        lines = change_lines(history.log, start, end, both=view == BOTH_IMAGES)
        yield Cut(Span(start, end), lines, dict(history.source))
        start = end


def begun(seed: int, folder: Path) -> tuple[History, CaughtUp, random.Random]:
    chance = random.Random(seed)
    history = History(chance)
    for _ in range(chance.randrange(10)):
        history.write()
    history.now, history.log = T0, ChangeLog()
    full = dict(history.source)
    made = CaughtUp(Ledger(folder / f"{seed}.sqlite"), RunSecret(bytes(32)), dict(full), full, chance)
    return history, made, chance


@pytest.mark.parametrize("view", [BOTH_IMAGES, NEW_IMAGE])
def test_the_target_is_the_source_at_the_end_of_every_window(view: str, tmp_path: Path) -> None:
    applied = 0
    for seed in range(HISTORIES):
        history, made, chance = begun(seed, tmp_path)
        links = []
        for cut in cuts(history, chance, view):
            counts = made.apply(cut.lines, ChangeWindow(cut.span.start, cut.span.end, view, KEY))
            assert (counts.puts + counts.deletes, counts.broken) == (len(cut.lines), 0)
            assert made.target == cut.source == made.expected()
            links.append(Link(cut.span, "id", view))
            applied += len(cut.lines)
        assert list(chain_faults(T0, "id", links)) == []
        assert made.broken_at_the_beginning() == 0
        made.ledger.close()
    assert applied > 5 * HISTORIES


def test_a_change_that_is_missing_is_found_by_the_next_change_of_its_key(tmp_path: Path) -> None:
    found = 0
    for seed in range(HISTORIES):
        history, made, chance = begun(seed, tmp_path)
        missing = None
        for cut in cuts(history, chance, BOTH_IMAGES):
            window = ChangeWindow(cut.span.start, cut.span.end, BOTH_IMAGES, KEY)
            lines = {orjson.loads(line)["Keys"]["id"]["S"]: line for line in cut.lines}
            if missing is None:
                real = [name for name, line in lines.items() if _changed(orjson.loads(line))]
                missing = chance.choice(real) if real else None
                lines.pop(missing or "", None)
                made.apply(list(lines.values()), window)
            elif made.apply(list(lines.values()), window) and missing in lines:
                broken = window_counts(made.ledger, "t", made.number).broken + made.broken_at_the_beginning()
                assert broken >= 1
                found += 1
                break
        made.ledger.close()
    assert found > HISTORIES // 5


def _changed(row: dict[str, Any]) -> bool:
    return bool(row.get("OldImage") != row.get("NewImage"))
