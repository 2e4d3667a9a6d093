"""Clients that may do one thing more than a side's own, kept for as long as a run is open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class GrantedClients:
    """Makes each client once, when it is first asked for: making one takes a quarter of a second. Thread-safe.

    `conditions` are the places whose server is known to heed a condition.
    """

    conditions: set[str] = field(default_factory=set)
    _made: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, name: str, make: Callable[[], Any]) -> Any:
        """The client of that name; made now where there is none."""
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]
