"""SQS: queues and what they hand over to. No message is received, and none is counted."""

from __future__ import annotations

from collections.abc import Iterable

from runbook_lib.aws.reading.listings import QUEUES
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import carried, cloudformation_tags, typed, unknown_attributes, unknown_values
from runbook_lib.estate.members import QUEUE, QUEUE_LEFT
from runbook_lib.estate.resource import Resource, ResourceKind, Unexpressed


def queue_names(reader: ServiceReader) -> list[str]:
    """The names of all queues."""
    return sorted({url.rpartition("/")[2] for url in reader.names(QUEUES)})


def read_queues(reader: ServiceReader, names: Iterable[str]) -> tuple[list[Resource], list[Unexpressed]]:
    """The queues of these names that are there, and what of them nobody here knows."""
    left: list[Unexpressed] = []
    found = [queue for name in sorted(set(names)) if (queue := _queue(reader, name, left)) is not None]
    return found, left


def _queue(reader: ServiceReader, name: str, left: list[Unexpressed]) -> Resource | None:
    url = (reader.get("sqs", "GetQueueUrl", name, QueueName=name) or {}).get("QueueUrl")
    if url is None:
        return None
    answer = reader.get("sqs", "GetQueueAttributes", name, QueueUrl=url, AttributeNames=["All"])
    if answer is None:
        return None
    attributes = answer.get("Attributes") or {}
    left += unknown_attributes(f"queue {name}", attributes, QUEUE, QUEUE_LEFT)
    found = {member: typed(text) for member, text in carried(attributes, QUEUE).items()}
    policy = found.pop("Policy", None)
    if isinstance(redrive := found.get("RedrivePolicy"), dict):
        found["RedrivePolicy"] = {n: int(v) if n == "maxReceiveCount" else v for n, v in redrive.items()}
    if found.get("FifoQueue") is False:
        del found["FifoQueue"]
    tags = cloudformation_tags((reader.get("sqs", "ListQueueTags", name, QueueUrl=url) or {}).get("Tags"))
    if tags:
        found["Tags"] = tags
    beside = unknown_values(attributes, QUEUE, QUEUE_LEFT)
    return Resource(ResourceKind.QUEUE, name, name, attributes.get("QueueArn", ""), found, policy, beside=beside)
