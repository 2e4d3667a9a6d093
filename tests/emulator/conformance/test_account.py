"""An account is asked under a proxy that hears every call: own names alone, nothing left, nothing private told."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.conformance.account.policy import asking_policy, permission_of
from runbook_lib.conformance.made.bulk_puts import bulk_put, line_of
from tests.support.asking import subject_of
from tests.support.between import Asked, Between, Said, between, changed
from tests.support.in_process import runbook_here
from tests.support.own_names import OWN, left, named, with_checksum
from tests.support.world import ACCOUNT, World

READS = {
    "ListTables",
    "DescribeLimits",
    "GetRecords",
    "ListBulkOperations",
    "DescribeBulkOperation",
    "",
}  # without a name; STS and S3 have no target


@pytest.fixture
def proxy(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    with between(world.endpoint, after=with_checksum) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.endpoint)
        yield made


def asked(world: World, *more: str) -> int:
    return run_cli(
        ["conformance", "--region", "us-east-1", "--other-region", "us-east-2", "--bucket", world.bucket, *more]
    )


CONFIRMED = ("--execute", "--confirm", ACCOUNT)


@pytest.mark.whole
def test_an_account_is_asked_by_own_names_alone_and_nothing_stays(
    world: World, proxy: Between, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("users", [{"id": {"S": "theirs"}}])
    world.put_object("exports/theirs", b"x")
    before = {name: world.items(world.source, name) for name in (world.src("users"),)}
    assert asked(world, *CONFIRMED, "--out", str(tmp_path / "out")) == 0, capsys.readouterr().out[-2000:]
    proxy.asked[:] = [call for call in proxy.asked if call.path != "/_sandbox/health"]  # who are you?
    names = {name for call in proxy.asked for name in named(call)}
    assert {name for name in names if not name.startswith(OWN)} == set()
    nameless = [call for call in proxy.asked if call.operation and not named(call)]
    assert {call.operation for call in nameless if call.json != {"RequestItems": {}}} <= READS
    buckets = {call.path.strip("/").partition("/")[0].partition("?")[0] for call in proxy.asked if not call.operation}
    assert buckets <= {world.bucket, ""}, "STS and this bucket"
    assert left(world) == []
    assert {name: world.items(world.source, name) for name in before} == before
    assert world.s3.get_object(Bucket=world.bucket, Key="exports/theirs")["Body"].read() == b"x"
    report = json.loads((tmp_path / "out" / "conformance.json").read_text())
    assert report["counts"]["as expected"] > 150
    assert 0 < report["latency_ms"]["PutItem"]["p50"] <= report["latency_ms"]["PutItem"]["p99"]
    assert report["latency_ms"]["PutItem"]["p99_9"] is None, "a hundred requests have no thousandth"
    assert any(name.startswith("export full") for name in report["durations"])
    told = "".join(file.read_text() for file in (tmp_path / "out").iterdir())
    assert not [private for private in (ACCOUNT, world.bucket, "sandbox:") if private in told]
    spent, estimate = report["cost_at_most_usd"], re.search(r"at most ([\d.]+) USD", capsys.readouterr().out)
    assert estimate is not None
    assert 0 < spent < float(estimate[1]) < 1


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ((), 0, "dry run: nothing was made"),
        (("--execute",), 2, f"expected {ACCOUNT}, the account, found nothing"),
        (("--execute", "--confirm", "444455556666"), 2, "nothing was made"),
        ((*CONFIRMED, "--limit", "0.001"), 2, "--limit: expected at least"),
        ((*CONFIRMED, "--only", "no-such-question"), 2, "--only: expected the id"),
        ((*CONFIRMED, "--other-region", "us-east-1"), 2, "--other-region: expected another region"),
        (("--clean",), 0, "dry run: nothing was removed"),
        (("--clean", "--execute", "--confirm", "1"), 2, "the account"),
        ((*CONFIRMED, "--clean", "--migrate"), 2, "--clean and --migrate exclude each other"),
    ],
)  # fmt: skip
def test_without_leave_nothing_is_made(
    world: World, proxy: Between, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, said: str
) -> None:
    assert asked(world, *more) == code
    out = capsys.readouterr()
    assert said in out.out + out.err
    assert left(world) == []
    assert not {"CreateTable", "PutItem", "BatchWriteItem"} & set(proxy.operations())
    assert not [call for call in proxy.asked if call.method in ("PUT", "DELETE")]


def test_a_bucket_that_is_not_there_is_told_before_anything_is_made(
    world: World, proxy: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    world.bucket = "nobody-has-this-bucket"
    assert asked(world, *CONFIRMED) == 2
    assert "--bucket: expected one that can be listed" in capsys.readouterr().err
    assert "CreateTable" not in proxy.operations()


def test_the_time_and_the_cost_are_held_to(world: World, proxy: Between, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert asked(world, *CONFIRMED, "--only", "batch-of-2*", "--minutes", "0.00001", "--out", str(out)) == 1
    told = json.loads((out / "conformance.json").read_text())
    assert {answer["why_not"] for answer in told["answers"]} == {"TIME_IS_UP"}
    assert "BatchWriteItem" not in proxy.operations()


def test_what_was_sent_is_held_to_the_limit_while_it_is_asked(world: World, proxy: Between, tmp_path: Path) -> None:
    """The large items of one question reach a limit that the estimate of a few questions is below."""
    from runbook_lib.aws.guard.sent_bytes import SentBytes
    from runbook_lib.conformance.account.budget import SpendingLimits
    from runbook_lib.conformance.subject import WhyNot

    sent = SentBytes()
    limits = SpendingLimits(lambda: 0.0, 1.0, 0.01, sent, "us-east-1")
    assert limits() is None
    sent.bytes["PutItem"] = 10 * 1024 * 1024
    assert limits() is WhyNot.COST_IS_UP
    assert SpendingLimits(lambda: 2.0, 1.0, 0.01, SentBytes(), "us-east-1")() is WhyNot.TIME_IS_UP


@pytest.mark.chaos
def test_the_policy_allows_each_call_that_is_made_and_names_what_is_own(
    world: World, proxy: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(world, *CONFIRMED, "--only", "batch-of-2*,records-of-an-item,stream-that-was*,"
          "import-of-three-items,bulk-put-of*,list-of-bulk-puts,folder-of-an-export")  # fmt: skip
    capsys.readouterr()
    assert asked(world, "--policy") == 0
    policy = json.loads(capsys.readouterr().out)
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {permission_of(f"dynamodb:{operation}") for operation in proxy.operations() if operation} <= allowed
    for statement in policy["Statement"]:
        if statement["Sid"] in ("OwnTables", "OwnObjects"):
            assert all("runbook-conformance-*" in resource for resource in statement["Resource"])
    assert "dynamodb:DeleteBackup" not in allowed
    assert asking_policy(ACCOUNT, ("r1", "r2"), "b")["Statement"][0]["Resource"] == [
        f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/runbook-conformance-*" for region in ("r1", "r2")
    ]


def killed(world: World, after: int) -> int:
    """Ask in a process of its own that is killed at its n-th call; how many calls there were."""
    calls = 0
    process: subprocess.Popen[bytes] | None = None

    def strike(call: Asked) -> Said | None:
        nonlocal calls
        calls += 1
        if calls == after and process is not None:
            process.send_signal(signal.SIGKILL)
        return None

    with between(world.endpoint, before=strike) as here:
        command = [sys.executable, "-m", "runbook_lib", "conformance", "--bucket", world.bucket, *CONFIRMED]
        environment = os.environ | {"AWS_ENDPOINT_URL": here.endpoint}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.wait(timeout=400)
    return calls


def kills(seed: int, count: int) -> list[int]:
    """At which call to kill: in each stretch of the way once, and by chance within it."""
    chance, length = random.Random(seed), 900 // count
    return [chance.randrange(n * length + 4, (n + 1) * length) for n in range(count)]


@pytest.mark.chaos
@pytest.mark.parametrize("after", kills(20, 2))
def test_after_a_kill_clean_leaves_nothing(world: World, after: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert killed(world, after) >= after
    assert left(world) != []
    assert asked(world, "--clean", *CONFIRMED) == 0, capsys.readouterr().out
    assert left(world) == []
    assert asked(world, "--clean", *CONFIRMED) == 0


@pytest.mark.chaos
@pytest.mark.parametrize("after", kills(7, 10))
def test_after_any_of_ten_kills_clean_leaves_nothing(world: World, after: int) -> None:
    world.pair("users", [{"id": {"S": "theirs"}}])
    killed(world, after)
    assert asked(world, "--clean", *CONFIRMED) == 0
    assert left(world) == []
    assert world.items(world.source, world.src("users")) == [{"id": {"S": "theirs"}}]


def test_what_only_has_such_a_name_is_left_and_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Equality of names is not ownership: a tag or the register has to say that this command made it."""
    table, key = "runbook-conformance-0badcafe-plain", "runbook-conformance-0badcafe/theirs"
    other = "runbook-conformance-notes"
    for name in (table, other):
        world.table(world.source, name)
    world.put_object(key, b"x")
    try:
        assert asked(world, "--clean", *CONFIRMED) == 1
        said = capsys.readouterr().out
        assert table in said
        assert other in said
        assert "objects of 0badcafe" in said
        assert sorted(left(world)) == sorted([table, other, key])
    finally:
        for name in (table, other):
            world.source.delete_table(TableName=name)


