"""What each side may be asked to do, refused before a byte leaves the machine, and counted.

The sets below are the one place to read it; docs/allowed-calls.md shows them beside all that AWS offers.
The manifest says which files belong to an export, a listing never does; the one prefix that may be listed is
the folder that ImportTable is about to read, to be held against the manifest.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from runbook_lib.aws.server_messages import only_errors_of_aws
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
        "dynamodb:ListExports",
        "dynamodb:Scan",
        "dynamodb:BatchGetItem",  # keys that only the second reading of a scanned table has found
        # for runbook schema and tables.create_missing; DynamoDB does not know how its tables are scaled
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "iam:SimulatePrincipalPolicy",
    }
)
# The one exception on the source: for tables that export.enable_pitr names, with --execute, at the export.
SOURCE_RECOVERY = frozenset({"dynamodb:UpdateContinuousBackups"})
TARGET = frozenset(
    {
        "sts:GetCallerIdentity",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeKinesisStreamingDestination",
        "dynamodb:DescribeLimits",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
        "dynamodb:Scan",
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "iam:SimulatePrincipalPolicy",
        "lambda:ListEventSourceMappings",
    }
)
# The only form in which a granted call may be made: recovery is turned on, never off; of a table, warmth is all
# that changes.
FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "dynamodb:UpdateContinuousBackups": lambda p: (
        p.keys() == {"TableName", "PointInTimeRecoverySpecification"}
        and p["PointInTimeRecoverySpecification"].get("PointInTimeRecoveryEnabled") is True
    ),
    "dynamodb:UpdateTable": lambda p: p.keys() == {"TableName", "WarmThroughput"},
}
# Where tables may be deleted, their protection is all that changes before.
FORMS_OF_DELETING: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "dynamodb:UpdateTable": lambda p: (
        p.keys() == {"TableName", "DeletionProtectionEnabled"} and p["DeletionProtectionEnabled"] is False
    ),
}
# With --execute, on the tables of the plan.
TARGET_WRITES = frozenset({"dynamodb:BatchWriteItem"})
# With --execute and import.on_non_empty: append, instead of it: only where nothing is there, see conditional.py.
TARGET_APPENDS = frozenset({"dynamodb:PutItem"})
# Only with validate.canary: one reserved item per target, see canary.py.
TARGET_CANARY = frozenset({"dynamodb:PutItem", "dynamodb:DeleteItem"})
# With --execute, on the targets of the plan: the tag that names the register of those who wrote there, and no other.
TARGET_REGISTERS = frozenset({"dynamodb:TagResource", "dynamodb:UntagResource"})
# At a cleanup that was confirmed by name: items as they were read, and one put back where nothing is.
TARGET_UNDOES = frozenset({"dynamodb:DeleteItem", "dynamodb:PutItem"})
# With --execute, on the target. One object, only where there is none: the entry of a run in a register.
STAGING_REGISTERS = frozenset({"s3:PutObject"})
# With --execute, on the tables that import.warm_throughput names.
TARGET_WARMING = frozenset({"dynamodb:UpdateTable"})
# With --execute and tables.create_missing, on the tables of the plan that were not there.
TARGET_CREATES = frozenset(
    {
        "dynamodb:CreateTable",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTimeToLive",
    }
)
# With --execute and import.strategy, on the tables of the plan that ImportTable makes; UpdateTable settles them.
TARGET_IMPORTS = frozenset(
    {
        "dynamodb:ImportTable",
        "dynamodb:DescribeImport",
        "dynamodb:ListImports",
        "dynamodb:TagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    }
)
IMPORT_FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    **FORMS,
    "dynamodb:UpdateTable": lambda p: (
        (p.keys() == {"TableName", "StreamSpecification"} and p["StreamSpecification"].get("StreamEnabled") is True)
        or (p.keys() == {"TableName", "DeletionProtectionEnabled"} and p["DeletionProtectionEnabled"] is True)
        or p.keys() == {"TableName", "TableClass"}
    ),
}
# At a cleanup that was confirmed by name, on the tables that the run created; UpdateTable lifts their protection.
TARGET_DELETES = frozenset({"dynamodb:DeleteTable", "dynamodb:UpdateTable"})
TOLD_IN_SUMS = frozenset({"BatchWriteItem", "DeleteItem", "PutItem"})
STAGING = frozenset(
    {
        "s3:HeadBucket",
        "s3:GetBucketEncryption",
        "s3:GetBucketLifecycleConfiguration",
        "s3:GetObject",
        "s3:PutObject",
    }
)
# At a cleanup that was confirmed by name, on the keys of the run's own manifests.
STAGING_DELETES = frozenset({"s3:DeleteObjects"})
# With import.strategy, on the one folder that ImportTable is to read.
STAGING_LISTS = frozenset({"s3:ListObjectsV2"})
# What each side may always be asked for, and what only where somebody asked for it.
ALWAYS = {"source": SOURCE, "target": TARGET, "staging": STAGING}
ASKED = {
    "source": SOURCE_RECOVERY,
    "target": TARGET_WRITES
    | TARGET_APPENDS
    | TARGET_CANARY
    | TARGET_REGISTERS
    | TARGET_UNDOES
    | TARGET_WARMING
    | TARGET_CREATES
    | TARGET_IMPORTS
    | TARGET_DELETES,
    "staging": STAGING_DELETES | STAGING_LISTS,
}
# Where botocore's events call a service by another name than its client.
EVENT_NAMES = {"application-auto-scaling": "application-autoscaling"}


class Calls:
    """Counts the calls of every side; thread-safe.

    `on_call(side, operation, count)` hears of each call before it is sent, so that a process killed
    in mid-call has counted it. Only writes of items are told in sums, with `flush`: the import flushes
    with its watermarks, twice a second. What could not be told is kept and told the next time.
    """

    def __init__(self, on_call: Callable[[str, str, int], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._on_call = on_call
        self._untold: Counter[tuple[str, str]] = Counter()

    def report_to(self, on_call: Callable[[str, str, int], None]) -> None:
        """Pass every call on from now, and first the ones made so far that nobody was told of."""
        self._on_call = on_call
        self.flush()

    def record(self, side: str, operation: str) -> None:
        """Count a call that is about to be sent; raises what telling it raises, and then it must not be sent."""
        with self._lock:
            self._counts[side, operation] += 1
            if self._on_call is None or operation in TOLD_IN_SUMS:
                self._untold[side, operation] += 1
                return
        try:
            self._on_call(side, operation, 1)
        except BaseException:
            with self._lock:
                self._counts[side, operation] -= 1
            raise

    def flush(self) -> None:
        """Pass on the calls that nobody was told of since the last time."""
        if self._on_call is None:
            return
        with self._lock:
            untold, self._untold = self._untold, Counter()
        for key in list(untold):
            try:
                self._on_call(*key, untold[key])
            except BaseException:
                with self._lock:
                    self._untold += untold
                raise
            del untold[key]

    def of(self, side: str) -> dict[str, int]:
        with self._lock:
            return {op: n for (where, op), n in sorted(self._counts.items()) if where == side}


class Under(frozenset[str]):
    """Names that begin with one of these: objects under a prefix."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(tuple(self))


