"""The calls that have the capacity of a table scaled, and end it. Each can be repeated: it leaves what is settled."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.autoscaling import Scaled, dimension, resource_id, tracking_properties
from runbook_lib.aws.outage import is_outage, told
from runbook_lib.errors import TableError

GONE = "ObjectNotFoundException"
FULL = "LimitExceededException"  # of Application Auto Scaling a quota, and no pace


def register_scaling(client: Any, table: str, capacity: Scaled) -> str | None:
    """Have a capacity of `table` scaled as `capacity` is; returns the code of a refusal.

    Raises TableError, which is transient, while the service is away.
    """
    where = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": resource_id(table, capacity.index),
        "ScalableDimension": dimension(capacity),
    }
    try:
        client.register_scalable_target(**where, MinCapacity=capacity.minimum, MaxCapacity=capacity.maximum)
        for policy in capacity.policies:
            client.put_scaling_policy(**where, **tracking_properties(policy))
    except (ClientError, BotoCoreError) as error:
        code = str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
        if code != FULL and (is_outage(error) or not isinstance(error, ClientError)):
            raise told(TableError(f"auto scaling of {table} cannot be registered: {error}"), error) from None
        return code or "an error without a code"
    return None


def end_scaling(client: Any, resource: str, scaled_dimension: str) -> None:
    """Take one capacity, and with it its policies, out of Application Auto Scaling; none is there is as good."""
    try:
        client.deregister_scalable_target(
            ServiceNamespace="dynamodb", ResourceId=resource, ScalableDimension=scaled_dimension
        )
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == GONE:
            return
        refusal = TableError(f"auto scaling of {resource} could not be ended: {error}; run the cleanup again")
        raise told(refusal, error) from None
