"""What publishing leaves in a run's folder and beside it, and what it takes away."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runbook_lib.record.run_json import RUN_JSON
from runbook_lib.report import publish as publishing
from runbook_lib.report.publish import publish
from runbook_lib.run.facts.publication import ANCHOR, PUBLICATION, AnchorFact, Lock
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.unwritten import QuarantinedRow, keep_quarantined
from runbook_lib.run.unfinished import SUMS
from runbook_lib.run.verdicts import FAIL, PASS
from tests.support.facts import BEGAN
from tests.support.sealed_run import is_sealed, publish_passed_run

RANDOM = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish_passed_run(tmp_path / "r")
    return tmp_path / "r"


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    with closing(Ledger(folder / "ledger.sqlite")) as opened:
        yield opened


def _fail(ledger: Ledger) -> None:
    STEP_FACTS.record(ledger, "validate", StepFact(StepStatus.FAILED, BEGAN, message="no"))


@pytest.mark.whole
def test_a_list_of_refused_items_goes_when_none_is_refused_any_more(folder: Path, ledger: Ledger) -> None:
    keep_quarantined(ledger, [QuarantinedRow("a", "k", 1, None, "no")])
    publish(folder, ledger, "r", "test")
    (file,) = (folder / "quarantine").iterdir()
    assert [json.loads(line)["reason"] for line in file.read_text().splitlines()] == ["no"]
    ledger.write("DELETE FROM quarantine", [()])
    publish(folder, ledger, "r", "test")
    assert not file.exists()
    assert is_sealed(folder)


@pytest.mark.parametrize("place", ["", "charts", "quarantine"])
@pytest.mark.few(1)
def test_what_a_killed_process_had_prepared_is_gone(folder: Path, ledger: Ledger, place: str) -> None:
    left = folder / place / f".report.html.{RANDOM}.new"
    left.write_text("an item")
    publish(folder, ledger, "r", "test")
    assert not left.exists()
    assert is_sealed(folder)


def test_the_next_state_of_the_folder_that_a_killed_process_had_prepared_is_gone(folder: Path, ledger: Ledger) -> None:
    left = folder.with_name(f".r.{RANDOM}.new")
    left.mkdir()
    publish(folder, ledger, "r", "test")
    assert not left.exists()


def test_a_run_that_is_not_anchored_any_more_says_so(folder: Path, ledger: Ledger) -> None:
    ANCHOR.record(ledger, AnchorFact("s3://bucket/anchor", next(iter(Lock)), None, None))
    assert publish(folder, ledger, "r", "test").anchor is None


def test_what_is_sealed_is_the_ledger_alone_and_knows_when_it_was_published(folder: Path, ledger: Ledger) -> None:
    publish(folder, ledger, "r", "test")
    log = folder / "ledger.sqlite-wal"
    assert not log.exists() or log.stat().st_size == 0
    with closing(sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro&immutable=1", uri=True)) as alone:
        asked = "SELECT count(*) FROM fact WHERE topic = ? AND name = ?"
        assert alone.execute(asked, (PUBLICATION.topic, PUBLICATION.name)).fetchone() == (1,)


def test_the_list_of_runs_says_the_verdict_of_now(folder: Path, ledger: Ledger) -> None:
    _fail(ledger)
    publish(folder, ledger, "r", "test")
    page = (folder.parent / "index.html").read_text()
    assert "FAIL" in page.partition('data-run="r"')[2].partition("</tr>")[0]


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("fails", [False, True])
def test_where_the_pages_cannot_be_written_a_pass_is_not_said_and_a_fail_is(
    folder: Path, ledger: Ledger, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "seal", full)
    if fails:
        _fail(ledger)
    with pytest.raises(OSError, match="No space left"):
        publish(folder, ledger, "r", "test")
    said = json.loads((folder / RUN_JSON).read_text())["verdict"]
    assert said == FAIL if fails else said != PASS
    assert not (folder / SUMS).exists()
    assert "PASS" not in (folder / "report.md").read_text()
