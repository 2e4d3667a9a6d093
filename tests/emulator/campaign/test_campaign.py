"""A campaign: waves in order, stopped by a failure, taken up from the folders of its runs, and asked for by name."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from runbook_lib.campaign import run_campaign
from runbook_lib.run.sealed.seal import seal
from runbook_lib.sandbox.client import sandbox_client
from tests.support.campaigns import NAME, campaign_file, fleet, migration
from tests.support.in_process import runbook_here
from tests.support.other_targets import other_target
from tests.support.tables import turn_on_recovery
from tests.support.world import ACCOUNT, World, things

pytestmark = pytest.mark.whole

EXECUTE = ("--execute", "--confirm", NAME)


def run(file: Path, *more: str) -> CompletedProcess[str]:
    return runbook_here("campaign", file, *more)


def standings(world: World) -> dict[str, str]:
    page = (world.folder / "reports" / f"campaign-{NAME}.html").read_text(encoding="utf-8")
    shown = dict(re.findall(r'data-run="fleet-([^"]+)" data-standing="([^"]+)"', page))
    known = json.loads((world.folder / "reports" / f"campaign-{NAME}.json").read_text(encoding="utf-8"))
    assert shown == {each["id"]: each["standing"] for each in known["runs"]}
    return shown


def written(world: World, *names: str) -> list[int]:
    return [len(world.items(world.target, world.dst(name))) for name in names]


@pytest.mark.whole
def test_three_waves_with_a_shared_export_end_in_a_proof_each(world: World) -> None:
    world.pair("a", things(10))
    world.pair("b", things(20))
    again = other_target(world, "two", "a", reuse=f"{NAME}-a")
    again["tables"] |= {"include": [world.src("a")]}
    file = campaign_file(
        world,
        [
            [{"id": "a", "config": migration(world, "a")}],
            [{"id": "b", "config": migration(world, "b")}],
            [{"id": "two", "config": world.config(**again).name, "after": ["a"]}],
        ],
    )
    before = world.requests("ExportTableToPointInTime")
    dry = run(file)
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert set(standings(world).values()) == {"DRY-RUN"}
    assert written(world, "a", "b") == [0, 0]
    ran = run(file, *EXECUTE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "PASS: 3 of 3 runs are proved"
    assert standings(world) == {"a": "PASS", "b": "PASS", "two": "PASS"}
    assert world.requests("ExportTableToPointInTime") - before == 2
    for name in ("a", "b", "two"):
        assert runbook_here("verify", world.folder / "reports" / f"{NAME}-{name}").returncode == 0
    requests = world.requests("BatchWriteItem")
    assert run(file, *EXECUTE).returncode == 0
    assert world.requests("BatchWriteItem") == requests  # what is proved is not done again


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--execute",), "expected 'fleet', the campaign's name, once more"),
        (("--execute", "--confirm", "other"), "found 'other'; nothing was written"),
        (EXECUTE, "confirm_target"),
    ],
)
def test_nothing_is_written_without_being_asked_for_of_every_run(
    world: World, more: tuple[str, ...], says: str
) -> None:
    world.pair("a", things(5))
    world.pair("b", things(5))
    runs = [
        [{"id": "a", "config": migration(world, "a")}, {"id": "b", "config": migration(world, "b", confirm_target="")}]
    ]
    ran = run(campaign_file(world, runs), *more)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert not (world.folder / "reports").exists() or not list((world.folder / "reports").iterdir())
    assert written(world, "a", "b") == [0, 0]


@pytest.mark.whole
def test_a_failure_stops_everything_and_is_taken_up_once_it_is_mended(world: World) -> None:
    file = fleet(world, [["a"], ["b"], ["c"]])
    world.put(world.target, world.dst("b"), [{"id": {"S": "stranger"}}])
    ran = run(file, *EXECUTE)
    assert ran.returncode == 1
    assert standings(world)["a"] == "PASS"
    assert standings(world)["b"] in ("FAIL", "refused")
    assert standings(world)["c"] == "waiting"
    assert written(world, "a", "b", "c") == [10, 1, 0]
    assert "FAIL: 1 of 3 runs are proved" in ran.stdout
    world.target.delete_item(TableName=world.dst("b"), Key={"id": {"S": "stranger"}})
    again = run(file, *EXECUTE)
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(standings(world).values()) == {"PASS"}


def test_without_stop_on_fail_only_what_comes_after_it_is_left(world: World) -> None:
    for name in ("a", "b", "c"):
        world.pair(name, things(5))
    world.put(world.target, world.dst("a"), [{"id": {"S": "stranger"}}])
    runs = [
        [{"id": "a", "config": migration(world, "a")}],
        [{"id": "b", "config": migration(world, "b"), "after": ["a"]}, {"id": "c", "config": migration(world, "c")}],
    ]
    ran = run(campaign_file(world, runs, stop_on_fail=False), *EXECUTE)
    assert ran.returncode == 1
    assert (standings(world)["b"], standings(world)["c"]) == ("waiting", "PASS")
    assert "b: not begun, for it comes after a" in ran.stdout


def _edit_report(folder: Path, other: Path) -> None:
    (folder / "report.md").write_text("PASS", encoding="utf-8")


def _edit_log(folder: Path, other: Path) -> None:
    """Sealed, and no page of the report."""
    with (folder / "kernel.log").open("a", encoding="utf-8") as log:
        log.write("more\n")


def _forge_record(folder: Path, other: Path) -> None:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(record | {"verdict": "FAIL"}), encoding="utf-8")


def _swap(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _put_back(reports: Path, kept: Path) -> None:
    shutil.rmtree(reports)
    shutil.copytree(kept, reports)


def test_a_proof_that_does_not_hold_any_more_is_none(world: World) -> None:
    file = fleet(world, [["a"], ["b"]])
    assert run(file, *EXECUTE).returncode == 0
    reports, kept = world.folder / "reports", world.folder / "kept"
    shutil.copytree(reports, kept)
    before = world.requests("BatchWriteItem")
    changes: list[Callable[[Path, Path], None]] = [_edit_report, _edit_log, _forge_record, _swap]
    for change in changes:
        _put_back(reports, kept)
        assert run(file, *EXECUTE).returncode == 0
        change(reports / f"{NAME}-b", reports / f"{NAME}-a")
        ran = run(file, *EXECUTE)
        assert ran.returncode in (1, 2), (change, ran.stdout + ran.stderr)
        assert "PASS: " not in ran.stdout, change
    assert world.requests("BatchWriteItem") == before


def _forge_ledger(folder: Path, other: Path) -> None:
    """Another number in the ledger, under a seal that is made anew: it verifies, and does not follow."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE file SET items = items + 1")
    (folder / "SHA256SUMS").unlink()
    seal(folder)


