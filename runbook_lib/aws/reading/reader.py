"""Reads one service of one side: lists whole and twice, single things once; a refusal is noted and never raised.

Of a refusal its code is kept and not its message: a service may repeat in it what it was asked about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.outcome import code_of
from runbook_lib.aws.pages import pages, whole
from runbook_lib.aws.reading.listings import Listing

Answer = dict[str, Any]
# What an answer ends in that is not as AWS's; its words may hold what nobody is to read.
UNLIKE_AWS = (AttributeError, IndexError, KeyError, TypeError, ValueError)
GONE = ("NotFound", "NonExistent", "DoesNotExist")  # in the codes of what was there when it was listed


@dataclass(frozen=True, slots=True)
class Unread:
    """A call that was refused or not answered: its code, and what it was about, "" for a list."""

    side: str
    service: str
    operation: str
    code: str
    subject: str = ""


@dataclass(slots=True)
class ServiceReader:
    """A service as one side's read-only client sees it; for one thread. `looked` counts what was read of each kind."""

    side: str
    client: Any
    unread: list[Unread] = field(default_factory=list)
    looked: dict[str, int] = field(default_factory=dict)

    def entries(self, listing: Listing, subject: str = "", **request: Any) -> list[Answer]:
        """All entries of a list, as two readings of it agree; those that can be had, if it is refused none."""
        ask = getattr(self.client, _snake(listing.operation))

        def read(size: int) -> Iterator[str]:
            wanted = request | ({listing.size: str(size) if listing.size_is_text else size} if listing.size else {})
            for page in pages(ask, listing.token, listing.onward, **wanted):
                for member in listing.members:
                    for entry in page.get(member) or ():
                        yield json.dumps([member, entry], sort_keys=True, default=_plain)

        found = self._asked(listing.service, listing.operation, subject, lambda: whole(read, listing.sizes))
        if listing.kind and found is not None:
            self.count(listing.kind, len(found))
        return [{"Member": member, **entry} for member, entry in map(json.loads, found or ())]

    def names(self, listing: Listing, **request: Any) -> list[str]:
        """A list whose entries are texts."""
        ask = getattr(self.client, _snake(listing.operation))

        def read(size: int) -> Iterator[str]:
            for page in pages(ask, listing.token, listing.onward, **request, **({listing.size: size})):
                yield from page.get(listing.members[0]) or ()

        return self._asked(listing.service, listing.operation, "", lambda: whole(read, listing.sizes)) or []

    def get(self, service: str, operation: str, subject: str, **request: Any) -> Answer | None:
        """One thing's description; None where it is gone meanwhile or could not be read."""
        answer = self._asked(service, operation, subject, lambda: getattr(self.client, _snake(operation))(**request))
        if answer is None:
            return None
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def count(self, kind: str, number: int = 1) -> None:
        self.looked[kind] = self.looked.get(kind, 0) + number

    def _asked(self, service: str, operation: str, subject: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            code = code_of(error)
            if not (subject and any(part in code for part in GONE)):
                self.unread.append(Unread(self.side, service, operation, code, subject))
        except UNLIKE_AWS as error:
            self.unread.append(Unread(self.side, service, operation, type(error).__name__, subject))
        return None


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
