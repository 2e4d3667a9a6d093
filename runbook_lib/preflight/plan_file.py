"""A plan as a file: made ahead of a run, reviewed, and then what the run has to find again.

It holds what decides what a run would do, in a stable order and without times: both sides, the settings, each table
with its ids and definitions, what warned, and an estimate. Its digest is over all of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from math import floor, log10
from pathlib import Path
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.check_ids import Bearing, CheckId, bearing
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.check import WARNING, Check
from runbook_lib.plan.pair import Pair
from runbook_lib.preflight.plan import Plan
from runbook_lib.run.facts.codec import Unfit, reader_of, to_json
from runbook_lib.run.facts.estimate import Estimate, Range
from runbook_lib.schema.difference import Parity
from runbook_lib.version import __version__

SCHEMA_VERSION = 1
SIGNIFICANT = 2
LARGEST = 16 << 20
# Looks at the machine that plans, or at who plans: the one that runs has its own. No plan asks who names the tables.
NOT_PLANNED = frozenset({CheckId.CLOCK, CheckId.FREE_DISK, CheckId.IDENTITY, CheckId.REFERENCES})


@dataclass(frozen=True, slots=True)
class PlannedSide:
    """An account and region, or the server in their place."""

    account: str | None
    region: str | None
    endpoint: str | None


@dataclass(frozen=True, slots=True)
class PlannedDefinition:
    """A table as it was found: which one it is, and its definition in words."""

    id: str
    key: str
    indexes: dict[str, str]
    billing: str
    stream: str | None


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One table: how it is read and written. `target_table` is null for one that the run makes.

    `differences` are those of the two definitions, by property; `export` is the earlier export that is used, if any.
    """

    target: str
    method: str
    writing: str
    export: str | None
    source_table: PlannedDefinition | None
    target_table: PlannedDefinition | None
    differences: dict[str, str]


@dataclass(frozen=True, slots=True)
class PlannedCost:
    """What it was estimated to cost and to take, at most, in two digits; null where that is not known."""

    items: float | None
    bytes: float | None
    usd: float | None
    hours: float | None


