"""Who still names the old tables, and which calls were not answered that would have shown more."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.record.model.around import NotReadRecord, ReferencesRecord
from runbook_lib.report.text import count, moment, pluralize

REFERENCE_COLUMNS = ("old table", "new table", "side", "service", "resource", "where", "named by")


@dataclass(frozen=True, slots=True)
class ReferencesSection:
    """The section of a report about what still names the old tables."""

    summary: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    unread: list[str]


def references_section(found: ReferencesRecord | None) -> ReferencesSection:
    """Everything that the section shows; without rows where nobody looked."""
    return ReferencesSection(reference_summary(found), REFERENCE_COLUMNS, reference_rows(found), unread_calls(found))


def reference_rows(references: ReferencesRecord | None) -> list[list[str]]:
    """One row per place: names of variables and members, never what they hold."""
    return [
        [
            r.source, r.target, r.side, r.service, r.resource, r.where,
            f"{r.how} ({count(r.tables)} tables)" if r.tables > 1 else r.how,
        ]
        for r in (references.found if references else [])
    ]  # fmt: skip


def reference_summary(references: ReferencesRecord | None) -> str:
    """How many places name how many tables, of how many that were looked at."""
    if references is None:
        return "This was not checked."
    looked = sum(each.count for each in references.looked)
    tables = len({each.source for each in references.found})
    at = f"(checked at {moment(references.at)})"
    if not references.found:
        return f"None of the {pluralize(looked, 'place')} searched names an old table {at}."
    names = "names" if len(references.found) == 1 else "name"
    said = f"{count(len(references.found))} of the {pluralize(looked, 'place')} searched {names}"
    return f"{said} {pluralize(tables, 'old table')} {at}."


def unread_calls(references: ReferencesRecord | None) -> list[str]:
    """The calls that were refused or not answered: what they would have shown is not checked."""
    return [_words(each) for each in (references.not_read if references else [])]


def _words(each: NotReadRecord) -> str:
    about = f" of {each.about}" if each.about else ""
    more = f" and {count(each.subjects - 1)} more" if each.subjects > 1 else ""
    return f"{each.side}: {each.call}{about}{more}: {each.code}"
