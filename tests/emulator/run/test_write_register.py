"""What is equal to a run's own is not for that reason its own: a register says who has written to a table."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import guarded_write as undoing
from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.s3 import registers
from runbook_lib.aws.session import granted_calls as granted
from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import ForbiddenCall, TableError, TransferError
from runbook_lib.load import first_write
from runbook_lib.load.targets import import_table as table_import
from runbook_lib.plan.check import CheckStatus
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.sections.findings import attention
from runbook_lib.run.facts.doubt.late_writes import LIFE
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.witnesses.writers.other_writers import refuse_unless_alone
from runbook_lib.run.witnesses.writers.registration import registration
from runbook_lib.run.witnesses.writers.write_register import register
from runbook_lib.undo import cleanup
from runbook_lib.undo.cleanup import clean_up
from tests.support import records
from tests.support.between import Asked, Said, between, refusal
from tests.support.in_process import runbook_here
from tests.support.policies import actions_of, planned, policies_for, resources_of
from tests.support.recorded import create_missing_targets, export_tables, import_tables, validate_tables
from tests.support.steps import the_only, up_to_the_import
from tests.support.tables import CREATE_MISSING, keys_in_bucket, source_without_target, target_exists
from tests.support.world import World, things

APPEND = {"import": {"on_non_empty": "append"}}


def arn(world: World, name: str = "a") -> str:
    return str(world.target.describe_table(TableName=world.dst(name))["Table"]["TableArn"])


def tags(world: World, name: str = "a") -> dict[str, str]:
    return {t["Key"]: t["Value"] for t in world.target.list_tags_of_resource(ResourceArn=arn(world, name))["Tags"]}


def in_register(world: World) -> set[str]:
    return {key for key in keys_in_bucket(world) if "/register/" in key}


def entries(world: World) -> set[str]:
    return {key for key in in_register(world) if not is_mark(key)}


def is_mark(key: str) -> bool:
    """Whether an object says when a run writes, and not that it has."""
    return key.split("/")[-2].startswith(("writing.", "stopped."))


def proved(run: Run) -> dict[str, Any]:
    (fact,) = validate_tables(run).values()
    return fact


def kept(run: Run) -> str:
    removal: Removal = the_only(clean_up(run, run.id))
    assert not removal.done
    assert (removal.items_deleted, removal.objects, removal.table_deleted) == (0, 0, False)
    assert run.ledger.get("run", "cleaned") is None  # nothing was removed, so it may still go on
    return removal.kept


@pytest.mark.whole
def test_what_another_run_has_proved_is_not_taken_away(world: World) -> None:
    world.pair("a", things(30))
    first = up_to_the_import(world, "first")
    world.put(world.source, world.src("a"), [{"id": {"S": f"new{n}"}} for n in range(5)])
    second = up_to_the_import(world, "second", **APPEND)
    assert proved(second)["verdict"] == "PASS"
    assert "other runs have written to" in kept(first)
    assert "second" in kept(first)
    assert len(world.items(world.target, world.dst("a"))) == 35
    assert proved(second)["verdict"] == "PASS"


@pytest.mark.whole
def test_a_table_that_a_run_made_stays_when_another_run_has_filled_it(world: World) -> None:
    """Whether the maker wrote anything or not."""
    source_without_target(world, "a", 0)
    maker = world.open("maker", **CREATE_MISSING)
    preflight(maker)
    create_missing_targets(maker)
    other = up_to_the_import(world, "other", **APPEND)  # of an empty source: nothing in the table tells
    assert registration(other, world.src("a")) is not None
    assert "other runs have written to" in kept(maker)
    assert target_exists(world, world.dst("a"))


@pytest.mark.whole
def test_the_register_is_entered_before_the_first_write_and_left_when_all_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(10))
    seen: list[set[str]] = []
    make = DynamoDBTransport.puts

    def watched(self: DynamoDBTransport, table: str, lines: Any) -> DynamoDBRequest:
        seen.append(entries(world))
        return make(self, table, lines)

    monkeypatch.setattr(DynamoDBTransport, "puts", watched)
    run = up_to_the_import(world)
    assert all(len(found) == 1 for found in seen)
    assert seen
    assert tags(world) == {REGISTER_TAG: f"s3://{world.bucket}/exports/register"}
    assert REGISTER_TAG not in str(proved(run)["parity"])
    assert the_only(clean_up(run, "r")).kept == ""
    assert (in_register(world), tags(world)) == (set(), {})


@pytest.mark.whole
def test_two_runs_that_begin_at_once_both_stand_in_the_register(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(60))
    runs = [world.open(name, **APPEND) for name in ("one", "two")]
    for run in runs:
        preflight(run)
        export_tables(run)
    together, look, failed = threading.Barrier(2), first_write.is_empty, list[str]()

    def at_once(client: Any, name: str) -> bool:
        empty = look(client, name)
        together.wait(20)
        return empty

    monkeypatch.setattr(first_write, "is_empty", at_once)

    def load(run: Run) -> None:
        try:
            import_tables(run)
        except TransferError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=load, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(entries(world)) == 2
    for run in runs:
        assert "other runs have written to" in kept(run)
    assert len(world.items(world.target, world.dst("a"))) == 60


@pytest.mark.whole
def test_runs_with_two_buckets_that_begin_at_once_know_of_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag has no condition: the second sets its own over the first's, unseen, while the first writes."""
    world.pair("a", things(10))
    other = f"{world.bucket}-2"
    world.s3.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    one, two = world.open("one"), world.open("two", staging={"bucket": other})
    for run in (one, two):
        preflight(run)
        export_tables(run)
    table = describe_table(one.clients.target, world.dst("a"))
    assert table is not None
    pair, real, write = two.planned_pairs()[0], registers.set_register_tag, DynamoDBTransport.puts
    slow = threading.Thread(target=lambda: register(two, pair, table))
    about_to, go = threading.Event(), threading.Event()

    def late(client: Any, arn_: str, place: str) -> None:
        if other in place:
            about_to.set()
            go.wait(20)
        real(client, arn_, place)

    def writing(*arguments: Any) -> Any:
        go.set()
        slow.join()
        return write(*arguments)

    monkeypatch.setattr(registers, "set_register_tag", late)
    monkeypatch.setattr(DynamoDBTransport, "puts", writing)
    slow.start()
    about_to.wait(20)
    import_tables(one)
    assert other in tags(world)[REGISTER_TAG]
    with pytest.raises(TableError, match=r"have written to .* too: one"):
        refuse_unless_alone(two, pair, table, wrote=True)
    assert "is not cleaned up to the end" in kept(one)


