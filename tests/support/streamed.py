"""A table with a stream that was exported and loaded, and is caught up with by its stream."""

from __future__ import annotations

from typing import Any

from tests.support.moving import Moving, moved
from tests.support.world import World

VIEW = "NEW_AND_OLD_IMAGES"
BY_STREAMS = {"by": "streams", "settle_seconds": 0, "margin_seconds": 0, "quiet_seconds": 0, "window_minutes": 600}


def stream_on(view: str = VIEW) -> dict[str, Any]:
    """The part of a table's definition that turns a stream on."""
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}}


def streamed(world: World, count: int = 60, view: str = VIEW, **changes: Any) -> Moving:
    """As `moved`, by streams; what the full export may or may not have caught lies some minutes back."""
    by = BY_STREAMS | changes.pop("catch_up", {})
    moving = moved(world, count, definition=stream_on(view), catch_up=by, **changes)
    moving.minutes(2)
    return moving
