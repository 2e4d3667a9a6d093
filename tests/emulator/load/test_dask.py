"""Import and validation on a Dask cluster of two worker processes, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.cluster.connect import check_engine
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, TransferError
from runbook_lib.headless.runner import Request, run_notebooks
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.run.run import open_run
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from tests.support.cluster_processes import SECONDS, descendants, free_port, is_alive, linux, running, until, workers_of
from tests.support.commands import start_run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

ONE_TABLE_HALF_WRITTEN = """SELECT 1 FROM file GROUP BY source
    HAVING SUM(items) > 5000 AND SUM(written) BETWEEN 500 AND SUM(items) / 2"""
SOME = ("transactions", "loans", "payments", "users", "companies", "discount-rate-matrix", "approvals")


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The demo's migration file, changed to two workers and a rate that leaves time to kill one and start another."""
    with start_sandbox(scale=0.05, export_seconds=0.2) as sandbox:
        for name, value in demo_environment(sandbox.endpoint).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
        settings: dict[str, Any] = demo_config(sandbox.endpoint, sandbox.account, export={"poll_seconds": 0.2})
        settings["import"]["max_wcu"] = 600  # a worker that takes the killed one's place needs seconds to start
        settings["engine"] = {"kind": "dask", "workers": 2}
        config = tmp_path / "migration.yaml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        yield config


def is_proved(record: dict[str, Any], workers: list[int], tables: int) -> None:
    """PASS, the right counts, three workers of which one was killed, and none of them left."""
    assert [(t["source"], t["reasons"]) for t in record["tables"] if t["verdict"] != "PASS"] == []
    totals = record["totals"]
    assert totals["tables"] == tables
    assert totals["items_exported"] == totals["items_written"] == totals["items_in_target"] > 9_500
    assert all(t["lines_read"] == t["items_exported"] for t in record["tables"])
    importers = {row["worker"] for row in record["workers"] if row["step"] == "import"}
    assert importers >= {"worker 1", "worker 2", "worker 3"}
    assert record["engine"]["import"]["kind"] == record["engine"]["validate"]["kind"] == "dask"
    assert record["engine"]["import"]["dashboard"].startswith("http://127.0.0.1:")
    assert len(workers) == 2
    assert not any(is_alive(p) for p in workers)


def kill_one_halfway(ledger_file: Path, pid: int, is_going: Callable[[], bool]) -> list[int]:
    """SIGKILL a worker when the largest table is half written; returns the workers there were."""
    until(ledger_file, is_going, ONE_TABLE_HALF_WRITTEN)
    workers = workers_of(pid)
    os.kill(workers[0], signal.SIGKILL)
    return workers


