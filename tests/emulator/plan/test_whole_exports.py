"""Only whole exports are loaded, and only the ones that the plan holds; one that cannot be taken fails by itself."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import ConfigError, ExportError, TransferError
from runbook_lib.plan.check import NOT_CHECKED, OK
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.step import preflight, refuse_misconfigured
from runbook_lib.run.run import Run
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Between, Request, aws_error, between
from tests.support.recorded import export_tables, import_tables
from tests.support.steps import every_step
from tests.support.world import World, things

FILTERS: dict[str, dict[str, Any]] = {
    "FilterExpression": {"FilterExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "a"}}},
    "ProjectionExpression": {"ProjectionExpression": "id, kind"},
    "KeyConditionExpression": {"KeyConditionExpression": "id = :k", "ExpressionAttributeValues": {":k": {"S": "a"}}},
    "of a kind that this tool does not know": {"SomeNewExpression": "x"},
}


@pytest.fixture
def liar(world: World) -> Iterator[Between]:
    with between(world.endpoint) as state:
        behind, world.endpoint = world.endpoint, state.endpoint
        yield state
        world.endpoint = behind


def exported(world: World, name: str = "a", items: int = 5, run_id: str = "first") -> dict[str, Any]:
    """An export by AWS of one table, made by another run."""
    world.pair(name, things(items))
    run = world.open(run_id, tables={"include": [world.src(name)]})
    preflight(run)
    fact: dict[str, Any] = export_tables(run)[world.src(name)]
    return fact


def reference(world: World, fact: dict[str, Any], by: str) -> str:
    return str(fact["arn"] if by == "arn" else f"s3://{world.bucket}/{fact['folder']}")


def reusing(world: World, said: str, run_id: str = "r", name: str = "a") -> Run:
    return world.open(run_id, tables={"include": [world.src(name)]}, export={"reuse": {world.src(name): said}})


def describes(liar: Between, **more: Any) -> None:
    """DescribeExport says something more, or something else."""

    def after(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "DescribeExport" or status != 200:
            return None
        data = json.loads(body)
        data["ExportDescription"] |= more
        return status, json.dumps(data).encode()

    liar.after = after


def refusal(run: Run) -> str:
    with pytest.raises(ConfigError) as refused:
        refuse_misconfigured(preflight(run))
    return str(refused.value)


def status_of(plan: Plan, check: CheckId) -> list[str]:
    return [c.status for c in plan.checks if c.id == check]


@pytest.mark.parametrize("by", ["arn", "folder"])
@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_filtered_export_is_a_configuration_error_that_names_it(
    world: World, liar: Between, by: str, kind: str
) -> None:
    fact = exported(world)
    describes(liar, FilterSpecification=FILTERS[kind])
    said = refusal(reusing(world, reference(world, fact, by)))
    assert fact["arn"] in said
    assert f"FilterSpecification ({kind if ' ' not in kind else 'an expression ' + kind})" in said


@pytest.mark.parametrize("by", ["arn", "folder"])
def test_an_incremental_export_is_refused_by_name(world: World, liar: Between, by: str) -> None:
    fact = exported(world)
    describes(liar, ExportType="INCREMENTAL_EXPORT")
    assert "INCREMENTAL_EXPORT" in refusal(reusing(world, reference(world, fact, by)))


@pytest.mark.chaos
def test_the_command_refuses_a_filtered_export_before_anything_is_there(world: World, liar: Between) -> None:
    fact = exported(world)
    describes(liar, FilterSpecification=FILTERS["FilterExpression"])
    config = world.config(tables={"include": [world.src("a")]}, export={"reuse": {world.src("a"): fact["arn"]}})
    said = runbook_here("run", config, "--run-id", "refused", "--execute")
    assert said.returncode == 2, said.stdout + said.stderr
    assert fact["arn"] in said.stderr
    assert "FilterExpression" in said.stderr
    assert not (world.folder / "reports" / "refused").exists()
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"ExportStatus": "IN_PROGRESS"}, "IN_PROGRESS"),
        ({"ExportStatus": "FAILED"}, "FAILED"),
        ({"TableArn": "arn:aws:dynamodb:us-east-1:111122223333:table/other"}, "the answer is about other"),
        ({"TableId": "another"}, "should be of a table with the id"),
        ({"ItemCount": 4}, "number of items 4"),
    ],
)
@pytest.mark.parametrize("by", ["arn", "folder"])
@pytest.mark.few(2)
def test_an_export_that_is_not_what_aws_says_is_refused(
    world: World, liar: Between, by: str, more: dict[str, Any], says: str
) -> None:
    fact = exported(world)
    describes(liar, **more)
    said = refusal(reusing(world, reference(world, fact, by)))
    assert says in said
    if "ExportStatus" in more:  # by its ARN before anything of it is read, else by what its manifest names
        assert ("only a COMPLETED export can be used" in said) == (by == "arn")


@pytest.mark.chaos
def test_an_arn_whose_folder_holds_another_tables_export_is_refused(world: World, liar: Between) -> None:
    one, other = exported(world), exported(world, "b", 7, "second")
    copy(world, other["folder"], one["folder"])
    said = refusal(reusing(world, one["arn"]))
    assert one["arn"] in said
    assert "cannot be used" in said


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExportNotFoundException", "UnknownOperationException"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_folder_of_which_nobody_can_be_asked_passes_as_it_says_and_the_first_screen_says_so(
    world: World, liar: Between, code: str
) -> None:
    fact = exported(world)
    liar.instead = lambda request: aws_error(code) if request.operation == "DescribeExport" else None
    run = reusing(world, reference(world, fact, "folder"))
    assert status_of(preflight(run), CheckId.EXPORT_IS_WHOLE) == [NOT_CHECKED]
    if code != "AccessDeniedException":
        return  # one whole run is enough
    record = every_step(run)
    assert record["verdict"] == "PASS", record["reasons"]
    assert record["tables"][0]["export_whole"]["checked"] is False
    screen = (world.folder / "reports" / "r" / "report.html").read_text(encoding="utf-8").partition("</section>")[0]
    assert "As this export says: nobody could check whether the export of 1 table is the whole table" in screen


def test_a_folder_of_which_aws_knows_is_checked(world: World) -> None:
    fact = exported(world)
    assert status_of(preflight(reusing(world, reference(world, fact, "folder"))), CheckId.EXPORT_IS_WHOLE) == [OK]


def test_an_export_of_our_own_that_is_filtered_or_of_another_table_is_not_loaded(world: World, liar: Between) -> None:
    world.pair("a", things(5))
    for run_id, more in (("f", {"FilterSpecification": {"ProjectionExpression": "id"}}), ("t", {"TableId": "another"})):
        run = world.open(run_id)
        preflight(run)
        describes(liar, **more)
        with pytest.raises(ExportError, match=r"-src-a UNREADABLE: .*(ProjectionExpression|should be of a table)"):
            export_tables(run)
        liar.after = lambda *_: None


def copy(world: World, from_: str, to: str) -> None:
    """Put the export of one folder into another, as somebody who wants to be believed would."""
    ids = [folder.rstrip("/").rpartition("/")[2].encode() for folder in (from_, to)]
    bodies = {}
    for found in world.s3.list_objects_v2(Bucket=world.bucket, Prefix=from_)["Contents"]:
        body = world.s3.get_object(Bucket=world.bucket, Key=found["Key"])["Body"].read()
        bodies[found["Key"].removeprefix(from_)] = body.replace(*ids) if found["Key"].endswith(".json") else body
    for name in ("manifest-files", "manifest-summary"):
        bodies[f"{name}.md5"] = base64.b64encode(hashlib.md5(bodies[f"{name}.json"]).digest())
    for name, body in bodies.items():
        world.put_object(to + name, body)


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("by", ["arn", "folder"])
def test_an_export_that_was_replaced_after_the_preflight_is_refused_at_every_reading(world: World, by: str) -> None:
    one, other = exported(world), exported(world, "b", 7, "second")
    run = reusing(world, reference(world, one, by))
    assert preflight(run).blockers == ()
    copy(world, other["folder"], one["folder"])
    with pytest.raises(ExportError, match=r"not the one that this run's plan holds|should be of"):
        export_tables(run)
    resumed = reusing(world, reference(world, one, by))
    if by == "folder":
        assert any(c.id == CheckId.EARLIER_EXPORT and c.blocks for c in preflight(resumed).checks)
        assert resumed.pairs()[0].reuse is not None
        assert resumed.pairs()[0].reuse.arn == one["arn"]
    assert world.items(world.target, world.dst("a")) == []


def test_one_manifest_that_cannot_be_read_fails_its_own_table_and_no_other(world: World, liar: Between) -> None:
    for name in "abc":
        world.pair(name, things(3))
    run = world.open()
    preflight(run)
    gone: list[str] = []

    def lose(request: Request) -> Answer | None:
        if request.method == "GET" and request.path.endswith("manifest-summary.json"):
            gone.append(request.path)
            if request.path == gone[0]:
                return 404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
        return None

    liar.instead = lose
    with pytest.raises(ExportError, match=r"^export of \S+-src-\w UNREADABLE: .*manifest-summary\.json is missing"):
        export_tables(run)
    states = sorted(fact["status"] for fact in run.ledger.all("export").values())
    assert states == ["COMPLETED", "COMPLETED", "UNREADABLE"]
    liar.instead = lambda request: None
    assert {f["status"] for f in export_tables(run).values()} == {"COMPLETED"}
    assert liar.count("ExportTableToPointInTime") == 3


@pytest.mark.chaos
def test_reused_exports_that_cannot_be_read_fail_by_themselves_too(world: World) -> None:
    facts = {name: exported(world, name, 3, name) for name in "ab"}
    run = world.open(export={"reuse": {world.src(n): f["arn"] for n, f in facts.items()}})
    assert preflight(run).blockers == ()
    world.s3.delete_object(Bucket=world.bucket, Key=facts["a"]["folder"] + "manifest-files.json")
    with pytest.raises(ExportError, match=rf"^export of {world.src('a')} FAILED: .*manifest-files\.json is missing.*$"):
        export_tables(run)
    assert run.ledger.get("export", world.src("b"))["status"] == "COMPLETED"


@pytest.mark.chaos
def test_tables_are_imported_from_the_smallest_to_the_largest(world: World) -> None:
    for name, items in (("a", 30), ("b", 3), ("c", 12)):
        world.pair(name, things(items))
    run = world.open(**{"import": {"tables_at_once": 1}})
    preflight(run)
    export_tables(run)
    begun: list[str] = []
    import_tables(run, lambda p: begun.append(p.source) if p.done and p.source not in begun else None)
    assert begun == [world.src(name) for name in "bca"]


def test_lines_of_changes_under_a_full_exports_manifest_are_named_as_such(world: World) -> None:
    fact = exported(world, items=1)
    changes = gzip.compress(b'{"Metadata":{},"Keys":{"id":{"S":"k"}},"NewImage":{"id":{"S":"k"}}}\n')
    key = fact["folder"] + "manifest-files.json"
    listing = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
    entry = next(e for e in map(json.loads, listing.splitlines()) if e["itemCount"] == 1)
    md5 = base64.b64encode(hashlib.md5(changes).digest()).decode()
    listing = listing.replace(entry["md5Checksum"].encode(), md5.encode())
    world.put_object(entry["dataFileS3Key"], changes)
    world.put_object(key, listing)
    world.put_object(fact["folder"] + "manifest-files.md5", base64.b64encode(hashlib.md5(listing).digest()))
    run = reusing(world, reference(world, fact, "folder"))
    preflight(run)
    export_tables(run)
    with pytest.raises(TransferError, match="is a change of an item, as an incremental export has it"):
        import_tables(run)


def made_anew(world: World, pitr: bool) -> None:
    """A table of the same name with other items, as after a restore or a redeployment."""
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    world.put(world.source, world.src("a"), [{"id": {"S": f"other{n}"}} for n in range(5)])
    if pitr:
        world.source.update_continuous_backups(
            TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )


@pytest.mark.parametrize("pitr", [True, False])
def test_a_source_that_was_made_anew_after_the_preflight_is_not_loaded_for_the_planned_one(
    world: World, pitr: bool
) -> None:
    world.pair("a", things(5), pitr=pitr)
    run = world.open()
    preflight(run)
    made_anew(world, pitr)
    with pytest.raises(ExportError, match="found one of that name made later"):
        export_tables(run)
    preflight(run)  # a plan of the new table
    assert export_tables(run)[world.src("a")]["items"] == 5


@pytest.mark.parametrize("again", [True, False])
def test_a_source_that_is_replaced_while_it_is_scanned_is_not_loaded(world: World, liar: Between, again: bool) -> None:
    world.pair("a", things(5), pitr=False)
    run = world.open(export={"scan_segments": 1})
    preflight(run)

    def replace(request: Request) -> None:
        if request.operation == "Scan":
            liar.instead = lambda request: None
            made_anew(world, pitr=False)
            if not again:
                world.source.delete_table(TableName=world.src("a"))

    liar.instead = replace
    with pytest.raises(ExportError, match="made later" if again else "is gone|ResourceNotFound"):
        export_tables(run)
    assert run.ledger.get("export", world.src("a"))["status"] == "FAILED"
