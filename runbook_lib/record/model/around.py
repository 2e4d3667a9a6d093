"""What was found around the tables: who names the old ones, and what of their surroundings the target has."""

from __future__ import annotations

from typing import Annotated

from runbook_lib.estate.compare import Likeness
from runbook_lib.record.model.base import Count, Moment, Name, OneOf, Recorded, Section


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


class ComparedRecord(Section):
    """One resource of the source and what the target has of it; `differences` are the first ways to its members."""

    kind: str = ""
    source: Name = ""
    target: Name = ""
    likeness: Annotated[str, OneOf(tuple(Likeness))] = Likeness.NOT_CHECKED
    acting: str = ""
    differences: list[Name] = []
    differences_found: Count = 0


class NotCarriedRecord(Section):
    """Something of the source that no template carries, and why."""

    what: Name = ""
    why: Name = ""


class SurroundingsRecord(Section):
    """Both regions compared, resource by resource; no part of a verdict.

    `resources` are the first of them, those that are not equal before the others; `counts` are of all. `not_checked`
    are the first of the calls that were refused. `files` are those of the run's folder, each with its SHA-256.
    """

    counts: Annotated[dict[str, Count], Recorded] = {}
    resources: list[ComparedRecord] = []
    not_carried: list[NotCarriedRecord] = []
    not_carried_found: Count = 0
    not_checked: list[Name] = []
    calls_refused: Count = 0
    files: Annotated[dict[str, str], Recorded] = {}
    at: Moment | None = None
