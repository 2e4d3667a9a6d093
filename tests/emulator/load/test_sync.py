"""A sync makes a target equal to its export by writing only what differs, and never what somebody else has decided."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.dynamodb import guarded_write
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, ForbiddenCall, TransferError
from runbook_lib.items.canonical import digest
from runbook_lib.items.keys import key_of
from runbook_lib.load import by_sync
from runbook_lib.preflight.step import preflight
from runbook_lib.report.sections.cost_rows import dry_run_summary
from runbook_lib.report.step import report_run
from runbook_lib.run.run import Run
from tests.support import records
from tests.support.guarded_writes import loses_answers, write_before
from tests.support.policies import actions_of, planned, policies_for
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things
from tools.defects import CATALOGUE, KEY, Estate, planted

SYNC = {"import": {"on_non_empty": "sync"}}
SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
TYPES = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}]
MISSING = {"id": {"S": "i00003"}}
OTHER = {"id": {"S": "i00004"}, "n": {"N": "-4"}}
EXTRA = {"id": {"S": "extra"}}


def differing(world: World, count: int = 10, execute: bool = True, **changes: Any) -> Run:
    """A run as far as the import: of its target one item is missing, one is another and one nobody exported."""
    world.pair("a", things(count))
    turn_on_recovery(world, world.target, world.dst("a"))
    same = [item for item in things(count) if item["id"] not in (MISSING["id"], OTHER["id"])]
    world.put(world.target, world.dst("a"), [*same, OTHER, EXTRA])
    return begun(world, execute=execute, **changes)


def begun(world: World, run_id: str = "r", execute: bool = True, **changes: Any) -> Run:
    run = world.open(run_id, execute=execute, **{**SYNC, **changes})
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def ended(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record once everything was validated, and its only table."""
    validate_tables(run)
    record = report_run(run).to_json()
    (table,) = record["tables"]
    return record, table


def again(run: Run) -> Run:
    return Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)


def held(world: World, key: dict[str, Any]) -> Any:
    return world.target.get_item(TableName=world.dst("a"), Key={"id": key["id"]}).get("Item")


@pytest.mark.whole
def test_only_what_differs_is_written_and_what_only_the_target_has_stays(world: World) -> None:
    run = differing(world)
    import_tables(run)
    record, table = ended(run)
    assert record["verdict"] == "PASS", record["reasons"]
    assert (table["items_written"], table["items_present"], table["extra"], table["there_before"]) == (2, 8, 1, 1)
    assert (record["target_calls"]["PutItem"], record["target_calls"].get("BatchWriteItem", 0)) == (2, 0)
    assert held(world, EXTRA) == EXTRA
    assert (
        "only what differed from the export was written" in (world.folder / "reports" / "r" / "report.md").read_text()
    )


@pytest.mark.chaos
def test_a_second_sync_writes_nothing(world: World) -> None:
    import_tables(differing(world))
    run = begun(world, "again")
    import_tables(run)
    record, table = ended(run)
    assert (record["verdict"], table["items_written"], table["items_present"]) == ("PASS", 0, 10)
    assert "PutItem" not in record["target_calls"]


def test_a_dry_run_writes_nothing_and_says_what_it_would_cost_beside_a_full_rewrite(world: World) -> None:
    run = differing(world, execute=False)
    before = world.items(world.target, world.dst("a"))
    import_tables(run)
    record, table = ended(run)
    look = table["sync"]
    assert (look["missing"], look["different"], look["right"], look["units"], look["full_units"]) == (1, 1, 8, 2, 10)
    assert 0 < look["usd"] < look["full_usd"]
    said = dry_run_summary(records.figures(record))[0]
    assert "would write 1 missing and 1 different items and leave 8 that are equal, using 2 write units" in said
    assert record["verdict"] == "DRY-RUN"
    assert world.items(world.target, world.dst("a")) == before
    assert "PutItem" not in record["target_calls"]


@pytest.mark.chaos
def test_every_defect_that_an_export_can_mend_is_mended(world: World) -> None:
    """Of the catalogue of the repair; what is too many stays, as it was there before."""
    defects = [
        d for d in CATALOGUE if d.target_only and planted(d).exported == Estate().exported and not d.counts.get("extra")
    ]
    assert len(defects) >= 30
    clean = Estate().exported
    world.pair("a", clean, KeySchema=SCHEMA, AttributeDefinitions=TYPES)
    table, wrong = world.dst("a"), []
    turn_on_recovery(world, world.target, table)
    first: str | None = None
    for number, defect in enumerate(defects):
        for item in world.items(world.target, table):
            world.target.delete_item(TableName=table, Key=key_of(item, KEY))
        world.put(world.target, table, planted(defect).found)
        more: Any = {"export": {"reuse": {world.src("a"): first}}} if first else {}
        run = world.open(f"r{number}", **{**SYNC, **more})
        preflight(run)
        export_tables(run)
        first = run.ledger.get("export", world.src("a"))["arn"]
        import_tables(run)
        fact = validate_tables(run)[world.src("a")]
        found = {digest(key_of(i, KEY)): digest(i) for i in world.items(world.target, table)}
        outcome = fact["verdict"], fact["items_written"] == sum(defect.counts.values())
        if outcome != ("PASS", True) or found != {digest(key_of(i, KEY)): digest(i) for i in clean}:
            wrong.append((defect.name, outcome, fact["reasons"]))
        run.ledger.close()
    assert not wrong


