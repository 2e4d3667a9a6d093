"""A bulk put fills a table that is there from exactly the manifest's files, and what it left over is never a PASS."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import bulk_put as calls
from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.aws.guard.allowed_calls import TARGET_BULK_PUTS
from runbook_lib.aws.session.granted_calls import bulk_putter
from runbook_lib.config.model import Migration, load_config
from runbook_lib.cost.estimate import estimate
from runbook_lib.cost.table_size import TableSize
from runbook_lib.errors import ConfigError, ForbiddenCall, TransferError
from runbook_lib.load import first_write
from runbook_lib.load.targets import bulk_put
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.step import preflight
from runbook_lib.preflight.write_strategy import choose
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.report.sections.cost_rows import dry_run_summary
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.estimate import Basis
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.plan import TableCapacities
from runbook_lib.run.run import Run
from runbook_lib.sandbox import demo_config
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support import records
from tests.support.overwriting import recovery
from tests.support.policies import actions_of, planned, policies_for, resources_of, table_arn
from tests.support.recorded import create_missing_targets, export_tables, import_tables, validate_tables
from tests.support.steps import every_step
from tests.support.tables import keys_in_bucket, target_exists
from tests.support.world import World, indexed_by, things

BY_BULK = {"import": {"strategy": "bulk_put"}}
BY_AUTO = {"import": {"strategy": "auto"}, "tables": {"include": ["*"]}, "prices": {"bulk_put_gb": 0.05}}
ON_DEMAND = TableCapacity(True, None, None, None, None, None, None, {}, None, (), False)
WHAT = RepairChoice(write_missing=True, write_different=True)


def exported(world: World, items: int = 40, execute: bool = True, **changes: Any) -> Run:
    """A run of one table as far as the import."""
    world.pair("a", things(items))
    run = world.open(execute=execute, **{**BY_BULK, **changes})
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def again(run: Run) -> Run:
    """The same run in a later process."""
    return Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)


def ended(run: Run) -> dict[str, Any]:
    """The record once everything was validated, and its only table."""
    validate_tables(run)
    return report_run(run).to_json()


def only(record: dict[str, Any]) -> dict[str, Any]:
    (table,) = record["tables"]
    return dict(table)


def data_folder(run: Run, world: World) -> str:
    return str(run.ledger.get("export", world.src("a"))["manifest"]["folder"]) + "data/"


def count(world: World) -> int:
    return len(world.items(world.target, world.dst("a")))


def operations(world: World) -> list[dict[str, Any]]:
    """Every bulk put into this world's table `a`."""
    summaries = world.target.get_paginator("list_bulk_operations").paginate()
    arns = [one["BulkOperationArn"] for page in summaries for one in page["BulkOperationsSummaryList"]]
    found = [world.target.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"] for arn in arns]
    return [one for one in found if one["TableDetails"][0]["TableName"].endswith(f"table/{world.dst('a')}")]


def await_operation(world: World) -> None:
    while operations(world)[0]["BulkOperationStatus"] == "IN_PROGRESS":
        time.sleep(0.02)


@pytest.mark.whole
def test_a_table_that_is_there_is_filled_and_proved(world: World) -> None:
    world.pair("a", things(40), **indexed_by("n", "N"))
    record = every_step(world.open(**BY_BULK, prices={"bulk_put_gb": 0.05}))
    assert world.items(world.target, world.dst("a")) == world.items(world.source, world.src("a"))
    table = only(record)
    assert (record["verdict"], table["writing"], table["items_written"], table["lines_read"]) == (
        "PASS", "bulk_put", 40, 40,
    )  # fmt: skip
    said = table["bulk_put"]
    assert (said["status"], said["processed"], said["failed"], said["conditions"], said["left_over"]) == (
        "COMPLETED", 40, 0, 0, 0,
    )  # fmt: skip
    assert "bulk-operation/" in said["arn"]
    assert not record["target_calls"].keys() & {"BatchWriteItem", "PutItem", "ImportTable"}
    assert record["spent"]["bulk_put_gb"] == said["bytes_billed"] / (1 << 30) > 0
    assert "filled by a bulk put" in (world.folder / "reports" / "r" / "report.md").read_text()


@pytest.mark.chaos
def test_what_is_made_by_create_missing_is_filled_too(world: World) -> None:
    world.pair("a", things(5))
    world.target.delete_table(TableName=world.dst("a"))
    record = every_step(world.open(**BY_BULK, tables={"create_missing": True}))
    assert (record["verdict"], only(record)["created"]["status"]) == ("PASS", "created")


def test_a_dry_run_checks_the_folder_and_starts_nothing(world: World) -> None:
    run = exported(world, execute=False)
    import_tables(run)
    record = ended(run)
    assert operations(world) == []
    assert (record["verdict"], only(record)["lines_read"], count(world)) == ("DRY-RUN", 40, 0)
    said = dry_run_summary(records.figures(record))[0]
    assert "DynamoDB would fill 1 target" in said
    assert "40 items" in said


def test_nothing_is_started_until_the_target_is_spelled(world: World) -> None:
    run = exported(world, confirm_target="")
    with pytest.raises(ConfigError, match="confirm_target"):
        import_tables(run)
    assert operations(world) == []


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
@pytest.mark.few(1)
def test_an_object_more_under_the_prefix_fails_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    run = exported(world)
    start = calls.start_bulk_put
    extra = data_folder(run, world) + "zz.json.gz", gzip.compress(b'{"Item":{"id":{"S":"not-exported"}}}\n')

    def with_one_more(*arguments: Any) -> Any:
        world.put_object(*extra)
        return start(*arguments)

    if moment == "before":
        world.put_object(*extra)
    else:
        monkeypatch.setattr(bulk_put, "start_bulk_put", with_one_more)
    with pytest.raises(TransferError, match=r"nothing else, found also .*zz\.json\.gz: a bulk put would read"):
        import_tables(run)
    assert (count(world) == 0) == (moment == "before")
    assert validate_tables(run)[world.src("a")]["verdict"] != "PASS"


@pytest.mark.chaos
def test_an_object_that_is_replaced_meanwhile_fails_the_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by the same bytes: nobody can know what else lay there in the meantime."""
    run = exported(world)
    key = run.ledger.rows("SELECT key FROM file")[0]["key"]
    start = calls.start_bulk_put

    def with_another(*arguments: Any) -> Any:
        world.put_object(key, world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read())
        return start(*arguments)

    monkeypatch.setattr(bulk_put, "start_bulk_put", with_another)
    with pytest.raises(TransferError, match=r"changed while a bulk put read it.*on_non_empty: sync"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


def test_a_file_that_is_not_the_manifests_is_not_put(world: World) -> None:
    run = exported(world)
    key = next(row["key"] for row in run.ledger.rows("SELECT key FROM file WHERE items > 0"))
    world.put_object(key, gzip.compress(b'{"Item":{"id":{"S":"other"}}}\n'))
    with pytest.raises(TransferError, match="has MD5"):
        import_tables(run)
    assert operations(world) == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"Item":{"id":{"S":"x"}},"ConditionExpression":"attribute_not_exists(id)"}',
        b'{"ConditionExpression":"attribute_not_exists(id)","Item":{"id":{"S":"x"}}}',
        b'{"Item":{"id":{"S":"x"}}',
        b"no item",
    ],
)
@pytest.mark.few(1)
def test_a_line_that_is_more_or_less_than_an_item_is_refused_before_anything_is_written(
    world: World, line: bytes
) -> None:
    run = exported(world, 3)
    row = run.ledger.rows("SELECT * FROM file WHERE items = (SELECT MAX(items) FROM file)")[0]
    held = world.s3.get_object(Bucket=world.bucket, Key=row["key"])["Body"].read()
    changed = gzip.compress(gzip.decompress(held) + line + b"\n")
    world.put_object(row["key"], changed)
    md5 = base64.b64encode(hashlib.md5(changed, usedforsecurity=False).digest()).decode()
    run.ledger.write("UPDATE file SET items = items + 1, md5 = ? WHERE key = ?", [(md5, row["key"])])
    with pytest.raises(TransferError, match=r"an item and nothing else, and 1 are not.*batch_write"):
        import_tables(run)
    assert operations(world) == []


@pytest.mark.whole
def test_a_bad_record_that_stops_its_object_is_a_fail_and_healed_by_a_repair(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    record = ended(run)
    said = only(record)["bulk_put"]
    assert (record["verdict"], said["status"], said["failed"]) == ("FAIL", "COMPLETED_WITH_ERRORS", 1)
    assert said["processed"] < 40
    assert said["left_over"] == 40 - (said["processed"] - 1) == only(record)["missing"]
    assert said["refused"] == {"InvalidRecord": 1}
    assert "ended COMPLETED_WITH_ERRORS and left" in str(only(record)["reasons"])
    assert "--write-missing" in record["repair_command"]
    (fact,) = repair_tables(run, WHAT, "r")
    assert fact.counts.added == said["left_over"]
    assert report_run(run).verdict == "FAIL"  # only a validation proves
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"]) == ("PASS", 40), record["reasons"]
    assert repair_tables(run, WHAT, "r")[0].counts.written == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.chaos
def test_a_repair_of_what_was_left_over_that_is_killed_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    from runbook_lib.repair import write

    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    validate_tables(run)
    mark, marks = write.mark_sent, list[int]()

    def killed(*arguments: Any) -> None:
        marks.append(1)
        if len(marks) == 2 and not after:
            raise KeyboardInterrupt
        mark(*arguments)
        if len(marks) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "mark_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            repair_tables(run, WHAT, "r")
    repair_tables(run, WHAT, "r")
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"]) == ("PASS", 40), record["reasons"]


@pytest.mark.chaos
def test_what_a_repair_wrote_and_somebody_deleted_since_is_not_counted_as_written(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    validate_tables(run)
    lost = {item["id"]["S"] for item in things(40)} - {
        item["id"]["S"] for item in world.items(world.target, world.dst("a"))
    }
    repair_tables(run, WHAT, "r")
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": min(lost)}})
    table = only(ended(run))
    assert (table["verdict"], table["missing"], table["items_written"]) == ("FAIL", 1, 39)


@pytest.mark.chaos
def test_an_equal_item_that_somebody_else_put_in_place_of_a_left_over_one_is_not_the_runs(world: World) -> None:
    """Equality is not ownership: nobody knows who wrote it, so the run cannot account for it until it does itself."""
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    validate_tables(run)
    there = {item["id"]["S"] for item in world.items(world.target, world.dst("a"))}
    theirs = next(item for item in things(40) if item["id"]["S"] not in there)
    world.put(world.target, world.dst("a"), [theirs])
    even = RepairChoice(True, True, even_after_cut_over=True)
    (fact,) = repair_tables(run, even, "r")
    assert fact.counts.left == 0
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"], only(record)["missing"]) == ("FAIL", 39, 0)
    assert "39 were written, present or quarantined" in str(only(record)["reasons"])
    world.target.delete_item(TableName=world.dst("a"), Key={"id": theirs["id"]})
    validate_tables(run)
    repair_tables(run, WHAT, "r")
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"]) == ("PASS", 40), record["reasons"]


@pytest.mark.chaos
def test_two_items_of_one_key_are_found_by_the_validation(world: World) -> None:
    """DynamoDB counts both as processed and neither as failed."""
    run = exported(world, 3)
    row = run.ledger.rows("SELECT * FROM file WHERE items = (SELECT MAX(items) FROM file)")[0]
    key, said = row["key"], run.ledger.get("export", world.src("a"))
    whole_file = gzip.decompress(world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read())
    changed = gzip.compress(whole_file + whole_file.splitlines()[0] + b"\n")
    world.put_object(key, changed)
    md5 = base64.b64encode(hashlib.md5(changed, usedforsecurity=False).digest()).decode()
    run.ledger.write("UPDATE file SET items = items + 1, md5 = ? WHERE key = ?", [(md5, key)])
    said["items"] = said["manifest"]["items"] = 4
    run.ledger.put("export", world.src("a"), said)
    import_tables(run)
    facts = validate_tables(run)[world.src("a")]
    assert (facts["verdict"], facts["items_written"], facts["items_in_target"]) == ("FAIL", 4, 3)


@pytest.mark.chaos
def test_a_bulk_put_of_a_table_without_items_is_proved_empty(world: World) -> None:
    run = exported(world, 0)
    import_tables(run)
    record = ended(run)
    table = only(record)
    assert (table["items_exported"], table["items_written"], table["items_in_target"]) == (0, 0, 0)
    assert (table["verdict"], record["verdict"]) == ("PASS", "FAIL")  # nothing in the whole run is never a PASS


@pytest.mark.chaos
def test_a_cancelled_bulk_put_is_a_fail_and_healed_by_a_repair(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="cancelled-bulk")
    import_tables(run)
    world.clear_faults()
    record = ended(run)
    assert (record["verdict"], only(record)["bulk_put"]["status"]) == ("FAIL", "CANCELLED")
    assert 0 < only(record)["items_written"] < 40
    repair_tables(run, WHAT, "r")
    assert ended(run)["verdict"] == "PASS"


@pytest.mark.chaos
def test_a_bulk_put_that_failed_fails_its_table_and_says_how_to_go_on(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="failed-bulk")
    with pytest.raises(TransferError, match=r"is FAILED .S3AccessDenied.*on_non_empty: sync"):
        import_tables(run)
    assert ended(run)["verdict"] == "FAIL"


@pytest.mark.chaos
def test_a_slow_bulk_put_is_waited_for(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="slow-bulk")
    import_tables(run)
    assert ended(run)["verdict"] == "PASS"


@pytest.mark.whole
def test_items_that_a_condition_kept_out_are_counted_from_the_output(world: World) -> None:
    """COMPLETED, no failure, all processed: no counter of DynamoDB's tells."""
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="kept-out")
    import_tables(run)
    world.clear_faults()
    record = ended(run)
    said = only(record)["bulk_put"]
    assert (said["status"], said["processed"], said["failed"]) == ("COMPLETED", 40, 0)
    assert said["conditions"] == said["left_over"] == 40 - only(record)["items_written"] > 0
    assert record["verdict"] == "FAIL"
    repair_tables(run, WHAT, "r")
    assert ended(run)["verdict"] == "PASS"


