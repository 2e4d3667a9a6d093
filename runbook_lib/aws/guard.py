"""What each side may be asked to do, refused before a byte leaves the machine, and counted.

The three sets below are the one place to read it. Listing a bucket is on none of them:
the manifest says which files belong to an export, a listing never does.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from runbook_lib.errors import ForbiddenCall

SOURCE = frozenset(
    {
        "sts:GetCallerIdentity",
        "dynamodb:ListTables",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
        "dynamodb:ExportTableToPointInTime",
        "dynamodb:DescribeExport",
        "dynamodb:Scan",
        # for runbook schema and tables.create_missing; DynamoDB does not know how its tables are scaled
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
    }
)
TARGET = frozenset(
    {
        "sts:GetCallerIdentity",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:Scan",
        "dynamodb:BatchGetItem",
    }
)
TARGET_WRITES = frozenset({"dynamodb:BatchWriteItem"})
STAGING = frozenset(
    {
        "s3:HeadBucket",
        "s3:GetObject",
        "s3:PutObject",
    }
)


class Calls:
    """Counts the calls of every side; thread-safe.

    `on_call(side, operation, count)` hears of each call before it is sent, so that a process killed
    in mid-call has counted it.
    """

    def __init__(self, on_call: Callable[[str, str, int], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._on_call = on_call

    def report_to(self, on_call: Callable[[str, str, int], None]) -> None:
        """Pass every call on from now, and first the ones made so far."""
        with self._lock:
            for (side, operation), count in self._counts.items():
                on_call(side, operation, count)
            self._on_call = on_call

    def record(self, side: str, operation: str) -> None:
        with self._lock:
            self._counts[side, operation] += 1
            if self._on_call is not None:
                self._on_call(side, operation, 1)

    def of(self, side: str) -> dict[str, int]:
        with self._lock:
            return {op: n for (where, op), n in sorted(self._counts.items()) if where == side}


class Guard:
    """Lets one side's clients do what `allowed` lists and nothing else.

    Attached to a botocore session it hears of every call of every client made from it,
    presigned URLs included; the wire-level path asks `check` itself.
    """

    def __init__(self, side: str, allowed: frozenset[str], calls: Calls) -> None:
        self.side = side
        self.allowed = allowed
        self._calls = calls

    def attach(self, events: Any) -> None:
        """Register with the event system of a botocore session, before clients are made."""
        events.register_first("provide-client-params.*.*", self._before_parameters)
        events.register_last("before-call.*.*", self._before_call)

    def check(self, service: str, operation: str) -> None:
        """Raise ForbiddenCall unless the operation is allowed."""
        if f"{service}:{operation}" not in self.allowed:
            raise ForbiddenCall(
                f"{service}:{operation} is not allowed on the {self.side} side; nothing was sent. "
                f"Allowed are {', '.join(sorted(self.allowed))}"
            )

    def count(self, operation: str) -> None:
        self._calls.record(self.side, operation)

    def _before_parameters(self, model: Any, **_: Any) -> None:
        self.check(model.service_model.service_name, model.name)

    def _before_call(self, model: Any, **_: Any) -> None:
        self.check(model.service_model.service_name, model.name)
        self.count(model.name)
