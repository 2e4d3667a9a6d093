"""Faults that tests put between a client and the sandbox, so that retries can be proved and not hoped for.

A fault chooses by a counter ("every") or by a seeded random number ("probability"): the same sequence of
requests meets the same faults.
"""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from runbook_lib.sandbox.emulator.replies import AwsError
from runbook_lib.sandbox.emulator.s3.bulk_put import FAULTS
from runbook_lib.sandbox.emulator.streams.shards import STREAM_OPERATIONS, trimmed

# Which kinds exist, and for which operations (None: all).
KINDS: dict[str, frozenset[str] | None] = {
    "unprocessed": frozenset({"BatchWriteItem"}),
    "throttle": None,
    "internal-error": None,
    "expired-token": None,
    "denied": None,
    "reset": None,
    "lost-reply": None,
    "delay": None,
    "truncate": frozenset({"GetObject"}),
    "dropped-change": frozenset({"ExportTableToPointInTime"}),
    "duplicate-key": frozenset({"ExportTableToPointInTime"}),
    "skewed-clock": frozenset({"ExportTableToPointInTime"}),
    "slow-clock": frozenset({"ExportTableToPointInTime"}),
    "expired-iterator": frozenset({"GetRecords"}),
    "trimmed": frozenset({"GetRecords", "GetShardIterator"}),
    **dict.fromkeys(FAULTS, frozenset({"StartBulkPutItems"})),
}

# Those that are an error answer.
REFUSALS = frozenset({"throttle", "internal-error", "expired-token", "denied", "expired-iterator", "trimmed"})


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """Say which requests fail how; `table` None means any, `times` None means for ever."""

    operation: str
    kind: str
    table: str | None = None
    probability: float | None = None
    every: int | None = None
    times: int | None = None
    seconds: float = 1.0
    seed: int = 0


@dataclass(slots=True)
class Fault:
    """A fault at work: how many requests it saw and how often it fired."""

    spec: FaultSpec
    seen: int = 0
    fired: int = 0
    random: random.Random = field(default_factory=random.Random)

    def strikes(self) -> bool:
        """Decide about the next request."""
        spec = self.spec
        if spec.times is not None and self.fired >= spec.times:
            return False
        self.seen += 1
        if spec.every is not None:
            strike = self.seen % spec.every == 0
        else:
            strike = self.random.random() < (1.0 if spec.probability is None else spec.probability)
        self.fired += strike
        return strike


class FaultBook:
    """Hold the faults; safe to use from all request threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, body: Any) -> Fault:
        """Add a fault given as JSON; ValueError names what is wrong with it."""
        fault = Fault(_parse(body))
        fault.random.seed(fault.spec.seed)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        """Return each fault with how often it was asked and fired, in the order they were added."""
        with self._lock:
            return [describe(fault) for fault in self._faults]

    def next(self, operation: str, tables: list[str]) -> Fault | None:
        """Return the first fault that strikes this request, if any."""
        with self._lock:
            for fault in self._faults:
                spec = fault.spec
                if spec.operation != operation or (spec.table is not None and spec.table not in tables):
                    continue
                if fault.strikes():
                    return fault
        return None

    def leave_undone(self, fault: Fault, members: int) -> set[int]:
        """Choose the members of a batch that an "unprocessed" fault leaves: at least one, never all.

        A batch of one cannot be done in part: it is throttled, as AWS does when nothing of a batch fits.
        """
        if members < 2:
            raise throttling_error("BatchWriteItem", None)
        with self._lock:
            return set(fault.random.sample(range(members), fault.random.randint(1, members - 1)))


def describe(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON."""
    return {**asdict(fault.spec), "seen": fault.seen, "fired": fault.fired}


def throttling_error(operation: str, table_arn: str | None) -> AwsError:
    """Return the throttling error of the operation's service."""
    if operation.endswith(("Object", "ObjectsV2")):
        return AwsError("SlowDown", "Please reduce your request rate.", status=503)
    if operation in STREAM_OPERATIONS:
        return AwsError("LimitExceededException", "There were too many operations for the shard; try again later")
    way = "Write" if operation in ("BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem") else "Read"
    reason = {"reason": f"Table{way}ProvisionedThroughputExceeded"}
    if table_arn is not None:
        reason["resource"] = table_arn
    return AwsError(
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API.",
        ThrottlingReasons=[reason],
    )


def error_answer(fault: Fault, table_arn: str | None) -> AwsError:
    """Return the error answer of a fault that is one."""
    if fault.spec.kind == "throttle":
        return throttling_error(fault.spec.operation, table_arn)
    if fault.spec.kind == "expired-iterator":
        return AwsError("ExpiredIteratorException", "Iterator expired")
    if fault.spec.kind == "trimmed":
        return trimmed()
    s3 = fault.spec.operation.endswith(("Object", "ObjectsV2"))
    if fault.spec.kind == "expired-token":
        code = "ExpiredToken" if s3 else "ExpiredTokenException"
        return AwsError(code, "The security token included in the request is expired")
    if fault.spec.kind == "denied":
        what = f"not authorized to perform: {'s3' if s3 else 'dynamodb'}:{fault.spec.operation}"
        return AwsError("AccessDenied", what, 403) if s3 else AwsError("AccessDeniedException", what)
    code = "InternalError" if s3 else "InternalServerError"
    return AwsError(code, "Internal server error", status=500)


def _parse(body: Any) -> FaultSpec:
    if not isinstance(body, dict):
        raise ValueError("a fault is a JSON object")
    known = set(FaultSpec.__dataclass_fields__)
    if unknown := body.keys() - known:
        raise ValueError(f"unknown {sorted(unknown)}; a fault has {sorted(known)}")
    if not isinstance(body.get("operation"), str) or body.get("kind") not in KINDS:
        raise ValueError(f"a fault needs an operation and a kind, one of {sorted(KINDS)}")
    spec = FaultSpec(**{name: value for name, value in body.items() if value is not None})
    allowed = KINDS[spec.kind]
    if allowed is not None and spec.operation not in allowed:
        raise ValueError(f"{spec.kind} is for {sorted(allowed)}, not for {spec.operation}")
    if spec.every is not None and (spec.probability is not None or spec.every < 1):
        raise ValueError("every must be 1 or more and goes without probability")
    return spec