@pytest.mark.chaos
def test_a_pass_that_does_not_follow_from_its_ledger_is_none_however_well_it_is_sealed(world: World) -> None:
    file = fleet(world, [["a"]])
    assert run(file, *EXECUTE).returncode == 0
    _forge_ledger(world.folder / "reports" / f"{NAME}-a", world.folder)
    ran = run(file, *EXECUTE)
    assert (ran.returncode, standings(world)) == (1, {"a": "broken"}), ran.stdout + ran.stderr


@pytest.mark.parametrize("asked", ["tables", "plan"])
@pytest.mark.few(1)
def test_a_run_that_is_asked_for_otherwise_than_it_was_done_is_not_called_done(world: World, asked: str) -> None:
    """It passed for fewer tables, or without the plan: the campaign asks for something else now."""
    for name in ("a", "b"):
        world.pair(name, things(5))
    config = world.config(tables={"include": [world.src("*")]}).name
    both = {"id": "both", "config": config}
    assert run(campaign_file(world, [[both | {"tables": world.src("a")}]]), *EXECUTE).returncode == 0
    plan = world.folder / "plan.json"
    made = runbook_here("plan", world.folder / config, "--out", plan, "--tables", world.src("b"))
    assert made.returncode == 0, made.stderr
    now = both if asked == "tables" else both | {"tables": world.src("a"), "plan": plan.name}
    ran = run(campaign_file(world, [[now]]), *EXECUTE)
    assert ran.returncode == 2, ran.stdout
    began = "was started for the tables" if asked == "tables" else "was begun with no plan file"
    assert f"both: run {NAME}-both {began}" in ran.stderr
    assert written(world, "a", "b") == [5, 0]


