"""A person's own function, whatever it does: its run can be verified, and nothing that it says of an item is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.in_process import runbook_here
from tests.support.world import World, things

PLAIN = "def transform(item, context):\n    return item\n"
SECRET = "annabel-the-value"
HOSTILE = {
    "an exception that is none": (
        "class Gone(BaseException): pass\ndef transform(item, context): raise Gone(item['who']['S'])\n"
    ),
    "cancelled": "import asyncio\ndef transform(item, context): raise asyncio.CancelledError(item['who']['S'])\n",
    "a name": "def transform(item, context): raise type(item['who']['S'], (Exception,), {})()\n",
    "a map of its own": (
        "class Map(dict):\n    def items(self): raise RuntimeError(self['who']['S'])\n"
        "    __iter__ = keys = values = items\n"
        "def transform(item, context): return Map(item)\n"
    ),
    "an end": "def transform(item, context): raise SystemExit(item['who']['S'])\n",
}


@pytest.mark.whole
@pytest.mark.parametrize("place", ["own.py", "hooks/own.py"])
@pytest.mark.few(1)
def test_a_run_with_a_hook_can_be_verified(world: World, place: str) -> None:
    world.pair("a", things(5))
    file = world.folder / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(PLAIN)
    config = world.config(transform={"hook": f"{place}:transform"})
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = world.folder / "reports" / "r"
    verified = runbook_here("verify", folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    file.write_text(PLAIN + "# another one\n")
    for more in ([], ["--execute"], ["--from", "report"]):
        refused = runbook_here("run", config, "--run-id", "r", *more)
        assert (refused.returncode, "another hook than the run was begun with" in refused.stderr) == (2, True)
        assert runbook_here("verify", folder).returncode == 0  # a refused start takes no seal away
    (folder / place).write_text(PLAIN + "\n")
    assert runbook_here("verify", folder).returncode == 1


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.few(1)
@pytest.mark.whole
def test_nothing_that_a_hook_raises_quotes_an_item(world: World, hostile: str) -> None:
    world.pair("a", things(5, who={"S": SECRET}))
    (world.folder / "own.py").write_text(HOSTILE[hostile])
    done = runbook_here("run", world.config(transform={"hook": "own.py:transform"}), "--run-id", "r", "--execute")
    assert SECRET not in done.stdout + done.stderr
    assert not [file for file in files(world.folder / "reports") if SECRET.encode() in file.read_bytes()]
    assert done.returncode == (0 if hostile == "a map of its own" else 1)  # such a map is read as the map that it is


def test_a_hook_that_ends_the_program_when_it_is_imported_is_refused(world: World) -> None:
    """It ended the command with exit code 0 and not a word."""
    world.pair("a", things(1))
    (world.folder / "own.py").write_text(PLAIN + "import sys\nsys.exit(0)\n")
    done = runbook_here("run", world.config(transform={"hook": "own.py:transform"}), "--run-id", "r", "--execute")
    assert (done.returncode, "cannot be imported: SystemExit" in done.stderr) == (2, True), done.stdout + done.stderr
    assert not world.items(world.target, world.dst("a"))


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
