"""What the values of some items look like, by path and type, without the values; in JSON in strings, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.masking.json_text import NotJson, read_json_text
from runbook_lib.masking.masker import REPLICATION
from runbook_lib.masking.paths import Path, Wild
from runbook_lib.masking.rules import MaskRule, Verb
from runbook_lib.masking.shown.met import NamesMet

FEW = 20  # distinct values at most of what looks like a set of words
MANY = 40  # values at least, before few distinct ones mean anything
SHAPES = {
    "email": re.compile(r"[^\s@]+@[^\s@][^\s@.]*\.[^\s@]+"),  # each character in one place only
    "uuid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?"),
    "digits": re.compile(r"[+(]?\d[\d ().\-/]{5,}\d"),
}

Shapes = dict[tuple[Path, str], "PathShape"]


@dataclass(slots=True)
class ShapesMet:
    """The shapes of values by path and type, and the names that were met on the way to them."""

    met: Shapes = field(default_factory=dict)
    names: NamesMet = field(default_factory=NamesMet)

    def note(self, attribute: Attribute, path: Path) -> None:
        """Look at the values in an attribute."""
        for at, kind, text in _values(attribute, path, self.names):
            self.met.setdefault((self.names.kept(at), kind), PathShape()).look_at(text)

    def add(self, other: ShapesMet) -> None:
        """Take what was met elsewhere."""
        self.names.add(other.names)
        for place, shape in other.met.items():
            self.met.setdefault(place, PathShape()).add(shape)

    def shown(self, rules: Sequence[MaskRule] = ()) -> Shapes:
        """The shapes by shown path; without those that rules name, where their own names are not shown."""
        shown, made = self.names.shown(path for path, _ in self.met), Shapes()
        for (path, kind), shape in self.met.items():
            if shown[path] == path or not is_named(path, [rule for rule in rules if rule.verb is not Verb.JSON]):
                made.setdefault((shown[path], kind), PathShape()).add(shape)
        return made


@dataclass(slots=True)
class PathShape:
    """What the values at one path look like, without the values; `inside` are those in JSON that they hold."""

    values: int = 0
    filled: int = 0
    longest: int = 0
    blanks: bool = False
    distinct: set[int] = field(default_factory=set)
    inside: ShapesMet = field(default_factory=lambda: ShapesMet(names=NamesMet(of_items=False)))
    shapes: set[str] = field(default_factory=lambda: {*SHAPES, "json"})

    def look_at(self, text: str) -> None:
        """Look at one more value."""
        self.values += 1
        if not text:  # it looks like nothing
            return
        self.filled += 1
        self.longest = max(self.longest, len(text))
        self.blanks = self.blanks or " " in text.strip()
        if len(self.distinct) <= FEW:
            self.distinct.add(hash(text))
        self.shapes &= {name for name in self.shapes if _has_shape(name, text)}
        if "json" in self.shapes and not _note_json(self.inside, text):
            self.shapes.discard("json")

    def add(self, other: PathShape) -> None:
        """Take those of another path, which is shown as this one is."""
        self.values += other.values
        self.filled += other.filled
        self.longest = max(self.longest, other.longest)
        self.blanks = self.blanks or other.blanks
        self.distinct |= other.distinct
        self.shapes &= other.shapes
        self.inside.add(other.inside)

    @property
    def is_few(self) -> bool:
        return self.filled >= MANY and len(self.distinct) <= FEW and self.longest <= 40


def shapes_of(items: Iterable[Item]) -> ShapesMet:
    """What the values of items look like, by path and type."""
    shapes = ShapesMet()
    for item in items:
        shapes.names.meet((), item)
        for name, attribute in item.items():
            if not name.startswith(REPLICATION):
                shapes.note(attribute, (name,))
    return shapes


def _has_shape(name: str, text: str) -> bool:
    return text[:1] in "{[" if name == "json" else bool(SHAPES[name].fullmatch(text))


def _note_json(shapes: ShapesMet, text: str) -> bool:
    """Look at the values in a JSON object or list; whether the text is one."""
    try:
        held = read_json_text(text)
    except NotJson:
        return False
    if not held.keys() & {"M", "L"}:
        return False
    if any(held.values()):
        shapes.note(held, ())
    return True


def _values(attribute: Attribute, path: Path, names: NamesMet) -> Iterator[tuple[Path, str, str]]:
    ((kind, value),) = attribute.items()
    if kind == "M" and value:
        names.meet(names.kept(path), value)
        for name, held in value.items():
            yield from _values(held, (*path, name), names)
    elif kind == "L" and value:
        for element in value:
            yield from _values(element, (*path, Wild.EACH), names)
    elif kind in ("SS", "NS", "BS"):
        yield from ((path, kind, member) for member in value)
    else:
        yield path, kind, value if isinstance(value, str) else ""


def is_named(path: Path, rules: Sequence[MaskRule]) -> bool:
    """Whether a rule is for a path, or for all that lies below one above it."""
    return any(
        not rule.names and len(rule.steps) <= len(path)
        and all(step in (Wild.NAME, own) or own is Wild.NAME for step, own in zip(rule.steps, path, strict=False))
        and (len(rule.steps) == len(path) or rule.verb in (Verb.KEEP, Verb.DROP, Verb.NULL, Verb.CONSTANT))
        for rule in rules
    )  # fmt: skip
