"""`runbook run` as a user or a script meets it: exit codes, run folder, resuming."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS
from runbook_lib.preflight.step import preflight
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_run
from tests.support.commands import start_run
from tests.support.executed_notebooks import nothing_is_left_half
from tests.support.in_process import runbook_here
from tests.support.steps import every_step
from tests.support.tables import target_exists
from tests.support.world import World, things

STEPS = ["preflight", "export", "import", "validate", "report"]


@pytest.mark.usefixtures("charts_drawn")
@pytest.mark.whole
def test_a_run_passes_and_its_folder_holds_what_the_contract_says(world: World) -> None:
    world.pair("a", things(30))
    world.pair("b", things(12), pitr=False)
    world.pair("empty")
    config = world.config(references={"in_preflight": True})
    ran = world.runbook("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "PASS: 3 tables, 42 items exported, 42 written, 42 in the target" in ran.stdout
    folder = world.folder / "reports" / "r1"
    assert f"report: {folder / 'report.html'}" in ran.stdout
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*")}
    assert {
        "run.json", "report.html", "report.md", "ledger.sqlite", "quarantine", "charts", "SHA256SUMS",
        "00_preflight.ipynb", "10_export.ipynb", "20_import.ipynb", "30_validate.ipynb", "90_report.ipynb",
    } <= names  # fmt: skip
    for name in ("00_preflight", "90_report"):  # a first start, which the command line calls new
        assert "r1, NEW: begun 20" in (folder / f"{name}.ipynb").read_text("utf-8")
    record = world.record("r1")
    assert record["verdict"] == "PASS"
    assert [(s["name"], s["status"]) for s in record["steps"]] == [(s, "completed") for s in STEPS]
    assert record["totals"] | {"bytes": 0, "seconds": 0} == {
        "tables_not_chosen": 0, "items_present": 0, "items_written_at_least": None,
        "tables": 3, "items_exported": 42, "items_written": 42, "items_filtered": 0, "items_quarantined": 0,
        "items_in_target": 42, "bytes": 0, "seconds": 0,
    }  # fmt: skip
    methods = {t["source"]: (t["method"], t["verdict"]) for t in record["tables"]}
    assert methods == {
        world.src("a"): ("export", "PASS"),
        world.src("b"): ("scan", "PASS"),
        world.src("empty"): ("export", "PASS"),
    }
    assert set(record["source_calls"]) <= {
        "DescribeContinuousBackups", "DescribeContributorInsights", "DescribeExport",
        "DescribeKinesisStreamingDestination", "DescribeTable", "DescribeTimeToLive", "GetResourcePolicy",
        "ExportTableToPointInTime", "GetCallerIdentity", "ListExports", "ListTables", "ListTagsOfResource", "Scan",
        *(call.partition(":")[2] for call in REFERENCE_READS),
    }  # fmt: skip
    assert record["target_calls"]["BatchWriteItem"] >= 2
    assert record["identity"]["source"]["region"] == "us-east-1"
    assert set(record["code"]) == {"git", "library", "notebooks", "packages"}
    assert (folder.parent / "index.html").is_file()
    nothing_is_left_half(folder)

    checked = runbook_here("verify", folder)
    assert checked.returncode == 0, checked.stderr
    sums = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
    assert sums.returncode == 0, sums.stdout
    (folder / "run.json").write_text((folder / "run.json").read_text().replace("42", "43"))
    changed = runbook_here("verify", folder)
    assert changed.returncode == 1
    assert "run.json was changed" in changed.stderr

    again = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert again.returncode == 0, again.stdout + again.stderr
    assert world.record("r1")["totals"]["items_written"] == 42
    assert len(world.record("r1")["attempts"]) == 2
    assert runbook_here("verify", folder).returncode == 0


@pytest.mark.whole
def test_without_execute_the_verdict_is_dry_run_and_nothing_is_written(world: World) -> None:
    world.pair("a", things(30))
    allowing = dict.fromkeys(("RUNBOOK_EXECUTE", "EXECUTE", "RUNBOOK_CONFIRM", "PAPERMILL_EXECUTE"), "1")
    ran = runbook_here("run", world.config(), "--run-id", "r1", **allowing)  # no variable stands for --execute
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = world.record("r1")
    assert record["verdict"] == "DRY-RUN"
    assert "With --execute 30 items of 1 table would be written in" in ran.stdout
    first, *_, said, where = ran.stdout.splitlines()
    assert re.fullmatch(r"run [^ ]+: new; report: .+/report\.html", first)
    assert said.startswith("DRY-RUN: 1 table, 30 items exported, 30 read and checked, ")
    assert where.removeprefix("report: ") == first.partition("report: ")[2]
    assert not re.search(r"\d written", ran.stdout)
    report = (world.folder / "reports" / "r1" / "report.html").read_text(encoding="utf-8")
    assert "With --execute 30 items of 1 table would be written in" in report
    assert record["totals"]["items_exported"] == 30
    assert "BatchWriteItem" not in record["target_calls"]
    assert world.items(world.target, world.dst("a")) == []


def test_a_run_in_which_nothing_was_read_never_passes(world: World) -> None:
    world.pair("a")
    record = every_step(world.open())
    assert (record["verdict"], record["reasons"]) == ("FAIL", ["no item was read from any table, so nothing is proved"])


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("create", [False, True], ids=["", "create_missing"])
def test_a_skipped_table_needs_no_target_and_gets_none(world: World, create: bool) -> None:
    """It is not migrated, which fails the run; the other tables are, and nobody is told to set what is set."""
    world.pair("a", things(3), pitr=False)
    world.pair("b", things(2))
    world.target.delete_table(TableName=world.dst("a"))
    record = every_step(world.open(export={"without_pitr": "skip"}, tables={"create_missing": create}))
    rows = {row["source"]: row["verdict"] for row in record["tables"]}
    assert rows == {world.src("a"): "NOT MIGRATED", world.src("b"): "PASS"}
    assert (record["verdict"], record["blockers"]) == ("FAIL", [])
    assert not target_exists(world, world.dst("a"))
    assert "create_missing" not in str(record["warnings"])


def test_a_skipped_table_is_not_migrated_and_the_run_fails(world: World) -> None:
    world.pair("a", things(3))
    world.pair("b", things(3), pitr=False)
    record = every_step(world.open(export={"without_pitr": "skip"}))
    assert record["verdict"] == "FAIL"
    row = next(t for t in record["tables"] if t["source"] == world.src("b"))
    assert (row["verdict"], row["method"], row["items_exported"]) == ("NOT MIGRATED", "skipped", None)


@pytest.mark.whole
def test_steps_can_be_run_one_by_one_and_only_the_whole_passes(world: World) -> None:
    world.pair("a", things(30))
    config = world.config()
    for step in STEPS[:3]:
        ran = runbook_here("run", config, "--run-id", "r1", "--only", step, "--execute")
        assert ran.returncode == (1 if step == "import" else ran.returncode), ran.stdout
    ran = runbook_here("run", config, "--run-id", "r1", "--from", "validate")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert world.record("r1")["verdict"] == "PASS"


def test_only_the_tables_asked_for_are_acted_on(world: World) -> None:
    world.pair("a", things(3))
    world.pair("b", things(3))
    record = every_step(open_run(str(world.config()), "r1", True, "*-a"))
    assert record["verdict"] == "PASS"
    assert [(t["source"], t["verdict"]) for t in record["tables"]] == [
        (world.src("a"), "PASS"),
        (world.src("b"), "NOT MIGRATED"),
    ]
    assert world.items(world.target, world.dst("b")) == []


@pytest.mark.chaos
def test_a_run_with_a_blocker_fails_before_anything_is_exported(world: World) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), things(1))
    ran = runbook_here("run", world.config(), "--run-id", "r1", "--execute")
    assert ran.returncode == 1
    record = world.record("r1")
    assert record["verdict"] == "FAIL"
    assert "items in it" in record["reasons"][0]
    assert "ExportTableToPointInTime" not in record["source_calls"]
    assert [s["status"] for s in record["steps"]] == ["failed", "not run", "not run", "not run", "completed"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no such config", "no such file"),
        ("unknown key", "unknown key 'tabels'"),
        ("no table", "no table of the source matches 'nothing-*' in 111122223333/us-east-1; it has"),
        ("one target", "one source for each target"),
        ("no target", "no such table"),
        ("other keys", "keys cannot be changed"),
        ("itself", "a target other than the source"),
        ("no bucket", "no such bucket"),
        ("no credentials", "no AWS credentials"),
        ("bad profile", "could not be found"),
        ("not confirmed", "confirm_target: expected '111122223333/us-east-2'"),
        ("run id", "run id"),
        ("no server", "it has ended with the demo, and nothing is left to go on with"),
    ],
)
@pytest.mark.few(5)
def test_bad_input_is_a_clear_message_exit_2_and_nothing_is_written(world: World, what: str, words: str) -> None:
    world.pair("a", things(3))
    changes: dict[str, object] = {}
    environment: dict[str, str] = {}
    run_id = "r1"
    match what:
        case "unknown key":
            changes = {"tabels": {}}
        case "no table":
            changes = {"tables": {"include": ["nothing-*"]}}
        case "one target":
            world.pair("b", things(3))
            changes = {"tables": {"overrides": {world.src("b"): world.dst("a")}}}
        case "no target":
            world.target.delete_table(TableName=world.dst("a"))
        case "other keys":
            world.target.delete_table(TableName=world.dst("a"))
            types = [{"AttributeName": "ID", "AttributeType": "S"}]
            keys = [{"AttributeName": "ID", "KeyType": "HASH"}]
            world.table(world.target, world.dst("a"), AttributeDefinitions=types, KeySchema=keys)
        case "itself":
            changes = {
                "target": {"region": "us-east-1"},
                "tables": {"rename": None},
                "confirm_target": "111122223333/us-east-1",
            }
        case "no bucket":
            changes = {"staging": {"bucket": "no-such-bucket-here"}}
        case "no credentials":
            environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        case "bad profile":
            changes = {"source": {"profile": "nobody"}}
        case "not confirmed":
            changes = {"confirm_target": ""}
        case "run id":
            run_id = "../escape"
        case "no server":
            changes = {"source": {"endpoint_url": "http://127.0.0.1:9"}}
    config: Path = world.folder / "none.yaml" if what == "no such config" else world.config(**changes)
    ran = runbook_here("run", config, "--run-id", run_id, "--execute", **environment)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (world.folder / "reports").exists()
    assert not list(world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", []))


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "x", "--only", "nothing"], ["walk"], ["run", "x", "--no"]])
def test_wrong_usage_is_exit_2(world: World, arguments: list[str]) -> None:
    ran = world.runbook(*arguments)
    assert ran.returncode == (2 if arguments else 0) or (not arguments and ran.returncode == 2)


def test_verify_of_what_is_no_run_is_exit_2(world: World) -> None:
    assert runbook_here("verify", world.folder).returncode == 2


def until(world: World, process: subprocess.Popen[str], query: str) -> None:
    """Wait until the run's ledger answers the query with something."""
    ledger_file = world.folder / "reports" / "r1" / "ledger.sqlite"
    for _ in range(2400):  # two minutes: a busy machine starts kernels slowly
        if process.poll() is not None:
            raise AssertionError(f"ended too early: {process.stdout.read() if process.stdout else ''}")
        if ledger_file.exists():
            ledger = Ledger(ledger_file)
            found = ledger.rows(query)
            ledger.close()
            if found and found[0][0]:
                return
        time.sleep(0.05)
    raise AssertionError(f"never came true: {query}")


