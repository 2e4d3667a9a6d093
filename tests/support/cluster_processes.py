"""The processes of a Dask cluster: found, waited for, started and ended."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook_lib.run.ledger import Ledger

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
SECONDS = 240  # on a busy machine


def descendants(pid: int) -> Iterator[int]:
    """The processes below a process."""
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for number in map(int, child.read_text().split()):
            yield number
            yield from descendants(number)


def workers_of(pid: int) -> list[int]:
    """The worker processes among them: Dask spawns them."""
    return [p for p in descendants(pid) if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def until(ledger_file: Path, is_going: Callable[[], bool], query: str) -> None:
    """Wait until the run's ledger answers the query with something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert is_going()
        if ledger_file.exists():
            ledger = Ledger(ledger_file)
            found = ledger.rows(query)
            ledger.close()
            if found:
                return
        time.sleep(0.05)
    raise AssertionError(f"never came true: {query}")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask's command line, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
