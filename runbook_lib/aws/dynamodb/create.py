"""The calls that create a table and settle what CreateTable does not take.

Each can be repeated: what is settled already is left as it is.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.tables import ttl_attribute
from runbook_lib.aws.outage import told
from runbook_lib.aws.pages import pages
from runbook_lib.errors import TableError

MADE, THERE, LATER = "made", "there", "later"


def create_table(client: Any, request: dict[str, Any]) -> str:
    """Ask for a table: MADE; THERE if one of that name is, perhaps of an attempt whose answer was lost;
    LATER when AWS is creating as many as it does at once.
    """
    try:
        return MADE if _call(client, "create_table", {"LimitExceededException"}, **request) else LATER
    except _InUse:
        return THERE


class _InUse(TableError):
    """There is such a table already."""


def set_ttl(client: Any, name: str, attribute: str) -> None:
    """Turn TTL on."""
    if ttl_attribute(client, name) != attribute:
        wanted = {"Enabled": True, "AttributeName": attribute}
        _call(client, "update_time_to_live", set(), TableName=name, TimeToLiveSpecification=wanted)


def turn_recovery_on(client: Any, name: str, days: int) -> bool:
    """Turn point-in-time recovery on; False while the table is too new for it."""
    wanted = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    later = {"ContinuousBackupsUnavailableException"}
    return _call(client, "update_continuous_backups", later, TableName=name, PointInTimeRecoverySpecification=wanted)


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
    if tags:
        _call(client, "tag_resource", set(), ResourceArn=arn, Tags=[{"Key": k, "Value": v} for k, v in tags.items()])


def take_tag(client: Any, arn: str, key: str) -> None:
    """Take one tag off a table."""
    _call(client, "untag_resource", set(), ResourceArn=arn, TagKeys=[key])


def _call(client: Any, operation: str, not_now: set[str], **request: Any) -> bool:
    """One call; False for an answer that says "not now"."""
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in not_now:
            return False
        kind = _InUse if error.response["Error"]["Code"] == "ResourceInUseException" else TableError
        raise told(kind(f"{operation} of {_named(request)} was refused: {error}"), error) from None
    except BotoCoreError as error:
        failure = TableError(f"{operation} of {_named(request)} failed: {error}; run again to go on")
        raise told(failure, error) from None
    return True


def _named(request: dict[str, Any]) -> str:
    return str(request.get("TableName") or request.get("ResourceArn"))
