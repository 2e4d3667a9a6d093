"""What moto's tables lack: Kinesis destinations and contributor insights, as settings without effect."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import AwsError, dumps
from runbook_lib.sandbox.emulator.store import Store

ATTACHED_OPERATIONS = frozenset(
    {
        "DescribeContributorInsights", "DescribeKinesisStreamingDestination", "DisableKinesisStreamingDestination",
        "EnableKinesisStreamingDestination", "UpdateContributorInsights",
    }
)  # fmt: skip
PRECISION = "ApproximateCreationDateTimePrecision"


class Attachments:
    """Keep what is attached to each table; nothing is ever sent to a stream, and no rule is ever made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._streams: WeakKeyDictionary[Table, dict[str, dict[str, str]]] = WeakKeyDictionary()
        self._insights: WeakKeyDictionary[Table, dict[str, str]] = WeakKeyDictionary()

    def answer(self, operation: str, account: str, region: str, request: dict[str, Any]) -> bytes:
        """Answer one of ATTACHED_OPERATIONS."""
        with self._store.locked():
            table = self._store.table(account, region, request.get("TableName", ""))
            if operation.endswith("KinesisStreamingDestination"):
                return dumps({"TableName": table.name, **self._destinations(operation, table, request)})
            return dumps({"TableName": table.name, **self._insights_of(operation, table, request)})

    def _destinations(self, operation: str, table: Table, request: dict[str, Any]) -> dict[str, Any]:
        known = self._streams.setdefault(table, {})
        if operation.startswith("Describe"):
            return {"KinesisDataStreamDestinations": [{"StreamArn": arn, **said} for arn, said in known.items()]}
        arn = request["StreamArn"]
        state, last = ("ACTIVE", "ENABLING") if operation.startswith("Enable") else ("DISABLED", "DISABLING")
        if (state == "ACTIVE") == (known.get(arn, {}).get("DestinationStatus") == "ACTIVE"):
            raise AwsError("ResourceInUseException", f"the destination {arn} is not to be changed in this way")
        precision = (request.get("EnableKinesisStreamingConfiguration") or {}).get(PRECISION, "MILLISECOND")
        known[arn] = {"DestinationStatus": state, PRECISION: precision}
        return {"StreamArn": arn, "DestinationStatus": last}

    def _insights_of(self, operation: str, table: Table, request: dict[str, Any]) -> dict[str, Any]:
        known, index = self._insights.setdefault(table, {}), request.get("IndexName", "")
        if index and index not in {i.name for i in table.global_indexes}:
            raise AwsError("ResourceNotFoundException", f"Requested resource not found: Index: {index} not found")
        place = {"IndexName": index} if index else {}
        if operation.startswith("Describe"):
            mode = known.get(index)
            of_mode = {"ContributorInsightsMode": mode} if mode else {}
            return {**place, "ContributorInsightsStatus": "ENABLED" if mode else "DISABLED", **of_mode}
        if request.get("ContributorInsightsAction") == "ENABLE":
            known[index] = request.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")
            return {**place, "ContributorInsightsStatus": "ENABLING", "ContributorInsightsMode": known[index]}
        known.pop(index, None)
        return {**place, "ContributorInsightsStatus": "DISABLING"}
