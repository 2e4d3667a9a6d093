"""The two changes that are made only where the migration file asks for them by name: recovery and warm throughput."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import ConfigError, ExportError, ForbiddenCall, GateFailed, TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.sections.checklist import checklist
from runbook_lib.report.sections.findings import attention
from runbook_lib.run.run import Run
from tests.support import records
from tests.support.recorded import export_tables, warm_targets
from tests.support.world import World, things


def is_on(world: World, name: str) -> bool:
    said = world.source.describe_continuous_backups(TableName=world.src(name))["ContinuousBackupsDescription"]
    return bool(said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED")


def opened(world: World, execute: bool = True, run_id: str = "r", **export: Any) -> Run:
    return world.open(run_id, execute, export={"enable_pitr": [world.src("a")], **export})


def test_recovery_is_turned_on_where_it_is_asked_for_and_the_table_exported(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    world.pair("b", things(4), pitr=False)
    world.pair("c", things(3))
    run = opened(world)
    preflight(run)
    exports = export_tables(run)
    assert (is_on(world, "a"), is_on(world, "b")) == (True, False)
    assert {s.rpartition("-")[2]: (e["method"], e["items"]) for s, e in exports.items()} == {
        "a": ("export", 5), "b": ("scan", 4), "c": ("export", 3),
    }  # fmt: skip
    fact = run.ledger.get("recovery", world.src("a"))
    assert fact["earliest"] <= run.ledger.get("run", "export_time")
    record = build_record(run.ledger, run.id, "test").to_json()
    assert record["source_calls"]["UpdateContinuousBackups"] == 1
    assert list(record["recovery_turned_on"]) == [world.src("a")]
    assert any("was turned on by this run" in text for text in attention(records.figures(record)))
    untouched = next(c for c in checklist(records.figures(record)) if "READ ONLY" in c.claim)
    assert (untouched.answer, "UpdateContinuousBackups" in untouched.evidence) == ("no", True)
    export_tables(opened(world))
    assert run.ledger.calls("source")["UpdateContinuousBackups"] == 1


def test_a_dry_run_turns_nothing_on(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    run = opened(world, execute=False)
    preflight(run)
    assert export_tables(run)[world.src("a")]["method"] == "scan"
    assert not is_on(world, "a")
    assert "UpdateContinuousBackups" not in run.ledger.calls("source")


def test_nothing_is_turned_on_before_the_target_is_confirmed(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    run = world.open(export={"enable_pitr": [world.src("a")]}, confirm_target="")
    preflight(run)
    with pytest.raises(ConfigError, match="confirm_target"):
        export_tables(run)
    assert not is_on(world, "a")


def test_a_plan_made_for_writing_is_not_carried_out_dry(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    preflight(opened(world))
    with pytest.raises(GateFailed, match="with --execute only"):
        export_tables(opened(world, execute=False))
    assert not is_on(world, "a")


def test_a_run_that_has_asked_for_an_export_cannot_turn_recovery_on_any_more(world: World) -> None:
    """The moment of the fleet would lie before the window of the table; a killed request may have begun an export."""
    world.pair("a", things(5), pitr=False)
    run = opened(world)
    preflight(run)
    run.ledger.put("run", "export_time", "2026-01-01T00:00:00.000Z")
    run.ledger.put("export_token", world.src("a"), "a-token")
    with pytest.raises(ExportError, match="without --run-id"):
        export_tables(run)
    assert not is_on(world, "a")
    run.ledger.forget("export_token", world.src("a"))  # no export was begun: another moment is chosen
    assert export_tables(run)[world.src("a")]["items"] == 5


def test_a_killed_run_waits_for_the_window_it_has_opened(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    run = opened(world)
    preflight(run)
    run.ledger.put("recovery", world.src("a"), {"turned_on": "2026-01-01T00:00:00.000Z", "earliest": None})
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert export_tables(run)[world.src("a")]["items"] == 5
    assert run.ledger.get("recovery", world.src("a"))["earliest"]
    assert "UpdateContinuousBackups" not in run.ledger.calls("source")


def warmed(world: World, execute: bool = True, units: int = 9_000, **more: Any) -> Run:
    return world.open("w", execute, **{"import": {"warm_throughput": {world.dst("a"): units}}, **more})


def warmth(world: World, name: str) -> Any:
    table = world.target.describe_table(TableName=world.dst(name))["Table"]
    return (table.get("WarmThroughput") or {}).get("WriteUnitsPerSecond")


def test_a_target_is_warmed_where_it_is_asked_for_and_once(world: World) -> None:
    world.pair("a")
    world.pair("b")
    run = warmed(world)
    preflight(run)
    facts = warm_targets(run)
    assert warmth(world, "a") == facts[world.dst("a")]["units"] == 9_000
    assert facts[world.dst("a")]["reached"]
    assert warmth(world, "b") != 9_000
    warm_targets(warmed(world))
    warm_targets(warmed(world, units=8_000))  # it is warmer already
    assert run.ledger.calls("target")["UpdateTable"] == 1
    assert any(
        "cannot be lowered again" in text
        for text in attention(records.figures(build_record(run.ledger, run.id, "test").to_json()))
    )
    with pytest.raises(ForbiddenCall):
        run.clients.warming(frozenset({world.dst("a")})).update_table(
            TableName=world.dst("b"), WarmThroughput={"WriteUnitsPerSecond": 9_000}
        )
    with pytest.raises(ForbiddenCall, match="something else"):
        run.clients.warming(frozenset({world.dst("a")})).update_table(
            TableName=world.dst("a"), DeletionProtectionEnabled=False
        )


def test_a_dry_run_and_an_unconfirmed_one_warm_nothing(world: World) -> None:
    world.pair("a")
    run = warmed(world, execute=False)
    preflight(run)
    assert warm_targets(run) == {}
    with pytest.raises(ConfigError, match="confirm_target"):
        warm_targets(warmed(world, confirm_target="1/us-east-2"))
    assert "UpdateTable" not in run.ledger.calls("target")


def test_a_target_that_is_gone_is_not_warmed(world: World) -> None:
    world.pair("a")
    run = warmed(world)
    preflight(run)
    world.target.delete_table(TableName=world.dst("a"))
    with pytest.raises(TransferError, match="is gone"):
        warm_targets(run)
