"""Which table goes where and how: names, methods, and the words for what stands in the way.

Pure: it is told which tables exist and asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.plan.reuse import Reuse
from runbook_lib.plan.writing import Method, Writing


@dataclass(frozen=True, slots=True)
class Pair:
    """One table's way; facts are None for a table that is not there. `why` says what decided how it is written."""

    source: str
    target: str
    method: Method
    reuse: Reuse | None
    source_facts: TableDescription | None
    target_facts: TableDescription | None
    writing: Writing = Writing.BATCH_WRITE
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotChosen:
    """A table that the migration file includes and this run does not move, and why."""

    source: str
    target: str
    why: str
