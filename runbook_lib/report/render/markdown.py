"""The report in short, as Markdown: a comment on a pull request, whatever the run is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment

from runbook_lib.plan.check import OK
from runbook_lib.record.model.comparison import ItemDifferences
from runbook_lib.report import text as wording
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.escape_markdown import Markdown, inline, markdown
from runbook_lib.report.render.html import SHOWN_REASONS, environment
from runbook_lib.report.sections.reconciliation import ReconciliationRow

# GitHub takes a comment of 65,536 characters; what is beyond is in the HTML report.
COMMENT_CHARACTERS = 65_000
MARKDOWN_ROWS_CHARACTERS = 40_000
# Of each list of a comment so much is shown, until the comment fits.
SHARES = (1.0, 0.5, 0.25, 0.1, 0.03)


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
    rows, used = [], 0
    for row in map(_markdown_row, report.rows):
        used += len(row)
        if used > MARKDOWN_ROWS_CHARACTERS * share:
            break
        rows.append(row)
    text = (
        _environment()
        .get_template("report.md.j2")
        .render(
            report=report,
            record=report.record,
            why=_part(report.why, 4 * SHOWN_REASONS * share),
            rows=rows,
            hidden=len(report.rows) - len(rows),
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


def _markdown_row(row: ReconciliationRow) -> Markdown:
    table = row.table
    cells = [
        f"{markdown(table.source)}<br>to {markdown(table.target)}",
        f"**{markdown(table.verdict)}**",
        markdown(table.method or wording.NOT_RECORDED),
        *(f"**{markdown(c.text)}**" if c.off else markdown(c.text) for c in row.counts.values()),
        wording.duration(row.seconds),
    ]
    return Markdown(f"| {' | '.join(cells)} |")
