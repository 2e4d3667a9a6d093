"""The report in short, as Markdown: a comment on a pull request, whatever the run is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from jinja2 import Environment

from runbook_lib.plan.check import OK
from runbook_lib.record.model.comparison import ItemDifferences
from runbook_lib.report import text as wording
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import block, inline, visible
from runbook_lib.report.render.html import SHOWN_REASONS, environment
from runbook_lib.report.sections.reconciliation import PROVED_EMPTY, WAY, WRONG, ReconciliationRow

# GitHub takes a comment of 65,536 characters; what is beyond is in the HTML report.
COMMENT_CHARACTERS = 65_000
MARKDOWN_ROWS_CHARACTERS = 40_000
# Of each list of a comment so much is shown, until the comment fits.
SHARES = (1.0, 0.5, 0.25, 0.1, 0.03)
VERDICT, COUNTED = "Verdict", ("Manifest", "Lines read", "Writes ack.", "In target")
SAID = "What is not as exported; method, time"
NOTHING = ("0", wording.NOT_MEASURED)


def render_markdown(report: ReportModel) -> str:
    """The verdict, the counts and the reasons, short enough for a comment on a pull request."""
    text = ""
    for share in SHARES:
        text = _markdown(report, share)
        if len(text) <= COMMENT_CHARACTERS:
            break
    return text


def load_templates() -> None:
    """Compile all templates, which then takes no time where a page is rendered."""
    for name in environment().list_templates():
        (_environment() if name.endswith(".md.j2") else environment()).get_template(name)


@cache
def _environment() -> Environment:
    """The templates of Markdown: what is put into one is shown and does nothing, unless it is `Markdown` already."""
    return environment().overlay(finalize=inline)


@dataclass(frozen=True, slots=True)
class MarkdownPart:
    """The beginning of a list, and how many more there are."""

    shown: Sequence[Any]
    more: int


def _part(values: Sequence[Any], most: float) -> MarkdownPart:
    """The first `most` of the values, at least two; long texts are cut."""
    first = values[: max(2, int(most))]
    cut = [wording.shortened(v, where="in report.html") if isinstance(v, str) else v for v in first]
    return MarkdownPart(cut, len(values) - len(first))


def _markdown(report: ReportModel, share: float) -> str:
    told = _table_lines(report.rows)
    ends = accumulate(len(line) + 1 for line in told)
    rows = [line for line, end in zip(told, ends, strict=True) if end <= MARKDOWN_ROWS_CHARACTERS * share]
    text = (
        _environment()
        .get_template("report.md.j2")
        .render(
            report=report,
            record=report.record,
            why=_part(report.why, 4 * SHOWN_REASONS * share),
            rows=block(rows),
            hidden=len(told) - len(rows),
            masking=_part(report.masking, 20 * share),
            masked=_part(report.masked, 40 * share),
            mask_rules=_part(report.mask_rules, 40 * share),
            repairs=_part(report.repairs, 20 * share),
            windows=_part(report.windows.rows, 50 * share),
            references=_part(report.references.rows, 30 * share),
            compared=_part(report.surroundings.rows, 30 * share),
            cut_over=_part(report.cut_over, 20),
            drifted=_part(report.drift.rows, 50 * share),
            drift_lines=_part(report.drift.lines, 20 * share),
            differing=_first_differences(report.record.differences),
            left_out=_part(report.left_out, 50 * share),
            checks=_part([row for row in report.checks if row.status != OK], 40 * share),
            bill=report.bill[:2],
            advice=_part(report.advice, 10),
            attention=_part(report.attention, 20 * share),
            undo=_part(report.undo, 20 * share),
            parity=_part(report.parity_rows, 12 * share),
            indexes=_part(report.notable_indexes, 12 * share),
            listed=wording.listed,
        )
    )
    return text.rstrip() + "\n"


def _first_differences(known: ItemDifferences) -> ItemDifferences | None:
    """As many differences as a comment has room for, each with its first places."""
    first = [d.model_copy(update={"paths": (d.paths or [])[:3]}) for d in known.first[:10]]
    return ItemDifferences(listed=known.listed, first=first) if first else None


def _table_lines(rows: Sequence[ReconciliationRow]) -> list[str]:
    """Two lines for each table, its names and its counts, after two that say what stands where."""
    counts = [_ways(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(COUNTED, *counts, strict=True)]
    first = max([len(VERDICT), *(len(row.table.verdict) for row in rows)])

    def numbers(texts: Sequence[str], said: str) -> str:
        return "  ".join(["", *(text.rjust(width) for text, width in zip(texts, widths, strict=True)), said])

    lines = [f"{VERDICT.ljust(first)}  Source -> target\n{numbers(COUNTED, SAID)}"]
    for row, ways in zip(rows, counts, strict=True):
        names = " -> ".join(" ".join(visible(name).split()) for name in (row.table.source, row.table.target))
        lines.append(f"{row.table.verdict.ljust(first)}  {names}\n{numbers(ways, _said(row))}")
    return lines


def _ways(row: ReconciliationRow) -> tuple[str, ...]:
    return tuple("0" if row.counts[name].text == PROVED_EMPTY else row.counts[name].text for name in WAY)


def _said(row: ReconciliationRow) -> str:
    """Whether its items are as exported, as far as that was measured, how it was read and how long it took."""
    names = {name: name.removeprefix("items_") for name in WRONG}
    found = [f"{row.counts[n].text} {word}" for n, word in names.items() if row.counts[n].text not in NOTHING]
    gaps = [word for n, word in names.items() if row.counts[n].gap]
    calm = "as exported and the windows over it" if row.table.changes else "as exported"
    told = [", ".join(found) or calm] if found or not gaps else []
    if gaps:
        told.append("not compared" if len(gaps) >= len(WRONG) - 1 else f"{wording.NOT_MEASURED}: {', '.join(gaps)}")
    took = f"time {wording.NOT_MEASURED}" if row.seconds is None else wording.duration(row.seconds)
    return "; ".join([*told, f"{row.table.method or wording.NOT_RECORDED}, {took}"])
