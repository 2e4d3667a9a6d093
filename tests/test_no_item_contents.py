"""Law 8: nothing in a run's folder holds what an item holds, but keys where the configuration allows them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, indexed_by

VALUE, KEY, NUMBER = "VALUEMARKER", "KEYMARKER", "731691423"
# What a reader could find again: as text, as DynamoDB's base64 of it, as the digits of a number, as UTF-16.
VALUES = (VALUE.encode(), base64.b64encode(VALUE.encode())[:12], NUMBER.encode(), VALUE.encode("utf-16-le"))
KEYS = (KEY.encode(), base64.b64encode(KEY.encode())[:12])


def marked(n: int, **more: Any) -> dict[str, Any]:
    """An item with a marker in the value of every attribute, of every type that has values."""
    text, number, binary = {"S": f"{VALUE}-{n}"}, {"N": f"{NUMBER}{n:03}"}, {"B": VALUE.encode() + b"%d" % n}
    nested = {"M": {"deep": {"L": [text, number, binary, {"M": {"deeper": text}}]}}}
    sets = {"ss": {"SS": [f"{VALUE}-a", f"{VALUE}-b"]}, "ns": {"NS": [f"{NUMBER}1", f"{NUMBER}2"]}}
    return {"id": {"S": f"{KEY}-{n}"}, "s": text, "n": number, "b": binary, "m": nested, **sets} | more


def estate(world: World) -> None:
    """Three tables: one that is to be spoilt, one with an item the target refuses, one that is scanned."""
    world.pair("spoilt", [marked(n) for n in range(60)])
    world.table(world.source, world.src("refused"))
    world.table(world.target, world.dst("refused"), **indexed_by("s", "N"))  # the items hold text there
    world.source.update_continuous_backups(
        TableName=world.src("refused"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    allowed = [marked(n, s={"N": f"{NUMBER}{n}"}) for n in range(20)]
    world.put(world.source, world.src("refused"), [*allowed, marked(99)])
    world.pair("scanned", [marked(n) for n in range(20)], pitr=False)


def spoil(world: World) -> None:
    """Lose, change and add items, so that each kind of difference is reported."""
    table = world.dst("spoilt")
    world.target.delete_item(TableName=table, Key={"id": {"S": f"{KEY}-1"}})
    changed = marked(2, s={"N": f"{NUMBER}7"}, ss={"SS": [f"{VALUE}-c"]}) | {"m": {"M": {"deep": {"S": VALUE}}}}
    world.put(world.target, table, [changed, marked(777)])


def found(folder: Path, markers: tuple[bytes, ...]) -> dict[str, list[bytes]]:
    """Each file that holds one of the markers, and which."""
    files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    assert {"run.json", "report.html", "ledger.sqlite", "30_validate.ipynb", "kernel.log"} <= set(files)
    return {name: held for name, data in files.items() if (held := [m for m in markers if m in data])}


@pytest.mark.parametrize("shown", ["hash", pytest.param("full", marks=pytest.mark.chaos)])
def test_no_file_of_a_run_holds_what_items_hold(world: World, shown: str) -> None:
    estate(world)
    config = world.config(report={"show_keys": shown}, validate={"canary": True}, parity={"accept": ["global indexes"]})
    first = world.runbook("run", config, "--run-id", "m", "--execute")
    assert first.returncode == 1, first.stdout + first.stderr
    spoil(world)
    again = world.runbook("run", config, "--run-id", "m", "--execute", "--from", "validate")
    assert again.returncode == 1, again.stdout + again.stderr
    record = world.record("m")
    tables = {t["source"]: t for t in record["tables"]}
    kinds = {kind: tables[world.src("spoilt")][kind] for kind in ("missing", "different", "extra")}
    assert kinds == {"missing": 1, "different": 1, "extra": 1}
    assert [(q["source"], q["items"]) for q in record["quarantine"]] == [(world.src("refused"), 1)]
    folder = world.folder / "reports" / "m"
    assert found(folder, VALUES) == {}
    keys = found(folder, KEYS)
    assert bool(keys) == (shown == "full"), keys
    assert set(keys) <= {"differences.jsonl", "ledger.sqlite", "report.html", "run.json"}
    said = first.stdout + first.stderr + again.stdout + again.stderr
    assert VALUE not in said
    assert NUMBER not in said
