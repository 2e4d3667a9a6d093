"""Which table goes where and how: names, methods, and the words for what stands in the way.

Pure: it is told which tables exist and asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableFacts
from runbook_lib.config.check_ids import AnyId, words
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.estimate import Estimate, Standings
from runbook_lib.parity import Parity
from runbook_lib.reuse import Reuse

OK, WARNING, BLOCKER, NOT_CHECKED = "ok", "warning", "blocker", "not checked"


@dataclass(frozen=True, slots=True)
class Pair:
    """One table's way: `method` is export, scan, reuse or skip; facts are None for a table not there.

    `writing` is batch_write or import_table, and `why` says what decided it.
    """

    source: str
    target: str
    method: str
    reuse: Reuse | None
    source_facts: TableFacts | None
    target_facts: TableFacts | None
    writing: str = "batch_write"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Pair:
        def facts(side: str) -> TableFacts | None:
            return TableFacts.from_json(data[side]) if data[side] else None

        reuse = Reuse.from_json(data["reuse"]) if data["reuse"] else None
        both = facts("source_facts"), facts("target_facts")
        writing = data.get("writing", "batch_write"), data.get("why", "")
        return cls(data["source"], data["target"], data["method"], reuse, *both, *writing)


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


def together(obstacles: Iterable[Obstacle]) -> list[str]:
    """Each obstacle as a sentence; the same one of many tables is said once, with all their names at its end."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for o in obstacles:
        names.setdefault((o.expected, o.found, o.remedy), []).append(o.table)
    return [
        str(Obstacle(tables[0], *what)) if len(tables) == 1 else
        f"{Obstacle(f'{len(tables):,} tables', *what)} ({', '.join(tables)})"
        for what, tables in names.items()
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at before anything happens: ok, warning, blocker or not checked.

    Decisions are made by `id`, `status`, `table` and `about`; `expected`, `found` and `remedy` are words for readers.
    What could not be checked blocks too if it is `essential`: nobody goes on past an unknown. `configuration`
    is an obstacle's; `table` may also be another subject, for instance a bucket, and `about` says which part of it
    is meant, for instance an index. `source` is the source table that a look is made for, "" for the whole run's.
    """

    id: AnyId
    table: str
    status: str
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

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, **asdict(self)}

    @property
    def blocks(self) -> bool:
        return self.status == BLOCKER or (self.essential and self.status == NOT_CHECKED)

    @property
    def obstacle(self) -> Obstacle:
        found = f"not checked: {self.found}" if self.status == NOT_CHECKED else self.found
        return Obstacle(self.table, self.expected, found, self.remedy, self.configuration, self.id, self.about)


@dataclass(frozen=True, slots=True)
class NotChosen:
    """A table that the migration file includes and this run does not move, and why."""

    source: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables of a migration in the order they are imported, and what blocks it.

    `parity` compares the definitions of each pair, by source; a pair that was not compared is not in it. `not_chosen`
    are the other tables that the migration file includes.
    """

    pairs: tuple[Pair, ...]
    blockers: tuple[Obstacle, ...]
    warnings: tuple[Obstacle, ...]
    checks: tuple[Check, ...] = ()
    estimate: Estimate | None = None
    standings: Mapping[str, Standings] = field(default_factory=dict)
    parity: Mapping[str, Parity] = field(default_factory=dict)
    not_chosen: tuple[NotChosen, ...] = ()

    @classmethod
    def of(
        cls,
        pairs: Iterable[Pair],
        checks: Iterable[Check],
        estimate: Estimate,
        standings: Mapping[str, Standings],
        parity: Mapping[str, Parity],
        not_chosen: Iterable[NotChosen] = (),
    ) -> Plan:
        """A plan whose blockers and warnings are those of its checks."""
        checks = tuple(checks)
        return cls(
            tuple(pairs),
            tuple(c.obstacle for c in checks if c.blocks),
            tuple(c.obstacle for c in checks if c.status == WARNING),
            checks,
            estimate,
            standings,
            parity,
            tuple(not_chosen),
        )


def select_tables(config: Migration, existing: Iterable[str], only: str = "*") -> dict[str, str]:
    """Source names and their target names; raises ConfigError with every mistake of the selection."""
    chosen, mistakes = choose_tables(config, existing, only)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return chosen


def choose_tables(config: Migration, existing: Iterable[str], only: str = "*") -> tuple[dict[str, str], list[str]]:
    """Source names and their target names, after include, exclude, rename and overrides, and the mistakes found.

    Mistakes are a pattern that matches nothing, a name that cannot be renamed and an override of a table that
    is not selected; `only` are further globs, see `is_among`. Raises ConfigError with them all if no table is left.
    """
    names, wanted, mistakes = sorted(existing), config.tables, []
    for pattern in wanted.include:
        if not any(fnmatchcase(name, pattern) for name in names):
            mistakes.append(f"tables.include: no table of the source matches {pattern!r}; {_known(names)}")
    selected = [
        name
        for name in names
        if any(fnmatchcase(name, p) for p in wanted.include) and not any(fnmatchcase(name, p) for p in wanted.exclude)
    ]
    mistakes += [
        f"tables.overrides: {name!r} is not a selected source table"
        for name in wanted.overrides
        if name not in selected
    ]
    mistakes += [
        f"export.method: no selected source table matches {glob!r}"
        for glob in config.export.method
        if not any(fnmatchcase(name, glob) for name in selected)
    ]
    mistakes += [
        f"export.method: {name!r} is asked for both ways, scan and export; spell its name"
        for name in selected
        if len(config.export.fitting(name)) > 1
    ]
    targets: dict[str, str] = {}
    for name in selected:
        target = _rename(config, name)
        if target is None:
            mistakes.append(
                f"tables.rename: the pattern does not match {name!r}; widen it, exclude the table or override its name"
            )
        else:
            targets[name] = target
    chosen = {source: target for source, target in targets.items() if is_among(source, only)}
    if mistakes and not chosen:
        raise ConfigError("\n".join(mistakes))
    if not chosen:
        raise ConfigError(
            f"no table matched: {len(names)} in the source, {len(selected)} after include and exclude, "
            f"0 after --tables {only!r}; nothing was done"
        )
    return chosen, mistakes


def is_among(source: str, only: str) -> bool:
    """Whether a table is meant by a glob, or by one of several with commas between them."""
    return any(fnmatchcase(source, glob.strip()) for glob in only.split(","))


def wants_recovery(enable_pitr: Iterable[str], source: str) -> bool:
    """Whether export.enable_pitr asks to turn point-in-time recovery on for a table."""
    return any(fnmatchcase(source, name) for name in enable_pitr)


def _rename(config: Migration, name: str) -> str | None:
    wanted = config.tables
    if name in wanted.overrides:
        return wanted.overrides[name]
    if wanted.rename is None:
        return name
    match = re.fullmatch(wanted.rename.pattern, name)
    return wanted.rename.to.format(**match.groupdict()) if match else None


def _known(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"it has {len(names)} tables" + (f": {shown}{', ...' if len(names) > 5 else ''}" if names else "")


def spell_key(facts: TableFacts) -> str:
    """A key schema for people: `account_id (S), posted_at (N)`."""
    return ", ".join(f"{k.name} ({k.type})" for k in facts.key)
