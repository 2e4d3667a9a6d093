"""The drift view tells what has changed in the source since the export, and never touches the verdict."""

from __future__ import annotations

from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.run.run import Run
from tests.support import records
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things


def migrated(world: World, **settings: object) -> Run:
    world.pair("a", things(20))
    run = world.open(validate=settings)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def change_source(world: World) -> None:
    source = world.src("a")
    world.put(world.source, source, [{"id": {"S": "new"}}, {"id": {"S": "new too"}}, {"id": {"S": "i00003"}}])
    world.source.delete_item(TableName=source, Key={"id": {"S": "i00004"}})


def test_drift_is_counted_and_labelled_and_the_verdict_stays(world: World) -> None:
    run = migrated(world, drift=True)
    change_source(world)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    drift = run.ledger.get("drift", world.src("a"))
    assert {n: drift[n] for n in ("items_in_source", "only_in_source", "only_in_target", "changed", "failure")} == {
        "items_in_source": 21, "only_in_source": 2, "only_in_target": 1, "changed": 1, "failure": None,
    }  # fmt: skip
    record = build_record(run.ledger, run.id, "test").to_json()
    assert record["tables"][0]["missing"] == 0
    assert record["tables"][0]["drift"]["changed"] == 1
    for text in (render_html(records.report_of(record), []), render_markdown(records.report_of(record))):
        assert "Drift since the export" in text


def test_no_drift_is_said_as_zero_of_all(world: World) -> None:
    run = migrated(world, drift=True)
    validate_tables(run)
    drift = run.ledger.get("drift", world.src("a"))
    assert (drift["only_in_source"], drift["only_in_target"], drift["changed"]) == (0, 0, 0)


def test_without_the_setting_the_sources_items_are_not_read(world: World) -> None:
    run = migrated(world)
    validate_tables(run)
    assert not {"Scan", "Query", "BatchGetItem", "GetItem"} & set(run.ledger.calls("source"))
    assert run.ledger.get("drift", world.src("a")) is None
    assert "Drift" not in render_html(records.report_of(build_record(run.ledger, run.id, "test").to_json()), [])


def test_a_source_that_cannot_be_read_is_said_and_fails_nothing(world: World) -> None:
    run = migrated(world, drift=True)
    world.source.delete_table(TableName=world.src("a"))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert "ResourceNotFoundException" in run.ledger.get("drift", world.src("a"))["failure"]
    assert "not measured" in render_html(records.report_of(build_record(run.ledger, run.id, "test").to_json()), [])
