"""Auto scaling of tables, which DynamoDB knows nothing of: Application Auto Scaling keeps it.

Reads only. Where it may not be read, or the server has no such API, that is said and never taken for "none".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from runbook_lib.aws.pages import pages, whole

SCALED_AT_ONCE = (50, 37)  # of both lists of Application Auto Scaling
RESOURCES_AT_ONCE = 50  # of DescribeScalableTargets
TRACKING = "TargetTrackingScaling"


@dataclass(frozen=True, slots=True)
class Tracking:
    """A target tracking policy: `value` is the utilization in percent, cooldowns are seconds."""

    name: str
    metric: str
    value: float
    cooldown_in: int | None
    cooldown_out: int | None
    never_in: bool


@dataclass(frozen=True, slots=True)
class Scaled:
    """One capacity that is scaled: of a table, or of its `index`; `beyond` names what cannot be carried."""

    table: str
    index: str | None
    unit: str  # ReadCapacityUnits or WriteCapacityUnits
    minimum: int
    maximum: int
    policies: tuple[Tracking, ...]
    beyond: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scaling:
    """The scaled capacities of some tables; `unchecked` says why they are not known, and is None if they are."""

    capacities: tuple[Scaled, ...] = ()
    unchecked: str | None = None

    def of(self, table: str) -> tuple[Scaled, ...]:
        return tuple(c for c in self.capacities if c.table == table)


def read_scaling(client: Any, tables: Iterable[str]) -> Scaling:
    """How the capacity of tables is scaled, as far as it may be read."""
    wanted = set(tables)

    def read() -> Iterator[Scaled]:
        targets = _pages(client, "describe_scalable_targets", "ScalableTargets")
        policies = _pages(client, "describe_scaling_policies", "ScalingPolicies")
        yield from (_scaled(t, [p for p in policies if _is_of(p, t)]) for t in targets)

    return _answered(lambda: [c for c in read() if c.table in wanted])


def read_scaling_of(client: Any, table: str, indexes: Sequence[str]) -> Scaling:
    """How the capacity of one table and of its global indexes is scaled; nothing else is asked about."""

    def read() -> Iterator[Scaled]:
        ids = [resource_id(table, index) for index in (None, *indexes)]
        for start in range(0, len(ids), RESOURCES_AT_ONCE):
            some = ids[start : start + RESOURCES_AT_ONCE]
            for target in _pages(client, "describe_scalable_targets", "ScalableTargets", ResourceIds=some):
                where = {name: target[name] for name in ("ResourceId", "ScalableDimension")}
                yield _scaled(target, _pages(client, "describe_scaling_policies", "ScalingPolicies", **where))

    return _answered(lambda: list(read()))


def resource_id(table: str, index: str | None = None) -> str:
    """What Application Auto Scaling calls a table, or an index of it."""
    return "/".join(["table", table, *(["index", index] if index else [])])


def dimension(capacity: Scaled) -> str:
    """What Application Auto Scaling calls a capacity of a table or an index."""
    return f"dynamodb:{'index' if capacity.index else 'table'}:{capacity.unit}"


def tracking_properties(policy: Tracking) -> dict[str, Any]:
    """A target tracking policy as PutScalingPolicy and CloudFormation spell it alike."""
    said = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": policy.metric},
        "TargetValue": policy.value,
        "ScaleInCooldown": policy.cooldown_in,
        "ScaleOutCooldown": policy.cooldown_out,
        "DisableScaleIn": policy.never_in,
    }
    return {
        "PolicyName": policy.name,
        "PolicyType": TRACKING,
        "TargetTrackingScalingPolicyConfiguration": {name: value for name, value in said.items() if value is not None},
    }


def _answered(read: Callable[[], list[Scaled]]) -> Scaling:
    """What was read, or why it could not be."""
    try:
        known = read()
    except ClientError as error:
        return Scaling(unchecked=str(error.response["Error"]["Code"] or "an error without a code"))
    except (BotoCoreError, ResponseParserError) as error:
        return Scaling(unchecked=type(error).__name__)
    return Scaling(tuple(sorted(known, key=lambda c: (c.table, c.index or "", c.unit))))


def _pages(client: Any, operation: str, field: str, **about: Any) -> list[dict[str, Any]]:
    """What two readings agree on, each with pages of its own size."""
    known: dict[str, dict[str, Any]] = {}

    def read(size: int) -> Iterator[str]:
        for page in pages(getattr(client, operation), ServiceNamespace="dynamodb", MaxResults=size, **about):
            for entry in page[field]:
                known[spelled := json.dumps(entry, sort_keys=True, default=str)] = entry
                yield spelled

    return [known[spelled] for spelled in whole(read, SCALED_AT_ONCE)]


def _is_of(policy: dict[str, Any], target: dict[str, Any]) -> bool:
    return all(policy[field] == target[field] for field in ("ResourceId", "ScalableDimension"))


def _scaled(target: dict[str, Any], policies: list[dict[str, Any]]) -> Scaled:
    """Source: `ResourceId` and `ScalableDimension`, Application Auto Scaling API Reference."""
    _, table, *index = target["ResourceId"].split("/")  # table/NAME or table/NAME/index/INDEX
    beyond = [f"scaling policy {p['PolicyName']}" for p in policies if _tracking(p) is None]
    if any((target.get("SuspendedState") or {}).values()):
        beyond.append("scaling that is suspended")
    return Scaled(
        table=table,
        index=index[-1] if index else None,
        unit=target["ScalableDimension"].rsplit(":", 1)[-1],
        minimum=target["MinCapacity"],
        maximum=target["MaxCapacity"],
        policies=tuple(sorted((t for p in policies if (t := _tracking(p))), key=lambda t: t.name)),
        beyond=tuple(sorted(beyond)),
    )


def _tracking(policy: dict[str, Any]) -> Tracking | None:
    """A policy that follows DynamoDB's own utilization; None for any other kind."""
    said = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (said.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if policy["PolicyType"] != TRACKING or metric is None:
        return None
    return Tracking(
        name=policy["PolicyName"],
        metric=metric,
        value=said["TargetValue"],
        cooldown_in=said.get("ScaleInCooldown"),
        cooldown_out=said.get("ScaleOutCooldown"),
        never_in=bool(said.get("DisableScaleIn")),
    )
