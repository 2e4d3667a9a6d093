"""Start the sandbox as a process of its own and make sure it ends with this one."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO

from runbook_lib.errors import RunbookError
from runbook_lib.extras import require
from runbook_lib.sandbox.fleet.tables import DEFAULT_ACCOUNT, DEFAULT_SCALE

_PREFIXES = ("AWS_", "BOTO_", "MOTO_")


@dataclass(slots=True)
class Sandbox:
    """A running sandbox; use it as a context manager or call `stop`."""

    endpoint: str
    account: str
    _process: subprocess.Popen[bytes] = field(repr=False)
    _stderr: IO[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """Return the server's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and wait for it; calling it again does nothing."""
        _end(self._process)
        self._stderr.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_sandbox(
    *,
    port: int = 0,
    scale: float = DEFAULT_SCALE,
    empty: bool = False,
    export_seconds: float = 1.0,
    account: str = DEFAULT_ACCOUNT,
    timeout: float | None = None,
) -> Sandbox:
    """Start a sandbox and return when it is ready; RunbookError says why it could not.

    The server holds the other end of a pipe and ends when this process does, even by SIGKILL. It sees no AWS
    settings.
    """
    require("sandbox", "the AWS emulator")
    stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop(); a pipe could fill up
    command = [sys.executable, "-m", "runbook_lib.sandbox.server", "--watch-stdin"]
    command += ["--port", str(port), "--scale", str(scale), "--export-seconds", str(export_seconds)]
    command += ["--account", account, *(["--empty"] if empty else [])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=without_aws(),
        # Ctrl-C in a terminal goes to the whole group: the run that is being interrupted still needs its AWS.
        start_new_session=True,
    )
    allowed = timeout if timeout is not None else 60.0 + 600.0 * scale
    line = _first_line(process, allowed)
    if line.startswith("READY "):
        return Sandbox(line.removeprefix("READY "), account, process, stderr)
    alive = process.poll() is None
    _end(process)
    stderr.seek(0)
    said = stderr.read().decode("utf-8", "replace").strip()
    stderr.close()
    if alive:
        raise RunbookError(f"the sandbox was not ready after {allowed:.0f} seconds. It said: {said or 'nothing'}")
    raise RunbookError(f"the sandbox could not start: {said or f'exit code {process.returncode}'}")


def without_aws() -> dict[str, str]:
    """Return this process's environment without anything that configures AWS clients or moto."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}


def _first_line(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Return the first line the server prints, "" if it ends or stays silent for so long."""
    lines: queue.Queue[bytes] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True).start()
    try:
        line = lines.get(timeout=seconds).decode("utf-8").strip()
    except queue.Empty:
        return ""
    if not line:
        process.wait(timeout=10)  # it closed its output: it is about to end
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
