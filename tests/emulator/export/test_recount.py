"""A scan that this tool made has a second witness, and a key that does not move on ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runbook_lib.errors import ExportError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from tests.support.liar import Answer, Between, Request, between
from tests.support.recorded import export_tables, validate_tables
from tests.support.steps import every_step
from tests.support.world import World, things

Change = Callable[[dict[str, Any]], None]
ITEMS = 120


@pytest.fixture
def liar(world: World) -> Iterator[Between]:
    """A world whose scans go by ten items a page, through a server that may change them."""
    with between(world.endpoint) as state:
        behind, world.endpoint = world.endpoint, state.endpoint
        yield state
        world.endpoint = behind


def scanning(world: World, segments: int = 2, **export: Any) -> Run:
    world.pair("a", things(ITEMS), pitr=False)
    run = world.open(export={"scan_segments": segments, **export})
    preflight(run)
    return run


def lie(world: World, liar: Between, table: str, change: Change, when: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Change the first page of a Scan of the table for which `when` holds; asks for small pages throughout."""
    lied: list[int] = []

    def after(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "Scan" or request.json["TableName"] != table or status != 200:
            return None
        page = json.loads(body)
        if lied or not when(request.json | {"page": page}):
            return None
        lied.append(1)
        change(page)
        return status, json.dumps(page).encode()

    liar.after = after
    liar.rewrite = lambda request: (
        json.dumps(request.json | {"Limit": 10}).encode() if request.operation == "Scan" else request.body
    )
    return lied


def goes_on(asked: dict[str, Any]) -> bool:
    return bool(asked["page"].get("LastEvaluatedKey"))


def of_the_scan(asked: dict[str, Any]) -> bool:
    return goes_on(asked) and "Select" not in asked


def stops(page: dict[str, Any]) -> None:
    del page["LastEvaluatedKey"]


def test_a_page_that_loses_its_key_is_found_by_the_second_count(world: World, liar: Between) -> None:
    run = scanning(world)
    assert lie(world, liar, world.src("a"), stops, of_the_scan) == []
    with pytest.raises(ExportError, match=r"second count finds 120: \d+ items .*source changing or page lost"):
        export_tables(run)
    assert run.ledger.get("export", world.src("a"))["status"] == "FAILED"
    liar.after = lambda *_: None
    fact = export_tables(run)[world.src("a")]  # scanned anew
    assert (fact["witnesses"]["scanned"], fact["witnesses"]["counted"]) == (ITEMS, ITEMS)


def test_a_count_that_loses_a_page_is_explained_by_the_keys(world: World, liar: Between) -> None:
    run = scanning(world)
    assert lie(world, liar, world.src("a"), stops, lambda a: goes_on(a) and a.get("Select") == "COUNT") == []
    said = export_tables(run)[world.src("a")]["witnesses"]
    assert said["scanned"] == ITEMS > said["counted"]
    assert (said["gone"], said["unread"]) == (0, 0)


def test_items_deleted_between_both_readings_explain_a_difference(world: World, liar: Between) -> None:
    run = scanning(world)

    def delete(request: Request) -> None:
        if request.operation == "Scan" and b'"COUNT"' in request.body:
            world.source.delete_item(TableName=world.src("a"), Key={"id": {"S": "i00007"}})  # before any count goes on
            liar.instead = lambda request: None

    liar.instead = delete
    said = export_tables(run)[world.src("a")]["witnesses"]
    assert (said["scanned"], said["counted"], said["gone"], said["unread"]) == (ITEMS, ITEMS - 1, 1, 0)


def test_a_lost_page_is_found_though_as_many_items_were_deleted_meanwhile(world: World, liar: Between) -> None:
    run = scanning(world, segments=1)
    rows = [item["id"] for item in world.items(world.source, world.src("a"))]

    def shrinks(page: dict[str, Any]) -> None:
        """What is left is as much as the page that was read, and none of it."""
        stops(page)
        for key in rows[:-10]:
            world.source.delete_item(TableName=world.src("a"), Key={"id": key})

    lie(world, liar, world.src("a"), shrinks, of_the_scan)
    with pytest.raises(ExportError, match=r"items follow the last one .*source changing or page lost"):
        export_tables(run)
    assert [item["id"] for item in world.items(world.source, world.src("a"))] == rows[-10:]


LIES: dict[str, tuple[Change, str]] = {
    "another table's key": (lambda page: page.update(LastEvaluatedKey={"other": {"S": "x"}}), "go on after a key"),
    "no key at all": (lambda page: page.update(LastEvaluatedKey={"id": {"S": "x"}, "n": {"N": "1"}}), "go on after"),
    "an item of another table": (lambda page: page["Items"][0].pop("id"), "without the table's key"),
    "another count": (lambda page: page.update(Count=page["Count"] - 1), "counts 9 items of 10"),
    "another scanned count": (lambda page: page.update(ScannedCount=99), "counts 10 items of 99"),
    "a lost item": (lambda page: page["Items"].pop(), "says 10 items and holds 9"),
    "another table": (lambda page: page["ConsumedCapacity"].update(TableName="x"), "is of table x"),
}


@pytest.mark.parametrize("what", LIES)
@pytest.mark.few(3)
def test_a_page_that_cannot_be_right_is_refused(world: World, liar: Between, what: str) -> None:
    change, says = LIES[what]
    run = scanning(world)
    lie(world, liar, world.src("a"), change, of_the_scan)
    with pytest.raises(ExportError, match=says):
        export_tables(run)


@pytest.mark.parametrize("every", [1, 3])
def test_a_scan_that_goes_in_circles_ends(world: World, liar: Between, every: int) -> None:
    """The key of a page, or of some pages ago, comes again for ever."""
    run = scanning(world, segments=1)
    keys: list[Any] = []

    def circle(request: Request, status: int, body: bytes) -> Answer | None:
        page = json.loads(body) if request.operation == "Scan" else {}
        if not page.get("LastEvaluatedKey"):
            return None
        keys.append(page["LastEvaluatedKey"])
        page["LastEvaluatedKey"] = keys[len(keys) % every]
        return status, json.dumps(page).encode()

    lie(world, liar, world.src("a"), stops, lambda asked: False)
    liar.after = circle
    with pytest.raises(ExportError, match="does not move on"):
        export_tables(run)
    assert liar.count("Scan") < 20


@pytest.mark.chaos
def test_a_scan_of_the_target_that_goes_in_circles_is_a_fail(world: World, liar: Between) -> None:
    world.pair("a", things(ITEMS))
    run = world.open(validate={"segments": 1})
    every_step(run)
    first: list[Any] = []

    def circle(request: Request, status: int, body: bytes) -> Answer | None:
        page = json.loads(body) if request.operation == "Scan" else {}
        if not page.get("LastEvaluatedKey"):
            return None
        first.append(page["LastEvaluatedKey"])
        page["LastEvaluatedKey"] = first[0]
        return status, json.dumps(page).encode()

    lie(world, liar, world.dst("a"), stops, lambda asked: False)
    liar.after = circle
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert "does not move on" in fact["reasons"][0]


def test_the_record_and_the_first_screen_show_both_witnesses(world: World) -> None:
    world.pair("a", things(40), pitr=False)
    record = every_step(world.open())
    assert record["verdict"] == "PASS"
    said = record["tables"][0]["scan_witnesses"]
    assert (said["scanned"], said["counted"]) == (40, 40)
    assert said["segments"][0] != said["segments"][1]
    page = (world.folder / "reports" / "r" / "report.html").read_text(encoding="utf-8")
    screen = page.partition("</section>")[0]
    assert "read by Scan, not as of one moment" in screen
    assert "second count with other segments found the same number of items" in screen