PHASES = {
    "import": (
        {"operation": "BatchWriteItem", "kind": "delay", "seconds": 0.5, "every": 1},
        "SELECT SUM(acknowledged) > 0 FROM file",
    ),
    "export": (
        {"operation": "DescribeExport", "kind": "delay", "seconds": 1.0, "every": 1},
        "SELECT COUNT(*) FROM fact WHERE topic = 'export'",
    ),
}


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_run_is_taken_up_again_and_ends_in_the_same_pass(world: World, phase: str) -> None:
    world.pair("a", things(2000))
    world.pair("b", things(30), pitr=False)
    config = world.config(**{"import": {"concurrency": 4}})
    fault, query = PHASES[phase]
    world.fault(**fault)
    process = start_run(world, config)
    until(world, process, query)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.clear_faults()
    ran = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = world.record("r1")
    assert record["verdict"] == "PASS"
    assert record["totals"]["items_written"] == record["totals"]["items_in_target"] == 2030
    assert record["source_calls"]["ExportTableToPointInTime"] <= 2
    assert len(record["attempts"]) == 2


@pytest.mark.whole
@pytest.mark.usefixtures("charts_drawn")
@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.chaos)])
def test_a_run_is_alone_and_when_interrupted_says_so_exits_130_and_can_be_resumed(
    world: World, how: signal.Signals
) -> None:
    world.pair("a", things(2000))
    config = world.config(**{"import": {"concurrency": 4}})
    fault, query = PHASES["import"]
    world.fault(**fault | {"seconds": 3.0})  # a minute for all, so that a slow second runner still meets it
    process = start_run(world, config)
    until(world, process, query)
    second = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert second.returncode == 2, second.stdout
    assert "is running already" in second.stderr
    process.send_signal(how)
    said, _ = process.communicate(timeout=400)
    world.clear_faults()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    record = world.record("r1")
    assert record["verdict"] == "INTERRUPTED"
    nothing_is_left_half(world.folder / "reports" / "r1")
    assert runbook_here("verify", world.folder / "reports" / "r1").returncode == 0
    ran = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert world.record("r1")["totals"]["items_written"] == 2000


