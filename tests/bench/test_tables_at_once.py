"""Several tables side by side: together they take hardly longer than the slowest of them takes alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.cluster.at_once import Share
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import lanes_for
from runbook_lib.load.side_by_side import side_by_side
from runbook_lib.load.table_writer import TableToFill
from runbook_lib.run.ledger import Ledger
from tests.bench import OneFile, engine_run, publish
from tests.bench.capacity_import import export_of, load_with, nobody
from tests.bench.capacity_table import Shape, running_table

UNITS, ITEMS, FILES, START = 1_000, 5_000, 4, 4_000.0


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds for all tables, and the share of the writes that had to be sent again."""

    seconds: float
    throttled: float


def fleet(many: int, at_once: int, stored: Sequence[OneFile], folder: Path, *, known: bool) -> Took:
    """Load so many tables of 1,000 units per second, each a server of its own."""
    with ExitStack() as stack, closing(Ledger(folder / f"{len(list(folder.iterdir()))}.sqlite")) as ledger:
        servers = {str(n): stack.enter_context(running_table(Shape(1, UNITS))) for n in range(many)}
        run, share = engine_run(ledger, Calls(), {f.file.key: f for f in stored}), Share()

        def work(table: TableToFill) -> None:
            start = UNITS if known else START
            capacity = WriteRateController(
                lanes_for(FILES, start), run.config.import_.concurrency, start, known=known, shared=share.of
            )
            name = table.pair.source
            load_with(run, name, servers[name].endpoint, stored, capacity, table.watch)

        pairs: list[Any] = [SimpleNamespace(source=name, target=name) for name in servers]
        export: Any = SimpleNamespace(items=ITEMS)
        began = time.monotonic()
        failed = side_by_side([TableToFill(run, pair, export, nobody) for pair in pairs], work, at_once, share, nobody)
        seconds = time.monotonic() - began
        assert failed == {}
        seen = [server.account() for server in servers.values()]
        return Took(seconds, 1 - sum(s.taken for s in seen) / sum(s.asked for s in seen))


@pytest.mark.bench
def test_eight_tables_take_as_long_as_one(tmp_path: Path) -> None:
    stored = export_of(ITEMS, FILES)
    rows, ratios = [], []
    for known in (True, False):
        alone, together = fleet(1, 1, stored, tmp_path, known=known), fleet(8, 8, stored, tmp_path, known=known)
        one_by_one = fleet(8, 1, stored, tmp_path, known=known)
        ratios.append(together.seconds / alone.seconds)
        for name, took in (("one table", alone), ("eight, side by side", together), ("eight, one by one", one_by_one)):
            limit = "known" if known else "not known"
            ratio = took.seconds / alone.seconds
            rows.append((name, limit, f"{took.seconds:.1f}", f"{ratio:.2f}", f"{took.throttled:.2%}"))
        assert together.throttled <= alone.throttled + 0.02
    publish(
        "tables at once",
        f"Tables of {UNITS:,} units/s, {ITEMS:,} items in {FILES} files each, a server each",
        ("tables", "the tables' limit", "seconds", "times one", "of the writes throttled"),
        rows,
    )
    # Eight servers share two cores with the import; nothing that learns its limit begins as fast as what knows it.
    assert ratios[0] <= 1.4
    assert ratios[1] <= 1.6
