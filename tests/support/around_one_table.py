"""One table with a queue and its dead-letter queue around it, and what of that stands in the target."""

from __future__ import annotations

import json
from pathlib import Path

from runbook_lib.sandbox.client import sandbox_client
from tests.support.world import Item, World


def estate(world: World, items: list[Item] | None = None) -> Path:
    """The estate in the source; a migration file that means it."""
    world.pair("orders", items, pitr=bool(items))
    sqs = sandbox_client("sqs", world.endpoint, "us-east-1")
    _make(sqs, f"{world.tag}-src", "us-east-1")
    sqs.close()
    return world.config(surroundings={"queues": [f"{world.tag}-src-work"], "alarms": False, "dashboards": False})


def deployed(world: World, **attributes: str) -> None:
    """The same in the target, with further attributes of the queue."""
    sqs = sandbox_client("sqs", world.endpoint, "us-east-2")
    _make(sqs, f"{world.tag}-dst", "us-east-2", **attributes)
    sqs.close()


def _make(sqs: object, stem: str, region: str, **attributes: str) -> None:
    sqs.create_queue(QueueName=f"{stem}-dead")  # type: ignore[attr-defined]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{region}:111122223333:{stem}-dead", "maxReceiveCount": 4}
    sqs.create_queue(  # type: ignore[attr-defined]
        QueueName=f"{stem}-work", Attributes={"RedrivePolicy": json.dumps(redrive), **attributes}
    )