class Guard:
    """Lets one side's clients do what `allowed` lists and nothing else.

    Attached to a botocore session it hears of every call of every client made from it: of its parameters,
    presigned URLs and forms included, and of every request before it is signed; the wire-level path asks
    `check` itself. `grants` are further operations, each on the tables named for it and no other, and in the form
    that `forms` has for it.
    """

    def __init__(
        self,
        side: str,
        allowed: frozenset[str],
        calls: Calls,
        grants: Mapping[str, frozenset[str]] | None = None,
        forms: Mapping[str, Callable[[Mapping[str, Any]], bool]] = FORMS,
    ) -> None:
        self.side = side
        self.grants = grants or {}
        self.allowed = allowed | frozenset(self.grants)
        self._calls = calls
        self._forms = forms

    def attach(self, events: Any) -> None:
        """Register with the event system of a botocore session, before clients are made."""
        events.register_first("provide-client-params.*.*", self._before_parameters)
        events.register_last("before-parameter-build.*.*", self._check_table)
        events.register_last("before-call.*.*", self._before_call)
        events.register_first("request-created.*.*", self._before_signing)
        events.register_first("before-parse.*.*", only_errors_of_aws)

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

    def _check_table(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.check_granted(model.service_model.service_name, model.name, params)

    def check_granted(self, service: str, name: str, params: Mapping[str, Any]) -> None:
        """A granted operation acts on a table it was granted for, given by its plain name."""
        granted = self.grants.get(f"{service}:{name}")
        if granted is None:
            return
        if (table := _table_of(params)) not in granted:
            raise ForbiddenCall(
                f"{name} of {table!r} was not asked for; nothing was sent. Asked for are {sorted(granted)}"
            )
        fits = self._forms.get(f"{service}:{name}")
        if fits is not None and not fits(params):
            raise ForbiddenCall(f"{name} was granted for something else than {sorted(params)}; nothing was sent")

    def _before_call(self, model: Any, **_: Any) -> None:
        self.check(model.service_model.service_name, model.name)

    def _before_signing(self, request: Any, event_name: str, **_: Any) -> None:
        """The last look, at requests that were not made by a client's method too; one that is repeated counts again."""
        service, operation = event_name.split(".", 2)[1:]
        self.check(EVENT_NAMES.get(service, service), operation)
        if service == "dynamodb" and f"{service}:{operation}" in self.grants:
            self.check_granted(service, operation, json.loads(request.data or b"{}"))
        self.count(operation)


def _table_of(params: Mapping[str, Any]) -> str | None:
    """What a call acts on: a table's plain name, or the one in an ARN; of a listing its bucket and prefix."""
    if "Bucket" in params:
        return f"{params['Bucket']}/{params.get('Key', params.get('Prefix', ''))}"
    if "ImportArn" in params:
        return str(params["ImportArn"]).partition(":table/")[2].partition("/import/")[0]
    if "TableCreationParameters" in params:
        return str(params["TableCreationParameters"].get("TableName"))
    for name in ("ResourceArn", "TableArn"):
        if name in params:
            return str(params[name]).partition(":table/")[2]
    return params.get("TableName")
