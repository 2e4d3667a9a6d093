"""The calls that have the capacity of a table scaled, and end it. Each can be repeated: it leaves what is settled.

What is refused may have been done by an earlier request, whose answer was lost: that is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.autoscaling import (
    Scaled,
    Scaling,
    Tracking,
    dimension,
    read_scaling_of,
    resource_id,
    tracking_properties,
)
from runbook_lib.aws.outage import is_outage, told
from runbook_lib.aws.outcome import is_repeated
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
    limits = {"MinCapacity": capacity.minimum, "MaxCapacity": capacity.maximum}
    calls: list[tuple[Callable[..., object], dict[str, Any], Callable[[Scaled], bool]]] = [
        (client.register_scalable_target, limits, partial(_has_limits, capacity)),
        *((client.put_scaling_policy, tracking_properties(p), partial(_has_policy, p)) for p in capacity.policies),
    ]
    for call, request, is_done in calls:
        try:
            call(**where, **request)
        except (ClientError, BotoCoreError) as error:
            code = str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
            if code != FULL and (is_outage(error) or not isinstance(error, ClientError)):
                raise told(TableError(f"auto scaling of {table} cannot be registered: {error}"), error) from None
            if any(map(is_done, _scaled_now(client, **where).capacities)):
                continue
            unheard = "; an earlier request, whose answer nobody heard, may have done it" if is_repeated(error) else ""
            return (code or "an error without a code") + unheard
    return None


def _has_limits(wanted: Scaled, found: Scaled) -> bool:
    return (found.minimum, found.maximum) == (wanted.minimum, wanted.maximum)


def _has_policy(wanted: Tracking, found: Scaled) -> bool:
    return wanted in found.policies


def _scaled_now(client: Any, ResourceId: str, ScalableDimension: str, **_: str) -> Scaling:
    """What Application Auto Scaling has of one capacity now: of one that it does not scale, nothing."""
    table, *index = ResourceId.split("/")[1:]
    found = read_scaling_of(client, table, index[1:])
    its = (c for c in found.capacities if resource_id(table, c.index) == ResourceId)
    return replace(found, capacities=tuple(c for c in its if dimension(c) == ScalableDimension))


def end_scaling(client: Any, resource: str, scaled_dimension: str) -> None:
    """Take one capacity, and with it its policies, out of Application Auto Scaling; none is there is as good."""
    where = {"ServiceNamespace": "dynamodb", "ResourceId": resource, "ScalableDimension": scaled_dimension}
    try:
        client.deregister_scalable_target(**where)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == GONE:
            return
        if _scaled_now(client, **where) == Scaling():
            return
        refusal = TableError(f"auto scaling of {resource} could not be ended: {error}; run the cleanup again")
        raise told(refusal, error) from None
