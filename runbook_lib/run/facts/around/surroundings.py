"""What was found when the resources around the tables were compared in both regions: names, never what they hold."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.estate.compare import ComparedResource
from runbook_lib.estate.resource import Unexpressed
from runbook_lib.run.facts.topic import Note


@dataclass(frozen=True, slots=True)
class SurroundingsFact:
    """Each resource of the source beside what the target has of it, and the calls that were refused.

    `files` are the templates and the handbook that were written into the run's folder, each with its SHA-256.
    """

    compared: tuple[ComparedResource, ...]
    unexpressed: tuple[Unexpressed, ...]
    not_read: tuple[str, ...]
    files: dict[str, str]
    at: str


SURROUNDINGS_FOUND = Note("surroundings", "compared", SurroundingsFact)
