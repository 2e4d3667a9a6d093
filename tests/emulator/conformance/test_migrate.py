"""`runbook conformance --migrate`: a whole small migration of own tables, with its report, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from runbook_lib.conformance.account.asking import Asking, new_id
from runbook_lib.headless import runner
from runbook_lib.headless.small_migration import SmallMigrations
from tests.support.between import between
from tests.support.in_process import NoKernel, execute_here, runbook_here
from tests.support.own_names import OWN, left, named, with_checksum
from tests.support.policies import actions_of
from tests.support.world import ACCOUNT, World


def migrate(world: World, *more: str, through: str = "") -> Any:
    return runbook_here(
        "conformance", "--region", "us-east-1", "--other-region", "us-east-2", "--bucket", world.bucket, "--migrate",
        "--endpoint", through or world.endpoint, *more,
    )  # fmt: skip


@pytest.mark.whole
def test_a_small_migration_passes_by_own_names_and_the_printed_permissions_and_is_removed(world: World) -> None:
    world.pair("users", [{"id": {"S": "theirs"}}])
    with between(world.endpoint, after=with_checksum) as proxy:
        done = migrate(world, "--execute", "--confirm", ACCOUNT, through=proxy.endpoint)
        heard = [call for call in proxy.asked if call.path != "/_sandbox/health"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name for call in heard for name in named(call) if not name.startswith(OWN)} == set()
    nameless = {call.operation for call in heard if call.operation and not named(call)}
    assert nameless <= {"ListTables", "ListExports", "DescribeLimits"}, "which only read"
    printed = json.loads(migrate(world, "--policy").stdout)
    allowed = {action for part in printed.values() for policy in part.values() for action in actions_of(policy)}
    assert {f"dynamodb:{call.operation}" for call in heard if call.operation} <= allowed
    (folder,) = [f for f in (world.folder / "reports").iterdir() if f.name.startswith("conformance-")]
    record = json.loads((folder / "run.json").read_text())
    assert (record["verdict"], record["totals"]["items_in_target"]) == ("PASS", 5)
    (table,) = record["tables"]
    assert table["source"].startswith(OWN)
    assert table["target"].startswith(OWN)
    assert runbook_here("verify", folder).returncode == 0
    assert left(world) == []


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ((), 0, "dry run: nothing was made"),
        (("--execute",), 2, "the account, found nothing"),
        (("--limit", "0.0001"), 2, "--limit: expected at least"),
    ],
)
def test_without_leave_nothing_is_migrated(world: World, more: tuple[str, ...], code: int, said: str) -> None:
    done = migrate(world, *more)
    assert (done.returncode, left(world)) == (code, [])
    assert said in done.stdout + done.stderr
    assert not (world.folder / "reports").exists()


@pytest.mark.whole
def test_with_leave_to_take_long_each_strategy_passes_and_a_cut_over_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "execute_notebook", execute_here)
    monkeypatch.setattr(runner, "WarmKernel", NoKernel)
    asking = Asking("us-east-1", "us-east-2", world.bucket, endpoint=world.endpoint, long=True)

    def let_pass(table: str, minutes: float) -> None:
        world.let_table_pass(f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}", minutes)

    sandboxed = {"catch_up": {"margin_seconds": 0, "quiet_seconds": 0}, "export": {"poll_seconds": 0.1}}
    said: list[str] = []
    records = SmallMigrations(asking, asking.clients(new_id()), said.append, let_pass, sandboxed).run()
    assert [record.verdict for record in records] == ["PASS"] * 3, [record.reasons for record in records] + said[-12:]
    assert records[0].cut_over is not None
    assert records[0].cut_over.go_at
    assert {table.writing for record in records for table in record.tables} == {
        "batch_write",
        "import_table",
        "bulk_put",
    }
    assert left(world) == []


@pytest.mark.whole
def test_what_a_killed_migration_left_is_removed(world: World) -> None:
    place = ("--region", "us-east-1", "--other-region", "us-east-2", "--bucket", world.bucket)
    leave = ("--endpoint", world.endpoint, "--execute", "--confirm", ACCOUNT)
    command = [sys.executable, "-m", "runbook_lib", "conformance", *place, *leave, "--migrate"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 120
        while not any("-into-" in name for name in left(world)):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert left(world)
    done = runbook_here("conformance", *place, *leave, "--clean")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(world) == []
