"""What every look is given, and how a look that fails is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook_lib.aws.dynamodb.backups import Recovery
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.model import Migration
from runbook_lib.errors import ForbiddenCall
from runbook_lib.plan.check import NOT_CHECKED, Check, look_again, why_not
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.plan import TableCapacities


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The tables of a plan as they were found; `unread` are the looks at a (side, source table) that failed.

    `sources` are the targets of all source tables that the configuration selects, by source, whatever --tables says;
    `reuses` are the earlier exports as they were found now, by source table, `exported` what this run has exported
    already. `streams` is the client that reads the sources' streams. Unless it is `deep`, only what a migration file
    can be wrong in is looked at.
    """

    config: Migration
    clients: Clients
    pairs: tuple[Pair, ...]
    capacities: Mapping[str, TableCapacities]
    recoveries: Mapping[str, Recovery]
    unread: Mapping[tuple[str, str], str]
    is_ours: Callable[[Pair], bool]
    now: Callable[[], datetime]
    places: tuple[Path, ...] = field(default=())
    sources: Mapping[str, str] = field(default_factory=dict)
    reuses: Mapping[str, Reuse] = field(default_factory=dict)
    exported: Mapping[str, CompletedExport] = field(default_factory=dict)
    streams: Callable[[], Any] = field(default=lambda: None)
    deep: bool = field(default=True)


def concern(of: CheckId, subject: str, source: str, made: Iterable[Check]) -> Iterator[Check]:
    """The looks of one concern; if one of them breaks off, what is left of them is not checked, and that blocks."""
    try:
        yield from made
    except ForbiddenCall:
        raise
    except Exception as error:
        expected = "a look that comes to its end"
        remedy = look_again(of, blocks=True)
        yield Check(of, subject, NOT_CHECKED, expected, why_not(error), remedy, essential=True, source=source)
