"""What a call came to, where being refused is an answer as good as any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.error_classes import CLASSES, ErrorClass
from runbook_lib.errors import ConfigError, TableError

ACCEPTED = "accepted"
FAILURES = (ClientError, BotoCoreError)
# How servers say that they do not have an operation.
_UNKNOWN = frozenset({"UnknownOperationException", "UnknownOperation", "NotImplemented", "InvalidAction", "501", "404"})
# What a token is answered with under which something was begun before.
_OF_THE_TOKEN = frozenset({"IdempotentParameterMismatchException", "ImportConflictException"})
_LATER = frozenset({408, 425, 429})  # a proxy that says so may have passed the request on before


class Tries:
    """What became of each request for one operation that a DynamoDB client sends, those that botocore repeats too.

    What the last one is answered with says nothing of one before it whose answer was lost. Of one call alone,
    `is_repeated` tells.
    """

    def __init__(self, client: Any, operation: str) -> None:
        self._open = 0
        client.meta.events.register(f"before-send.dynamodb.{operation}", self._sent)
        client.meta.events.register(f"needs-retry.dynamodb.{operation}", self._heard)

    @property
    def all_refused(self) -> bool:
        """Whether nothing can have come of any: each was refused by AWS, or none was sent."""
        return self._open == 0

    def _sent(self, **_: Any) -> None:
        self._open += 1

    def _heard(self, response: Any = None, **_: Any) -> None:
        if response is not None and _is_refusal(response[1]):
            self._open -= 1


def _is_refusal(said: Mapping[str, Any]) -> bool:
    """Whether an answer says for certain that nothing was done: AWS's own word, and not that it may be so later."""
    status, code = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0), said.get("Error", {}).get("Code")
    known = CLASSES.get(str(code), ErrorClass.AGAIN) is not ErrorClass.AGAIN and code not in _OF_THE_TOKEN
    return known and 400 <= status < 500 and status not in _LATER


def is_repeated(error: Exception) -> bool:
    """Whether a call that was refused was sent before within the client, whose answer may have been lost.

    The refusal is of the last request alone: an earlier one may have been done, and may be what the last one met.
    """
    return isinstance(error, ClientError) and error.response.get("ResponseMetadata", {}).get("RetryAttempts") != 0


def is_seen(look: Callable[[], bool]) -> bool:
    """Whether what a call was refused for is seen to be done all the same; False where nobody can look.

    An earlier request may have done it whose answer was lost, within the client or in a call before.
    """
    try:
        return look()
    except (*FAILURES, TableError, ConfigError):
        return False


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
