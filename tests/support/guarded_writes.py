"""What happens between a look at an item and the guarded write after it: another writer, or an answer that is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import guarded_write
from runbook_lib.aws.transport.retry import TransportError
from tests.support.world import World

Item = dict[str, Any]


def write_before(world: World, monkeypatch: pytest.MonkeyPatch, name: str, key: Item, now: Item | None) -> None:
    """Before the first guarded write of that name, somebody else makes it that `now` is under the key, or nothing."""
    send, done = getattr(guarded_write, name), list[int]()

    def raced(*arguments: Any) -> bytes:
        if not done:
            done.append(1)
            if now is None:
                world.target.delete_item(TableName=world.dst("a"), Key=key)
            else:
                world.put(world.target, world.dst("a"), [now])
        return bytes(send(*arguments))

    monkeypatch.setattr(guarded_write, name, raced)


CUT_OFF = guarded_write.BrokenAnswer("cut off")
# What nobody knows the end of: a connection that breaks, a gateway that gives up on a request that it passed on.
LOST = [CUT_OFF, *(TransportError("PutItem", status, "", "later", []) for status in (500, 502, 503, 504))]


def loses_answers(world: World, key: Item, sent: list[int], error: Exception = CUT_OFF) -> Callable[..., bytes]:
    """A put that is heard, and whose answer is lost; the application deletes the item then. `sent` counts them."""
    send = guarded_write.put_if_absent

    def lost(*arguments: Any) -> bytes:
        sent.append(1)
        send(*arguments)
        world.target.delete_item(TableName=world.dst("a"), Key=key)
        raise error

    return lost
