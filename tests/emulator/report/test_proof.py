"""A sealed folder against forgers who seal it again: every number has to follow from the ledger."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.cli import run_cli
from runbook_lib.config.model import load_config
from runbook_lib.plan.check import Obstacle
from runbook_lib.report import proof
from runbook_lib.report.publish import draw_up, publish
from runbook_lib.run import provenance
from runbook_lib.run.facts.plan import WARNINGS
from runbook_lib.run.facts.starts import IDENTITIES, IdentityFact
from runbook_lib.run.facts.validation import CANARIES, CanaryFact, CanaryState
from runbook_lib.run.ledger import Ledger
from runbook_lib.sandbox import demo_config
from tests.support.sealed_run import publish_passed_run


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed run with something in each of its files."""
    folder = tmp_path_factory.mktemp("reports") / "r"
    publish_passed_run(folder)
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.count_call("source", "DescribeTable", 7)
    ledger.count_call("target", "BatchWriteItem", 1)
    IDENTITIES.record(ledger, "target", IdentityFact("111122223333", "us-east-2", None))
    CANARIES.record(ledger, "a", CanaryFact(CanaryState.DONE, "", "2026-11-01T10:00:00.000Z", 0.5))
    WARNINGS.record(ledger, (Obstacle("a", "3", "4", "5"),))
    ledger.write("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", [("a", 10.0, 1.0, 3, 300, 3.0, 1)])
    ledger.write("INSERT INTO shift VALUES (?, ?, ?, ?, ?, ?)", [("import", "a", "w", 1.0, 2.0, 3)])
    ledger.write("INSERT INTO throttle VALUES (?, ?, ?, ?)", [("a", "TableWriteKeyRange", "b", 2)])
    ledger.write("INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?)", [("a", "export", "{}", "1", "[]", b"123")])
    publish(folder, ledger, "r", "test")
    ledger.close()
    (folder / "kernel.log").write_text("a word\n")
    _seal_by_hand(folder)
    return folder


@pytest.fixture
def folder(passed: Path, tmp_path: Path) -> Path:
    """A copy of it: a copied folder is as sealed as the first."""
    shutil.copytree(passed, tmp_path / "r")
    return tmp_path / "r"


def _seal_by_hand(folder: Path) -> None:
    """As a forger does, with coreutils."""
    names = sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"
    )
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run_cli(["verify", str(folder)])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_what_follows_from_its_ledger_is_verified_and_nothing_is_touched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
    code, said = verify(folder, capsys)
    assert code == 0, said
    assert "the same to the byte; kernel.log cannot be made again\n" in said  # there is no notebook in the folder
    assert "protects against" in said
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()} == before


def test_nothing_stands_beside_the_ledger_while_it_is_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[str] = []

    def looked(*arguments: Any) -> dict[str, str]:
        beside.extend(f.name for f in folder.glob("ledger.sqlite-*"))
        return draw_up(*arguments)

    monkeypatch.setattr(proof, "draw_up", looked)
    assert verify(folder, capsys)[0] == 0
    assert beside == []


@pytest.mark.chaos
def test_a_migration_file_of_another_migration_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "r"
    publish_passed_run(folder)
    settings = demo_config("http://127.0.0.1:9", "111122223333")
    (folder / "migration.yaml").write_text(yaml.safe_dump(settings))
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.put("run", "fingerprint", load_config(folder / "migration.yaml").fingerprint())
    publish(folder, ledger, "r", "test")
    ledger.close()
    assert verify(folder, capsys)[0] == 0
    settings["tables"]["exclude"] = ["*-loan*"]
    for text in (yaml.safe_dump(settings), "name: [", ""):
        (folder / "migration.yaml").write_text(text)
        _seal_by_hand(folder)
        code, said = verify(folder, capsys)
        assert (code, "migration.yaml: the ledger knows a migration of fingerprint" in said) == (1, True), said


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path


def _forged(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, (int, float)) else f"{value or ''}x"