@pytest.mark.parametrize(
    ("asking", "body"),
    [
        ("notes", b'{"asking": "notes", "begun": "2020-01-01T00:00:00+00:00"}'),
        ("0badcafe", b"mine"),
        ("0badcafe", b'{"asking": "deadbeef", "begun": "2020-01-01T00:00:00+00:00"}'),
        ("0badcafe", b'{"asking": "0badcafe", "begun": "yesterday"}'),
        ("0badcafe", b'["0badcafe"]'),
    ],
)
def test_an_object_that_is_only_called_a_register_gives_nothing_away(world: World, asking: str, body: bytes) -> None:
    keys = [f"runbook-conformance-{asking}/register.json", f"runbook-conformance-{asking}/theirs"]
    for key in keys:
        world.put_object(key, body)
    table = f"runbook-conformance-{asking}-plain"
    world.table(world.source, table)
    try:
        assert asked(world, "--clean", *CONFIRMED) == 1
        assert sorted(left(world)) == sorted([table, *keys])
    finally:
        world.source.delete_table(TableName=table)


def test_a_table_that_was_there_before_its_asking_was_registered_is_left(world: World) -> None:
    table, key = "runbook-conformance-0badcafe-imported-x", "runbook-conformance-0badcafe/register.json"
    world.table(world.source, table)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    world.put_object(key, json.dumps({"asking": "0badcafe", "begun": later}).encode())
    try:
        assert asked(world, "--clean", *CONFIRMED) == 1
        assert table in left(world)
    finally:
        world.source.delete_table(TableName=table)


