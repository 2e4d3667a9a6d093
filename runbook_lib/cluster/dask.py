"""The door to Dask: a running scheduler's workers, or worker processes of our own on this machine.

Units run as Dask tasks through `Client.get_executor()`. What a worker has to say goes as an event to the
scheduler and from there to the coordinator; the answers take the same way back. So workers and coordinator
only ever need to reach the scheduler. Dask does not keep what it was told longer than its last 1,000 events.
"""

from __future__ import annotations

import queue
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from runbook_lib.cluster.desk import Desk
from runbook_lib.cluster.protocol import Message, Work
from runbook_lib.config.engine import EngineSettings as Settings
from runbook_lib.errors import ConfigError, TransferError
from runbook_lib.extras import how_to_install
from runbook_lib.version import __version__

try:
    from distributed import Client, KilledWorker, LocalCluster, Security, WorkerPlugin, get_worker
    from distributed.comm import CommClosedError
except ImportError as error:
    raise ConfigError(
        f"engine.kind is 'dask', which needs the extra `dask`, and it is not whole here ({error}); "
        f"{how_to_install('dask')}, or set engine.kind to local"
    ) from None

THREADS = 4  # units at once per process: a file is one part of the hash range, and several have to be written
CONNECT_SECONDS = 30.0
START_SECONDS = 120.0  # until a worker process of this machine is there: one that is stopped never is
WORKERS_SECONDS = 300.0  # until the first workers of a cluster that scales are there
COUNT_EVERY = 5.0
LOOK_EVERY = 5.0  # seconds between two looks at who has said nothing to the scheduler since the one before
SILENT_FOR = 60.0  # seconds of such looks, after which a worker is given up: it is stopped, stuck or out of reach
END_SECONDS = 30.0  # until a worker whose nanny does not end it is left to itself
GONE = (
    "the connection to the Dask scheduler is lost; what is acknowledged is recorded: start a scheduler and run again "
    "with the same run id"
)


class DaskWorkerContext(WorkerPlugin):  # type: ignore[misc]
    """A worker's desk; Dask makes one in each process, also in those that come later."""

    def __init__(self, name: str) -> None:
        self.name, self.version = name, __version__

    async def setup(self, worker: Any) -> None:
        if self.version != __version__:
            raise RuntimeError(f"the coordinator has version {self.version} of the runbook, this worker {__version__}")
        self.worker, self.slots, self._at = worker.address, worker.state.nthreads, worker
        self.process = uuid4().hex
        self.desk = Desk()
        self.clients, self.both_sides, self.listen = self.desk.clients, self.desk.both_sides, self.desk.listen
        self._client = await Client(
            worker.scheduler.address,
            asynchronous=True,
            set_as_default=False,
            name=self.name,
            security=worker.security,
        )
        self._client.subscribe_topic(_answers(self.name, self.worker), self._take)

    async def teardown(self, worker: Any) -> None:
        await self._client.close()

    def send(self, message: Message) -> None:
        self._at.log_event(_reports(self.name), message)

    def _take(self, event: tuple[float, list[Message]]) -> None:
        self.desk.tell(event[1])


def _reports(name: str) -> str:
    return f"{name}-reports"


def _answers(name: str, worker: str) -> str:
    return f"{name}-answers-{worker}"


def _at_desk(name: str, work: Work, *arguments: Any) -> Message:
    """What Dask runs: the work, at the desk of the worker it came to."""
    return work(get_worker().plugins[name], *arguments)


