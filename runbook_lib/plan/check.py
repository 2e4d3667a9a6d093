"""What the pre-flight checked, and the obstacles among it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from textwrap import shorten
from typing import ClassVar, Protocol

from runbook_lib.config.check_ids import ADVICE, AnyId, Bearing, bearing, words
from runbook_lib.errors import ForbiddenCall, RunbookError

SHOWN_NAMES = 3
IN_SHORT, NAME = 270, 30  # characters for what stands in the way, where the rest is cut away, and of those for a name


class CheckStatus(StrEnum):
    """What came of a look."""

    OK = "ok"
    WARNING = "warning"
    BLOCKER = "blocker"
    NOT_CHECKED = "not checked"


OK, WARNING, BLOCKER, NOT_CHECKED = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.BLOCKER, CheckStatus.NOT_CHECKED


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that stands in the way. `configuration` ones end with exit 2 before anything runs.

    `id` and `about` are the check's.
    """

    table: str
    expected: str
    found: str
    remedy: str
    configuration: bool = False
    id: AnyId | None = None
    about: str = ""

    def __str__(self) -> str:
        return f"{self.table}: expected {self.expected}; found {self.found}; {self.remedy}"


class Told(Protocol):
    """Whatever stands in the way of a table, in words."""

    @property
    def table(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def found(self) -> str: ...
    @property
    def remedy(self) -> str: ...


def together(obstacles: Iterable[Told], most: int | None = None) -> list[str]:
    """Each obstacle as a sentence; the same one of many tables is said once, with the names of `most` of them."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for o in obstacles:
        names.setdefault((o.expected, o.found, o.remedy), []).append(o.table)
    return [
        str(Obstacle(tables[0] if len(tables) == 1 else f"{len(tables):,} tables ({_some(tables, most)})", *what))
        for what, tables in names.items()
    ]


def stopped_by(obstacles: Iterable[Told]) -> str:
    """All obstacles in one line that may be cut: what each is stands before the names of tables and the remedies."""
    known = list(obstacles)
    whole = together(known, SHOWN_NAMES)
    if len(said := "; ".join(whole)) <= IN_SHORT:
        return said
    tables: dict[tuple[str, str, str], list[str]] = {}
    for o in known:
        tables.setdefault((o.expected, o.found, o.remedy), []).append(o.table)
    room = max(IN_SHORT // len(tables), 60)
    told = [
        shorten(f"{_subject(names)}: expected {expected}; found {found}", room, placeholder=" ...")
        for (expected, found, _), names in tables.items()
    ]
    kinds = f"{len(whole):,} kinds of blockers: " if len(whole) > 1 else ""
    return f"{kinds}{' | '.join(told)} | in full: {said}"


def _subject(names: list[str]) -> str:
    """How many tables, or the one, in so few characters that what it is about has room."""
    return (
        f"{len(names):,} tables" if len(names) > 1 else shorten(names[0][:NAME], NAME) + "..." * (len(names[0]) > NAME)
    )


def _some(names: list[str], most: int | None) -> str:
    shown = names if most is None else names[:most]
    return ", ".join(shown) + (f" and {len(names) - len(shown):,} more" if len(shown) < len(names) else "")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at before anything happens: ok, warning, blocker or not checked.

    Decisions are made by `id`, `status`, `table` and `about`; `expected`, `found` and `remedy` are words for readers.
    What could not be checked blocks too if it is `essential`: nobody goes on past an unknown. `configuration`
    is an obstacle's; `table` may also be another subject, for instance a bucket, and `about` says which part of it
    is meant, for instance an index. `source` is the source table that a look is made for, "" for the whole run's.
    """

    DERIVED: ClassVar = ("name",)  # in the ledger, too, as the words of the code that looked

    id: AnyId
    table: str
    status: CheckStatus
    expected: str
    found: str
    remedy: str = ""
    configuration: bool = False
    essential: bool = False
    about: str = ""
    source: str = ""

    @property
    def name(self) -> str:
        """What readers call this look."""
        return words(self.id)

    @property
    def blocks(self) -> bool:
        return self.status == BLOCKER or (self.essential and self.status == NOT_CHECKED)

    @property
    def obstacle(self) -> Obstacle:
        found = f"not checked: {self.found}" if self.status == NOT_CHECKED else self.found
        return Obstacle(self.table, self.expected, found, self.remedy, self.configuration, self.id, self.about)


log = logging.getLogger(__name__)


def run_check(check: Check, found: Callable[[Check], Check]) -> Check:
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


def unknown(check: Check, why: str, remedy: str = "") -> Check:
    """What could not be looked at; the advice is not the one for what was looked at and is wrong."""
    return replace(check, status=NOT_CHECKED, found=why, remedy=remedy or look_again(check.id, blocks=check.essential))


def look_again(check: AnyId, *, blocks: bool = False) -> str:
    """What to do where a look could not be made; only what does not block can be let stay unknown."""
    fix = "fix what prevented the check, and run again"
    if blocks or bearing(check) is Bearing.SAID:
        return fix
    if note := {str(k): v for k, v in ADVICE.items()}.get(check):
        return f"{fix}; or go on without it: {note}"
    return f"{fix}; or let it stay unknown: accept.not_checked.{check}"


def ok(check: Check, found: str) -> Check:
    """As expected; there is nothing to do."""
    return replace(check, status=OK, found=found, remedy="", configuration=False)
