"""A list that a server gives in pages, one after the other. It ends, whatever the server says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError

Answer = dict[str, Any]
LISTED = ("NextContinuationToken", "ContinuationToken")  # of ListObjectsV2


class EndlessList(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """A list whose pages contradict themselves; one of botocore's errors, as whoever asks is ready for those."""

    fmt = "{what}; nothing was concluded from it. Run again; if it stays, the server or a proxy is broken"


def pages(
    ask: Callable[..., Answer], token: str = "NextToken", onward: str = "NextToken", **request: Any
) -> Iterator[Answer]:
    """All answers of an operation; `token` names the next page in an answer, `onward` in a request.

    Raises EndlessList for a page that was there before, as the list would never end, and for one that says that it is
    cut short and not where to go on.
    """
    passed: set[bytes] = set()
    while True:
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
