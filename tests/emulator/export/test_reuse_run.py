"""One export, many targets: `export.reuse_run` takes every export of another run, and nothing that is not it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.errors import ConfigError, ExportError
from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import plan_of, preflight, refuse_misconfigured
from runbook_lib.run.facts.export import EXPORTS, ExportStatus
from runbook_lib.run.facts.publication import PUBLICATION
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import open_run
from runbook_lib.run.sealed.seal import seal
from runbook_lib.run.unfinished import SUMS
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.validate.step import validate_tables
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.other_targets import other_target
from tests.support.steps import every_step, the_only
from tests.support.tables import keys_in_bucket
from tests.support.world import World, things


def first_run(world: World, **changes: Any) -> dict[str, Any]:
    record = every_step(world.open("first", **changes))
    assert record["verdict"] == "PASS"
    return record


def refusal(world: World, **changes: Any) -> str:
    settings = other_target(world, "two") | changes
    with pytest.raises(ConfigError) as refused:
        refuse_misconfigured(plan_of(world.open("refused", **settings)))
    return str(refused.value)


def reseal(world: World, change: Callable[[Ledger], None], run_id: str = "first") -> None:
    """Change a run's ledger and seal its folder again, as who forges it would."""
    folder = world.folder / "reports" / run_id
    ledger = Ledger(folder / "ledger.sqlite")
    change(ledger)
    ledger.settle()
    ledger.close()
    (folder / SUMS).unlink()
    seal(folder)


@pytest.mark.whole
def test_three_targets_of_one_export_make_one_export_in_all(world: World) -> None:
    """Loaded by batches, into a table that holds items, and by ImportTable into one that is made."""
    world.pair("a", things(40))
    before = world.requests("ExportTableToPointInTime"), world.requests("Scan")
    config = world.config()
    first = runbook_here("run", config, "--run-id", "first", "--execute")
    assert first.returncode == 0, first.stdout + first.stderr
    world.put(world.source, world.src("a"), things(50))  # what comes later is in none of them
    appended = other_target(world, "two", "a") | {"import": {"on_non_empty": "append"}}
    world.put(world.target, f"{world.tag}-two-a", [{"id": {"S": "stranger"}}])
    made = other_target(world, "three") | {"import": {"strategy": "import_table"}}
    made["tables"] |= {"create_missing": True}
    for run_id, settings, held in (("second", appended, 41), ("third", made, 40)):
        ran = runbook_here("run", world.config(**settings), "--run-id", run_id, "--execute")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (table,) = world.record(run_id)["tables"]
        assert len(world.items(world.target, table["target"])) == held
        (origin,) = world.record("first")["tables"]
        assert (table["reused"], table["reused_run"], table["items_exported"]) == (True, "first", 40)
        assert table["export_arn"] == origin["export_arn"]
        assert table["export_time"] == origin["export_time"]
        assert table["manifest_md5"] == origin["manifest_md5"]
        assert (table["verdict"], table["missing"], table["different"]) == ("PASS", 0, 0)
        for page in ("report.md", "report.html"):
            said = (world.folder / "reports" / run_id / page).read_text(encoding="utf-8")
            assert "Same export as run first" in said, page
        assert runbook_here("verify", world.folder / "reports" / run_id).returncode == 0
    assert world.requests("ExportTableToPointInTime") - before[0] == 1
    assert not any("Same export" in line for line in [(world.folder / "reports/first/report.md").read_text()])


