"""What a PASS rests on that nobody could be asked about: a manifest's word, a scan, a write that was not answered.

Tables are named in the order of the figures, as under "Needs attention": where both name the first of them, they are
the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from runbook_lib.record.model.base import as_moment
from runbook_lib.record.model.table import SCAN, TableRecord
from runbook_lib.record.remedy import came_since
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.windows import as_of, bare_lines, gap_lines
from runbook_lib.report.text import listed, moment, pluralize
from runbook_lib.run.verdicts import PASS

ANEW = (
    "If whatever changed the items has stopped and all may be filled again, start a new run with import.on_non_empty: "
    "overwrite, and export.reuse with the ARNs under Exports and digests, so that no export is paid for twice."
)


def unasked(table: TableRecord) -> bool:
    """Whether DynamoDB could not be asked if the table's export is the whole table."""
    return table.export_whole is not None and not table.export_whole.checked


def taken_on_trust(figures: RunFigures) -> list[str]:
    """The sentences for the first screen, if there is anything to say."""
    known = figures.record
    return [
        *as_of(known),
        *gap_lines(known),
        *bare_lines(known),
        *of_other_runs(known),
        *_unasked(figures),
        *_scanned(figures),
        *late_writes(known),
        *_written_by_others(figures),
    ]


def late_writes(record: RunRecord) -> list[str]:
    """Tables that a write could have reached after they were compared; one looked at later has seen what it did."""
    named: dict[str, datetime] = {}
    for table in record.tables:
        until, looked = as_moment(table.write_in_doubt_until), as_moment(table.read.target[0] if table.read else None)
        if until and table.verdict == PASS and (looked is None or looked < until):
            named[table.target] = until
    if not named:
        return []
    return [
        f"{pluralize(len(named), 'table')} ({listed(sorted(named), 3)}) compared while a write whose answer never came "
        f"could still take effect, until {moment(max(named.values()).isoformat())}: it would put its item back over "
        "what was written or deleted under the same key since. Validate again after that."
    ]


def _written_by_others(figures: RunFigures) -> list[str]:
    """Tables that other runs have written to: nothing here shows that one of them does not go on."""
    named = [t for t in figures.tables if t.verdict == PASS and t.registered and t.registered.others]
    if not named:
        return []
    runs = sorted({run for t in named for run in (t.registered.others or () if t.registered else ())})
    return [
        f"{pluralize(len(named), 'table')} ({listed([t.target for t in named], 3)}) also written to by "
        f"{'the run' if len(runs) == 1 else 'the runs'} {listed(runs, 3)}: what this page says of them holds only if "
        f"{'that run has' if len(runs) == 1 else 'those runs have'} ended."
    ]


def of_newcomers(record: RunRecord) -> list[str]:
    """Tables that are no PASS and that other runs have begun to write to after this one did."""
    named = [t for t in record.tables if t.verdict != PASS and came_since(t)]
    if not named:
        return []
    return [
        f"{pluralize(len(named), 'table')} ({listed(sorted(t.target for t in named), 3)}) written to by "
        f"{_newcomers(named)} since this run began: what is not as exported there may be theirs."
    ]


def _newcomers(tables: Sequence[TableRecord]) -> str:
    runs = sorted({run for table in tables for run in came_since(table)})
    return f"the run{'s' if len(runs) > 1 else ''} {listed(runs, 3)}"


def take_back_first(wrong: Sequence[TableRecord]) -> str:
    """What to do about tables that are wrong and that other runs have come to since; empty without such."""
    named = [table for table in wrong if came_since(table)]
    if not named:
        return ""
    return (
        f"Since this run began, {_newcomers(named)} began to write to {listed(sorted(t.target for t in named), 3)}: no "
        "repair of this run replaces or deletes anything there. If what came later is not needed, take that run back "
        "first (runbook rollback, or cleanup, with its run id), and validate this one again; if it is, start a new run "
        "with import.on_non_empty: append, which replaces nothing."
    )


def of_other_runs(record: RunRecord) -> list[str]:
    """Which other runs' exports were loaded: they are as old as they are, whenever this run was."""
    named: dict[str, list[TableRecord]] = {}
    for table in record.tables:
        if table.reused_run:
            named.setdefault(table.reused_run, []).append(table)
    lines = []
    for run, tables in sorted(named.items()):
        moments = [moment(at) for at in sorted({table.export_time for table in tables if table.export_time})]
        when = f"as of {' to '.join(moments[:: max(1, len(moments) - 1)])}" if moments else "not read yet"
        lines.append(
            f"Same export as run {run} ({pluralize(len(tables), 'table')}, {when}): nothing was exported for this run, "
            "and what was written to the sources since then is not included."
        )
    return lines


def _scanned(figures: RunFigures) -> list[str]:
    """A scan does not capture one moment, whatever agrees with it."""
    named = [(t.source, t.scan_witnesses) for t in figures.tables if t.method == SCAN and t.scan_witnesses]
    if not named:
        return []
    twice = sum(witnesses.scanned == witnesses.counted for _, witnesses in named)
    borne = (
        "a second count with other segments found the same number of items"
        if twice == len(named)
        else f"a second count with other segments found the same number of items in {twice:,} of them; in the others, "
        "items that were deleted meanwhile explain the difference"
    )
    return [
        f"{pluralize(len(named), 'table')} ({listed([source for source, _ in named], 3)}) read by Scan, not as of one "
        f"moment: changes made meanwhile may be missing; {borne}."
    ]


def _unasked(figures: RunFigures) -> list[str]:
    named = [t for t in figures.tables if unasked(t)]
    if not named:
        return []
    why = next(
        (t.export_whole.why for t in named if t.export_whole and t.export_whole.why), "the reason is not recorded"
    )
    return [
        f"As this export says: nobody could check whether the export of {pluralize(len(named), 'table')} is the "
        f"whole table ({listed([t.source for t in named], 3)}); {why}."
    ]