@pytest.mark.chaos
def test_a_run_with_another_bucket_uses_the_register_that_the_table_names(world: World) -> None:
    world.pair("a", things(10))
    first = up_to_the_import(world, "first")
    other = f"{world.tag}-other"
    world.s3.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    up_to_the_import(world, "second", **APPEND, staging={"bucket": other, "prefix": "p"})
    assert {key.rpartition("/")[2] for key in entries(world)} == {"first", "second"}
    assert "second" in kept(first)


@pytest.mark.whole
def test_a_register_that_cannot_be_written_refuses_before_the_first_write(world: World) -> None:
    world.pair("a", things(10))
    for place in ("s3://no-such-bucket-anywhere/exports/register", "s3://", "nonsense"):
        world.target.tag_resource(ResourceArn=arn(world), Tags=[{"Key": REGISTER_TAG, "Value": place}])
        run = world.open(f"r{len(place)}")
        preflight(run)
        export_tables(run)
        with pytest.raises(TransferError, match="othing was written"):
            import_tables(run)
        assert world.items(world.target, world.dst("a")) == []


@pytest.mark.parametrize("operation", ["ListTagsOfResource", "TagResource"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_server_without_tags_is_migrated_to_and_not_cleaned_up(world: World, operation: str) -> None:
    world.pair("a", things(10))
    with between(world.endpoint, before=lambda asked: _without(asked, operation, "UnknownOperationException")) as to:
        run = up_to_the_import(world, target={"endpoint_url": to.endpoint})
        assert proved(run)["verdict"] == "PASS"
        (table,) = build_record(run.ledger, run.id, "test").to_json()["tables"]
        assert "nonce" not in table["register"]
        assert "a cleanup of this run will refuse" in str(attention(records.figures({"tables": [table]})))
        assert "UnknownOperationException" in kept(run)
    assert len(world.items(world.target, world.dst("a"))) == 10


def _without(asked: Asked, operation: str, code: str) -> Said | None:
    return refusal(code) if asked.operation == operation else None


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("accept", [{}, {"definition-tags": ["*"]}])
def test_a_run_that_may_not_read_tags_writes_nothing_where_another_may_stand(
    world: World, accept: dict[str, list[str]]
) -> None:
    """With a bucket of its own it would be invisible to the first run, whose cleanup would take what it has proved."""
    world.pair("a", things(10))
    first, other = up_to_the_import(world, "first"), f"{world.tag}-other"
    for n in range(10):
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": f"i{n:05}"}})
    world.s3.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    here: dict[str, Any] = {"staging": {"bucket": other, "prefix": "p"}, "accept": {"not_checked": accept}}
    with between(
        world.endpoint, before=lambda asked: _without(asked, "ListTagsOfResource", "AccessDeniedException")
    ) as to:
        second = world.open("second", **here, target={"endpoint_url": to.endpoint})
        (told,) = [check for check in preflight(second).checks if check.id == CheckId.REGISTER]
        assert told.status == CheckStatus.NOT_CHECKED
        export_tables(second)
        with pytest.raises(TransferError, match="allow dynamodb:ListTagsOfResource"):
            import_tables(second)
        assert world.items(world.target, world.dst("a")) == []
    assert the_only(clean_up(first, "first")).done


@pytest.mark.chaos
def test_an_answer_without_tags_is_not_one_that_there_are_none(world: World) -> None:
    """Believed, it would have the maker of a table that another run has entered delete it."""
    source_without_target(world, "a", 0)
    lying, other = threading.Event(), f"{world.tag}-other"
    world.s3.create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})

    def nothing(asked: Asked) -> Said | None:
        return (200, [], b"{}") if lying.is_set() and asked.operation == "ListTagsOfResource" else None

    with between(world.endpoint, before=nothing) as to:
        config = world.config(**CREATE_MISSING, target={"endpoint_url": to.endpoint})
        maker = open_run(str(config), "maker", True)
        preflight(maker)
        create_missing_targets(maker)
        maker.ledger.close()
        up_to_the_import(world, "other", **APPEND, staging={"bucket": other, "prefix": "p"})
        lying.set()
        done = runbook_here("cleanup", config, "--run-id", "maker", "--execute", "--confirm", "maker")
    assert done.returncode == 1
    assert "answered without Tags" in done.stdout + done.stderr
    assert target_exists(world, world.dst("a"))


