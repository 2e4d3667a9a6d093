"""A list that a server gives in pages, one after the other. It ends, whatever the server says.

A page that loses its token looks like the last. So where a claim rests on a list being whole, it is read twice, with
pages of another size, which end elsewhere; and where the server can be asked what follows a name, it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError

Answer = dict[str, Any]
LISTED = ("NextContinuationToken", "ContinuationToken")  # of ListObjectsV2
MOST_PAGES = 100_000
READINGS = 5  # what is listed may change meanwhile
Entry = TypeVar("Entry")


class EndlessList(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """A list whose pages contradict themselves; one of botocore's errors, as whoever asks is ready for those."""

    fmt = "{what}; nothing was concluded from it. Run again; if it stays, the server or a proxy is broken"


class CutShort(EndlessList):
    """A list of which two readings have not the same entries."""


def pages(
    ask: Callable[..., Answer], token: str = "NextToken", onward: str = "NextToken", **request: Any
) -> Iterator[Answer]:
    """All answers of an operation; `token` names the next page in an answer, `onward` in a request.

    Raises EndlessList for a page that was there before, as the list would never end, and for one that says that it is
    cut short and not where to go on.
    """
    passed: set[bytes] = set()
    for _ in range(MOST_PAGES):
        answer = ask(**request)
        yield answer
        following = answer.get(token)
        if not following:
            if answer.get("IsTruncated"):
                raise EndlessList(what=f"a list says that there is more of it, and no {token}")
            return
        mark = hashlib.blake2b(str(following).encode(), digest_size=16).digest()
        if mark in passed:
            raise EndlessList(what=f"a list does not end: its pages name the same {token} again")
        passed.add(mark)
        request[onward] = following
    raise EndlessList(what=f"a list does not end: it has more than {MOST_PAGES:,} pages")


def whole(read: Callable[[int], Iterable[Entry]], sizes: tuple[int, int]) -> list[Entry]:
    """What two readings in a row agree on; `read` reads the list with pages of so many entries.

    Raises CutShort where readings with pages of two sizes go on to differ.
    """
    before = list(read(sizes[0]))
    for turn in range(1, READINGS):
        now = list(read(sizes[turn % 2]))
        if len(now) == len(before) and set(now) == set(before):
            return now
        counts, before = (len(before), len(now)), now
    raise CutShort(
        what=f"of a list, one reading has {counts[0]:,} entries and another, in pages of another size, "
        f"{counts[1]:,}, not the same ones, and so on {READINGS} times"
    )


def read_on(read: Callable[[Entry | None], Iterable[Entry]]) -> list[Entry]:
    """The entries of a list that can be asked for what follows one of them, whatever its pages say of their end.

    `read` gives what follows an entry, and from the beginning for None.
    """
    entries: dict[Entry, None] = {}
    last: Entry | None = None
    for _ in range(MOST_PAGES):
        new = [entry for entry in read(last) if entry not in entries]
        if not new:
            return list(entries)
        entries |= dict.fromkeys(new)
        last = new[-1]
    raise EndlessList(what=f"a list does not end: it has more than {MOST_PAGES:,} pages")
