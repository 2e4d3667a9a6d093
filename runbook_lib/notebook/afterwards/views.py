"""Tables about what is done with a run after its validation: a repair, and a cleanup."""

from __future__ import annotations

from collections.abc import Iterable

from runbook_lib.notebook.tables import Column, ShownTable, number, outcome
from runbook_lib.repair.choice import KINDS
from runbook_lib.report.step import removal_sum
from runbook_lib.run.facts.afterwards.repair import RepairFact, RepairStatus
from runbook_lib.run.facts.targets import Removal

FLAGS = {kind: name for name, kind in KINDS.items()}
FOUND = (number("missing"), number("different"), number("extra"))


def repair_table(repairs: Iterable[RepairFact]) -> ShownTable:
    """What was wrong and what became of it; in a dry run what would, and what it costs beside writing all again."""
    found = sorted(repairs, key=lambda r: not (r.missing or r.different or r.extra or r.failure))
    if found and all(r.status is RepairStatus.DRY_RUN for r in found):
        return _would_be_repaired(found)
    columns = [
        Column("target"), outcome("outcome"), *FOUND, number("written"), number("changed since"), number("left"),
        Column("why left"),
    ]  # fmt: skip
    rows = [
        (
            r.target, str(r.status), r.missing, r.different, r.extra, r.counts.written, r.counts.changed,
            r.counts.left + sum(not_asked(r).values()), _why(r),
        )
        for r in found
    ]  # fmt: skip
    return ShownTable.of("What was wrong, and what became of it.", columns, rows, "There is nothing to repair.")


def _would_be_repaired(found: list[RepairFact]) -> ShownTable:
    columns = [
        Column("target"), outcome("outcome"), *FOUND, number("would be written"), number("would be left"),
        Column("why left"), number("write units"), number("of a full rewrite"),
    ]  # fmt: skip
    rows = [
        (
            r.target, str(r.status), r.missing, r.different, r.extra, r.asked - r.counts.left,
            r.counts.left + sum(not_asked(r).values()), _why(r), r.units, r.full_units,
        )
        for r in found
    ]  # fmt: skip
    return ShownTable.of("What is wrong, and what a repair would do.", columns, rows, "There is nothing to repair.")


def not_asked(repair: RepairFact) -> dict[str, int]:
    """What was found wrong and not chosen, by the parameter that chooses it: a repair leaves it as it is."""
    found = {"missing": repair.missing, "different": repair.different, "extra": repair.extra}
    return {FLAGS[kind]: many for kind, many in found.items() if many and kind not in repair.kinds}


def _why(repair: RepairFact) -> str:
    said = [f"{flag} is False" for flag in not_asked(repair)]
    return "; ".join([*said, *([repair.failure] if repair.failure else [])])


def _of_table(removal: Removal) -> str:
    if removal.target_gone:
        return "was gone before"
    if not removal.table_deleted:
        return "stays"
    return "would be deleted with its items" if removal.only_looked else "deleted with its items"


def _cleaned(removal: Removal) -> str:
    """Of the run's traces in a target, not of the target: its table may stay."""
    return "kept" if removal.kept else "would be cleaned up" if removal.only_looked else "cleaned up"


def removal_table(removals: Iterable[Removal]) -> ShownTable:
    """What a cleanup removed or would remove, and what it keeps."""
    columns = [
        Column("target"), outcome("outcome"), Column("table"), number("items found"), number("items deleted"),
        number("changed since"), number("objects"), Column("why it stays"),
    ]  # fmt: skip
    shown = list(removals)
    rows = [
        (
            r.target, _cleaned(r), _of_table(r), r.items_found, r.items_deleted, r.items_changed, r.objects,
            r.kept,
        )
        for r in shown
    ]  # fmt: skip
    looked = bool(shown) and all(r.only_looked for r in shown)
    together = f" {removal_sum(shown)}." if len(shown) > 1 else ""
    caption = f"What {'would be' if looked else 'was'} removed, and what stays.{together}"
    return ShownTable.of(caption, columns, rows, "There is nothing to remove.")