def test_a_bucket_without_conditions_is_migrated_with_and_not_cleaned_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An S3-compatible server that is not told of If-None-Match creates whatever it is asked to."""
    world.pair("a", things(10))
    monkeypatch.setattr(registers, "create_entry", lambda *_: True)
    run = up_to_the_import(world)
    assert proved(run)["verdict"] == "PASS"
    assert "If-None-Match is ignored" in kept(run)


@pytest.mark.parametrize("strategy", ["batch_write", "import_table"])
def test_a_table_that_is_made_beside_a_bucket_without_conditions_is_loaded_and_not_removed(
    world: World, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    """Nobody stands there at the pre-flight: whoever looks in the end finds what this run itself has created."""
    source_without_target(world, "a", 10)

    def unheeded(asked: Asked) -> None:
        asked.headers.pop("if-none-match", None)

    with between(world.endpoint, before=unheeded) as to, monkeypatch.context() as patch:
        patch.setattr(world, "endpoint", to.endpoint)
        run = up_to_the_import(world, **CREATE_MISSING, **{"import": {"strategy": strategy}})
        assert proved(run)["verdict"] == "PASS"
        import_tables(run)
        assert "If-None-Match is ignored" in kept(run)
    assert len(world.items(world.target, world.dst("a"))) == 10


@pytest.mark.parametrize("lost", ["all of them", "the cleaned run's", "the table's folder moved"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_register_that_has_lost_entries_is_not_believed(world: World, lost: str) -> None:
    """A lifecycle rule of the bucket, or a tidy person, empties the register: nobody is then alone."""
    world.pair("a", things(10))
    run, second = up_to_the_import(world), "second"
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    up_to_the_import(world, second, **{"import": {"on_non_empty": "overwrite"}})
    for key in entries(world):
        if lost != "the cleaned run's" or key.endswith(f"/{run.id}"):
            world.s3.delete_object(Bucket=world.bucket, Key=key)
        if lost == "the table's folder moved":
            world.s3.put_object(Bucket=world.bucket, Key=f"{key}.bak", Body=b"{}")
    assert "it is not there" in kept(run)
    assert len(world.items(world.target, world.dst("a"))) == 10


@pytest.mark.parametrize("named", [None, "s3://somewhere-else/register"])
def test_a_tag_that_is_gone_or_names_another_register_refuses_the_cleanup(world: World, named: str | None) -> None:
    world.pair("a", things(10))
    run = up_to_the_import(world)
    if named:
        world.target.tag_resource(ResourceArn=arn(world), Tags=[{"Key": REGISTER_TAG, "Value": named}])
    else:
        world.target.untag_resource(ResourceArn=arn(world), TagKeys=[REGISTER_TAG])
    assert "where this run is registered" in kept(run)


@pytest.mark.chaos
def test_a_run_of_the_same_name_elsewhere_is_another_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a CI job on another machine, or of a ledger that a power loss has put back."""
    world.pair("a", things(10))
    up_to_the_import(world)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(world.folder / "elsewhere"))
    run = world.open("r", **APPEND)
    preflight(run)
    export_tables(run)
    with pytest.raises(TransferError, match="it is another run of that name, or this ledger has lost what it knew"):
        import_tables(run)
    assert "PutItem" not in run.ledger.calls("target")


