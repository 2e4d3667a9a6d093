"""What was found around the tables: who names the old ones."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Moment, Name, Section


class ReferenceRecord(Section):
    """A place that names an old table: `where` is the name of a variable, a dimension or a member, never its value."""

    side: str = ""
    service: str = ""
    resource: Name = ""
    where: Name = ""
    source: Name = ""
    target: Name = ""
    how: str = ""
    tables: Count = 1


class NotReadRecord(Section):
    """A call that was refused or not answered, for so many `subjects`; `about` is the first of them."""

    side: str = ""
    call: str = ""
    code: str = ""
    about: Name = ""
    subjects: Count = 1


class LookedAt(Section):
    """How many of a kind were looked at on a side."""

    side: str = ""
    kind: str = ""
    count: Count = 0


class ReferencesRecord(Section):
    """Who names the source tables, as the last pre-flight found it."""

    found: list[ReferenceRecord] = []
    not_read: list[NotReadRecord] = []
    looked: list[LookedAt] = []
    at: Moment | None = None