@dataclass(frozen=True, slots=True)
class PlanFile:
    """All of a plan file; `chosen` are the globs of --tables, `hook` the digest of the transform's hook."""

    schema_version: int
    digest: str
    runbook: str
    name: str
    chosen: str
    source: PlannedSide
    target: PlannedSide
    settings: dict[str, Any]
    hook: str | None
    tables: dict[str, PlannedMove]
    left_out: dict[str, str]
    warnings: dict[str, str]
    estimate: PlannedCost

    @classmethod
    def of(cls, config: Migration, clients: Clients, plan: Plan, chosen: str) -> PlanFile:
        """The file of a plan."""
        made = cls(
            schema_version=SCHEMA_VERSION,
            digest="",
            runbook=__version__,
            name=config.name,
            chosen=chosen,
            source=_side(clients.source_identity),
            target=_side(clients.target_identity),
            settings=_settings(config),
            hook=_hook(config),
            tables={pair.source: _move(pair, plan.parity.get(pair.source)) for pair in sorted(plan.pairs, key=_name)},
            left_out={left.source: left.why for left in sorted(plan.not_chosen, key=lambda left: left.source)},
            warnings={_spell(c): c.found for c in sorted(plan.checks, key=_spell) if _is_told(c)},
            estimate=_cost(plan.estimate),
        )
        return replace(made, digest=made.own_digest())

    def own_digest(self) -> str:
        """The digest of everything but the digest."""
        said = json.dumps(to_json(replace(self, digest="")), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def text(self) -> str:
        """As the file has it."""
        return json.dumps(to_json(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_plan(file: Path) -> PlanFile:
    """Read a plan file; raises ConfigError for one that is none, is another version's, or was edited."""
    try:
        with file.open("rb") as opened:
            return plan_in(opened.read(LARGEST).decode().replace("\r\n", "\n"), file)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--plan: expected a plan file of runbook plan, found {file}: {error}") from None


def plan_in(text: str, file: Path) -> PlanFile:
    """The plan in the text of a file.

    It has to be as `runbook plan` writes it, to the byte: of a member that stands there twice people read one and
    programs the other.
    """
    data = json.loads(text)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"--plan: expected schema_version {SCHEMA_VERSION} in {file}, found {str(version)[:40]}; make the plan "
            "anew with this version of the runbook"
        )
    try:
        plan: PlanFile = reader_of(PlanFile)(data)
    except Unfit as error:
        raise ConfigError(f"--plan: {file} is not as runbook plan writes it: {error}; make the plan anew") from None
    if plan.digest != plan.own_digest():
        raise ConfigError(
            f"--plan: {file} was edited: its digest should be {plan.own_digest()} and is {plan.digest[:64]}. Change "
            "the migration file instead, make the plan anew and have that reviewed"
        )
    if plan.text() != text:
        raise ConfigError(
            f"--plan: {file} is not as runbook plan writes it, to the byte: a member stands there twice, or it was "
            "formatted. Make the plan anew and have that reviewed"
        )
    return plan


def _name(pair: Pair) -> str:
    return pair.source


def _side(who: Identity) -> PlannedSide:
    return PlannedSide(who.account, who.region, who.endpoint)


def _settings(config: Migration) -> dict[str, Any]:
    """What the migration file says, without what a person types to allow writing."""
    made: dict[str, Any] = config.model_dump(
        mode="json", by_alias=True, exclude={"confirm_target"}, exclude_defaults=True
    )
    return made


def _hook(config: Migration) -> str | None:
    if config.transform is None or config.transform.hook is None:
        return None
    file = config.folder / config.transform.hook.rpartition(":")[0]
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _move(pair: Pair, parity: Parity | None) -> PlannedMove:
    differences = parity.differences if parity else ()
    return PlannedMove(
        target=pair.target,
        method=str(pair.method),
        writing=str(pair.writing),
        export=pair.reuse.arn if pair.reuse else None,
        source_table=_definition(pair.source_facts),
        target_table=_definition(pair.target_facts),
        differences={d.what: f"{d.source} in the source, {d.target} in the target ({d.rating})" for d in differences},
    )


def _definition(facts: TableDescription | None) -> PlannedDefinition | None:
    if facts is None:
        return None
    indexes = sorted(facts.indexes, key=lambda index: index.name)
    return PlannedDefinition(
        id=facts.table_id or facts.arn,
        key=_key(facts.key),
        indexes={i.name: f"{i.kind} by {_key(i.key)}, {i.projection}" for i in indexes},
        billing=facts.billing,
        stream=facts.stream,
    )


def _key(key: tuple[KeyAttribute, ...]) -> str:
    return ", ".join(f"{each.name} ({each.type})" for each in key)


def _is_told(check: Check) -> bool:
    return check.status == WARNING and check.id not in NOT_PLANNED and bearing(check.id) is not Bearing.ADVICE


def _spell(check: Check) -> str:
    about = f" {check.about}" if check.about else ""
    return f"{check.id} {check.table}{about}"


def _cost(estimate: Estimate | None) -> PlannedCost:
    if estimate is None:
        return PlannedCost(None, None, None, None)
    items, sizes = ([getattr(t, member) for t in estimate.tables] for member in ("items", "bytes"))
    return PlannedCost(_sum(items), _sum(sizes), _most(estimate.usd), _most(estimate.hours))


def _sum(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(sum(known)) if len(known) == len(values) else None


def _most(value: Range | None) -> float | None:
    return None if value is None else _rounded(value.high)


def _rounded(value: float) -> float:
    """A number in two digits: counts that DynamoDB brings up to date every six hours are not worth a difference."""
    return 0.0 if not value else round(value, SIGNIFICANT - 1 - floor(log10(abs(value))))