@pytest.mark.chaos
@linux
def test_the_demo_on_two_workers_is_proved_though_one_is_killed(demo: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load(demo.read_text(encoding="utf-8"))
    settings["tables"]["include"] = [f"bebco-borrower-staging-{name}" for name in SOME]
    demo.write_text(yaml.safe_dump(settings), encoding="utf-8")
    run = open_run(str(demo), "r", execute=True)
    preflight(run)
    export_tables(run)
    with ThreadPoolExecutor(1) as pool:
        table_load = pool.submit(import_tables, run)
        workers = kill_one_halfway(tmp_path / "r" / "ledger.sqlite", os.getpid(), table_load.running)
        table_load.result(SECONDS)
    validate_tables(run)
    is_proved(build_record(run.ledger, "r", "demo").to_json(), workers, len(SOME))
    assert not workers_of(os.getpid())


@linux
@pytest.mark.chaos
def test_the_demos_notebooks_on_two_workers_pass_though_one_is_killed(demo: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runbook_lib", "run", str(demo), "--run-id", "r", "--execute"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    ledger_file = tmp_path / "r" / "ledger.sqlite"
    workers = kill_one_halfway(ledger_file, process.pid, lambda: process.poll() is None)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    is_proved(json.loads((tmp_path / "r" / "run.json").read_text(encoding="utf-8")), workers, 31)


@linux
@pytest.mark.chaos
def test_workers_end_with_a_killed_coordinator_and_the_next_run_goes_on(world: World) -> None:
    world.pair("a", things(4000))
    config = world.config(**{"import": {"max_wcu": 500}}, engine={"kind": "dask", "workers": 2})
    process = start_run(world, config)
    ledger_file = world.folder / "reports" / "r1" / "ledger.sqlite"
    until(
        ledger_file, lambda: process.poll() is None, "SELECT 1 FROM (SELECT SUM(written) AS n FROM file) WHERE n > 500"
    )
    processes = list(descendants(process.pid))
    for pid in [process.pid, *processes]:
        if pid == process.pid or b"ipykernel" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    deadline = time.monotonic() + SECONDS
    while any(is_alive(pid) for pid in processes):
        assert time.monotonic() < deadline, "a worker outlived its coordinator"
        time.sleep(0.1)
    before = world.acknowledged()
    again = start_run(world, config)
    said, _ = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, said
    assert world.acknowledged() - before < 4000
    (table,) = json.loads(ledger_file.with_name("run.json").read_text(encoding="utf-8"))["tables"]
    assert table["items_exported"] == table["items_written"] == table["items_in_target"] == 4000


@pytest.mark.chaos
@linux
def test_an_interrupted_run_leaves_no_worker_behind(world: World) -> None:
    world.pair("a", things(4000))
    process = start_run(world, world.config(**{"import": {"max_wcu": 500}}, engine={"kind": "dask", "workers": 2}))
    ledger_file = world.folder / "reports" / "r1" / "ledger.sqlite"
    until(
        ledger_file, lambda: process.poll() is None, "SELECT 1 FROM (SELECT SUM(written) AS n FROM file) WHERE n > 500"
    )
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert len(workers) == 2
    assert not any(is_alive(pid) for pid in workers)


def test_an_address_where_no_scheduler_answers_ends_before_anything_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook_lib.cluster.dask.CONNECT_SECONDS", 0.3)
    world.pair("a", things(3))
    config = world.config(engine={"kind": "dask", "address": "tcp://127.0.0.1:9"})
    with pytest.raises(ConfigError, match=r"expected a Dask scheduler at tcp://127\.0\.0\.1:9, found none"):
        run_notebooks(Request(config, "r1", execute=True), lambda said: None)
    assert not (world.folder / "reports" / "r1").exists()


def test_without_the_extra_the_error_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "runbook_lib.cluster.dask", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[dask\]'"):
        check_engine(load_config(world.config(engine={"kind": "dask"})))


@pytest.mark.chaos
def test_a_local_run_loads_nothing_of_dask() -> None:
    modules = ("headless.runner", "report.step", "validate.step", "load.step")
    code = "import sys, " + ", ".join(f"runbook_lib.{module}" for module in modules)
    code += "; print('distributed' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "wrong", [{"address": "tcp://127.0.0.1:8786"}, {"workers": 2}, {"kind": "local", "workers": 2}]
)
def test_what_only_dask_can_heed_is_refused_for_a_local_engine(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="only for kind 'dask', and kind is 'local'"):
        load_config(world.config(engine=wrong))


@pytest.mark.chaos
def test_a_scheduler_of_ones_own_is_used_and_its_loss_ends_the_import_until_the_next_run(world: World) -> None:
    world.pair("a", things(3000))
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = ("scheduler", "--host", address, "--no-dashboard")
    worker = ("worker", address, "--host", "127.0.0.1", "--nthreads", "3", "--local-directory", str(world.folder))
    settings = {"import": {"max_wcu": 400}, "engine": {"kind": "dask", "address": address, "workers": 1}}
    run = world.open(**settings)
    preflight(run)
    export_tables(run)
    with running(*scheduler) as process, running(*worker), ThreadPoolExecutor(1) as pool:
        table_load = pool.submit(import_tables, run)
        until(
            run.folder / "ledger.sqlite",
            table_load.running,
            "SELECT 1 FROM (SELECT SUM(written) AS n FROM file) WHERE n > 300",
        )
        process.kill()
        with pytest.raises(TransferError, match="Dask scheduler is lost"):
            table_load.result(SECONDS)
    (known,) = run.ledger.rows("SELECT SUM(written) AS n FROM file")
    assert 300 < known["n"] < 3000
    with running(*scheduler), running(*worker):
        (fact,) = import_tables(run).values()
        assert fact["status"] == "completed"
        (checked,) = validate_tables(run).values()
    assert checked["verdict"] == "PASS", checked["reasons"]
    assert run.ledger.get("engine", "import")["scheduler"] == address


STRANGER = """
import sys
from distributed import Client
try:
    with Client(sys.argv[1], timeout="5s") as c:
        print("inside:", c.run(lambda: __import__("os").environ.get("AWS_SECRET_ACCESS_KEY")))
except (OSError, TypeError, ValueError) as error:
    print("refused:", type(error).__name__)
"""


@pytest.mark.whole
def test_no_other_user_of_this_machine_gets_into_a_local_cluster() -> None:
    from runbook_lib.cluster.dask import open_cluster
    from runbook_lib.config.model import Engine

    with open_cluster(Engine(kind="dask", workers=1), "runbook-r") as cluster:
        address = cluster.facts()["scheduler"]
        assert cluster.submit(_one, "x").result(timeout=60) == {"one": "x"}
        for scheme in ("tls", "tcp"):
            ran = subprocess.run(
                [sys.executable, "-c", STRANGER, address.replace("tls://", f"{scheme}://")],
                capture_output=True, text=True, timeout=SECONDS, check=False,
            )  # fmt: skip
            assert "inside" not in ran.stdout
    assert address.startswith("tls://127.0.0.1:")


def _one(desk: Any, text: str) -> dict[str, Any]:
    return {"one": text}


FILES = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}


