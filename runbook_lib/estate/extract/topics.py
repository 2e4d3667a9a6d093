"""SNS: topics and their subscriptions. Those of people and of web pages are listed: they have to agree once more."""

from __future__ import annotations

from collections.abc import Iterable

from runbook_lib.aws.reading.listings import SUBSCRIPTIONS, TOPICS
from runbook_lib.aws.reading.reader import ServiceReader
from runbook_lib.estate.extract.spelling import (
    Json,
    carried,
    cloudformation_tags,
    parsed,
    typed,
    unknown_attributes,
    unknown_values,
)
from runbook_lib.estate.members import SUBSCRIPTION, SUBSCRIPTION_LEFT, TOPIC, TOPIC_LEFT
from runbook_lib.estate.resource import Resource, ResourceKind, Unexpressed

FEEDBACK = tuple(
    f"{protocol}{member}"
    for protocol in ("HTTP", "SQS", "Lambda", "Firehose", "Application")
    for member in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
)
BY_PEOPLE = frozenset({"email", "email-json", "http", "https", "sms", "application"})
# What the policy that SNS gives to each topic allows its own account; older topics have fewer.
ACTIONS_OF_SNS = frozenset(
    f"SNS:{action}".upper()
    for action in (
        "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
        "ListSubscriptionsByTopic", "Publish", "Receive",
    )
)  # fmt: skip
DOCUMENTS = ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy")


def subscription_key(topic: str, protocol: str, endpoint: str) -> str:
    """What a subscription connects, in words; `topic` is an ARN."""
    return f"{topic.rpartition(':')[2]} to {protocol} {endpoint}"


def topic_names(reader: ServiceReader) -> list[str]:
    """The names of all topics."""
    return sorted({str(entry["TopicArn"]).rpartition(":")[2] for entry in reader.entries(TOPICS)})


def read_topics(reader: ServiceReader, place: str, names: Iterable[str]) -> tuple[list[Resource], list[Unexpressed]]:
    """The topics of these names with their subscriptions; `place` is how their ARNs begin."""
    found: list[Resource] = []
    left: list[Unexpressed] = []
    for name in sorted(set(names)):
        arn = f"{place}{name}"
        attributes = (reader.get("sns", "GetTopicAttributes", name, TopicArn=arn) or {}).get("Attributes")
        if attributes is None:
            continue
        found.append(_topic(reader, name, arn, attributes))
        left += [
            Unexpressed(f"topic {name}, {member}", "CloudFormation has no property for it")
            for member, text in attributes.items()
            if text and (member == "DeliveryPolicy" or member.endswith(("FeedbackRoleArn", "FeedbackSampleRate")))
        ]
        left += unknown_attributes(f"topic {name}", attributes, TOPIC, (*TOPIC_LEFT, *FEEDBACK))
        for entry in reader.entries(SUBSCRIPTIONS, name, TopicArn=arn):
            _subscribe(reader, name, entry, found, left)
    return found, left


def _topic(reader: ServiceReader, name: str, arn: str, attributes: Json) -> Resource:
    texts = carried(attributes, TOPIC)
    policy = parsed(texts.pop("Policy", None))
    keep_text = ("DisplayName", "SignatureVersion", "KmsMasterKeyId")
    found = {member: text if member in keep_text else typed(text) for member, text in texts.items()}
    if found.get("FifoTopic") is False:
        del found["FifoTopic"]
    if found.get("FifoTopic") is None:
        found.pop("ContentBasedDeduplication", None)
    beside = unknown_values(attributes, TOPIC, TOPIC_LEFT)
    if attributes.get("DeliveryPolicy"):
        beside["DeliveryPolicy"] = parsed(attributes["DeliveryPolicy"])
    tags = cloudformation_tags((reader.get("sns", "ListTagsForResource", name, ResourceArn=arn) or {}).get("Tags"))
    if tags:
        found["Tags"] = tags
    return Resource(ResourceKind.TOPIC, name, name, arn, found, _own_policy(policy, arn), beside=beside)


def _own_policy(policy: object, arn: str) -> Json | None:
    """A topic's policy where it is not the one that SNS gives to each; one that was edited often keeps its id."""
    if not isinstance(policy, dict):
        return None
    (first, *more) = policy.get("Statement") or [{}]
    of_sns = {
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }  # fmt: skip
    given = {name: value for name, value in first.items() if name not in ("Sid", "Action")}
    actions = {str(action).upper() for action in first.get("Action") or ["none"]}
    return None if not more and given == of_sns and actions <= ACTIONS_OF_SNS else policy


def _subscribe(reader: ServiceReader, topic: str, entry: Json, found: list[Resource], left: list[Unexpressed]) -> None:
    protocol, endpoint, arn = entry.get("Protocol", ""), entry.get("Endpoint", ""), entry.get("SubscriptionArn", "")
    if protocol in BY_PEOPLE:
        why = "whoever is behind it has to agree again: subscribe it by hand"
        left.append(Unexpressed(f"a subscription of topic {topic} by {protocol}", why))
        return
    if not str(arn).startswith("arn:"):
        left.append(Unexpressed(f"a subscription of topic {topic} by {protocol}", "it was never confirmed"))
        return
    answer = reader.get("sns", "GetSubscriptionAttributes", f"{topic} {protocol}", SubscriptionArn=arn)
    if answer is None:
        return
    attributes = answer.get("Attributes") or {}
    left += unknown_attributes(
        f"a subscription of topic {topic} by {protocol}", attributes, SUBSCRIPTION, SUBSCRIPTION_LEFT
    )
    texts = carried(attributes, SUBSCRIPTION)
    properties = {
        m: parsed(t) if m in DOCUMENTS else (typed(t) if m == "RawMessageDelivery" else t) for m, t in texts.items()
    }
    if properties.get("FilterPolicyScope") == "MessageAttributes":  # what it is unless one says otherwise
        del properties["FilterPolicyScope"]
    if properties.get("RawMessageDelivery") is False:
        del properties["RawMessageDelivery"]
    properties |= {"Protocol": protocol, "Endpoint": endpoint, "TopicArn": str(entry.get("TopicArn", ""))}
    beside = unknown_values(attributes, SUBSCRIPTION, SUBSCRIPTION_LEFT)
    key = subscription_key(properties["TopicArn"], protocol, endpoint)
    found.append(Resource(ResourceKind.SUBSCRIPTION, key, "", str(arn), properties, beside=beside))
