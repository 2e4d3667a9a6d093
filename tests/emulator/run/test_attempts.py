"""Who did a step, with which code and how often the servers were called: recorded when it happens, never again."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from runbook_lib import paths
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.session.clients import Clients
from runbook_lib.errors import LedgerError
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"


def as_another(clients: Clients, name: str) -> Clients:
    """The same clients, as another session of the same account."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session"
    who = (replace(who, arn=arn) for who in (clients.source_identity, clients.target_identity))
    return replace(clients, source_identity=next(who), target_identity=next(who))


@pytest.mark.usefixtures("code_looked_up")
@pytest.mark.whole
def test_a_report_of_years_later_says_who_wrote_and_with_which_code(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    books = world.folder / "books"
    shutil.copytree(paths.notebooks(), books)
    monkeypatch.setattr(paths, "notebooks", lambda: books)
    run = open_run(config, "r", True)
    clients = run.clients
    run.clients = as_another(clients, "planner")  # who began the run is not who did what matters most
    preflight(run)
    run.clients = as_another(clients, "writer")
    for step in (export_tables, import_tables):
        step(run)
    run.clients = as_another(clients, "checker")
    validate_tables(run)
    first = report_run(run).to_json()
    run.ledger.close()
    (books / "20_import.ipynb").write_text((books / "20_import.ipynb").read_text() + " ")  # an upgrade
    later = open_run(config, "r", clients=as_another(clients, "intern"))
    second = report_run(later).to_json()
    later.ledger.close()
    assert first["verdict"] == second["verdict"] == "PASS"
    for record in (first, second):
        assert "/writer/" in record["identity"]["source"]["arn"]
        assert "/writer/" in record["identity"]["target"]["arn"]
    assert (second["identity"], second["code"]) == (first["identity"], first["code"])
    starts = {step["name"]: step["starts"] for step in second["steps"]}
    assert [s["arn"]["target"].split("/")[1] for s in starts["validate"]] == ["checker"]
    assert [s["arn"]["target"].split("/")[1] for s in starts["report"]] == ["checker", "intern"]
    assert starts["import"][0]["execute"] is True
    codes = [second["codes"][s["code"]]["notebooks"]["20_import.ipynb"] for s in starts["report"]]
    assert codes[0] == first["code"]["notebooks"]["20_import.ipynb"] != codes[1]


@pytest.mark.chaos
def test_everyone_who_imported_is_kept(world: World) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    run = open_run(config, "r", True)
    preflight(run)
    export_tables(run)
    clients = run.clients
    for name in ("one", "other"):
        run.clients = as_another(clients, name)
        import_tables(run)
    record = report_run(run).to_json()
    run.ledger.close()
    starts = next(step["starts"] for step in record["steps"] if step["name"] == "import")
    assert [s["arn"]["target"].split("/")[1] for s in starts] == ["one", "other"]


@pytest.mark.parametrize("failing", range(16))
def test_calls_that_could_not_be_told_are_told_later(failing: int) -> None:
    """Every sequence of a disk that is full and free again ends with all calls told, each once."""
    told: list[tuple[str, str, int]] = []
    full = [bool(failing & 1 << n) for n in range(4)]

    def tell(side: str, operation: str, count: int) -> None:
        if full and full.pop():
            raise OSError("disk full")
        told.append((side, operation, count))

    calls = Calls()
    calls.record("source", "DescribeTable")
    for _ in range(6):
        calls.record("target", "BatchWriteItem")
        with suppress(OSError):
            calls.report_to(tell)
    assert sum(n for _, what, n in told if what == "BatchWriteItem") == 6
    assert sum(n for _, what, n in told if what == "DescribeTable") == 1


def test_a_call_that_cannot_be_recorded_is_not_sent_and_not_counted() -> None:
    def refuse(*_: object) -> None:
        raise LedgerError("disk full")

    calls = Calls(refuse)
    with pytest.raises(LedgerError):
        calls.record("source", "Scan")
    assert sum(calls.of("source").values()) == 0


def test_what_the_ledger_has_said_is_on_the_disk(tmp_path: Path) -> None:
    """FULL: the write-ahead log is synced at every commit, not only when it is folded in; also after calls."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put("of", "a beginning", 1)
    assert ledger.rows("PRAGMA synchronous")[0][0] == 2
    ledger.count_call("source", "Scan")
    with ledger.batch():
        ledger.count_call("source", "Scan")
    assert ledger.rows("PRAGMA synchronous")[0][0] == 2
    assert ledger.calls("source") == {"Scan": 2}
    ledger.close()


def test_many_rows_are_one_commit(tmp_path: Path) -> None:
    """All or none: a row that cannot be written takes those before it along."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError):
        ledger.write("INSERT INTO fact VALUES ('t', ?, ?)", [("a", "1"), ("b", None)])
    assert ledger.all("t") == {}
    ledger.close()