@pytest.mark.chaos
def test_every_value_of_a_forged_run_json_is_found_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((folder / "run.json").read_text())
    numbers = [p for p in _leaves(record) if not {"packages", "notebooks", "estimates"} & set(p)]
    assert len(numbers) > 100
    for path in numbers:
        forged = json.loads(json.dumps(record))
        at = forged
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = _forged(at[path[-1]])
        (folder / "run.json").write_text(json.dumps(forged, indent=2) + "\n")
        _seal_by_hand(folder)
        code, said = verify(folder, capsys)
        assert code == 1, (path, said)
        assert "run.json" in said


COLUMNS = (
    "call.count", "file.items", "file.lines", "file.written", "file.acknowledged", "file.bytes", "file.md5",
    "sample.at", "sample.items", "sample.wcu", "sample.throttles", "shift.items", "shift.began", "throttle.items",
    "tally.buckets",
)  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_every_number_of_a_forged_ledger_is_found(
    folder: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table, _, name = column.partition(".")
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute(f"UPDATE {table} SET {name} = 41").rowcount
    db.close()
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert code == 1, said
    assert f"run.json: ledger: {table}" in said or "do not bear out" in said, said


def _facts(folder: Path) -> list[tuple[str, str, str]]:
    db = sqlite3.connect(folder / "ledger.sqlite")
    rows = db.execute("SELECT topic, name, value FROM fact ORDER BY topic, name").fetchall()
    db.close()
    return rows


@pytest.mark.whole
def test_every_fact_of_a_forged_ledger_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for topic, name, value in _facts(folder):
        if name == "publication":
            continue
        fact = json.loads(value)
        for path in _leaves(fact):
            forged = json.loads(value)
            at, last = forged, None
            for step in path:
                last, at = at, at[step]
            if last is None:
                forged = _forged(forged)
            else:
                last[path[-1]] = _forged(at)
            with sqlite3.connect(folder / "ledger.sqlite") as db:
                db.execute("UPDATE fact SET value = ? WHERE topic = ? AND name = ?", (json.dumps(forged), topic, name))
            db.close()
            _seal_by_hand(folder)
            code, said = verify(folder, capsys)
            assert code == 1, (topic, name, path, said)
        with sqlite3.connect(folder / "ledger.sqlite") as db:
            db.execute("UPDATE fact SET value = ? WHERE topic = ? AND name = ?", (value, topic, name))
        db.close()


@pytest.mark.parametrize(
    ("name", "was", "becomes"),
    [
        ("report.md", "PASS", "PASS, signed"),
        ("report.html", "3 items exported", "4 items exported"),
        ("charts/timeline.svg", "<svg", "<svg "),
        ("differences.jsonl", "", '{"kind": "extra"}\n'),
    ],
)
def test_a_forged_page_is_named(
    folder: Path, name: str, was: str, becomes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / name).read_text()
    assert was in text
    (folder / name).write_text(text.replace(was, becomes, 1))
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert code == 1
    assert f"{name}: " in said


@pytest.mark.parametrize("name", ["report.md", "charts/timeline.svg", "differences.jsonl"])
def test_a_page_that_was_left_out_is_named(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).unlink()
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert (code, f"{name}: the ledger gives such a file" in said) == (1, True), said


def test_a_list_that_nobody_made_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "quarantine" / "a.jsonl").write_text('{"line": 1}\n')
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert (code, "quarantine/a.jsonl: the ledger gives no such file" in said) == (1, True), said


