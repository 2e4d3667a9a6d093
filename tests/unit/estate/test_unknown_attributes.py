"""An attribute of a queue, topic or subscription that this version does not know is named, and never dropped."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.queues import read_queues
from runbook_lib.estate.extract.topics import read_topics

ARN = "arn:aws:sns:us-east-1:111122223333:"


class NewerTopics:
    """SNS as a later version of it may answer."""

    def get_topic_attributes(self, **_: Any) -> dict[str, Any]:
        known = {"TopicArn": f"{ARN}t", "DisplayName": "T", "LambdaSuccessFeedbackRoleArn": "r"}
        return {"Attributes": known | {"RetryShape": "SECRETVALUE", "Empty": ""}}

    def list_subscriptions_by_topic(self, **_: Any) -> dict[str, Any]:
        entry = {"SubscriptionArn": f"{ARN}t:1", "Protocol": "sqs", "Endpoint": "q", "TopicArn": f"{ARN}t"}
        return {"Subscriptions": [entry]}

    def get_subscription_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"Protocol": "sqs", "Owner": "1", "OrderBy": "SECRETVALUE"}}

    def list_tags_for_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


def test_what_nobody_here_knows_is_named_without_its_value() -> None:
    _, left = read_topics(ServiceReader("source", NewerTopics()), ARN, ["t"])
    assert [each.what for each in left] == [
        "topic t, LambdaSuccessFeedbackRoleArn", "topic t, RetryShape", "a subscription of topic t by sqs, OrderBy",
    ]  # fmt: skip
    assert "SECRETVALUE" not in str(left)


class NewerQueues:
    """SQS as a later version of it may answer."""

    def get_queue_url(self, **_: Any) -> dict[str, Any]:
        return {"QueueUrl": "https://sqs/111122223333/q"}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"DelaySeconds": "3", "ApproximateNumberOfMessages": "7", "FairShare": "SECRETVALUE"}}

    def list_queue_tags(self, **_: Any) -> dict[str, Any]:
        return {}


def test_a_queue_too() -> None:
    (queue,), left = read_queues(ServiceReader("source", NewerQueues()), ["q"])
    assert queue.properties == {"DelaySeconds": 3}
    assert [each.what for each in left] == ["queue q, FairShare"]
    assert "SECRETVALUE" not in str(left)
