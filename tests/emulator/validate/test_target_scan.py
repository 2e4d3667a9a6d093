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
@pytest.mark.few(1)
@pytest.mark.whole
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


def empties(world: World, rewritten: Request) -> bytes:
    """Nothing of the segment that holds the foreign item is answered."""
    return json.dumps(rewritten.json | {"TotalSegments": SEGMENTS, "Segment": EMPTY[0]}).encode()


def doubles(world: World, rewritten: Request) -> bytes:
    """Another segment is answered in its place."""
    return json.dumps(rewritten.json | {"Segment": FULL[0]}).encode()


def passes_over(world: World, rewritten: Request) -> bytes:
    """The page of the foreign item is answered with the one after it."""
    after = {"ExclusiveStartKey": {"id": {"S": FOREIGN_ONE}}}
    return json.dumps(after | rewritten.json).encode()


SEGMENTS, EMPTY, FULL, FOREIGN_ONE = 8, [0], [0], "foreign"
Swap = Callable[[World, Request], bytes]


@pytest.mark.few(1)
@pytest.mark.parametrize("swap", [empties, doubles, passes_over])
@pytest.mark.whole
def test_an_item_that_nobody_exported_is_not_hidden_by_an_answer_to_another_request(
    world: World, liar: Between, swap: Swap
) -> None:
    """No difference leads to it: a second count of the whole table does."""
    world.pair("a", things(4))
    run = world.open(validate={"segments": SEGMENTS})
    every_step(run)
    world.put(world.target, world.dst("a"), [{"id": {"S": FOREIGN_ONE}}])
    held = [_ids(world, number) for number in range(SEGMENTS)]
    (own,) = [number for number, ids in enumerate(held) if FOREIGN_ONE in ids]
    EMPTY[0] = next(number for number, ids in enumerate(held) if not ids)
    FULL[0] = next(number for number, ids in enumerate(held) if ids and FOREIGN_ONE not in ids)

    def rewrite(request: Request) -> bytes:
        asked = request.json if request.operation == "Scan" else {}
        if asked.get("Segment") == own and asked.get("TotalSegments") == SEGMENTS:
            return swap(world, request)
        return request.body

    liar.rewrite = rewrite
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert any("a second count finds 5" in reason for reason in fact["reasons"])


def _ids(world: World, segment: int) -> set[str]:
    cut = {"Segment": segment, "TotalSegments": SEGMENTS}
    return {item["id"]["S"] for item in world.target.scan(TableName=world.dst("a"), **cut)["Items"]}


@pytest.mark.whole
def test_an_older_answer_to_the_second_look_excuses_nothing(world: World, liar: Between) -> None:
    run = loaded(world, 1)
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00003"}, "n": {"N": "999"}}])

    def after(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "BatchGetItem":
            return None
        return status, body.replace(b'"999"', b'"3"')

    liar.after = after
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert any("one of the two is not as the table is" in reason for reason in fact["reasons"])


@pytest.mark.chaos
def test_what_was_put_right_between_a_scan_and_the_second_look_is_right(world: World, liar: Between) -> None:
    run = loaded(world, 1)
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00003"}, "n": {"N": "999"}}])

    def instead(request: Request) -> Answer | None:
        if request.operation == "BatchGetItem":
            world.put(world.target, world.dst("a"), things(4))
        return None

    liar.instead = instead
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["looked_again"], fact["different"]) == ("PASS", 1, 0)


@pytest.mark.chaos
def test_items_that_go_after_the_scan_are_no_contradiction(world: World, liar: Between) -> None:
    """As a TTL takes them, for instance: the second count may find fewer."""
    run = loaded(world, 1)
    gone: list[Request] = []

    def instead(request: Request) -> Answer | None:
        if request.operation == "Scan" and request.json.get("Select") == "COUNT" and not gone:
            gone.append(request)
            world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
        return None

    liar.instead = instead
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert gone


@pytest.mark.chaos
def test_a_right_target_is_right_though_its_pages_lose_their_keys(world: World, liar: Between) -> None:
    run = loaded(world, 2)
    tells(world, liar, stops)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["items_in_target"], fact["looked_again"]) == ("PASS", ITEMS, 0)


@pytest.mark.chaos
def test_what_was_there_before_is_recorded_past_a_lost_page(world: World, liar: Between) -> None:
    run = loaded(world, 1)
    tells(world, liar, stops)
    table = run.planned_pairs()[0].target_facts
    assert table is not None
    assert record_held(run, world.src("a"), world.dst("a"), table.key)[0] == ITEMS
