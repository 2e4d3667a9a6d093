"""Attacks that once succeeded by two processes at once, by commands and over HTTP alone."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbook_lib.run.unfinished import INDEX, INDEX_LOCK, SUMS
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.world import World, things

WAIT = 60.0


@contextmanager
def started(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which ends with the test at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runbook_lib", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class InTurn:
    """Both runs look for emptiness at the same time; the newer writes first, and the older compares first."""

    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=WAIT))
    newer_wrote: threading.Event = field(default_factory=threading.Event)
    older_wrote: threading.Event = field(default_factory=threading.Event)

    def before(self, who: str, request: Request) -> Answer | None:
        if request.operation == "Scan" and request.json.get("Select") == "COUNT":
            self.together.wait()
        elif request.operation == "Scan":
            self._compares(who)
        elif request.operation == "BatchWriteItem" and who == "older":
            assert self.newer_wrote.wait(WAIT)
        return None

    def _compares(self, who: str) -> None:
        if who == "older":
            self.older_wrote.set()
        else:
            self.newer_wrote.set()
            assert self.older_wrote.wait(WAIT)


@pytest.mark.whole
@pytest.mark.chaos
def test_of_two_runs_that_both_find_a_target_empty_neither_writes_over_the_other(
    world: World,
) -> None:
    world.pair("a", things(60))
    turns, runs = InTurn(), ("older", "newer")
    with ExitStack() as stack:
        going = []
        for who in runs:
            liar = stack.enter_context(between(world.endpoint))
            config = world.config(target={"endpoint_url": liar.endpoint})
            for step in ("preflight", "export"):
                done = runbook_here("run", config, "--run-id", who, "--only", step)
                assert done.returncode == 0, done.stdout + done.stderr
            liar.instead = lambda request, who=who: turns.before(who, request)  # type: ignore[misc]
            going.append((config, liar))
            world.put(world.source, world.src("a"), [{"id": {"S": "i00007"}, "n": {"N": "999"}}])
        processes = [
            stack.enter_context(started("run", config, "--run-id", who, "--from", "import", "--execute"))
            for who, (config, _) in zip(runs, going, strict=True)
        ]
        said = [process.communicate(timeout=4 * WAIT)[0] for process in processes]
    older, newer = world.record("older"), world.record("newer")
    assert (older["verdict"], newer["verdict"]) == ("FAIL", "FAIL"), said  # each sees the other come, and gives way
    assert world.items(world.target, world.dst("a")) == []
    assert ["newer" in str(older["reasons"]), "older" in str(newer["reasons"])] == [True, True]


@pytest.mark.chaos
def test_two_runs_that_end_together_are_both_in_an_index_that_is_whole(world: World) -> None:
    """The test has the turn at the index until both have come for it, and the first of them has it last."""
    world.pair("a", things(3))
    config, reports = world.config(), world.folder / "reports"
    reports.mkdir()
    index, lock = reports / INDEX, os.open(reports / INDEX_LOCK, os.O_CREAT | os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with started("run", config, "--run-id", "one", "--only", "preflight") as one:
        until(lambda: (reports / "one" / SUMS).exists())
        one.send_signal(signal.SIGSTOP)
        with started("run", config, "--run-id", "other", "--only", "preflight") as other:
            until(lambda: (reports / "other" / SUMS).exists())
            assert not index.exists()
            os.close(lock)
            said = other.communicate(timeout=WAIT)[0]
        one.send_signal(signal.SIGCONT)
        said += one.communicate(timeout=WAIT)[0]
    assert (one.returncode, other.returncode) == (0, 0), said
    text = index.read_text(encoding="utf-8")
    assert text.endswith("</html>")
    for run_id in ("one", "other"):
        assert f'<tr data-run="{run_id}" data-state="sealed">' in text
    assert [file.name for file in reports.iterdir() if file.name.endswith(".new")] == []


def until(there: Callable[[], bool]) -> None:
    """Wait for something that a process writes, and a little longer, so that it comes to what follows."""
    end = time.monotonic() + WAIT
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.7)
