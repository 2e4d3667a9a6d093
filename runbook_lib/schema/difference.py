"""What a comparison of two definitions says: differences, how grave each is, and what could not be compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rating(StrEnum):
    """What a difference does to a run, the gravest first."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


BLOCKS, WARNS, INFORMS = Rating.BLOCKS, Rating.WARNS, Rating.INFORMS
RATINGS = tuple(Rating)


@dataclass(frozen=True, slots=True)
class DefinitionDifference:
    """One property that is not the same; `what` is the property or, of an index, its name too."""

    property: str
    what: str
    source: str
    target: str
    rating: Rating
    remedy: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A property that could not be asked for on one side or both."""

    property: str
    why: str


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison of one pair: `equal` names the properties that are the same."""

    differences: tuple[DefinitionDifference, ...]
    not_checked: tuple[Gap, ...]
    equal: tuple[str, ...]