@pytest.mark.whole
def test_a_full_disk_is_a_clear_failure_and_the_run_goes_on_when_there_is_room(world: World) -> None:
    """A limit on file sizes stands for the disk: the ledger cannot grow any more in mid-run."""
    world.pair("a", things(500))
    config = world.config()
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "sh", sys.executable, "-m", "runbook_lib"]
    ran = subprocess.run(
        [*limited, "run", str(config), "--run-id", "r1", "--execute"],
        capture_output=True, text=True, check=False, env=os.environ, timeout=400,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert "run again with the same run id" in ran.stdout + ran.stderr
    ran = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert world.record("r1")["totals"]["items_in_target"] == 500


@pytest.mark.whole
@pytest.mark.chaos
def test_papermills_own_metadata_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks that stop early without an error, or whose kernel dies, fail their step."""
    from runbook_lib.headless import runner

    world.pair("a", things(3))
    config = world.config()
    for name, cell, words in (
        ("exit", "import sys; sys.exit(0)", "ended without finishing"),
        ("kill", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "DeadKernelError"),
        ("gate", "from runbook_lib.errors import GateFailed; raise GateFailed('a reason')", "a reason"),
    ):
        folder = world.folder / name
        folder.mkdir()
        for file in runner.FILES.values():
            text = (runner.notebooks() / file).read_text()
            book = nbformat.reads(text, as_version=4)
            if file.startswith("10"):
                book.cells.insert(4, nbformat.v4.new_code_cell(cell))
            nbformat.write(book, folder / file)
        monkeypatch.setattr(runner, "notebooks", lambda folder=folder: folder)
        preflight(open_run(str(config), f"r-{name}", execute=True))
        record = runner.run_notebooks(
            runner.Request(config, f"r-{name}", execute=True, only="export"), lambda _: None
        ).to_json()
        assert record["verdict"] == "FAIL"
        step = next(s for s in record["steps"] if s["name"] == "export")
        assert (step["status"], words in step["message"]) == ("failed", True), step
    assert json.loads((world.folder / "reports" / "r-kill" / "run.json").read_text())["verdict"] == "FAIL"


def kernels_dying_at_birth(folder: Path, count: int) -> dict[str, str]:
    """Settings under which the first `count` kernels end before their first word, as one does whose port is taken."""
    spec, births = folder / "jupyter" / "kernels" / "python3", folder / "births"
    spec.mkdir(parents=True)
    dying = (
        f"import pathlib, runpy, sys; births = pathlib.Path({str(births)!r}); births.touch()\n"
        "with births.open('a') as file: file.write('.')\n"
        f"if len(births.read_text()) <= {count}: sys.exit('Address already in use')\n"
        "sys.argv[0] = 'ipykernel'; runpy.run_module('ipykernel_launcher', run_name='__main__')"
    )
    kernel = {
        "argv": [sys.executable, "-c", dying, "-f", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (spec / "kernel.json").write_text(json.dumps(kernel))
    return {"JUPYTER_PATH": str(folder / "jupyter")}


@pytest.mark.chaos
def test_a_kernel_that_dies_before_its_first_word_is_started_again(world: World) -> None:
    world.pair("a", things(3))
    ran = world.runbook(
        "run", world.config(), "--run-id", "r1", "--only", "preflight", **kernels_dying_at_birth(world.folder, 1)
    )
    assert "preflight done" in ran.stdout, ran.stdout + ran.stderr
    assert (world.folder / "births").read_text() == ".."


@pytest.mark.chaos
def test_that_a_step_was_done_at_an_earlier_start_says_nothing_of_this_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runbook_lib.headless import runner

    world.pair("a", things(3))
    again = runner.Request(world.config(), "r1", only="preflight")
    done, idle = (
        runner.run_notebooks(again, lambda _: None).to_json()["steps"][0]
        for execute in (runner.execute_notebook, lambda *_: None)
        if monkeypatch.setattr(runner, "execute_notebook", execute) is None
    )
    assert done["status"] == "completed"
    assert (idle["status"], "ended without finishing" in idle["message"]) == ("failed", True)


@pytest.mark.chaos
def test_kernels_that_always_die_fail_the_step_and_the_report_is_still_made(world: World) -> None:
    world.pair("a", things(3))
    ran = world.runbook(
        "run", world.config(), "--run-id", "r1", "--only", "preflight", **kernels_dying_at_birth(world.folder, 99)
    )
    assert ran.returncode == 1
    assert "preflight failed" in ran.stdout
    assert "Traceback" not in ran.stderr
    record = world.record("r1")
    assert record["verdict"] == "FAIL"
    assert "Kernel died before replying" in next(s for s in record["steps"] if s["name"] == "preflight")["message"]
    assert (world.folder / "births").read_text() == "..."
