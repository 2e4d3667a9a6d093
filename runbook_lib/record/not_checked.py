"""What nobody could look at, and whether the migration file accepts that it stays so; pure.

One list for the gate after validation, the verdict and the report: looks of the pre-flight, properties of
definitions, indexes and canaries, as they stand at the time of the verdict. A look that was made again later
counts as it came out then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.config.check_ids import Bearing, CheckId, bearing, is_of_definition, words
from runbook_lib.config.sections.accept import EVERYWHERE, Acceptance, accepting
from runbook_lib.record.model.run import CheckRecord, UncheckedRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.schema.compare_pair import gap_id
from runbook_lib.validate.canary import NOT_TRIED
from runbook_lib.validate.indexes.check import NOT_CHECKED


@dataclass(frozen=True, slots=True)
class Unchecked:
    """One look that could not be made: for a source table, or "" for the whole run; `subject` is what it was at.

    `accepted` is the glob of the migration file that lets it be, or None.
    """

    id: str
    source: str
    subject: str
    why: str
    bearing: str
    accepted: str | None

    @property
    def is_open(self) -> bool:
        """Whether it stands against a PASS."""
        return self.bearing == Bearing.PROOF and self.accepted is None

    @property
    def place(self) -> str:
        """What was not looked at, for readers."""
        at = self.subject or self.source or "the run"
        return f"{words(self.id)} of {at}" + (f" ({self.source})" if self.source not in ("", at) else "")

    def __str__(self) -> str:
        return (
            f"{self.place} was not checked: {self.why}; have it looked at, or accept that nobody knows: "
            f"accept.not_checked: {{{self.id}: [{self.source or repr(EVERYWHERE)}]}}"
        )

    def recorded(self) -> UncheckedRecord:
        """As it stands in the record."""
        return UncheckedRecord(
            id=self.id, source=self.source, subject=self.subject, why=self.why, bearing=self.bearing,
            accepted=self.accepted, open=self.is_open,
        )  # fmt: skip


def unchecked(checks: Iterable[CheckRecord], tables: Iterable[TableRecord], accept: Acceptance) -> list[Unchecked]:
    """Everything that is not known, of the checks and tables of a record; what stands against a PASS comes first."""
    tables = list(tables)
    found = [*_looks(checks, tables, accept), *(u for table in tables for u in _of_table(table, accept))]
    return sorted(found, key=lambda u: (not u.is_open, u.bearing, u.id, u.source, u.subject))


def accepting_all(unknown: Iterable[Unchecked], accept: Acceptance, sources: Iterable[str]) -> dict[str, list[str]]:
    """All that `accept.not_checked` has to say for a record without anything open: what it says, and the rest.

    A look at every one of `sources` is accepted by "*", as is one of the whole run.
    """
    every, needed = set(sources), {name: list(globs) for name, globs in accept.items()}
    opened: dict[str, set[str]] = defaultdict(set)
    for u in unknown:
        if u.is_open:
            opened[u.id].add(u.source)
    for name, left in sorted(opened.items()):
        wide = "" in left or (len(left) > 1 and left >= every)
        needed[name] = [EVERYWHERE] if wide else [*needed.get(name, ()), *sorted(left)]
    return needed


def counted_ids(unknown: Iterable[Unchecked]) -> str:
    """Ids, each with how many looks it is about: `index-answers (2), clock`."""
    counts = Counter(u.id for u in unknown)
    return ", ".join(f"{name} ({n:,})" if n > 1 else name for name, n in sorted(counts.items()))


def _looks(checks: Iterable[CheckRecord], tables: list[TableRecord], accept: Acceptance) -> Iterator[Unchecked]:
    """Those of the pre-flight. Definitions are taken from their latest comparison instead."""
    compared = {table.source for table in tables if table.parity}
    for check in checks:
        if check.status == NOT_CHECKED and not (is_of_definition(check.id) and check.source in compared):
            yield _made(check.id, check.source, check.table, check.found, accept)


def _of_table(table: TableRecord, accept: Acceptance) -> Iterator[Unchecked]:
    source, target = table.source, table.target
    for gap in table.parity.not_checked if table.parity else ():
        yield _made(gap_id(gap.property), source, target, gap.why, accept, gap.property)
    for index in table.indexes or ():
        if index.state == NOT_CHECKED:
            yield _made(CheckId.INDEX_ANSWERS, source, index.index, str(index.why), accept)
    whole = table.export_whole
    if whole and not whole.checked:
        yield _made(CheckId.EXPORT_IS_WHOLE, source, table.export_arn or target, str(whole.why), accept)
    if table.canary and table.canary.state == NOT_TRIED:
        yield _made(CheckId.CANARY, source, target, str(table.canary.why), accept)


def _made(check: str, source: str, subject: str, why: str, accept: Acceptance, about: str = "") -> Unchecked:
    subject = f"{about} of {subject}" if about else subject
    return Unchecked(check, source, subject, why, bearing(check), accepting(accept, check, source))