@pytest.mark.parametrize(
    "name",
    [
        "report-final.html", "Report.html", "report.htm", "summary.pdf", "signed/report.html", "charts/report.html",
        "ledger.sqlite-wal", "quarantine/report.md", "README", "migration-x.yaml", "ledger.sqlite.bak",
    ],
)  # fmt: skip
def test_a_page_that_no_run_makes_is_named_though_it_is_sealed(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("PASS: 9,000 items\n")
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert (code, f"{name} is sealed, and no run makes such a file" in said) == (1, True), said


SPELLED_ANEW: dict[str, Callable[[str], str]] = {
    "the first of two equal names": lambda text: text.replace("{", '{"verdict": "FAIL",', 1),
    "one deeper": lambda text: text.replace('"items_exported": 3', '"items_exported": 9, "items_exported": 3', 1),
    "a count as a fraction": lambda text: text.replace('"items_exported": 3', '"items_exported": 3.0', 1),
    "blanks": lambda text: text + "\n" * 3,
    "another order": lambda text: json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n",
}


@pytest.mark.parametrize("how", SPELLED_ANEW)
def test_the_record_is_compared_to_the_byte(folder: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two equal names some readers take the first and some the last."""
    text = (folder / "run.json").read_text()
    assert SPELLED_ANEW[how](text) != text
    (folder / "run.json").write_text(SPELLED_ANEW[how](text))
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert (code, "run.json: " in said) == (1, True), said


@pytest.mark.parametrize("name", ["migration.yaml", "migration-2.yaml"])
@pytest.mark.parametrize("becomes", ["name: x\n# approved\n", None])
@pytest.mark.few(2)
def test_settings_that_were_changed_or_lost_are_named(
    folder: Path, name: str, becomes: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.put("settings", name, hashlib.sha256(b"name: x\n").hexdigest())
    (folder / name).write_bytes(b"name: x\n")
    publish(folder, ledger, "r", "test")
    ledger.close()
    assert verify(folder, capsys)[0] == 0
    if becomes is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(becomes)
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert (code, f"{name}: the ledger knows a start" in said) == (1, True), said


def test_the_verdict_is_said_with_what_was_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the verdict in them is PASS" in verify(folder, capsys)[1]


def test_by_other_code_no_number_may_be_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "library_digest", lambda: "another")
    record = json.loads((folder / "run.json").read_text())
    spoiled: list[dict[str, Any]] = [
        record | {"totals": {}},
        record | {"tables": [{"source": "a"}]},
        record | {"complete": not record["complete"]},
    ]
    for forged in spoiled:
        (folder / "run.json").write_text(json.dumps(forged))
        _seal_by_hand(folder)
        assert verify(folder, capsys)[0] == 1, forged


def test_by_other_code_the_numbers_are_compared_and_it_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "library_digest", lambda: "another")
    code, said = verify(folder, capsys)
    assert code == 0, said
    assert "by other code" in said
    text = (folder / "run.json").read_text()
    for was in ('"items_exported": 3', '"items_in_target": 3', '"BatchWriteItem": 1', '"missing": 0'):
        assert was in text
        head, number = was.rsplit(" ", 1)
        (folder / "run.json").write_text(text.replace(was, f"{head} {int(number) + 1}"))
        _seal_by_hand(folder)
        code, said = verify(folder, capsys)
        assert code == 1, was


def test_without_a_ledger_it_is_the_seal_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ledger.sqlite").unlink()
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert code == 0
    assert "seal only" in said


def _garbage(folder: Path) -> None:
    (folder / "ledger.sqlite").write_bytes(b"no database" * 999)


def _emptied(folder: Path) -> None:
    (folder / "ledger.sqlite").write_bytes(b"")


def _without_table(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute("DROP TABLE file")
    db.close()


def _with_table(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute("CREATE TABLE more (x)")
    db.close()


def _with_endless_view(folder: Path) -> None:
    """A view in a table's place makes up its rows, and never comes to their end."""
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute("ALTER TABLE fact RENAME TO former")
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c"
        db.execute(f"CREATE VIEW fact AS SELECT * FROM former WHERE ({endless}) > 0")
    db.close()


def _with_virtual_table(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE call USING json_each', rootpage = 0 "
                   "WHERE name = 'call'")  # fmt: skip
    db.close()


@pytest.mark.parametrize(
    "spoil", [_garbage, _emptied, _without_table, _with_table, _with_endless_view, _with_virtual_table]
)
def test_a_ledger_that_is_none_or_another_is_named(
    folder: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder)
    _seal_by_hand(folder)
    code, said = verify(folder, capsys)
    assert code == 1
    assert "ledger" in said
    assert "Traceback" not in said
