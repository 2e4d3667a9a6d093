from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.errors import ConfigError, GateFailed, ResumeRefused, TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.sections.findings import attention
from runbook_lib.run.run import Run
from tests.support import records
from tests.support.data_files import rewrite_data_file
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, indexed_by, things


def ready(run: Run) -> Run:
    preflight(run)
    export_tables(run)
    return run


def facts(run: Run, source: str) -> dict[str, Any]:
    return next(t for t in build_record(run.ledger, "r", "n").to_json()["tables"] if t["source"] == source)


def test_a_line_that_hides_a_request_for_another_table_is_quarantined(world: World) -> None:
    """Lines are sent unparsed: one that closes its own put and goes on must not reach a table beyond the plan."""
    world.pair("a", things(3))
    world.table(world.target, f"{world.tag}-other")
    other = f"{world.tag}-other".encode()
    hidden = [
        b'{"Item":{"id":{"S":"x"}}}}],"' + other + b'":[{"PutRequest":{"Item":{"id":{"S":"y"}}}',
        b'{"Item":{"id":{"S":"x"}}}}],"' + other + b'":[{"\\u0050utReques\\u0074":{"Item":{"id":{"S":"y"}}}',
        b'{"Item":{"id":{"S":"x"}}}},{"DeleteRequest":{"Key":{"id":{"S":"i00000"}}}',
    ]
    harmless = b'{"Item":{"id":{"S":"PutRequest"},"t":{"S":"\\u0022PutRequest\\""}}}'
    run = ready(world.open())
    rewrite_data_file(world, run, world.src("a"), lambda lines: [*lines, *hidden, harmless])
    import_tables(run)
    assert world.items(world.target, f"{world.tag}-other") == []
    ids = {i["id"]["S"] for i in world.items(world.target, world.dst("a"))}
    assert ids == {"i00000", "i00001", "i00002", "PutRequest"}
    assert facts(run, world.src("a"))["items_quarantined"] == len(hidden)


@pytest.mark.parametrize("policy", ["fail", "append"])
@pytest.mark.few(1)
def test_each_answered_request_is_timed_once(world: World, policy: str) -> None:
    """Whatever way items are written in: as many times as requests, and the record says what they come to."""
    world.pair("a", things(130))
    run = ready(world.open(**{"import": {"on_non_empty": policy}}))
    import_tables(run)
    calls = run.ledger.calls("target")
    known = build_record(run.ledger, "r", "n").throughput
    assert known is not None
    assert (
        sum(entry.requests for entry in known.request_times) == calls[{"fail": "BatchWriteItem"}.get(policy, "PutItem")]
    )
    assert known.request_ms_p50 is not None
    assert known.request_ms_p99 is not None
    assert 0 < known.request_ms_p50 <= known.request_ms_p99 <= known.request_times[-1].ms


def test_what_a_table_takes_stands_beside_what_was_used(world: World) -> None:
    units = {"ReadCapacityUnits": 50, "WriteCapacityUnits": 70}
    world.pair("a", things(5), BillingMode="PROVISIONED", ProvisionedThroughput=units)
    world.pair("b", things(5))
    run = ready(world.open())
    import_tables(run)
    limits = {name: facts(run, world.src(name))["write_limit"] for name in "ab"}
    assert limits == {"a": 70, "b": 4_000}


def test_every_item_arrives_as_it_was(world: World) -> None:
    items = [
        {"id": {"S": "1"}, "n": {"N": "1.2345678901234567890123456789012345678"}, "e": {"S": ""}, "b": {"B": b""}},
        {
            "id": {"S": "2"},
            "m": {"M": {"é": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}]}}},
            "u": {"S": "שלום 👋"},
        },
        {"id": {"S": "3"}, "ss": {"SS": ["b", "a"]}, "ns": {"NS": ["2", "-1E-100"]}, "bs": {"BS": [b"\x00", b"\xff"]}},
    ]
    world.pair("a", items)
    import_tables(ready(world.open()))
    found = {i["id"]["S"]: i for i in world.items(world.target, world.dst("a"))}
    for item in world.items(world.source, world.src("a")):
        assert found[item["id"]["S"]] == item


