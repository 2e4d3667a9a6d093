"""Estates over HTTP as they are found: hundreds of alarms in pages, servers that lose pages, things that are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import yaml

from runbook_lib.cli import run_cli
from runbook_lib.iac.surroundings.of_config import surroundings_of
from runbook_lib.sandbox.client import sandbox_client
from tests.support.between import Asked, Said, between
from tests.support.estates import fixed_estate
from tests.support.namers import a_function, around
from tests.support.world import ACCOUNT, World

JSON = [("Content-Type", "application/x-amz-json-1.0")]
Spoil = Callable[[int, str | None], str | None]


def right(page: int, token: str | None) -> str | None:
    return token


def in_pages(world: World, spoil: Spoil, where: str, total: int) -> Callable[[Asked], Said | None]:
    """CloudWatch with alarms on either side, in pages; `spoil` changes the token of a page of one region."""

    def answer(asked: Asked) -> Said | None:
        if "GraniteServiceVersion" not in asked.headers.get("x-amz-target", ""):
            return None
        if asked.operation != "DescribeAlarms":
            return 200, JSON, b"{}"
        at, size = int(asked.json.get("NextToken") or 0), asked.json["MaxRecords"]
        side = "src" if asked.region == "us-east-1" else "dst"
        stem = f"{world.tag}-{side}-"
        alarms = [
            {
                "AlarmName": f"{stem}a{n:03}", "Namespace": "AWS/DynamoDB", "MetricName": "UserErrors",
                "Threshold": float(n),
                "AlarmArn": f"arn:aws:cloudwatch:{asked.region}:{ACCOUNT}:alarm:{stem}a{n:03}",
                "ActionsEnabled": side == "src", "Dimensions": [{"Name": "TableName", "Value": f"{stem}orders"}],
            }
            for n in range(at, min(at + size, total))
        ]  # fmt: skip
        token = str(at + size) if at + size < total else None
        if asked.region == where:
            token = spoil(at // size, token)
        return 200, JSON, json.dumps({"MetricAlarms": alarms} | ({"NextToken": token} if token else {})).encode()

    return answer


def compared(world: World, spoil: Spoil, where: str, total: int, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with between(world.endpoint, before=in_pages(world, spoil, where, total)) as server:
        side = {"endpoint_url": server.endpoint}
        config = world.config(source=side, target=side, surroundings={"dashboards": False})
        code = run_cli(["surroundings", str(config), "--compare"])
    return code, capsys.readouterr().out


@pytest.mark.chaos
def test_500_alarms_in_pages_are_all_compared(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.pair("orders", pitr=False)
    code, said = compared(world, right, "", 500, capsys)
    assert "500 resources: 500 equal" in said
    assert code == 0


@pytest.mark.parametrize("where", ["us-east-1", "us-east-2"])
@pytest.mark.parametrize(
    "spoil", [lambda page, token: None if page == 2 else token, lambda page, token: "37"], ids=["lost", "repeated"]
)
@pytest.mark.few(1)
def test_pages_that_were_lost_are_not_checked_and_nothing_is_called_missing_or_equal(
    world: World, spoil: Spoil, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False)
    code, said = compared(world, spoil, where, 150, capsys)
    assert code == 1
    assert "cloudwatch:DescribeAlarms" in said.partition("## Not checked")[2]
    assert "equal |" not in said
    assert "missing" not in said


def test_who_reads_a_dead_letter_queue_comes_with_it(world: World) -> None:
    world.pair("orders", pitr=False)
    function, stem = f"{world.tag}-fn", f"{world.tag}-src"
    a_function(world, function, {})
    with around(world, "sqs") as sqs, around(world, "lambda") as functions:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{stem}-"
        sqs.create_queue(QueueName=f"{stem}-dead")
        redrive = json.dumps({"deadLetterTargetArn": f"{arn}dead", "maxReceiveCount": 3})
        sqs.create_queue(QueueName=f"{stem}-work", Attributes={"RedrivePolicy": redrive})
        functions.create_event_source_mapping(EventSourceArn=f"{arn}dead", FunctionName=function)
    config = world.config(surroundings={"queues": [f"{stem}-work"], "alarms": False, "dashboards": False})
    kinds = [said["Type"] for said in template_of(config)["Resources"].values()]
    assert sorted(kinds) == ["AWS::Lambda::EventSourceMapping", "AWS::SQS::Queue", "AWS::SQS::Queue"]


def template_of(config: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(surroundings_of(config, "cloudformation"))
    return found


def test_a_dead_letter_queue_that_is_gone_is_said(world: World) -> None:
    world.pair("orders", pitr=False)
    stem = f"{world.tag}-src"
    gone = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{stem}-dead", "maxReceiveCount": 3}
    with around(world, "sqs") as sqs:
        url = sqs.create_queue(QueueName=f"{stem}-dead")["QueueUrl"]
        sqs.create_queue(QueueName=f"{stem}-work", Attributes={"RedrivePolicy": json.dumps(gone)})
        sqs.delete_queue(QueueUrl=url)
    config = world.config(surroundings={"queues": [f"{stem}-work"]})
    (said,) = template_of(config)["Metadata"]["NotCarriedOver"]
    assert said.startswith(f"queue {stem}-dead: ")
    assert "not there" in said


@pytest.mark.chaos
def test_readers_of_streams_that_are_not_meant_are_not_compared(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    function = f"{world.tag}-fn"
    a_function(world, function, {}, "us-east-2")
    stream = world.target.describe_table(TableName=world.dst("orders"))["Table"]["LatestStreamArn"]
    with (
        around(world, "lambda", "us-east-2") as functions,
        around(world, "sqs") as sqs,
        around(world, "sqs", "us-east-2") as there,
    ):
        functions.create_event_source_mapping(EventSourceArn=stream, FunctionName=function, StartingPosition="LATEST")
        sqs.create_queue(QueueName=f"{world.tag}-src-q")
        there.create_queue(QueueName=f"{world.tag}-dst-q")
    for of_tables, code in ((False, 0), (True, 1)):
        config = world.config(surroundings={"of_tables": of_tables, "queues": [f"{world.tag}-src-q"], "alarms": False})
        assert run_cli(["surroundings", str(config), "--compare"]) == code
        assert ("only in the target" in capsys.readouterr().out) is of_tables


def test_an_alarm_that_names_a_table_inside_of_an_expression_is_chosen_and_renamed(world: World) -> None:
    world.pair("orders", pitr=False)
    query = f"SELECT SUM(UserErrors) FROM SCHEMA(\"AWS/DynamoDB\", TableName) WHERE TableName = '{world.src('orders')}'"
    with around(world, "cloudwatch") as cloudwatch:
        cloudwatch.put_metric_alarm(
            AlarmName=f"{world.tag}-src-query", EvaluationPeriods=1, Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold", Metrics=[{"Id": "q", "Expression": query, "Period": 60}],
        )  # fmt: skip
    (said,) = template_of(world.config())["Resources"].values()
    assert said["Properties"]["Metrics"][0]["Expression"] == query.replace(world.src("orders"), world.dst("orders"))


def test_schedules_whose_moment_is_past_are_said_and_would_not_stop_a_deployment(world: World) -> None:
    world.pair("orders", pitr=False)
    stem, now = f"{world.tag}-src", datetime.now(UTC)
    once = (now - timedelta(days=30)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    later = (now + timedelta(days=300)).strftime("at(%Y-%m-%dT%H:%M:%S)")
    with around(world, "scheduler") as scheduler:
        for name, when, more in (
            ("past", once, {}), ("later", later, {}), ("begun", "rate(1 day)", {"StartDate": now - timedelta(days=9)}),
            ("over", "rate(1 day)", {"EndDate": now + timedelta(seconds=1)}),
        ):  # fmt: skip
            scheduler.create_schedule(
                Name=f"{stem}-{name}", ScheduleExpression=when, FlexibleTimeWindow={"Mode": "OFF"},
                ScheduleExpressionTimezone="Europe/Berlin",
                Target={"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"},
                **more,
            )  # fmt: skip
    config = world.config(surroundings={"schedules": [f"default/{stem}-*"], "alarms": False})
    template = yaml.safe_load(surroundings_of(config, "cloudformation", now=lambda: now + timedelta(minutes=1)))
    made = {said["Properties"]["Name"]: said["Properties"] for said in template["Resources"].values()}
    assert set(made) == {f"{world.tag}-dst-later", f"{world.tag}-dst-begun"}
    assert "StartDate" not in made[f"{world.tag}-dst-begun"]
    said = template["Metadata"]["NotCarriedOver"]
    assert [each.partition(":")[0] for each in said] == [
        f"schedule default/{stem}-begun, StartDate", f"schedule default/{stem}-later", f"schedule default/{stem}-over",
        f"schedule default/{stem}-past",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "where", "answer"),
    [
        ("DescribeAlarms", "us-east-2", {"MetricAlarms": True}),
        ("DescribeAlarms", "us-east-1", {"MetricAlarms": [{"MetricName": "MARKER"}]}),
        ("GetDashboard", "us-east-2", {"DashboardBody": {"widgets": "MARKER"}}),
        ("GetQueueAttributes", "us-east-1", {"Attributes": {"RedrivePolicy": '{"maxReceiveCount": "MARKER"}'}}),
        ("GetQueueAttributes", "us-east-2", {"Attributes": "MARKER"}),
        ("ListRules", "us-east-1", {"Rules": [None, {"Arn": "MARKER"}]}),
        ("ListTargetsByRule", "us-east-2", {"Targets": [{"Arn": "MARKER"}]}),
        ("DescribeLogGroups", "us-east-1", {"logGroups": [{"arn": "MARKER"}]}),
    ],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_answers_that_are_not_as_those_of_aws_are_not_checked_and_nothing_of_them_is_shown(
    world: World, operation: str, answer: dict[str, Any], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False)
    for region, side in (("us-east-1", "src"), ("us-east-2", "dst")):
        client = partial(sandbox_client, endpoint=world.endpoint, region=region)
        fixed_estate(client, f"{world.tag}-{side}", world.src("orders"))

    def odd(asked: Asked) -> Said | None:
        is_it = (asked.operation, asked.region) == (operation, where)
        return (200, JSON, json.dumps(answer).encode()) if is_it else None

    globs = [f"{world.tag}-src*"]
    with between(world.endpoint, before=odd) as server:
        side_of = {"endpoint_url": server.endpoint}
        config = world.config(
            source=side_of, target=side_of,
            surroundings={"queues": globs, "buses": globs, "dashboards": globs, "log_groups": ["/aws/lambda/*"]},
        )  # fmt: skip
        code = run_cli(["surroundings", str(config), "--compare"])
    said = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in said.err
    assert "MARKER" not in said.out + said.err
    assert "## Not checked" in said.out or operation == "GetDashboard"
