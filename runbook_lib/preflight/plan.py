"""The plan as the pre-flight makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runbook_lib.plan.check import WARNING, Check, Obstacle
from runbook_lib.plan.pair import NotChosen, Pair
from runbook_lib.run.facts.around.references import References
from runbook_lib.run.facts.estimate import Estimate
from runbook_lib.run.facts.plan import TableCapacities
from runbook_lib.schema.difference import Parity


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables of a migration in the order they are imported, and what blocks it.

    `parity` compares the definitions of each pair, by source; a pair that was not compared is not in it. `not_chosen`
    are the other tables that the migration file includes; `references` who names the source tables, if that was asked.
    """

    pairs: tuple[Pair, ...]
    blockers: tuple[Obstacle, ...]
    warnings: tuple[Obstacle, ...]
    checks: tuple[Check, ...] = ()
    estimate: Estimate | None = None
    capacities: Mapping[str, TableCapacities] = field(default_factory=dict)
    parity: Mapping[str, Parity] = field(default_factory=dict)
    not_chosen: tuple[NotChosen, ...] = ()
    references: References | None = None

    @classmethod
    def of(
        cls,
        pairs: Iterable[Pair],
        checks: Iterable[Check],
        estimate: Estimate,
        capacities: Mapping[str, TableCapacities],
        parity: Mapping[str, Parity],
        not_chosen: Iterable[NotChosen] = (),
        references: References | None = None,
    ) -> Plan:
        """A plan whose blockers and warnings are those of its checks."""
        checks = tuple(checks)
        return cls(
            tuple(pairs),
            tuple(c.obstacle for c in checks if c.blocks),
            tuple(c.obstacle for c in checks if c.status == WARNING),
            checks,
            estimate,
            capacities,
            parity,
            tuple(not_chosen),
            references,
        )
