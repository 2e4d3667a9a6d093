"""A ledger that was damaged, edited or written by another version ends with a refusal or a FAIL, and never with a PASS
that its numbers do not bear out.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.errors import ConfigError, LedgerError
from runbook_lib.record.reasons import ReasonId
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report import proof
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.judged import judged_record
from runbook_lib.report.proof import prove
from runbook_lib.report.publish import publish
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import FAIL, PASS
from tests.support.sealed_run import publish_passed_run

GONE = object()
# Each may stand in the place of a member that somebody, or a disk, has damaged.
OTHERS: tuple[Any, ...] = (GONE, None, -1, 10**30, math.nan, "x", [])
NO_JSON = ("{", "", "[" * 100_000, b"\xff\xfe", "\x00")
# What a PASS rests on: without it nothing is proved, whatever word stands beside.
NEEDED = ("items_in_target", "missing", "different", "export_digest", "target_digest")


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passed") / "r"
    publish_passed_run(folder)
    return folder


def _facts(folder: Path) -> list[tuple[str, str, Any]]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        rows = db.execute("SELECT topic, name, value FROM fact ORDER BY topic, name").fetchall()
    return [(topic, name, json.loads(value)) for topic, name, value in rows]


def _judge(folder: Path, *statements: tuple[str, tuple[object, ...]]) -> RunRecord:
    """The record of a ledger in which somebody has changed something."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        db.execute("PRAGMA synchronous=OFF")
        for statement, values in statements:
            db.execute(statement, values)
        db.commit()
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        return judged_record(ledger, folder.name, "test")


def _set(topic: str, name: str, text: object) -> tuple[str, tuple[object, ...]]:
    return "UPDATE fact SET value = ? WHERE topic = ? AND name = ?", (text, topic, name)


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*way, name)
        yield from _places(member, (*way, name))


def _changed(value: Any, way: tuple[Any, ...], other: object) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for name in way[:-1]:
        inner = inner[name]
    if other is GONE:
        del inner[way[-1]]
    else:
        inner[way[-1]] = other
    return made


@pytest.fixture
def folder(passed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(passed, tmp_path / "r"))


@pytest.mark.parametrize("topic", ["export", "import", "pair", "run", "step", "validation"])
@pytest.mark.few(2)
def test_no_damage_to_a_fact_makes_a_pass_that_its_numbers_do_not_bear_out(topic: str, folder: Path) -> None:
    for kind, name, value in _facts(folder):
        for way in list(_places(value)) if kind == topic and name != "publication" else []:
            for other in OTHERS:
                try:
                    made = _judge(folder, _set(kind, name, json.dumps(_changed(value, way, other))))
                except LedgerError:
                    continue
                assert made.verdict != PASS or figures_of(made).contradictions == [], (kind, name, way, other)
                assert made.verdict != PASS or all(table.verdict == PASS for table in made.tables)
        _judge(folder, _set(kind, name, json.dumps(value)))


@pytest.mark.parametrize("text", NO_JSON, ids=["cut short", "empty", "deep", "no text", "a null byte"])
def test_a_fact_that_is_no_json_is_named(folder: Path, text: object) -> None:
    for topic, name, value in _facts(folder):
        with pytest.raises(LedgerError, match=f"the fact {topic} of {name} is not as this runbook writes it"):
            _judge(folder, _set(topic, name, text))
        _judge(folder, _set(topic, name, json.dumps(value)))


@pytest.mark.parametrize("count", [-1, 10**30])
def test_a_number_that_cannot_be_is_named(folder: Path, count: int) -> None:
    value = next(value for topic, _, value in _facts(folder) if topic == "validation")
    with pytest.raises(LedgerError, match="makes no record: items_in_target: input should be"):
        _judge(folder, _set("validation", "a", json.dumps(value | {"items_in_target": count})))


@pytest.mark.parametrize("member", NEEDED)
@pytest.mark.few(1)
def test_a_pass_without_its_numbers_is_published_as_a_fail(folder: Path, member: str) -> None:
    value = next(value for topic, _, value in _facts(folder) if topic == "validation")
    del value[member]
    _judge(folder, _set("validation", "a", json.dumps(value)))
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        made = publish(folder, ledger, folder.name, "test")
    assert (made.verdict, made.tables[0].verdict) == (FAIL, FAIL)
    assert [ground.id for ground in made.grounds] == [ReasonId.NOT_BORNE_OUT]
    assert made.tables[0].reasons
    assert prove(folder).verdict == FAIL


@pytest.mark.parametrize("statement", [
    "DELETE FROM file", "UPDATE file SET lines = 2", "UPDATE file SET written = 4", "UPDATE file SET source = 'b'",
])  # fmt: skip
def test_files_that_do_not_add_up_are_no_pass(folder: Path, statement: str) -> None:
    made = _judge(folder, (statement, ()))
    assert (made.verdict, made.tables[0].verdict) == (FAIL, FAIL)
    assert made.grounds[0].id == ReasonId.NOT_BORNE_OUT


def test_a_ledger_that_nobody_touched_is_a_pass(folder: Path) -> None:
    made = _judge(folder)
    assert (made.verdict, made.reasons, made.tables[0].verdict) == (PASS, [], PASS)


def test_where_there_is_no_room_to_make_the_pages_again_nothing_is_said_of_the_folder(
    passed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to be an error of the reports folder, with the advice to run again with the same run id."""

    def full(*_: object) -> None:
        Path("/dev/full").write_text("x", encoding="utf-8")

    monkeypatch.setattr(proof, "draw_up", full)
    with pytest.raises(ConfigError, match=r"expected room in .* set TMPDIR to a folder that has it, and verify again"):
        prove(passed)
