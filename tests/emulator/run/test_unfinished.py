"""What is published is of one moment: no page says PASS in a folder that is not sealed, whenever a process dies."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.preflight.step import preflight
from runbook_lib.report.publish import publish
from runbook_lib.report.step import report_run
from runbook_lib.run.admission import admit as admission
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_run
from runbook_lib.run.unfinished import SUMS, mark_unfinished
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.sealed_run import is_sealed, publish_passed_run
from tests.support.world import World, things

PAGES = ("run.json", "report.html", "report.md", "90_report.ipynb")
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.support.lives", "runbook_lib.report.publish"])


def says_pass(folder: Path) -> set[str]:
    """The pages that say PASS of a run: its own, and its rows in the list of runs."""
    found = {name for name in PAGES if (folder / name).exists() and "PASS" in (folder / name).read_text()}
    index = folder.parent / "index.html"
    rows = re.findall(r"<tr.*?</tr>", index.read_text(), re.DOTALL) if index.exists() else []
    return found | {"index.html" for row in rows if f">{folder.name}<" in row and "PASS" in row}


def no_such_call(*_: object, **__: object) -> object:
    """A C library in which folders cannot change places."""
    return object()


def test_a_published_run_says_pass_and_is_sealed(tmp_path: Path) -> None:
    publish_passed_run(tmp_path / "r")
    assert says_pass(tmp_path / "r") == {"run.json", "report.html", "report.md", "index.html"}
    assert is_sealed(tmp_path / "r")


def test_from_the_beginning_of_a_further_step_no_page_says_pass(tmp_path: Path) -> None:
    publish_passed_run(tmp_path / "other")
    publish_passed_run(tmp_path / "r")
    folder = tmp_path / "r"
    (folder / "90_report.ipynb").write_text('{"cells": [{"outputs": ["PASS"]}]}')
    (folder / f"{SUMS}.sig").write_text("of the old seal")
    for _ in range(2):  # beginning is idempotent
        mark_unfinished(folder)
        assert says_pass(folder) == set()
        assert not {f.name for f in folder.iterdir()} & {SUMS, f"{SUMS}.sig", "90_report.ipynb"}
        for name in ("report.html", "report.md"):
            assert "UNFINISHED" in (folder / name).read_text()
        record = json.loads((folder / "run.json").read_text())
        assert (record["verdict"], record["tables"][0]["verdict"]) == ("RUNNING", "UNKNOWN")
        assert record["totals"]["items_written"] == 3
    assert is_sealed(tmp_path / "other")
    assert says_pass(tmp_path / "other") == {"run.json", "report.html", "report.md", "index.html"}


@pytest.mark.parametrize(
    "left", [(), ("run.json",), ("run.json", "report.html"), ("index.html",), ("run.json", "index.html")]
)
def test_what_a_kill_in_the_beginning_leaves_is_mended_by_the_next(tmp_path: Path, left: tuple[str, ...]) -> None:
    """Some pages were exchanged, others not yet: the next beginning exchanges the rest."""
    folder = tmp_path / "r"
    publish_passed_run(folder)
    files = {name: (tmp_path if name == "index.html" else folder) / name for name in (*PAGES[:3], "index.html")}
    before = {name: file.read_text() for name, file in files.items()}
    mark_unfinished(folder)
    for name in files.keys() - set(left):
        files[name].write_text(before[name])
    mark_unfinished(folder)
    assert says_pass(folder) == set()


@pytest.mark.parametrize("swaps", [True, False])
def test_whoever_is_the_runner_of_a_run_stays_it_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    folder = tmp_path / "r"
    publish_passed_run(folder)
    (folder / "migration.yaml").write_text("name: r")
    publish_again(folder)
    if not swaps:
        monkeypatch.setattr(ctypes, "CDLL", no_such_call)
    monkeypatch.setattr(admission, "RUNNER_SECONDS", 0.1)
    with admission.sole_runner(folder) as seat:
        mark_unfinished(folder, seat.move)
        with pytest.raises(ConfigError, match="running already"), admission.sole_runner(folder):
            pass
    with admission.sole_runner(folder):
        pass


def test_where_folders_cannot_change_places_the_files_are_exchanged_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", no_such_call)
    publish_passed_run(tmp_path / "r")
    assert is_sealed(tmp_path / "r")
    mark_unfinished(tmp_path / "r")
    assert says_pass(tmp_path / "r") == set()
    publish_again(tmp_path / "r")
    assert is_sealed(tmp_path / "r")
    assert not list(tmp_path.rglob("*.new"))


def test_of_a_folder_that_is_a_link_what_it_names_changes(tmp_path: Path) -> None:
    publish_passed_run(tmp_path / "r")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "r").symlink_to(tmp_path / "r")
    mark_unfinished(tmp_path / "linked" / "r")
    assert (tmp_path / "linked" / "r").is_symlink()
    assert says_pass(tmp_path / "r") <= {"index.html"}
    assert not is_sealed(tmp_path / "r")
    assert not list(tmp_path.rglob("*.new"))


def test_what_another_run_is_preparing_is_not_swept_away(tmp_path: Path) -> None:
    others = [tmp_path / f".r.x.{'0' * 16}.new", tmp_path / f".r2.{'0' * 16}.new"]
    own = tmp_path / f".r.{'0' * 16}.new"
    for folder in (*others, own):
        folder.mkdir()
    publish_passed_run(tmp_path / "r")
    assert all(other.is_dir() for other in others)
    assert not own.exists()


def test_a_folder_whose_record_cannot_be_read_begins_too(tmp_path: Path) -> None:
    publish_passed_run(tmp_path / "r")
    (tmp_path / "r" / "run.json").write_text("[" * 200_000 + "PASS")
    mark_unfinished(tmp_path / "r")
    assert says_pass(tmp_path / "r") == set()


def test_where_nothing_was_published_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "migration.yaml").write_text("x")
    mark_unfinished(tmp_path / "r")
    assert [f.name for f in (tmp_path / "r").iterdir()] == ["migration.yaml"]


def _again(said: Any, root: str) -> None:
    """A further start that publishes, over and over; dies somewhere."""
    said.send("begun")
    while True:
        publish_again(Path(root) / "r")


def publish_again(folder: Path) -> None:
    mark_unfinished(folder)
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.put("step", "report", ledger.get("step", "report"))
    publish(folder, ledger, folder.name, "test")
    ledger.close()


def test_killed_at_any_instant_of_a_further_start_no_page_says_pass_without_a_seal(tmp_path: Path) -> None:
    publish_passed_run(tmp_path / "r")
    publish_passed_run(tmp_path / "neighbour")
    chance = random.Random(27)
    for _ in range(8):
        ours, theirs = _forks.Pipe()
        process = _forks.Process(target=_again, args=(theirs, str(tmp_path)))
        process.start()
        theirs.close()
        assert ours.recv() == "begun"
        time.sleep(chance.uniform(0, 1.0))
        process.kill()
        process.join()
        ours.close()
        sealed, said = is_sealed(tmp_path / "r"), says_pass(tmp_path / "r")
        # A kill between the seal and the list of runs leaves a list that says less than is proved, never more.
        assert said - {"index.html"} == ({"run.json", "report.html", "report.md"} if sealed else set())
        assert sealed or not said
        assert is_sealed(tmp_path / "neighbour")
    publish_again(tmp_path / "r")
    assert is_sealed(tmp_path / "r")
    assert not [f.name for f in tmp_path.rglob("*.new")]


@pytest.mark.whole
def test_each_step_of_a_notebook_begins_with_taking_the_seal_off(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(confirm_target="111122223333/us-east-2")
    run = open_run(str(config), "r", execute=True)
    for step in (preflight, export_tables, import_tables, validate_tables):
        step(run)
    assert report_run(run).to_json()["verdict"] == "PASS"
    assert is_sealed(run.folder)
    for step in (preflight, export_tables, import_tables, validate_tables):
        step(run)
        assert says_pass(run.folder) == set()
        report_run(run).to_json()
        assert is_sealed(run.folder)
    run.ledger.close()
    again = open_run(str(config), "r", execute=True)  # it is only looked at: the seal stays
    assert is_sealed(run.folder)
    again.tell_calls()  # the first write
    assert says_pass(run.folder) == set()
    again.ledger.close()


@pytest.mark.chaos
def test_a_second_start_that_is_killed_leaves_no_page_that_says_pass(world: World) -> None:
    world.pair("a", things(30))
    config, folder = world.config(confirm_target="111122223333/us-east-2"), world.folder / "reports" / "r"
    ran = runbook_here("run", config, "--run-id", "r", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert is_sealed(folder)
    assert {"run.json", "report.html", "report.md", "index.html"} <= says_pass(folder)
    verified = runbook_here("verify", folder)
    assert (verified.returncode, "the same to the byte" in verified.stdout) == (0, True), (
        verified.stdout + verified.stderr
    )
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    command = [
        sys.executable,
        "-m",
        "runbook_lib",
        "run",
        str(config),
        "--run-id",
        "r",
        "--execute",
        "--only",
        "validate",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ) as second:
        assert second.stdout is not None
        assert any("running" in line for line in second.stdout)
        assert says_pass(folder) == set()
        os.killpg(second.pid, signal.SIGKILL)
    assert says_pass(folder) == set()
    assert "UNFINISHED" in (folder / "report.html").read_text()
    assert "UNFINISHED" in (world.folder / "reports" / "index.html").read_text()
    assert runbook_here("verify", folder).returncode != 0
