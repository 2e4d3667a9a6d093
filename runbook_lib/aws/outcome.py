"""What a call came to, where being refused is an answer as good as any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

ACCEPTED = "accepted"
FAILURES = (ClientError, BotoCoreError)
# How servers say that they do not have an operation.
_UNKNOWN = frozenset({"UnknownOperationException", "UnknownOperation", "NotImplemented", "InvalidAction", "501", "404"})


def outcome_of(call: Callable[..., Any], **params: Any) -> str:
    """ACCEPTED, or the code of the refusal; raises where the server does not have the operation or did not answer."""
    try:
        call(**params)
    except ClientError as error:
        if is_unknown(error):
            raise
        return code_of(error)
    return ACCEPTED


def code_of(error: Exception) -> str:
    """The code of a failure; of one that no server sent, its class."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code"))
    return type(error).__name__


def is_unknown(error: Exception) -> bool:
    """Whether a server said that it does not have the operation."""
    return isinstance(error, ClientError) and code_of(error) in _UNKNOWN
