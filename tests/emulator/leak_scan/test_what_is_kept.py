"""A raw value that stands in a target is a leak unless a rule keeps it there: not for its place in what never moved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask
from tests.support.world import World

WHO = "anna.schmidt@people.example"
HASHED = {"with": "pseudonym", "form": "hex", "domain": "z"}
MOVES = """
def t(item, context):
    if "email" in item:
        item["x"] = {"S": item["email"]["S"]}
    item.pop("notes", None)
    return item
"""
ONE: Any = {"id": {"S": "1"}, "email": {"S": WHO}}
KEPT = [email_rule(), keep_rule("x"), keep_rule("notes"), keep_rule("r")]
LEAKS: dict[str, tuple[list[Any], list[Any], dict[str, Any]]] = {
    "a name at the top": ([ONE | {WHO: {"S": "likes"}}], [email_rule(), {"path": "*"} | HASHED], {}),
    "a name in a map": (
        [ONE | {"contacts": {"M": {WHO: {"S": "a friend"}}}}], [email_rule(), {"path": "contacts.*"} | HASHED], {}
    ),
    "a name in JSON": (
        [ONE | {"p": {"S": json.dumps({"by": {WHO: "an answer"}})}}],
        [email_rule(), {"path": "p", "with": "json", "rules": [{"path": "by.*"} | HASHED]}], {},
    ),
    "kept in what is left out": (
        [ONE | {"r": {"S": "EU"}}, {"id": {"S": "2"}, "r": {"S": "US"}, "x": {"S": f"ask {WHO}"}}],
        KEPT, {"filter": {"keep": "r = :e", "values": {":e": "EU"}}, "hook": MOVES},
    ),
    "kept in what a hook removes": ([ONE | {"notes": {"S": f"ask {WHO}"}}], KEPT, {"hook": MOVES}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _mask_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


def scanned(world: World, items: list[Any], rules: list[Any], more: dict[str, Any]) -> Any:
    world.pair("a", items)
    settings = mask(*rules, **{name: value for name, value in more.items() if name != "hook"})
    if "hook" in more:
        (world.folder / "own.py").write_text(more["hook"])
        settings["hook"] = "own.py:t"
    done = runbook_here("run", world.config(transform=settings), "--run-id", "r", "--execute")
    assert WHO not in done.stdout + done.stderr
    return world.record("r")


@pytest.mark.parametrize("case", LEAKS)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_raw_value_that_no_rule_keeps_where_it_stands_is_a_leak_and_is_shown_nowhere(world: World, case: str) -> None:
    record = scanned(world, *LEAKS[case])
    assert record["verdict"] == "FAIL"
    assert "raw value" in " ".join(record["tables"][0]["reasons"])
    for file in (world.folder / "reports").rglob("*"):
        assert not file.is_file() or WHO.encode() not in file.read_bytes(), file


@pytest.mark.whole
def test_a_leak_that_is_a_name_is_not_shown_though_it_looks_like_a_word(world: World) -> None:
    nick = "annaschmidt_secret"
    items = [{"id": {"S": "1"}, "nick": {"S": nick}, "friends": {"M": {nick: {"S": "since school"}}}}]
    rules = [{"path": "nick"} | HASHED, {"path": "friends.*"} | HASHED]
    assert scanned(world, items, rules, {})["verdict"] == "FAIL"
    for file in (world.folder / "reports").rglob("*"):
        assert not file.is_file() or nick.encode() not in file.read_bytes(), file


@pytest.mark.chaos
def test_what_a_rule_keeps_where_it_stands_is_no_leak(world: World) -> None:
    items = [ONE | {"notes": {"S": f"ask {WHO}"}, "r": {"S": "EU"}}]
    assert scanned(world, items, KEPT, {"hook": "def t(item, context):\n    return item\n"})["verdict"] == "PASS"
