"""Which of what stands around the tables is meant: by the migration file, or by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from runbook_lib.config.surroundings import SurroundingsSettings
from runbook_lib.estate.resource import Estate, ResourceKind

Wants = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """`alarms` and `dashboards` are also given what they hold, and the names that are around; `grows` takes in what
    the chosen hand their failures to."""

    tables: frozenset[str]
    queues: Wants
    topics: Wants
    buses: Wants
    schedules: Wants
    alarms: Callable[[str, Any, frozenset[str]], bool]
    dashboards: Callable[[str, Any, frozenset[str]], bool]
    log_groups: Wants
    grows: bool = True


def selection_of(settings: SurroundingsSettings, tables: Iterable[str]) -> Selection:
    """What a migration file means in the source."""
    return Selection(
        tables=frozenset(tables) if settings.of_tables else frozenset(),
        queues=_globs(settings.queues),
        topics=_globs(settings.topics),
        buses=_globs(settings.buses),
        schedules=_globs(settings.schedules),
        alarms=_monitors(settings.alarms),
        dashboards=_monitors(settings.dashboards),
        log_groups=_globs(settings.log_groups),
    )


def selection_of_names(expected: Estate, tables: Mapping[str, str]) -> Selection:
    """Exactly what should be in the target, by its names there; `tables` are sources and targets."""

    def named(*kinds: ResourceKind) -> Wants:
        names = frozenset(resource.key for resource in expected.of(kinds))
        return lambda name: name in names

    buses = {r.key for r in expected.of([ResourceKind.BUS])} | {
        r.key.partition("/")[0] for r in expected.of([ResourceKind.RULE])
    }
    alarms, dashboards = named(ResourceKind.ALARM, ResourceKind.COMPOSITE_ALARM), named(ResourceKind.DASHBOARD)
    return Selection(
        tables=frozenset(tables.values()),
        queues=named(ResourceKind.QUEUE),
        topics=named(ResourceKind.TOPIC),
        buses=lambda name: name in buses,
        schedules=named(ResourceKind.SCHEDULE),
        alarms=lambda name, held, around: alarms(name),
        dashboards=lambda name, held, around: dashboards(name),
        log_groups=named(ResourceKind.LOG_GROUP),
        grows=False,
    )


def _globs(globs: Iterable[str]) -> Wants:
    wanted = tuple(globs)
    return lambda name: any(fnmatchcase(name, glob) for glob in wanted)


def _monitors(setting: bool | list[str]) -> Callable[[str, Any, frozenset[str]], bool]:
    if isinstance(setting, list):
        by_name = _globs(setting)
        return lambda name, held, around: by_name(name)
    return lambda name, held, around: setting and names_any(held, around)


def names_any(value: Any, names: Collection[str]) -> bool:
    """Whether a text anywhere in a structure is one of these names, or has one as a word of its own."""
    if isinstance(value, dict):
        return any(names_any(each, names) for each in value.values())
    if isinstance(value, list):
        return any(names_any(each, names) for each in value)
    if not isinstance(value, str):
        return False
    return value in names or any(word.strip(".") in names for word in re.findall(r"[A-Za-z0-9_.-]+", value))
