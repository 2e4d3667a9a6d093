"""What a program gets of a run: JSON lines, JUnit XML, annotations; each says what the record says, and no more."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.atomic_files import write_where_told
from runbook_lib.commands.output import CODES, Output, conclude
from runbook_lib.errors import ConfigError
from runbook_lib.headless.console import StepEnd
from runbook_lib.record.run_json import write_record
from runbook_lib.report.github_notes import MOST, annotations_of, note_on_github
from runbook_lib.report.junit import THE_RUN, junit
from tests.support import records
from tests.support.records import KINDS, report_of, typed


def cases(made: dict[str, Any]) -> dict[str, ET.Element]:
    suite = ET.fromstring(junit(report_of(made))).find("testsuite")
    assert suite is not None
    found = {case.attrib["name"]: case for case in suite.iter("testcase")}
    for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[plural]) == sum(case.find(kind) is not None for case in found.values())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_junit_has_a_case_for_each_table_and_passes_only_what_is_proved(kind: str) -> None:
    made = KINDS[kind]()
    record, found = typed(made), cases(made)
    assert len(found) == len(record.tables) + 1
    for table in record.tables:
        case = found[f"{table.source} to {table.target}"]
        assert (len(case) == 0) == (table.verdict == "PASS" and table.method != "not_chosen")
    assert (len(found[THE_RUN]) == 0) == (record.verdict in ("PASS", "DRY-RUN"))


def test_a_dry_run_proves_nothing_and_an_interrupted_one_is_an_error() -> None:
    made = records.passed()
    made["verdict"] = "DRY-RUN"
    for t in made["tables"]:
        t["verdict"] = "DRY-RUN"
    found = cases(made)
    assert all(case.find("skipped") is not None for name, case in found.items() if name != THE_RUN)
    made["verdict"] = "INTERRUPTED"
    assert cases(made)[THE_RUN].find("error") is not None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_dry_run_ends_with_the_command_that_writes_and_nothing_else_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
    made = KINDS[kind]()
    record = typed(made)
    (tmp_path / record.run_id).mkdir()
    Output().conclude(record)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  to write them: ")]
    command = f"runbook run {tmp_path}/{record.run_id}/migration.yaml --run-id {record.run_id} --execute"
    assert said == ([f"  to write them: {command}"] if record.verdict == "DRY-RUN" else [])


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_name_makes_xml_and_one_command(name: str) -> None:
    made = records.passed()
    made["verdict"], made["reasons"], made["name"] = "FAIL", [f"{name} is missing"], name
    made["tables"][0] |= {"source": name, "verdict": "FAIL", "reasons": [name]}
    ET.fromstring(junit(report_of(made)).encode("utf-8", "backslashreplace"))
    for line in annotations_of(report_of(made)):
        assert line.startswith(("::error title=", "::warning title="))
        assert len(line.splitlines()) == 1
        assert "::" not in line[2:].partition("::")[0]


def test_only_github_is_told_and_the_report_is_appended_to_its_summary(tmp_path: Path) -> None:
    made = records.passed() | {"verdict": "FAIL", "reasons": [f"reason {n}" for n in range(MOST + 5)]}
    (tmp_path / "report.md").write_text("## FAIL")
    (tmp_path / "summary").write_text("before\n")
    assert note_on_github(report_of(made), tmp_path, {}) == []
    lines = note_on_github(
        report_of(made), tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    )
    errors = [line for line in lines if line.startswith("::error")]
    assert len(errors) == MOST
    assert errors[-1].endswith("6 more, in the report")
    assert (tmp_path / "summary").read_text() == "before\n## FAIL\n"
    assert (
        note_on_github(report_of(made | {"verdict": "PASS", "warnings": []}), tmp_path, {"GITHUB_ACTIONS": "true"})
        == []
    )


def test_json_is_a_line_for_each_step_and_the_record_at_the_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
    out, record = Output(as_json=True, junit=tmp_path / "t.xml"), typed(records.passed())
    (tmp_path / record.run_id).mkdir()
    write_record(tmp_path / record.run_id, record)
    out.say("import    running")
    out.step(StepEnd("import", "completed", 1.5, "5 written"))
    assert out.conclude(record) == CODES[record.verdict]
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"step": "import", "status": "completed", "seconds": 1.5, "message": "5 written"}
    assert last["record"] == record.to_json()
    assert (tmp_path / "t.xml").read_text().startswith("<?xml")


def test_quiet_says_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True)
    out.say("import    running")
    out.step(StepEnd("import", "completed", 1.5, "5 written"))
    out.conclude(typed(records.passed()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("PASS: ")
    assert lines[-1].startswith("report: ")


def test_the_last_line_says_nothing_of_what_a_run_had_not_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    """A blocker and an interrupt ended with `items exported: not measured, read and checked: not measured`."""
    empty = {"items_exported": None, "lines_read": None, "items_written": None}
    for verdict, said in (("FAIL", "FAIL: 31 tables, "), ("INTERRUPTED", "INTERRUPTED: 31 tables, stopped before ")):
        made = records.interrupted() | {"verdict": verdict, "executed": False}
        made["tables"] = [table | empty for table in made["tables"]]
        conclude(records.typed(made))
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(verdict)]
        assert line.startswith(said)
        assert "not measured" not in line


def test_what_cannot_be_done_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--json and --quiet exclude each other"):
        Output(as_json=True, quiet=True)
    with pytest.raises(ConfigError, match="--junit: expected a file in a folder that is there, found no"):
        Output(junit=tmp_path / "none" / "t.xml")


@pytest.mark.parametrize("held", [b"name: mine\n", b"<!DOCTYPE html>", b"\x00"])
def test_junit_takes_the_place_of_nothing_but_an_earlier_one(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "migration.yaml"
    file.write_bytes(held)
    with pytest.raises(ConfigError, match="is there and is no JUnit XML, so it stays as it is"):
        Output(junit=file)
    assert file.read_bytes() == held
    with pytest.raises(ConfigError, match="--junit: expected a file, found the folder"):
        Output(junit=tmp_path)
    for fine in (b"", b"<?xml version='1.0'?><testsuites/>", b"<testsuites/>"):
        file.write_bytes(fine)
        Output(junit=file)


def test_junit_goes_into_a_pipe_or_a_device_and_behind_a_link(tmp_path: Path) -> None:
    """As root, a file took the place of /dev/stdout."""
    pipe, link, file = tmp_path / "pipe", tmp_path / "link.xml", tmp_path / "t.xml"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_where_told(pipe, "<?xml piped")
    assert os.read(reader, 100) == b"<?xml piped"
    os.close(reader)
    assert pipe.is_fifo()
    link.symlink_to(file)
    write_where_told(link, "<?xml linked")
    assert (link.is_symlink(), file.read_text()) == (True, "<?xml linked")
    write_where_told(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