class Cluster:
    """The coordinator's end of a cluster; see `engine.Engine`."""

    def __init__(self, client: Client, name: str) -> None:
        self.inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.dashboard: str | None = client.dashboard_link
        self._client, self._name = client, name
        self._executor = client.get_executor(pure=False)
        self._slots, self._counted_at = 0, float("-inf")
        self._looked_at, self._seen = float("-inf"), dict[str, tuple[float, int]]()
        client.subscribe_topic(_reports(name), lambda event: self.inbox.put(event[1]))

    def facts(self) -> Message:
        threads = self._client.nthreads()
        return {
            "scheduler": self._client.scheduler.address,
            "dashboard": self.dashboard,
            "workers": len(threads),
            "slots": sum(threads.values()),
        }

    def slots(self) -> int:
        now = time.monotonic()
        if now - self._counted_at >= COUNT_EVERY or not self._slots:
            try:
                self._slots, self._counted_at = sum(self._client.nthreads().values()), now
            except (CommClosedError, OSError, TimeoutError):
                raise TransferError(GONE) from None
        return self._slots

    def submit(self, work: Work, *arguments: Any) -> Future[Message]:
        made: Future[Message] = self._executor.submit(_at_desk, self._name, work, *arguments)
        return made

    def post(self, worker: str, messages: list[Message]) -> None:
        self._client.loop.add_callback(self._post, _answers(self._name, worker), messages)

    async def _post(self, topic: str, messages: list[Message]) -> None:
        """Answers are given again and again, and `check` asks whether the scheduler is there."""
        if self._client.status == "running":
            with suppress(CommClosedError, OSError):
                await self._client.scheduler.log_event(topic=topic, msg=messages)

    def is_loss(self, error: BaseException) -> bool:
        return isinstance(error, (KilledWorker, CancelledError))

    def check(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise TransferError(GONE)
        if (now := time.monotonic()) - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._client.loop.add_callback(self._look)

    async def _look(self) -> None:
        """Give up workers that have our units and have long said nothing, although they do so every few seconds.

        By itself a scheduler waits five minutes, or forever. A nanny kills the process and starts another; one without
        is only left, and ends when it finds that out. Its units go to others either way.
        """
        with suppress(CommClosedError, OSError, TimeoutError):
            told = (await self._client.scheduler.identity(n_workers=-1))["workers"]
            known, self._seen = self._seen, {}
            for worker, said in told.items():
                seen, looks = known.get(worker, (said["last_seen"], -1))
                self._seen[worker] = (said["last_seen"], looks + 1 if seen == said["last_seen"] else 0)
            silent = [worker for worker, (_, looks) in self._seen.items() if looks * LOOK_EVERY >= SILENT_FOR]
            if not silent:
                return
            held = await self._client.scheduler.processing()
            own = self._client.futures.keys()  # two runs may share a scheduler
            ours = [worker for worker in silent if not own.isdisjoint(held.get(worker, ()))]
            for worker in ours:
                del self._seen[worker]
            if ours:
                await self._client.scheduler.restart_workers(
                    workers=ours, timeout=END_SECONDS, wait_for_workers=False, on_error="return",
                    stimulus_id=f"{self._name}-silent",
                )  # fmt: skip


def reach(settings: Settings) -> None:
    """Raise ConfigError unless a scheduler answers at the address, if there is one."""
    if settings.address is not None:
        with ExitStack() as stack:
            _connect(settings, stack)


@contextmanager
def open_cluster(settings: Settings, name: str) -> Iterator[Cluster]:
    """Connect to the scheduler, or start worker processes, and set up a desk at each worker."""
    name = f"{name}-{uuid4().hex[:8]}"  # two runs may share a scheduler
    with ExitStack() as stack:
        client = _connect(settings, stack)
        try:
            if settings.address is not None:
                client.wait_for_workers(settings.workers or 1, timeout=WORKERS_SECONDS)
            client.register_plugin(DaskWorkerContext(name), name=name)
        except Exception as error:  # whatever a worker raises, nothing has been written yet
            raise ConfigError(
                f"engine: the Dask workers cannot be used: {type(error).__name__}: {error}; they need this version "
                f"of the runbook ({__version__}) and of Dask"
            ) from error
        stack.callback(_clear_desks, client, name)
        yield Cluster(client, name)


def _connect(settings: Settings, stack: ExitStack) -> Client:
    if settings.address is not None:
        try:
            client = Client(
                settings.address,
                timeout=CONNECT_SECONDS,
                set_as_default=False,
                name="runbook",
                security=_security(settings),
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise ConfigError(
                f"engine.address: expected a Dask scheduler at {settings.address}, found none ({error}); "
                "start it or correct the address; nothing was written"
            ) from error
        return stack.enter_context(client)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="runbook-dask-", ignore_cleanup_errors=True))
    try:
        cluster = LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=THREADS,
            host="127.0.0.1",
            memory_limit=None,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
            silence_logs="ERROR",
            # Any user of this machine reaches its loopback, and a scheduler runs what it is told, with our credentials.
            protocol="tls",
            security=Security.temporary(),
            death_timeout=START_SECONDS,
        )
    except Exception as error:  # Dask says it in many ways, also with an assertion of its own
        raise ConfigError(
            f"engine: the Dask workers did not start within {START_SECONDS:g} s: {type(error).__name__}: {error}; run "
            "again, with fewer workers if the machine is busy; nothing was written"
        ) from error
    stack.enter_context(cluster)
    return stack.enter_context(Client(cluster, set_as_default=False, name="runbook"))


def _security(settings: Settings) -> Any:
    """The certificates that the file names; None leaves it to Dask's own configuration."""
    if settings.tls is None:
        return None
    for name, file in settings.tls.model_dump().items():
        if not Path(file).is_file():
            raise ConfigError(f"engine.tls.{name}: expected a file, found none at {file}; nothing was written")
    tls = settings.tls
    return Security(tls_ca_file=tls.ca, tls_client_cert=tls.cert, tls_client_key=tls.key, require_encryption=True)


def _clear_desks(client: Client, name: str) -> None:
    if client.status == "running":
        client.unregister_worker_plugin(name)
