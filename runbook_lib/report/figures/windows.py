"""What was brought to the targets since their exports: the windows, whether they are proved, what nothing covers."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.model.windows import WindowRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import count, duration, listed, moment, pluralize
from runbook_lib.run.facts.windows import WindowWarning
from runbook_lib.run.verdicts import PASS

APPLIED = "applied"
WINDOW_COLUMNS = (
    "Table", "Window", "From", "To", "State", "Changes", "Puts", "Deletes", "Lag: recovery", "Export", "Apply",
)  # fmt: skip
FIRST_NUMBER = WINDOW_COLUMNS.index("Changes")


def open_window(window: WindowRecord) -> str:
    """Why a window is no part of a proof; empty for one that is applied whole."""
    if window.state != APPLIED:
        return f"is {window.state or 'in no known state'} and not applied"
    puts, deletes, acknowledged, refused = window.puts, window.deletes, window.acknowledged, window.quarantined
    if window.changes is None or puts is None or deletes is None or acknowledged is None or refused is None:
        return "does not say how many changes it holds and how many were acknowledged"
    if not window.changes == puts + deletes == acknowledged + refused:
        return (
            f"holds {pluralize(window.changes, 'change')}: {count(puts)} puts and {count(deletes)} deletes, of which "
            f"{count(acknowledged)} were acknowledged and {count(refused)} refused"
        )
    made = window.transform
    if made is not None and made.exported + made.added != window.changes + made.left_out + made.quarantined:
        return (
            f"holds {pluralize(window.changes, 'change')}, made of {count(made.exported)}, of which "
            f"{count(made.left_out)} were left out and {count(made.quarantined)} refused with {count(made.added)} added"
        )
    if made is not None and made.broken:
        return f"has {pluralize(made.broken, 'change')} that do not go on from before, as it was exported"
    if refused := refused + (made.quarantined if made else 0):
        return f"has {pluralize(refused, 'change')} in quarantine"
    return f"has {pluralize(window.broken, 'change')} that do not go on from before" if window.broken else ""


def unproved_windows(table: TableRecord) -> list[str]:
    """Why an overlay does not prove a table; empty where it does, or where there is none."""
    changes = table.changes
    if changes is None:
        return []
    found = []
    due = (table.items_due or 0) - changes.left_out + changes.present
    if not changes.items_due == due == table.items_compared:
        found.append(
            f"{pluralize(due, 'item')} should be there after {pluralize(changes.windows, 'window')}, "
            f"{count(table.items_compared)} were compared"
        )
    if changes.raw_broken:
        found.append(f"{pluralize(changes.raw_broken, 'change')} that do not go on from the raw full export")
    if changes.broken:
        found.append(f"{pluralize(changes.broken, 'change')} that do not go on from the full export")
    second = changes.second_export
    if changes.second_due and (second is None or second.moment != changes.as_of):
        found.append("no comparison with a second full export of the end of its last window, which was asked for")
    return found


def unproved_record(record: RunRecord) -> list[str]:
    """Why the windows of a record do not bear out a PASS of the run."""
    found = [
        f"the run is called PASS, but window {w.number} of {w.source} {gap}"
        for w in record.windows
        if (gap := open_window(w))
    ]
    for table in record.tables:
        held = [w for w in record.windows if w.source == table.source]
        if len(held) != (table.changes.windows if table.changes else 0):
            found.append(f"{table.source} has {pluralize(len(held), 'window')}, and was not compared with all of them")
    return found


@dataclass(frozen=True, slots=True)
class WindowSection:
    """Rows under their columns, and what was to be warned of."""

    columns: tuple[str, ...]
    rows: list[list[str]]
    advice: list[str]
    first_number: int = FIRST_NUMBER


def window_section(record: RunRecord) -> WindowSection:
    """All that a report shows of windows; without rows where there were none."""
    return WindowSection(WINDOW_COLUMNS, window_rows_of(record), [*stream_lines(record), *window_advice(record)])


def window_rows_of(record: RunRecord) -> list[list[str]]:
    """One row per window: table, times, what it held, and the seconds of its lag."""
    return [
        [
            w.source, str(w.number), moment(w.start), moment(w.end), w.state, count(w.changes), count(w.puts),
            count(w.deletes), *(duration(part) for part in (w.lag.recovery, w.lag.export, w.lag.apply)),
        ]
        for w in record.windows
    ]  # fmt: skip


def windows_line(record: RunRecord) -> str:
    """How many windows there are by now, what they held, and how far behind the targets are."""
    if not record.windows:
        return "no window yet; an exported one takes at least 15 minutes of the sources' time"
    changes = sum(w.changes or 0 for w in record.windows)
    done = sum(w.state == APPLIED for w in record.windows)
    lag = "" if record.lag_seconds is None else f", lag at most {duration(record.lag_seconds)}"
    return f"{count(done)} of {pluralize(len(record.windows), 'window')} applied, {pluralize(changes, 'change')}{lag}"


def stream_lines(record: RunRecord) -> list[str]:
    """Which tables were followed by their streams, and what that came to."""
    found = []
    for source in dict.fromkeys(window.source for window in record.windows if window.stream):
        own = [window for window in record.windows if window.source == source and window.stream]
        records, changes = sum(w.records or 0 for w in own), sum(w.changes or 0 for w in own)
        found.append(
            f"{source} was followed by its stream: {pluralize(records, 'record')} in "
            f"{pluralize(len(own), 'window')}, of each key what they come to: {pluralize(changes, 'change')}."
        )
    return found


ADVICE = {
    WindowWarning.TTL_ON: "the target's time to live was on: what it removes counts as expired, not to be told from "
    "a delete that got lost; leave it off until the cut-over",
    WindowWarning.STREAM_ON: "the target had a stream: each change reached its consumers; make sure that they may "
    "receive it",
}


def window_advice(record: RunRecord) -> list[str]:
    """What was to be warned of at a target while windows were applied, one line for each kind."""
    found = []
    for warning, words in ADVICE.items():
        met = [window for window in record.windows if warning in window.warned]
        if met:
            sources = list(dict.fromkeys(window.source for window in met))
            found.append(f"In {pluralize(len(met), 'window')} of {listed(sources, 3)} {words}.")
    return found


def as_of(record: RunRecord) -> list[str]:
    """As of when the tables that were caught up with are proved, for the first screen."""
    moments = sorted(t.changes.as_of for t in record.tables if t.changes and t.changes.as_of)
    if not moments:
        return []
    first, last = moment(moments[0]), moment(moments[-1])
    when = first if first == last else f"{first} to {last}, each table by itself"
    brought = pluralize(len(record.windows), "window")
    caught = pluralize(len(moments), "table")
    found = [f"As of {when}: {brought} brought {caught} up to date; {due_in_targets(record)}."]
    left = [t.source for t in record.tables if t.verdict == PASS and not t.changes]
    if left:
        found.append(f"Not caught up with, and as of the export: {pluralize(len(left), 'table')} ({listed(left, 3)}).")
    return found


def due_in_targets(record: RunRecord) -> str:
    """How many items should be in the targets that were caught up with, and how that follows from the export."""
    caught = [(t.items_exported or 0, t.changes) for t in record.tables if t.changes]
    exported, gone = sum(items for items, _ in caught), sum(changes.left_out for _, changes in caught)
    present = sum(changes.present for _, changes in caught)
    return (
        f"{pluralize(exported, 'item')} exported - {count(gone)} written or deleted again since + {count(present)} in "
        f"their last version = {count(exported - gone + present)} due in the targets"
    )


def proved_as_of(record: RunRecord) -> str | None:
    """The moment that every table which was caught up with is proved as of; None where none was."""
    return min((t.changes.as_of for t in record.tables if t.changes and t.changes.as_of), default=None)


def gap_lines(record: RunRecord) -> list[str]:
    """What no export covers and was accepted as quiet, for the first screen; from and to as the file spells them."""
    return [
        f"GAP: no export of {gap.source} covers the time from {gap.start} to {gap.end}; "
        "catch_up.accept_gaps says that nothing was written then, which nobody could check."
        for gap in record.accepted_gaps
    ]


def bare_lines(record: RunRecord) -> list[str]:
    """Which tables are proved by windows that show no lost change, and what would show it, for the first screen."""
    bare = [
        t.source
        for t in record.tables
        if t.verdict == PASS and t.changes and not t.changes.old_images and t.changes.second_export is None
    ]
    reused = {window.source for window in record.windows if window.reused}
    remedies = {
        "Set catch_up.proof: full_export and run runbook catch-up once more.": [t for t in bare if t not in reused],
        "Begin a run that exports by itself, or have the windows exported with NEW_AND_OLD_IMAGES.": [
            t for t in bare if t in reused
        ],
    }
    return [
        "Without old images (catch_up.view: NEW_IMAGE) nothing shows that no change of "
        f"{pluralize(len(named), 'table')} ({listed(named, 3)}) is missing. {remedy}"
        for remedy, named in remedies.items()
        if named
    ]
