"""Definitions of tables by hand, for what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runbook_lib.aws.autoscaling import Scaled, Scaling, Tracking
from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition, TableDefinition, Throughput
from runbook_lib.config.model import Migration
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.sandbox import demo_config

KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def a_definition(**changes: Any) -> TableDefinition:
    plain = TableDefinition(
        "source", key=(KeyAttribute("id", "S", "HASH"),), global_indexes=(), local_indexes=(),
        billing="PAY_PER_REQUEST", provisioned=None, on_demand=None, stream=None, ttl=None,
        recovery_days=None, kms_key=None, tags=(), deletion_protection=False,
        table_class="STANDARD", beyond=(),
    )  # fmt: skip
    return replace(plain, **changes)


def a_migration() -> Migration:
    return Migration.model_validate(demo_config("http://127.0.0.1:1"))


def everything() -> tuple[dict[str, TableDefinition], Scaling]:
    """Two tables that have, between them, all that a definition can carry, by their targets' names."""
    units, limits = Throughput(5, 7), Throughput(40, None)
    by_group = (KeyAttribute("group", "N", "HASH"), KeyAttribute("at", "S", "RANGE"))
    by_size = (KeyAttribute("id", "S", "HASH"), KeyAttribute("size", "B", "RANGE"))
    provisioned = a_definition(
        name="old-provisioned", key=(KeyAttribute("id", "S", "HASH"), KeyAttribute("at", "S", "RANGE")),
        billing="PROVISIONED", provisioned=units, stream="NEW_AND_OLD_IMAGES", ttl="end", recovery_days=7,
        kms_key=KEY_ARN, tags=(("team", "no"), ("x:y", "1")), deletion_protection=True, beyond=("vector indexes",),
        global_indexes=(IndexDefinition("by-group", by_group, "INCLUDE", ("a", "b"), units, None),),
        local_indexes=(IndexDefinition("by-size", by_size, "KEYS_ONLY", (), None, None),),
    )  # fmt: skip
    on_demand = a_definition(
        name="old-on-demand", on_demand=limits, table_class="STANDARD_INFREQUENT_ACCESS",
        global_indexes=(IndexDefinition("by-group", by_group, "ALL", (), None, limits),),
    )  # fmt: skip
    tracking = Tracking("follow", "DynamoDBWriteCapacityUtilization", 70.5, 60, None, True)
    scaling = Scaling(
        (
            Scaled("old-provisioned", None, "WriteCapacityUnits", 1, 100, (tracking,), ("scaling policy steps",)),
            Scaled("old-provisioned", "by-group", "ReadCapacityUnits", 5, 50, (), ()),
        )
    )
    return {"new-provisioned": provisioned, "new-on-demand": on_demand}, scaling