@pytest.mark.few(1)
@pytest.mark.parametrize("on_non_empty", ["overwrite", "sync", "append"])
def test_two_runs_that_replace_one_target_are_refused_before_anything(world: World, on_non_empty: str) -> None:
    """The first one's proof would be of what is not there any more when the campaign says PASS."""
    world.pair("a", things(5))
    world.pair("b", things(7))
    into_a = {"tables": {"include": [world.src("b")], "overrides": {world.src("b"): world.dst("a")}}}
    settings = {"name": "b", "import": {"on_non_empty": on_non_empty}}
    again = world.config(**into_a, **settings)
    runs = [[{"id": "a", "config": migration(world, "a")}], [{"id": "b", "config": again.name}]]
    ran = run(campaign_file(world, runs), *EXECUTE)
    if on_non_empty == "append":
        assert ran.returncode != 2, ran.stderr
        return
    assert ran.returncode == 2
    assert f"b: {ACCOUNT}/us-east-2/{world.dst('a')} is a target of a, too" in ran.stderr
    assert written(world, "a") == [0]


@pytest.mark.chaos
def test_a_target_is_shared_though_the_sources_are_gone_of_which_exports_are_used(world: World) -> None:
    """Nothing of the source says so any more; what the exports are of does."""
    world.pair("a", things(5))
    world.pair("b", things(7))
    into_a = {"include": [world.src("b")], "overrides": {world.src("b"): world.dst("a")}}
    made = {}
    for name, tables in (("a", {"include": [world.src("a")]}), ("b", into_a)):
        assert runbook_here("run", world.config(tables=tables), "--run-id", name).returncode == 0
        (made[name],) = world.record(name)["tables"]
        world.source.delete_table(TableName=world.src(name))

    def used(name: str, **more: Any) -> str:
        return world.config(name=name, export={"reuse": {world.src(name): made[name]["export_arn"]}}, **more).name

    turn_on_recovery(world, world.target, world.dst("a"))
    over = {"tables": into_a, "import": {"on_non_empty": "overwrite"}}
    runs = [
        [{"id": "a", "config": used("a", tables={"include": [world.src("a")]})}],
        [{"id": "b", "config": used("b", **over)}],
    ]
    ran = run(campaign_file(world, runs), *EXECUTE)
    assert ran.returncode == 2, ran.stdout
    assert f"b: {ACCOUNT}/us-east-2/{world.dst('a')} is a target of a, too" in ran.stderr
    assert written(world, "a") == [0]


@pytest.mark.chaos
def test_a_target_that_became_shared_after_the_first_look_is_not_loaded_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fleet(world, [["a"]])
    world.pair("b", things(7))
    turn_on_recovery(world, world.target, world.dst("a"))
    into_a = {"include": [world.src("b")], "overrides": {world.src("b"): world.dst("a")}}
    over = world.config(tables=into_a, name="b", **{"import": {"on_non_empty": "overwrite"}})
    runs = [[{"id": "a", "config": migration(world, "a")}], [{"id": "b", "config": over.name}]]
    file = campaign_file(world, runs)
    looks, look = list[int](), run_campaign.targets_of

    def later(*arguments: Any) -> frozenset[str]:
        looks.append(1)
        return look(*arguments) if len(looks) > 2 else frozenset()  # the first look at both: neither is there yet

    monkeypatch.setattr(run_campaign, "targets_of", later)
    ran = run(file, *EXECUTE)
    assert (ran.returncode, standings(world)) == (1, {"a": "PASS", "b": "refused"}), ran.stdout
    assert written(world, "a") == [10]


