"""A topic's policy is carried unless it is word for word the one that SNS gives to each topic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.topics import read_topics

PLACE = "arn:aws:sns:us-east-1:111122223333:"
OF_SNS = {
    "Effect": "Allow", "Sid": "__default_statement_ID", "Principal": {"AWS": "*"},
    "Action": ["SNS:GetTopicAttributes", "SNS:Subscribe", "SNS:Publish"], "Resource": f"{PLACE}t",
    "Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}},
}  # fmt: skip
PARTNER = {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "SNS:Publish", "Resource": f"{PLACE}t"}


class Topics:
    def __init__(self, *statements: dict[str, Any]) -> None:
        self.policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": list(statements)}

    def get_topic_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"TopicArn": f"{PLACE}t", "Policy": json.dumps(self.policy)}}

    def list_subscriptions_by_topic(self, **_: Any) -> dict[str, Any]:
        return {"Subscriptions": []}

    def list_tags_for_resource(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}


@pytest.mark.parametrize(
    ("statements", "own"),
    [
        ([OF_SNS], False),
        ([OF_SNS | {"Action": ["SNS:Publish", "SNS:Receive"]}], False),
        ([OF_SNS, PARTNER], True),
        ([PARTNER], True),
        ([], True),
        ([OF_SNS | {"Condition": {}}], True),
        ([OF_SNS | {"Principal": {"AWS": "444455556666"}}], True),
        ([OF_SNS | {"Action": ["SNS:*"]}], True),
        ([OF_SNS | {"Condition": {"StringEquals": {"AWS:SourceOwner": "444455556666"}}}], True),
    ],
)
def test_a_policy_that_somebody_has_edited_keeps_its_id_and_is_carried(statements: list[Any], own: bool) -> None:
    topics = Topics(*statements)
    (topic,), _ = read_topics(ServiceReader("source", topics), PLACE, ["t"])
    assert topic.policy == (topics.policy if own else None)
