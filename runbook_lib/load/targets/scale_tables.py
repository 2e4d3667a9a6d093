"""Have the capacity of a table that a run creates scaled as its source's is.

What is about to be registered is recorded first, so that a cleanup ends it wherever the run died. What cannot be
carried over, or is refused, is named and does not keep the table from being loaded: it is compared again at validation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.autoscaling import Scaled, dimension, read_scaling, resource_id
from runbook_lib.aws.dynamodb.describe.definition import TableDefinition
from runbook_lib.aws.dynamodb.scaling import register_scaling
from runbook_lib.aws.session.granted_calls import scaler
from runbook_lib.run.facts.targets import ScaledCapacity
from runbook_lib.run.run import Run

Make = Callable[[Callable[[], str | None], str], str | None]


@dataclass(frozen=True, slots=True)
class Scalings:
    """The capacities of a source that are scaled, and what of them is not known or cannot be carried over."""

    capacities: tuple[Scaled, ...]
    left_out: tuple[str, ...]


def scalings_of(run: Run, definition: TableDefinition) -> Scalings:
    """How a source is scaled; nothing is asked of a table on demand."""
    if definition.billing != "PROVISIONED":
        return Scalings((), ())
    client = run.clients.service("source", "application-autoscaling")
    found = read_scaling(client, [definition.name])
    client.close()
    left = [f"{beyond} (of {_spell(c)})" for c in found.capacities for beyond in c.beyond]
    if found.unchecked:
        left.append(f"auto scaling, which was not checked ({found.unchecked})")
    return Scalings(found.capacities, tuple(left))


def _spell(capacity: Scaled) -> str:
    return " of ".join(filter(None, [capacity.unit, capacity.index]))


def scaled_capacities(capacities: tuple[Scaled, ...], table: str) -> tuple[ScaledCapacity, ...]:
    """The capacities of `table` as Application Auto Scaling calls them."""
    return tuple(ScaledCapacity(resource_id(table, c.index), dimension(c)) for c in capacities)


def register_scalings(run: Run, capacities: tuple[Scaled, ...], table: str, make: Make) -> list[str]:
    """Register them for `table`; returns those that were refused, with why. `make` repeats a call through outages."""
    if not capacities:
        return []
    client: Any = scaler(run.clients, frozenset({table}))
    refused = []
    for capacity in capacities:

        def register(capacity: Scaled = capacity) -> str | None:
            return register_scaling(client, table, capacity)

        if code := make(register, f"{table} to have its {_spell(capacity)} scaled"):
            refused.append(f"auto scaling of {_spell(capacity)}, which was refused ({code})")
    client.close()
    return refused