@pytest.mark.chaos
def test_a_seal_whose_signature_was_taken_away_is_no_proof_where_the_file_asks_for_one(world: World) -> None:
    kms = sandbox_client("kms", world.endpoint, "us-east-2")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    file = fleet(world, [["a"]], sign={"kms": key})
    assert run(file, *EXECUTE).returncode == 0
    assert run(file, *EXECUTE).returncode == 0
    folder = world.folder / "reports" / f"{NAME}-a"
    for name in ("sig", "pub", "signed"):
        (folder / f"SHA256SUMS.{name}").unlink()
    for said in (None, '{"state": "not signed", "key": "x", "why": "KMS was away"}'):
        if said:
            (folder / "SHA256SUMS.signed").write_text(said)
        ran = run(file, *EXECUTE)
        assert (ran.returncode, standings(world)) == (1, {"a": "broken"}), ran.stdout
        assert "SHA256SUMS is not signed, and it should be" in ran.stdout
    (anew,) = re.findall(r"have it signed anew: runbook (.+)", ran.stdout)[:1]
    command = anew.split()
    assert runbook_here(command[0], world.folder / command[1], *command[2:]).returncode == 0
    assert run(file, *EXECUTE).returncode == 0


@pytest.mark.chaos
def test_a_run_whose_seal_could_not_be_signed_is_not_done(world: World) -> None:
    file = fleet(world, [["a"]], sign={"kms": "alias/absent"})
    ran = run(file, *EXECUTE)
    assert (ran.returncode, standings(world)) == (1, {"a": "broken"}), ran.stdout
    assert world.record(f"{NAME}-a")["verdict"] == "PASS"


PRICES = {"million_writes": 1_000_000.0}


def costs(world: World) -> dict[str, float | None]:
    known = json.loads((world.folder / "reports" / f"campaign-{NAME}.json").read_text(encoding="utf-8"))
    return {each["id"]: each["usd"] for each in known["runs"]}


def test_a_run_that_would_pass_the_one_budget_is_not_begun(world: World) -> None:
    file = fleet(world, [["a"], ["b"], ["c"]], prices=PRICES)
    assert run(file).returncode == 0
    one = costs(world)["a"]
    assert one is not None
    assert one > 1
    for reports in (world.folder / "reports").iterdir():
        shutil.rmtree(reports) if reports.is_dir() else reports.unlink()
    limited = campaign_like(file, limits={"max_cost_usd": one * 2.5})
    ran = run(limited, *EXECUTE)
    assert ran.returncode == 1
    assert standings(world) == {"a": "PASS", "b": "PASS", "c": "refused"}
    assert written(world, "a", "b", "c") == [10, 11, 0]
    assert "c: refused: limits.max_cost_usd: expected at most" in ran.stdout
    page = (world.folder / "reports" / f"campaign-{NAME}.html").read_text(encoding="utf-8")
    assert f"of at most {one * 2.5:g} USD" in page
    assert not (world.folder / "reports" / f"{NAME}-c").exists()
    again = run(campaign_like(file, limits={"max_cost_usd": one * 4}), *EXECUTE)
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.chaos
def test_what_a_run_has_cost_counts_however_it_stands(world: World) -> None:
    """A folder that is not as it was sealed says nothing, and one that cannot go on has cost what it has."""
    world.pair("a", things(10))
    world.pair("b", things(3))
    waves = [[{"id": name, "config": migration(world, name, prices=PRICES)}] for name in ("a", "b")]
    file = campaign_file(world, waves, stop_on_fail=False, limits={"max_cost_usd": 12})
    assert run(file, *EXECUTE).returncode == 1
    assert (standings(world), written(world, "b")) == ({"a": "PASS", "b": "refused"}, [0])
    record = world.folder / "reports" / f"{NAME}-a" / "run.json"
    text = record.read_text(encoding="utf-8")
    for broken in (text.replace('"name"', '"name" ', 1), text[:100]):
        record.write_text(broken, encoding="utf-8")
        assert run(file, *EXECUTE).returncode == 1
        assert (standings(world), written(world, "b")) == ({"a": "broken", "b": "refused"}, [0])
    record.write_text(text, encoding="utf-8")
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00001"}})
    again = runbook_here("run", _config_of(file, "a"), "--run-id", f"{NAME}-a", "--from", "validate", "--execute")
    assert again.returncode == 1, again.stdout
    campaign_like(file, limits={"max_cost_usd": 5})
    assert run(file, *EXECUTE).returncode == 1
    assert (standings(world), written(world, "b")) == ({"a": "refused", "b": "refused"}, [0])


