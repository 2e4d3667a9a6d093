"""Live tables of what a step is doing, which end as plain static HTML wherever they are shown.

One output is updated in place; there is no widget that could be left behind dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

from IPython.display import HTML, display

from runbook_lib.loading import TableProgress

EVERY = 0.5


class LiveTable:
    """Rows by name, redrawn at most twice a second and once more at the end of the step."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._rows: dict[str, tuple[str, ...]] = {}
        self._drawn = 0.0
        self._handle: Any = None
        self.link: str | None = None

    def set(self, name: str, *cells: str) -> None:
        self._rows[name] = cells
        if time.monotonic() - self._drawn > EVERY:
            self.draw()

    def drop(self, name: str) -> None:
        """Show a row no more."""
        self._rows.pop(name, None)

    def draw(self) -> None:
        """Show the rows as they are now."""
        self._drawn = time.monotonic()
        head = "".join(f"<th>{escape(c)}</th>" for c in ("table", *self._columns))
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in (name, *cells)) + "</tr>"
            for name, cells in self._rows.items()
        )
        link = f"<p>Dask's dashboard: <a href='{escape(self.link)}'>{escape(self.link)}</a></p>" if self.link else ""
        content = HTML(  # type: ignore[no-untyped-call]
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{link}"
        )
        if self._handle is None:
            self._handle = display(content, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content)


def export_progress() -> Callable[[dict[str, dict[str, Any]]], None]:
    """Shows the state of every export; for `export_tables`."""
    table = LiveTable("state", "items", "export")

    def watch(states: dict[str, dict[str, Any]]) -> None:
        for source, fact in states.items():
            items = f"{fact['items']:,}" if fact.get("items") is not None else ""
            table.set(source, fact["status"], items, fact.get("arn") or "")
        if states and all(fact["status"] != "IN_PROGRESS" for fact in states.values()):
            table.draw()

    return watch


def import_progress() -> Callable[[TableProgress], None]:
    """Shows each table's items, rates, throttles and remaining time, and those of all together; for `import_tables`."""
    table = LiveTable("state", "items", "MB", "items/s", "WCU/s", "WCU", "throttled", "left")
    known: dict[str, TableProgress] = {}
    workers: set[str] = set()

    def watch(now: TableProgress) -> None:
        known[now.source], table.link = now, now.dashboard
        table.set(now.target, *_cells(now))
        for name in workers - {shift.worker for shift in now.workers}:
            table.drop(name)
        for shift in now.workers:
            workers.add(shift.worker)
            at_hand = f"{shift.at_hand} file{'' if shift.at_hand == 1 else 's'} at hand"
            table.set(shift.worker, at_hand, f"{shift.items:,}", "", f"{shift.rate:,.0f}", "", "", "", "")
        if len(known) > 1:
            table.set("all tables", *_cells(_together(list(known.values()))))
        if now.state not in ("waiting", "loading"):
            table.draw()

    return watch


def _cells(now: TableProgress) -> tuple[str, ...]:
    eta = now.eta_seconds if now.state == "loading" else None
    return (
        now.state,
        f"{now.done:,} of {now.items:,}",
        f"{now.bytes / 1e6:,.1f}",
        f"{now.rate:,.0f}" if now.rate else "",
        f"{now.wcu_rate:,.0f}" if now.wcu_rate else "",
        f"{now.wcu:,.0f}",
        f"{now.refused:,} items" if now.refused else "",
        f"{eta:,.0f} s" if eta is not None else "",
    )


def _together(tables: list[TableProgress]) -> TableProgress:
    """All tables as one; they are loaded one after another, so the rate is that of the one being loaded."""
    loading = [t for t in tables if t.state == "loading"]
    whole = TableProgress("", "", sum(t.items for t in tables), state="loading" if loading else "")
    for name in ("done", "quarantined", "bytes", "wcu", "throttles", "refused"):
        setattr(whole, name, sum(getattr(t, name) for t in tables))
    for name in ("rate", "wcu_rate"):
        setattr(whole, name, sum(getattr(t, name) for t in loading))
    return whole


def validation_progress() -> Callable[[str, str, int, int], None]:
    """Shows how far the comparison of each table is; for `validate_tables`."""
    table = LiveTable("state", "items")

    def watch(source: str, state: str, done: int, expected: int) -> None:
        table.set(source, state, f"{done:,} of {expected:,}")
        if state in ("PASS", "FAIL"):
            table.draw()

    return watch
