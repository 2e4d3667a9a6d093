"""A text of the source as the target has it: what is of the place, what is of the estate, what a person has to say.

Nothing here knows CloudFormation: a template spells the parts in its own way, a comparison in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OfPlace(StrEnum):
    """What the place of the target decides."""

    PARTITION = "partition"
    REGION = "region"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class OwnArn:
    """The ARN of a resource of the estate, by its label in the source, and the text that it comes to."""

    label: str
    text: PartedText


@dataclass(frozen=True, slots=True)
class Hole:
    """What a person has to say: a parameter, why, and what it is unless they say otherwise.

    `begins` is how it begins, where that is known; `secret` marks a value that is never shown.
    """

    parameter: str
    why: str
    default: str | None = None
    begins: PartedText | None = None
    secret: bool = False


Part = str | OfPlace | OwnArn | Hole


@dataclass(frozen=True, slots=True)
class PartedText:
    """A text in parts."""

    parts: tuple[Part, ...]

    def spelled(self, place: Mapping[OfPlace, str], hole: Callable[[Hole], str]) -> str:
        """The whole text in a place."""
        return "".join(_spelled(part, place, hole) for part in self.parts)

    def holes(self) -> list[Hole]:
        return [part for part in self.parts if isinstance(part, Hole)]


def _spelled(part: Part, place: Mapping[OfPlace, str], hole: Callable[[Hole], str]) -> str:
    if isinstance(part, OfPlace):
        return place[part]
    if isinstance(part, OwnArn):
        return part.text.spelled(place, hole)
    return hole(part) if isinstance(part, Hole) else part


def each_text(value: Any) -> list[PartedText]:
    """Every text in parts, anywhere in a structure."""
    if isinstance(value, PartedText):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in each_text(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in each_text(inner)]
    return []


def in_place(value: Any, place: Mapping[OfPlace, str], hole: Callable[[Hole], str]) -> Any:
    """A structure with every text spelled."""
    if isinstance(value, PartedText):
        return value.spelled(place, hole)
    if isinstance(value, Mapping):
        return {name: in_place(inner, place, hole) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_place(inner, place, hole) for inner in value]
    return value


def merged(parts: Iterable[Part]) -> PartedText:
    """Parts with what is plain text put together, and nothing empty."""
    found: list[Part] = []
    for part in parts:
        if type(part) is str and found and type(found[-1]) is str:
            found[-1] += part
        elif part != "" or type(part) is not str:
            found.append(part)
    return PartedText(tuple(found) or ("",))


def simplest(text: PartedText) -> Any:
    """A text in parts, or as it is where it has but one."""
    (first, *more) = text.parts
    return first if not more and type(first) is str else text


def parts_of(text: Any) -> tuple[Part, ...]:
    """The parts of a text, of which a plain one has one."""
    return text.parts if isinstance(text, PartedText) else (text,)


def _escaped(part: Part) -> Part:
    """A part as it stands within a text in JSON."""
    return json.dumps(part)[1:-1] if type(part) is str else part


def as_json_text(value: Any) -> Any:
    """A structure as one JSON text, in parts where it holds any."""
    texts: list[PartedText] = []

    def marked(inner: Any) -> Any:
        if isinstance(inner, PartedText):
            texts.append(inner)
            return f"\x00{len(texts) - 1}\x00"
        if isinstance(inner, dict):
            return {name: marked(each) for name, each in inner.items()}
        return [marked(each) for each in inner] if isinstance(inner, list) else inner

    pieces = re.split(r"\\u0000(\d+)\\u0000", json.dumps(marked(value)))
    parts: list[Part] = []
    for at, piece in enumerate(pieces):
        parts += map(_escaped, texts[int(piece)].parts) if at % 2 else [piece]
    return simplest(merged(parts))