DAMAGED = {
    "not JSON": b"\xff\xfe {",
    "JSON of another kind": b"[1, 2]",
    "nested too deep": b"[" * 3000,
    "empty": b"",
    "another run's": b'{"run": "r", "nonce": "00000000000000000000000000000000"}',
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=list(DAMAGED))
@pytest.mark.few(1)
def test_an_entry_that_this_run_has_not_written_lets_nothing_be_removed(world: World, body: bytes) -> None:
    world.pair("a", things(10))
    run = up_to_the_import(world)
    (key,) = entries(world)
    world.put_object(key, body)
    removal = the_only(clean_up(run, "r"))
    assert (removal.items_deleted, removal.done) == (0, False)
    assert "what is there this run has not written" in removal.kept
    assert len(world.items(world.target, world.dst("a"))) == 10


@pytest.mark.parametrize("body", DAMAGED.values(), ids=list(DAMAGED))
@pytest.mark.chaos
def test_where_an_entry_of_its_name_is_damaged_nothing_is_written(world: World, body: bytes) -> None:
    world.pair("a", things(10))
    up_to_the_import(world)
    (key,) = entries(world)
    world.put_object(key, body)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00001"}})
    shutil.rmtree(world.folder / "reports" / "r")  # the run begins once more, and knows nothing of its entry
    run = world.open("r", **APPEND)
    preflight(run)
    export_tables(run)
    with pytest.raises(TransferError, match="it is another run of that name, or this ledger has lost what it knew"):
        import_tables(run)
    assert len(world.items(world.target, world.dst("a"))) == 9


@pytest.mark.chaos
def test_an_entry_of_a_former_table_of_that_name_says_nothing_of_this_one(world: World) -> None:
    world.pair("a", things(10))
    up_to_the_import(world, "former")
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    run = up_to_the_import(world, "later")
    assert the_only(clean_up(run, "later")).items_deleted == 10


@pytest.mark.chaos
def test_a_table_that_import_table_makes_is_registered_before_it_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_without_target(world, "a", 10)
    seen: list[set[str]] = []
    start = table_import.start_import

    def watched(client: Any, request: Any) -> Any:
        seen.append(entries(world))
        return start(client, request)

    monkeypatch.setattr(table_import, "start_import", watched)
    run = up_to_the_import(world, "maker", **{"import": {"strategy": "import_table"}})
    assert [key.split("/")[-2:] for key in seen[0]] == [["asked-for", "maker"]]
    assert len(entries(world)) == 2
    other = up_to_the_import(world, "other", **APPEND)
    assert proved(other)["verdict"] == "PASS"
    assert "other" in kept(run)
    assert target_exists(world, world.dst("a"))


