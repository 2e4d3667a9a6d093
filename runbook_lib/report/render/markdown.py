"""The report in short, as Markdown: a comment on a pull request, whatever the run is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment

from runbook_lib.record.anchor import anchor_in_words
from runbook_lib.record.run_json import Record, RunRecord
from runbook_lib.report import text as wording
from runbook_lib.report.render.escape_markdown import Markdown, inline, markdown
from runbook_lib.report.render.html import SHOWN_REASONS, definitions, environment, reconciled, totals
from runbook_lib.report.sections.check_rows import check_count, check_rows
from runbook_lib.report.sections.cost_rows import STAGES, advice, cost_rows, dry_run_summary, stages
from runbook_lib.report.sections.findings import attention, not_migrated, tables_of
from runbook_lib.report.sections.not_checked import how_to_accept, unknown_lines
from runbook_lib.report.sections.summary import actor, headline, sentence, why
from runbook_lib.report.sections.undo_notes import undo_notes

# GitHub takes a comment of 65,536 characters; what is beyond is in the HTML report.
COMMENT_CHARACTERS = 65_000
MARKDOWN_ROWS_CHARACTERS = 40_000
# Of each list of a comment so much is shown, until the comment fits.
SHARES = (1.0, 0.5, 0.25, 0.1, 0.03)


def render_markdown(record: Record) -> str:
    """The verdict, the counts and the reasons, short enough for a comment on a pull request."""
    text = ""
    for share in SHARES:
        text = _markdown(record, share)
        if len(text) <= COMMENT_CHARACTERS:
            break
    return text


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


def _markdown(record: Record, share: float) -> str:
    rows, used = [], 0
    for table in tables_of(record):
        row = _markdown_row(reconciled(record, table))
        used += len(row)
        if used > MARKDOWN_ROWS_CHARACTERS * share:
            break
        rows.append(row)
    text = _environment().get_template("report.md.j2").render(
        record=record,
        headline=headline(record),
        sentence=sentence(record),
        why=_part(why(record), 4 * SHOWN_REASONS * share),
        unknown=unknown_lines(record),
        how_to_accept=how_to_accept(record),
        sums=totals(record),
        rows=rows,
        hidden=len(record.get("tables") or []) - len(rows),
        compared_only=any(t.get("compared_only") for t in tables_of(record)),
        drifted=_part([t for t in tables_of(record) if t.get("drift")], 50 * share),
        differing=_first_differences(record),
        left_out=_part(not_migrated(record), 50 * share),
        looks=_part([row for row in check_rows(record) if row.status != "ok"], 40 * share),
        looked=check_count(record),
        bill=cost_rows(record)[:2],
        stages=[STAGES[stage] for stage in stages(record)],
        would=dry_run_summary(record),
        advice=_part(advice(record), 10),
        attention=_part(attention(record), 20 * share),
        undo=_part(undo_notes(record), 20 * share),
        anchor=anchor_in_words(RunRecord.model_validate(record)),
        actors={side: actor(record, side) for side in ("source", "target")},
        **(of := definitions(record)),
        parity=_part(of["parity_rows"], 12 * share),
        indexes=_part(of["notable_indexes"], 12 * share),
    )  # fmt: skip
    return text.rstrip() + "\n"


def _first_differences(record: Record) -> Record | None:
    """As many differences as a comment has room for, each with its first places."""
    known = record.get("differences") or {}
    first = [d | {"paths": (d.get("paths") or [])[:3]} for d in (known.get("first") or [])[:10]]
    return {"listed": known.get("listed"), "first": first} if first else None


def _markdown_row(row: Mapping[str, Any]) -> Markdown:
    table = row["table"]
    cells = [
        f"{markdown(table.get('source'))}<br>{markdown(table.get('target'))}",
        f"**{markdown(row['verdict'])}**",
        markdown(table.get("method") or wording.NOT_RECORDED),
        *(f"**{markdown(c['text'])}**" if c["off"] else markdown(c["text"]) for c in row["counts"].values()),
        wording.duration(row["seconds"]),
    ]
    return Markdown(f"| {' | '.join(cells)} |")