def test_nothing_is_written_without_execute(world: World) -> None:
    world.pair("a", things(30))
    run = ready(world.open(execute=False))
    import_tables(run)
    assert world.items(world.target, world.dst("a")) == []
    assert "BatchWriteItem" not in run.ledger.calls("target")
    assert facts(run, world.src("a"))["lines_read"] == 30
    assert build_record(run.ledger, "r", "n").to_json()["verdict"] == "DRY-RUN"


def test_nothing_is_written_unless_the_target_is_spelled(world: World) -> None:
    world.pair("a", things(3))
    run = ready(world.open(confirm_target="111122223333/us-east-1"))
    with pytest.raises(ConfigError, match="expected '111122223333/us-east-2'"):
        import_tables(run)
    assert "BatchWriteItem" not in run.ledger.calls("target")


def test_a_target_filled_since_the_preflight_is_not_written_to(world: World) -> None:
    world.pair("a", things(3))
    run = ready(world.open())
    world.put(world.target, world.dst("a"), things(1))
    with pytest.raises(TransferError, match="should be empty"):
        import_tables(run)
    assert "BatchWriteItem" not in run.ledger.calls("target")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "unprocessed", "every": 2},
        {"kind": "unprocessed", "probability": 0.7, "seed": 3},
        {"kind": "throttle", "every": 2},
        {"kind": "internal-error", "every": 3},
        {"kind": "reset", "every": 3},
    ],
    ids=lambda f: f["kind"],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_nothing_is_lost_when_the_server_balks(world: World, fault: dict[str, Any]) -> None:
    world.pair("a", things(80))
    run = ready(world.open())
    world.fault(operation="BatchWriteItem", table=world.dst("a"), **fault)
    import_tables(run)
    world.clear_faults()
    assert facts(run, world.src("a"))["items_written"] == 80
    assert len(world.items(world.target, world.dst("a"))) == 80
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


# A program that a profile names: the keys it gives out end after a second, and it notes each.
GIVES_OUT = """
import datetime, json, sys
soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
with open(sys.argv[1], "a") as file:
    file.write("x")
keys = {"AccessKeyId": "AKIA", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": soon.isoformat()}
print(json.dumps({"Version": 1} | keys))
"""


