"""What tests do to tables and buckets beside migrating them."""

from __future__ import annotations

from typing import Any

from tests.support.world import World, things


def turn_on_recovery(world: World, client: Any, table: str, days: int = 35) -> None:
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)


def target_exists(world: World, table: str) -> bool:
    return table in [n for p in world.target.get_paginator("list_tables").paginate() for n in p["TableNames"]]


READ_METRIC = "DynamoDBReadCapacityUtilization"


def autoscale_reads(client: Any, table: str, minimum: int) -> None:
    where = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": f"table/{table}",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    client.register_scalable_target(**where, MinCapacity=minimum, MaxCapacity=40)
    tracking = {"TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": READ_METRIC}}
    client.put_scaling_policy(
        **where, PolicyName="follow", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )  # fmt: skip


CREATE_MISSING = {"tables": {"create_missing": True}}


def source_without_target(world: World, name: str, items: int) -> None:
    world.table(world.source, world.src(name), DeletionProtectionEnabled=True)
    turn_on_recovery(world, world.source, world.src(name))
    world.put(world.source, world.src(name), things(items))


def keys_in_bucket(world: World) -> set[str]:
    return {o["Key"] for o in world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])}
