"""A scan for raw values looks through all of a target, however a server spells its pages and wherever they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from runbook_lib.errors import TransferError
from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.run import Run
from runbook_lib.transform.step import transform_tables
from runbook_lib.validate.step import validate_tables
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Between, Request, between
from tests.support.masks import KEY_NAME, MASK_KEY, address, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World

ITEMS = 40


@pytest.fixture
def liar(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """Scans go by ten items a page, through a server that may change them."""
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    with between(world.endpoint) as state:
        behind, world.endpoint = world.endpoint, state.endpoint
        state.rewrite = lambda request: (
            json.dumps(request.json | {"Limit": 10}).encode() if request.operation == "Scan" else request.body
        )
        yield state
        world.endpoint = behind


def compared(world: World) -> Run:
    world.pair("a", people(ITEMS))
    run = world.open(transform=mask(email_rule(), keep_rule("n")))
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    validate_tables(run)
    return run


def tells(world: World, liar: Between, lie: Callable[[dict[str, Any]], bytes]) -> None:
    def after(request: Request, status: int, body: bytes) -> Answer | None:
        asked = request.json if request.operation == "Scan" else {}
        if status != 200 or asked.get("TableName") != world.dst("a") or asked.get("Select") == "COUNT":
            return None
        return status, lie(json.loads(body))

    liar.after = after


def stops(page: dict[str, Any]) -> bytes:
    page.pop("LastEvaluatedKey", None)
    return json.dumps(page).encode()


def hides(page: dict[str, Any]) -> bytes:
    """Only the last item of each page is told."""
    kept = page["Items"][-1:]
    page.update(Items=kept, Count=len(kept), ScannedCount=len(kept))
    return json.dumps(page).encode()


def leaks(world: World, item: dict[str, Any]) -> None:
    """The last item of the target that a scan comes to holds a raw value."""
    last = world.items(world.target, world.dst("a"))[-1]
    world.put(world.target, world.dst("a"), [last | item])


@pytest.mark.whole
def test_a_page_that_names_nothing_to_go_on_after_hides_no_raw_value(world: World, liar: Between) -> None:
    run = compared(world)
    leaks(world, {"note": {"S": address(1)}})
    tells(world, liar, stops)
    (fact,) = scan_for_leaks(run).values()
    assert (fact.items, fact.hits) == (ITEMS, 1)


@pytest.mark.whole
def test_a_scan_that_saw_less_than_was_compared_is_none(world: World, liar: Between) -> None:
    run = compared(world)
    tells(world, liar, hides)
    with pytest.raises(TransferError, match=f"looked through for raw values, and the target holds {ITEMS};"):
        scan_for_leaks(run)
    assert LEAKS.of(run.ledger, world.src("a")) is None


@pytest.mark.chaos
def test_items_that_are_gone_since_the_comparison_do_not_stop_a_scan(world: World, liar: Between) -> None:
    run = compared(world)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    (fact,) = scan_for_leaks(run).values()
    assert (fact.items, fact.hits) == (ITEMS - 1, 0)


@pytest.mark.chaos
@pytest.mark.parametrize("indent", [None, 1])
def test_binary_is_looked_through_whatever_white_space_the_server_writes(
    world: World, liar: Between, indent: int | None
) -> None:
    run = compared(world)
    leaks(world, {"packed": {"B": b"\x00\x01\xff\xfe" + address(1).encode() + b"\x80"}})
    tells(world, liar, lambda page: json.dumps(page, indent=indent).encode())
    (fact,) = scan_for_leaks(run).values()
    assert (fact.hits, fact.not_decoded) == (1, 1)
    assert fact.values >= 3 * ITEMS


def test_what_the_command_proposes_is_of_items_behind_a_page_that_lost_its_end_too(world: World, liar: Between) -> None:
    """Otherwise the path of the last item blocks a run whose proposed rules were all taken."""
    world.pair("a", people(ITEMS))
    config = world.config(transform=mask(email_rule(), keep_rule("n")))
    (*_, last) = world.items(world.source, world.src("a"))
    world.put(world.source, world.src("a"), [last | {"late": {"S": "x"}}])

    def after(request: Request, status: int, body: bytes) -> Answer | None:
        return (status, stops(json.loads(body))) if request.operation == "Scan" and status == 200 else None

    liar.after = after
    said = runbook_here("mask", config, "--propose")
    assert said.returncode == 0, said.stderr
    assert [rule["path"] for rule in yaml.safe_load(said.stdout)] == ["late"]
