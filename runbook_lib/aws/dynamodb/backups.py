"""Point-in-time recovery: whether it is on, back to which moment, and turning it on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import is_repeated
from runbook_lib.errors import ConfigError, ExportError

# What a server says that has no such thing.
UNKNOWN = frozenset({"UnknownOperationException", "ValidationException"})


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether recovery is on; the moments a table can be exported for, None where the server does not say."""

    on: bool
    earliest: datetime | None = None
    latest: datetime | None = None


def recovery_of(client: Any, name: str) -> Recovery:
    """Ask for a table's recovery; a server that has no such thing has it off."""
    try:
        answer = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return Recovery(False)
        raise told(ConfigError(f"cannot ask for point-in-time recovery of {name}: {error}"), error) from None
    except BotoCoreError as error:
        raise told(ConfigError(f"cannot ask for point-in-time recovery of {name}: {error}"), error) from None
    said = answer.get("PointInTimeRecoveryDescription", {})
    return Recovery(
        said.get("PointInTimeRecoveryStatus") == "ENABLED",
        said.get("EarliestRestorableDateTime"),
        said.get("LatestRestorableDateTime"),
    )


def is_on(client: Any, name: str) -> bool | None:
    """Whether recovery is on now; None where it may not be asked."""
    try:
        return recovery_of(client, name).on
    except ConfigError:
        return None


def turn_on(client: Any, name: str) -> None:
    """Turn recovery on; the client must have been granted it for this table."""
    try:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    except (ClientError, BotoCoreError) as error:
        if is_repeated(error) and is_on(client, name):
            return  # by an earlier request, whose answer nobody heard
        raise told(ExportError(f"point-in-time recovery of {name} could not be turned on: {error}"), error) from None
