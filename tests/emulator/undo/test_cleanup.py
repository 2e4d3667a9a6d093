"""A cleanup removes what its run created and nothing else, and only when told so by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.errors import ConfigError, ForbiddenCall, ResumeRefused, TransferError
from runbook_lib.notebook.afterwards.gates import gate_cleanup
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.targets import REMOVALS
from runbook_lib.run.run import open_run
from runbook_lib.undo import cleanup
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.delete_items import Undoing, Undone
from tests.support.data_files import rewrite_data_file
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.recorded import export_tables, import_tables
from tests.support.steps import every_step, the_only, up_to_the_import
from tests.support.tables import CREATE_MISSING, keys_in_bucket, source_without_target, target_exists
from tests.support.world import World, things

CHANGED = {"id": {"S": "i00003"}, "n": {"N": "3"}, "since": {"BOOL": True}}


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run as they are sealed: what SQLite keeps beside a ledger in use is none of them."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(("-wal", "-shm")))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.whole
def test_what_a_run_created_is_removed_and_only_that(world: World) -> None:
    world.pair("there", things(230))
    world.pair("scanned", things(30), pitr=False)
    source_without_target(world, "missing", 40)
    world.put_object("exports/somebody-elses", b"x")
    config = world.config(**CREATE_MISSING)
    assert every_step(open_run(str(config), "r", execute=True))["verdict"] == "PASS"
    made = keys_in_bucket(world) - {"exports/somebody-elses"}
    assert made
    kept = contents(world.folder / "reports" / "r")
    dry = runbook_here("cleanup", config, "--run-id", "r")
    assert dry.returncode == 0, dry.stderr
    assert contents(world.folder / "reports" / "r") == kept  # whoever has signed it finds it as it was
    assert "would be deleted" in dry.stdout
    assert world.src("there") not in dry.stdout  # nobody is to read the name of a source beside "deleted"
    again = f"runbook cleanup {config} --run-id r --execute --confirm r"
    assert dry.stdout.splitlines()[-2].startswith("3 targets together: 1 table, 300 items and ")
    assert dry.stdout.splitlines()[-1] == f"nothing was removed; to remove it: {again}"
    assert keys_in_bucket(world) == made | {"exports/somebody-elses"}
    assert len(world.items(world.target, world.dst("there"))) == 230
    before = world.record("r")["source_calls"]
    wet = runbook_here("cleanup", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert wet.returncode == 0, wet.stdout + wet.stderr
    assert keys_in_bucket(world) == {"exports/somebody-elses"}
    assert not target_exists(world, world.dst("missing"))
    assert world.items(world.target, world.dst("there")) == world.items(world.target, world.dst("scanned")) == []
    for name, items in (("there", 230), ("scanned", 30), ("missing", 40)):
        assert len(world.items(world.source, world.src(name))) == items
    record = world.record("r")
    assert set(record["source_calls"]) == set(before)
    assert {name for name, count in record["source_calls"].items() if count != before[name]} <= {"GetCallerIdentity"}
    assert record["target_calls"]["DeleteItem"] == 260  # a batch has no condition
    assert record["verdict"] == "PASS"
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    exported = [key for key in made if "/register/" not in key]
    assert f"1 table deleted, 260 items deleted, {len(exported)} staging objects deleted" in report
    assert runbook_here("verify", world.folder / "reports" / "r").returncode == 0
    again = runbook_here("run", config, "--run-id", "r", "--execute")
    assert again.returncode == 2
    assert "was cleaned up at" in again.stderr
    assert world.record("r")["verdict"] == "PASS"


@pytest.mark.chaos
def test_a_created_table_stays_though_a_page_hides_what_others_put_there(world: World) -> None:
    source_without_target(world, "a", 20)
    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        run = world.open(**CREATE_MISSING)
        assert every_step(run)["verdict"] == "PASS"
        world.put(world.target, world.dst("a"), [{"id": {"S": f"stranger{n}"}} for n in range(5)])
        liar.rewrite = lambda request: (
            json.dumps(request.json | {"Limit": 20}).encode() if request.operation == "Scan" else request.body
        )
        liar.after = _without_the_key_to_go_on_after
        removal = the_only(clean_up(run, "r"))
        world.endpoint = behind
    assert not removal.table_deleted
    assert target_exists(world, world.dst("a"))
    assert "of its 25 items 5 were not written by this run" in (removal.kept or "")


def _without_the_key_to_go_on_after(request: Request, status: int, body: bytes) -> Answer | None:
    if request.operation != "Scan":
        return None
    page = json.loads(body)
    page.pop("LastEvaluatedKey", None)
    return status, json.dumps(page).encode()


@pytest.mark.whole
def test_an_item_that_was_changed_since_and_one_that_came_since_stay(world: World) -> None:
    world.pair("a", things(10))
    run = up_to_the_import(world)
    stranger = {"id": {"S": "stranger"}}
    world.put(world.target, world.dst("a"), [CHANGED, stranger])
    removal = the_only(clean_up(run, "r"))
    assert (removal.items_found, removal.items_deleted, removal.items_changed) == (9, 9, 1)
    held = sorted(world.items(world.target, world.dst("a")), key=str)
    assert held == sorted([CHANGED, stranger], key=str)


@pytest.mark.parametrize("since", [CHANGED, {"id": {"S": "stranger"}}], ids=["changed", "new"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_created_table_in_which_somebody_else_wrote_stays_whole(world: World, since: dict[str, Any]) -> None:
    source_without_target(world, "a", 10)
    run = up_to_the_import(world, **CREATE_MISSING)
    world.put(world.target, world.dst("a"), [since])
    removal = the_only(clean_up(run, "r"))
    assert not removal.table_deleted
    assert "1 were not written by this run or were changed since" in removal.kept
    held = len(world.items(world.target, world.dst("a")))
    assert held == (10 if since is CHANGED else 11)


@pytest.mark.whole
def test_a_table_of_the_same_name_that_was_made_later_stays(world: World) -> None:
    source_without_target(world, "a", 4)
    world.pair("b", things(4))
    run = up_to_the_import(world, **CREATE_MISSING)
    name = world.dst("a")
    world.target.update_table(TableName=name, DeletionProtectionEnabled=False)
    for table in (name, world.dst("b")):
        world.target.delete_table(TableName=table)
        world.table(world.target, table)
        world.put(world.target, table, things(4))
    for removal in clean_up(run, "r"):
        assert "another table of that name" in removal.kept
        assert len(world.items(world.target, removal.target)) == 4


def test_a_table_that_may_be_somebody_elses_stays(world: World) -> None:
    """The run was stopped after it had asked for the table and before it knew what came of it."""
    source_without_target(world, "a", 4)
    run = world.open(**CREATE_MISSING)
    preflight(run)
    asked = {"target": world.dst("a"), "status": "asked for", "at": "2026-01-14T10:00:00.000Z"}
    run.ledger.put("created", world.src("a"), asked)
    world.table(world.target, world.dst("a"))
    assert "whose it is is not known" in the_only(clean_up(run, "r")).kept
    assert target_exists(world, world.dst("a"))


def test_nothing_is_taken_from_a_table_that_held_items_before(world: World) -> None:
    world.pair("a", things(10))
    world.put(world.target, world.dst("a"), [{"id": {"S": "old"}}])
    run = up_to_the_import(world, **{"import": {"on_non_empty": "append"}})
    removal = the_only(clean_up(run, "r"))
    assert "it held 1 items before" in removal.kept
    assert len(world.items(world.target, world.dst("a"))) == 11
    assert not [key for key in keys_in_bucket(world) if "/data/" in key]


@pytest.mark.whole
def test_nothing_is_removed_without_the_runs_name_or_without_execute(world: World) -> None:
    world.pair("a", things(10))
    run = up_to_the_import(world)
    made = keys_in_bucket(world)
    for confirm in ("R", "r ", "yes"):
        with pytest.raises(ConfigError, match="expected 'r'"):
            clean_up(run, confirm)
    assert gate_cleanup(run, "").startswith("DRY RUN")
    assert gate_cleanup(run, "r").startswith("REMOVING what run r created")
    dry = the_only(clean_up(run, ""))
    assert (dry.items_found, dry.items_deleted, dry.done) == (10, 0, False)
    assert not the_only(clean_up(world.open("r", execute=False), "r")).done
    unconfirmed = world.open("r", confirm_target="")
    with pytest.raises(
        ConfigError, match=r"confirm_target: .* nothing was removed\. Write it into .* to allow removing"
    ):
        clean_up(unconfirmed, "r")
    assert keys_in_bucket(world) == made
    assert len(world.items(world.target, world.dst("a"))) == 10
    assert run.ledger.get("run", "cleaned") is None
    assert runbook_here("cleanup", world.config(), "--run-id", "r", "--execute").returncode == 2
    assert runbook_here("cleanup", world.config(), "--run-id", "no-such-run").returncode == 2
    assert not (world.folder / "reports" / "no-such-run").exists()


@pytest.mark.chaos
def test_an_export_that_the_run_only_used_stays(world: World) -> None:
    world.pair("a", things(10))
    first = up_to_the_import(world, "first")
    made = keys_in_bucket(world)
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    arn = first.ledger.get("export", world.src("a"))["arn"]
    run = up_to_the_import(world, "second", export={"reuse": {world.src("a"): arn}})
    removal = the_only(clean_up(run, "second"))
    assert (removal.objects, removal.items_deleted) == (0, 10)
    assert keys_in_bucket(world) == made


@pytest.mark.whole
def test_a_cleanup_that_was_cut_short_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(120))
    run = up_to_the_import(world)
    calls: list[int] = []
    delete = Undoing.delete

    def cut(undoing: Undoing, items: list[Any]) -> Undone:
        begun = REMOVALS.needed(run.ledger, world.src("a"))  # before anything has gone
        assert (begun.done, begun.ended) == (False, None)
        undone = delete(undoing, items)
        calls.append(len(items))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return undone

    with monkeypatch.context() as patch:
        patch.setattr(Undoing, "delete", cut)
        with pytest.raises(KeyboardInterrupt):
            clean_up(run, "r")
    assert REMOVALS.needed(run.ledger, world.src("a")).ended is None
    assert 0 < len(world.items(world.target, world.dst("a"))) < 120
    with pytest.raises(ResumeRefused, match="was cleaned up"):
        import_tables(run)
    clean_up(run, "r")
    assert REMOVALS.needed(run.ledger, world.src("a")).ended is not None
    assert world.items(world.target, world.dst("a")) == []
    assert keys_in_bucket(world) == set()
    assert the_only(clean_up(run, "r")).done  # and once more, with nothing left to do


@pytest.mark.whole
def test_a_table_that_cannot_be_cleaned_up_does_not_stop_the_others(world: World) -> None:
    """As when a lifecycle rule has taken the files that say which items are the run's."""
    world.pair("a", things(20))
    world.pair("b", things(30))
    config = world.config()
    run = open_run(str(config), "r", execute=True)
    preflight(run)
    export_tables(run)
    import_tables(run)
    row = run.ledger.rows("SELECT key FROM file WHERE source = ?", world.src("a"))[0]
    body = world.s3.get_object(Bucket=world.bucket, Key=row["key"])["Body"].read()
    world.s3.delete_object(Bucket=world.bucket, Key=row["key"])
    wet = runbook_here("cleanup", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert (wet.returncode, "is not cleaned up to the end" in wet.stdout) == (1, True), wet.stdout + wet.stderr
    assert world.items(world.target, world.dst("b")) == []
    world.put_object(row["key"], body)
    assert [removal.done for removal in clean_up(run, "r")] == [True, True]
    assert world.items(world.target, world.dst("a")) == []
    assert keys_in_bucket(world) == set()


@pytest.mark.chaos
def test_lines_that_never_were_items_are_no_obstacle(world: World) -> None:
    world.pair("a", things(30))
    run = world.open()
    preflight(run)
    export_tables(run)
    broken = b'{"Item":{"id":{"S":"x"},}}'
    rewrite_data_file(world, run, world.src("a"), lambda lines: [*lines, broken, b"]"])
    import_tables(run)
    assert run.ledger.rows("SELECT COUNT(*) AS n FROM quarantine")[0]["n"] == 2
    removal = the_only(clean_up(run, run.id))
    assert removal.items_deleted == 30
    assert world.items(world.target, world.dst("a")) == []


def test_a_table_that_is_gone_already_is_no_obstacle(world: World) -> None:
    """As after a cleanup that was killed between AWS's answer and its own record of it."""
    source_without_target(world, "a", 4)
    run = up_to_the_import(world, **CREATE_MISSING)
    world.target.update_table(TableName=world.dst("a"), DeletionProtectionEnabled=False)
    world.target.delete_table(TableName=world.dst("a"))
    removal = the_only(clean_up(run, "r"))
    assert (removal.done, removal.kept, keys_in_bucket(world)) == (True, "", set())


@pytest.mark.chaos
def test_deletes_that_are_throttled_or_whose_answer_is_lost_are_sent_again(world: World) -> None:
    world.pair("a", things(150))
    run = up_to_the_import(world)
    table = world.dst("a")
    world.fault(operation="DeleteItem", kind="throttle", table=table, probability=0.3, seed=1)
    world.fault(operation="DeleteItem", kind="lost-reply", table=table, every=9)
    assert the_only(clean_up(run, "r")).items_deleted == 150
    assert world.items(world.target, table) == []


def test_objects_that_s3_refuses_to_delete_fail_the_cleanup(world: World) -> None:
    class Refusing:
        def delete_objects(self, **request: Any) -> dict[str, Any]:
            return {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]}

    with pytest.raises(TransferError, match="the first is k: AccessDenied"):
        cleanup.aws.delete_objects(Refusing(), "bucket", ["k"])


def test_who_removes_one_table_can_do_nothing_to_another_and_nothing_else_to_that_one(world: World) -> None:
    world.pair("a", things(1))
    world.pair("b")
    run = world.open()
    client = run.clients.remover(frozenset({world.dst("a")}))
    for call in (
        lambda: client.delete_table(TableName=world.dst("b")),
        lambda: client.update_table(TableName=world.dst("b"), DeletionProtectionEnabled=False),
        lambda: client.update_table(TableName=world.dst("a"), BillingMode="PAY_PER_REQUEST"),
        lambda: client.put_item(TableName=world.dst("a"), Item={"id": {"S": "x"}}),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    client.close()
    staging = run.clients.staging_remover()
    with pytest.raises(ForbiddenCall):
        staging.delete_bucket(Bucket=world.bucket)
    with pytest.raises(ForbiddenCall):
        staging.list_objects_v2(Bucket=world.bucket)
    staging.close()
