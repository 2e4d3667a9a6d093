"""A step that is stopped by hand stops soon, says how to go on, and goes on."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import Interrupted
from runbook_lib.export.scan_to_s3 import scan_to_staging
from runbook_lib.preflight.step import preflight
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

WIDE = {"text": {"S": "x" * 200_000}}  # five to a page of a scan
PAGES = 8


def stop(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_wait_for_exports_is_stopped_and_taken_up_again(world: World) -> None:
    world.pair("a", things(3))
    run = world.open()
    preflight(run)
    with pytest.raises(Interrupted, match=r"^export was stopped by hand; exports .* Run it again"):
        export_tables(run, sleep=stop)
    assert run.ledger.get("step", "export")["status"] == "interrupted"
    assert export_tables(run)[world.src("a")]["items"] == 3
    assert run.ledger.calls("source")["ExportTableToPointInTime"] == 1


def test_a_scan_that_stands_for_an_export_stops_at_its_next_page(world: World) -> None:
    world.pair("a", things(5 * PAGES, **WIDE), pitr=False)
    run = world.open(export={"scan_segments": 2})
    preflight(run)
    facts = run.planned_pairs()[0].source_facts
    assert facts is not None
    world.fault(operation="Scan", kind="delay", seconds=1.0, table=world.src("a"))
    before = world.requests("Scan")
    with pytest.raises(KeyboardInterrupt):
        scan_to_staging(run, facts, "0" * 32, on_items=stop)
    assert world.requests("Scan") - before < PAGES
    assert not [o for o in world.s3.list_objects_v2(Bucket=world.bucket)["Contents"] if "manifest" in o["Key"]]


@pytest.mark.chaos
def test_a_validation_stops_at_its_next_page_and_goes_on(world: World) -> None:
    world.pair("a", [i | {"id": {"S": "one"}, "n": {"N": str(n)}} for n, i in enumerate(things(5 * PAGES, **WIDE))],
               KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
               AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"},
                                     {"AttributeName": "n", "AttributeType": "N"}])  # fmt: skip
    run = world.open(validate={"segments": 2})
    for step in (preflight, export_tables, import_tables):
        step(run)
    world.fault(operation="Scan", kind="delay", seconds=1.0, table=world.dst("a"))
    before = world.requests("Scan")

    def watch(source: str, state: str, done: int, of: int) -> None:
        if state == "scanning the target":  # the segment without items is through
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the target is scanned anew"):
        validate_tables(run, watch)
    assert world.requests("Scan") - before < PAGES
    world.clear_faults()
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def test_a_stopped_import_has_recorded_all_that_was_acknowledged_and_sends_none_of_it_again(world: World) -> None:
    world.pair("a", things(1000))
    run = world.open()
    preflight(run)
    export_tables(run)
    world.fault(operation="BatchWriteItem", kind="delay", seconds=0.5)
    before = world.acknowledged()

    def watch(progress: Any) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^import was stopped by hand; what was acknowledged is recorded"):
        import_tables(run, watch)
    known = run.ledger.rows("SELECT SUM(written) AS n FROM file")[0]["n"]
    assert 0 < known == world.acknowledged() - before < 1000
    world.clear_faults()
    import_tables(run)
    assert world.acknowledged() - before == 1000
