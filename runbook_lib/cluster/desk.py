"""What the desk of every worker has, whatever runs it: clients that are made once, and who takes which messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runbook_lib.aws.session.clients import Clients, connect
from runbook_lib.aws.session.worker_clients import WorkerClients, connect_worker
from runbook_lib.cluster.protocol import Message, UnitContext
from runbook_lib.errors import CredentialsError


class Desk:
    """Half of a `protocol.WorkerContext`; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: WorkerClients | None = None
        self._both: Clients | None = None
        self._takers: dict[str, Callable[[Message], None]] = {}

    def clients(self, site: UnitContext) -> WorkerClients:
        """The process's own clients, made once."""
        with self._lock:
            if self._clients is None:
                self._clients = connect_worker(site.config, site.target)
            return self._clients

    def both_sides(self, site: UnitContext) -> Clients:
        """Clients of both sides, made once; raises CredentialsError unless they reach whom the coordinator reaches."""
        with self._lock:
            if self._both is None:
                made = connect(site.config)
                for side, who, place in (
                    ("source", made.source_identity, site.source), ("target", made.target_identity, site.target)
                ):  # fmt: skip
                    if who.place != place:
                        raise CredentialsError(
                            f"{side}: a worker process should reach {'/'.join(reversed(place))}, as the run does, and "
                            f"reaches {'/'.join(reversed(who.place))}; give it what this process was started with"
                        )
                self._both = made
            return self._both

    @contextmanager
    def listen(self, name: str, take: Callable[[Message], None]) -> Iterator[None]:
        """Have every message to this name taken, by a thread that must not be kept waiting."""
        self._takers[name] = take
        try:
            yield
        finally:
            del self._takers[name]

    def tell(self, messages: list[Message]) -> None:
        """Give each message to whoever listens to its name."""
        for message in messages:
            if take := self._takers.get(message["to"]):
                take(message)
