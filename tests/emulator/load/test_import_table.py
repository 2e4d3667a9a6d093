"""ImportTable makes and fills a target from exactly the manifest's files, and its counts have to add up."""

from __future__ import annotations

import base64
import gzip
import hashlib
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import imports
from runbook_lib.aws.dynamodb.describe.capacity import describe_capacity
from runbook_lib.aws.dynamodb.describe.definition import read_definition
from runbook_lib.aws.guard.allowed_calls import TARGET_IMPORTS
from runbook_lib.config.model import Migration
from runbook_lib.cost.estimate import estimate
from runbook_lib.cost.table_size import TableSize
from runbook_lib.errors import ConfigError, ForbiddenCall, TransferError
from runbook_lib.iac.iam_policy import policies
from runbook_lib.load.targets import import_table as table_import
from runbook_lib.plan.pair import Pair
from runbook_lib.preflight import step as preflight_step
from runbook_lib.preflight.step import preflight
from runbook_lib.preflight.write_strategy import choose
from runbook_lib.report.sections.cost_rows import dry_run_summary
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.estimate import Basis
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run
from runbook_lib.sandbox import demo_config
from runbook_lib.undo.cleanup import clean_up
from tests.support import records
from tests.support.policies import actions_of, assumed_role, planned, policies_for, resources_of, table_arn
from tests.support.recorded import create_missing_targets, export_tables, import_tables, validate_tables
from tests.support.steps import every_step
from tests.support.tables import target_exists, turn_on_recovery
from tests.support.world import ID, ID_TYPES, World, indexed_by, things

EVERY_KIND = {
    "id": {"S": "all"}, "n": {"N": "1.5E+20"}, "b": {"B": b"\x00\xff"}, "t": {"BOOL": True}, "z": {"NULL": True},
    "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": [b"\x00", b"\x01"]},
    "l": {"L": [{"N": "12345678901234567890123456789012345678"}, {"M": {"": {"S": ""}}}]},
}  # fmt: skip
BY_SERVICE = {"import": {"strategy": "import_table"}}
BY_AUTO = {"import": {"strategy": "auto"}, "tables": {"create_missing": True}}


def source(world: World, name: str, items: list[dict[str, Any]], **definition: Any) -> str:
    """A source table that is exported by AWS and has no target."""
    table = world.src(name)
    world.table(world.source, table, **definition)
    turn_on_recovery(world, world.source, table, 9)
    world.put(world.source, table, items)
    return table


def exported(world: World, items: int = 30, **changes: Any) -> Run:
    """A run of one table as far as the import."""
    source(world, "a", things(items))
    run = world.open(**{**BY_SERVICE, **changes})
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def data_folder(run: Run, world: World) -> str:
    return str(run.ledger.get("export", world.src("a"))["manifest"]["folder"]) + "data/"


def again(run: Run) -> Run:
    """The same run in a later process."""
    return Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)


def only(record: dict[str, Any]) -> dict[str, Any]:
    (table,) = record["tables"]
    return dict(table)


def requests(world: World, operation: str) -> int:
    return world.requests(operation)


@pytest.mark.whole
def test_a_target_is_made_and_filled_bit_by_bit_and_proved(world: World) -> None:
    index = indexed_by("n", "N")
    name = source(
        world, "a", [*things(40), EVERY_KIND],
        **index,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "x"}],
    )  # fmt: skip
    world.source.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    world.pair("b", things(7), pitr=False)  # has a target, and is left out
    record = every_step(world.open(**BY_SERVICE, tables={"exclude": [world.src("b")]}))
    assert world.items(world.target, world.dst("a")) == world.items(world.source, name)
    assert replace(read_definition(world.target, world.dst("a")), name=name) == read_definition(world.source, name)
    table = only(record)
    assert (record["verdict"], table["writing"], table["items_written"], table["lines_read"]) == (
        "PASS", "import_table", 41, 41,
    )  # fmt: skip
    said = table["import_table"]
    assert (said["processed"], said["imported"], said["errors"], said["status"]) == (41, 41, 0, "COMPLETED")
    assert "/import/" in said["arn"]
    assert "/aws-dynamodb/" in said["log_group"]
    assert "BatchWriteItem" not in record["target_calls"]
    assert (table["created"]["status"], table["existed_before"]) == ("created", False)
    assert record["spent"]["import_gb"] > 0
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    assert "made and filled by ImportTable" in report


