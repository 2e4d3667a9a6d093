"""Which failures of a call are a server's being away for a while, and which are its last word."""

from __future__ import annotations

from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # of botocore, the base of what it says when nobody answers
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    SSLError,
)

from runbook_lib.aws.error_classes import ErrorClass, class_of
from runbook_lib.aws.transport.retry import LATER
from runbook_lib.errors import RunbookError, StartRefused, TransferError

AWAY = (ConnectionError, HTTPClientError, CredentialRetrievalError, MetadataRetrievalError)
NEVER = frozenset({501, 505})  # of all 5xx these say "not here", not "not now"
Told = TypeVar("Told", bound=RunbookError)


def is_outage(error: Exception) -> bool:
    """Whether the same call may be answered in a while: no connection, no name, 5xx, throttling.

    A certificate that is not trusted, a refusal and "no such thing" are answers, however often one asks.
    """
    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = class_of(error.response.get("Error", {}).get("Code", ""))
        if kind in (ErrorClass.THROTTLED, ErrorClass.AGAIN) or status in LATER:
            return True
        return bool(status >= 500 and status not in NEVER)
    return isinstance(error, AWAY)


def refusal(message: str, cause: ClientError | BotoCoreError) -> TransferError:
    """The error for something that was not begun: StartRefused where that is DynamoDB's word."""
    if not isinstance(cause, ClientError):
        return TransferError(message)
    refused = StartRefused(message)
    refused.said = str(cause)
    return refused


def told(error: Told, cause: ClientError | BotoCoreError) -> Told:
    """The error for people, which remembers whether its cause may pass: whoever waits goes on then."""
    error.transient = is_outage(cause)
    return error