@pytest.mark.chaos
def test_credentials_are_refreshed_in_mid_import(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(300))
    given, program, profiles = (world.folder / name for name in ("given", "gives.py", "profiles"))
    program.write_text(GIVES_OUT)
    profiles.write_text(f"[profile brief]\ncredential_process = {sys.executable} -S {program} {given}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    run = ready(world.open(target={"profile": "brief"}, **{"import": {"max_wcu": 150}}))
    before = given.stat().st_size
    import_tables(run)
    assert given.stat().st_size > before + 3
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def test_an_import_keeps_to_the_ceiling_it_is_given(world: World) -> None:
    world.pair("a", things(300))
    run = ready(world.open(**{"import": {"max_wcu": 100}}))
    import_tables(run)
    assert 2.0 < run.ledger.get("import", world.src("a"))["seconds"] < 20
    assert sum(s["wcu"] for s in run.ledger.rows("SELECT wcu FROM sample")) == 300


@pytest.mark.chaos
def test_the_record_says_what_throttled_the_writes(world: World) -> None:
    world.pair("a", things(100))
    run = ready(world.open())
    world.fault(operation="BatchWriteItem", kind="throttle", times=2)
    import_tables(run)
    table = facts(run, world.src("a"))
    assert (table["throttled_requests"], table["wcu"]) == (2, 100)
    held = sum(t["items"] for t in table["throttled"])
    assert 2 <= held <= 50
    said = "; ".join(attention(records.figures(build_record(run.ledger, "r", "n").to_json())))
    assert "Writes were held back by" in said
    assert f"{held} items" in said


@pytest.mark.chaos
def test_items_left_unprocessed_are_counted_as_held_back(world: World) -> None:
    world.pair("a", things(100))
    run = ready(world.open())
    world.fault(
        operation="BatchWriteItem", kind="unprocessed", times=6
    )  # more than the batches of one item, which cannot be left in part
    import_tables(run)
    items = {t["reason"]: t["items"] for t in facts(run, world.src("a"))["throttled"]}
    assert items["UnprocessedItems"] > 0


def test_a_broken_download_goes_on_where_it_broke(world: World) -> None:
    world.pair("a", things(400, text={"S": "x" * 300}))
    run = ready(world.open())
    world.fault(operation="GetObject", kind="truncate", times=3)
    import_tables(run)
    assert facts(run, world.src("a"))["items_written"] == 400


def test_an_item_the_target_refuses_goes_to_quarantine_and_the_rest_goes_on(world: World) -> None:
    world.table(world.source, world.src("a"))
    world.table(world.target, world.dst("a"), **indexed_by("owner", "S"))
    world.put(world.source, world.src("a"), [*things(60), {"id": {"S": "bad"}, "owner": {"N": "5"}}])
    run = ready(world.open())
    import_tables(run)
    validate_tables(run)
    row = facts(run, world.src("a"))
    assert (row["items_exported"], row["items_written"], row["items_quarantined"]) == (61, 60, 1)
    assert (row["verdict"], row["missing"]) == ("FAIL", 0)
    assert [r["kind"] for r in run.ledger.rows("SELECT kind FROM difference")] == ["quarantined"]
    kept = run.ledger.rows("SELECT * FROM quarantine")[0]
    assert kept["source"] == world.src("a")
    assert kept["line"] >= 1
    assert len(kept["key_hash"]) == 32
    assert "owner" in kept["reason"]
    assert len(world.items(world.target, world.dst("a"))) == 60


def test_too_many_refused_items_stop_a_hopeless_table(world: World) -> None:
    world.pair("a", things(40), pitr=False)
    run = ready(world.open(**{"import": {"quarantine_limit": 5}}))
    rewrite_data_file(world, run, world.src("a"), lambda lines: [b"nonsense"] * 9)
    with pytest.raises(TransferError, match=r"quarantine_limit is 5"):
        import_tables(run)


@pytest.mark.chaos
def test_lines_that_are_no_items_are_quarantined_and_never_pass(world: World) -> None:
    world.pair("a", things(40))
    run = ready(world.open())
    bad = [b'{"Item":{"id":{"S":"x"}}},{"DeleteRequest":{}}', b"]", b'{"Item":{"id":{"S":"\xff"}}}']
    good = '{"Item":{"id":{"S":"é"},"PutRequest":{"S":"}},{\\"PutRequest\\":"}}}'.encode()
    rewrite_data_file(world, run, world.src("a"), lambda lines: [*lines, good, *bad])
    import_tables(run)
    row = facts(run, world.src("a"))
    assert row["items_quarantined"] == len(bad)
    assert row["items_written"] == 41 == len(world.items(world.target, world.dst("a")))
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


NO_ITEMS = [
    {"n": {"N": "1"}},
    {"id": {"N": "1"}},
    {"id": {"S": ""}},
    {"id": {"S": "x" * 2049}},
    {"id": {"S": "x"}, "n": {"N": "one"}},
    {"id": {"S": "x"}, "s": {"SS": []}},
    {"id": {"S": "x"}, "two": {"S": "a", "N": "1"}},
]


@pytest.mark.parametrize("mode", ["fail", "append"])
@pytest.mark.few(1)
def test_what_no_table_could_hold_is_quarantined_and_the_rest_is_compared(world: World, mode: str) -> None:
    world.pair("a", things(40))
    run = ready(world.open(**{"import": {"on_non_empty": mode}}))
    bad = [json.dumps({"Item": item}, separators=(",", ":")).encode() for item in NO_ITEMS]
    rewrite_data_file(world, run, world.src("a"), lambda lines: [*lines, *bad])
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"
    row = facts(run, world.src("a"))
    assert (row["items_written"], row["items_quarantined"]) == (40, len(bad))
    assert (row["items_in_target"], row["missing"], row["extra"], row["different"]) == (40, 0, 0, 0)


@pytest.mark.whole
def test_an_item_twice_in_a_file_never_passes(world: World) -> None:
    world.pair("a", things(10))
    run = ready(world.open())
    rewrite_data_file(world, run, world.src("a"), lambda lines: [*lines, lines[0]])
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda body: body[:-4], "has MD5"),
        (lambda body: body[:20] + bytes([body[20] ^ 1]) + body[21:], "has MD5"),
        (lambda body: b"", "has MD5"),
        (None, "named by the manifest and missing"),
    ],
    ids=["truncated", "bit flipped", "emptied", "deleted"],
)
@pytest.mark.chaos
def test_a_damaged_file_is_found_before_anything_of_it_is_written(
    world: World, damage: Callable[[bytes], bytes] | None, words: str
) -> None:
    world.pair("a", things(60))
    run = ready(world.open())
    row = run.ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY items DESC", world.src("a"))[0]
    if damage is None:
        world.s3.delete_object(Bucket=world.bucket, Key=row["key"])
    else:
        body = world.s3.get_object(Bucket=world.bucket, Key=row["key"])["Body"].read()
        world.put_object(row["key"], damage(body))
    with pytest.raises(TransferError, match=words):
        import_tables(run)
    written = facts(run, world.src("a"))["items_written"]
    assert written == 60 - row["items"] == len(world.items(world.target, world.dst("a")))
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("sealed", "words"), [(lambda b: b[:-8], "not whole gzip"), (lambda b: b"plain text\n", "not whole gzip")]
)
@pytest.mark.few(1)
def test_a_file_that_is_not_whole_gzip_is_found_even_if_its_md5_is_right(
    world: World, sealed: Callable[[bytes], bytes], words: str
) -> None:
    world.pair("a", things(60))
    run = ready(world.open())
    row = run.ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY items DESC", world.src("a"))[0]
    body = sealed(world.s3.get_object(Bucket=world.bucket, Key=row["key"])["Body"].read())
    world.put_object(row["key"], body)
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    run.ledger.write("UPDATE file SET md5 = ? WHERE key = ?", [(md5, row["key"])])
    with pytest.raises(TransferError, match=words):
        import_tables(run)


