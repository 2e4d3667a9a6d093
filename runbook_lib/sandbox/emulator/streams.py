"""Stream records of batch writes, built only when somebody reads the stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, Table


@dataclass(frozen=True, slots=True)
class LateRecord:
    """Stand for a moto StreamRecord in a shard; moto asks it for nothing but `to_json`."""

    table: Table
    old: Item | None
    new: Item | None
    sequence: int
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """Build the record."""
        view = (self.table.stream_specification or {}).get("StreamViewType", "KEYS_ONLY")
        event = "INSERT" if self.old is None else "REMOVE" if self.new is None else "MODIFY"
        record = StreamRecord(self.table, view, event, self.old, self.new, self.sequence).to_json()
        record["awsRegion"] = self.table.region_name  # moto says us-east-1 everywhere
        record["dynamodb"]["ApproximateCreationDateTime"] = self.at
        return record


def record_change(table: Table, old: Item | None, new: Item | None) -> None:
    """Append one change to the table's stream, if it has one; a delete of nothing leaves no record."""
    shard = table.stream_shard
    if shard is None or (old is None and new is None):
        return
    sequence = len(shard.items) + shard.starting_sequence_number
    shard.items.append(LateRecord(table, old, new, sequence, datetime.now(UTC)))  # type: ignore[arg-type]
