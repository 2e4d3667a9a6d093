"""What DescribeTable says and botocore drops: members that the installed model does not have.

An answer is read once more as it came, so that a table is never called equal in what nobody here has heard of.
"""

from __future__ import annotations

import json
from typing import Any

from runbook_lib.aws.members import unfamiliar

UNFAMILIAR = "x-unfamiliar-members"


def note_unfamiliar(events: Any) -> None:
    """Register with the event system of a botocore session: DescribeTable's answer then names such members."""
    events.register("after-call.dynamodb.DescribeTable", _note)


def unfamiliar_of(table: dict[str, Any]) -> tuple[str, ...]:
    """The members of a table's description that were met and are not known here."""
    found: tuple[str, ...] = table.get(UNFAMILIAR, ())
    return found


def _note(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    if not isinstance(parsed.get("Table"), dict) or getattr(http_response, "raw", None) is None:
        return
    try:
        said = json.loads(http_response.content)["Table"]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(said, dict) and (members := unfamiliar(said)):
        parsed["Table"][UNFAMILIAR] = members