def _config_of(file: Path, run_id: str) -> Path:
    waves = yaml.safe_load(file.read_text(encoding="utf-8"))["waves"]
    (name,) = [each["config"] for wave in waves for each in wave["runs"] if each["id"] == run_id]
    return file.parent / str(name)


@pytest.mark.chaos
def test_what_a_dry_run_estimated_long_ago_is_estimated_again(world: World) -> None:
    file = campaign_like(fleet(world, [["a"]], prices=PRICES), limits={"max_cost_usd": 15})
    assert run(file).returncode == 0
    config = _config_of(file, "a")
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["prices"] = {"million_writes": 1000 * PRICES["million_writes"]}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    ran = run(file, *EXECUTE)
    assert (ran.returncode, standings(world), written(world, "a")) == (1, {"a": "refused"}, [0])


@pytest.mark.chaos
def test_a_cost_that_nobody_knows_keeps_to_no_budget(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = campaign_like(fleet(world, [["a"]]), limits={"max_cost_usd": 1_000_000})
    monkeypatch.setattr("runbook_lib.campaign.budget.estimated_cost_of", lambda campaign, run: None)
    ran = run(file, *EXECUTE)
    assert (ran.returncode, standings(world)) == (1, {"a": "refused"})
    assert "found no cost that is known of a" in ran.stdout
    assert written(world, "a") == [0]


def campaign_like(file: Path, **more: Any) -> Path:
    """The same campaign file with further keys."""
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(said | more, sort_keys=False), encoding="utf-8")
    return file


@pytest.mark.parametrize("undo", ["cleanup", "rollback"])
@pytest.mark.few(1)
def test_what_was_taken_back_is_not_done_any_more_and_nothing_comes_after_it(world: World, undo: str) -> None:
    file = fleet(world, [["a"]])
    assert run(file, *EXECUTE).returncode == 0
    config = world.folder / migration(world, "a")
    undone = runbook_here(undo, config, "--run-id", f"{NAME}-a", "--execute", "--confirm", f"{NAME}-a")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert world.record(f"{NAME}-a")["verdict"] == "PASS"  # what was true then
    listed = runbook_here("list")
    assert f"later {'cleaned up' if undo == 'cleanup' else 'rolled back'}" in listed.stdout
    world.pair("b", things(5))
    runs = [{"id": "a", "config": config.name}, {"id": "b", "config": migration(world, "b"), "after": ["a"]}]
    file = campaign_file(world, [[each] for each in runs], stop_on_fail=False)
    ran = run(file, *EXECUTE)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert standings(world) == {"a": "undone", "b": "waiting"}
    assert "so that what it proved is gone" in ran.stdout
    assert written(world, "b") == [0]


