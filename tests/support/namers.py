"""Everything that can name a table, made in the embedded AWS; each holds a marker that nobody may repeat."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runbook_lib.sandbox.client import sandbox_client
from tests.support.world import ACCOUNT, World

MARKER = "SECRETMARKER7391"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def arn_of(name: str, region: str = "us-east-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{name}"


@contextmanager
def around(world: World, service: str, region: str = "us-east-1") -> Iterator[Any]:
    client = sandbox_client(service, world.endpoint, region)
    try:
        yield client
    finally:
        client.close()


def a_role(world: World, name: str, policy: dict[str, Any] | None = None) -> str:
    with around(world, "iam") as iam:
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps(policy))
    return arn


def a_function(world: World, name: str, variables: dict[str, str], region: str = "us-east-1") -> str:
    """A function with variables; returns its ARN."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("index.py", "def handler(event, context): ...")
    with around(world, "lambda", region) as client:
        made = client.create_function(
            FunctionName=name, Runtime="python3.12", Role=a_role(world, f"{name}-{region}"), Handler="index.handler",
            Code={"ZipFile": code.getvalue()}, Environment={"Variables": variables},
        )  # fmt: skip
    return str(made["FunctionArn"])


def name_everywhere(world: World, table: str) -> set[tuple[str, str]]:
    """One thing of each kind that names the table; returns (service, where) of each."""
    tag = world.tag
    stream = world.source.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    function = a_function(world, f"{tag}-f", {"ORDERS_TABLE": table, "SECRET": MARKER, "URL": f"x/{MARKER}/{table}"})
    with around(world, "lambda") as client:
        client.create_event_source_mapping(EventSourceArn=stream, FunctionName=function, StartingPosition="LATEST")
    with around(world, "events") as client:
        client.create_event_bus(Name=f"{tag}-bus")
        pattern = {"detail": {"table": [table], "other": [MARKER]}}
        client.put_rule(Name=f"{tag}-rule", EventBusName=f"{tag}-bus", EventPattern=json.dumps(pattern))
        target = {"Id": "t1", "Arn": function, "Input": json.dumps({"table": table, "token": MARKER})}
        client.put_targets(Rule=f"{tag}-rule", EventBusName=f"{tag}-bus", Targets=[target])
    with around(world, "scheduler") as client:
        client.create_schedule(
            Name=f"{tag}-nightly", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:putItem", "RoleArn": a_role(world, f"{tag}-s"),
                "Input": json.dumps({"TableName": table, "Item": {"k": MARKER}}),
            },
        )  # fmt: skip
    with around(world, "pipes") as client:
        client.create_pipe(Name=f"{tag}-pipe", RoleArn=a_role(world, f"{tag}-p"), Source=stream, Target=function)
    with around(world, "cloudwatch") as client:
        _monitor(client, tag, table)
    with around(world, "apigatewayv2") as client:
        api = client.create_api(Name=f"{tag}-http", ProtocolType="HTTP")["ApiId"]
        client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0",
            RequestParameters={"append:header.table": table, "append:header.token": MARKER},
        )  # fmt: skip
        client.create_stage(ApiId=api, StageName="live", StageVariables={"table": table, "token": MARKER})
    allowed = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": arn_of(table)}
    a_role(world, f"{tag}-r", {"Version": "2012-10-17", "Statement": [allowed]})
    return {
        ("function", "variable ORDERS_TABLE"), ("function", "variable URL"),
        ("event-source mapping", "EventSourceArn"), ("pipe", "Source"), ("rule", "EventPattern"),
        ("rule", "target t1, Input"), ("schedule", "Target Input"), ("alarm", "dimension TableName"),
        ("alarm", "metric m1, dimension TableName"), ("alarm", "metric m2, expression"), ("dashboard", "widget 1"),
        ("HTTP API", "stage live, variable table"),
    }  # fmt: skip


def _monitor(client: Any, tag: str, table: str) -> None:
    dimension = [{"Name": "TableName", "Value": table}]
    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    client.put_metric_alarm(
        AlarmName=f"{tag}-throttled", Namespace="AWS/DynamoDB", MetricName="ThrottledRequests",
        Dimensions=dimension, Period=60, Statistic="Sum", AlarmDescription=MARKER, **rule,
    )  # fmt: skip
    metric = {"Namespace": "AWS/DynamoDB", "MetricName": "ConsumedReadCapacityUnits", "Dimensions": dimension}
    query = f"SELECT SUM(UserErrors) FROM SCHEMA(\"AWS/DynamoDB\", TableName) WHERE TableName = '{table}'"
    client.put_metric_alarm(
        AlarmName=f"{tag}-sum", **rule,
        Metrics=[
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
            {"Id": "m2", "Expression": query, "Period": 60, "ReturnData": True},
        ],
    )  # fmt: skip
    widget = {
        "type": "metric",
        "properties": {
            "region": "us-east-1", "title": MARKER,
            "metrics": [["AWS/DynamoDB", "ThrottledRequests", "TableName", table]],
        },
    }  # fmt: skip
    client.put_dashboard(DashboardName=f"{tag}-board", DashboardBody=json.dumps({"widgets": [widget]}))
