"""The handbook is enough to stand up the new place: how to deploy and to wake it, whom to set, what is not there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from runbook_lib.cli import run_cli
from runbook_lib.iac.surroundings.of_config import surroundings_of
from tests.support.between import Asked, Said, between
from tests.support.namers import MARKER, a_function, around
from tests.support.world import ACCOUNT, World

STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}


def book_of(config: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run_cli(["surroundings", config, "--handbook"]) == 0
    book = capsys.readouterr().out
    assert MARKER not in book
    return book


@pytest.mark.whole
def test_its_commands_give_every_parameter_that_a_template_asks_for_and_wake_every_kind(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False, StreamSpecification=STREAM)
    stem = f"{world.tag}-src"
    function = a_function(world, f"{stem}-fn", {"TOKEN": MARKER})
    stream = world.source.describe_table(TableName=world.src("orders"))["Table"]["LatestStreamArn"]
    with around(world, "lambda") as functions, around(world, "sqs") as sqs, around(world, "cloudwatch") as cloudwatch:
        functions.create_event_source_mapping(EventSourceArn=stream, FunctionName=function, StartingPosition="LATEST")
        sqs.create_queue(QueueName=f"{stem}-q", Attributes={"KmsMasterKeyId": "alias/own"})
        cloudwatch.put_metric_alarm(
            AlarmName=f"{stem}-a", Namespace="AWS/DynamoDB", MetricName="UserErrors", Period=60, Statistic="Sum",
            EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
            Dimensions=[{"Name": "TableName", "Value": world.src("orders")}],
        )  # fmt: skip
    config = str(world.config(surroundings={"queues": [f"{stem}-q"]}))
    book = book_of(config, capsys)
    given: dict[str, dict[str, str]] = {"messaging": {}, "monitoring": {}}
    for line in re.findall(r"^aws cloudformation deploy .*$", book, re.MULTILINE):
        words = shlex.split(line)
        stack = words[words.index("--template-file") + 1].removeprefix("surroundings/").removesuffix(".yaml")
        assert words[words.index("--region") + 1] == "us-east-2"
        overrides = words[words.index("--parameter-overrides") + 1 :] if "--parameter-overrides" in words else []
        given[stack] |= dict(each.split("=", 1) for each in overrides)
    assert list(given) == ["messaging", "monitoring"]
    for stack, said in given.items():
        parameters = yaml.safe_load(surroundings_of(config, "cloudformation", stack))["Parameters"]
        asked = {name for name, of in parameters.items() if "Default" not in of}
        sleeping = {name for name, of in parameters.items() if of.get("Default") == "asleep"}
        assert set(said) == asked | sleeping
        assert {said[name] for name in sleeping} == {"awake"}
    assert (
        f"--table-name {world.dst('orders')}"
        in given["messaging"][next(n for n in given["messaging"] if "Stream" in n)]
    )
    assert book.index("turn off the same in the source") < book.index("=awake")


@pytest.mark.chaos
def test_a_function_or_an_api_that_is_not_there_is_missing_under_its_new_name(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False)
    stem, new = f"{world.tag}-src", f"{world.tag}-dst"
    a_function(world, f"{stem}-fn", {"TABLE": world.src("orders"), "TOKEN": MARKER})
    with an_api(world, f"{stem}-http", "us-east-1"):
        of_both(world, stem, new, capsys)


@contextmanager
def an_api(world: World, name: str, region: str) -> Iterator[None]:
    """An HTTP API with a stage, which is gone again for the tests that come after."""
    with around(world, "apigatewayv2", region) as apis:
        api = apis.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
        apis.create_stage(ApiId=api, StageName="live")
        try:
            yield
        finally:
            apis.delete_api(ApiId=api)


def no_functions(asked: Asked) -> Said | None:
    """Lambda that lists none of its functions."""
    refused = asked.path.startswith("/2015-03-31/functions")
    return (403, [("x-amzn-ErrorType", "AccessDeniedException")], b"{}") if refused else None


def of_both(world: World, stem: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(world.config())
    book = book_of(config, capsys)
    assert f"| function |  | {new}-fn | missing |" in book
    assert f"| HTTP API | {stem}-http | {new}-http | missing |" in book
    assert f"--function-name {new}-fn" in book
    assert f"| variable TABLE | {world.dst('orders')} | set it in {new}-fn |" in book
    a_function(world, f"{new}-fn", {"TABLE": world.dst("orders")}, "us-east-2")
    with an_api(world, f"{new}-http", "us-east-2"):
        there = book_of(config, capsys)
    assert f"{new}-fn | missing |" not in there
    assert f"{new}-http | missing |" not in there
    with between(world.endpoint, before=no_functions) as server:
        denied = book_of(str(world.config(target={"endpoint_url": server.endpoint})), capsys)
    assert "ListFunctions" in denied.partition("## Not checked")[2]
    assert f"{new}-fn | missing |" not in denied


@pytest.mark.chaos
def test_what_a_template_sets_is_not_for_people(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.pair("orders", pitr=False)
    stem = f"{world.tag}-src"
    with around(world, "cloudwatch") as cloudwatch, around(world, "events") as events:
        cloudwatch.put_metric_alarm(
            AlarmName=f"{stem}-a", Namespace="AWS/DynamoDB", MetricName="UserErrors", Period=60, Statistic="Sum",
            EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
            Dimensions=[{"Name": "TableName", "Value": world.src("orders")}],
        )  # fmt: skip
        events.put_rule(Name=f"{stem}-r", EventPattern=f'{{"source": ["{world.src("orders")}"]}}')
        events.put_targets(Rule=f"{stem}-r", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}])
    config = str(world.config(surroundings={"buses": []}))
    rows = [row.strip("| ").split(" | ") for row in book_of(config, capsys).splitlines() if f" | {stem}-" in row]
    how = {row[1]: row[5] for row in rows if len(row) == 6}
    assert how == {f"{stem}-a": "surroundings/monitoring.yaml has it", f"{stem}-r": f"set it in {world.tag}-dst-r"}


HOSTILE = "https://x.example/$(touch /tmp/x);rm"


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        ({"items": [{"apiId": "a", "name": "n", "apiEndpoint": HOSTILE}]}, True),
        ({"items": [{"name": "MARKER"}]}, False),
        ({"items": [None]}, False),
    ],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_what_a_server_calls_an_address_is_one_word_of_a_command_or_not_checked(
    world: World, answer: dict[str, object], quoted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("orders", pitr=False)

    def apis(asked: Asked) -> Said | None:
        stages = {"items": [{"stageName": "live"}]} if asked.path.startswith("/v2/apis/a/stages") else {"items": []}
        said = answer if asked.path.partition("?")[0] == "/v2/apis" else stages
        return (200, [], json.dumps(said).encode()) if asked.path.startswith("/v2/apis") else None

    with between(world.endpoint, before=apis) as server:
        book = book_of(str(world.config(target={"endpoint_url": server.endpoint})), capsys)
    commands = [shlex.split(line) for line in book.splitlines() if line.startswith("curl ")]
    assert ([f"{HOSTILE}/live"] in [words[-1:] for words in commands]) is quoted
    assert ("apigatewayv2" in book.partition("## Not checked")[2]) is not quoted
    assert "MARKER" not in book
