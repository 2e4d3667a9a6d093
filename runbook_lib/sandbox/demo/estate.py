"""The demo's small estate around its tables, made in the sandbox's source region."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import closing
from typing import Any

from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.fleet.tables import SOURCE_REGION

STEM = "bebco-borrower-staging"
TABLE = f"{STEM}-users"
WATCHED: dict[str, Any] = {
    "EvaluationPeriods": 2, "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold", "Period": 60,
    "Statistic": "Sum",
}  # fmt: skip
MEANT: dict[str, Any] = {
    "queues": [f"{STEM}-*"],
    "topics": [f"{STEM}-*"],
    "buses": [f"{STEM}-*"],
    "schedules": [f"default/{STEM}-*"],
}


def make_estate(endpoint: str, account: str) -> None:
    """Queues, a topic, a rule, a schedule, a function with a mapping, alarms, a dashboard and an interface."""
    queue, topic = _messaging(endpoint, account)
    _events(endpoint, account, queue)
    _monitoring(endpoint, topic)
    function = _function(endpoint, queue)
    with closing(sandbox_client("apigatewayv2", endpoint, SOURCE_REGION)) as apis:
        api = apis.create_api(Name=f"{STEM}-http", ProtocolType="HTTP")["ApiId"]
        apis.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
        )
        apis.create_stage(ApiId=api, StageName="live", StageVariables={"table": TABLE})


def _messaging(endpoint: str, account: str) -> tuple[str, str]:
    place = f"{SOURCE_REGION}:{account}"
    with closing(sandbox_client("sqs", endpoint, SOURCE_REGION)) as sqs:
        sqs.create_queue(QueueName=f"{STEM}-events-failed", Attributes={"MessageRetentionPeriod": "1209600"})
        failed = f"arn:aws:sqs:{place}:{STEM}-events-failed"
        redrive = json.dumps({"deadLetterTargetArn": failed, "maxReceiveCount": 5})
        sqs.create_queue(QueueName=f"{STEM}-events", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "90"})
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        sqs.create_queue(QueueName=f"{STEM}-statements.fifo", Attributes=fifo)
    queue = f"arn:aws:sqs:{place}:{STEM}-events"
    with closing(sandbox_client("sns", endpoint, SOURCE_REGION)) as sns:
        topic: str = sns.create_topic(Name=f"{STEM}-changes")["TopicArn"]
        for kinds in (["signed"], ["closed", "reopened"]):
            target = queue if kinds == ["signed"] else failed
            wanted = {"FilterPolicy": json.dumps({"kind": kinds}), "RawMessageDelivery": "true"}
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=target, Attributes=wanted)
    return queue, topic


def _events(endpoint: str, account: str, queue: str) -> None:
    with closing(sandbox_client("events", endpoint, SOURCE_REGION)) as events:
        bus = f"{STEM}-bus"
        events.create_event_bus(Name=bus)
        pattern = json.dumps({"source": ["borrower"], "detail": {"table": [TABLE]}})
        events.put_rule(Name=f"{STEM}-changed", EventBusName=bus, EventPattern=pattern)
        target = {"Id": "queue", "Arn": queue, "RetryPolicy": {"MaximumRetryAttempts": 4}}
        events.put_targets(Rule=f"{STEM}-changed", EventBusName=bus, Targets=[target])
    with closing(sandbox_client("scheduler", endpoint, SOURCE_REGION)) as scheduler:
        scheduler.create_schedule(
            Name=f"{STEM}-nightly", ScheduleExpression="cron(0 4 * * ? *)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": queue, "RoleArn": f"arn:aws:iam::{account}:role/{STEM}-scheduler",
                "Input": json.dumps({"table": TABLE}),
            },
        )  # fmt: skip


def _monitoring(endpoint: str, topic: str) -> None:
    of_table = [{"Name": "TableName", "Value": TABLE}]
    of_queue = [{"Name": "QueueName", "Value": f"{STEM}-events-failed"}]
    with closing(sandbox_client("cloudwatch", endpoint, SOURCE_REGION)) as cloudwatch:
        cloudwatch.put_metric_alarm(
            AlarmName=f"{STEM}-users-throttled", Namespace="AWS/DynamoDB", MetricName="ThrottledRequests",
            Dimensions=of_table, AlarmActions=[topic], **WATCHED,
        )  # fmt: skip
        cloudwatch.put_metric_alarm(
            AlarmName=f"{STEM}-events-failing", Namespace="AWS/SQS", MetricName="NumberOfMessagesSent",
            Dimensions=of_queue, AlarmActions=[topic], **WATCHED,
        )  # fmt: skip
        metrics = [["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", TABLE]]
        properties = {"region": SOURCE_REGION, "title": "Reads", "metrics": metrics}
        body = json.dumps({"widgets": [{"type": "metric", "width": 12, "height": 6, "properties": properties}]})
        cloudwatch.put_dashboard(DashboardName=f"{STEM}-board", DashboardBody=body)


def _function(endpoint: str, queue: str) -> str:
    """A function whose variables name two tables, and which reads the queue and a stream; returns its ARN."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("index.py", "def handler(event, context): ...")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with closing(sandbox_client("iam", endpoint, SOURCE_REGION)) as iam:
        role = iam.create_role(RoleName=f"{STEM}-fn", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    variables = {"USERS_TABLE": TABLE, "LOANS_TABLE": f"{STEM}-loans", "LOG_LEVEL": "info"}
    with closing(sandbox_client("dynamodb", endpoint, SOURCE_REGION)) as tables:
        stream = tables.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    with closing(sandbox_client("lambda", endpoint, SOURCE_REGION)) as functions:
        made: str = functions.create_function(
            FunctionName="borrower-events", Runtime="python3.12", Role=role, Handler="index.handler",
            Code={"ZipFile": code.getvalue()}, Environment={"Variables": variables},
        )["FunctionArn"]  # fmt: skip
        functions.create_event_source_mapping(EventSourceArn=queue, FunctionName=made, BatchSize=10)
        functions.create_event_source_mapping(
            EventSourceArn=stream, FunctionName=made, StartingPosition="LATEST", BisectBatchOnFunctionError=True
        )
    return made
