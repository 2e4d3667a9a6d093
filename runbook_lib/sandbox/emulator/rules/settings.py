"""What DynamoDB asks of the name of a new table."""

from __future__ import annotations

import re
from typing import Any

from runbook_lib.sandbox.emulator.replies import invalid

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def check_new_name(request: dict[str, Any]) -> None:
    """Raise the ValidationException for a name that DynamoDB would not take and moto would."""
    if not _NAME.fullmatch(name := str(request.get("TableName", ""))):
        raise invalid(
            f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must "
            "have length between 3 and 255 and satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
