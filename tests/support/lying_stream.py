"""A stream in memory whose answers a test may falsify: shards in a tree, each with its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

T0 = datetime(2026, 1, 14, 10, tzinfo=UTC)
Item = dict[str, Any]


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetRecords")


@dataclass
class MadeShard:
    """A shard: its parent's name, whether it has ended, its records as DynamoDB spells them."""

    parent: str | None = None
    ended: bool = False
    records: list[Item] = field(default_factory=list)


@dataclass
class MadeStream:
    """What `ShardReader` and `describe_stream` ask, answered from shards; `falsify` is given every list of shards."""

    shards: dict[str, MadeShard] = field(default_factory=dict)
    falsify: Callable[[list[Item]], list[Item]] = lambda shards: shards
    empty_pages: int = 0
    asked: list[str] = field(default_factory=list)
    numbers: int = 100
    held: dict[str, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keepers: list[Callable[..., None]] = []
        events = SimpleNamespace(
            register=lambda _, keep: self._keepers.append(keep), unregister=lambda _, keep: self._keepers.remove(keep)
        )
        self.meta = SimpleNamespace(events=events)

    def write(self, shard: str, name: str, value: int | None, second: int = 0) -> None:
        """Put an item under a name, or delete it with None, so many seconds after T0."""
        key = {"id": {"S": name}}
        old, new = self.held.get(name), None if value is None else key | {"v": {"N": str(value)}}
        self.numbers += 1
        kind = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        images = {"OldImage": old, "NewImage": new}
        told = {
            "SequenceNumber": str(self.numbers),
            "ApproximateCreationDateTime": (T0 + timedelta(seconds=second)).timestamp(),
            "Keys": key,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        told |= {member: image for member, image in images.items() if image is not None}
        self.shards[shard].records.append({"eventName": kind, "dynamodb": told})
        if new is None:
            self.held.pop(name)
        else:
            self.held[name] = new

    def describe_stream(self, **asked: Any) -> Item:
        shards = self.falsify(
            [
                {"ShardId": name, "SequenceNumberRange": {"EndingSequenceNumber": "1"} if shard.ended else {}}
                | ({"ParentShardId": shard.parent} if shard.parent else {})
                for name, shard in self.shards.items()
            ]
        )
        told = {"StreamArn": "arn", "StreamStatus": "ENABLED", "StreamViewType": "NEW_AND_OLD_IMAGES"}
        return {"StreamDescription": told | {"CreationRequestDateTime": T0 - timedelta(days=1), "Shards": shards}}

    def get_shard_iterator(self, **asked: Any) -> Item:
        after = int(asked.get("SequenceNumber", 0))
        self.asked.append(asked["ShardId"])
        return {"ShardIterator": f"{asked['ShardId']} {after} {self.empty_pages}"}

    def get_records(self, **asked: Any) -> Item:
        shard, after, empty = asked["ShardIterator"].split(" ")
        made = self.shards[shard]
        left = [one for one in made.records if int(one["dynamodb"]["SequenceNumber"]) > int(after)]
        page = [] if int(empty) else left[:2]
        last = page[-1]["dynamodb"]["SequenceNumber"] if page else after
        answer: Item = {"Records": page}
        if len(left) > len(page) or not made.ended:
            answer["NextShardIterator"] = f"{shard} {last} {max(0, int(empty) - 1)}"
        for keep in self._keepers:
            keep(response_dict={"body": json.dumps(answer).encode()})
        return answer
