from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import exports
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError, ExportError, GateFailed, Interrupted
from runbook_lib.export import step as export
from runbook_lib.notebook.gates import gate_exports
from runbook_lib.preflight.step import preflight, refuse_misconfigured
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.run import Run
from tests.support.between import Asked, Said, between
from tests.support.real_chain import lies_beside
from tests.support.recorded import export_tables
from tests.support.steps import every_step
from tests.support.world import World, things


def exported(run: Run) -> dict[str, dict[str, Any]]:
    preflight(run)
    return export_tables(run)


def lines(world: World, fact: dict[str, Any]) -> list[dict[str, Any]]:
    bodies = [
        gzip.decompress(world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read())
        for key in keys_of(world, fact)
    ]
    return [json.loads(line)["Item"] for body in bodies for line in body.splitlines()]


def keys_of(world: World, fact: dict[str, Any]) -> list[str]:
    body = world.s3.get_object(Bucket=world.bucket, Key=fact["folder"] + "manifest-files.json")["Body"].read()
    return [json.loads(line)["dataFileS3Key"] for line in body.splitlines()]


def test_all_tables_are_exported_for_one_moment(world: World) -> None:
    for name in "abc":
        world.pair(name, things(5))
    run = world.open()
    facts = exported(run)
    assert {f["status"] for f in facts.values()} == {"COMPLETED"}
    assert {f["items"] for f in facts.values()} == {5}
    moments = {f["manifest"]["export_time"] for f in facts.values()}
    assert moments == {run.ledger.get("run", "export_time")}
    assert gate_exports(run).startswith("GO: 3 tables, 15 items")


def test_a_table_without_pitr_is_scanned_into_the_same_layout(world: World) -> None:
    items = things(70, more={"SS": ["a", "é"]}, b={"B": b"\x00\xff"})
    world.pair("a", items, pitr=False)
    fact = exported(world.open())[world.src("a")]
    assert fact["method"] == "scan"
    assert "/scan/" in fact["arn"]
    assert fact["manifest"]["checked"]
    written = sorted(lines(world, fact), key=lambda i: i["id"]["S"])
    assert [i["id"]["S"] for i in written] == [i["id"]["S"] for i in items]
    assert written[0]["b"] == {"B": "AP8="}


def test_a_scan_survives_throttles_and_server_errors(world: World) -> None:
    world.pair("a", things(70), pitr=False)
    world.fault(operation="Scan", table=world.src("a"), kind="throttle", every=2, times=3)
    world.fault(operation="Scan", table=world.src("a"), kind="internal-error", every=3, times=2)
    assert exported(world.open())[world.src("a")]["items"] == 70


