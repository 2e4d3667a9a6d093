"""Attributes of replication in the items of an export are seen before the first of them is written."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.run.run import Run
from tests.support.recorded import export_tables
from tests.support.world import World, things

REP = {"aws:rep:deleting": {"BOOL": False}, "aws:rep:updatetime": {"N": "1.5"}}


def look(run: Run) -> list[tuple[str, str]]:
    record = build_record(run.ledger, run.id, "test").to_json()
    told = [(c["status"], c["found"]) for c in record["checks"] if c["id"] == "replication-attributes"]
    warned = [w["found"] for w in record["warnings"] if w["id"] == "replication-attributes"]
    assert warned == [found for status, found in told if status == "warning"]
    return told


def exported(world: World, run_id: str = "r", **changes: Any) -> Run:
    run = world.open(run_id, execute=False, **changes)
    preflight(run)
    export_tables(run)
    return run


FOUND = ("warning", "aws:rep:deleting, aws:rep:updatetime")


def test_items_of_an_export_are_looked_at_when_it_is_complete(world: World) -> None:
    world.pair("a", [*things(9), {"id": {"S": "last"}} | REP])
    run = exported(world)
    assert look(run) == [FOUND]
    preflight(run)  # a further start plans anew
    export_tables(run)
    assert look(run) == [FOUND]


def test_an_export_without_them_is_said_to_have_none(world: World) -> None:
    world.pair("a", things(3))
    world.pair("b")
    assert look(exported(world)) == [("ok", "none in the indexes and the first items")] * 2


def test_items_of_an_export_made_earlier_are_looked_at_too(world: World) -> None:
    world.pair("a", things(3, **REP))
    first = exported(world)
    fact = first.ledger.get("export", world.src("a"))
    reused = {"reuse": {world.src("a"): f"s3://{fact['bucket']}/{fact['folder']}"}}
    run = world.open("second", execute=False, export=reused)
    preflight(run)
    assert look(run) == []
    export_tables(run)
    assert look(run) == [FOUND]


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(b"no item\n" * 9), b""], ids=["no gzip", "no items", "empty"]
)
def test_a_file_that_cannot_be_read_adds_nothing_and_ends_nothing(world: World, content: bytes) -> None:
    world.pair("a", things(3, **REP))
    fact = exported(world).ledger.get("export", world.src("a"))
    for found in world.s3.list_objects_v2(Bucket=fact["bucket"], Prefix=f"{fact['folder']}data/")["Contents"]:
        world.put_object(found["Key"], content)
    reused = {"reuse": {world.src("a"): f"s3://{fact['bucket']}/{fact['folder']}"}}
    run = exported(world, "second", export=reused)
    assert run.ledger.get("export", world.src("a"))["status"] == "COMPLETED"
    assert FOUND not in look(run)
