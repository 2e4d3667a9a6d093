"""A place in which a table may be named. Its text is held to be searched, and is never shown or kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchedText:
    """`where` is the name of the variable, dimension or member that holds `text`; `region` the one it is read for."""

    service: str
    resource: str
    where: str
    text: str = field(repr=False)
    region: str = ""


def texts_of(value: Any) -> str:
    """A structure as one text to search in."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def member_texts(kind: str, resource: str, held: Mapping[str, Any]) -> Iterator[SearchedText]:
    """A place for each member that holds anything."""
    for name, value in held.items():
        if value:
            yield SearchedText(kind, resource, name, texts_of(value))
