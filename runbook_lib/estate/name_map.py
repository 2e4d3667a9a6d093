"""One rule for all names: what a table, a queue, a rule or an alarm of the source is called in the target."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from runbook_lib.config.model import Migration
from runbook_lib.estate.resource import Estate, Resource, ResourceKind

FIFO = ".fifo"
DEFAULT = "default"
HELD = frozenset({ResourceKind.RULE, ResourceKind.SCHEDULE})  # whose keys begin with their bus or group
# What a name may be; source: the CloudFormation schemas that cfn-lint 1.58 has.
ALLOWED: Mapping[ResourceKind, tuple[str, int]] = {
    ResourceKind.QUEUE: (r"[A-Za-z0-9_-]+(\.fifo)?", 80),
    ResourceKind.TOPIC: (r"[A-Za-z0-9_-]+(\.fifo)?", 256),
    ResourceKind.BUS: (r"[A-Za-z0-9._/-]+", 256),
    ResourceKind.RULE: (r"[A-Za-z0-9._-]+", 64),
    ResourceKind.SCHEDULE_GROUP: (r"[A-Za-z0-9._-]+", 64),
    ResourceKind.SCHEDULE: (r"[A-Za-z0-9._-]+", 64),
    ResourceKind.PIPE: (r"[A-Za-z0-9._-]+", 64),
    ResourceKind.ALARM: (r"[^\x00-\x1f]+", 255),
    ResourceKind.COMPOSITE_ALARM: (r"[^\x00-\x1f]+", 255),
    ResourceKind.DASHBOARD: (r"[A-Za-z0-9_-]+", 255),
    ResourceKind.LOG_GROUP: (r"[A-Za-z0-9._/#-]+", 512),
}
ADOPTED = frozenset({ResourceKind.QUEUE, ResourceKind.TOPIC})


class NameMap:
    """surroundings.names first, then the tables' own targets, then tables.rename; else the name stays."""

    def __init__(self, config: Migration, tables: Mapping[str, str]) -> None:
        self._given = config.surroundings.names
        self._tables = tables
        self._rename = config.tables.rename

    def new(self, name: str) -> str:
        """A name's target."""
        for known in (self._given, self._tables):
            if name in known:
                return known[name]
        stem, fifo = (name[: -len(FIFO)], FIFO) if name.endswith(FIFO) else (name, "")
        renamed = self._rename.new_name(stem) if self._rename is not None else None
        return name if renamed is None else renamed + fifo

    def given(self, name: str) -> str | None:
        """What the migration file itself says of a name, an ARN or an account."""
        return self._given.get(name)

    def of(self, resource: Resource) -> tuple[str, str]:
        """A resource's key and its name in the target; what has no name keeps its key."""
        if resource.kind not in HELD:
            name = self.of_kind(resource.kind, resource.name)
            return (name, name) if resource.name else (resource.key, "")
        holder, _, _ = resource.key.partition("/")
        given = self._given.get(resource.key, "").rpartition("/")[2]
        name = given or self.new(resource.name)
        return f"{self.of_holder(holder)}/{name}", name

    def of_holder(self, name: str) -> str:
        """A bus or a schedule group; the default one of an account is called that everywhere."""
        return name if name == DEFAULT else self.new(name)

    def of_kind(self, kind: ResourceKind, name: str) -> str:
        """A name of one of a kind; of a log group's path each part, except what AWS puts before it."""
        if kind is not ResourceKind.LOG_GROUP or name in self._given:
            return self.new(name)
        parts = name.split("/")
        kept = 3 if parts[:2] == ["", "aws"] else 0
        return "/".join([*parts[:kept], *(self.new(part) if part else part for part in parts[kept:])])


def mistakes_of(estate: Estate, names: NameMap, *, same_place: bool, same_account: bool) -> list[str]:
    """What is wrong with the target's names: each a sentence with the name and what to do."""
    return [
        *(text for resource in estate.resources if (text := _unfit(resource, names))),
        *_shared(estate.resources, names),
        *_kept(estate.resources, names, same_place=same_place, same_account=same_account),
    ]


def _unfit(resource: Resource, names: NameMap) -> str:
    if resource.kind not in ALLOWED:
        return ""
    pattern, longest = ALLOWED[resource.kind]
    _, new = names.of(resource)
    if len(new) <= longest and re.fullmatch(pattern, new):
        return ""
    return (
        f"surroundings.names: {resource.label} would be called {new!r} ({len(new)} characters); expected at most "
        f"{longest}, of {pattern}; give it another name there"
    )


def _shared(resources: Iterable[Resource], names: NameMap) -> list[str]:
    groups: dict[tuple[ResourceKind, str], set[str]] = defaultdict(set)
    for resource in resources:
        if resource.name:
            kind = ResourceKind.ALARM if resource.kind is ResourceKind.COMPOSITE_ALARM else resource.kind
            groups[kind, names.of(resource)[0]].add(resource.key)
    return [
        f"surroundings.names: {' and '.join(sorted(keys))} would both be the {kind.noun} {new!r}; give one of them "
        "another name there"
        for (kind, new), keys in sorted(groups.items())
        if len(keys) > 1
    ]


def _kept(resources: Iterable[Resource], names: NameMap, *, same_place: bool, same_account: bool) -> list[str]:
    """A name that stays where the old thing is: it would be overwritten or, worse, taken over."""
    found = []
    for resource in resources:
        if not resource.name or names.of(resource)[0] != resource.key:
            continue
        if resource.kind is ResourceKind.DASHBOARD and same_account:
            why = "dashboards are of the whole account, so the deployment would overwrite it"
        elif same_place and resource.kind in ADOPTED:
            why = f"the deployment would take over the source's own {resource.kind.noun}"
        elif same_place:
            why = "it is there already"
        else:
            continue
        found.append(f"surroundings.names: {resource.label} would keep its name, and {why}; give it another one there")
    return found
