"""Canonical JSON without parsing, of items that are spelled as others of their table are.

The items of a table have few forms: these attributes, in this order, of these types. What was parsed shows them; each
becomes a regular expression that matches an item only if its values stand there in canonical form already, so that all
that is left to do is to put its attributes in order. What no form matches is parsed: a form saves time and decides
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter

import orjson

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import PLAIN_LENGTH, Attribute, Item, canonical_json
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.read_once import read_once

Found = tuple[tuple[bytes, bytes], int]  # key and item in canonical JSON, and where the item ends
_Getter = Callable[[Sequence[bytes]], Sequence[bytes]]
_Match = Callable[[bytes, int], re.Match[bytes] | None]
_Spell = Callable[[Item], bytes]
FORMS, NAMES, CHOICES, SAMPLES = 4, 64, 4, 16
LONGEST, LONGEST_FORM = 4 << 10, 32 << 10  # bytes of a pattern; beyond that it takes too long to be made
WORTH = 4  # attributes for each that has to be parsed: more of these, and parsing the whole item is faster
LEARN_AT, LAST_LESSON = 16, 4096  # misses; from one lesson to the next they are four times as many
_PATIENCE = 256  # misses after which forms that match less than half of the items are given up

_TEXT = rb'"[^"\\\x00-\x1f]*+(?:\\["\\bfnrt][^"\\\x00-\x1f]*+)*+"'
_NUMBER = rb'"(?:(?:0|[1-9][0-9]{0,%d}+)"|(?!-0")(?=[^"]{1,%d}")-?(?:0|[1-9][0-9]*+)(?:\.[0-9]*[1-9])?")' % (
    PLAIN_LENGTH - 1,
    PLAIN_LENGTH,
)
_SEXTET = rb"[A-Za-z0-9+/]"
_BINARY = rb'"(?:%b{4})*+(?:%b[AQgw]==|%b{2}[AEIMQUYcgkosw048]=)?"' % (_SEXTET, _SEXTET, _SEXTET)
SCALARS = {
    kind: rb'\{"%b":%b\}' % (kind.encode(), value)
    for kind, value in {
        "S": _TEXT, "N": _NUMBER, "B": _BINARY, "BOOL": b"(?:true|false)", "NULL": b"true"
    }.items()
}  # fmt: skip


_SETS = {
    kind: rb'\{"%b":\[%b(?:,%b)*+\]\}' % (kind.encode(), member, member)
    for kind, member in {"SS": _TEXT, "NS": _NUMBER, "BS": _BINARY}.items()
}


def _list_of(value: bytes) -> bytes:
    return rb'\{"L":\[(?:%b(?:,(?=\{)|(?=\])))*+\]\}' % value


def _any_value(depth: int) -> bytes:
    """A value whose end is certain, if it is one; what is inside has to be parsed."""
    plain = rb'[SNB]":%b|BOOL":(?:true|false)|NULL":true|[SNB]S":\[(?:%b,?+)*+\]' % (_TEXT, _TEXT)
    value = rb'\{"(?:%b)\}' % plain
    for _ in range(depth):
        value = rb'\{"(?:%b|L":\[(?:%b,?+)*+\]|M":\{(?:%b:%b,?+)*+\})\}' % (plain, value, _TEXT, value)
    return value


_ANY = _any_value(2)


@dataclass(frozen=True, slots=True)
class _Slot:
    """What may stand under a name: canonical values of one of these patterns, maps in any order unless `in_order`.

    Where there is no pattern it may be anything, which has to be parsed. A set's members are canonical, in any order.
    """

    choices: tuple[bytes, ...]
    in_order: bool = True
    has_sets: bool = False
    optional: bool = False

    @property
    def pattern(self) -> bytes:
        return b"(?:%b)" % b"|".join(self.choices) if self.choices else _ANY

    def beside(self, other: _Slot | None) -> _Slot:
        """What may stand there if either may; None is an item without it."""
        if other is None:
            return replace(self, optional=True)
        choices = dict.fromkeys(self.choices + other.choices)
        known = self.choices and other.choices and len(choices) <= CHOICES
        in_order, has_sets = self.in_order and other.in_order, self.has_sets or other.has_sets
        known = known and (in_order or not has_sets)
        return _Slot(tuple(choices) if known else (), in_order, has_sets, self.optional or other.optional)


_Shape = dict[str, _Slot]


class _Form:
    """One form: `spelled` gives the key and the text of an item of it that begins at a place, and where it ends."""

    def __init__(self, shape: _Shape, schema: Sequence[KeyAttribute]) -> None:
        self.shape = shape
        places, in_order = {name: place for place, name in enumerate(shape)}, sorted(shape)
        order, key = ([places[name] for name in names] for names in (in_order, sorted(k.name for k in schema)))
        spell = [(at, s) for at, name in enumerate(in_order) if (s := _speller_of(shape[name])) is not None]
        whole = not any(slot.optional for slot in shape.values())
        between, end = (b",", rb"\}") if whole else (b"", rb"(?<!,)\}")
        pattern = rb"\{" + between.join(_attribute(name, slot, whole) for name, slot in shape.items()) + end
        match = re.compile(pattern).match
        as_it_stands = whole and not spell and order == sorted(order)
        self.spelled = _taker(match, key) if as_it_stands else _speller(match, _getter(order), key, spell, whole)


def _taker(match: _Match, key: list[int]) -> Callable[[bytes, int], Found | None]:
    """For items whose attributes are in order, too, as they are in windows: the text is there already."""
    places = [at + 1 for at in key]
    single = places[0] if len(places) == 1 else 0

    def spelled(text: bytes, at: int) -> Found | None:
        if not (found := match(text, at)):
            return None
        held = found[single] if single else b",".join([found[place] for place in places])
        return (b"{%b}" % held, found[0]), found.end()

    return spelled


def _speller(
    match: _Match, order: _Getter, key: list[int], spell: list[tuple[int, _Spell]], whole: bool
) -> Callable[[bytes, int], Found | None]:
    """The inner loop of a comparison (make bench)."""
    single = len(key) == 1

    def spelled(text: bytes, at: int) -> Found | None:
        if not (found := match(text, at)):
            return None
        groups, end = found.groups(), found.end()
        held = order(groups)
        spelled = b"{%b}" % b",".join(held if whole else filter(None, held))
        if len(spelled) != end - at:  # a comma between two attributes is missing
            return None
        if spell:
            try:
                spelled = _spelled_anew(held, spell)
            except (CorruptFile, ValueError):
                return None
        return (b"{%b}" % (groups[key[0]] if single else b",".join([groups[at] for at in key])), spelled), end

    return spelled


def _spelled_anew(held: Sequence[bytes], spell: list[tuple[int, _Spell]]) -> bytes:
    attributes = list(held)
    for at, each in spell:
        if attributes[at]:
            attributes[at] = each(read_once(b"{%b}" % attributes[at]))[1:-1]
    return b"{%b}" % b",".join(filter(None, attributes))


def _speller_of(slot: _Slot) -> _Spell | None:
    """What has to be done to an attribute, if anything."""
    if not slot.choices:
        return canonical_json
    if slot.has_sets:
        return _set_in_order
    return None if slot.in_order else partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def _set_in_order(attributes: Item) -> bytes:
    """An attribute with a set whose members are canonical, or with another value that is; ValueError for a double."""
    for attribute in attributes.values():
        for kind, members in attribute.items():
            if kind in _SETS:
                attribute[kind] = sorted(set(members))
                if len(attribute[kind]) < len(members):
                    raise ValueError("a set holds a member twice")
    return orjson.dumps(attributes)


def _attribute(name: str, slot: _Slot, whole: bool) -> bytes:
    attribute = b"(%b)" % _member(name, slot)
    if whole:
        return attribute
    return rb"(?:%b,?+)?+" % attribute if slot.optional else attribute + rb",?+"


def _getter(places: list[int]) -> _Getter:
    if len(places) == 1:
        return itemgetter(slice(places[0], places[0] + 1))
    return itemgetter(*places)


class LearnedForms:
    """The forms of one table's items, as far as they were met; for one thread."""

    def __init__(self, schema: Sequence[KeyAttribute]) -> None:
        self.schema = schema
        self._types = {k.name: _Slot((SCALARS[k.type],)) for k in schema}
        self._forms: list[_Form] = []
        self._samples: list[_Shape] = []
        self._hits = self._misses = 0
        self._lesson = LEARN_AT

    def spelled(self, text: bytes, at: int = 0) -> Found | None:
        """The key and the whole, in canonical JSON, of the item that begins at `at` of a text, and where it ends.

        None for one that has to be parsed. The text must be valid UTF-8.
        """
        for form in self._forms:
            if spelled := form.spelled(text, at):
                self._hits += 1
                return spelled
        return None

    def learn(self, item: Item) -> None:
        """Take notice of an item that had to be parsed, and is one."""
        if self._lesson > LAST_LESSON:
            return
        self._misses += 1
        if self._misses > self._lesson - SAMPLES:
            self._samples.append(self._shape_of(item))
        if self._misses < self._lesson:
            return
        self._lesson *= 4
        if self._misses >= _PATIENCE and self._hits < self._misses:
            self._forms, self._lesson = [], LAST_LESSON + 1
        else:
            self._take_in()
        self._samples.clear()

    def _take_in(self) -> None:
        shapes = [form.shape for form in self._forms]
        for sample in self._samples:
            for at, shape in enumerate(shapes):
                if (merged := _merged(shape, sample)) is not None:
                    shapes[at] = merged
                    break
            else:
                shapes.append(sample)
        known = {id(form.shape): form for form in self._forms}
        self._forms = [known.get(id(shape)) or _Form(shape, self.schema) for shape in shapes if _is_worth_it(shape)]
        del self._forms[FORMS:]

    def _shape_of(self, item: Item) -> _Shape:
        return {name: self._types.get(name) or slot_of(value) for name, value in item.items()}