RACES = {
    "a missing one is written": ("put_if_absent", MISSING | {"by": {"S": "the application"}}),
    "a different one is changed": ("replace_as_read", OTHER | {"n": {"N": "5"}}),
    "a different one gets an attribute": ("replace_as_read", OTHER | {"paid": {"BOOL": True}}),
    "a different one is deleted": ("replace_as_read", None),
}


@pytest.mark.parametrize("race", RACES)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_writer_that_races_a_sync_keeps_its_write(world: World, monkeypatch: pytest.MonkeyPatch, race: str) -> None:
    run = differing(world)
    name, now = RACES[race]
    key = {"put_if_absent": MISSING, "replace_as_read": {"id": OTHER["id"]}}[name]
    write_before(world, monkeypatch, name, key, now)
    import_tables(run)
    record, table = ended(run)
    assert held(world, key) == now
    assert (record["verdict"], table["items_written"], table["items_quarantined"]) == ("FAIL", 1, 1)
    import_tables(again(run))  # nor does a later start bring the export's item back
    assert held(world, key) == now


@pytest.mark.chaos
def test_a_put_whose_answer_is_lost_is_not_sent_again_by_the_same_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was heard, and the application deleted the item: a second put would bring it back."""
    run = differing(world)
    sent = list[int]()
    with monkeypatch.context() as patch:
        patch.setattr(guarded_write, "put_if_absent", loses_answers(world, MISSING, sent))
        with pytest.raises(TransferError, match="no answer came to the puts of 1 items"):
            import_tables(run)
    assert (sent, held(world, MISSING)) == ([1], None)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"
    import_tables(again(run))
    assert ended(run)[0]["verdict"] == "PASS"


@pytest.mark.whole
@pytest.mark.parametrize("group", [0, pytest.param(1, marks=pytest.mark.chaos), 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.few(1)
def test_killed_anywhere_it_goes_on_and_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, group: int, after: bool
) -> None:
    world.pair("a", things(250))
    turn_on_recovery(world, world.target, world.dst("a"))
    world.put(world.target, world.dst("a"), [{"id": i["id"], "old": {"BOOL": True}} for i in things(120)])
    run = begun(world)
    flush, flushes = by_sync.flush, list[int]()

    def killed(*arguments: Any) -> None:
        flushes.append(1)
        if len(flushes) == group + 1 and not after:
            raise KeyboardInterrupt
        flush(*arguments)
        if len(flushes) == group + 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(by_sync, "flush", killed)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)
    import_tables(again(run))
    record, table = ended(run)
    assert (record["verdict"], table["items_written"] + table["items_present"]) == ("PASS", 250), record["reasons"]
    second = begun(world, "second")
    import_tables(second)
    assert ended(second)[1]["items_written"] == 0


def test_an_item_too_wide_for_a_condition_is_left_and_told(world: World) -> None:
    wide = {f"a{n:03}": {"N": str(n)} for n in range(160)}
    world.pair("a", [{"id": {"S": "wide"}, **wide}, *things(3)])
    turn_on_recovery(world, world.target, world.dst("a"))
    world.put(world.target, world.dst("a"), [{"id": {"S": "wide"}, "n": {"N": "1"}}])
    run = begun(world)
    import_tables(run)
    record, table = ended(run)
    assert (record["verdict"], table["items_quarantined"], table["items_written"]) == ("FAIL", 1, 3)
    assert held(world, {"id": {"S": "wide"}}) == {"id": {"S": "wide"}, "n": {"N": "1"}}


def test_what_would_be_replaced_has_to_be_restorable(world: World) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), [OTHER])
    assert [b.id for b in preflight(world.open(**SYNC)).blockers] == ["undo"]


def test_a_target_that_is_made_is_filled_by_a_sync(world: World) -> None:
    world.pair("a", things(5))
    world.target.delete_table(TableName=world.dst("a"))
    from tests.support.steps import every_step

    record = every_step(world.open(**SYNC, tables={"create_missing": True}))
    assert (record["verdict"], record["totals"]["items_written"]) == ("PASS", 5), record["reasons"]


@pytest.mark.parametrize("strategy", ["import_table", "bulk_put"])
def test_only_this_tool_s_own_writes_can_sync(world: World, strategy: str) -> None:
    with pytest.raises(ConfigError, match=f"sync and strategy: {strategy} cannot be combined"):
        load_config(world.config(**{"import": {"strategy": strategy, "on_non_empty": "sync"}}))


def test_who_syncs_may_put_under_a_condition_and_nothing_else(world: World) -> None:
    from runbook_lib.aws.session.granted_calls import syncer

    world.table(world.target, world.dst("a"))
    wire = syncer(world.open(**SYNC, tables={"include": ["*"]}).clients, {world.dst("a"): "id"})
    for operation in ("PutItem", "DeleteItem", "BatchWriteItem"):
        for body in (b'{"TableName":"%s","Item":{"id":{"S":"x"}}}', b'{"TableName":"%s","Key":{"id":{"S":"x"}}}'):
            with pytest.raises(ForbiddenCall):
                wire.write_item(operation, world.dst("a"), body % world.dst("a").encode())
    found = policies_for(planned("a", "export"), **SYNC)
    assert "dynamodb:PutItem" in actions_of(found["target"])
    assert not actions_of(found["target"]) & {"dynamodb:BatchWriteItem", "dynamodb:DeleteItem"}
