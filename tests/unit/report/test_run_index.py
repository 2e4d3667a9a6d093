"""The list of runs: newest first, from run.json alone, whatever lies in the folder."""

from __future__ import annotations

import html
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.report.render.run_index import write_index
from runbook_lib.run.facts.starts import STARTED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import LEDGER, seal
from tests.support import records
from tests.support.records import Record, of

USED = ("name", "verdict", "started", "executed", "identity", "tables", "totals", "attempts", "steps")


def put(root: Path, name: str, content: Record | str | bytes, *, report: bool = True, sealed: bool = True) -> None:
    folder = root / name
    folder.mkdir()
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    (folder / "run.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    if report:
        (folder / "report.html").write_text("")
    if sealed:
        seal(folder)


def index(root: Path) -> str:
    write_index(root)
    return (root / "index.html").read_text(encoding="utf-8")


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    for name, started in (
        ("a", "2026-01-02T00:00:00Z"),
        ("b", "2026-11-01T00:00:00Z"),
        ("c", None),
        ("d", "2025-01-01T00:00:00Z"),
    ):
        put(tmp_path, name, records.passed() | {"started": started})
    assert re.findall(r'href="(\w)/report.html"', index(tmp_path)) == ["b", "a", "d", "c"]


def test_a_run_is_summed_up_in_a_row(tmp_path: Path) -> None:
    put(tmp_path, "run", records.failed())
    text = index(tmp_path)
    assert (
        '>FAIL<br><span class="soft">executed</span></td>' in text
    )  # beside each other: a wide table is cut on the right
    for cell in (
        "111122223333/us-east-1",
        "229,634 (measured for 30 of 31 tables)",
        "6 (measured for 29 of 31 tables)",
    ):
        assert f">{cell}</td>" in text
    assert "http" not in text
    assert "<script" not in text


def test_a_run_without_a_record_has_a_row_and_its_ledger_is_only_read(tmp_path: Path) -> None:
    put(tmp_path, "done", records.passed())
    for name in ("begun", "none", "pipe"):
        (tmp_path / name).mkdir()
    with closing(Ledger(tmp_path / "begun" / LEDGER)) as ledger:
        STARTED.record(ledger, "2026-11-23T05:33:36.000Z")
    (tmp_path / "none" / LEDGER).write_text("no ledger")
    os.mkfifo(tmp_path / "pipe" / LEDGER)
    before = {file: file.read_bytes() for file in tmp_path.glob(f"[bn]*/{LEDGER}*")}
    text = index(tmp_path)
    (row,) = re.findall(r"<tr data-begun=.*?</tr>", text)
    assert "<td>2026-11-23 05:33:36 UTC</td>" in row
    assert "<code>runbook status begun</code>" in row
    assert "<p>2 runs, newest first" in text
    assert {file: file.read_bytes() for file in tmp_path.glob(f"[bn]*/{LEDGER}*")} == before
    (tmp_path / "done" / "run.json").rename(tmp_path / "begun" / "run.json")
    assert "data-begun" not in index(tmp_path)


ODD: tuple[object, ...] = (
    5,
    -1,
    10**30,
    1e999,
    10**5000,
    "x",
    "\ud800",
    "x" * 5000,
    [],
    [1],
    [None],
    {},
    {"a": 1},
    True,
    {"a": {"b": [1]}},
)


def oddities(value: object) -> Iterator[object]:
    """A record with each of its members, at every depth, once replaced by each odd value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from (value | {name: odd} for odd in ODD)
            yield from (value | {name: changed} for changed in oddities(inner))
    elif isinstance(value, list) and value:
        yield from ([changed, *value[1:]] for changed in oddities(value[0]))


@pytest.mark.chaos
def test_no_value_of_a_neighbours_record_keeps_a_run_from_being_listed(tmp_path: Path) -> None:
    """Every kind of member has every kind of wrong value: the other run stands in the list as it should."""
    record = records.passed()
    record["tables"] = record["tables"][:1]
    sys.set_int_max_str_digits(0)
    odd = [json.dumps(o) for o in oddities({k: record[k] for k in USED})]
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    put(tmp_path, "good", records.passed())
    for n, text in enumerate(odd):
        put(tmp_path, f"odd{n}", text, report=False, sealed=False)
    text = index(tmp_path)
    assert len(odd) > 400
    assert 'href="good/report.html">good</a>' in text
    assert all(f">odd{n}<" in text for n in range(len(odd)))


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "run.json")


def _link(folder: Path) -> None:
    (folder / "run.json").symlink_to("/dev/zero")


def _loop(folder: Path) -> None:
    (folder / "run.json").symlink_to("run.json")


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: (folder / "run.json").mkdir(),
        _fifo,
        _link,
        _loop,
        lambda folder: (folder / "run.json").write_text("[" * 200_000),
        lambda folder: (folder / "run.json").write_text('{"run_id": ' + "9" * 10_000 + "}"),
        lambda folder: os.truncate(folder / "run.json", 1 << 33) if not (folder / "run.json").touch() else None,
    ],
    ids=["directory", "fifo", "endless", "loop", "deep", "digits", "huge"],
)
def test_a_run_json_that_cannot_be_read_is_a_line_in_the_list(make: Callable[[Path], object], tmp_path: Path) -> None:
    put(tmp_path, "good", records.passed())
    (tmp_path / "odd").mkdir()
    make(tmp_path / "odd")
    text = index(tmp_path)
    assert 'href="good/report.html"' in text
    assert "cannot be read" in next(row for row in text.split("<tr") if ">odd<" in row)


def test_names_that_are_no_text_are_listed_too(tmp_path: Path) -> None:
    put(tmp_path, "good", records.passed())
    put(tmp_path, os.fsdecode(b"odd\xff"), records.passed())
    text = index(tmp_path)
    assert 'href="odd%FF/report.html">odd\\xff</a>' in text
    assert 'href="good/report.html"' in text


def test_a_run_whose_pages_are_not_sealed_is_unfinished_whatever_they_say(tmp_path: Path) -> None:
    put(tmp_path, "never", records.passed(), sealed=False)
    put(tmp_path, "changed", records.failed())
    (tmp_path / "changed" / "run.json").write_text(json.dumps(records.passed()))
    put(tmp_path, "added", records.passed(), report=False)
    (tmp_path / "added" / "report.html").write_text("PASS")
    put(tmp_path, "sealed", records.passed())
    shown = {re.findall(r"(\w+)</(?:a|th)>", row)[0]: row for row in index(tmp_path).split("<tr data-run=")[1:]}
    assert {name for name, row in shown.items() if ">PASS<" in row} == {"sealed"}
    assert ">UNFINISHED<" in shown["never"]
    assert all(">CHANGED<" in shown[name] for name in ("changed", "added"))  # no step took the seal off


def _write(root: str, said: Any) -> None:
    try:
        for _ in range(15):
            write_index(Path(root))
    except BaseException as error:
        said.send(repr(error))
    else:
        said.send("ended")


def test_runs_that_end_together_do_not_disturb_each_other(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path, f"run{n}", records.passed())
    forks = multiprocessing.get_context("forkserver")
    pipes = [forks.Pipe() for _ in range(3)]
    writers = [forks.Process(target=_write, args=(str(tmp_path), theirs)) for _, theirs in pipes]
    for writer in writers:
        writer.start()
    assert [ours.recv() for ours, _ in pipes] == ["ended"] * 3
    for writer in writers:
        writer.join()
    assert index(tmp_path).count("/report.html") == 4
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        b"\xff\xfe",
        '{"tables": 3}',
        '{"tables": [1]}',
        '{"identity": "x"}',
        '{"totals": []}',
    ],
)
def test_garbage_has_a_row_that_says_so_and_hides_no_other_run(garbage: str | bytes, tmp_path: Path) -> None:
    put(tmp_path, "good", records.passed())
    put(tmp_path, "odd", garbage)
    (tmp_path / "no-run").mkdir()
    text = index(tmp_path)
    assert 'href="good/report.html"' in text
    assert "no-run" not in text
    odd = next(row for row in text.split("<tr") if ">odd<" in row)
    assert "cannot be read" in odd or "not measured" in odd


def test_a_run_without_a_report_has_no_link_and_names_are_escaped(tmp_path: Path) -> None:
    put(tmp_path, "a b#<i>", records.passed() | {"name": "<script>"})
    put(tmp_path, "running", records.passed() | {"verdict": "RUNNING"}, report=False)
    text = index(tmp_path)
    assert 'href="a%20b%23%3Ci%3E/report.html">a b#&lt;i&gt;</a>' in text
    assert 'href="running' not in text
    assert "<script" not in text


def test_no_run_is_no_error(tmp_path: Path) -> None:
    assert "No run yet." in index(tmp_path)


def changed(root: Path) -> list[list[str]]:
    """The rows of the comparison, as text."""
    _, found, rest = index(root).partition("<h2>What changed</h2>")
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", rest, re.S)[1:] if found else []
    return [[html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def test_a_run_is_compared_with_the_one_before_it_of_the_same_plan(tmp_path: Path) -> None:
    elsewhere = records.passed() | {"name": "other"}
    later = records.passed() | {"started": "2026-11-25T00:00:00Z"}
    of(later, "loans").update(items_exported=22_960, items_in_target=22_960, missing=1)
    later["tables"] = [t for t in later["tables"] if not t["source"].endswith("-banks")]
    put(tmp_path, "first", records.passed())
    put(tmp_path, "other", elsewhere | {"started": "2026-11-24T00:00:00Z"})
    put(tmp_path, "later", later)
    (row,) = changed(tmp_path)
    assert row[:3] == ["later", "first", "PASS, as before"]
    assert row[3] == "229,634 \u2192 229,626 (-8)"
    assert row[6] == "0 \u2192 1 (+1)"
    assert row[-1] == (
        "bebco-borrower-staging-banks: not in this run, bebco-borrower-staging-loans: 22,959 \u2192 22,960"
    )


def test_the_same_run_again_changed_nothing_but_its_verdict(tmp_path: Path) -> None:
    put(tmp_path, "dry", records.dry_run())
    put(tmp_path, "real", records.passed() | {"started": "2026-11-24T00:00:00Z"})
    (row,) = changed(tmp_path)
    assert row[2] == "DRY-RUN, nothing written \u2192 PASS"
    assert row[3] == "229,634, as before"
    assert row[4] == "not measured \u2192 229,634"
    assert row[-1] == "the same tables with the same counts, as far as both runs measured them"


def test_a_table_whose_differences_changed_is_named_though_its_export_is_the_same(tmp_path: Path) -> None:
    later = records.passed() | {"started": "2026-11-25T00:00:00Z"}
    of(later, "loans").update(missing=3, different=4, items_in_target=22_956)
    put(tmp_path, "first", records.passed())
    put(tmp_path, "later", later)
    (row,) = changed(tmp_path)
    assert row[-1] == (
        "bebco-borrower-staging-loans: missing 0 \u2192 3 and different 0 \u2192 4 and in the target "
        "22,959 \u2192 22,956"
    )


def test_a_single_run_is_compared_with_nothing(tmp_path: Path) -> None:
    put(tmp_path, "only", records.passed())
    assert changed(tmp_path) == []


def test_a_run_that_stopped_before_it_wrote_is_not_called_a_dry_run(tmp_path: Path) -> None:
    for name, execute in (("dry", False), ("stopped", True)):
        made = records.dry_run()
        made["attempts"][0]["execute"] = execute
        put(tmp_path, name, made)
    modes = re.findall(r">(dry run|stopped before writing)</span>", index(tmp_path))
    assert sorted(modes) == ["dry run", "stopped before writing"]


def test_a_run_that_is_on_its_way_to_writing_has_not_stopped_and_may_have_written(tmp_path: Path) -> None:
    made = records.dry_run() | {"verdict": "RUNNING", "finished": None}
    made["attempts"][0]["execute"] = True
    put(tmp_path, "running", made, sealed=False)
    page = index(tmp_path)
    assert ">executing</span>" in page
    assert "stopped" not in page


def test_a_run_that_was_narrowed_is_compared_as_what_it_is(tmp_path: Path) -> None:
    """What was not chosen in one run and is not in the next has not changed, and a PASS of some is not one of all."""
    narrowed = records.passed()
    for table in narrowed["tables"]:
        if not table["source"].endswith("-loans"):
            table.update(method="not_chosen", verdict="NOT MIGRATED", items_exported=None, items_in_target=None)
    put(tmp_path, "some", narrowed)
    later = records.passed() | {"started": "2026-11-25T00:00:00Z"}
    later["tables"] = [t for t in later["tables"] if t["source"].endswith("-loans")]
    put(tmp_path, "later", later)
    (row,) = changed(tmp_path)
    assert row[2] == "PASS: 1 of 31 tables, 30 not chosen \u2192 PASS"
    assert row[-1] == "the same tables with the same counts"


def test_a_run_whose_items_were_removed_again_is_not_listed_as_if_they_were_there(tmp_path: Path) -> None:
    put(tmp_path, "kept", records.passed())
    put(tmp_path, "cleaned", records.passed() | {"cleaned": "2026-11-25T00:00:00Z"})
    assert sorted(re.findall(r">(executed[^<]*)</span>", index(tmp_path))) == ["executed", "executed, later cleaned up"]


def test_the_last_runs_of_each_plan_stand_together_and_a_plan_with_one_run_does_not(tmp_path: Path) -> None:
    for n in range(12):
        made = records.failed() if n == 3 else records.passed()
        put(tmp_path, f"a{n:02}", made | {"started": f"2026-11-{n + 1:02}T00:00:00Z"})
    put(tmp_path, "alone", records.passed() | {"name": "another"})
    put(tmp_path, "open", records.passed() | {"started": "2026-12-01T00:00:00Z"}, sealed=False)
    tables = re.findall(r'<table data-plan="([^"]*)">(.*?)</table>', index(tmp_path), re.DOTALL)
    assert [plan for plan, _ in tables] == ["prod-to-dev, 111122223333/us-east-1 to 444455556666/us-east-2"]
    row = r'<th scope="row">(\w+)</th><td class="word (\w+)">.*?</td><td class="n">(.*?)</td>'
    rows = re.findall(row, tables[0][1])
    assert [run for run, _, _ in rows] == [f"a{n:02}" for n in reversed(range(2, 12))]
    assert {run for run, colour, _ in rows if colour == "bad"} == {"a03"}
    assert all(rate.endswith("items/s") for _, _, rate in rows)
