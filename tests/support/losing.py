"""A server between the product and the embedded AWS that leaves items out of what Scans of a target answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.between import Asked, Said, changed, in_front_of
from tests.support.world import World

Chosen = Callable[[Asked, int], bool]


@dataclass
class Losing:
    """How many answers left something out so far; none does any more once it is not `on`."""

    lies: int = 0
    on: bool = True


def is_reading(asked: Asked) -> bool:
    return "Select" not in asked.json


def is_of_whole(asked: Asked, world: World) -> bool:
    """Whether it is part of a reading or a count of all of the target, and no look whether it is empty."""
    return asked.operation == "Scan" and asked.json["TableName"] == world.dst("a") and "Segment" in asked.json


def first_reading(asked: Asked, lies: int) -> bool:
    return is_reading(asked) and not lies


def every_reading(asked: Asked, lies: int) -> bool:
    return is_reading(asked)


def first_count(asked: Asked, lies: int) -> bool:
    return not is_reading(asked) and not lies


def readings_and_counts(asked: Asked, lies: int) -> bool:
    return True


@contextmanager
def losing(world: World, chosen: Chosen, lost: Callable[[str], bool]) -> Iterator[Losing]:
    """The chosen answers lose the items whose ids are lost, and say nothing of what follows; a count loses all."""
    state = Losing()

    def after(asked: Asked, said: Said) -> Said:
        if state.on and is_of_whole(asked, world) and chosen(asked, state.lies):
            return changed(said, lambda told: leave_out(told, of_a_count=not is_reading(asked)))
        return said

    def leave_out(told: dict[str, Any], *, of_a_count: bool) -> None:
        left = [item for item in told.get("Items", []) if not lost(item["id"]["S"])]
        if len(left) == told["Count"]:
            return
        state.lies += 1
        told |= {"Count": len(left), "ScannedCount": len(left)} | ({} if of_a_count else {"Items": left})
        told.pop("LastEvaluatedKey", None)

    with in_front_of(world, after=after):
        yield state