WIDE = {f"a{n:03}": {"N": str(n)} for n in range(160)}


@pytest.mark.parametrize("change", ["replaced", "an attribute more", "an attribute less", "deleted"])
@pytest.mark.few(1)
def test_an_item_that_changes_between_the_look_and_its_delete_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    every = {"s": {"S": "é"}, "ns": {"NS": ["2", "1.50"]}, "b": {"B": b"\x00"}, "z": {"NULL": True}, "m": {"M": {}},
             "l": {"L": [{"N": "1E+2"}]}, "e": {"S": ""}, "ss": {"SS": ["b", "a"]}}  # fmt: skip
    world.pair("a", things(30, **every))
    run = up_to_the_import(world)
    table, send, done = world.dst("a"), undoing.delete_as_read, list[int]()
    item = things(6, **every)[5]
    now: dict[str, Any] | None = {
        "replaced": {"id": {"S": "i00005"}, "by": {"S": "the application, newer"}},
        "an attribute more": item | {"paid": {"BOOL": True}},
        "an attribute less": {name: value for name, value in item.items() if name != "z"},
        "deleted": None,
    }[change]

    def raced(transport: DynamoDBTransport, name: str, key: Any, item: Any) -> bytes:
        if key["id"] == {"S": "i00005"} and not done:
            done.append(1)
            if now is None:
                world.target.delete_item(TableName=table, Key=key)
            else:
                world.put(world.target, table, [now])
        return send(transport, name, key, item)

    monkeypatch.setattr(undoing, "delete_as_read", raced)
    before = world.requests("PutItem")
    removal = the_only(clean_up(run, "r"))
    # What a condition cannot say, that there is nothing more, is put back; all else is never gone. The emulator, unlike
    # AWS, takes a NULL for an attribute that is not there.
    assert world.requests("PutItem") - before == change.startswith("an attribute")
    left = world.target.scan(TableName=table)["Items"]
    assert left == ([] if now is None else [world.target.get_item(TableName=table, Key={"id": item["id"]})["Item"]])
    assert [set(i) for i in left] == ([] if now is None else [set(now)])
    assert (removal.items_deleted, removal.items_changed) == ((30, 0) if now is None else (29, 1))


@pytest.mark.chaos
def test_the_command_leaves_an_item_that_somebody_changes_a_moment_before_its_delete(world: World) -> None:
    newer = {"id": {"S": "i00005"}, "by": {"S": "the application, newer"}}
    world.pair("a", things(10))

    def before(asked: Asked) -> None:
        if asked.operation == "DeleteItem" and b'"i00005"' in asked.body:
            world.put(world.target, world.dst("a"), [newer])

    with between(world.endpoint, before=before) as to:
        run = up_to_the_import(world, target={"endpoint_url": to.endpoint})
        run.ledger.close()
        runbook_here("cleanup", run.folder / "migration.yaml", "--run-id", run.id, "--execute", "--confirm", run.id)
        assert "DeleteItem" in to.operations()
        assert "PutItem" not in to.operations()  # it was never gone, and need not be put back
    assert world.items(world.target, world.dst("a")) == [newer]


def test_items_too_wide_for_a_condition_stay_and_are_told(world: World) -> None:
    world.pair("a", [*things(5), {"id": {"S": "wide"}, **WIDE}])
    run = up_to_the_import(world)
    removal = the_only(clean_up(run, "r"))
    assert (removal.items_deleted, removal.items_skipped) == (5, 1)
    assert "1 items have more than 150 attributes" in removal.kept
    assert len(world.items(world.target, world.dst("a"))) == 1


def test_an_item_whose_owner_is_unknown_is_not_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(20))
    world.fault(operation="PutItem", kind="lost-reply", table=world.dst("a"), every=7, times=1)
    run = up_to_the_import(world, **APPEND)
    world.clear_faults()
    (row,) = run.ledger.rows("SELECT SUM(last - first + 1) AS n FROM present")
    assert row["n"] == 1
    run.now = lambda: datetime.now(UTC) + LIFE  # the first of the two puts cannot arrive any more
    assert the_only(clean_up(run, "r")).items_deleted == 19
    assert len(world.items(world.target, world.dst("a"))) == 1


