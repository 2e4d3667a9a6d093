"""`runbook references`: who names an old table, on both sides; never what a variable holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS, ROLE_READS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.aws.session.clients import connect
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.cli import run_cli
from runbook_lib.config.check_ids import CheckId
from runbook_lib.config.model import load_config
from runbook_lib.errors import ForbiddenCall
from runbook_lib.preflight.step import make_plan
from runbook_lib.references import find
from runbook_lib.references.find import find_references
from runbook_lib.references.places.place import SearchedText
from runbook_lib.sandbox import demo_environment, start_sandbox
from tests.support.namers import MARKER, a_function, around, name_everywhere
from tests.support.world import World

LOOKING = {"references": {"in_preflight": True}}
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}


@pytest.fixture(scope="module")
def own_aws() -> Iterator[str]:
    """An embedded AWS of this module alone: what stands in an account is seen by all who look."""
    with start_sandbox(empty=True, export_seconds=0.2) as sandbox:
        yield sandbox.endpoint


@pytest.fixture
def estate(own_aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in demo_environment(own_aws).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    return World(own_aws, tmp_path)


@pytest.mark.whole
def test_everything_that_names_an_old_table_is_found_and_nothing_that_it_holds_is_shown(
    estate: World, capfd: pytest.CaptureFixture[str]
) -> None:
    estate.pair("orders", **STREAM)
    estate.pair("orders-archive")
    expected = name_everywhere(estate, estate.src("orders"))
    a_function(estate, f"{estate.tag}-new", {"TABLE": estate.dst("orders"), "OLD": estate.src("orders")}, "us-east-2")
    assert run_cli(["references", str(estate.config()), "--format", "json", "--roles"]) == 0
    shown = capfd.readouterr()
    said = json.loads(shown.out)
    own = [row for row in said["found"] if row["source"].startswith(estate.tag)]
    assert {(row["service"], row["where"]) for row in own if row["side"] == "source"} >= expected
    assert [(r["resource"], r["where"]) for r in own if r["side"] == "target"] == [
        (f"{estate.tag}-new", "variable OLD")
    ]
    assert {(row["source"], row["target"]) for row in own} == {(estate.src("orders"), estate.dst("orders"))}
    assert ("role", "policy inline") in {(row["service"], row["where"]) for row in own}
    assert said["not_checked"] == []
    assert run_cli(["references", str(estate.config())]) == 0
    both = shown.out + shown.err + "".join(capfd.readouterr())
    assert MARKER not in both
    assert "variable ORDERS_TABLE" in both


@pytest.mark.whole
def test_no_marker_is_in_a_run_that_looked(estate: World) -> None:
    estate.pair("a")
    a_function(estate, f"{estate.tag}-g", {"TABLE": f"{MARKER}/{estate.src('a')}", "SECRET": MARKER})
    ran = estate.runbook("run", estate.config(**LOOKING), "--run-id", "r", "--only", "preflight")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    check = next(c for c in estate.record("r")["checks"] if c["id"] == CheckId.REFERENCES)
    assert check["status"] == "warning"
    assert "1 places name 1 of them" in check["found"]
    files = [file for file in (estate.folder / "reports").rglob("*") if file.is_file()]
    assert len(files) > 3
    assert [file.name for file in files if MARKER.encode() in file.read_bytes()] == []
    assert MARKER not in ran.stdout + ran.stderr


@pytest.mark.chaos
def test_a_call_that_is_denied_is_not_checked_and_the_others_are_made(estate: World) -> None:
    estate.pair("a")
    a_function(estate, f"{estate.tag}-h", {"TABLE": estate.src("a")})
    estate.fault(kind="denied", operation="ListRules", times=100)
    config = load_config(estate.config(**LOOKING))
    plan = make_plan(config, connect(config))
    estate.clear_faults()
    checks = [check for check in plan.checks if check.id == CheckId.REFERENCES]
    assert [(check.about, check.status) for check in checks] == [("", "warning"), ("calls", "not checked")]
    assert "events:ListRules" in checks[1].found
    assert not checks[1].blocks


@pytest.mark.chaos
def test_the_look_can_be_turned_off(estate: World) -> None:
    estate.pair("a")
    config = load_config(estate.config(references={"in_preflight": False}))
    clients = connect(config)
    assert CheckId.REFERENCES not in {check.id for check in make_plan(config, clients).checks}
    assert "ListFunctions" not in clients.calls.of("source")


@pytest.mark.chaos
def test_the_clients_refuse_everything_but_these_reads(estate: World) -> None:
    clients = connect(load_config(estate.config()))
    client = reading_client(clients, "source", "lambda", REFERENCE_READS)
    with pytest.raises(ForbiddenCall):
        client.get_function(FunctionName="x")
    with pytest.raises(ForbiddenCall):
        client.invoke(FunctionName="x")
    client.close()
    assert all(call.split(":")[1].startswith(("List", "Get", "Describe")) for call in REFERENCE_READS | ROLE_READS)


@pytest.mark.whole
def test_only_listed_calls_are_made_and_each_of_them_is(estate: World) -> None:
    """But those that only what the sandbox does not serve would need."""
    estate.pair("orders", **STREAM)
    name_everywhere(estate, estate.src("orders"))
    clients = connect(load_config(estate.config()))
    before = set(clients.calls.of("source"))
    find_references(clients, {estate.src("orders"): estate.dst("orders")}, roles=True)
    made = set(clients.calls.of("source")) - before
    listed = {call.split(":")[1] for call in REFERENCE_READS | ROLE_READS}
    assert listed - made == {"GetResources", "ListDataSources"}
    assert made <= listed


@pytest.mark.chaos
def test_a_list_whose_pages_lose_their_end_is_read_again(estate: World) -> None:
    """A list is read twice, in pages of two sizes: that of functions in 50 and in 37."""
    estate.pair("a")
    for n in range(60):
        with around(estate, "cloudwatch") as client:
            client.put_metric_alarm(
                AlarmName=f"{estate.tag}-{n}", Namespace="AWS/DynamoDB", MetricName="UserErrors", Period=60,
                Statistic="Sum", EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
                Dimensions=[{"Name": "TableName", "Value": estate.src("a")}],
            )  # fmt: skip
    found = find_references(connect(load_config(estate.config())), {estate.src("a"): estate.dst("a")})
    assert len({each.resource for each in found.found if each.service == "alarm"}) == 60


@pytest.mark.chaos
def test_a_service_that_answers_otherwise_than_aws_is_not_checked_and_the_others_are(
    estate: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(reader: ServiceReader) -> Iterator[SearchedText]:
        raise ValueError(MARKER)
        yield

    monkeypatch.setattr(find, "REGIONAL", (("lambda", odd), *find.REGIONAL[1:]))
    estate.pair("a")
    with around(estate, "cloudwatch") as client:
        client.put_metric_alarm(
            AlarmName=f"{estate.tag}-a", Namespace="AWS/DynamoDB", MetricName="UserErrors", Period=60, Statistic="Sum",
            EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
            Dimensions=[{"Name": "TableName", "Value": estate.src("a")}],
        )  # fmt: skip
    found = find_references(connect(load_config(estate.config())), {estate.src("a"): estate.dst("a")})
    assert {(each.call, each.code) for each in found.not_read} == {("lambda:reading", "ValueError")}
    assert [each.service for each in found.found] == ["alarm"]
