"""One kernel for all notebooks of a run: each finds it ready, with nothing of the one before.

To start a kernel and to import the library in it takes seconds, and a run has five notebooks. They stay as separate as
before: a kernel that another notebook has used is emptied first, and one whose notebook failed or was interrupted is
ended.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from traitlets.config import Config

# ipykernel 7.3 and later warn about plain TCP on every start unless told that this is understood.
QUIET = Config({"KernelManager": {"transport_encryption": "auto"}})
READY_SECONDS, LOOK_SECONDS = 60.0, 0.5
# What the first cell of each notebook asks for, imported while the runner is busy itself. Garbage is looked for seldom,
# and not in what is there when a notebook begins: that takes longer than the rest. No history goes into a file.
READY_LINE = (
    "__import__('runbook_lib.garbage').garbage.look_seldom(); "
    "import runbook_lib.notebook.notebook_run, runbook_lib.notebook.charts; __import__('gc').freeze()"
)
ARGUMENTS = ["--HistoryManager.hist_file=:memory:", f"--IPKernelApp.exec_lines={READY_LINE}"]
# An executed notebook is stored with its errors, and variables hold items: neither a profile nor a startup file of the
# user's, or of the machine's, says how errors are shown.
UNLED = ["--IPKernelApp.exec_PYTHONSTARTUP=False", "--ZMQInteractiveShell.xmode=Context"]
# Variables and numbers of cells; the ledger that a notebook had open closes with its last name. What every module has
# goes, too, and is put back: without `__spec__` the kernel can start no process, and so no worker.
EMPTY = (
    "get_ipython().reset(new_session=True); __import__('gc').collect(); __import__('gc').freeze(); "
    "globals().update(dict.fromkeys(('__loader__', '__package__', '__spec__')), "
    "__doc__='Automatically created module for IPython interactive environment')"
)


# Of a kernel that was started before it was known whose it is: its environment, and where its words go.
SETTLE = "import os; os.environ.update({names!r}); os.dup2(os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)"


class WarmKernel:
    """A kernel in `folder`, whose words on standard error go into the file `log`.

    Without a log it is one that starts before it is known whose it is; it has to `settle` then. What it said until then
    is kept only if it dies of it.
    """

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        self._folder, self._log = folder, log
        self._manager: AsyncKernelManager | None = None
        self._client: AsyncKernelClient | None = None
        self._settling: str | None = None
        self._profile: tempfile.TemporaryDirectory[str] | None = None
        self._early = tempfile.TemporaryFile() if log is None else None  # noqa: SIM115  # closed by stop()

    def start(self) -> AsyncKernelManager:
        """Start the process, if there is none; it makes itself ready meanwhile."""
        if self._manager is None:
            manager = AsyncKernelManager(kernel_name="python3", config=QUIET)
            said = self._log or self._early
            assert said is not None, "a kernel that is to be started again was settled"
            self._profile = tempfile.TemporaryDirectory(prefix="runbook-ipython-", ignore_cleanup_errors=True)
            environment = os.environ | {"IPYTHONDIR": self._profile.name}
            with stderr_in(said):
                start = manager.start_kernel(
                    cwd=str(self._folder), extra_arguments=[*ARGUMENTS, *UNLED], env=environment
                )
                _finished(start)
            self._manager = manager
        return self._manager

    def settle(self, log: Path, names: Mapping[str, str]) -> None:
        """Say whose kernel it is: where its words go, and what stands in its environment."""
        self._log = log
        if self._manager is not None and self._early is not None:
            self._settling = SETTLE.format(names=dict(names), log=str(log))

    @contextmanager
    def client(self) -> Iterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
        """The kernel, ready and empty, for one notebook; RuntimeError if it died before it was or stayed as it is.

        All notebooks share one client: a new one would listen for a fifth of a second each time before it is ready.
        """
        manager = self.start()
        if self._client is None:
            self._client = manager.client()
            self._client.start_channels()
            self._client.allow_stdin = False
            _finished(self._client.wait_for_ready(timeout=READY_SECONDS))
            if self._settling is not None:
                _finished(_done(manager, self._client, self._settling))
                self._settling = None
        else:
            _finished(_done(manager, self._client, EMPTY))
        yield manager, self._client

    def stop(self) -> None:
        """End the process, if there is one: it is interrupted, asked, and killed if it does not answer.

        One that nobody has asked for anything yet is killed at once.
        """
        manager, self._manager = self._manager, None
        client, self._client = self._client, None
        if client is not None:
            client.stop_channels()
        if manager is not None:
            _finished(manager.shutdown_kernel(now=client is None))
        profile, self._profile = self._profile, None
        if profile is not None:
            profile.cleanup()
        early, self._early = self._early, None
        if early is not None:
            with early:
                if client is not None and self._settling is not None and self._log is not None:
                    early.seek(0)
                    with self._log.open("ab") as log:  # what it died of before it was settled
                        log.write(early.read())
        self._settling = None


async def _done(manager: AsyncKernelManager, client: AsyncKernelClient, code: str) -> None:
    asked = client.execute_interactive(code, silent=True, allow_stdin=False, timeout=READY_SECONDS)
    answer = asyncio.ensure_future(asked)
    try:
        while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
            if not await manager.is_alive():
                raise RuntimeError("the kernel should get ready for the next notebook, and has died")
        if answer.result()["content"]["status"] != "ok":
            raise RuntimeError("the kernel should get ready for the next notebook, and did not")
    finally:
        answer.cancel()


def _finished(awaited: Awaitable[Any]) -> Any:
    return ensure_event_loop().run_until_complete(awaited)


@contextmanager
def stderr_in(file: Path | IO[bytes]) -> Iterator[None]:
    """Send what kernels say on standard error, which they inherit, to a file instead of the terminal."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(file, "ab") if isinstance(file, Path) else nullcontext(file) as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
