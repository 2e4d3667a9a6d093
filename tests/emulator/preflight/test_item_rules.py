"""A dry run says which items would be quarantined, by the rules that the embedded AWS refuses them with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.aws.dynamodb.item_rules import Refusal, refusal_of
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.sandbox.emulator.replies import AwsError
from runbook_lib.sandbox.emulator.rules.values import check_item
from tests.support.attributes import items
from tests.support.examples import examples
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World, indexed_by, things

KEY = (KeyAttribute("id", "S", "HASH"), KeyAttribute("at", "B", "RANGE"))
INDEXES = (Index("by-n", "GSI", (KeyAttribute("n", "N", "HASH"), KeyAttribute("s", "S", "RANGE")), "ALL"),)
GOOD: dict[str, Any] = {"id": {"S": "a"}, "at": {"B": "AA=="}}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


# What is added to a good item, and why it is refused; None is a good one still.
VALUES: list[tuple[dict[str, Any], Refusal | None]] = [
    ({"x": {"S": ""}}, None),
    ({"x": {"B": ""}}, None),
    ({"x": {"N": "1" * 38}}, None),
    ({"x": {"N": "1" * 39}}, Refusal.NUMBER),
    ({"x": {"N": "1" + "0" * 60}}, None),
    ({"x": {"N": "1E125"}}, None),
    ({"x": {"N": "1E126"}}, Refusal.NUMBER),
    ({"x": {"N": "1E-130"}}, None),
    ({"x": {"N": "1E-131"}}, Refusal.NUMBER),
    ({"x": {"N": "-0.0"}}, None),
    ({"x": {"N": "NaN"}}, Refusal.NUMBER),
    ({"x": {"N": ""}}, Refusal.NUMBER),
    ({"x": {"N": "1_0"}}, Refusal.NUMBER),
    ({"x": {"N": 5}}, Refusal.NO_ITEM),
    ({"x": nested(32)}, None),
    ({"x": nested(33)}, Refusal.NESTING),
    ({"x": {"SS": []}}, Refusal.SET),
    ({"x": {"SS": ["a", "a"]}}, Refusal.SET),
    ({"x": {"NS": ["1", "1.0"]}}, Refusal.SET),
    ({"x": {"NS": ["1", "x"]}}, Refusal.NUMBER),
    ({"x": {"BS": ["AA==", "AA=="]}}, Refusal.SET),
    ({"x": {"BS": ["AA==", "AQ=="]}}, None),
    ({"x": {"NULL": False}}, Refusal.NO_ITEM),
    ({"x": {"BOOL": "true"}}, Refusal.NO_ITEM),
    ({"x": {"B": "?"}}, Refusal.NO_ITEM),
    ({"x": {}}, Refusal.NO_ITEM),
    ({"x": {"S": "a", "N": "1"}}, Refusal.NO_ITEM),
    ({"x": {"Z": "a"}}, Refusal.NO_ITEM),
    ({"x": {"S": "y" * 409_600}}, Refusal.ITEM_SIZE),
    ({"x": {"S": "y" * (409_600 - 2 - 1 - 2 - 1 - 1)}}, None),
]
KEYS: list[tuple[dict[str, Any], tuple[Refusal, str] | None]] = [
    ({"id": {"N": "1"}}, (Refusal.KEY_TYPE, "id")),
    ({"id": {"S": ""}}, (Refusal.KEY_EMPTY, "id")),
    ({"id": {"S": "é" * 1024}}, None),
    ({"id": {"S": "é" * 1025}}, (Refusal.KEY_LONG, "id")),
    ({"at": {"B": ""}}, (Refusal.KEY_EMPTY, "at")),
    ({"at": {"B": "AAAA" * 342}}, (Refusal.KEY_LONG, "at")),
    ({"n": {"S": "1"}}, (Refusal.INDEX_TYPE, "by-n")),
    ({"s": {"S": ""}}, (Refusal.INDEX_EMPTY, "by-n")),
    ({"s": {"S": "y" * 1025}}, (Refusal.INDEX_LONG, "by-n")),
    ({"n": {"N": "1"}, "s": {"S": "y" * 1024}}, None),
]


@pytest.mark.parametrize(("more", "why"), VALUES)
def test_values_are_judged_as_the_embedded_aws_judges_them(more: dict[str, Any], why: Refusal | None) -> None:
    item = GOOD | more
    found = refusal_of(item, KEY, INDEXES)
    assert (found[0] if found else None) == why
    if why is None:
        check_item(json.loads(json.dumps(item)))
    else:
        with pytest.raises(AwsError):
            check_item(json.loads(json.dumps(item)))


@pytest.mark.parametrize(("more", "why"), KEYS)
def test_keys_and_keys_of_indexes_are_held_to_their_definitions(
    more: dict[str, Any], why: tuple[Refusal, str] | None
) -> None:
    assert refusal_of(GOOD | more, KEY, INDEXES) == why


def test_a_missing_key_is_named() -> None:
    assert refusal_of({"id": {"S": "a"}}, KEY, INDEXES) == (Refusal.KEY_MISSING, "at")


@settings(max_examples=examples(24), deadline=None)
@given(items())
def test_whatever_dynamodb_can_hold_is_refused_by_neither(item: dict[str, Any]) -> None:
    key = (KeyAttribute("id", "S", "HASH"),)
    assert refusal_of(item, key, ()) is None
    check_item(json.loads(json.dumps(item)))


@pytest.mark.whole
def test_a_dry_run_says_how_many_items_the_real_run_quarantines_and_why(world: World) -> None:
    """The source has no index on n; the target's index wants a number, and short texts."""
    world.table(world.source, world.src("a"))
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    world.table(world.target, world.dst("a"), **indexed_by("n", "S"))
    good = [{"id": {"S": f"g{n}"}, "n": {"S": "x"}} for n in range(36)]
    world.put(world.source, world.src("a"), [*things(3), {"id": {"S": "long"}, "n": {"S": "y" * 3000}}, *good])
    dry = world.open("dry", execute=False)
    preflight(dry)
    export_tables(dry)
    import_tables(dry)
    record = report_run(dry).to_json()
    assert record["measured"][world.src("a")]["items"] == 36
    refused = record["measured"][world.src("a")]["refused"]
    assert refused == [
        {"reason": Refusal.INDEX_TYPE, "about": "by-n", "items": 3},
        {"reason": Refusal.INDEX_LONG, "about": "by-n", "items": 1},
    ]
    page = (world.folder / "reports" / "dry" / "report.html").read_text(encoding="utf-8")
    assert f"4 items of {world.src('a')} would be quarantined: 3 {Refusal.INDEX_TYPE} (by-n); 1" in page
    run = world.open("real")
    preflight(run)
    export_tables(run)
    import_tables(run)
    assert run.ledger.rows("SELECT COUNT(*) AS n FROM quarantine")[0]["n"] == 4