def test_a_file_with_another_number_of_items_is_found(world: World) -> None:
    world.pair("a", things(60))
    run = ready(world.open())
    rewrite_data_file(world, run, world.src("a"), lambda lines: lines[:-1])
    run.ledger.write("UPDATE file SET items = items + 1 WHERE items > ?", [(0,)])
    with pytest.raises(TransferError, match="the manifest says"):
        import_tables(run)


def test_a_table_that_fails_does_not_stop_the_others(world: World) -> None:
    world.pair("a", things(5))
    world.pair("b", things(50))
    run = ready(world.open())
    rewrite_data_file(world, run, world.src("a"), lambda lines: lines, seal=False)
    world.target.delete_table(TableName=world.dst("a"))
    with pytest.raises(TransferError, match="is gone"):
        import_tables(run)
    assert facts(run, world.src("b"))["items_written"] == 50


@pytest.mark.chaos
def test_importing_again_writes_nothing_again(world: World) -> None:
    world.pair("a", things(60))
    run = ready(world.open())
    import_tables(run)
    calls = run.ledger.calls("target")["BatchWriteItem"]
    again = world.open()
    import_tables(again)
    assert again.ledger.calls("target")["BatchWriteItem"] == calls
    assert facts(again, world.src("a"))["items_written"] == 60


@pytest.mark.parametrize("what", ["export_arn", "manifest_md5", "target_table_id"])
def test_a_checkpoint_of_something_else_is_refused(world: World, what: str) -> None:
    world.pair("a", things(6))
    run = ready(world.open())
    import_tables(run)
    known = run.ledger.get("import", world.src("a"))
    run.ledger.put("import", world.src("a"), known | {"binding": known["binding"] | {what: "another"}})
    with pytest.raises(ResumeRefused, match=what):
        import_tables(run)


def test_a_target_that_was_made_again_is_not_taken_for_the_old_one(world: World) -> None:
    world.pair("a", things(6))
    run = ready(world.open())
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    with pytest.raises(ResumeRefused, match="target_table_id"):
        import_tables(run)
    row = facts(run, world.src("a"))  # nothing of what was proved about the old one is said of the new one
    assert row["verdict"] != "PASS"
    assert row["items_in_target"] is None


