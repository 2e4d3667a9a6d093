"""Units of work that are done elsewhere: what a unit is given there, and who gives it out.

A unit is a function that is given a desk, on the worker it runs at, and returns a message. A worker says
how far it is while it works, and is answered; the coordinator alone knows the ledger. Nothing here, and
nothing that uses it, imports the library that runs the cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.worker_clients import WorkerClients
from runbook_lib.config.model import Migration

Message = dict[str, Any]  # of numbers, texts and lists: it goes over the wire


@dataclass(frozen=True, slots=True)
class UnitContext:
    """What every unit of a run needs to know: its settings, without a secret, and [region, account] of the target.

    Those of the `source` too, for a unit that reads what only the source's side can: no worker elsewhere is given one.
    """

    config: Migration
    target: list[str]
    source: list[str] = field(default_factory=list)


class WorkerContext(Protocol):
    """What a worker process has; thread-safe.

    `worker` is where it is reached, `process` tells it from those there before it, `slots` is how many units it
    does at once.
    """

    worker: str
    process: str
    slots: int

    def clients(self, site: UnitContext) -> WorkerClients:
        """The process's own clients, made once."""

    def both_sides(self, site: UnitContext) -> Clients:
        """Clients of both sides, made once, in a process on the coordinator's machine."""

    def send(self, message: Message) -> None:
        """Tell the coordinator; never waits."""

    def listen(self, name: str, take: Callable[[Message], None]) -> AbstractContextManager[None]:
        """Have every message to this name taken, by a thread that must not be kept waiting."""


Work = Callable[..., Message]


class Engine(Protocol):
    """A cluster; used by the coordinator's one thread. `inbox` has what workers have sent."""

    inbox: SimpleQueue[Message]
    dashboard: str | None

    def facts(self) -> Message:
        """What the report says of it: `scheduler`, `dashboard`, `workers` and `slots`."""

    def slots(self) -> int:
        """How many units can be done at once just now."""

    def submit(self, work: Work, *arguments: Any) -> Future[Message]:
        """Have a unit done by a worker: `work(desk, *arguments)`."""

    def post(self, worker: str, messages: list[Message]) -> None:
        """Send messages to names at a worker, each under `to`; never waits, and may be in vain."""

    def is_loss(self, error: BaseException) -> bool:
        """Whether a unit failed only because its workers went away."""

    def check(self) -> None:
        """Raise TransferError if the cluster is gone."""
