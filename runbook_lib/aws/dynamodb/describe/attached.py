"""What is attached to a table and DescribeTable does not say: its policy, its Kinesis destinations, its insights.

Asked for one by one; what is refused is kept with its reason and is neither a setting nor the lack of one. A server
that has no such operation has no such thing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from runbook_lib.aws.dynamodb.describe.definition import Setting
from runbook_lib.aws.dynamodb.describe.partial_definition import Ask, asking

POLICY, KINESIS, INSIGHTS = "resource policy", "Kinesis destinations", "contributor insights"
# Of a server without the operation, and of a table without a policy, which no other operation answers.
NOTHING = frozenset({"UnknownOperationException", "PolicyNotFoundException"})
GONE = frozenset({"DISABLED", "DISABLING", "ENABLE_FAILED", "FAILED"})  # states of a destination or of insights
SHOWN_DIGITS = 12  # of a digest that stands for a policy


def read_attached(client: Any, name: str, arn: str, indexes: list[str]) -> tuple[tuple[Setting, ...], dict[str, str]]:
    """The settings of these kinds that a table has, and for each kind that could not be asked for the reason."""
    unknown: dict[str, str] = {}
    ask = asking(client, name, unknown, NOTHING)
    found = [*_policy(ask, arn), *_destinations(ask, name), *_insights(ask, name, indexes)]
    return tuple(sorted(s for s in found if s.property not in unknown)), unknown


def _policy(ask: Ask, arn: str) -> Iterator[Setting]:
    if text := ask(POLICY, "get_resource_policy", ResourceArn=arn).get("Policy"):
        yield Setting(POLICY, POLICY, spell_policy(str(text), arn))


def spell_policy(text: str, arn: str) -> str:
    """A policy of a table as a short text that is equal where it says the same of both tables."""
    own = text.replace(arn, "TABLE")
    try:
        said = json.loads(own)
        statements = said.get("Statement", []) if isinstance(said, dict) else []
        number = len(statements) if isinstance(statements, list) else 1
        own = json.dumps(said, sort_keys=True)
    except ValueError:
        number = 1
    digest = hashlib.sha256(own.encode()).hexdigest()[:SHOWN_DIGITS]
    return f"{number} statement{'s' * (number != 1)}, SHA-256 {digest}"


def _destinations(ask: Ask, name: str) -> Iterator[Setting]:
    answer = ask(KINESIS, "describe_kinesis_streaming_destination", TableName=name)
    for one in answer.get("KinesisDataStreamDestinations") or ():
        if one.get("DestinationStatus") not in GONE:
            stream = str(one.get("StreamArn", "")).rpartition(":stream/")[2] or "without a name"
            precision = str(one.get("ApproximateCreationDateTimePrecision", "MILLISECOND")).lower()
            yield Setting(KINESIS, f"Kinesis destination {stream}", f"times in {precision}s")


def _insights(ask: Ask, name: str, indexes: list[str]) -> Iterator[Setting]:
    places = [("the table", {"TableName": name}), *((i, {"TableName": name, "IndexName": i}) for i in indexes)]
    for what, request in places:
        answer = ask(INSIGHTS, "describe_contributor_insights", **request)
        state = answer.get("ContributorInsightsStatus")
        if state is not None and state not in GONE:
            mode = str(answer.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS"))
            yield Setting(INSIGHTS, f"contributor insights of {what}", mode.lower().replace("_", " "))
