"""What comes behind the stage works on what it made: every way to import, the comparison's engines, and a repair."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import ResumeRefused
from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.load.targets.create_tables import create_missing_targets
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.run import Run
from runbook_lib.transform.step import transform_tables
from runbook_lib.validate.step import validate_tables
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables, import_tables
from tests.support.world import ID, ID_TYPES, World

MASK = mask(email_rule(), keep_rule("n"), filter={"keep": "n < :most", "values": {":most": 30}})
ALL = RepairChoice(write_missing=True, write_different=True, delete_extra=True)


@pytest.fixture(autouse=True)
def mask_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


def imported(world: World, **changes: Any) -> Run:
    run = world.open(transform=MASK, **changes)
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    create_missing_targets(run)
    import_tables(run)
    return run


def proved(world: World, run: Run) -> dict[str, Any]:
    """The record of the only table once it was compared and scanned; nothing raw is in the target."""
    validate_tables(run)
    scan_for_leaks(run)
    (table,) = build_record(run.ledger, run.id, "test").to_json()["tables"]
    assert b"marker." not in repr(world.items(world.target, world.dst("a"))).encode()
    assert table["leak_scan"]["hits"] == 0
    return dict(table)


@pytest.mark.whole
def test_import_table_fills_the_target_from_what_was_made(world: World) -> None:
    world.table(world.source, world.src("a"), KeySchema=ID, AttributeDefinitions=ID_TYPES)
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    world.put(world.source, world.src("a"), people(40))
    run = imported(world, tables={"create_missing": True}, **{"import": {"strategy": "import_table"}})
    table = proved(world, run)
    assert (table["verdict"], table["items_written"], table["items_in_target"]) == ("PASS", 30, 30)
    assert world.requests("ImportTable") >= 1


@pytest.mark.chaos
def test_append_adds_what_was_made_and_leaves_what_is_there(world: World) -> None:
    world.pair("a", people(40))
    theirs = {"id": {"S": "i00003"}, "by": {"S": "the application"}}
    world.put(world.target, world.dst("a"), [theirs])
    run = imported(world, **{"import": {"on_non_empty": "append"}})
    validate_tables(run)
    (table,) = build_record(run.ledger, run.id, "test").to_json()["tables"]
    assert (table["items_written"], table["items_filtered"]) == (29, 10)
    assert theirs in world.items(world.target, world.dst("a"))
    assert b"marker." not in repr(world.items(world.target, world.dst("a"))).encode()


@pytest.mark.whole
@pytest.mark.chaos
def test_a_cluster_loads_and_compares_what_was_made(world: World) -> None:
    """Its workers have the target's role, which cannot read the exports."""
    world.pair("a", people(40))
    run = imported(world, engine={"kind": "dask", "workers": 1})
    table = proved(world, run)
    assert (table["verdict"], table["items_written"], table["items_in_target"]) == ("PASS", 30, 30)


@pytest.mark.whole
def test_a_repair_writes_masked_items_and_nothing_else(world: World) -> None:
    world.pair("a", people(40))
    run = imported(world)
    right = sorted(world.items(world.target, world.dst("a")), key=str)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00004"}, "n": {"N": "-1"}}, {"id": {"S": "i00035"}}])
    assert validate_tables(run)[world.src("a")].verdict == "FAIL"
    scan_for_leaks(run)
    repair_tables(run, ALL, run.id)
    assert LEAKS.of(run.ledger, world.src("a")) is None  # a scan of before says nothing of what was written since
    assert sorted(world.items(world.target, world.dst("a")), key=str) == right
    assert proved(world, run)["verdict"] == "PASS"


HOOK = "def transform(item, context):\n    item['note'] = {'S': 'for ' + item['email']['S']}\n    return item\n"
BLIND = "def transform(item, context):\n    return item\n"


@pytest.mark.few(1)
@pytest.mark.parametrize("changed", ["hook", "key"])
@pytest.mark.whole
def test_a_leak_is_looked_for_with_what_the_table_was_transformed_with_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    world.pair("a", people(10))
    (world.folder / "own.py").write_text(HOOK)
    rules = [email_rule(), keep_rule("n"), keep_rule("note")]
    run = world.open(transform=mask(*rules, hook="own.py:transform"))
    preflight(run)
    assert (run.folder / "own.py").read_text() == HOOK  # a run by notebooks keeps its copy, too
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    validate_tables(run)
    scan_for_leaks(run)
    (before,) = LEAKS.all(run.ledger).values()
    assert before.hits > 0
    again = world.open(transform=mask(*rules, hook="own.py:transform"))
    if changed == "hook":
        (world.folder / "own.py").write_text(BLIND)
    else:
        monkeypatch.setenv(KEY_NAME, MASK_KEY + "!")
    with pytest.raises(ResumeRefused, match="was transformed by other rules, another hook or another key"):
        scan_for_leaks(again)
    assert build_record(again.ledger, again.id, "test").to_json()["verdict"] == "FAIL"
