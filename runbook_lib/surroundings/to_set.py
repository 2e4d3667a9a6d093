"""What has to be set to which new name, and which functions and interfaces the new environment does not have yet."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runbook_lib.aws.session.identity import Identity
from runbook_lib.estate.name_map import DEFAULT, NameMap
from runbook_lib.estate.resource import ResourceKind
from runbook_lib.iac.policy_statements import table_arn
from runbook_lib.references.listing import NOBODY, table_cell
from runbook_lib.references.old_names import How
from runbook_lib.run.facts.around.references import Reference, References
from runbook_lib.surroundings.both_sides import BothSides
from runbook_lib.surroundings.endpoints import ServiceEndpoint

FUNCTION = "function"
COLUMNS = ("service", "resource", "side", "where", "to", "how")


def table_lines(columns: tuple[str, ...], rows: list[list[str]], nothing: str) -> list[str]:
    if not rows:
        return [nothing, ""]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return [*lines, *(f"| {' | '.join(map(table_cell, row))} |" for row in rows), ""]


def to_set_lines(references: References, both: BothSides, who: Identity) -> list[str]:
    """Every place that names an old table, what it has to say instead, and who sets it."""
    rows = [[r.service, r.resource, r.side, r.where, _instead(r, who), _how(r, both)] for r in references.found]
    return [
        "## What to set", "",
        "Nothing is to be changed in the source: its counterpart in the target is meant.", "",
        *table_lines(COLUMNS, rows, NOBODY),
    ]  # fmt: skip


def _instead(reference: Reference, who: Identity) -> str:
    new = reference.target
    if reference.how == How.ARN:
        return f"{table_arn(who, new)} in place of that of {reference.source}"
    if reference.how == How.NAME:
        return new
    if reference.how == How.PATTERN:
        return f"a pattern that covers {table_arn(who, new)} ({reference.tables} tables)"
    if reference.how == How.STEM:
        return f"how the new names begin, for instance of {new} ({reference.tables} tables)"
    return f"{new} in place of {reference.source}"


def _how(reference: Reference, both: BothSides) -> str:
    """Who sets it: a template, or a person, and where."""
    if reference.side == "target":
        return "set it there"
    said, _, _ = reference.resource.partition(" ")  # beside it stands what it is of, and its state
    for resource in both.rewritten.resources:
        called = (reference.resource, said, f"{DEFAULT}/{said}")
        is_it = said in resource.arn if resource.kind is ResourceKind.MAPPING else resource.key in called
        if is_it and resource.kind.noun.endswith(reference.service):
            return f"surroundings/{resource.kind.stack}.yaml has it"
    return f"set it in {_counterpart(reference, both.names)}"


def _counterpart(reference: Reference, names: NameMap) -> str:
    if reference.service == FUNCTION:
        return names.new(reference.resource.partition(":")[0])
    return "its counterpart" if re.search("[ /]", reference.resource) else names.new(reference.resource)


def functions_named(references: References, names: NameMap) -> frozenset[str]:
    """The functions that name an old table, as they are called in the target."""
    return frozenset(
        name if each.side == "target" else names.new(name)
        for each in references.found
        if each.service == FUNCTION and (name := each.resource.partition(":")[0])
    )


def missing_functions(used: Iterable[str], there: frozenset[str]) -> list[list[str]]:
    """Rows for the functions that the target does not have."""
    return [[FUNCTION, "", name, "missing"] for name in sorted(used) if name not in there]


def missing_interfaces(
    old: Iterable[ServiceEndpoint], there: Iterable[ServiceEndpoint], names: NameMap
) -> list[list[str]]:
    """Rows for the interfaces of the source that the target does not have, by their names."""
    known = {(each.kind, each.of) for each in there}
    wanted = {(each.kind, each.of, names.new(each.of)): None for each in old}
    return [[kind, of, new, "missing"] for kind, of, new in sorted(wanted) if (kind, new) not in known]