def test_a_dry_run_checks_the_folder_and_imports_nothing(world: World) -> None:
    before = requests(world, "ImportTable")
    run = exported(world, execute=False)
    import_tables(run)
    validate_tables(run)
    record = report_run(run).to_json()
    assert requests(world, "ImportTable") == before
    assert not target_exists(world, world.dst("a"))
    table = only(record)
    assert (record["verdict"], table["lines_read"], table["created"]["status"]) == ("DRY-RUN", 30, "would be created")
    assert "ImportTable will make it as its source is: " in str(record["warnings"])  # one line for all tables
    said = dry_run_summary(records.figures(record))[0]
    assert "DynamoDB would create 1 target" in said
    assert "requests" not in said


def test_nothing_is_imported_until_the_target_is_spelled(world: World) -> None:
    run = exported(world, confirm_target="")
    with pytest.raises(ConfigError, match="confirm_target"):
        import_tables(run)
    assert not target_exists(world, world.dst("a"))


@pytest.mark.whole
def test_an_object_more_under_the_prefix_is_found_before_it_is_read(world: World) -> None:
    run = exported(world)
    extra = gzip.compress(b'{"Item":{"id":{"S":"not-exported"}}}\n')
    world.put_object(data_folder(run, world) + "zz.json.gz", extra)
    with pytest.raises(TransferError, match=r"nothing else, found also .*zz\.json\.gz"):
        import_tables(run)
    assert not target_exists(world, world.dst("a"))
    assert validate_tables(run)[world.src("a")]["verdict"] != "PASS"


