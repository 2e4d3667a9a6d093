"""What is said of a run that came to an end too early: nothing that was not measured, nothing of a dry run."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.errors import RunbookError
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.run import Run, open_run
from tests.support.recorded import export_tables, import_tables
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"
# Dies where it would have told the ledger for the first time what was acknowledged.
DIES = """
import os, sys
from runbook_lib.load import table_load as loading
from runbook_lib.load.step import import_tables
from runbook_lib.run.run import open_run
flush = loading.flush
def die(load, lock):
    if sum(file.written for file in load.files) >= int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    return flush(load, lock)
loading.flush = die
import_tables(open_run(sys.argv[1], "r", True))
"""


def reported(run: Run) -> dict[str, Any]:
    record = report_run(run).to_json()
    run.ledger.close()
    return record


@pytest.mark.whole
def test_after_a_killed_kernel_nobody_claims_that_nothing_was_written(world: World) -> None:
    world.pair("a", things(60))
    config = str(world.config(confirm_target=HERE))
    run = open_run(config, "r", True)
    preflight(run)
    export_tables(run)
    run.ledger.close()
    died = subprocess.run([sys.executable, "-c", DIES, config, "25"], capture_output=True, check=False)
    assert died.returncode == -9, died.stderr
    held = len(world.items(world.target, world.dst("a")))
    assert held >= 25
    record = reported(open_run(config, "r", True))
    table, totals = record["tables"][0], record["totals"]
    assert record["verdict"] == "FAIL"
    assert table["items_written"] is None
    assert 0 <= table["items_written_at_least"] <= held
    assert totals["items_written"] is None
    assert totals["items_written_at_least"] == table["items_written_at_least"]
    folder = world.folder / "reports" / "r"
    for page in ("report.html", "report.md"):
        text = (folder / page).read_text(encoding="utf-8")
        assert f"at least {table['items_written_at_least']} written" in text, page
    dry = open_run(config, "r", False)  # counts nothing of what was written before
    import_tables(dry)
    assert reported(dry)["tables"][0]["items_written"] is None
    run = open_run(config, "r", True)
    import_tables(run)
    record = reported(run)
    assert (record["tables"][0]["items_written"], record["tables"][0]["items_written_at_least"]) == (60, None)
    assert (record["totals"]["items_written"], record["totals"]["items_written_at_least"]) == (60, None)


@pytest.mark.parametrize("last", ["preflight", "export"])
def test_a_table_of_a_run_that_was_to_write_is_never_called_a_dry_run(world: World, last: str) -> None:
    """Neither where the pre-flight is all that was done, nor where an export failed."""
    world.pair("a", things(5))
    world.pair("b", things(5))
    config = str(world.config(confirm_target=HERE))
    run = open_run(config, "r", True)
    preflight(run)
    if last == "export":
        world.s3.delete_bucket(Bucket=world.bucket)
        with pytest.raises(RunbookError):
            export_tables(run)
    record = reported(run)
    assert record["verdict"] == "FAIL"
    assert {t["verdict"] for t in record["tables"]} <= {"UNKNOWN", "FAIL"}
    assert all(t["reasons"] for t in record["tables"])
    assert "DRY-RUN" not in (world.folder / "reports" / "r" / "report.html").read_text(encoding="utf-8")


def test_a_dry_start_after_it_is_a_dry_run_again(world: World) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    for execute, verdicts in ((True, {"UNKNOWN"}), (False, {"DRY-RUN"})):
        run = open_run(config, "r", execute)
        preflight(run)
        record = reported(run)
        assert {t["verdict"] for t in record["tables"]} == verdicts


@pytest.mark.whole
def test_a_run_without_a_table_has_measured_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Not 0 of anything."""
    world.pair("a", things(5))
    config = str(world.config(source={"endpoint_url": "http://127.0.0.1:9"}))
    assert run_cli(["run", config, "--run-id", "r"]) == 2
    assert "0 items" not in capsys.readouterr().out
