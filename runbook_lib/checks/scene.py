"""What every look is given, and how a look that fails is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from runbook_lib.aws.clients import Clients
from runbook_lib.aws.recovery import Recovery
from runbook_lib.config import Migration
from runbook_lib.errors import ForbiddenCall, RunbookError
from runbook_lib.estimate import Standings
from runbook_lib.plan import NOT_CHECKED, OK, Check, Pair


@dataclass(frozen=True, slots=True)
class Scene:
    """The tables of a plan as they were found; `unread` are the looks at a (side, source table) that failed.

    `sources` are all source tables that the configuration selects, whatever --tables says.
    """

    config: Migration
    clients: Clients
    pairs: tuple[Pair, ...]
    standings: Mapping[str, Standings]
    recoveries: Mapping[str, Recovery]
    unread: Mapping[tuple[str, str], str]
    is_ours: Callable[[Pair], bool]
    now: Callable[[], datetime]
    places: tuple[Path, ...] = field(default=())
    sources: frozenset[str] = field(default=frozenset())


def look(check: Check, found: Callable[[Check], Check]) -> Check:
    """Make a look: `check` says what is expected and what to do, `found` returns it with what came of it.

    An error of the look is its result, "not checked"; a call that the guard refuses is a mistake of ours and raised.
    """
    try:
        return found(check)
    except ForbiddenCall:
        raise
    except RunbookError as error:
        return unknown(check, str(error))


def unknown(check: Check, why: str) -> Check:
    return replace(check, status=NOT_CHECKED, found=why)


def ok(check: Check, found: str) -> Check:
    """As expected; there is nothing to do."""
    return replace(check, status=OK, found=found, remedy="", configuration=False)
