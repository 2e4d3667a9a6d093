"""A plan file is the same for the same world, reviewed as text, and a run does what it says or nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbook_lib.errors import GateFailed, RunbookError
from runbook_lib.preflight.hold_to_plan import hold_to_plan
from runbook_lib.preflight.plan_file import PlanFile, read_plan
from runbook_lib.preflight.step import plan_of, preflight
from runbook_lib.run.facts.codec import reader_of
from runbook_lib.run.facts.plan import PLAN_FILE
from runbook_lib.run.run import open_run
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables, import_tables
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
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    plan.write_text(with_its_digest(text) if digest else text, encoding="utf-8")
    return plan


def with_its_digest(text: str) -> str:
    """The text of a plan, whatever stands in it, with the digest that it has then."""
    made: PlanFile = reader_of(PlanFile)(json.loads(text))
    return re.sub(r'"digest": "[0-9a-f]{64}"', f'"digest": "{made.own_digest()}"', text, count=1)


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


@pytest.mark.few(1)
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


OTHER_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"import": {"max_wcu": 50}}, "settings.import.max_wcu: the plan says nothing, and now it is 50"),
    ({"import": {"on_non_empty": "overwrite"}}, "settings.import.on_non_empty"),
    ({"name": "other"}, "name: the plan says test, and now it is other"),
    ({"validate": {"canary": True}}, "settings.validate.canary"),
    ({"tables": {"exclude": ["nothing*"]}}, "settings.tables.exclude"),
]


@pytest.mark.chaos
def test_another_setting_is_refused_by_its_key(world: World) -> None:
    world.pair("a", things(5))
    turn_on_recovery(world, world.target, world.dst("a"))
    plan = planned(world, world.config())
    for settings, member in OTHER_SETTINGS:
        assert member in refused(world, world.config(**settings), plan)
        assert not (world.folder / "reports" / "r").exists()


@pytest.mark.chaos
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


def _twice(text: str) -> str:
    """Who reads the file sees the first, a program the last."""
    return text.replace('"settings": {', '"settings": {"import": {"on_non_empty": "fail"}},\n  "settings": {', 1)


def _spelled_in_one(text: str) -> str:
    return text.replace('"on_non_empty": "append"', '"on_non_empty": "fail"').replace(
        '"references": {', '"import.on_non_empty": "append",\n    "references": {', 1
    )


def _quoted(text: str) -> str:
    return text.replace('"import": {', '"\\"import": {\n      "x": 1\n    },\n    "import": {', 1)


def _without_end(text: str) -> str:
    return re.sub(r'"usd": [^,]+,', '"usd": NaN,', text)


def _beyond_all(text: str) -> str:
    return re.sub(r'"usd": [^,]+,', '"usd": 1e999,', text)


def _nothing_left_out(text: str) -> str:
    return text.replace('"left_out": {}', '"left_out": {\n    "production": "nothing"\n  }')


def _formatted(text: str) -> str:
    return json.dumps(json.loads(text))


FORGED = (_twice, _spelled_in_one, _quoted, _without_end, _beyond_all, _nothing_left_out, _formatted)


@pytest.mark.chaos
def test_a_plan_that_reads_otherwise_than_it_is_followed_is_refused_though_its_digest_is_right(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(**{"import": {"on_non_empty": "append"}})
    plan = planned(world, config)
    before = plan.read_text(encoding="utf-8")
    for forge in FORGED:
        text = with_its_digest(forge(before))
        assert text != before, forge
        plan.write_text(text, encoding="utf-8")
        refused(world, config, plan)
    plan.write_text(before.replace("\n", "\r\n"), encoding="utf-8", newline="")  # as git may check it out
    assert runbook_here("run", config, "--run-id", "r", "--plan", plan, "--execute").returncode == 0


@pytest.mark.parametrize("moment", ["killed in its pre-flight", "after a dry run"])
@pytest.mark.chaos
def test_a_target_that_is_another_one_before_anything_was_written_is_not_the_planned_one(
    world: World, moment: str
) -> None:
    world.pair("a", things(5))
    config = world.config()
    plan = planned(world, config)
    command = ["run", str(config), "--run-id", "r", "--plan", str(plan)]
    if moment == "after a dry run":
        assert runbook_here(*command).returncode == 0
        _target_made_anew(world)
    else:
        started = [sys.executable, "-m", "runbook_lib", *command, "--execute"]
        with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert any(re.match(r"preflight +running", line) for line in process.stdout)
            process.kill()
        _target_made_anew(world)
    ran = runbook_here(*command, "--execute")
    assert ran.returncode == 2, ran.stdout
    assert f"tables.{world.src('a')}.target_table.id: the plan says" in ran.stderr
    assert world.items(world.target, world.dst("a")) == []


def test_a_target_that_is_another_one_between_two_looks_stops_the_pre_flight(world: World) -> None:
    """The first look is the runner's, before the run has a folder; the second is the pre-flight's own."""
    world.pair("a", things(5))
    config = world.config()
    file = planned(world, config)
    run = open_run(str(config), "r", True)
    fact = hold_to_plan(run, lambda: plan_of(run, around=False), file)
    assert fact is not None
    run.ledger.allow()
    PLAN_FILE.record(run.ledger, fact)
    _target_made_anew(world)
    with pytest.raises(GateFailed, match=rf"tables.{world.src('a')}.target_table.id: the plan says"):
        preflight(run)
    assert run.pairs() == []


def test_a_target_that_was_made_anew_while_the_export_ran_is_not_written_to(world: World) -> None:
    """With a plan file or without: what was looked at, compared and confirmed is another table."""
    world.pair("a", things(5))
    run = world.open()
    preflight(run)
    export_tables(run)
    _target_made_anew(world)
    with pytest.raises(RunbookError, match="is another one of that name"):
        import_tables(run)
    assert world.items(world.target, world.dst("a")) == []
    preflight(run)
    import_tables(run)
    assert len(world.items(world.target, world.dst("a"))) == 5


@pytest.mark.chaos
def test_a_dry_run_of_a_plan_goes_on_as_a_real_one_and_then_its_own_writes_are_no_departure(world: World) -> None:
    world.pair("a", things(5))
    world.pair("b", things(5))
    world.target.delete_table(TableName=world.dst("b"))
    config = world.config(tables={"include": [world.src("*")], "create_missing": True})
    plan = planned(world, config)
    for more in ([], ["--execute"], ["--execute"]):
        ran = runbook_here("run", config, "--run-id", "r", "--plan", plan, *more)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.chaos
def test_a_run_that_was_begun_without_a_plan_takes_none_later_and_no_other(world: World) -> None:
    world.pair("a", things(5))
    config = world.config()
    first = planned(world, config)
    assert runbook_here("run", config, "--run-id", "without", "--execute").returncode == 0
    ran = runbook_here("run", config, "--run-id", "without", "--plan", first, "--execute")
    assert ran.returncode == 2
    assert "run without was begun with no plan file" in ran.stderr


@pytest.mark.chaos
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