@pytest.mark.parametrize(
    ("engine", "taken"),
    [
        ({"address": "tcp://127.0.0.1:8786"}, True),
        ({"address": "tcp://[::1]:8786"}, True),
        ({"address": "tcp://localhost:8786"}, True),
        ({"address": "tcp://scheduler:8786"}, False),
        ({"address": "tcp://10.0.0.10:8786"}, False),
        ({"address": "tcp://localhost.example.com:8786"}, False),
        ({"address": "tcp://127.0.0.1.example.com:8786"}, False),
        ({"address": "ws://scheduler:8786"}, False),
        ({"address": "ucx://scheduler:8786"}, False),
        ({"address": "tcp://scheduler:8786", "insecure": True}, True),
        ({"address": "tls://scheduler:8786"}, True),
        ({"address": "wss://scheduler:8786", "tls": FILES}, True),
        ({"address": "tls://scheduler:8786", "tls": FILES}, True),
        ({"address": "tcp://scheduler:8786", "tls": FILES, "insecure": True}, False),
        ({"tls": FILES}, False),
    ],
)
def test_an_unencrypted_scheduler_off_this_machine_is_used_only_if_the_file_says_so(
    world: World, engine: dict[str, Any], taken: bool
) -> None:
    config = world.config(engine={"kind": "dask"} | engine)
    if taken:
        assert load_config(config).engine.address == engine["address"]
    else:
        with pytest.raises(ConfigError, match="tls"):
            load_config(config)


def test_certificates_that_are_not_there_are_named_before_anything_is_done(world: World) -> None:
    engine = {"kind": "dask", "address": "tls://127.0.0.1:9", "tls": FILES}
    with pytest.raises(ConfigError, match=r"engine.tls.ca: expected a file, found none at ca.pem"):
        check_engine(load_config(world.config(engine=engine)))