def _is_worth_it(shape: _Shape) -> bool:
    """Whether items of a shape are matched in less time than they are parsed in."""
    parsed = sum(not slot.choices for slot in shape.values())
    return (
        len(shape) <= NAMES
        and parsed * WORTH <= len(shape)
        and sum(len(slot.pattern) for slot in shape.values()) <= LONGEST_FORM
    )


def _merged(one: _Shape, other: _Shape) -> _Shape | None:
    """A shape that both are of; None if they have names in different orders, or too many of them."""
    if [name for name in one if name in other] != [name for name in other if name in one]:
        return None
    merged: _Shape = {}
    left = iter(one.items())
    for name, slot in other.items():
        if name not in one:
            merged[name] = slot.beside(None)
            continue
        for before, known in left:
            merged[before] = known.beside(other.get(before))
            if before == name:
                break
    for before, known in left:
        merged[before] = known.beside(None)
    return one if merged == one and list(merged) == list(one) else merged


def slot_of(attribute: Attribute) -> _Slot:
    """What matches such values in canonical form; anything, where this one is not, or has no form to learn."""
    ((kind, value),) = attribute.items()
    if kind not in ("M", "L"):
        pattern = SCALARS.get(kind) or _SETS[kind]
        is_canonical = re.fullmatch(pattern, orjson.dumps(attribute))
        return _Slot((pattern,) if is_canonical else (), has_sets=kind in _SETS)
    inside = [slot_of(inner) for inner in (value.values() if kind == "M" else value)]
    if not all(slot.choices and not slot.has_sets for slot in inside):
        return _Slot(())
    in_order = all(slot.in_order for slot in inside)
    if kind == "M":
        in_order = in_order and list(value) == sorted(value)
        pattern = rb'\{"M":\{%b\}\}' % b",".join(map(_member, value, inside))
    else:
        pattern = _list_of(b"(?:%b)" % (b"|".join(dict.fromkeys(slot.pattern for slot in inside)) or SCALARS["S"]))
    return _Slot((pattern,) if len(pattern) <= LONGEST else (), in_order)


def _member(name: str, slot: _Slot) -> bytes:
    return b"%b:%b" % (re.escape(orjson.dumps(name)), slot.pattern)
