"""The calls behind the register of the runs that have written to a table: a tag of the table, and small S3 objects.

An entry is created only where there is none (If-None-Match), and read and listed in its own folder; nothing here
changes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import is_seen, is_unknown
from runbook_lib.aws.pages import pages
from runbook_lib.aws.s3.objects import list_objects
from runbook_lib.errors import TableError, TransferError

EXISTS = frozenset({"PreconditionFailed", "412"})
CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
TRIES = 5


class NoTags(TableError):
    """The server does not know tags of tables, so no other run can have named a register in one."""


def tagging_form(request: Mapping[str, Any]) -> bool:
    """The one form of TagResource here: the register's tag alone."""
    tags = request.get("Tags")
    return (
        request.keys() == {"ResourceArn", "Tags"}
        and isinstance(tags, (list, tuple))
        and len(tags) == 1
        and tags[0].keys() == {"Key", "Value"}
        and tags[0]["Key"] == REGISTER_TAG
        and str(tags[0]["Value"]).startswith("s3://")
    )


def untagging_form(request: Mapping[str, Any]) -> bool:
    """The one form of UntagResource here: the register's tag alone."""
    return request.keys() == {"ResourceArn", "TagKeys"} and list(request["TagKeys"]) == [REGISTER_TAG]


def creating_form(request: Mapping[str, Any]) -> bool:
    """The one form of PutObject here: only where there is no such object."""
    return request.get("IfNoneMatch") == "*" and "Key" in request and "Body" in request


def register_tag(client: Any, arn: str) -> str | None:
    """Where a table's register is, as its tag says; None without it.

    Raises TableError if tags cannot be read, NoTags if the server has none.

    A page that lost its token looks like the last, and no other size of pages can be asked for here. So that there is
    no tag is believed of two readings only, for another run's register would be forgotten and its items be removed.
    """
    try:
        found = _register_in(client, arn)
        return _register_in(client, arn) if found is None else found
    except (ClientError, BotoCoreError) as error:
        kind = NoTags if is_unknown(error) else TableError
        raise kind(f"the tags of {arn} cannot be read: {error}") from None


def _register_in(client: Any, arn: str) -> str | None:
    found: str | None = None
    for answer in pages(client.list_tags_of_resource, ResourceArn=arn):
        for tag in answer.get("Tags") or ():
            if tag.get("Key") == REGISTER_TAG:
                found = str(tag.get("Value"))  # of a server that keeps former values too, the latest
    return found


def set_register_tag(client: Any, arn: str, place: str) -> None:
    """Say in the table's tag where its register is."""
    try:
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": REGISTER_TAG, "Value": place}])
    except (ClientError, BotoCoreError) as error:
        if is_seen(lambda: register_tag(client, arn) == place):
            return  # by an earlier request, whose answer nobody heard
        raise TableError(f"the tag {REGISTER_TAG} of {arn} cannot be set: {error}") from None


def take_register_tag(client: Any, arn: str) -> None:
    """Take the tag off again."""
    try:
        client.untag_resource(ResourceArn=arn, TagKeys=[REGISTER_TAG])
    except (ClientError, BotoCoreError) as error:
        if is_seen(lambda: register_tag(client, arn) is None):
            return  # as above
        raise TableError(f"the tag {REGISTER_TAG} of {arn} cannot be taken off: {error}") from None


def create_entry(s3: Any, bucket: str, key: str, body: bytes) -> bool:
    """Create an entry; False if there is one. Raises TransferError where it cannot be created."""
    for attempt in range(TRIES):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in EXISTS:
                return False
            if code not in CONFLICT or attempt == TRIES - 1:
                raise told(TransferError(f"s3://{bucket}/{key} cannot be created: {error}"), error) from None
        except BotoCoreError as error:
            raise told(TransferError(f"s3://{bucket}/{key} cannot be created: {error}"), error) from None
        else:
            return True
    return False


def list_entries(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The keys under a table's folder; the client must have been granted this very prefix."""
    try:
        return [key for key, _ in list_objects(s3, bucket, prefix)]
    except (ClientError, BotoCoreError) as error:
        raise told(TransferError(f"s3://{bucket}/{prefix} cannot be listed: {error}"), error) from None
