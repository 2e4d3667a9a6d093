"""What the pages of a run say from the first moment of a further step, whatever lies in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.run import unfinished
from runbook_lib.run.unfinished import SUMS, UNFINISHED, VERDICT_NOTEBOOK, as_unfinished, index_row, mark_unfinished

TABLES = [{"source": "a", "verdict": "PASS", "reasons": []}, {"source": "b", "verdict": "FAIL", "reasons": ["gone"]}]
PROVED = {"run_id": "r", "verdict": "PASS", "reasons": ["x"], "grounds": ["y"], "finished": "then", "tables": TABLES}
ROW = '<tr data-run="{0}" data-state="sealed"><td>PASS</td></tr>'
COMPARED = '<tr data-later="{0}" data-former="{1}"><td>as before</td></tr>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "r"
    made.mkdir()
    publish(made)
    return made


def publish(folder: Path, seal: bool = True) -> None:
    files = {
        "run.json": json.dumps(PROVED),
        "report.html": "<p>PASS</p>",
        "report.md": "PASS",
        "ledger.sqlite": "facts",
    }
    for name, text in (files | ({SUMS: "sums", f"{SUMS}.anchor.json": "{}"} if seal else {})).items():
        (folder / name).write_text(text)
    (folder / VERDICT_NOTEBOOK).write_text("PASS")


def said(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return record


def test_no_page_of_a_sealed_folder_says_a_verdict_any_more(folder: Path) -> None:
    mark_unfinished(folder)
    assert not list(folder.glob(f"{SUMS}*"))
    assert not (folder / VERDICT_NOTEBOOK).exists()
    for name in ("report.html", "report.md"):
        assert UNFINISHED in (folder / name).read_text()
        assert "PASS" not in (folder / name).read_text()
    record = said(folder)
    assert (record["verdict"], record["finished"], record["reasons"], record["grounds"]) == ("RUNNING", None, [], [])
    assert [(t["source"], t["verdict"]) for t in record["tables"]] == [("a", "UNKNOWN"), ("b", "FAIL")]
    assert (folder / "ledger.sqlite").read_text() == "facts"


@pytest.mark.parametrize("page", ["run.json", "report.html", "report.md"])
def test_pages_that_a_kill_has_left_without_a_seal_are_replaced_too(folder: Path, page: str) -> None:
    mark_unfinished(folder)
    (folder / page).write_text(json.dumps(PROVED) if page == "run.json" else "PASS")
    mark_unfinished(folder)
    assert "PASS" not in (folder / page).read_text()


@pytest.mark.parametrize("missing", ["run.json", "report.html", "report.md"])
def test_a_page_that_was_not_there_is_not_made(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    mark_unfinished(folder)
    assert not (folder / missing).exists()


def test_what_says_that_it_is_unfinished_is_left_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_unfinished(folder)
    (folder / VERDICT_NOTEBOOK).write_text("being executed")
    monkeypatch.setattr(unfinished, "change_at_once", lambda *_, **__: pytest.fail("nothing had to change"))
    mark_unfinished(folder)
    assert (folder / VERDICT_NOTEBOOK).read_text() == "being executed"


def test_a_folder_in_which_nothing_was_published_is_left_as_it_is(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "ledger.sqlite").write_text("facts")
    mark_unfinished(new)
    assert [f.name for f in new.iterdir()] == ["ledger.sqlite"]
    assert [f.name for f in tmp_path.iterdir()] == ["new"]


def test_a_notebook_of_a_step_that_goes_on_stays(folder: Path) -> None:
    """Only a seal makes the executed report old; without one it is of the run that is under way."""
    (folder / SUMS).unlink()
    mark_unfinished(folder)
    assert (folder / VERDICT_NOTEBOOK).exists()
    assert not list(folder.glob(f"{SUMS}*"))


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "17", "[" * 100_000, '{"tables": 3}', '{"tables": [3, null, {"verdict": "PASS"}]}']
)
def test_a_broken_record_says_no_verdict_either(folder: Path, text: str) -> None:
    (folder / "run.json").write_text(text)
    mark_unfinished(folder)
    record = said(folder)
    assert record["verdict"] == "RUNNING"
    assert "PASS" not in json.dumps(record)
    if not text.startswith("{"):
        assert record["run_id"] == "r"


def test_a_record_without_a_list_of_tables_keeps_what_it_has() -> None:
    assert as_unfinished({"tables": "x"})["tables"] == "x"
    assert as_unfinished({"tables": [None, {"verdict": "FAIL", "reasons": ["r"]}]})["tables"] == [
        None, {"verdict": "FAIL", "reasons": ["r"]},
    ]  # fmt: skip


def test_the_list_of_runs_says_it_and_compares_nothing_with_the_run_any_more(folder: Path) -> None:
    others = [ROW.format("r2"), COMPARED.format("r3", "r2"), ROW.format("xr")]
    about = [ROW.format("r"), COMPARED.format("r", "r2"), COMPARED.format("r2", "r")]
    index = folder.parent / "index.html"
    index.write_text("\n".join([*others, *about]))
    mark_unfinished(folder)
    text = index.read_text()
    assert all(row in text for row in others)
    assert not any(row in text for row in about)
    assert index_row("r") in text
    assert (folder.parent / ".index.lock").exists()


@pytest.mark.parametrize("about", [ROW.format("r"), COMPARED.format("r", "r2"), COMPARED.format("r2", "r")])
def test_a_list_that_says_more_than_the_pages_is_put_right_without_a_seal(folder: Path, about: str) -> None:
    mark_unfinished(folder)
    index = folder.parent / "index.html"
    index.write_text(about)
    mark_unfinished(folder)
    assert about not in index.read_text()


def test_a_list_that_says_nothing_of_the_run_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "index.html").write_text(ROW.format("r2"))
    monkeypatch.setattr(unfinished, "write_atomically", lambda *_: pytest.fail("nothing of this run stands in it"))
    mark_unfinished(folder)


def test_names_are_no_markup(tmp_path: Path) -> None:
    """A folder that something else than a run has named; its row is found by the name as it is spelled there."""
    odd = tmp_path / "a+<b>.c"
    odd.mkdir()
    publish(odd)
    (tmp_path / "index.html").write_text(ROW.format("a+&lt;b&gt;.c") + ROW.format("aab"))
    mark_unfinished(odd)
    text = (tmp_path / "index.html").read_text()
    assert "<b>" not in text + (odd / "report.html").read_text()
    assert index_row("a+<b>.c") + ROW.format("aab") == text


def test_whoever_holds_the_folder_hears_which_one_takes_its_place(folder: Path) -> None:
    heard: list[Path] = []
    mark_unfinished(folder, heard.append)
    assert len(heard) == 1
    assert heard[0].parent == folder.parent


def test_a_seal_goes_also_where_no_page_says_more(folder: Path) -> None:
    """For instance that of a report which was made on the way, of a run that is RUNNING."""
    mark_unfinished(folder)
    (folder / SUMS).write_text("sums")
    mark_unfinished(folder)
    assert not (folder / SUMS).exists()
