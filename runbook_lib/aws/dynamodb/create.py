"""The calls that create a table and settle what CreateTable does not take.

Each can be repeated: what is settled already is left as it is. So what is refused may be refused
because an earlier request, whose answer was lost, has settled it: that is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.definition import recovery_days
from runbook_lib.aws.dynamodb.describe.tables import ttl_attribute
from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import is_repeated, is_seen
from runbook_lib.aws.pages import pages
from runbook_lib.errors import TableError

MADE, THERE, LATER = "made", "there", "later"


def create_table(client: Any, request: dict[str, Any]) -> str:
    """Ask for a table: MADE; THERE if one of that name is, perhaps of an attempt whose answer was lost;
    LATER when AWS is creating as many as it does at once.
    """
    try:
        made = _call(client, "create_table", {"LimitExceededException"}, lambda: False, **request)
        return MADE if made else LATER
    except _InUse:
        return THERE


class _InUse(TableError):
    """There is such a table already."""


def set_ttl(client: Any, name: str, attribute: str) -> None:
    """Turn TTL on."""

    def is_set() -> bool:
        return ttl_attribute(client, name) == attribute

    if not is_set():
        wanted = {"Enabled": True, "AttributeName": attribute}
        _call(client, "update_time_to_live", set(), is_set, TableName=name, TimeToLiveSpecification=wanted)


def turn_recovery_on(client: Any, name: str, days: int) -> bool:
    """Turn point-in-time recovery on; False while the table is too new for it."""
    wanted = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}

    def is_on() -> bool:
        return recovery_days(client.describe_continuous_backups(TableName=name)) == days

    later = {"ContinuousBackupsUnavailableException"}
    operation = "update_continuous_backups"
    return _call(client, operation, later, is_on, TableName=name, PointInTimeRecoverySpecification=wanted)


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """The tags of a table."""
    tags: dict[str, str] = {}
    try:
        for answer in pages(client.list_tags_of_resource, ResourceArn=arn):
            tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
    except (ClientError, BotoCoreError) as error:
        raise told(TableError(f"the tags of {arn} cannot be read: {error}"), error) from None
    return tags


def add_tags(client: Any, arn: str, tags: dict[str, str]) -> None:
    """Set tags of a table."""

    def are_set() -> bool:
        return tags.items() <= tags_of(client, arn).items()

    if tags:
        wanted = [{"Key": k, "Value": v} for k, v in tags.items()]
        _call(client, "tag_resource", set(), are_set, ResourceArn=arn, Tags=wanted)


def take_tag(client: Any, arn: str, key: str) -> None:
    """Take one tag off a table."""
    _call(client, "untag_resource", set(), lambda: key not in tags_of(client, arn), ResourceArn=arn, TagKeys=[key])


def settle_setting(client: Any, name: str, is_set: Callable[[], bool], **setting: Any) -> None:
    """Set one thing of a table that is ACTIVE: its stream, its class or its protection."""
    _call(client, "update_table", set(), is_set, TableName=name, **setting)


def _call(client: Any, operation: str, not_now: set[str], is_done: Callable[[], bool], **request: Any) -> bool:
    """One call; False for an answer that says "not now". `is_done` looks whether it need not be made any more."""
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        code, unheard = error.response["Error"]["Code"], ""
        if code in not_now:
            return False
        if is_seen(is_done):
            return True
        if is_repeated(error):
            unheard = "; an earlier request, whose answer nobody heard, may have done it all the same: run again"
        kind = _InUse if code == "ResourceInUseException" else TableError
        raise told(kind(f"{operation} of {_named(request)} was refused: {error}{unheard}"), error) from None
    except BotoCoreError as error:
        failure = TableError(f"{operation} of {_named(request)} failed: {error}; run again to go on")
        raise told(failure, error) from None
    return True


def _named(request: dict[str, Any]) -> str:
    return str(request.get("TableName") or request.get("ResourceArn"))