def test_a_run_is_not_resumed_with_another_configuration(world: World) -> None:
    world.pair("a")
    preflight(world.open())
    with pytest.raises(ResumeRefused, match="another configuration"):
        world.open(**{"import": {"on_non_empty": "overwrite"}})


def test_a_target_filled_since_the_preflight_is_not_overwritten_unless_it_can_be_restored(world: World) -> None:
    world.pair("a", things(3))
    run = ready(world.open(**{"import": {"on_non_empty": "overwrite"}}))
    world.put(world.target, world.dst("a"), things(1))
    with pytest.raises(TransferError, match="point-in-time recovery"):
        import_tables(run)
    assert "BatchWriteItem" not in run.ledger.calls("target")


def test_append_adds_and_replaces_nothing(world: World) -> None:
    world.pair("a", things(30))
    mine = [{"id": {"S": "mine"}, "n": {"N": "1"}}, {"id": {"S": "i00003"}, "n": {"N": "3"}}]
    world.put(world.target, world.dst("a"), mine)
    run = ready(world.open(**{"import": {"on_non_empty": "append"}}))
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert facts(run, world.src("a"))["extra"] == 1
    assert len(world.items(world.target, world.dst("a"))) == 31


def test_append_quarantines_what_would_replace_another_item(world: World) -> None:
    world.pair("a", things(30))
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00003"}, "n": {"N": "777"}}])
    run = ready(world.open(**{"import": {"on_non_empty": "append"}}))
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"
    assert facts(run, world.src("a"))["items_quarantined"] == 1
    held = world.target.get_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})["Item"]
    assert held["n"] == {"N": "777"}


def test_overwrite_replaces_by_key_and_leaves_the_rest(world: World) -> None:
    world.pair("a", things(30))
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00003"}, "n": {"N": "777"}}, {"id": {"S": "mine"}}])
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    run = ready(world.open(**{"import": {"on_non_empty": "overwrite"}}))
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    held = world.target.get_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})["Item"]
    assert held["n"] == {"N": "3"}
    assert len(world.items(world.target, world.dst("a"))) == 31


def test_importing_before_exporting_is_refused(world: World) -> None:
    world.pair("a", things(1))
    run = world.open()
    preflight(run)
    with pytest.raises(GateFailed, match="run 10_export first"):
        import_tables(run)


@pytest.mark.whole
def test_the_mistake_of_the_reference_migration_cannot_happen(world: World) -> None:
    """Two exports of a table lie under one prefix; a listing of the prefix reads every item twice."""
    world.pair("a", things(40))
    old = ready(world.open("old"))
    run = ready(world.open("new"))
    assert old.ledger.get("export", world.src("a"))["arn"] != run.ledger.get("export", world.src("a"))["arn"]
    listed = world.s3.get_paginator("list_objects_v2").paginate(Bucket=world.bucket, Prefix="exports/")
    naive = 0
    for entry in (entry for page in listed for entry in page["Contents"] if entry["Key"].endswith(".json.gz")):
        naive += len(
            gzip.decompress(world.s3.get_object(Bucket=world.bucket, Key=entry["Key"])["Body"].read()).splitlines()
        )
    import_tables(run)
    assert naive == 80
    assert facts(run, world.src("a"))["items_written"] == 40
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


@pytest.mark.chaos
def test_no_item_content_is_left_in_the_run_folder(world: World) -> None:
    marker = "MARKER-" + world.tag
    world.pair("a", things(30, text={"S": marker}, deep={"M": {"x": {"L": [{"S": marker}]}}}))
    run = ready(world.open())
    rewrite_data_file(
        world, run, world.src("a"), lambda lines: [*lines, b'{"Item":{"no":{"S":"' + marker.encode() + b'"}}}']
    )
    import_tables(run)
    world.put(world.target, world.dst("a"), [{"id": {"S": "extra"}, "t": {"S": marker}}])
    validate_tables(run)
    run.ledger.settle()
    for file in run.folder.rglob("*"):
        if file.is_file():
            assert marker.encode() not in file.read_bytes(), file
