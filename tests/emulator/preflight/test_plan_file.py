"""A plan file is the same for the same world, reviewed as text, and a run does what it says or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbook_lib.preflight.plan_file import PlanFile, read_plan
from tests.support.in_process import runbook_here
from tests.support.tables import turn_on_recovery
from tests.support.world import World, indexed_by, things

pytestmark = pytest.mark.whole

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "plan.schema.json"


def planned(world: World, config: Path, *more: str, file: str = "plan.json") -> Path:
    out = world.folder / file
    ran = runbook_here("plan", config, "--out", out, *more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


def refused(world: World, config: Path, plan: Path, *more: str) -> str:
    ran = runbook_here("run", config, "--run-id", "r", "--plan", plan, "--execute", *more)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    return ran.stderr


def edited(plan: Path, change: Callable[[dict[str, Any]], None], digest: bool = False) -> Path:
    """The plan with a change; with `digest` as somebody would forge it."""
    data = json.loads(plan.read_text(encoding="utf-8"))
    change(data)
    plan.write_text(json.dumps(data), encoding="utf-8")
    if digest:
        read = json.loads(plan.read_text(encoding="utf-8"))
        from runbook_lib.run.facts.codec import reader_of

        made: PlanFile = reader_of(PlanFile)(read)
        read["digest"] = made.own_digest()
        plan.write_text(json.dumps(read), encoding="utf-8")
    return plan


def test_a_plan_is_the_same_each_time_and_has_no_time_and_fits_its_schema(world: World) -> None:
    world.pair("b", things(20), **indexed_by("n", "N"))
    world.pair("a", things(5), pitr=False)
    config = world.config()
    one, two = planned(world, config), planned(world, config, file="again.json")
    assert one.read_bytes() == two.read_bytes()
    data = json.loads(one.read_text(encoding="utf-8"))
    jsonschema.validate(data, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert list(data["tables"]) == [world.src("a"), world.src("b")]
    moved = data["tables"][world.src("b")]
    assert (moved["target"], moved["method"], moved["writing"]) == (world.dst("b"), "export", "batch_write")
    assert moved["source_table"]["indexes"] == {"by-n": "GSI by n (N), ALL"}
    assert data["tables"][world.src("a")]["method"] == "scan"
    assert any(name.startswith("point-in-time-recovery") for name in data["warnings"])
    assert "2026-" not in one.read_text(encoding="utf-8").replace(data["runbook"], "")
    assert "confirm_target" not in one.read_text(encoding="utf-8")
    assert not (world.folder / "reports").exists() or not any((world.folder / "reports").iterdir())


def test_a_run_does_what_its_plan_says_and_its_record_names_it(world: World) -> None:
    world.pair("a", things(12))
    config = world.config()
    plan = planned(world, config)
    ran = runbook_here("run", config, "--run-id", "r", "--plan", plan, "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    digest = read_plan(plan).digest
    assert world.record("r")["plan_digest"] == digest
    assert digest in (world.folder / "reports" / "r" / "report.html").read_text(encoding="utf-8")
    assert runbook_here("verify", world.folder / "reports" / "r").returncode == 0
    again = runbook_here("run", config, "--run-id", "r", "--plan", plan, "--execute")
    assert again.returncode == 0, again.stdout + again.stderr  # its own writes are no departure
    without = runbook_here("run", config, "--run-id", "r", "--execute")
    assert without.returncode == 2
    assert f"was begun with the plan file plan.json of digest {digest}" in without.stderr


def _new_table(world: World) -> None:
    world.pair("z", things(1))


def _source_made_anew(world: World) -> None:
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    turn_on_recovery(world, world.source, world.src("a"))


def _target_made_anew(world: World) -> None:
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))


def _recovery_off(world: World) -> None:
    off = {"PointInTimeRecoveryEnabled": False}
    world.source.update_continuous_backups(TableName=world.src("a"), PointInTimeRecoverySpecification=off)


def _stream_on(world: World) -> None:
    world.source.update_table(
        TableName=world.src("a"), StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )


@pytest.mark.parametrize(
    ("change", "member"),
    [
        (_new_table, "tables.{z}: the plan says nothing"),
        (_source_made_anew, "tables.{a}.source_table.id: the plan says"),
        (_target_made_anew, "tables.{a}.target_table.id: the plan says"),
        (_recovery_off, "tables.{a}.method: the plan says export, and now it is scan"),
        (_stream_on, "tables.{a}.source_table.stream: the plan says None, and now it is KEYS_ONLY"),
    ],
)
def test_a_world_that_has_changed_since_is_refused_by_the_member(
    world: World, change: Callable[[World], None], member: str
) -> None:
    world.pair("a", things(5))
    config = world.config()
    plan = planned(world, config)
    change(world)
    said = refused(world, config, plan)
    assert member.format(a=world.src("a"), z=world.src("z")) in said
    assert not (world.folder / "reports" / "r").exists()
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.parametrize(
    ("settings", "member"),
    [
        ({"import": {"max_wcu": 50}}, "settings.import.max_wcu: the plan says nothing, and now it is 50"),
        ({"import": {"on_non_empty": "overwrite"}}, "settings.import.on_non_empty"),
        ({"name": "other"}, "name: the plan says test, and now it is other"),
        ({"validate": {"canary": True}}, "settings.validate.canary"),
        ({"tables": {"exclude": ["nothing*"]}}, "settings.tables.exclude"),
    ],
)
def test_another_setting_is_refused_by_its_key(world: World, settings: dict[str, Any], member: str) -> None:
    world.pair("a", things(5))
    turn_on_recovery(world, world.target, world.dst("a"))
    plan = planned(world, world.config())
    assert member in refused(world, world.config(**settings), plan)
    assert not (world.folder / "reports" / "r").exists()


def test_other_tables_than_the_plan_chose_are_refused(world: World) -> None:
    world.pair("a", things(5))
    world.pair("b", things(5))
    config = world.config()
    plan = planned(world, config, "--tables", world.src("a"))
    said = refused(world, config, plan)
    assert f"chosen: the plan says {world.src('a')}, and now it is *" in said
    ran = runbook_here("run", config, "--run-id", "r", "--plan", plan, "--tables", world.src("a"), "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_edited_plan_is_refused_and_a_forged_one_by_what_it_says(world: World) -> None:
    world.pair("a", things(5))
    config = world.config()
    plan = edited(planned(world, config), lambda data: data["tables"][world.src("a")].update(method="scan"))
    assert "was edited: its digest should be" in refused(world, config, plan)
    plan.unlink()
    plan = edited(planned(world, config), lambda data: data["settings"].update(prices={"read": 1}), digest=True)
    assert "settings.prices" in refused(world, config, plan)
    plan.unlink()
    plan = edited(planned(world, config), lambda data: data.update(more=1))
    assert "more should not be there" in refused(world, config, plan)
    plan.write_text("[]", encoding="utf-8")
    assert "expected schema_version 1" in refused(world, config, plan)
    plan.write_text("no json", encoding="utf-8")
    assert "expected a plan file of runbook plan" in refused(world, config, plan)


def test_a_run_that_was_begun_without_a_plan_takes_none_later_and_no_other(world: World) -> None:
    world.pair("a", things(5))
    config = world.config()
    first = planned(world, config)
    assert runbook_here("run", config, "--run-id", "without", "--execute").returncode == 0
    ran = runbook_here("run", config, "--run-id", "without", "--plan", first, "--execute")
    assert ran.returncode == 2
    assert "run without was begun with no plan file" in ran.stderr


def test_a_plan_is_not_written_over_something_else_nor_made_of_what_cannot_run(world: World) -> None:
    world.pair("a", things(5))
    config, kept = world.config(), world.folder / "kept.yaml"
    kept.write_text("precious: true", encoding="utf-8")
    ran = runbook_here("plan", config, "--out", kept)
    assert ran.returncode == 2
    assert "is no plan of this version, so it stays as it is" in ran.stderr
    assert kept.read_text(encoding="utf-8") == "precious: true"
    world.put(world.target, world.dst("a"), things(1))
    out = world.folder / "plan.json"
    ran = runbook_here("plan", config, "--out", out)
    assert ran.returncode in (1, 2)
    assert world.dst("a") in ran.stderr
    assert not out.exists()
