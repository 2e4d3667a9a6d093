"""What is attached to both tables of a pair: asked for beside their definitions, and rated. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from runbook_lib.aws.autoscaling import Scaled, Tracking, read_scaling_of
from runbook_lib.aws.dynamodb.describe.attached import INSIGHTS, KINESIS, POLICY, read_attached
from runbook_lib.aws.dynamodb.describe.definition import Setting, TableDefinition
from runbook_lib.aws.dynamodb.describe.partial_definition import PartialDefinition
from runbook_lib.aws.session.clients import Clients
from runbook_lib.schema.difference import INFORMS, WARNS, DefinitionDifference, Rating

SCALING = "auto scaling"
NONE = "none"
PROVISIONED = "PROVISIONED"


def with_attached(
    clients: Clients, arns: tuple[str, str], source: PartialDefinition, target: PartialDefinition
) -> tuple[PartialDefinition, PartialDefinition]:
    """Both definitions with what is attached to their tables; only what both can have is asked for.

    Capacity is scaled where it is provisioned: of two billing modes there is nothing to compare.
    """
    scaled = source.definition.billing == target.definition.billing == PROVISIONED
    return (
        _with(clients, "source", arns[0], source, scaled=scaled),
        _with(clients, "target", arns[1], target, scaled=scaled),
    )


def _with(clients: Clients, side: str, arn: str, known: PartialDefinition, *, scaled: bool) -> PartialDefinition:
    client, name = clients.source if side == "source" else clients.target, known.definition.name
    indexes = [i.name for i in known.definition.global_indexes]
    settings, unknown = read_attached(client, name, arn, indexes)
    if scaled:
        service = clients.service(side, "application-autoscaling")
        found = read_scaling_of(service, name, indexes)
        service.close()
        settings += tuple(Setting(SCALING, spell_scaled(c), spell_scaling(c)) for c in found.capacities)
        unknown |= {SCALING: found.unchecked} if found.unchecked else {}
    definition = replace(known.definition, settings=(*known.definition.settings, *settings))
    return replace(known, definition=definition, unknown=known.unknown | unknown)


def spell_scaled(capacity: Scaled) -> str:
    """Which capacity is scaled: `auto scaling of WriteCapacityUnits of by-owner`, or `... of the table`."""
    return " of ".join([SCALING, capacity.unit, capacity.index or "the table"])


def spell_scaling(capacity: Scaled) -> str:
    """Within which limits a capacity is scaled, and by what; equal for what scales alike, whatever it is called."""
    policies = sorted(map(_spell_tracking, capacity.policies))
    return "; ".join([f"{capacity.minimum:,} to {capacity.maximum:,} units", *policies, *capacity.beyond])


def _spell_tracking(policy: Tracking) -> str:
    waits = ((policy.cooldown_in, "in"), (policy.cooldown_out, "out"))
    parts = [f"{policy.metric} at {policy.value:g} %", *(f"{way} after {s} s" for s, way in waits if s is not None)]
    return ", ".join([*parts, *(["never in"] if policy.never_in else [])])


def _attached(
    name: str, lost: Rating, remedy_lost: str, gained: Rating, remedy_gained: str,
    source: TableDefinition, target: TableDefinition,
) -> Iterator[DefinitionDifference]:  # fmt: skip
    """What only one of the tables has, or has otherwise; of an index that one of them lacks nothing is compared."""
    ours, theirs = ({s.what: s.how for s in d.settings if s.property == name} for d in (source, target))
    lone = {i.name for i in source.global_indexes} ^ {i.name for i in target.global_indexes}
    for what in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(what, NONE), theirs.get(what, NONE)
        if one != other and not any(what.endswith(f" of {index}") for index in lone):
            rating, remedy = (lost, remedy_lost) if what in ours else (gained, remedy_gained)
            yield DefinitionDifference(name, what, one, other, rating, remedy)


ATTACHED: dict[str, Callable[[Any, Any], Iterator[DefinitionDifference]]] = {
    SCALING: partial(
        _attached, SCALING, WARNS, "the target keeps its capacity under load where the source's grows: register it",
        INFORMS, "the target's capacity is scaled, and the source's is not",
    ),
    POLICY: partial(
        _attached, POLICY, WARNS, "give the target the policy that fits its account and region",
        WARNS, "whoever it names reaches the migrated items; remove it, or be sure of it",
    ),
    # A stream that hears of each loaded item has a warning of its own (preflight).
    KINESIS: partial(
        _attached, KINESIS, WARNS, "turn it on when the import is validated, before its consumers start",
        INFORMS, "its consumers see the migrated items, and the source has none",
    ),
    INSIGHTS: partial(
        _attached, INSIGHTS, INFORMS, "turn it on for the target if its reports are looked at",
        INFORMS, "it costs more than the source's",
    ),
}  # fmt: skip
