"""Auto scaling as CloudFormation resources: what may be scaled, and the policies that scale it. Pure."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.autoscaling import Scaled, dimension, resource_id, tracking_properties

Json = dict[str, Any]


def names_of(capacity: Scaled) -> list[str]:
    """What a scaled capacity's resources are called before ids are made of it: its target, then its policies."""
    stem = ".".join(filter(None, [capacity.table, capacity.index, capacity.unit.removesuffix("CapacityUnits")]))
    return [f"{stem}.Scaling", *(f"{stem}.{policy.name}" for policy in capacity.policies)]


def scaling_resources(capacity: Scaled, table: str, table_id: str, ids: list[str]) -> dict[str, Json]:
    """The resources of a capacity of the table `table`; `ids` are those of `names_of`."""
    target, *policies = ids
    beyond = {"Metadata": {"NotCarriedOver": list(capacity.beyond)}} if capacity.beyond else {}
    made: dict[str, Json] = {
        target: {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            **beyond,
            "Properties": {
                "MaxCapacity": capacity.maximum,
                "MinCapacity": capacity.minimum,
                "ResourceId": resource_id(table, capacity.index),
                "ScalableDimension": dimension(capacity),
                "ServiceNamespace": "dynamodb",
            },
            "DependsOn": [table_id],
        }
    }
    for name, policy in zip(policies, capacity.policies, strict=True):
        properties = tracking_properties(policy) | {"ScalingTargetId": {"Ref": target}}
        made[name] = {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": properties}
    return made
