"""Facts as JSON and back, by the types of their dataclasses: what does not fit is refused, and nothing is made to fit.

Own code, and not pydantic's, for a ledger has to give back whatever it was given: AWS's words may hold lone
surrogates, which pydantic's JSON neither reads nor writes (docs/adr/0020).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]
LATE = "late"
NOTHING = type(None)
# What each plain type is called, and the types that JSON has for it: a number without a fraction is one, too.
PLAIN: dict[type, tuple[Any, ...]] = {
    str: ("a text", str),
    bool: ("true or false", bool),
    int: ("a whole number", int),
    float: ("a number", float, int),
    NOTHING: ("null", NOTHING),
}
EXCERPT = 60
THERE, ABSENT = "there", "absent"


class Unfit(Exception):
    """A value that is not of its type: `where` is the way to it, by the names of members."""

    def __init__(self, expected: str, found: object, where: str = "") -> None:
        super().__init__(expected, found, where)
        self.expected, self.found, self.where = expected, found, where

    def under(self, name: object) -> Unfit:
        return Unfit(self.expected, self.found, f"{name}.{self.where}" if self.where else str(name))

    def __str__(self) -> str:
        if self.expected in (THERE, ABSENT):
            return f"{self.where} should {'not ' if self.expected == ABSENT else ''}be there"
        said = repr(self.found)
        said = said if len(said) <= EXCERPT else f"{said[:EXCERPT]}..."
        return f"{self.where or 'it'} should be {self.expected} and is {said}"


def late() -> Any:
    """A member that a fact has not from its beginning: it is not written as long as it is None."""
    return field(default=None, metadata={LATE: True})


def to_json(value: object) -> Any:
    """A fact as `json.dumps` takes it."""
    if is_dataclass(value) and not isinstance(value, type):
        members = ((name, getattr(value, name), is_late) for name, is_late in _written(type(value)))
        return {name: to_json(member) for name, member, is_late in members if not (is_late and member is None)}
    if isinstance(value, Mapping):
        return {str(name): to_json(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(member) for member in value]
    return value.value if isinstance(value, Enum) else value


@cache
def _written(kind: type) -> tuple[tuple[str, bool], ...]:
    derived = tuple((name, False) for name in getattr(kind, "DERIVED", ()))
    return derived + tuple((each.name, LATE in each.metadata) for each in fields(kind))


@cache
def reader_of(kind: Any) -> Reader:
    """What checks JSON against a type and makes a value of it; it raises Unfit."""
    if kind is Any:
        return lambda value: value
    if isinstance(kind, (NewType, TypeVar)):
        return reader_of(getattr(kind, "__supertype__", Any))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin in (tuple, list):
        return _sequence(origin, arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[1])
    if is_dataclass(kind):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _word(kind)
    return _plain(kind)


def _plain(kind: type) -> Reader:
    if kind not in PLAIN:
        raise TypeError(f"a fact cannot hold {kind!r}")
    expected, *allowed = PLAIN[kind]

    def read(value: Any) -> Any:
        if type(value) not in allowed:
            raise Unfit(expected, value)
        return value

    return read


def _word(kind: type[StrEnum]) -> Reader:
    words = {member.value: member for member in kind}

    def read(value: Any) -> Any:
        if type(value) is not str or value not in words:
            raise Unfit(f"one of {', '.join(words)}", value)
        return words[value]

    return read


def _union(kinds: tuple[Any, ...]) -> Reader:
    readers = [reader_of(kind) for kind in kinds if kind is not NOTHING]
    may_be_none = NOTHING in kinds

    def read(value: Any) -> Any:
        if value is None and may_be_none:
            return None
        for reader in readers[:-1]:
            try:
                return reader(value)
            except Unfit:
                continue
        return readers[-1](value)

    return read


def _sequence(origin: type, kinds: tuple[Any, ...]) -> Reader:
    same = origin is list or kinds[1:] == (...,)
    readers = [reader_of(kind) for kind in kinds if kind is not ...]

    def read(value: Any) -> Any:
        if type(value) is not list or not (same or len(value) == len(readers)):
            raise Unfit("a list" if same else f"a list of {len(readers)}", value)
        made = []
        for place, member in enumerate(value):
            try:
                made.append(readers[0 if same else place](member))
            except Unfit as error:
                raise error.under(place) from None
        return origin(made)

    return read


def _mapping(kind: Any) -> Reader:
    reader = reader_of(kind)

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Unfit("an object", value)
        made = {}
        for name, member in value.items():
            try:
                made[name] = reader(member)
            except Unfit as error:
                raise error.under(name) from None
        return made

    return read


def _object(kind: Any) -> Reader:
    needed = {e.name for e in fields(kind) if e.default is MISSING and e.default_factory is MISSING}
    derived = frozenset(getattr(kind, "DERIVED", ()))

    @cache
    def member_readers() -> dict[str, Reader]:
        """Asked for when something is read: a type may hold others of its own kind."""
        hints = get_type_hints(kind)
        return {each.name: reader_of(hints[each.name]) for each in fields(kind)}

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Unfit("an object", value)
        members, readers = {}, member_readers()
        for name, member in value.items():
            if name in derived:
                continue
            if name not in readers:
                raise Unfit(ABSENT, member, name)
            try:
                members[name] = readers[name](member)
            except Unfit as error:
                raise error.under(name) from None
        for name in sorted(needed - members.keys()):
            raise Unfit(THERE, None, name)
        return kind(**members)

    return read
