"""`runbook conformance --migrate`: a whole small migration of own tables, with its report, and nothing left behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.conformance.account.asking import Asking, new_id
from runbook_lib.headless import runner
from runbook_lib.headless.small_migration import SmallMigrations
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.verdicts import INTERRUPTED
from tests.support.between import Asked, Said, between
from tests.support.in_process import NoKernel, execute_here, runbook_here
from tests.support.own_names import OWN, all_tables, left, named, with_checksum
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
    assert "remembered by AWS for 90 days, its objects are removed: export" in done.stdout
    assert {name for call in heard for name in named(call) if not name.startswith(OWN)} == set()
    nameless = {call.operation for call in heard if call.operation and not named(call)}
    assert nameless <= {"ListTables", "ListExports", "DescribeLimits", "ListBulkOperations"}, "which only read"
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
        (("--long",), 0, "no price of StartBulkPutItems is known"),
        (("--minutes", "7.5"), 0, "and 7.5 minutes of migrating"),
    ],
)
def test_without_leave_nothing_is_migrated(world: World, more: tuple[str, ...], code: int, said: str) -> None:
    done = migrate(world, *more)
    assert (done.returncode, left(world)) == (code, [])
    assert said in done.stdout + done.stderr
    assert not (world.folder / "reports").exists()


@pytest.mark.chaos
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


def place_of(world: World) -> tuple[str, ...]:
    return ("--region", "us-east-1", "--other-region", "us-east-2", "--bucket", world.bucket)


def killed_migration(world: World, is_time: Callable[[int, Asked], bool]) -> int:
    """Migrate in a process of its own that is killed at a call of its; how many calls there were.

    Its kernel is a process by itself, which ends once it notices that it was left alone: that is waited for.
    """
    calls = 0
    process: subprocess.Popen[bytes] | None = None

    def strike(call: Asked) -> Said | None:
        nonlocal calls
        calls += 1
        if process is not None and process.poll() is None and is_time(calls, call):
            process.send_signal(signal.SIGKILL)
        return None

    with between(world.endpoint, before=strike) as here:
        command = [sys.executable, "-m", "runbook_lib", "conformance", *place_of(world), "--endpoint", here.endpoint]
        process = subprocess.Popen(
            [*command, "--migrate", "--execute", "--confirm", ACCOUNT],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        process.wait(timeout=400)
        quiet_since, heard = time.monotonic(), calls
        while time.monotonic() - quiet_since < 3:
            time.sleep(0.1)
            if calls != heard:
                quiet_since, heard = time.monotonic(), calls
    return calls


def cleaned(world: World) -> Any:
    leave = ("--endpoint", world.endpoint, "--execute", "--confirm", ACCOUNT)
    return runbook_here("conformance", *place_of(world), *leave, "--clean")


def tables_of(world: World) -> list[str]:
    return [name for name in all_tables(world.source) if name.startswith(OWN)]


@pytest.mark.chaos
def test_a_migration_killed_at_its_beginning_leaves_nothing_after_a_clean(world: World) -> None:
    killed_migration(world, lambda number, call: call.operation == "DescribeTable" and bool(tables_of(world)))
    assert left(world), "its register and its table"
    done = cleaned(world)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(world) == []
    assert "removed 1 tables" in done.stdout
    assert cleaned(world).returncode == 0


def moments(seed: int, count: int, calls: int = 160) -> list[int]:
    """At which call to kill: once in each stretch of the way, and by chance within it."""
    chance, length = random.Random(seed), calls // count
    return [chance.randrange(n * length + 4, (n + 1) * length + 4) for n in range(count)]


@pytest.mark.chaos
@pytest.mark.parametrize("after", moments(20, 10))
def test_after_any_of_ten_kills_of_a_migration_clean_leaves_nothing(world: World, after: int) -> None:
    world.pair("users", [{"id": {"S": "theirs"}}])
    world.put_object("exports/theirs", b"x")
    assert killed_migration(world, lambda number, call: number == after) >= after
    done = cleaned(world)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(world) == []
    assert world.items(world.source, world.src("users")) == [{"id": {"S": "theirs"}}]
    assert world.s3.get_object(Bucket=world.bucket, Key="exports/theirs")["Body"].read() == b"x"


@pytest.mark.whole
@pytest.mark.chaos
def test_the_time_that_was_given_ends_a_migration_and_everything_is_removed(world: World) -> None:
    command = [sys.executable, "-m", "runbook_lib", "conformance", *place_of(world), "--endpoint", world.endpoint]
    given = ("--migrate", "--execute", "--confirm", ACCOUNT, "--minutes", "0.2")
    world.fault(operation="DescribeExport", kind="delay", seconds=15.0, every=1)  # however fast the machine is
    done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the time was up after 0.2 minutes (--minutes)" in done.stdout
    assert "removed table" in done.stdout
    assert left(world) == []
    [folder] = [f for f in (world.folder / "reports").iterdir() if f.name.startswith("conformance-")]
    assert json.loads((folder / "run.json").read_text())["verdict"] == "INTERRUPTED"


def test_time_that_is_up_before_the_first_run_begins_none(world: World) -> None:
    done = migrate(world, "--execute", "--confirm", ACCOUNT, "--minutes", "0.00001")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not migrated by batch_write" in done.stdout
    assert "the time was up" in done.stdout
    assert left(world) == []


def test_a_migration_that_is_interrupted_is_the_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl-C does not want the next strategy."""
    asking = Asking("us-east-1", "us-east-2", world.bucket, endpoint=world.endpoint, long=True, minutes=10)
    interrupted = RunRecord(run_id="r", name="n", verdict=INTERRUPTED)
    monkeypatch.setattr("runbook_lib.headless.small_migration.run_notebooks", lambda request, say: interrupted)
    assert SmallMigrations(asking, asking.clients(new_id()), lambda line: None).run() == [interrupted]
    assert left(world) == []