@pytest.mark.chaos
def test_an_object_that_comes_while_it_is_imported_fails_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    start = imports.start_import

    def with_one_more(client: Any, request: dict[str, Any]) -> Any:
        world.put_object(data_folder(run, world) + "zz.json.gz", gzip.compress(b""))
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", with_one_more)
    with pytest.raises(TransferError, match="found also"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


def test_an_object_that_is_replaced_while_it_is_imported_fails_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the same bytes: nobody can know what else lay there in the meantime."""
    run = exported(world)
    key = run.ledger.rows("SELECT key FROM file")[0]["key"]
    start = imports.start_import

    def with_another(client: Any, request: dict[str, Any]) -> Any:
        world.put_object(key, world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read())
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", with_another)
    with pytest.raises(TransferError, match="changed while ImportTable read it"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


def test_a_file_that_is_not_the_manifests_is_not_imported(world: World) -> None:
    run = exported(world)
    key = next(row["key"] for row in run.ledger.rows("SELECT key FROM file WHERE items > 0"))
    world.put_object(key, gzip.compress(b'{"Item":{"id":{"S":"other"}}}\n'))
    with pytest.raises(TransferError, match="has MD5"):
        import_tables(run)
    assert not target_exists(world, world.dst("a"))


@pytest.mark.whole
def test_items_that_are_refused_are_quarantined_and_fail_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    request = table_import.request_of

    def of_another_type(*arguments: Any) -> dict[str, Any]:
        """An index on `n` as text: ImportTable has to refuse every item, which has it as a number."""
        return request(*arguments) | indexed_by("n", "S")

    monkeypatch.setattr(table_import, "request_of", of_another_type)
    with pytest.raises(Exception, match="is not as"):
        import_tables(run)
    validate_tables(run)
    record = report_run(run).to_json()
    table = only(record)
    assert (record["verdict"], table["items_written"], table["items_quarantined"]) == ("FAIL", 0, 30)
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    assert "ImportTable refused them, and says which and why in the log group `arn:aws:logs" in report
    assert table["import_table"]["failure_code"] == "ItemValidationError"


@pytest.mark.parametrize("counts", [(30, 29, 0), (29, 29, 0), (None, 30, 0)])
def test_counts_that_do_not_add_up_fail_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch, counts: tuple[int | None, int, int]
) -> None:
    run = exported(world)
    look = imports.describe_import

    def miscounted(client: Any, arn: str) -> imports.ImportState:
        processed, imported, errors = counts
        return replace(look(client, arn), processed=processed, imported=imported, errors=errors)

    monkeypatch.setattr(table_import, "describe_import", miscounted)
    with pytest.raises(TransferError, match="they should add up"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


def test_items_of_one_key_are_found_by_the_validation(world: World) -> None:
    """ImportTable counts both and calls neither an error."""
    run = exported(world, 3)
    row = run.ledger.rows("SELECT * FROM file WHERE items = (SELECT MAX(items) FROM file)")[0]
    key, said = row["key"], run.ledger.get("export", world.src("a"))
    whole_file = gzip.decompress(world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read())
    line = whole_file.splitlines()[0] + b"\n"
    changed = gzip.compress(whole_file + line)
    world.put_object(key, changed)
    md5 = base64.b64encode(hashlib.md5(changed, usedforsecurity=False).digest()).decode()
    run.ledger.write("UPDATE file SET items = items + 1, md5 = ? WHERE key = ?", [(md5, key)])
    said["items"] = said["manifest"]["items"] = 4
    run.ledger.put("export", world.src("a"), said)
    import_tables(run)
    facts = validate_tables(run)[world.src("a")]
    assert (facts["verdict"], facts["items_written"], facts["items_in_target"]) == ("FAIL", 4, 3)


@pytest.mark.whole
@pytest.mark.parametrize("moment", ["start_import", "describe_import", "settle_imported"])
@pytest.mark.few(1)
def test_a_run_that_is_killed_anywhere_follows_the_same_import(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    run = exported(world)
    before, does = requests(world, "ImportTable"), getattr(table_import, moment)

    def done_and_killed(*arguments: Any) -> Any:
        does(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(table_import, moment, done_and_killed)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)
    known = run.ledger.get("import", world.src("a"))["import_table"]
    assert ("arn" in known) == (moment != "start_import")
    later = again(run)
    assert preflight(later).blockers == ()  # whether the table is still being filled or not
    create_missing_targets(later)
    import_tables(later)
    validate_tables(later)
    record = report_run(later).to_json()
    assert record["verdict"] == "PASS", record["reasons"]
    assert requests(world, "ImportTable") - before == (2 if moment == "start_import" else 1)
    summaries = world.target.list_imports()["ImportSummaryList"]
    assert len([s for s in summaries if s["TableArn"].endswith(f"table/{world.dst('a')}")]) == 1


@pytest.mark.chaos
def test_a_process_that_is_killed_while_it_waits_is_followed_by_one_that_imports_nothing_again(world: World) -> None:
    run = exported(world)
    looks, calls = requests(world, "DescribeImport"), requests(world, "ImportTable")
    world.fault(operation="DescribeImport", kind="delay", seconds=30, times=1, every=1)
    life = (
        "import sys; from runbook_lib.run.run import open_run; from runbook_lib.load.step import import_tables; "
        "import_tables(open_run(sys.argv[1], 'r', True))"
    )
    with subprocess.Popen([sys.executable, "-c", life, str(run.folder / "migration.yaml")]) as process:
        while requests(world, "DescribeImport") == looks:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    world.clear_faults()
    later = again(run)
    assert preflight(later).blockers == ()
    import_tables(later)
    assert validate_tables(later)[world.src("a")]["verdict"] == "PASS"
    assert requests(world, "ImportTable") == calls + 1


def test_only_the_own_import_may_still_be_filling_its_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world)
    import_tables(run)
    look = describe_capacity

    def still_filling(client: Any, name: str) -> Any:
        found = look(client, name)
        return (replace(found[0], status="CREATING"), found[1]) if found and name == world.dst("a") else found

    monkeypatch.setattr(preflight_step, "describe_capacity", still_filling)
    assert preflight(again(run)).blockers == ()
    others = [b.found for b in preflight(world.open("other", **BY_SERVICE)).blockers]
    assert others == ["a table that is CREATING", "CREATING"]


def test_an_answer_that_is_lost_starts_no_second_import(world: World) -> None:
    run = exported(world)
    world.fault(operation="ImportTable", kind="lost-reply", table=world.dst("a"), times=1, every=1)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def refused(run: Run, world: World) -> None:
    world.fault(operation="ImportTable", kind="denied")
    with pytest.raises(TransferError, match="could not be started"):
        import_tables(run)
    world.clear_faults()


@pytest.mark.chaos
def test_an_import_that_was_refused_lays_no_claim_to_a_table_that_another_run_makes(world: World) -> None:
    run = exported(world)
    refused(run, world)
    known = IMPORTS.needed(run.ledger, world.src("a"))
    assert "could not be started" in str(known.failure)
    assert not known.has_begun
    next_one = world.open("next", **BY_SERVICE)
    assert preflight(next_one).blockers == ()
    export_tables(next_one)
    import_tables(next_one)
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (removal.done, removal.kept) == (True, "")
    assert validate_tables(next_one)[world.src("a")]["verdict"] == "PASS"
    (removal,) = clean_up(next_one, "next", sleep=lambda seconds: None)
    assert (removal.table_deleted, removal.kept) == (True, "")


@pytest.mark.chaos
def test_an_import_that_was_refused_is_begun_by_a_later_start(world: World) -> None:
    run = exported(world)
    refused(run, world)
    import_tables(again(run))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


@pytest.mark.chaos
def test_an_import_that_was_refused_after_an_answer_that_nobody_heard_is_followed(world: World) -> None:
    run = exported(world)
    world.fault(operation="ImportTable", kind="lost-reply", every=1, times=1)
    world.fault(operation="ImportTable", kind="denied")
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def await_import(world: World) -> None:
    """Until DynamoDB has done with the only import of this world."""
    while world.target.describe_table(TableName=world.dst("a"))["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.02)


@pytest.mark.parametrize("lost", ["answer", "process"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_an_import_that_ended_before_its_answer_was_heard_is_found_and_proved(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """AWS knows the token only while the import runs; afterwards the table is in the way."""
    run, start = exported(world), imports.start_import

    def ended_unheard(client: Any, request: dict[str, Any]) -> Any:
        start(client, request)
        await_import(world)
        if lost == "process":
            raise KeyboardInterrupt
        return start(client, request)  # what a repetition after a lost answer meets

    with monkeypatch.context() as patch:
        patch.setattr(table_import, "start_import", ended_unheard)
        with pytest.raises(KeyboardInterrupt) if lost == "process" else nullcontext():
            import_tables(run)
    later = again(run)
    assert preflight(later).blockers == ()
    import_tables(later)
    validate_tables(later)
    record = report_run(later).to_json()
    assert (record["verdict"], only(record)["items_written"]) == ("PASS", 30), record["reasons"]
    summaries = world.target.list_imports()["ImportSummaryList"]
    assert len([s for s in summaries if s["TableArn"].endswith(f"table/{world.dst('a')}")]) == 1


def test_an_import_of_the_same_table_by_somebody_else_is_not_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's import of the same bucket and prefix ends while this run's own request is on its way."""
    run, start = exported(world), imports.start_import

    def overtaken(client: Any, request: dict[str, Any]) -> Any:
        world.target.import_table(**request | {"ClientToken": "11111111-2222-3333-4444-555555555555"})
        await_import(world)
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", overtaken)
    with pytest.raises(TransferError, match="no import of it has this run's token: somebody else made it"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] != "PASS"


@pytest.mark.parametrize("member", ["S3Bucket", "S3KeyPrefix"])
def test_an_import_of_something_else_under_the_same_token_is_not_followed(
    world: World, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    """AWS answers with the original import and does not say that more was asked for."""
    run, start = exported(world), imports.start_import

    def other_first(client: Any, request: dict[str, Any]) -> Any:
        start(client, request | {"S3BucketSource": request["S3BucketSource"] | {member: "other-" + world.bucket}})
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", other_first)
    with pytest.raises(TransferError, match="this run did not ask for in this form"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] != "PASS"


@pytest.mark.whole
def test_whether_an_import_is_the_own_one_is_never_guessed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, start = exported(world), imports.start_import

    def ended_unheard(client: Any, request: dict[str, Any]) -> Any:
        start(client, request)
        await_import(world)
        world.fault(operation="ListImports", kind="expired-token")
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", ended_unheard)
    with pytest.raises(TransferError, match="cannot be found out"):
        import_tables(run)
    world.clear_faults()
    monkeypatch.setattr(table_import, "start_import", start)
    import_tables(again(run))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def test_a_table_that_somebody_made_meanwhile_is_not_taken_for_ours(world: World) -> None:
    run = exported(world)
    world.table(world.target, world.dst("a"))
    with pytest.raises(TransferError, match="made by somebody else"):
        import_tables(run)
    assert world.items(world.target, world.dst("a")) == []


def test_a_target_that_exists_stands_in_the_way(world: World) -> None:
    world.pair("a", things(3))
    run = world.open(**BY_SERVICE)
    assert [b.found for b in preflight(run).blockers] == ["a table that is ACTIVE"]


def test_warm_throughput_that_would_be_paid_for_nothing_stands_in_the_way(world: World) -> None:
    source(world, "a", things(3))
    run = world.open(**{"import": {"strategy": "import_table", "warm_throughput": {world.dst("a"): 5_000}}})
    assert [b.remedy for b in preflight(run).blockers] == ["take it out of import.warm_throughput"]


def test_local_indexes_stand_in_the_way_of_the_one_and_decide_the_other(world: World) -> None:
    local = {
        "IndexName": "by-m",
        "KeySchema": [*ID, {"AttributeName": "m", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    source(
        world, "a", things(3),
        KeySchema=[*ID, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[*ID_TYPES, *({"AttributeName": a, "AttributeType": "N"} for a in ("n", "m"))],
        LocalSecondaryIndexes=[local],
    )  # fmt: skip
    assert [b.found for b in preflight(world.open(**BY_SERVICE)).blockers] == ["local indexes: by-m"]
    (pair,) = preflight(world.open("auto", **BY_AUTO)).pairs
    assert (pair.writing, "local indexes" in pair.why) == ("batch_write", True)


@pytest.mark.whole
def test_auto_lets_dynamodb_fill_what_that_is_cheaper_for(world: World) -> None:
    source(world, "a", things(60))
    world.pair("b", things(5))
    world.table(world.source, world.src("c"))  # no recovery: scanned
    world.put(world.source, world.src("c"), things(5))
    run = world.open(**BY_AUTO)
    record = every_step(run)
    assert record["verdict"] == "PASS", record["reasons"]
    ways = {t["source"].rpartition("-")[2]: (t["writing"], t["writing_why"]) for t in record["tables"]}
    assert {name: way for name, (way, _) in ways.items()} == {
        "a": "import_table", "b": "batch_write", "c": "batch_write",
    }  # fmt: skip
    assert "ImportTable costs about" in ways["a"][1]
    assert "the target exists" in ways["b"][1]
    assert "not exported by AWS" in ways["c"][1]
    assert "way of writing" in {c["name"] for c in record["checks"]}


def test_auto_takes_writes_where_they_are_cheaper_or_nothing_is_known() -> None:
    facts: Any = type("Facts", (), {"indexes": ()})()
    pair = Pair("a", "b", "export", None, facts, None)

    def chosen(items: int | None, size: int | None, **changes: Any) -> str:
        config = Migration.model_validate(demo_config("https://aws") | BY_AUTO_WHOLE | changes)
        load = TableSize("a", "b", "export", Basis.MANIFEST, items, size, 1, ())
        (work,) = estimate(config, [load], {}).tables
        return choose(config, pair, work).writing

    assert chosen(1_000, 400_000) == "import_table"
    assert chosen(None, None) == "batch_write"
    assert chosen(0, 0) == "batch_write"
    assert chosen(1_000, 400_000, prices={"million_writes": 0.001}) == "batch_write"
    assert chosen(1_000, 400_000, tables={"include": ["*"]}) == "batch_write"


BY_AUTO_WHOLE = {"import": {"strategy": "auto"}, "tables": {"include": ["*"], "create_missing": True}}


def test_an_import_of_an_empty_folder_ends_as_an_empty_table_that_says_so(world: World) -> None:
    """DynamoDB calls it completed, as scylladb measured on AWS; only the counts tell."""
    made_by = {
        "TableName": world.dst("a"), "KeySchema": ID, "AttributeDefinitions": ID_TYPES,
        "BillingMode": "PAY_PER_REQUEST",
    }  # fmt: skip
    answer = world.target.import_table(
        S3BucketSource={"S3Bucket": world.bucket, "S3KeyPrefix": "nothing/"},
        InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP", TableCreationParameters=made_by,
    )  # fmt: skip
    arn = answer["ImportTableDescription"]["ImportArn"]
    while (said := imports.describe_import(world.target, arn)).status == imports.IN_PROGRESS:
        pass
    assert (said.status, said.processed, said.imported) == ("COMPLETED", 0, 0)


@pytest.mark.chaos
def test_an_import_that_dynamodb_gives_up_fails_the_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = exported(world)
    look = imports.describe_import

    def failed(client: Any, arn: str) -> imports.ImportState:
        return replace(look(client, arn), status="FAILED", failure_code="S3AccessDenied", failure="no")

    monkeypatch.setattr(table_import, "describe_import", failed)
    with pytest.raises(TransferError, match=r"is FAILED .S3AccessDenied: no.*start a new run"):
        import_tables(run)


def test_an_import_that_failed_over_items_and_counts_none_of_them_is_no_pass_though_all_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    look = imports.describe_import

    def contradicting(client: Any, arn: str) -> imports.ImportState:
        state = look(client, arn)
        return replace(state, status="FAILED", failure_code="ItemValidationError") if state.ended else state

    monkeypatch.setattr(table_import, "describe_import", contradicting)
    with pytest.raises(TransferError, match="it counts none of them: nobody knows what it wrote"):
        import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


@pytest.mark.chaos
def test_an_import_that_names_another_table_than_it_was_asked_for_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exported(world)
    look = imports.describe_import
    monkeypatch.setattr(table_import, "describe_import", lambda *of: replace(look(*of), table_id="another"))
    with pytest.raises(TransferError, match=r"DescribeImport says another now; nothing of it is believed"):
        import_tables(run)
    monkeypatch.setattr(table_import, "describe_import", look)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


@pytest.mark.chaos
def test_what_was_imported_is_removed_by_a_cleanup(world: World) -> None:
    run = exported(world)
    import_tables(run)
    validate_tables(run)
    report_run(run).to_json()
    assert not clean_up(run)[0].done
    (removal,) = clean_up(run, "r", sleep=lambda seconds: None)
    assert (removal.table_deleted, removal.items_found) == (True, 30)
    assert not target_exists(world, world.dst("a"))


def test_who_imports_one_table_can_do_nothing_to_another_and_lists_one_folder(world: World) -> None:
    world.table(world.target, world.dst("b"))
    run = world.open(**BY_SERVICE, tables={"include": ["*"]})
    client = run.clients.table_importer(frozenset({world.dst("a")}))
    lister = run.clients.staging_lister(world.bucket, "exports/x/data/")
    asked = {
        "S3BucketSource": {"S3Bucket": world.bucket}, "InputFormat": "DYNAMODB_JSON",
        "TableCreationParameters": {"TableName": world.dst("c"), "KeySchema": ID, "AttributeDefinitions": ID_TYPES},
    }  # fmt: skip
    other = f"arn:aws:dynamodb:us-east-2:111122223333:table/{world.dst('b')}"
    for call in (
        lambda: client.import_table(**asked),
        lambda: client.describe_import(ImportArn=f"{other}/import/01-x"),
        lambda: client.update_table(TableName=world.dst("b"), DeletionProtectionEnabled=True),
        lambda: client.update_table(TableName=world.dst("a"), DeletionProtectionEnabled=False),
        lambda: client.create_table(TableName=world.dst("a"), KeySchema=ID, AttributeDefinitions=ID_TYPES),
        lambda: client.delete_table(TableName=world.dst("a")),
        lambda: lister.list_objects_v2(Bucket=world.bucket, Prefix="exports/x/"),
        lambda: lister.list_objects_v2(Bucket=world.bucket),
        lambda: run.clients.staging.list_objects_v2(Bucket=world.bucket, Prefix="exports/x/data/"),
        lambda: run.clients.target.import_table(**asked),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    assert lister.list_objects_v2(Bucket=world.bucket, Prefix="exports/x/data/")["KeyCount"] == 0
    client.close()
    lister.close()


def test_importing_is_granted_only_where_it_is_asked_for() -> None:
    plain, target = policies_for(planned("a", "export")), table_arn("a-new", "us-east-2")
    assert not any(a.startswith("logs:") or a == "dynamodb:ImportTable" for a in actions_of(plain["target"]))
    found = policies_for(planned("a", "export"), **BY_SERVICE)
    assert actions_of(found["target"]) >= TARGET_IMPORTS
    assert "dynamodb:BatchWriteItem" not in actions_of(found["target"])
    assert "dynamodb:CreateTable" not in actions_of(found["target"])
    assert resources_of(found["target"], "dynamodb:ImportTable") == {target, f"{target}/import/*"}
    assert resources_of(found["target"], "logs:PutLogEvents") == {
        "arn:aws:logs:us-east-2:111122223333:log-group:/aws-dynamodb/*"
    }
    assert resources_of(found["target"], "dynamodb:ListImports") == {"*"}  # it knows no resources
    assert {"s3:ListBucket", "s3:GetObject"} <= actions_of(found["target"])
    assert resources_of(found["cleanup"], "dynamodb:DeleteTable") == {target}
    auto = policies_for(planned("a", "export"), **BY_AUTO_WHOLE)
    assert {"dynamodb:BatchWriteItem", "dynamodb:CreateTable", "dynamodb:ImportTable"} <= actions_of(auto["target"])
    own = {"staging": {"bucket": "bbb", "region": "us-east-2", "role_arn": "arn:aws:iam::111122223333:role/x"}}
    config = Migration.model_validate(demo_config("https://aws") | BY_SERVICE | own)
    apart = policies(config, [planned("a", "export")], assumed_role("us-east-1"), assumed_role("us-east-2"))
    assert {"s3:ListBucket", "s3:GetObject"} <= actions_of(apart["target"])
