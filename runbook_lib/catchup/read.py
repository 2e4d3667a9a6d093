"""Read a window whole before any of it is written: every line a change of it, each key once, each going on from before.

What is kept of a change are digests under the run's secret: what its key was, what it became, what it had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from runbook_lib.catchup.read_units import WindowReadUnit, have_read
from runbook_lib.cluster.connect import open_processes, site_of
from runbook_lib.cluster.processes import processors
from runbook_lib.cluster.spread import worth_processes
from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.change import BOTH_IMAGES, ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import CheckedChanges, fetch_changes, read_changes
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.facts.windows import WindowFact, WindowState, keep_window
from runbook_lib.run.run import Run
from runbook_lib.run.steps import CATCH_UP
from runbook_lib.run.tables.windows import (
    ChangeRow,
    export_files,
    forget_changes,
    keep_changes,
    rows_of,
    window_counts,
)
from runbook_lib.transform.key_check import KeysCollide

AT_ONCE = 20_000  # changes: a few megabytes of digests


def lines_window(fact: WindowFact, key: tuple[KeyAttribute, ...]) -> ChangeWindow:
    """What the lines of a window are held to."""
    return ChangeWindow(*fact.span, fact.view, key)


@contextmanager
def open_changes(run: Run, fact: WindowFact, file: DataFile, key: tuple[KeyAttribute, ...]) -> Iterator[CheckedChanges]:
    """A checked file of a window, also of one that is not applied."""
    with fetch_changes(run.clients.staging, fact.bucket, file, lines_window(fact, key)) as checked:
        yield checked


def read_window(run: Run, fact: WindowFact, key: tuple[KeyAttribute, ...]) -> WindowFact:
    """Check all of a window and record its changes; raises CorruptFile, nothing of it written, if it is not whole.

    They are recorded all or none, so that each line can be checked as it is read.
    """
    secret, ledger = run.secret, run.ledger
    if fact.state is not WindowState.EXPORTED and fact.digests == secret.fingerprint:
        return fact
    with ledger.batch():
        forget_changes(ledger, fact.source, fact.number)
        _record_changes(run, fact, lines_window(fact, key))
        counts = window_counts(ledger, fact.source, fact.number)
        if counts.puts + counts.deletes != fact.changes and fact.raw is not None:
            raise KeysCollide(
                (fact.changes or 0) - counts.puts - counts.deletes,
                f"window {fact.number} ({fact.start} to {fact.end}) has {fact.changes} changes of "
                f"{counts.puts + counts.deletes} keys, by DUPLICATE_KEY or because keys become one: which of a key's "
                "is its last state, nobody knows. Nothing of the window was written.",
            )
        if counts.puts + counts.deletes != fact.changes:
            raise CorruptFile(
                f"{fact.folder}: DUPLICATE_KEY: window {fact.number} ({fact.start} to {fact.end}) has {fact.changes} "
                f"changes of {counts.puts + counts.deletes} keys; which of a key's is its last state, nobody knows. "
                "Nothing of the window was written: export it again"
            )
        return keep_window(
            ledger,
            replace(
                fact,
                state=WindowState.READ if fact.state is WindowState.EXPORTED else fact.state,
                puts=counts.puts,
                deletes=counts.deletes,
                broken=counts.broken,
                digests=secret.fingerprint,
            ),
        )


def _record_changes(run: Run, fact: WindowFact, window: ChangeWindow) -> None:
    """Record what is kept of every change; large windows are read by worker processes of this machine."""

    def keep(rows: list[ChangeRow]) -> None:
        keep_changes(run.ledger, fact.source, fact.number, rows)

    left = [row.file for row in export_files(run.ledger, fact.source, fact.arn or "")]
    many = (run.config.validate_.processes or processors()) if run.config.engine.kind == "local" else 1
    if shared := worth_processes(left, many):
        with open_processes(run, CATCH_UP, many) as roster:
            if roster is not None:
                unit = WindowReadUnit(site_of(run), fact.bucket, window, run.secret)
                have_read(roster, fact.source, many, unit.of(shared), keep)
                left = [file for file in left if file not in shared]
    changes = read_changes(run.clients.staging, fact.bucket, left, window)
    rows = rows_of(changes, run.secret, known=fact.view == BOTH_IMAGES)
    while some := list(islice(rows, AT_ONCE)):
        keep(some)