def test_each_call_is_granted_in_its_one_form(world: World) -> None:
    world.pair("a")
    world.pair("b")
    tagger = granted.tagger(world.open().clients, frozenset({world.dst("a")}))
    registrar = granted.registrar(world.open().clients, world.bucket, "exports/register/")
    undoer = granted.undoer(world.open().clients, {world.dst("a"): "id"})
    tag = {"Key": REGISTER_TAG, "Value": "s3://bucket/register"}
    put = {"Bucket": world.bucket, "Key": "exports/register/x", "Body": b"{}"}
    for call in (
        lambda: tagger.tag_resource(ResourceArn=arn(world), Tags=[tag, {"Key": "team", "Value": "x"}]),
        lambda: tagger.tag_resource(ResourceArn=arn(world), Tags=[{"Key": "team", "Value": "x"}]),
        lambda: tagger.tag_resource(ResourceArn=arn(world, "b"), Tags=[tag]),
        lambda: tagger.untag_resource(ResourceArn=arn(world), TagKeys=[REGISTER_TAG, "team"]),
        lambda: registrar.put_object(**put),
        lambda: registrar.put_object(**put | {"IfNoneMatch": "*", "Key": "exports/x"}),
        lambda: registrar.list_objects_v2(Bucket=world.bucket, Prefix="exports/"),
        lambda: registrar.delete_object(Bucket=world.bucket, Key="exports/register/x"),
        lambda: undoer.write_item("BatchWriteItem", world.dst("a"), b"{}"),
        lambda: undoer.write_item(
            "DeleteItem", world.dst("a"), b'{"TableName":"%b","Key":{"id":{"S":"x"}}}' % world.dst("a").encode()
        ),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    tagger.tag_resource(ResourceArn=arn(world), Tags=[tag])
    tagger.untag_resource(ResourceArn=arn(world), TagKeys=[REGISTER_TAG])
    registrar.put_object(**put, IfNoneMatch="*")
    tagger.close()
    registrar.close()


def test_the_policy_grants_the_register() -> None:
    found = policies_for(planned("a", "export"))
    assert resources_of(found["target"], "dynamodb:TagResource") == {
        "arn:aws:dynamodb:us-east-2:111122223333:table/a-new"
    }
    entries = resources_of(found["target"], "s3:PutObject")
    assert len(entries) == 1
    assert entries.pop().endswith("/register/*")
    assert {"dynamodb:DeleteItem", "dynamodb:UntagResource", "s3:DeleteObject"} <= actions_of(found["cleanup"])
    assert "dynamodb:DeleteItem" not in actions_of(found["target"])


@pytest.mark.chaos
def test_a_register_is_asked_once_whether_it_heeds_conditions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        world.pair(name, things(3))
    made: list[str] = []
    create = registers.create_entry

    def count(client: Any, bucket: str, key: str, body: bytes) -> bool:
        if not is_mark(key):
            made.append(key)
        return create(client, bucket, key, body)

    monkeypatch.setattr(registers, "create_entry", count)
    run = up_to_the_import(world, **{"import": {"tables_at_once": 1}})
    assert {fact["verdict"] for fact in validate_tables(run).values()} == {"PASS"}
    assert len(made) == 4
    assert {(known := registration(run, world.src(name))) and known.standing for name in ("a", "b", "c")} == {"entered"}
    assert len(entries(world)) == 3


def _writing_meanwhile(world: World, policy: str) -> tuple[list[str], Callable[[], None]]:
    """A second run that does everything once, and what became of it: its verdict, or why it was refused."""
    became: list[str] = []

    def begin() -> None:
        if became:
            return
        became.append("under way")
        try:
            run = up_to_the_import(world, "second", **{"import": {"on_non_empty": policy}})
            became[0] = str(proved(run)["verdict"])
        except TransferError as error:
            became[0] = str(error)

    return became, begin


@pytest.mark.parametrize("policy", ["append", "overwrite", "sync"])
@pytest.mark.parametrize("made", [False, True], ids=["an own table", "a table that the run made"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_run_that_comes_during_a_cleanup_writes_nothing_that_the_cleanup_could_take(
    world: World, monkeypatch: pytest.MonkeyPatch, made: bool, policy: str
) -> None:
    """The look at the register was made; the second run would put the very items that are about to be deleted."""
    if made:
        source_without_target(world, "a", 10)
    else:
        world.pair("a", things(10))
    first = up_to_the_import(world, "first", **(CREATE_MISSING if made else {}))
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    became, begin = _writing_meanwhile(world, policy)
    look = cleanup.own_items

    def looking(*arguments: Any) -> Any:
        begin()
        yield from look(*arguments)

    monkeypatch.setattr(cleanup, "own_items", looking)
    assert the_only(clean_up(first, "first")).kept == ""
    assert "'first' takes back what it wrote" in became[0]
    assert "nothing was written now" in became[0]
    assert target_exists(world, world.dst("a")) is not made
    assert entries(world) == set()  # neither a mark nor an entry of a run that has written nothing
    if not made:
        assert world.items(world.target, world.dst("a")) == []
        became.clear()
        begin()  # once the cleanup has ended
        assert became == ["PASS"]


@pytest.mark.chaos
def test_a_run_that_entered_itself_just_before_the_mark_was_set_is_seen_by_the_cleanup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(10))
    first = up_to_the_import(world, "first")
    became, begin = _writing_meanwhile(world, "append")
    create = registers.create_entry

    def creating(s3: Any, bucket: str, key: str, body: bytes) -> bool:
        if "/closing/" in key:
            begin()
        return create(s3, bucket, key, body)

    monkeypatch.setattr(registers, "create_entry", creating)
    assert "second" in kept(first)
    assert became == ["PASS"]
    assert not [key for key in keys_in_bucket(world) if "/closing/" in key]
    assert len(world.items(world.target, world.dst("a"))) == 10


@pytest.mark.whole
def test_of_a_run_and_a_cleanup_that_come_at_once_the_run_sees_the_mark(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw no mark, and enters itself after the cleanup has looked: it looks once more before it writes."""
    world.pair("a", things(10))
    first = up_to_the_import(world, "first")
    second = world.open("second", **APPEND)
    preflight(second)
    export_tables(second)
    create, look, done = registers.create_entry, cleanup.own_items, list[Removal]()
    has_looked, go = threading.Event(), threading.Event()
    cleaning = threading.Thread(target=lambda: done.append(the_only(clean_up(first, "first"))))

    def creating(s3: Any, bucket: str, key: str, body: bytes) -> bool:
        if key.endswith("/second") and not cleaning.ident:
            cleaning.start()
            has_looked.wait(20)
        return create(s3, bucket, key, body)

    def looking(*arguments: Any) -> Any:
        has_looked.set()
        go.wait(20)
        yield from look(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(registers, "create_entry", creating)
        patch.setattr(cleanup, "own_items", looking)
        with pytest.raises(TransferError, match="'first' takes back what it wrote"):
            import_tables(second)
        with pytest.raises(TransferError, match="'first' takes back what it wrote"):
            import_tables(second)  # its entry, which it has by now, is no leave to write
        go.set()
        cleaning.join()
    assert done[0].items_deleted == 10
    assert "PutItem" not in second.ledger.calls("target")
    import_tables(second)
    assert proved(second)["verdict"] == "PASS"
    assert len(world.items(world.target, world.dst("a"))) == 10


@pytest.mark.whole
def test_a_cleanup_that_was_killed_keeps_others_out_until_it_is_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(10))
    first = up_to_the_import(world, "first")
    with monkeypatch.context() as patch:
        patch.setattr(cleanup, "own_items", _killed)
        patch.setattr(cleanup.aws, "delete_objects", _killed)  # nor does it come to take its mark off
        with pytest.raises(SystemExit):
            clean_up(first, "first")
    became, begin = _writing_meanwhile(world, "append")
    begin()
    assert "'first' takes back what it wrote" in became[0]
    assert the_only(clean_up(first, "first")).items_deleted == 10
    became.clear()
    begin()
    assert became == ["PASS"]


def _killed(*_: Any) -> Any:
    raise SystemExit
