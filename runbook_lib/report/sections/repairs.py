"""What was written to targets after their import to put them right, in sentences. Pure."""

from __future__ import annotations

from typing import Any

from runbook_lib.record.model.repair import RepairRecord, RollbackRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.sections.cost_rows import in_dollars
from runbook_lib.report.text import count, listed, moment, pluralize
from runbook_lib.run.facts.afterwards.repair import RepairStatus
from runbook_lib.run.facts.afterwards.rollback import RollbackStatus

SHOWN = 3
LEFT = {
    "changed": "changed by somebody else since they were compared, and left as they are",
    "too_wide": "with more attributes than a condition can name",
    "rejected": "refused by DynamoDB",
    "twofold": "twice in the export, with different contents",
    "quarantined": "in quarantine, which no repair writes: what stands there stays as it is",
    "unanswered": "sent, but never answered",
    "unseen": "not found again",
}


def latest_repairs(record: RunRecord) -> list[RepairRecord]:
    """The last repair of each table."""
    return list({repaired.source: repaired for repaired in record.repairs}.values())


def has_news(repaired: RepairRecord) -> bool:
    """Whether anything was wrong with a table, or with its repair."""
    return bool(repaired.missing or repaired.different or repaired.extra or repaired.failure)


def not_as_exported(repaired: RepairRecord) -> int:
    """How many items of a table a repair found wrong, whatever it was asked to write of them."""
    return repaired.missing + repaired.different + repaired.extra


def to_write(repaired: RepairRecord) -> int:
    """How many of the items that were asked for a repair would touch."""
    return sum(int(getattr(repaired, kind)) for kind in repaired.kinds) - (repaired.counts.quarantined or 0)


def repairs_in_sum(found: list[RepairRecord]) -> str:
    """All last repairs in one sentence: `1 of 31 tables has something to repair: 3 items, for 3 write units`."""
    wrong = [repaired for repaired in found if has_news(repaired)]
    if not wrong:
        return f"nothing is to be repaired in {pluralize(len(found), 'table')}"
    items = sum(to_write(repaired) for repaired in wrong)
    done = any(repaired.status != RepairStatus.DRY_RUN for repaired in found)
    verb = "had" if done else "has" if len(wrong) == 1 else "have"
    said = f"{len(wrong):,} of {pluralize(len(found), 'table')} {verb} something to repair: {pluralize(items, 'item')}"
    if done:
        written = sum(r.counts.added + r.counts.replaced + r.counts.deleted for r in found)
        return f"{said}, of which {count(written)} {'was' if written == 1 else 'were'} written"
    units = [r.units for r in wrong if r.units is not None]
    full, full_usd = (_sum([getattr(r, name) for r in found]) for name in ("full_units", "full_usd"))
    usd = _sum([r.usd for r in wrong])
    return f"{said}, for {_cost(sum(units), usd)}; writing everything again {_cost(full, full_usd)}"


def _sum(numbers: list[Any]) -> Any:
    """None where one of them is not known."""
    return None if None in numbers else sum(numbers)


def repair_sentences(record: RunRecord) -> list[str]:
    """Every repair that wrote, or was to write, with its moment; those that had nothing to write last, in one line."""
    began = [repaired for repaired in record.repairs if repaired.status != RepairStatus.DRY_RUN]
    calm = [r for r in began if r.status == RepairStatus.COMPLETED and not has_news(r)]
    told = sorted((r for r in began if r not in calm), key=lambda r: r.started or "")
    return [*(f"{moment(r.started)}: {repair_sentence(r)}." for r in told), *_calm(calm)]


def _calm(found: list[RepairRecord]) -> list[str]:
    """The repairs that found nothing to write, in one line."""
    if not found:
        return []
    first, last = (moment(pick(r.started or "" for r in found)) for pick in (min, max))
    when = first if first == last else f"{first} to {last}"
    targets = list(dict.fromkeys(r.target for r in found))
    looks = f", in {len(found):,} looks" if len(found) > len(targets) else ""
    return [f"{when}: nothing to repair in {pluralize(len(targets), 'target')}{looks} ({listed(targets, SHOWN)})."]


def repair_sentence(repaired: RepairRecord) -> str:
    """What was found wrong, and what became of it; of a dry run what it would cost beside a full rewrite."""
    found = (
        f"{repaired.target}: {count(repaired.missing)} missing, {count(repaired.different)} different, "
        f"{count(repaired.extra)} extra"
    )
    if repaired.status == RepairStatus.DRY_RUN:
        full = _cost(repaired.full_units, repaired.full_usd)
        would = f"would take {_cost(repaired.units, repaired.usd)}, writing the whole table again {full}"
        return "; ".join([f"{found}; {would}", *_left(repaired)])
    counts = repaired.counts
    done = f"{count(counts.added)} added, {count(counts.replaced)} replaced, {count(counts.deleted)} deleted"
    right = [f"{pluralize(counts.right, 'item')} right already"] if counts.right else []
    said = "; ".join([f"{found}: {done}", *right, *_left(repaired)])
    return f"{said}; it failed: {repaired.failure}" if repaired.failure else said


def repaired_in_short(record: RunRecord) -> list[str]:
    """What a repair has changed in the targets, for whoever reads only the first screen; nothing where none wrote."""
    wrote = [r for r in record.repairs if r.counts.added or r.counts.replaced or r.counts.deleted]
    if not wrote:
        return []
    sums = {name: sum(getattr(r.counts, name) or 0 for r in wrote) for name in ("added", "replaced", "deleted")}
    done = ", ".join(f"{count(many)} {name}" for name, many in sums.items() if many)
    return [f"Repaired after the import in {pluralize(len({r.source for r in wrote}), 'target')}: {done}."]


def _left(repaired: RepairRecord) -> list[str]:
    return [f"{pluralize(n, 'item')} {words}" for name, words in LEFT.items() if (n := getattr(repaired.counts, name))]


def rollback_sentence(back: RollbackRecord) -> str:
    """What became of the keys that the run had written."""
    would = "would be " if back.status == RollbackStatus.DRY_RUN else ""
    said = (
        f"{back.target}: of {pluralize(back.written, 'key')} that the run wrote {count(back.restored)} "
        f"{would}restored, "
        f"{count(back.deleted)} {would}deleted, {count(back.unchanged)} as before already, "
        f"{kept_for(back.kept, back.disputed or 0)}"
    )
    return f"{said}; it failed: {back.failure}" if back.failure else said


def kept_for(kept: int, disputed: int) -> str:
    """How many items a rollback has left alone, and why."""
    if not disputed:
        return f"{count(kept)} kept{_by_others(kept)}"
    others = kept - disputed
    written = f"{count(others)}{_by_others(others)}, " if others else ""
    return (
        f"{count(kept)} kept: {written}{count(disputed)} as the export of what was there before is not what this run "
        "had recorded"
    )


def _by_others(kept: int) -> str:
    return f" because somebody else has written {'it' if kept == 1 else 'them'} since, or may have" if kept else ""


def _cost(units: int | None, usd: float | None) -> str:
    if units is None:
        return "an unknown number of write units"
    price = f" ({in_dollars(usd)})" if usd is not None else ""
    return f"{pluralize(units, 'write unit')}{price}"
