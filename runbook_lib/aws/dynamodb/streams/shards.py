"""The stream of a table, and its shards: which there are now, which of them have ended, and which follows which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.tables import table_description
from runbook_lib.aws.outage import told
from runbook_lib.aws.pages import pages, whole
from runbook_lib.errors import ExportError

ENABLED, BOTH = "ENABLED", "NEW_AND_OLD_IMAGES"
GONE, DENIED = "ResourceNotFoundException", "AccessDeniedException"
SHARDS_AT_ONCE = (100, 71)  # of DescribeStream
PERMISSIONS = (
    "allow dynamodb:DescribeStream, dynamodb:GetShardIterator and dynamodb:GetRecords on it to the source's identity "
    "(runbook policy writes that), or go by windows (catch_up.by)"
)


@dataclass(frozen=True, slots=True)
class ListedShard:
    """A stretch of a stream. `parent` is None for one that follows none; one that is `ended` takes no more records."""

    id: str
    parent: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class DescribedStream:
    """A stream as it stands now; `status` and `view` are AWS's words, `created` is when it was turned on."""

    arn: str
    status: str
    view: str
    created: datetime
    shards: tuple[ListedShard, ...]


def current_stream(client: Any, table: str) -> tuple[str, str] | None:
    """The ARN of a table's stream and its view; None where it has none that is on. Asked of DynamoDB itself."""
    said = table_description(client, table) or {}
    spec = said.get("StreamSpecification") or {}
    if not spec.get("StreamEnabled") or not said.get("LatestStreamArn"):
        return None
    return str(said["LatestStreamArn"]), str(spec.get("StreamViewType"))


def describe_stream(client: Any, arn: str) -> DescribedStream:
    """A stream with all its shards, parents before children, listed twice; raises ExportError where it cannot be read.

    A shard that a list left out would be records that nobody reads.
    """
    said: dict[str, Any] = {}

    def ask(**request: Any) -> dict[str, Any]:  # the token of the next page stands inside the answer
        inner: dict[str, Any] = client.describe_stream(**request)["StreamDescription"]
        said.update(inner)
        return inner

    def read(size: int) -> Iterator[ListedShard]:
        for page in pages(ask, "LastEvaluatedShardId", "ExclusiveStartShardId", StreamArn=arn, Limit=size):
            for one in page.get("Shards", ()):
                ended = bool((one.get("SequenceNumberRange") or {}).get("EndingSequenceNumber"))
                yield ListedShard(one["ShardId"], one.get("ParentShardId") or None, ended)

    try:
        shards = whole(read, SHARDS_AT_ONCE)
    except (ClientError, BotoCoreError) as error:
        raise unreadable(arn, error) from None
    created = said.get("CreationRequestDateTime")
    if not isinstance(created, datetime):
        raise ExportError(f"DescribeStream of {arn} should say when the stream was turned on, and does not")
    return DescribedStream(
        arn=str(said.get("StreamArn")),
        status=str(said.get("StreamStatus")),
        view=str(said.get("StreamViewType")),
        created=created.astimezone(UTC),
        shards=tuple(_in_order({shard.id: shard for shard in shards})),
    )


def unreadable(arn: str, error: ClientError | BotoCoreError) -> ExportError:
    """What to tell of a call about a stream that failed."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return told(ExportError(f"{arn} cannot be read: {error}{f'; {PERMISSIONS}' if code == DENIED else ''}"), error)


def _in_order(shards: dict[str, ListedShard]) -> list[ListedShard]:
    """Each shard after its parent, if that is there."""
    placed: dict[str, ListedShard] = {}
    waiting = list(shards.values())
    while waiting:
        ready = [s for s in waiting if s.parent is None or s.parent in placed or s.parent not in shards]
        if not ready:
            raise ExportError(f"the shards {', '.join(s.id for s in waiting[:3])} of a stream are each other's parents")
        placed |= {s.id: s for s in ready}
        waiting = [s for s in waiting if s.id not in placed]
    return list(placed.values())
