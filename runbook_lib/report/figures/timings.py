"""How long tables took, by step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runbook_lib.record.model.base import Span
from runbook_lib.record.model.table import TableRecord

STEPS = ("export", "import", "validate")


@dataclass(frozen=True, slots=True)
class TableSeconds:
    """Seconds of work at a table in each step and in all; None for a step that did not end."""

    table: TableRecord
    by_step: dict[str, float | None]
    all: float | None


def seconds_of(table: TableRecord) -> TableSeconds:
    """The seconds of each step, as the step itself took them: a pause between two starts is not in them."""
    steps, ended = table.seconds_by_step, table.spans.export[1]
    # the record holds 0.0 for an export that did not end
    known = {"export": steps.export if ended else None, "import": steps.import_, "validate": steps.validate_}
    measured = [v for v in known.values() if v is not None]
    return TableSeconds(table, known, sum(measured) if measured else None)


def spans_of(table: TableRecord) -> dict[str, Span]:
    """When each step began and ended."""
    return {"export": table.spans.export, "import": table.spans.import_, "validate": table.spans.validate_}


def slowest(timed: Sequence[TableSeconds], most: int = 10) -> list[TableSeconds]:
    """The tables that took longest."""
    known = [each for each in timed if each.all is not None]
    return sorted(known, key=lambda each: (-(each.all or 0.0), each.table.source))[:most]
