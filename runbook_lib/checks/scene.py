"""What every look is given, and how a look that fails is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from runbook_lib.aws.clients import Clients
from runbook_lib.aws.dynamodb.backups import Recovery
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.model import Migration
from runbook_lib.errors import ForbiddenCall, RunbookError
from runbook_lib.estimate import Standings
from runbook_lib.plan import NOT_CHECKED, OK, Check, Pair
from runbook_lib.reuse import Reuse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """The tables of a plan as they were found; `unread` are the looks at a (side, source table) that failed.

    `sources` are all source tables that the configuration selects, whatever --tables says; `reuses` are the earlier
    exports as they were found now, by source table.
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
    reuses: Mapping[str, Reuse] = field(default_factory=dict)


def look(check: Check, found: Callable[[Check], Check]) -> Check:
    """Make a look: `check` says what is expected and what to do, `found` returns it with what came of it.

    An error of the look is its result, "not checked", whatever it is; a call that the guard refuses is a mistake of
    ours and raised.
    """
    try:
        return found(check)
    except ForbiddenCall:
        raise
    except Exception as error:
        return unknown(check, why_not(error))


def why_not(error: Exception) -> str:
    """Why a look could not be made. What nobody foresaw is named with its kind and logged in full."""
    if isinstance(error, RunbookError):
        return str(error)
    log.error("a look of the pre-flight broke off", exc_info=error)
    return (
        f"the look itself broke off: {type(error).__name__}: {error}; this is a fault of the runbook, please report it"
    )


def concern(of: CheckId, subject: str, source: str, made: Iterable[Check]) -> Iterator[Check]:
    """The looks of one concern; if one of them breaks off, what is left of them is not checked, and that blocks."""
    try:
        yield from made
    except ForbiddenCall:
        raise
    except Exception as error:
        expected = "a look that comes to its end"
        yield Check(of, subject, NOT_CHECKED, expected, why_not(error), essential=True, source=source)


def unknown(check: Check, why: str) -> Check:
    return replace(check, status=NOT_CHECKED, found=why)


def ok(check: Check, found: str) -> Check:
    """As expected; there is nothing to do."""
    return replace(check, status=OK, found=found, remedy="", configuration=False)
