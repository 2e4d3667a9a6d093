"""A whole run with a transform: proved against what was made of the export, and nothing raw anywhere behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.world import World

KEY = {KEY_NAME: MASK_KEY}


def run(
    world: World, transform: dict[str, Any], *arguments: str, code: int = 0, run_id: str = "r", **changes: Any
) -> Any:
    config = world.config(transform=transform, **changes)
    ran = runbook_here("run", config, "--run-id", run_id, "--execute", *arguments, **KEY)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return world.record(run_id)


def test_a_masked_run_is_proved_and_counts_what_became_of_every_item(world: World) -> None:
    world.pair("a", people(60))
    keep = {"keep": "n < :most", "values": {":most": 50}}
    record = run(world, mask(email_rule(), keep_rule("n"), filter=keep))
    assert record["verdict"] == "PASS"
    (table,) = record["tables"]
    counts = {name: table[name] for name in ("items_exported", "items_filtered", "items_written", "items_in_target")}
    assert counts == {"items_exported": 60, "items_filtered": 10, "items_written": 50, "items_in_target": 50}
    assert table["transform"]["items_kept"] == 50
    assert [rule["values"] for rule in table["transform"]["rules"] if rule["path"] == "email"] == [50]
    assert (table["leak_scan"]["items"], table["leak_scan"]["hits"]) == (50, 0)
    assert record["leak_scan"]["anywhere"] == 60
    assert [step["name"] for step in record["steps"]] == [
        "preflight", "export", "transform", "import", "validate", "leak_scan", "report",
    ]  # fmt: skip
    found = world.items(world.target, world.dst("a"))
    assert {item["email"]["S"].rpartition("@")[2] for item in found} == {"example.invalid"}


def test_neither_values_nor_the_key_are_in_any_file_of_the_run(world: World) -> None:
    world.pair("a", people(30))
    run(world, mask(email_rule(), keep_rule("n")))
    folder = Path(world.folder / "reports" / "r")
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        assert b"marker." not in content, file
        assert MASK_KEY.encode() not in content, file