def test_a_table_to_be_skipped_is_named_as_such_and_never_as_empty(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    fact = exported(world.open(export={"without_pitr": "skip"}))[world.src("a")]
    assert fact["status"] == "SKIPPED"
    assert fact["items"] is None


def test_exporting_again_starts_nothing_new(world: World) -> None:
    world.pair("a", things(5))
    run = world.open()
    first = exported(run)
    again = world.open()
    assert export_tables(again) == first
    assert again.ledger.calls("source")["ExportTableToPointInTime"] == 1


def test_a_start_whose_answer_was_lost_is_found_again_by_its_token(world: World) -> None:
    world.pair("a", things(5))
    run = world.open()
    first = exported(run)[world.src("a")]["arn"]
    run.ledger.forget("export", world.src("a"))  # as if killed between the call and its record
    assert export_tables(run)[world.src("a")]["arn"] == first


@pytest.mark.parametrize("killed", ["after the call", "after its answer, as an earlier version left it"])
def test_an_export_that_ended_while_nobody_looked_is_read_by_the_next_start(world: World, killed: str) -> None:
    """A full disk, a kill: AWS goes on, and has completed the export when the run is taken up again."""
    world.pair("a", things(5))
    run = world.open()
    before = exported(run)[world.src("a")]
    run.ledger.forget("export", world.src("a"))
    if killed != "after the call":
        bare = {"finished": None, "manifest": None, "files": None, "whole": None, "first_attributes": None}
        run.ledger.put("export", world.src("a"), before | bare)
    fact = export_tables(run)[world.src("a")]
    assert (fact["arn"], fact["status"], fact["files"]) == (before["arn"], "COMPLETED", before["files"])
    assert fact["manifest"] == before["manifest"]
    assert fact["whole"] == before["whole"]


def test_a_failed_export_is_named_and_may_be_tried_again(world: World) -> None:
    world.pair("a", things(5))
    world.pair("b", things(5))
    run = world.open(staging={"bucket": "no-such-bucket-here"})
    preflight(run)
    with pytest.raises(ExportError, match=r"export of .*-src-a FAILED: S3NoSuchBucket.*export of .*-src-b FAILED"):
        export_tables(run)
    with pytest.raises(GateFailed, match="FAILED"):
        gate_exports(run)


def test_exporting_without_a_plan_is_refused(world: World) -> None:
    with pytest.raises(GateFailed, match="run 00_preflight first"):
        export_tables(world.open())


@pytest.mark.whole
def test_a_manifest_changed_after_the_export_is_found(world: World) -> None:
    world.pair("a", things(5))
    fact = exported(world.open())[world.src("a")]
    key = fact["folder"] + "manifest-summary.json"
    body = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
    world.put_object(key, body.replace(b'"itemCount":5', b'"itemCount":4'))
    reuse = {world.src("a"): f"s3://{world.bucket}/{fact['folder']}"}
    with pytest.raises(ConfigError, match="has MD5"):
        refuse_misconfigured(preflight(world.open("other", export={"reuse": reuse})))
    run = world.open("again")
    preflight(run)
    run.ledger.put("export", world.src("a"), fact | {"status": "IN_PROGRESS"})
    with pytest.raises(ExportError, match="has MD5"):
        export_tables(run)


@pytest.mark.parametrize("by", ["arn", "folder", "single"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_an_earlier_export_is_used_as_it_is(world: World, by: str) -> None:
    world.pair("a", things(5))
    arn = exported(world.open("first"))[world.src("a")]["arn"]
    world.put(world.source, world.src("a"), things(9))
    folder = f"s3://{world.bucket}/exports/AWSDynamoDB/{arn.rsplit('/', 1)[-1]}/"
    reuse = {"arn": {world.src("a"): arn}, "folder": {world.src("a"): folder}, "single": folder}[by]
    run = world.open("second", export={"reuse": reuse})
    fact = exported(run)[world.src("a")]
    assert (fact["method"], fact["arn"], fact["items"]) == ("reuse", arn, 5)


@pytest.mark.parametrize("reference", ["x", "s3://bucket/no/export/", "s3://{}/exports/AWSDynamoDB/0-0/", "arn:aws:x"])
def test_an_export_that_cannot_be_used_is_a_configuration_error(world: World, reference: str) -> None:
    world.pair("a", things(1))
    run = world.open(export={"reuse": {world.src("a"): reference.format(world.bucket)}})
    with pytest.raises(ConfigError, match=r"export\.reuse"):
        refuse_misconfigured(preflight(run))


@pytest.mark.chaos
def test_exports_in_flight_stay_within_the_limit(world: World) -> None:
    for name in "abcd":
        world.pair(name, things(1))
    most = 0

    def watch(states: dict[str, dict[str, Any]]) -> None:
        nonlocal most
        most = max(most, sum(s.status == "IN_PROGRESS" for s in states.values()))

    run = world.open(export={"in_flight": 2})
    preflight(run)
    export_tables(run, watch)
    assert most == 2


def test_an_export_by_aws_itself_lands_bit_exact(world: World) -> None:
    real = lies_beside("real-export") or Path("nowhere")
    if not real.is_dir():
        pytest.skip("the export that AWS wrote is not on this machine")
    for file in real.rglob("*"):
        if file.is_file():
            world.put_object(f"elsewhere/{file.relative_to(real).as_posix()}", file.read_bytes())
    _lands(world)


@pytest.mark.whole
def test_an_export_of_the_real_ones_content_lands_bit_exact(world: World) -> None:
    """The same three items, keys and manifests without sidecars as the real one, written here."""
    import base64
    import hashlib

    items = [
        b'{"id":{"S":"bar"},"baz":{"N":"0"}}',
        b'{"id":{"S":"K3TXQk84Si"},"a":{"BOOL":false},"b":{"NULL":true},"c":{"SS":["8gfX8dh0xa","fRjHZJ2Ce9"]},'
        b'"d":{"NS":["3","2"]},"e":{"L":[{"N":"1"},{"S":"Dsb87qc6Es"}]},"f":{"M":{"h":{"NULL":true},"i":{"BOOL":true},'
        b'"g":{"N":"9"}}},"j":{"B":"aGVsbG8="},"k":{"BS":["aXMgZmFzdA==","c2N5bGxhZGI="]}}',
        b'{"id":{"S":"foo"},"bar":{"N":"42"}}',
    ]
    body = gzip.compress(b"".join(b'{"Item":' + i + b"}\n" for i in items))
    folder = "AWSDynamoDB/01715685260608-c488b4e1/"
    table = "arn:aws:dynamodb:eu-central-1:111122223333:table/S3ExportTest"
    data = f"dynamodb-export/{folder}data/uimbi7eofu2b5kzkxe63gsvb6i.json.gz"
    summary = {
        "version": "2020-06-30", "exportArn": f"{table}/export/01715685260608-c488b4e1",
        "startTime": "2024-05-14T11:14:20.608Z", "tableArn": table, "tableId": "x", "itemCount": 3,
        "manifestFilesS3Key": f"dynamodb-export/{folder}manifest-files.json", "outputFormat": "DYNAMODB_JSON",
    }  # fmt: skip
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    world.put_object(f"elsewhere/{folder}manifest-summary.json", json.dumps(summary).encode())
    entry = {"itemCount": 3, "md5Checksum": md5, "etag": "x-1", "dataFileS3Key": data}
    world.put_object(f"elsewhere/{folder}manifest-files.json", json.dumps(entry).encode())
    world.put_object(f"elsewhere/{folder}data/uimbi7eofu2b5kzkxe63gsvb6i.json.gz", body)
    _lands(world)


def _lands(world: World) -> None:
    """Migrate from the moved export; its source table exists nowhere."""
    target = world.dst("landed")
    world.table(world.target, target)
    run = world.open(
        tables={"include": ["S3ExportTest"], "rename": None, "overrides": {"S3ExportTest": target}},
        export={"reuse": {"S3ExportTest": f"s3://{world.bucket}/elsewhere/AWSDynamoDB/01715685260608-c488b4e1/"}},
    )
    record = every_step(run)
    assert record["verdict"] == "PASS"
    assert record["totals"]["items_in_target"] == 3
    found = {i["id"]["S"]: i for i in world.items(world.target, target)}
    assert found["bar"] == {"id": {"S": "bar"}, "baz": {"N": "0"}}
    assert found["K3TXQk84Si"]["j"] == {"B": b"hello"}
    assert found["K3TXQk84Si"]["f"] == {"M": {"h": {"NULL": True}, "i": {"BOOL": True}, "g": {"N": "9"}}}
    assert sorted(found["K3TXQk84Si"]["d"]["NS"]) == ["2", "3"]


def test_an_export_whose_token_aws_has_forgotten_is_found_and_not_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS keeps a token for eight hours; a run that is taken up later looks among the table's exports."""
    world.pair("a", things(5))
    run = world.open()
    preflight(run)
    start = exports.start_export

    def unheard(*arguments: Any) -> Any:
        start(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(export, "start_export", unheard)
        with pytest.raises(Interrupted):
            export_tables(run)

    def forgotten(*arguments: Any) -> Any:
        return start(*arguments[:2], "a-token-that-aws-does-not-know", *arguments[3:])

    monkeypatch.setattr(export, "start_export", forgotten)
    fact = export_tables(run)[world.src("a")]
    assert (fact["status"], fact["token"]) == ("COMPLETED", run.ledger.get("export_token", world.src("a")))
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    assert len(world.source.list_exports(TableArn=arn)["ExportSummaries"]) == 1


@pytest.mark.parametrize("member", ["S3Bucket", "S3Prefix", "TableArn", "ExportTime"])
def test_an_export_of_something_else_is_never_taken_for_the_one_asked_for(member: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    other = {"S3Bucket": "other", "S3Prefix": "other", "TableArn": "other", "ExportTime": moment + timedelta(hours=1)}
    said = {"ExportArn": "arn", "ExportStatus": "COMPLETED", "S3Bucket": "b", "S3Prefix": "p", "TableArn": "t"}

    class Answers:
        exceptions = SimpleNamespace(LimitExceededException=KeyError)

        def export_table_to_point_in_time(self, **_: Any) -> Any:
            return {"ExportDescription": said | {"ExportTime": moment, member: other[member]}}

    with pytest.raises(ExportError, match="and AWS answered with arn"):
        exports.start_export(Answers(), "t", "token", moment, "b", "/p/", None, None)


def test_a_table_is_scanned_where_that_is_asked_for_and_its_recovery_is_not_asked(world: World) -> None:
    for name in ("a", "b"):
        world.pair(name, things(4))
    run = world.open(export={"method": {world.src("a"): "scan"}})
    plan = preflight(run)
    assert {p.source: p.method for p in plan.pairs} == {world.src("a"): "scan", world.src("b"): "export"}
    (said,) = [c for c in plan.checks if c.id == CheckId.RECOVERY and c.table == world.src("a")]
    assert (said.status, said.found) == ("warning", "export.method is 'scan'")
    facts = export_tables(run)
    assert [facts[world.src(name)]["method"] for name in "ab"] == ["scan", "export"]


@pytest.mark.parametrize(
    ("method", "pitr", "found"),
    [
        ({"*": "scan"}, True, "scan"),
        ({"*": "export"}, True, "export"),
        ({"*": "export"}, False, "fail"),
        ({}, True, "export"),
        ({}, False, "skip"),
    ],
)
@pytest.mark.few(2)
def test_what_is_asked_for_goes_before_what_recovery_allows(
    world: World, method: dict[str, str], pitr: bool, found: str
) -> None:
    world.pair("a", things(1), pitr=pitr)
    plan = preflight(world.open(export={"method": method, "without_pitr": "skip"}))
    assert plan.pairs[0].method == found
    assert any(b.id == CheckId.RECOVERY for b in plan.blockers) is (found == "fail")


def test_a_tables_own_name_goes_before_globs_and_these_have_to_agree(world: World) -> None:
    world.pair("a", things(1))
    own = world.open("own", export={"method": {"*": "scan", world.src("a"): "export"}})
    assert preflight(own).pairs[0].method == "export"
    with pytest.raises(ConfigError, match="is asked for both ways"):
        refuse_misconfigured(preflight(world.open("both", export={"method": {"*": "scan", "*-src-*": "export"}})))


def test_a_method_for_no_table_is_a_configuration_error(world: World) -> None:
    world.pair("a", things(1))
    with pytest.raises(ConfigError, match=r"export\.method: no selected source table matches 'nothing'"):
        refuse_misconfigured(preflight(world.open(export={"method": {"nothing": "scan"}})))


def test_a_run_is_not_taken_up_with_another_method(world: World) -> None:
    world.pair("a", things(1))
    configs = [world.config(), world.config(export={"method": {"*": "scan"}})]
    prints = [load_config(file).fingerprint() for file in configs]
    assert prints[0] != prints[1]


@pytest.mark.parametrize("operation", ["DescribeExport", "ExportTableToPointInTime"])
def test_an_answer_that_holds_nothing_fails_its_table_and_no_other(world: World, operation: str) -> None:
    for name in "ab":
        world.pair(name, things(3))

    def before(asked: Asked) -> Said | None:
        hollow = asked.operation == operation and world.src("b").encode() in asked.body
        return (200, [("Content-Type", "application/x-amz-json-1.0")], b"{}") if hollow else None

    with between(world.endpoint, before=before) as server, pytest.MonkeyPatch.context() as patched:
        patched.setattr(world, "endpoint", server.endpoint)
        run = world.open()
        with pytest.raises(ExportError, match=rf"{world.src('b')}.* was answered without ExportDescription"):
            exported(run)
        known = {name: fact.completed is not None for name, fact in EXPORTS.all(run.ledger).items()}
        assert known[world.src("a")]
        assert not known.get(world.src("b"))
        run.ledger.close()
