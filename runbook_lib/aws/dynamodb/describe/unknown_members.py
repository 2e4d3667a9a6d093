"""What DescribeTable and DescribeExport say and botocore drops: members that the installed model does not have.

An answer is read once more as it came, so that a table is never called equal, and an export never whole, in what
nobody here has heard of.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb.describe.members import EXPORT, TABLE, Member, unfamiliar

UNFAMILIAR = "x-unfamiliar-members"


def note_unfamiliar(events: Any) -> None:
    """Register with the event system of a botocore session: these answers then name such members."""
    events.register("after-call.dynamodb.DescribeTable", partial(_note, "Table", TABLE))
    events.register("after-call.dynamodb.DescribeExport", partial(_note, "ExportDescription", EXPORT))


def unfamiliar_of(described: dict[str, Any]) -> tuple[str, ...]:
    """The members of a description that were met and are not known here."""
    found: tuple[str, ...] = described.get(UNFAMILIAR, ())
    return found


def _note(what: str, known: dict[str, Member], http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    if not isinstance(parsed.get(what), dict) or getattr(http_response, "raw", None) is None:
        return
    try:
        said = json.loads(http_response.content)[what]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(said, dict) and (members := unfamiliar(said, known)):
        parsed[what][UNFAMILIAR] = members
