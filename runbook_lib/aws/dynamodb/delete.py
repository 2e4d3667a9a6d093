"""The calls that remove a table, and objects by their keys. None of them lists anything."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import code_of, is_repeated, is_seen
from runbook_lib.errors import TableError, TransferError

OBJECTS_AT_ONCE = 1000  # of DeleteObjects


def delete_table(client: Any, name: str, *, protected: bool) -> None:
    """Delete a table, lifting its deletion protection if it has one."""
    try:
        if protected:
            _unprotect(client, name)
        client.delete_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        return
    except (ClientError, BotoCoreError) as error:
        if is_repeated(error) and _is_going(client, name):
            return  # the refusal came of an earlier request whose answer nobody heard
        raise told(TableError(f"table {name} could not be deleted: {error}; run the cleanup again"), error) from None


def _unprotect(client: Any, name: str) -> None:
    try:
        client.update_table(TableName=name, DeletionProtectionEnabled=False)
    except ClientError:
        if not is_seen(lambda: not is_protected(client, name)):
            raise


def _is_going(client: Any, name: str) -> bool:
    """Whether a table is seen to be deleted or gone; False where nobody can look."""
    try:
        return bool(client.describe_table(TableName=name)["Table"]["TableStatus"] == "DELETING")
    except (ClientError, BotoCoreError) as error:
        return code_of(error) == "ResourceNotFoundException"


def is_protected(client: Any, name: str) -> bool:
    """Whether a table's deletion protection is on."""
    try:
        return bool(client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"))
    except (ClientError, BotoCoreError) as error:
        raise told(TableError(f"table {name} cannot be described: {error}"), error) from None


def delete_objects(s3: Any, bucket: str, keys: list[str]) -> None:
    """Delete objects by their keys; one that is gone already is no error."""
    for start in range(0, len(keys), OBJECTS_AT_ONCE):
        wanted = [{"Key": key} for key in keys[start : start + OBJECTS_AT_ONCE]]
        try:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
        except (ClientError, BotoCoreError) as error:
            raise TransferError(f"objects of s3://{bucket} could not be deleted: {error}") from None
        if refused := answer.get("Errors"):
            first = refused[0]
            raise TransferError(
                f"{len(refused)} objects of s3://{bucket} could not be deleted, the first is {first.get('Key')}: "
                f"{first.get('Code')} {first.get('Message')}"
            )