@pytest.mark.whole
def test_an_output_that_cannot_be_read_leaves_the_count_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world)
    start = calls.start_bulk_put

    def with_another(client: Any, request: dict[str, Any], since: Any) -> Any:
        world.put_object(request["OutputS3Configuration"]["S3KeyPrefix"] + "report.parquet", b"PAR1\x00")
        return start(client, request, since)

    monkeypatch.setattr(bulk_put, "start_bulk_put", with_another)
    import_tables(run)
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"], only(record)["bulk_put"]["conditions"]) == (
        "FAIL", None, None,
    )  # fmt: skip
    assert "could not be read" in str(only(record)["reasons"])


@pytest.mark.chaos
def test_no_contents_of_the_output_are_in_the_run_folder(world: World) -> None:
    world.pair("a", [{"id": {"S": "x"}, "n": {"N": "31337001"}}, *things(5)])
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"), **indexed_by("n", "S"))  # refuses every item
    run = world.open(**BY_BULK)
    preflight(run)
    export_tables(run)
    import_tables(run)
    record = ended(run)
    assert (record["verdict"], only(record)["bulk_put"]["refused"]) == ("FAIL", {"ValidationError": 6})
    run.ledger.close()
    for file in (world.folder / "reports").rglob("*"):
        assert not file.is_file() or b"31337001" not in file.read_bytes(), file


