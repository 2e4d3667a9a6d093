"""A text of the source as the target has it: what is of the place, what is of the estate, what a person has to say.

Nothing here knows CloudFormation: a template spells the parts in its own way, a comparison in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """What a person has to say: a parameter, why, and what it is unless they say otherwise."""

    parameter: str
    why: str
    default: str | None = None


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
