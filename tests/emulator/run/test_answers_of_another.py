"""A server that mixes up two tables, once or always, by the command: nobody's items pass for another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.world import World, things


@pytest.fixture
def two(world: World) -> World:
    world.pair("a", things(12))
    world.pair("b", things(12, owner={"S": "b"}))
    return world


@pytest.mark.parametrize("swapped", [1, 2, 3, None], ids=["first", "second", "third", "all"])
@pytest.mark.parametrize("method", ["export", "scan"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_description_of_another_table_is_not_believed(two: World, method: str, swapped: int | None) -> None:
    asked: list[int] = []

    def told(request: Request, code: int, body: bytes) -> Answer | None:
        if request.operation != "DescribeTable" or request.json["TableName"] != two.src("a"):
            return None
        asked.append(code)
        if swapped not in (None, len(asked)):
            return None
        return code, json.dumps({"Table": described}, default=str).encode()

    described: dict[str, Any] = json_of(two.source.describe_table(TableName=two.src("b"))["Table"])
    settings = {"export": {"method": {"*": "scan"}}} if method == "scan" else {}
    with between(two.endpoint) as liar:
        two.endpoint, behind = liar.endpoint, two.endpoint
        liar.after = told
        done = runbook_here("run", two.config(**settings), "--run-id", "r", "--execute")
        two.endpoint = behind
    assert asked
    assert not any("owner" in item for item in two.items(two.target, two.dst("a")))
    if done.returncode == 0:  # it was asked again
        assert len(two.items(two.target, two.dst("a"))) == 12
    else:
        assert "the answer is about" in done.stdout + done.stderr + written(two)


def json_of(table: dict[str, Any]) -> dict[str, Any]:
    return table | {"CreationDateTime": table["CreationDateTime"].timestamp()}


def written(world: World) -> str:
    report = world.folder / "reports" / "r" / "report.md"
    return report.read_text() if report.exists() else ""


LIES: dict[str, Any] = {
    "of another table": lambda table, other, keys: {"Responses": {other: []}},
    "of other keys": lambda table, other, keys: {"Responses": {table: [{"id": {"S": "i00000"}, "n": {"N": "0"}}]}},
    "of nothing": lambda table, other, keys: {"Responses": {}},
    "nothing there": lambda table, other, keys: {"Responses": {table: []}},
    "others not read": lambda table, other, keys: {"Responses": {table: []}, "UnprocessedKeys": {other: keys}},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.few(1)
@pytest.mark.whole
def test_items_that_are_too_many_stay_so_whatever_the_second_look_is_answered(two: World, lie: str) -> None:
    def told(request: Request, code: int, body: bytes) -> Answer | None:
        if request.operation != "BatchGetItem" or two.dst("a") not in request.json["RequestItems"]:
            return None
        keys = request.json["RequestItems"][two.dst("a")]
        return code, json.dumps(LIES[lie](two.dst("a"), two.dst("b"), keys)).encode()

    with between(two.endpoint) as liar:
        two.endpoint, behind = liar.endpoint, two.endpoint
        config = two.config()
        assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
        two.put(two.target, two.dst("a"), [{"id": {"S": f"x{n}"}} for n in range(3)])
        liar.after = told
        done = runbook_here("run", config, "--run-id", "r", "--execute", "--from", "validate")
        two.endpoint = behind
        assert liar.count("BatchGetItem")
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = {table["source"]: table["verdict"] for table in two.record("r")["tables"]}
    assert verdicts == {two.src("a"): "FAIL", two.src("b"): "PASS"}