@pytest.mark.chaos
def test_what_a_run_of_no_campaign_has_written_over_is_proved_no_more_until_it_is_compared_again(world: World) -> None:
    file = fleet(world, [["a"]])
    assert run(file, *EXECUTE).returncode == 0
    world.pair("b", [{"id": {"S": "i00000"}, "n": {"N": "77"}}])  # the name of an item that the first run has loaded
    turn_on_recovery(world, world.target, world.dst("a"))
    into_a = {"include": [world.src("b")], "overrides": {world.src("b"): world.dst("a")}}
    over = world.config(name="other", tables=into_a, **{"import": {"on_non_empty": "overwrite"}})
    other = runbook_here("run", over, "--run-id", "other", "--execute")
    assert world.record("other")["tables"][0]["items_written"] == 1, other.stdout + other.stderr
    listed = runbook_here("list").stdout
    assert "written to by other" in next(line for line in listed.splitlines() if f"{NAME}-a" in line)
    index = (world.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "executed, later written to by other" in index
    ran = run(file, *EXECUTE)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert standings(world) == {"a": "undone"}
    assert "run other has written to" in ran.stdout
    config = world.folder / migration(world, "a")
    looked = runbook_here("repair", config, "--run-id", f"{NAME}-a", "--write-missing")
    assert "PASS: the run's verdict as it was compared, and it does not hold now: 1 item is not as exported" in (
        looked.stdout
    ), looked.stdout + looked.stderr
    assert run(file, *EXECUTE).returncode == 1
    assert standings(world) == {"a": "undone"}
    listed = runbook_here("list").stdout
    assert "written to by other" in next(line for line in listed.splitlines() if f"{NAME}-a" in line)
    compare = ("run", config, "--run-id", f"{NAME}-a", "--execute", "--from", "validate")
    assert runbook_here(*compare).returncode == 1
    world.put(world.target, world.dst("a"), things(1))
    again = runbook_here(*compare)
    assert again.returncode == 0, again.stdout + again.stderr
    assert run(file, *EXECUTE).returncode == 0
    assert standings(world) == {"a": "PASS"}


@pytest.mark.chaos
def test_a_half_written_page_and_a_lost_one_change_nothing(world: World) -> None:
    file = fleet(world, [["a"]])
    assert run(file, *EXECUTE).returncode == 0
    for name, text in ((f"campaign-{NAME}.json", '{"runs": [{"standing": "FA'), (f"campaign-{NAME}.html", "<html")):
        (world.folder / "reports" / name).write_text(text, encoding="utf-8")
    assert run(file, *EXECUTE).returncode == 0
    assert standings(world) == {"a": "PASS"}


@pytest.mark.chaos
def test_a_migration_that_was_changed_since_its_run_began_is_refused_before_anything(world: World) -> None:
    file = fleet(world, [["a"], ["b"]])
    assert run(file, *EXECUTE).returncode == 0
    (name,) = re.findall(r"id: b\n\s+config: (\S+)", file.read_text(encoding="utf-8"))
    config = world.folder / name
    config.write_text(config.read_text(encoding="utf-8").replace(world.src("b"), world.src("a")), encoding="utf-8")
    ran = run(file, *EXECUTE)
    assert ran.returncode == 2
    assert "b: run fleet-b was started with another configuration" in ran.stderr


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("waves", "says"),
    [
        ([[{"id": "a", "config": "x.yaml"}, {"id": "a", "config": "x.yaml"}]], "two runs are called 'a'"),
        ([[{"id": "a", "config": "x.yaml", "after": ["b"]}], [{"id": "b", "config": "x.yaml"}]], "found 'b'"),
        ([[{"id": "a", "config": "x.yaml", "after": ["a"]}]], "found 'a'"),
        ([[{"id": "../a", "config": "x.yaml"}]], "waves.0.runs.0.id"),
        ([[{"id": "a", "config": "x.yaml"}]], "a: "),
        ([[{"id": "a", "konfig": "x.yaml"}]], "unknown key"),
        ([], "waves"),
    ],
)
def test_a_campaign_file_with_mistakes_is_refused_by_key_and_line(
    world: World, waves: list[list[dict[str, Any]]], says: str
) -> None:
    ran = run(campaign_file(world, waves), *EXECUTE)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert not (world.folder / "reports").exists() or not list((world.folder / "reports").iterdir())


@pytest.mark.chaos
def test_a_run_that_uses_an_export_has_to_come_after_the_run_that_makes_it(world: World) -> None:
    world.pair("a", things(5))
    again = other_target(world, "two", "a", reuse=f"{NAME}-a")
    runs = [[{"id": "a", "config": migration(world, "a")}, {"id": "two", "config": world.config(**again).name}]]
    ran = run(campaign_file(world, runs), *EXECUTE)
    assert ran.returncode == 2
    assert "write after: [a]" in ran.stderr


@pytest.mark.chaos
def test_a_campaign_that_is_killed_is_taken_up_from_its_runs(world: World) -> None:
    """In processes of their own: once by SIGKILL in a run, once by SIGTERM."""
    file = fleet(world, [["a"], ["b"]], items=200)
    command = [sys.executable, "-m", "runbook_lib", "campaign", str(file), *EXECUTE]
    for number, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 130)):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert any(re.match(r"(import|validate) +running", line) for line in process.stdout)
        process.send_signal(number)
        process.communicate(timeout=120)
        assert process.returncode == code
    ran = run(file, *EXECUTE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert standings(world) == {"a": "PASS", "b": "PASS"}
    assert written(world, "a", "b") == [200, 201]
