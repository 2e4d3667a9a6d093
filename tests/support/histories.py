"""Tables that are written to at random and caught up with in a run that is killed at random, over HTTP with faults.

Several tables are moved in one run, for a run costs more than a table. A kill is an exception at a random moment, a
write of the ledger or a request, after which nothing of that life is written or sent any more, as after a SIGKILL.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from runbook_lib.aws.guard.guard import Guard
from runbook_lib.catchup.step import catch_up
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_run
from runbook_lib.validate.step import validate_tables
from tests.support.lives import live
from tests.support.streamed import BY_STREAMS, stream_on
from tests.support.world import Item, World

KEYS = 6  # of each table
FAULTS: tuple[tuple[str, str], ...] = (
    ("BatchWriteItem", "unprocessed"), ("BatchWriteItem", "throttle"), ("BatchWriteItem", "internal-error"),
    ("BatchWriteItem", "reset"), ("BatchWriteItem", "lost-reply"), ("GetObject", "truncate"), ("GetObject", "reset"),
    ("ExportTableToPointInTime", "lost-reply"), ("ExportTableToPointInTime", "internal-error"),
    ("DescribeExport", "reset"), ("DescribeContinuousBackups", "internal-error"), ("DescribeTable", "reset"),
    ("BatchGetItem", "throttle"), ("Scan", "lost-reply"),
)  # fmt: skip
READS = ("DescribeStream", "GetShardIterator", "GetRecords")
OF_STREAMS: tuple[tuple[str, str], ...] = (
    ("GetRecords", "expired-iterator"),
    *((read, kind) for read in READS for kind in ("throttle", "internal-error", "reset", "lost-reply")),
)
OF_A_BUCKET = "GetObject"
QUICK = {"catch_up": {"margin_seconds": 0, "quiet_seconds": 0, "window_minutes": 20},
         "export": {"poll_seconds": 0.05}, "validate": {"index_samples": 0, "segments": 1}}  # fmt: skip


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Mortality:
    """Lets a life come to its `end`-th moment; None lets it live. `moments` is how many it had."""

    end: int | None
    moments: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pass_moment(self) -> None:
        with self.lock:
            self.moments += 1
            if self.end is not None and self.moments > self.end:
                raise Killed


@contextmanager
def mortal(end: int | None) -> Iterator[Mortality]:
    """Each write of a ledger and each request is a moment; after the last one nothing happens any more."""
    life, write, count = Mortality(end), Ledger.write, Guard.count

    def mortal_write(self: Ledger, statement: str, values: Any) -> None:
        life.pass_moment()
        write(self, statement, values)

    def mortal_count(self: Guard, operation: str) -> None:
        life.pass_moment()
        count(self, operation)

    with patch.object(Ledger, "write", mortal_write), patch.object(Guard, "count", mortal_count):
        yield life


@dataclass
class History:
    """Some tables of a world that are written to at random: put, update, delete, make again, expire."""

    world: World
    chance: random.Random
    names: tuple[str, ...]
    by: str = "windows"
    held: dict[str, dict[str, Item]] = field(default_factory=dict)
    kills: int = 0

    def begin(self) -> None:
        """Tables with a few items each, of which some will expire."""
        for name in self.names:
            self.world.pair(name, **(stream_on() if self.by == "streams" else {}))
            self.held[name] = {}
            for _ in range(self.chance.randrange(KEYS)):
                self._write(name)

    def write_for_a_while(self) -> None:
        """Writes to all tables with time between them, so that a cut falls anywhere."""
        for name in self.names:
            for _ in range(self.chance.randint(1, 5)):
                for _ in range(self.chance.randrange(4)):
                    self._write(name)
                self.world.let_pass(name, self.chance.uniform(0.5, 12))
                if self.by == "streams" and self.chance.random() < 0.2:
                    self._break_up(name)
            self.world.let_pass(name, 16)

    def _break_up(self, name: str) -> None:
        """The shards that are open end, after four hours or because they are split, and others follow them."""
        if self.chance.random() < 0.5:
            self.world.split_stream(name)
        else:
            self.world.let_pass(name, 250)

    def _write(self, name: str) -> None:
        table, held = self.world.src(name), self.held[name]
        key = f"k{self.chance.randrange(KEYS)}"
        if key in held and self.chance.random() < 0.4:
            self.world.source.delete_item(TableName=table, Key={"id": {"S": key}})
            held.pop(key)
            if self.chance.random() < 0.5:
                return
        item = {"id": {"S": key}, "n": {"N": str(self.chance.randrange(3))}, "NewImage": {"S": '"Keys":{'}}
        if self.chance.random() < 0.3:
            item["until"] = {"N": "1700000000"}
        self.world.source.put_item(TableName=table, Item=item)
        held[key] = item

    def misbehave(self) -> None:
        """Two faults at most, so that a life can come to its end."""
        self.world.clear_faults()
        for operation, kind in self.chance.sample(FAULTS + (OF_STREAMS if self.by == "streams" else ()), 2):
            seed = self.chance.randrange(1 << 30)
            self.world.fault(operation=operation, kind=kind, probability=0.2, times=2, seed=seed)

    def targets(self) -> dict[str, dict[str, Item]]:
        return {
            name: {item["id"]["S"]: item for item in self.world.items(self.world.target, self.world.dst(name))}
            for name in self.names
        }


def moved_history(
    world: World, seed: int, tables: int, rounds: int, *, by_signal: bool = False, by: str = "windows"
) -> History:
    """Tables that were written to, caught up with and proved, however often the run was killed on its way.

    It is killed `by_signal`, in a process of its own, or in this one.
    """
    chance = random.Random(seed)
    history = History(world, chance, tuple(f"h{n:02}" for n in range(tables)), by)
    history.begin()
    config = world.config(**{**QUICK, "catch_up": QUICK["catch_up"] | (BY_STREAMS if by == "streams" else {})})
    run = open_run(str(config), "r", True)
    preflight(run)
    export_tables(run)
    import_tables(run)
    run.ledger.close()
    lasted = 60 * tables
    for _ in range(rounds):
        history.write_for_a_while()
        if by_signal:
            _caught_up_by_processes(history, config)
        else:
            lasted = _caught_up(history, config, lasted)
        assert history.targets() == history.held
    run = open_run(str(config), "r", True)
    for fact in validate_tables(run).values():
        assert (fact.verdict, fact.reasons) == ("PASS", ())
        assert fact.changes is not None
        assert fact.changes.broken == 0
    run.ledger.close()
    return history


def _caught_up(history: History, config: Path, lasted: int) -> int:
    """Catch up in lives that are killed, and in one that is not; how many moments that one had."""
    for end in (*(history.chance.randint(1, lasted) for _ in range(history.chance.randrange(4))), None):
        history.misbehave()
        with ExitStack() as shut, mortal(end) as life:
            try:
                run = open_run(str(config), "r", True)
                shut.callback(run.ledger.close)
                catch_up(run, sleep=_let_be)
            except Killed:
                history.kills += 1
    history.world.clear_faults()
    return max(20, life.moments)


def _let_be(seconds: float) -> None:
    """Wait for an export, and for nothing else: time passes at the sources without that."""
    time.sleep(min(seconds, 0.05))


def _caught_up_by_processes(history: History, config: Path) -> None:
    """Catch up in processes that are killed with SIGKILL, each a little later, and in one that is not."""
    for seconds in (*(history.chance.uniform(0.05, 2.0) for _ in range(3)), None):
        history.misbehave()
        history.kills += not live(config, "r", ["catch_up"], seconds)
    history.world.clear_faults()