@pytest.mark.parametrize("masked_first", [True, False], ids=["first-masked", "second-masked"])
@pytest.mark.chaos
def test_a_masked_run_and_one_that_is_not_share_the_export_as_the_source_was(
    world: World, masked_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    world.pair("a", people(20))
    transform = {"transform": mask(email_rule(), keep_rule("n"), filter={"keep": "n < :m", "values": {":m": 15}})}
    one, two = (transform, {}) if masked_first else ({}, transform)
    for run_id, settings in (("first", one), ("second", other_target(world, "two", "a") | two)):
        ran = runbook_here("run", world.config(**settings), "--run-id", run_id, "--execute")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    masked, raw = [world.record(r)["tables"][0] for r in (("first", "second") if masked_first else ("second", "first"))]
    assert masked["export_arn"] == raw["export_arn"]
    assert (masked["items_exported"], raw["items_exported"], raw["items_in_target"]) == (20, 20, 20)
    assert masked["items_in_target"] == 15
    found = world.items(world.target, masked["target"])
    assert {item["email"]["S"].rpartition("@")[2] for item in found} == {"example.invalid"}


@pytest.mark.chaos
def test_a_scan_is_shared_too_and_nothing_is_read_again(world: World) -> None:
    world.pair("a", things(30), pitr=False)
    first_run(world)
    run = world.open("second", **other_target(world, "two", "a"))
    record = every_step(run)
    assert record["verdict"] == "PASS"
    assert "Scan" not in record["source_calls"]
    assert record["tables"][0]["reused_run"] == "first"


@pytest.mark.whole
def test_a_table_that_the_other_run_did_not_export_is_refused_by_name(world: World) -> None:
    world.pair("a", things(5))
    world.pair("b", things(5))
    first_run(world, tables={"include": [world.src("a")]})
    settings = other_target(world, "two", "a", "b")
    before = world.requests("ExportTableToPointInTime"), keys_in_bucket(world)
    said = runbook_here("run", world.config(**settings), "--run-id", "second", "--execute")
    assert said.returncode == 2
    assert f"{world.src('b')}: expected an export of it in run first; found none; leave the table out" in said.stderr
    assert not (world.folder / "reports" / "second").exists()
    assert (world.requests("ExportTableToPointInTime"), keys_in_bucket(world)) == before
    run = world.open("second", **settings)
    preflight(run)  # a notebook shows it as a blocker; whoever goes on exports nothing for all that
    export_tables(run)
    assert world.requests("ExportTableToPointInTime") == before[0]
    assert EXPORTS.of(run.ledger, world.src("b")) is None


@pytest.mark.whole
def test_a_run_that_is_not_there_not_finished_or_changed_since_is_refused(world: World) -> None:
    world.pair("a", things(5))
    assert "expected the folder of run first" in refusal(world)
    run = world.open("first")
    preflight(run)
    export_tables(run)
    run.ledger.close()
    assert "expected run first finished and as it was sealed" in refusal(world)
    shutil.rmtree(world.folder / "reports" / "first")
    first_run(world)
    (world.folder / "reports" / "first" / "report.md").write_text("another report")
    assert "report.md was changed" in refusal(world)


@pytest.mark.chaos
def test_the_folder_of_another_run_under_that_name_is_refused(world: World) -> None:
    world.pair("a", things(5))
    first_run(world)
    (world.folder / "reports" / "first").rename(world.folder / "reports" / "swapped")
    settings = other_target(world, "two", reuse="swapped")
    assert "found that of run first" in refusal(world, **settings)
    reseal(world, PUBLICATION.forget, "swapped")
    assert "found that of a run that was never published" in refusal(world, **settings)


@pytest.mark.parametrize("member", ["export_arn", "table_arn", "table_id", "summary_md5", "files_md5"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_an_export_that_is_not_what_the_other_ledger_holds_is_refused(world: World, member: str) -> None:
    world.pair("a", things(5))
    first_run(world)

    def other(ledger: Ledger) -> None:
        fact = ledger.get("export", world.src("a"))
        value = fact["manifest"][member]
        fact["manifest"][member] = value.replace(value[-6:], "000000") if value.startswith("arn:") else "0" * len(value)
        ledger.put("export", world.src("a"), fact)

    reseal(world, other)
    said = refusal(world)
    assert "is not the one that the ledger of run first holds any more" in said
    assert "take export.reuse_run out to export anew" in said


@pytest.mark.chaos
def test_an_export_whose_objects_were_replaced_or_are_gone_is_refused(world: World) -> None:
    world.pair("a", things(5))
    first_run(world)
    (key,) = [k for k in keys_in_bucket(world) if k.endswith("/manifest-summary.json")]
    body = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
    world.put_object(key, body + b" ")
    assert f"export.reuse_run: {world.src('a')}: " in refusal(world)
    world.s3.delete_object(Bucket=world.bucket, Key=key)
    assert f"export.reuse_run: {world.src('a')}: " in refusal(world)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"FilterSpecification": {"ProjectionExpression": "id"}}, "FilterSpecification (ProjectionExpression)"),
        ({"ExportType": "INCREMENTAL_EXPORT"}, "INCREMENTAL_EXPORT"),
        ({"ExportStatus": "FAILED"}, "should be COMPLETED and is FAILED"),
        ({"ItemCount": 4}, "number of items 4"),
    ],
)
@pytest.mark.chaos
def test_what_aws_says_of_the_export_now_decides(world: World, more: dict[str, Any], says: str) -> None:
    world.pair("a", things(5))
    first_run(world)

    def after(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "DescribeExport" or status != 200:
            return None
        data = json.loads(body)
        data["ExportDescription"] |= more
        return status, json.dumps(data).encode()

    with between(world.endpoint) as liar:
        liar.after, behind, world.endpoint = after, world.endpoint, liar.endpoint
        said = refusal(world)
        world.endpoint = behind
    assert says in said
    assert f"export.reuse_run: {world.src('a')}: " in said


@pytest.mark.chaos
def test_a_table_whose_export_failed_and_a_run_of_another_account_are_refused(world: World) -> None:
    world.pair("a", things(5))
    first_run(world)

    def failed(ledger: Ledger) -> None:
        fact = ledger.get("export", world.src("a")) | {"status": ExportStatus.FAILED, "failure": "out of luck"}
        ledger.put("export", world.src("a"), fact)

    reseal(world, failed)
    assert "found FAILED (out of luck); leave the table out" in refusal(world)
    reseal(world, lambda ledger: ledger.put("identity", "source", ledger.get("identity", "source") | {"account": "9"}))
    assert "run first exported from 9/us-east-1" in refusal(world)


@pytest.mark.parametrize(
    "also",
    [{"reuse": "arn:x"}, {"method": {"*": "scan"}}, {"enable_pitr": ["*"]}, {"export_time": "2026-01-01T00:00:00Z"}],
    ids=["reuse", "method", "enable_pitr", "export_time"],
)
def test_what_says_how_to_export_is_refused_beside_it(world: World, also: dict[str, Any]) -> None:
    config = world.config(export={"reuse_run": "first", **also})
    with pytest.raises(ConfigError, match=f"export.reuse_run and export.{next(iter(also))} exclude each other"):
        open_run(str(config), "second", execute=True)


@pytest.mark.whole
def test_a_cleanup_of_the_run_that_made_an_export_leaves_it_to_those_that_use_it(world: World) -> None:
    world.pair("a", things(20))
    first_run(world)
    second = world.open("second", **other_target(world, "two", "a"))
    every_step(second)
    made = {k for k in keys_in_bucket(world) if "/AWSDynamoDB/" in k}
    dry = clean_up(world.open("first", execute=False))
    assert "it is used by second (export.reuse_run or export.reuse)" in the_only(dry).kept
    kept = the_only(clean_up(world.open("first"), "first"))
    assert "it is used by second (export.reuse_run or export.reuse)" in kept.kept
    assert (kept.done, kept.objects) == (False, 0)
    assert made <= keys_in_bucket(world)
    assert world.items(world.target, world.dst("a")) == []  # the target is the run's own
    (checked,) = validate_tables(second).values()
    assert (checked.items_compared, checked.missing) == (20, 0)
    assert not the_only(clean_up(second, "second")).kept
    assert made <= keys_in_bucket(world)  # it only used it
    cleaned = runbook_here("cleanup", world.config(), "--run-id", "first", "--execute", "--confirm", "first")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert not {k for k in keys_in_bucket(world) if "/AWSDynamoDB/" in k or "/register/exports/" in k}
    assert "was cleaned up at" in refusal(world)


@pytest.mark.chaos
def test_an_entry_of_a_killed_run_holds_the_export_and_is_its_own_to_remove(world: World) -> None:
    world.pair("a", things(5))
    first_run(world)
    run = world.open("second", **other_target(world, "two", "a"))
    preflight(run)
    export_tables(run)
    entries = [k for k in keys_in_bucket(world) if "/register/exports/" in k]
    again = open_run(str(world.folder / "reports" / "second" / "migration.yaml"), "second", execute=True)
    preflight(again)
    export_tables(again)
    assert [k for k in keys_in_bucket(world) if "/register/exports/" in k] == entries
    assert len(entries) == 1


@pytest.mark.chaos
def test_who_cannot_say_that_it_uses_an_export_does_not_use_it(world: World) -> None:
    world.pair("a", things(5))
    first_run(world)

    def before(request: Request) -> Answer | None:
        refused = request.method == "PUT" and "/register/exports/" in request.path
        return (403, b"<Error><Code>AccessDenied</Code></Error>") if refused else None

    with between(world.endpoint) as liar:
        liar.instead, behind, world.endpoint = before, world.endpoint, liar.endpoint
        run = world.open("second", **other_target(world, "two", "a"))
        preflight(run)
        with pytest.raises(ExportError, match="cannot say so beside it"):
            export_tables(run)
        world.endpoint = behind


@pytest.mark.chaos
def test_a_run_that_has_its_plan_goes_on_without_the_other_folder(world: World) -> None:
    world.pair("a", things(12))
    first_run(world)
    settings = other_target(world, "two", "a")
    config = world.config(**settings)
    preflight(open_run(str(config), "second", execute=True))
    shutil.rmtree(Path(world.folder / "reports" / "first"))
    record = every_step(open_run(str(config), "second", execute=True))
    assert (record["verdict"], record["tables"][0]["reused_run"]) == ("PASS", "first")
