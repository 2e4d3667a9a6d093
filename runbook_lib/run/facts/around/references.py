"""What was found when the services around the tables were asked who names the old ones: never what they hold."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.run.facts.topic import Note


@dataclass(frozen=True, slots=True)
class Reference:
    """One place that names an old table: `where` is the name of a variable, a dimension or a member."""

    side: str
    service: str
    resource: str
    where: str
    source: str
    target: str
    how: str
    tables: int = 1


@dataclass(frozen=True, slots=True)
class NotRead:
    """A call that was refused or not answered, so that nobody knows what it would have shown; `subjects` times."""

    side: str
    call: str
    code: str
    about: str = ""
    subjects: int = 1


@dataclass(frozen=True, slots=True)
class References:
    """All places that name an old table, what could not be read, and how many of each kind were looked at."""

    found: tuple[Reference, ...] = ()
    not_read: tuple[NotRead, ...] = ()
    looked: tuple[tuple[str, str, int], ...] = ()
    at: str = ""


REFERENCES = Note("references", "found", References)
