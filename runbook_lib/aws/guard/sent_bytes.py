"""How much was sent, counted before it leaves: what a write costs is bounded by its bytes."""

from __future__ import annotations

from collections import Counter
from typing import Any


class SentBytes:
    """Bytes and requests by operation, of every client of the sessions it is attached to."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()

    def attach(self, events: Any) -> None:
        events.register_last("before-send.*.*", self._count)

    def _count(self, request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rsplit(".", 1)[1]
        self.requests[operation] += 1
        body = request.body
        self.bytes[operation] += len(body) if isinstance(body, bytes | bytearray | str) else 0