@pytest.mark.parametrize("what", ["a table", "an object"])
def test_nothing_is_begun_under_names_that_somebody_has(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    monkeypatch.setattr("runbook_lib.conformance.account.asking.new_id", lambda: "0badcafe")
    name = "runbook-conformance-0badcafe-theirs"
    if what == "a table":
        world.table(world.target, name)
    else:
        world.put_object("runbook-conformance-0badcafe/theirs", b"x")
    before = left(world)
    try:
        assert asked(world, *CONFIRMED, "--only", "batch-of-25") == 2
        assert "expected nothing of the name" in capsys.readouterr().err
        assert left(world) == before
    finally:
        if what == "a table":
            world.target.delete_table(TableName=name)


@pytest.mark.chaos
def test_a_server_whose_exports_all_fail_is_not_called_as_expected(world: World, tmp_path: Path) -> None:
    """What could not be had is no answer: such a report is never a success."""

    def failed(call: Asked, said: Said) -> Said:
        if call.operation != "DescribeExport":
            return said
        return changed(said, lambda data: data["ExportDescription"].update(ExportStatus="FAILED"))

    out = tmp_path / "out"
    with between(world.endpoint, after=failed) as lying:
        names = "batch-of-25,folder-of-an-export"
        done = runbook_here("conformance", "--endpoint", lying.endpoint, "--only", names, "--out", out)
    assert done.returncode == 1, done.stdout
    assert "folder-of-an-export: not answered, though it should be: the export 'full' ended FAILED" in done.stdout
    assert json.loads((out / "conformance.json").read_text())["counts"]["as expected"] == 1


def test_whatever_a_server_says_no_account_and_no_key_stands_in_the_report(world: World, tmp_path: Path) -> None:
    secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
    message = f"{ACCOUNT} 1111-2222-3333 {secret} AKIAIOSFODNN7EXAMPLE AROAIOSFODNN7EXAMPLE {world.bucket}"

    def telling(call: Asked, said: Said) -> Said:
        if call.operation != "DescribeTable":
            return said
        return changed(said, lambda data: data["Table"].update(BillingModeSummary={"BillingMode": message}))

    out = tmp_path / "out"
    with between(world.endpoint, after=telling) as lying, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_ENDPOINT_URL", lying.endpoint)
        assert asked(world, *CONFIRMED, "--only", "billing-mode", "--out", str(out)) == 1
    told = "".join(file.read_text() for file in out.iterdir())
    assert "PRIVATE ACCOUNT PRIVATE KEY KEY PRIVATE" in told, "what it said, without that"
    words = [word for word in message.split() if word in told]
    assert words == []


def test_a_migration_needs_a_bucket_also_of_an_engine(world: World) -> None:
    done = runbook_here("conformance", "--endpoint", world.endpoint, "--migrate")
    assert (done.returncode, left(world)) == (2, [])
    assert "--migrate: expected --bucket" in done.stderr


def test_a_clean_waits_for_a_bulk_put_that_would_go_on_writing(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as running three times; whoever does not wait removes its table under it."""
    subject = subject_of(world.endpoint)
    made = bulk_put(subject, "left", line_of("left-0"))
    table, told = made.request["TableName"], []

    def still_runs(call: Asked, said: Said) -> Said:
        if call.operation == "ListBulkOperations" and told.count("runs") < 3:
            told.append("runs")
            summary = {"BulkOperationArn": made.arns[0], "BulkOperationStatus": "IN_PROGRESS", "StartTime": 1e9}
            return changed(said, lambda data: data.update(BulkOperationsSummaryList=[summary]))
        if call.operation == "DeleteTable" and call.json["TableName"] == table:
            told.append("removed")
        return said

    with between(world.endpoint, after=still_runs) as here:
        monkeypatch.setenv("AWS_ENDPOINT_URL", here.endpoint)
        assert asked(world, "--clean", *CONFIRMED) == 0, capsys.readouterr().out
    assert told == ["runs", "runs", "runs", "removed"]


def test_where_nobody_answers_nothing_is_called_a_deviation() -> None:
    with socket.socket() as taken:  # bound and not listening: no other program can answer there meanwhile
        taken.bind(("127.0.0.1", 0))
        done = runbook_here("conformance", "--endpoint", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 2
    assert "Could not connect" in done.stderr
    assert "deviates" not in done.stdout + done.stderr
