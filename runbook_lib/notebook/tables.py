"""Tables as static HTML: every row, what went wrong first, nothing cut, numbers to the right.

An untrusted notebook runs no script and loads no style, so all of it stands in the markup. The same rows are there as
text for a script, and as a pandas frame for whoever wants to go on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from runbook_lib.extras import require
from runbook_lib.notebook.output import BAD, GOOD, chip, colour_of
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.report.text import NOT_MEASURED, count, duration, moment, size

if TYPE_CHECKING:
    import pandas as pd

RANK = {BAD: 0, GOOD: 2}  # what is neither stands between them
WIDE = 8  # columns and more do not fit a narrow window
LAST = {"not chosen": 3}  # what the run is not about
CELL = "padding:3px 4px;vertical-align:top;border-bottom:1px solid #9ca3af;"


def _text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, how a value of it is spelled, and whether it is a number or the row's outcome.

    An outcome `in_turn` leaves the rows in the order they come in. What is `whole` is not broken into lines, a moment
    at most between its day and its time. A `reason` keeps room for a sentence.
    """

    name: str
    spell: Callable[[Any], str] = _text
    number: bool = False
    outcome: bool = False
    names: bool = False
    in_turn: bool = False
    whole: bool = False
    moments: bool = False
    reason: bool = False


def names_column(name: str) -> Column:
    """A column of names of tables, which keeps enough room for them beside many others."""
    return Column(name, names=True)


def reason(name: str) -> Column:
    """A column that says why it stands so with a row, beside the outcome: further right it may be out of sight."""
    return Column(name, reason=True)


def number(name: str) -> Column:
    """A column of counts; what was not measured says so."""
    return Column(name, count, number=True)


def seconds(name: str) -> Column:
    """A column of durations."""
    return Column(name, duration, number=True)


def weight(name: str) -> Column:
    """A column of sizes in bytes."""
    return Column(name, size, number=True)


def when_column(name: str) -> Column:
    """A column of moments in UTC; empty where there is none."""
    return Column(name, lambda value: moment(value) if value else "", moments=True)


def outcome(name: str) -> Column:
    """The column that says how it stands with a row; it decides the order, what went wrong first."""
    return Column(name, outcome=True)


def state_in_turn(name: str) -> Column:
    """The same for rows that follow each other and stay in their order."""
    return Column(name, outcome=True, in_turn=True)


@dataclass(frozen=True, slots=True)
class ShownTable:
    """Rows to be looked at. `empty` is said where there is no row."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    empty: str
    off: frozenset[tuple[int, int]] = field(default=frozenset())  # cells that disagree, by place in `rows`

    @classmethod
    def of(
        cls,
        caption: str,
        columns: Sequence[Column],
        rows: Iterable[Sequence[Any]],
        empty: str,
        off: Callable[[Sequence[Any]], Iterable[int]] = lambda row: (),
    ) -> ShownTable:
        """The rows in the order of their outcome; `off` names the cells of a row that disagree with its others."""
        place = next((n for n, column in enumerate(columns) if column.outcome and not column.in_turn), None)
        ordered = [tuple(row) for row in rows]
        if place is not None:
            ordered.sort(key=lambda row: LAST.get(str(row[place]), RANK.get(colour_of(str(row[place])), 1)))
        wrong = frozenset((n, cell) for n, row in enumerate(ordered) for cell in off(row))
        return cls(caption, tuple(columns), tuple(ordered), empty, wrong)

    def outcomes(self) -> list[str]:
        """The outcomes that there are, in the order of the rows."""
        places = [n for n, column in enumerate(self.columns) if column.outcome]
        return list(dict.fromkeys(str(row[places[0]]) for row in self.rows)) if places else []

    def only(self, outcome: str) -> ShownTable:
        """The rows with this outcome."""
        place = next(n for n, column in enumerate(self.columns) if column.outcome)
        kept = [n for n, row in enumerate(self.rows) if str(row[place]) == outcome]
        off = frozenset((new, cell) for new, old in enumerate(kept) for n, cell in self.off if n == old)
        return replace(self, rows=tuple(self.rows[n] for n in kept), off=off)

    def frame(self) -> pd.DataFrame:
        """The rows as a pandas frame, with the values as they are."""
        require("lab", "a pandas frame")
        import pandas as pd  # it takes longer to import than a run takes to open, and few ask for it

        return pd.DataFrame(list(self.rows), columns=[column.name for column in self.columns])

    def __str__(self) -> str:
        if not self.rows:
            return f"{self.caption}: {self.empty}"
        cells = [[c.name for c in self.columns], *([visible(t) for t in self._spelled(row)] for row in self.rows)]
        widths = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        lines = [
            "  ".join(t.rjust(w) if c.number else t.ljust(w) for t, w, c in zip(row, widths, self.columns, strict=True))
            for row in cells
        ]
        return "\n".join([self.caption, *(line.rstrip() for line in lines)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p style='text-align:left'>{escape(self.empty)}</p>"
        head = "".join(f"<th style='{_aligned(c, c.name)}{CELL}'>{escape(c.name)}</th>" for c in self.columns)
        body = "".join(f"<tr>{self._cells(n, row)}</tr>" for n, row in enumerate(self.rows))
        return (
            f"{self._told_wide()}<div style='overflow-x:auto'>"  # it scrolls: the last column was cut
            "<table style='table-layout:auto;width:100%;border-collapse:collapse;margin:0'>"
            f"<caption style='text-align:left;padding:4px 8px'>{escape(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def _told_wide(self) -> str:
        """That there may be more to the right: a scroll bar is hidden until it is used, and a caption would be cut."""
        if len(self.columns) < WIDE:
            return ""
        style = "text-align:left;font-size:85%;margin:0"
        return f"<p style='{style}'>\u2194 In a narrow window this table scrolls sideways.</p>"

    def _spelled(self, row: Sequence[Any]) -> list[str]:
        return [column.spell(value) for column, value in zip(self.columns, row, strict=True)]

    def _cells(self, place: int, row: Sequence[Any]) -> str:
        return "".join(
            f"<td style='{_aligned(column, text)}{CELL}'>{_cell(column, visible(text), (place, n) in self.off)}</td>"
            for n, (column, text) in enumerate(zip(self.columns, self._spelled(row), strict=True))
        )


def _aligned(column: Column, text: str) -> str:
    """A number is not broken; a heading, and what is said beside a number, may be."""
    if column.number:
        return f"text-align:right;white-space:{'nowrap' if text[:1].isdigit() and '(' not in text else 'normal'};"
    wrap = "nowrap" if column.whole and text != column.name else "normal"
    room = 18 if column.reason else 10 if column.names else 8 if column.moments else 0
    return f"text-align:left;white-space:{wrap};" + (f"min-width:{room}em;" if room else "")


def _cell(column: Column, text: str, off: bool) -> str:
    if column.outcome and text:
        return _unbroken(chip(text))
    if off:
        return _unbroken(chip(f"\u2260 {text}", BAD))
    return f"<i>{escape(text)}</i>" if text == NOT_MEASURED else escape(text)


def _unbroken(html: str) -> str:
    return f"<span style='white-space:nowrap'>{html}</span>"
