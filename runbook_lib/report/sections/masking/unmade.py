"""Items of which a transform made nothing: who refused what is in quarantine, and how they get into a target."""

from __future__ import annotations

from collections.abc import Iterable

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import listed, pluralize

BY_TARGET = "Items the target did not take."
BY_TRANSFORM = "Items of which the transform could make nothing; none of them was sent to a target."
BY_BOTH = "Items of which the transform could make nothing, which were not sent, and items the target did not take."


def unmade_in_short(tables: Iterable[TableRecord]) -> str:
    """What to do about them; empty without such. What made them is a part of the run, so going on changes nothing."""
    unmade = {t.source: t.transform.items_quarantined for t in tables if t.transform and t.transform.items_quarantined}
    if not unmade:
        return ""
    return (
        f"The transform could make nothing of {pluralize(sum(unmade.values()), 'item')} of {listed(sorted(unmade), 3)} "
        "(see Quarantine), and this run keeps the rules and the hook that it began with. Change transform in your "
        "migration file so that it masks these items or filters them out, and start a new run with that file in place "
        "of the run's copy, with import.on_non_empty: overwrite and with export.reuse_run: this run's id, so that no "
        "export is paid for twice."
    )


def quarantine_sentence(record: RunRecord) -> str:
    """Who refused what is in quarantine."""
    held = sum(table.items_quarantined or 0 for table in record.tables)
    unmade = sum(_refused_by_transform(table) for table in record.tables)
    if not unmade:
        return BY_TARGET
    return BY_BOTH if held > unmade else BY_TRANSFORM


def _refused_by_transform(table: TableRecord) -> int:
    made = table.transform
    if made is None:
        return 0
    whole = made.items_quarantined
    return (table.items_quarantined or 0) if whole is None else whole  # nothing is sent before a transform is done
