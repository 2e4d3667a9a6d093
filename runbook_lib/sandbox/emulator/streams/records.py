"""Stream records of batch writes, built only when somebody reads the stream."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from json import loads
from typing import Any

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, Table

from runbook_lib.sandbox.emulator.store import wire_bytes


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
    """Append one change to the table's stream, if it has one; what changes nothing leaves no record."""
    shard = table.stream_shard
    if shard is None or is_unchanged(old, new):
        return
    sequence = len(shard.items) + shard.starting_sequence_number
    # As they are now: moto's UpdateItem changes an item in place.
    record = LateRecord(table, deepcopy(old), deepcopy(new), sequence, datetime.now(UTC))
    shard.items.append(record)  # type: ignore[arg-type]


def is_unchanged(old: Item | None, new: Item | None) -> bool:
    """Whether a write left everything as it was."""
    if old is None or new is None:
        return old is new
    return bool(loads(wire_bytes(old)) == loads(wire_bytes(new)))
