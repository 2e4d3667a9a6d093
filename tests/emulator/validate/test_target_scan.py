"""What a scan of the target did not see is looked for: a page that was lost hides no items that should not be there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.items_before import record_held
from tests.support.liar import Answer, Between, Request, between
from tests.support.recorded import validate_tables
from tests.support.steps import every_step
from tests.support.world import World, things

ITEMS, FOREIGN = 60, 25
Lie = Callable[[dict[str, Any], dict[str, Any]], None]


def stops(page: dict[str, Any], asked: dict[str, Any]) -> None:
    page.pop("LastEvaluatedKey", None)


def leaps(page: dict[str, Any], asked: dict[str, Any]) -> None:
    """The scan is to go on far behind the page that it ended with."""
    if page.get("LastEvaluatedKey") and "ExclusiveStartKey" not in asked:
        page["LastEvaluatedKey"] = {"id": {"S": LAST[0]}}


def hides(page: dict[str, Any], asked: dict[str, Any]) -> None:
    """Pages without their first items and without all that are somebody else's."""
    kept = [item for item in page["Items"][2:] if not item["id"]["S"].startswith("foreign")]
    page.update(Items=kept, Count=len(kept), ScannedCount=len(kept))


LAST = [""]


@pytest.fixture
def liar(world: World) -> Iterator[Between]:
    """Scans go by ten items a page, through a server that may change them; counts are left alone."""
    with between(world.endpoint) as state:
        behind, world.endpoint = world.endpoint, state.endpoint
        state.rewrite = lambda request: (
            json.dumps(request.json | {"Limit": 10}).encode() if request.operation == "Scan" else request.body
        )
        yield state
        world.endpoint = behind


def tells(world: World, liar: Between, lie: Lie) -> None:
    def after(request: Request, status: int, body: bytes) -> Answer | None:
        asked = json.loads(request.body) if request.operation == "Scan" else {}
        if status != 200 or asked.get("TableName") != world.dst("a") or asked.get("Select") == "COUNT":
            return None
        page = json.loads(body)
        lie(page, asked)
        return status, json.dumps(page).encode()

    liar.after = after


def loaded(world: World, segments: int, **settings: Any) -> Run:
    world.pair("a", things(ITEMS))
    run = world.open(validate={"segments": segments}, **settings)
    every_step(run)
    return run


@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("lie", [stops, leaps, hides])
@pytest.mark.few(2)
def test_what_a_lost_page_would_hide_is_a_fail(world: World, liar: Between, lie: Lie, segments: int) -> None:
    run = loaded(world, segments)
    world.put(world.target, world.dst("a"), [{"id": {"S": f"foreign{n:03}"}} for n in range(FOREIGN)])
    LAST[0] = world.items(world.target, world.dst("a"))[-1]["id"]["S"]
    tells(world, liar, lie)
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    if lie is hides:
        assert any("target changing or page lost" in reason for reason in fact["reasons"])
    elif lie is leaps:
        assert "does not move on" in fact["reasons"][0]  # it comes to that key a second time
    else:
        assert (fact["extra"], fact["items_in_target"]) == (FOREIGN, ITEMS + FOREIGN)


def test_a_right_target_is_right_though_its_pages_lose_their_keys(world: World, liar: Between) -> None:
    run = loaded(world, 2)
    tells(world, liar, stops)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["items_in_target"], fact["looked_again"]) == ("PASS", ITEMS, 0)


def test_what_was_there_before_is_recorded_past_a_lost_page(world: World, liar: Between) -> None:
    run = loaded(world, 1)
    tells(world, liar, stops)
    table = run.planned_pairs()[0].target_facts
    assert table is not None
    assert record_held(run, world.src("a"), world.dst("a"), table.key)[0] == ITEMS
