"""Estates around tables, made through the API of any server that has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

ACCOUNT, REGION = "111122223333", "us-east-1"
RULE = {"EvaluationPeriods": 2, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/around"
FOREIGN = "444455556666"


def fixed_estate(client: Callable[[str], Any], stem: str, table: str, *, composites: bool = False) -> None:
    """Queues with a dead-letter queue, FIFO, a topic with filters, a bus, rules, schedules, alarms, a dashboard."""
    sqs, sns, events = client("sqs"), client("sns"), client("events")
    dead = _queue(sqs, f"{stem}-orders-dead", {"MessageRetentionPeriod": "1209600"})
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    orders = _queue(
        sqs, f"{stem}-orders",
        {"VisibilityTimeout": "60", "RedrivePolicy": redrive, "DelaySeconds": "3"},
        {"team": "shop"},
    )  # fmt: skip
    _queue(sqs, f"{stem}-steps.fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "true"})
    topic = sns.create_topic(Name=f"{stem}-events", Attributes={"DisplayName": "Shop"})["TopicArn"]
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "topic", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage", "Resource": orders, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            },
            {
                "Sid": "partner", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{FOREIGN}:root"},
                "Action": "sqs:SendMessage", "Resource": orders,
            },
        ],
    }  # fmt: skip
    url = sqs.get_queue_url(QueueName=f"{stem}-orders")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allowed)})
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=orders,
        Attributes={
            "FilterPolicy": json.dumps({"kind": ["order"], "amount": [{"numeric": [">", 5]}]}),
            "RawMessageDelivery": "true", "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead}),
        },
    )  # fmt: skip
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="someone@example.com")
    events.create_event_bus(Name=f"{stem}-bus")
    events.put_rule(
        Name=f"{stem}-placed", EventBusName=f"{stem}-bus", State="ENABLED", Description="orders placed",
        EventPattern=json.dumps({"source": ["shop"], "detail": {"table": [table]}}),
    )  # fmt: skip
    events.put_targets(
        Rule=f"{stem}-placed", EventBusName=f"{stem}-bus",
        Targets=[
            {
                "Id": "queue", "Arn": orders, "DeadLetterConfig": {"Arn": dead},
                "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600},
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": f'{{"table": "{table}", "id": <id>}}',
                },
            }
        ],
    )  # fmt: skip
    events.put_rule(Name=f"{stem}-off", EventBusName=f"{stem}-bus", State="DISABLED", EventPattern='{"source": ["x"]}')
    scheduler = client("scheduler")
    scheduler.create_schedule(
        Name=f"{stem}-nightly", ScheduleExpression="cron(0 3 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}, Description="each night",
        Target={"Arn": orders, "RoleArn": ROLE, "Input": json.dumps({"table": table})},
    )  # fmt: skip
    _monitoring(client("cloudwatch"), stem, table, topic, composites=composites)
    client("logs").create_log_group(logGroupName=f"/aws/lambda/{stem}-fn")
    client("logs").put_retention_policy(logGroupName=f"/aws/lambda/{stem}-fn", retentionInDays=14)


def _queue(sqs: Any, name: str, attributes: dict[str, str], tags: dict[str, str] | None = None) -> str:
    attributes = attributes | {"SqsManagedSseEnabled": "true"}  # which AWS says of each queue, and not each engine
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=tags or {})["QueueUrl"]
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def _monitoring(cloudwatch: Any, stem: str, table: str, topic: str, *, composites: bool) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=f"{stem}-throttled", Namespace="AWS/DynamoDB", MetricName="ThrottledRequests", Period=60,
        Statistic="Sum", Dimensions=[{"Name": "TableName", "Value": table}], AlarmActions=[topic], **RULE,
        AlarmDescription=f"{table} is throttled", TreatMissingData="notBreaching",
    )  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName=f"{stem}-deep", Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Period=300,
        Statistic="Maximum", Dimensions=[{"Name": "QueueName", "Value": f"{stem}-orders"}],
        ActionsEnabled=False, **RULE,
    )  # fmt: skip
    if composites:
        rule = f'ALARM("{stem}-throttled") OR ALARM({stem}-deep)'
        cloudwatch.put_composite_alarm(AlarmName=f"{stem}-any", AlarmRule=rule, AlarmActions=[topic])
    metrics = [["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", table], ["...", f"{table}-archive"]]
    body = {
        "widgets": [
            {"type": "metric", "width": 12, "properties": {"region": REGION, "title": "reads", "metrics": metrics}},
            {"type": "text", "properties": {"markdown": "# Shop"}},
        ]
    }
    cloudwatch.put_dashboard(DashboardName=f"{stem}-board", DashboardBody=json.dumps(body))