@pytest.mark.parametrize(("processed", "failed"), [(None, 0), (41, 0), (40, None), (0, 1)])
@pytest.mark.few(1)
def test_counts_that_cannot_be_fail_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch, processed: int | None, failed: int | None
) -> None:
    run = exported(world)
    look = calls.describe_bulk_put
    monkeypatch.setattr(bulk_put, "describe_bulk_put", lambda *a: replace(look(*a), processed=processed, failed=failed))
    with pytest.raises(TransferError, match="than there are"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


def test_a_count_below_the_manifest_s_is_never_a_pass_though_all_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    look = calls.describe_bulk_put
    monkeypatch.setattr(bulk_put, "describe_bulk_put", lambda *a: replace(look(*a), processed=39))
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("status", ["COMPLETED_WITH_ERRORS", "CANCELLED"])
def test_an_end_with_errors_of_which_none_is_counted_is_no_pass_though_all_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    run = exported(world)
    look = calls.describe_bulk_put

    def ends_otherwise(*arguments: Any) -> Any:
        state = look(*arguments)
        return replace(state, status=status) if state.ended else state

    monkeypatch.setattr(bulk_put, "describe_bulk_put", ends_otherwise)
    with pytest.raises(TransferError, match="both cannot be, so nobody knows what it wrote"):
        import_tables(run)
    assert count(world) == 40
    assert ended(run)["verdict"] == "FAIL"


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.chaos
def test_refusals_in_the_output_that_no_counter_has_are_no_pass(
    world: World, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    run = exported(world)
    start, records = calls.start_bulk_put, b'{"ErrorCode": "ValidationError"}\n' * 3

    def with_refusals(client: Any, request: dict[str, Any], since: Any) -> Any:
        body = gzip.compress(records) if packed else records
        world.put_object(request["OutputS3Configuration"]["S3KeyPrefix"] + "ERROR/part-0", body)
        return start(client, request, since)

    monkeypatch.setattr(bulk_put, "start_bulk_put", with_refusals)
    with pytest.raises(TransferError, match="refused 0 items by its own count, and its output has 3 records of such"):
        import_tables(run)
    assert ended(run)["verdict"] == "FAIL"


def test_an_answer_about_another_operation_is_none(world: World) -> None:
    run = exported(world)

    class Client:
        def describe_bulk_operation(self, **_: Any) -> Any:
            return {"BulkOperationDescription": {"BulkOperationArn": "arn:other", "BulkOperationStatus": "COMPLETED"}}

    with pytest.raises(TransferError, match="the answer is about arn:other"):
        calls.describe_bulk_put(Client(), "arn:mine")
    assert run.ledger.calls("target").get("StartBulkPutItems") is None


@pytest.mark.parametrize("moment", ["start_bulk_put", "describe_bulk_put", "read_output", "refuse_changed"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_run_that_is_killed_anywhere_follows_the_same_operation(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    run = exported(world)
    does = getattr(bulk_put, moment)

    def done_and_killed(*arguments: Any) -> Any:
        does(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk_put, moment, done_and_killed)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)
    later = again(run)
    assert preflight(later).blockers == ()
    create_missing_targets(later)
    import_tables(later)
    record = ended(later)
    assert record["verdict"] == "PASS", record["reasons"]
    assert len(operations(world)) == 1
    import_tables(later)  # a third start changes nothing
    assert len(operations(world)) == 1


@pytest.mark.parametrize("ended_meanwhile", [False, True])
@pytest.mark.few(1)
@pytest.mark.whole
def test_an_answer_that_is_lost_starts_no_second_operation(
    world: World, monkeypatch: pytest.MonkeyPatch, ended_meanwhile: bool
) -> None:
    """AWS honours the token for eight hours; after that only the list of operations tells."""
    run, start = exported(world), calls.start_bulk_put

    def unheard(*arguments: Any) -> Any:
        start(*arguments)
        if ended_meanwhile:
            await_operation(world)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk_put, "start_bulk_put", unheard)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)
    starts = world.requests("StartBulkPutItems")
    import_tables(again(run))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert (len(operations(world)), world.requests("StartBulkPutItems")) == (1, starts)


@pytest.mark.chaos
def test_a_reply_that_is_cut_off_is_asked_for_under_the_same_token(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="lost-reply", table=world.dst("a"), times=1, every=1)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert len(operations(world)) == 1


def test_an_operation_of_somebody_else_s_is_not_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, start = exported(world), calls.start_bulk_put

    def overtaken(client: Any, request: dict[str, Any], since: Any) -> Any:
        world.target.start_bulk_put_items(**request | {"ClientToken": "11111111-2222-3333-4444-555555555555"})
        return start(client, request, since)

    monkeypatch.setattr(bulk_put, "start_bulk_put", overtaken)
    with pytest.raises(TransferError, match="the table is in use"):
        import_tables(run)


@pytest.mark.parametrize("member", ["InputS3Configuration", "OutputS3Configuration"])
@pytest.mark.few(1)
def test_an_operation_of_something_else_under_the_own_token_is_not_followed(
    world: World, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    run, start = exported(world), calls.start_bulk_put

    def other_first(client: Any, request: dict[str, Any], since: Any) -> Any:
        world.target.start_bulk_put_items(**request | {member: request[member] | {"S3KeyPrefix": "other/"}})
        return start(client, request, run.now() - bulk_put.CLOCKS_APART)

    monkeypatch.setattr(bulk_put, "start_bulk_put", other_first)
    with pytest.raises(TransferError, match="did not ask for in this form"):
        import_tables(run)


def test_a_table_of_the_same_name_made_meanwhile_is_not_taken_for_the_own_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, start = exported(world), calls.start_bulk_put

    def replaced(*arguments: Any) -> Any:
        world.target.delete_table(TableName=world.dst("a"))
        world.table(world.target, world.dst("a"))
        return start(*arguments)

    monkeypatch.setattr(bulk_put, "start_bulk_put", replaced)
    with pytest.raises(TransferError, match="which has its name since"):
        import_tables(run)


def test_what_stands_in_the_way_is_told_before_anything_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook_lib.preflight import step as preflight_step

    world.pair("a", things(3))
    low = world.open(**{"import": {"strategy": "bulk_put", "max_wcu": 1023}})
    assert [(b.id, b.found) for b in preflight(low).blockers] == [("rate-of-a-bulk-put", "1,023")]
    look = preflight_step.describe_capacity

    def global_table(client: Any, name: str) -> Any:
        found = look(client, name)
        if found and name == world.dst("a"):
            return found[0], replace(found[1], replicas=("eu-west-1",), indexes_in_making=("by-n",))
        return found

    monkeypatch.setattr(preflight_step, "describe_capacity", global_table)
    run = world.open("other", **BY_BULK)
    assert "a replica in eu-west-1, index by-n, which is being made" in [b.found for b in preflight(run).blockers]


def test_a_target_that_holds_items_is_refused_unless_they_may_be_replaced(world: World) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), [{"id": {"S": "other"}}])
    assert [b.found for b in preflight(world.open(**BY_BULK)).blockers] == ["items in it"]
    with pytest.raises(ConfigError, match="append and strategy: bulk_put cannot be combined"):
        load_config(world.config(**{"import": {"strategy": "bulk_put", "on_non_empty": "append"}}))


def put_but_for_some(world: World) -> Run:
    """A run whose bulk put has left items over, into a table that can be restored."""
    run = exported(world)
    recovery(world, True)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    ended(run)
    return run


@pytest.mark.whole
@pytest.mark.parametrize("taken_back", ["cleanup", "rollback"])
def test_what_others_put_of_what_a_bulk_put_left_over_is_not_touched(taken_back: str, world: World) -> None:
    run = put_but_for_some(world)
    world.put(world.target, world.dst("a"), world.items(world.source, world.src("a")))
    many = count(world)
    if taken_back == "cleanup":
        (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
        assert not removal.done
        why = str(removal.kept)
    else:
        (fact,) = roll_back(run, "r", sleep=lambda seconds: None)
        why = str(fact.failure)
    assert "DynamoDB does not say which" in why
    assert count(world) == many


@pytest.mark.chaos
@pytest.mark.parametrize("taken_back", ["cleanup", "rollback"])
def test_after_a_repair_of_what_a_bulk_put_left_over_nobody_can_tell_whose_items_are(
    taken_back: str, world: World
) -> None:
    run = put_but_for_some(world)
    validate_tables(run)
    (repaired,) = repair_tables(run, RepairChoice(write_missing=True), run.id)
    assert repaired.counts.written
    many = count(world)
    if taken_back == "cleanup":
        (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
        why = str(removal.kept)
    else:
        (fact,) = roll_back(run, "r", sleep=lambda seconds: None)
        why = str(fact.failure)
    assert "DynamoDB does not say which" in why
    assert count(world) == many


@pytest.mark.whole
def test_what_was_put_is_removed_by_a_cleanup_and_what_it_left_over_too(world: World) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="bad-record")
    import_tables(run)
    world.clear_faults()
    ended(run)
    outputs = [row["Key"] for row in world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]]
    assert any("/bulk-put/r/" in key for key in outputs)
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (count(world), removal.done) == (0, True)
    left = [row["Key"] for row in world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", ())]
    assert not any("/bulk-put/" in key for key in left)


def stop_following(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import until the bulk puts have begun, and be interrupted at the first look at what became of one."""

    def killed(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk_put, "describe_bulk_put", killed)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)


@pytest.mark.whole
@pytest.mark.parametrize("going_on", [True, False])
@pytest.mark.few(1)
def test_a_cleanup_waits_for_a_bulk_put_that_was_not_followed_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, going_on: bool
) -> None:
    """It asks itself what has become of it: the run may have been cleaned up in part, and imports nothing any more."""
    run = exported(world)
    stop_following(run, monkeypatch)
    objects, look = keys_in_bucket(world), bulk_put.describe_bulk_put

    def running(client: Any, arn: str) -> Any:
        return replace(look(client, arn), status="IN_PROGRESS")

    with monkeypatch.context() as patch:
        patch.setattr(bulk_put, "describe_bulk_put", running)
        (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
        assert "may still be writing" in removal.kept
        assert removal.done is False
        assert objects <= keys_in_bucket(world)  # it reads them
        (fact,) = roll_back(run, "r")
        assert "may still be writing" in str(fact.failure)
    assert target_exists(world, world.dst("a"))
    if going_on:
        import_tables(run)
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (count(world), removal.done) == (0, True)


@pytest.mark.chaos
@pytest.mark.parametrize("known", [True, False], ids=["its ARN is known", "killed before its ARN was recorded"])
def test_a_run_that_was_cleaned_up_in_part_is_cleaned_up_of_a_bulk_put_that_nobody_followed(
    world: World, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The cleanup of one table ends the run; the other table's bulk put ends by itself."""
    world.pair("b", things(20))
    run = exported(world)
    stop_following(run, monkeypatch)
    if not known:
        fact = IMPORTS.needed(run.ledger, world.src("b"))
        assert fact.bulk_put is not None
        lost = replace(fact.bulk_put, arn=None, status=None, table_id=None, ended=None)
        IMPORTS.record(run.ledger, world.src("b"), replace(fact, bulk_put=lost))
    only_a = again(run)
    only_a.only = world.src("a")
    cleaned_up(only_a)
    begun = world.requests("StartBulkPutItems")
    cleaned_up(again(run))
    assert world.requests("StartBulkPutItems") == begun  # it looked, and began nothing
    assert world.items(world.target, world.dst("b")) == []
    assert keys_in_bucket(world) == set()


def cleaned_up(run: Run) -> None:
    """Clean up; while a bulk put goes on, that is refused."""
    by = time.monotonic() + 60
    while not all(removal.done for removal in clean_up(run, "r", sleep=lambda seconds: None)):
        assert time.monotonic() < by
        time.sleep(0.1)


REFUSED = {"operation": "StartBulkPutItems", "kind": "denied", "every": 1, "times": 1000}


def marks(world: World) -> list[tuple[str, str]]:
    """The marks of runs in the register: which, and RUN.NUMBER."""
    parts = [key.split("/")[-2:] for key in keys_in_bucket(world) if "/register/" in key]
    return sorted((at.partition(".")[0], name) for at, name in parts if at.startswith(("writing.", "stopped.")))


def not_started(run: Run, world: World, said: str = "could not be started", **fault: Any) -> None:
    """Import as far as to an answer that is no operation."""
    world.fault(**(REFUSED | fault))
    with pytest.raises(TransferError, match=said):
        import_tables(run)
    world.clear_faults()


def in_use(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import beside an operation of somebody else's into the same table."""
    start = calls.start_bulk_put

    def overtaken(client: Any, request: dict[str, Any], since: Any) -> Any:
        theirs = {"ClientToken": str(uuid.uuid4()), "OutputS3Configuration": request["OutputS3Configuration"]}
        world.fault(operation="StartBulkPutItems", kind="slow-bulk")
        world.target.start_bulk_put_items(**request | theirs)
        world.clear_faults()
        return start(client, request, since)

    with monkeypatch.context() as patch:
        patch.setattr(bulk_put, "start_bulk_put", overtaken)
        with pytest.raises(TransferError, match="the table is in use"):
            import_tables(run)
    await_operation(world)


@pytest.mark.whole
def test_a_bulk_put_that_was_refused_keeps_no_other_run_out(world: World) -> None:
    run = exported(world)
    not_started(run, world)
    assert marks(world) == [("stopped", "r.1"), ("writing", "r.1")]
    record = ended(run)
    assert (record["verdict"], only(record)["items_written"]) == ("FAIL", 0)
    assert "nobody knows" not in str(only(record)["reasons"])
    next_one = world.open("next")
    assert preflight(next_one).blockers == ()
    export_tables(next_one)
    import_tables(next_one)
    assert validate_tables(next_one)[world.src("a")]["verdict"] == "PASS"


@pytest.mark.chaos
def test_a_bulk_put_that_was_refused_is_cleaned_up_and_rolled_back(world: World) -> None:
    run = exported(world)
    not_started(run, world)
    looks = world.requests("ListBulkOperations")
    (fact,) = roll_back(run, "r", sleep=lambda seconds: None)
    assert fact.failure is None
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (removal.done, removal.kept, world.requests("ListBulkOperations")) == (True, "", looks)
    assert keys_in_bucket(world) == set()


@pytest.mark.chaos
def test_a_bulk_put_that_was_refused_is_begun_by_a_later_start(world: World) -> None:
    run = exported(world)
    for _ in range(2):
        not_started(run, world)
    import_tables(again(run))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert marks(world) == sorted((mark, f"r.{n}") for mark in ("stopped", "writing") for n in (1, 2, 3))


def test_a_bulk_put_into_a_table_that_is_in_use_was_not_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world, 3)
    in_use(run, world, monkeypatch)
    known = IMPORTS.needed(run.ledger, world.src("a")).bulk_put
    assert known is not None
    assert known.not_begun
    assert ("stopped", "r.1") in marks(world)


def in_doubt(run: Run, world: World) -> None:
    """Import as far as to a refusal of what had been sent before, and was answered with a failure."""
    world.fault(operation="StartBulkPutItems", kind="internal-error", every=1, times=1)
    not_started(run, world, "may have begun it all the same")
    assert marks(world) == [("writing", "r.1")]


def test_a_refusal_of_what_was_sent_before_and_not_answered_proves_nothing(world: World) -> None:
    """The first try has begun one; DynamoDB lists it under its token."""
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind="lost-reply", every=1, times=1)
    world.fault(**REFUSED)
    import_tables(run)
    assert (len(operations(world)), count(world)) == (1, 40)
    (fact,) = roll_back(run, "r", sleep=lambda seconds: None)
    assert fact.failure is None
    assert count(world) == 0
    assert ("stopped", "r.1") in marks(world)


@pytest.mark.chaos
def test_a_bulk_put_that_may_yet_begin_is_waited_for_an_hour_and_no_longer(world: World) -> None:
    run = exported(world)
    in_doubt(run, world)
    begun = datetime.now(UTC)
    run.now = lambda: begun + timedelta(minutes=30)
    not_started(run, world, "may have begun it all the same")  # it says nothing of what was sent before
    assert not any(mark == "stopped" for mark, _ in marks(world))
    for minutes, is_over in ((88, False), (92, True)):
        run.now = lambda moment=begun + timedelta(minutes=minutes): moment  # type: ignore[misc]
        (fact,) = roll_back(run, "r", sleep=lambda seconds: None)
        assert ("may still be writing" in str(fact.failure)) != is_over
        assert (("stopped", "r.2") in marks(world)) == is_over
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (removal.done, removal.kept, keys_in_bucket(world)) == (True, "", set())


@pytest.mark.parametrize("kind", ["failed-bulk", "cancelled-bulk"])
def test_a_bulk_put_that_ended_badly_keeps_no_other_run_out(world: World, kind: str) -> None:
    run = exported(world)
    world.fault(operation="StartBulkPutItems", kind=kind)
    with suppress(TransferError):
        import_tables(run)
    assert marks(world) == [("stopped", "r.1"), ("writing", "r.1")]


def test_a_bulk_put_that_goes_on_is_said_to_write_though_its_run_may_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    stop_following(run, monkeypatch)
    assert marks(world) == [("writing", "r.1")]

    def refused(*arguments: Any, adds: bool) -> Any:
        raise TransferError("another run has begun to write")

    with monkeypatch.context() as patch:
        patch.setattr(first_write, "refuse_others", refused)
        with pytest.raises(TransferError, match="another run has begun"):
            import_tables(again(run))
    assert not any(mark == "stopped" for mark, _ in marks(world))
    import_tables(again(run))
    assert ("stopped", "r.1") in marks(world)


def test_who_has_one_bulk_put_begun_can_do_nothing_else(world: World) -> None:
    world.table(world.target, world.dst("a"))
    world.table(world.target, world.dst("b"))
    run = world.open(**BY_BULK, tables={"include": ["*"]})
    asked = {
        "ClientToken": "t", "TableName": world.dst("a"),
        "InputS3Configuration": {"S3Bucket": world.bucket, "S3KeyPrefix": "x/data/", "InputFormat": "DYNAMODB_JSON"},
        "OutputS3Configuration": {"S3Bucket": world.bucket, "S3KeyPrefix": "out/", "OutputType": ["ERROR"]},
    }  # fmt: skip
    client = bulk_putter(run.clients, asked)
    source = asked["InputS3Configuration"]
    for call in (
        lambda: client.start_bulk_put_items(**asked | {"TableName": world.dst("b")}),
        lambda: client.start_bulk_put_items(**asked | {"InputS3Configuration": source | {"S3KeyPrefix": "x/"}}),  # type: ignore[operator]
        lambda: client.start_bulk_put_items(**asked | {"MaxWriteRequestUnits": 5_000}),
        lambda: client.cancel_bulk_operation(BulkOperationArn="a" * 40),
        lambda: client.import_table(),
        lambda: run.clients.target.start_bulk_put_items(**asked),
        lambda: run.clients.source.list_bulk_operations(),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    assert client.start_bulk_put_items(**asked)["BulkOperationDescription"]["ClientToken"] == "t"
    client.close()


def test_bulk_puts_are_granted_only_where_they_are_asked_for() -> None:
    plain, target = policies_for(planned("a", "export")), table_arn("a-new", "us-east-2")
    assert not actions_of(plain["target"]) & TARGET_BULK_PUTS
    found = policies_for(planned("a", "export"), **BY_BULK)
    assert actions_of(found["target"]) >= TARGET_BULK_PUTS
    assert not actions_of(found["target"]) & {"dynamodb:BatchWriteItem", "dynamodb:ImportTable"}
    assert resources_of(found["target"], "dynamodb:StartBulkPutItems") == {target}
    assert any(place.endswith("/bulk-put/*") for place in resources_of(found["target"], "s3:PutObject"))
    auto = policies_for(planned("a", "export"), **BY_AUTO)
    assert actions_of(auto["target"]) >= {"dynamodb:BatchWriteItem", "dynamodb:StartBulkPutItems"}


def test_auto_weighs_a_bulk_put_only_where_a_price_is_known() -> None:
    facts: Any = type("Facts", (), {"indexes": ()})()
    pair = Pair("a", "b", Method.EXPORT, None, facts, facts)

    def chosen(target: Any = None, **changes: Any) -> tuple[str, str]:
        config = Migration.model_validate(demo_config("https://aws") | BY_AUTO | changes)
        load = TableSize("a", "b", Method.EXPORT, Basis.MANIFEST, 1_000, 400_000, 1, ())
        (work,) = estimate(config, [load], {}).tables
        choice = choose(config, pair, work, TableCapacities(None, target))
        return choice.writing, choice.why

    assert chosen()[0] == "bulk_put"
    assert "a bulk put costs about" in chosen()[1]
    assert chosen(prices={})[0] == "batch_write"
    assert chosen(prices={"bulk_put_gb": 50.0})[0] == "batch_write"
    assert chosen(**{"import": {"strategy": "auto", "max_wcu": 1000}})[0] == "batch_write"
    assert chosen(**{"import": {"strategy": "auto", "on_non_empty": "append"}})[0] == "batch_write"
    assert chosen(replace(ON_DEMAND, replicas=("eu-west-1",)))[0] == "batch_write"
    assert chosen(replace(ON_DEMAND, on_demand=False))[0] == "batch_write"
    scanned = replace(pair, method=Method.SCAN)
    config = Migration.model_validate(demo_config("https://aws") | BY_AUTO)
    assert choose(config, scanned, None).writing == "batch_write"


def test_the_estimate_has_a_line_of_bulk_puts_and_no_writes() -> None:
    config = Migration.model_validate(demo_config("https://aws") | BY_BULK | {"prices": {"bulk_put_gb": 1.0}})
    load = TableSize("a", "b", Method.EXPORT, Basis.MANIFEST, 1_000, 1 << 30, 1, (), writing="bulk_put")  # type: ignore[arg-type]
    lines = {part.name: part for part in estimate(config, [load], {}).parts}
    assert lines["Bulk put"].usd is not None
    assert lines["Bulk put"].usd.low == 1.0
    assert lines["Writes of items"].quantity is not None
    assert lines["Writes of items"].quantity.high == 0


def test_the_waiter_that_counts_errors_as_success_is_not_used() -> None:
    from pathlib import Path

    texts = [file.read_text(encoding="utf-8") for file in Path("runbook_lib").rglob("*.py")]
    assert not any("bulk_operation_completed" in text for text in texts)
