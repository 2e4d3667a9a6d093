"""Auto scaling as CloudFormation resources: what may be scaled, and the policies that scale it. Pure."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.autoscaling import TRACKING, Scaled, Tracking
from runbook_lib.schema.table_properties import drop_none

Json = dict[str, Any]


def names_of(capacity: Scaled) -> list[str]:
    """What a scaled capacity's resources are called before ids are made of it: its target, then its policies."""
    stem = ".".join(filter(None, [capacity.table, capacity.index, capacity.unit.removesuffix("CapacityUnits")]))
    return [f"{stem}.Scaling", *(f"{stem}.{policy.name}" for policy in capacity.policies)]


def scaling_resources(capacity: Scaled, table: str, table_id: str, ids: list[str]) -> dict[str, Json]:
    """The resources of a capacity of the table `table`; `ids` are those of `names_of`."""
    target, *policies = ids
    kind = "index" if capacity.index else "table"
    beyond = {"Metadata": {"NotCarriedOver": list(capacity.beyond)}} if capacity.beyond else {}
    made: dict[str, Json] = {
        target: {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            **beyond,
            "Properties": {
                "MaxCapacity": capacity.maximum,
                "MinCapacity": capacity.minimum,
                "ResourceId": "/".join(["table", table, *(["index", capacity.index] if capacity.index else [])]),
                "ScalableDimension": f"dynamodb:{kind}:{capacity.unit}",
                "ServiceNamespace": "dynamodb",
            },
            "DependsOn": [table_id],
        }
    }
    for name, policy in zip(policies, capacity.policies, strict=True):
        made[name] = {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": _policy(policy, target)}
    return made


def _policy(policy: Tracking, target: str) -> Json:
    return {
        "PolicyName": policy.name,
        "PolicyType": TRACKING,
        "ScalingTargetId": {"Ref": target},
        "TargetTrackingScalingPolicyConfiguration": drop_none(
            PredefinedMetricSpecification={"PredefinedMetricType": policy.metric},
            TargetValue=policy.value,
            ScaleInCooldown=policy.cooldown_in,
            ScaleOutCooldown=policy.cooldown_out,
            DisableScaleIn=policy.never_in,
        ),
    }
