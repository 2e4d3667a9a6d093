"""A run that tells what it came to: the verdict and the exit code are its own, whoever hears of it."""

from __future__ import annotations

import sys

import pytest

from tests.support.in_process import runbook_here
from tests.support.webhook import webhook
from tests.support.world import World, things

pytestmark = pytest.mark.whole

NOTIFY = {"on": ["pass", "fail"], "urls_env": "WHO_IS_TOLD"}


@pytest.mark.few(1)
@pytest.mark.parametrize("path", ["told", "fails"])
def test_a_verdict_is_told_and_stays_whatever_becomes_of_the_notice(world: World, path: str) -> None:
    world.pair("a", things(5))
    with webhook() as chat:
        url = f"json://user:secret@127.0.0.1:{chat.server_address[1]}/{path}"
        told = {"WHO_IS_TOLD": url, "PYTHONPATH": ":".join(filter(None, sys.path))}
        done = runbook_here("run", world.config(notify=NOTIFY), "--run-id", "r", "--execute", **told)
    assert done.returncode == 0, done.stderr
    assert f"notice: sent to {int(path == 'told')} of 1" in done.stdout
    [notice] = {(row["title"], row["message"]) for row in chat.seen}
    assert notice[0] == "PASS: migration test, run r"
    assert "5 exported, 5 written, 5 in the targets" in notice[1]
    assert world.src("a") not in notice[1]
    for file in (world.folder / "reports" / "r").rglob("*"):
        assert not file.is_file() or b"user:secret" not in file.read_bytes()


@pytest.mark.chaos
def test_a_run_that_can_tell_nobody_says_so_and_passes(world: World) -> None:
    world.pair("a", things(5))
    done = runbook_here("run", world.config(notify=NOTIFY), "--run-id", "r", "--execute")
    assert done.returncode == 0
    assert "notice: not sent: the environment variable WHO_IS_TOLD is not set" in done.stdout
