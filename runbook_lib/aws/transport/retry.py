"""Which failures pass, and how long to be patient with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.credentials import EXPIRED
from runbook_lib.aws.error_classes import ErrorClass, codes_of
from runbook_lib.errors import TransferError

THROTTLED = codes_of(ErrorClass.THROTTLED)
TRANSIENT = codes_of(ErrorClass.AGAIN)
# What a proxy or gateway in between says for "later": Request Timeout, Too Early, Too Many Requests.
LATER = frozenset({408, 425, 429})
OF_NOBODY = "HTTP"  # in place of a code, where an answer is no error of AWS's
TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})


class TransportError(TransferError):
    """DynamoDB answered with an error; `code` is its short name.

    `reasons` are the throttling reasons it gave: (reason, ARN of the table or index). `item` is the one that
    stood in the way of a condition, where it says so.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        code: str,
        message: str,
        reasons: list[tuple[str, str]],
        item: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{operation} was answered with {status} {code}: {message}")
        self.status, self.code, self.message, self.reasons = status, code, message, reasons
        self.item = item

    @property
    def throttled(self) -> bool:
        return self.code in THROTTLED

    @property
    def retryable(self) -> bool:
        again = self.code in EXPIRED or self.code in TRANSIENT
        return self.throttled or again or self.status in LATER or self.status >= 500

    @property
    def may_be_done(self) -> bool:
        """Whether the request may have been heard all the same, or may still be: nobody knows what became of it.

        A proxy that says "later" or "timeout" may have passed the request on before.
        """
        return self.status >= 500 or self.code.startswith(OF_NOBODY) or self.code in TIMED_OUT


class CredentialsExpired(TransportError):
    """AWS goes on saying that the credentials have expired, and the credential chain has no others."""

    def __init__(self, said: TransportError) -> None:
        TransferError.__init__(
            self,
            f"{said}; the credential chain was read again and has no newer ones. Sign in again, or put new keys where "
            "these were, and run again with the same run id: it goes on where it was",
        )
        self.status, self.code, self.message, self.reasons = said.status, said.code, said.message, said.reasons

    @property
    def retryable(self) -> bool:
        return False


class BrokenAnswer(TransferError):
    """The connection failed or the answer is not whole: nobody knows what the server did."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full-jitter exponential backoff, and how many attempts without progress are too many.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """

    first: float = 0.1
    cap: float = 10.0
    attempts: int = 30
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further attempt; ends when patience does."""
        for attempt in range(self.attempts):
            yield self.uniform(0.0, min(self.cap, self.first * 2.0**attempt))
