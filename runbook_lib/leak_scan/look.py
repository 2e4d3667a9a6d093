"""Finding raw values in items, however they are hidden: inside of other texts, packed, or spelled in another way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from ahocorasick_rs import AhoCorasick

from runbook_lib.leak_scan.budget import Budget
from runbook_lib.leak_scan.bytes_as_text import text_inside, text_of_bytes
from runbook_lib.leak_scan.decode import (
    ESCAPED,
    blanks_for_plus,
    has_full_line,
    hiding_runs,
    is_plain,
    lists_bytes,
    remember,
    runs_of,
    unpacked,
    unpacked_further,
)
from runbook_lib.leak_scan.opened import is_packed, pieces_of
from runbook_lib.leak_scan.packed import HEX, from_base64, is_readable
from runbook_lib.leak_scan.spelling import fold, numbers_of
from runbook_lib.leak_scan.words import BETWEEN, ONE, ValueWords, parts_with, values_and_between

ALL_WAYS, DEEPEST = 3, 24  # levels that are unpacked in every order, and at all: what is deeper is counted
AT_ONCE = 200  # items that are looked through together
LONG = 12  # characters from which a value is found inside of a word, too
SHORT, MOST_CLEAN = 64, 20_000  # characters, and how many parts of texts are remembered to be clean
AS_IT_IS, IN_BINARY, FOR_BLANKS = "as it is", "inside of binary", "+ for blanks"
BINARY = '"B":"'
SET = 'S":["'  # what every set of an item's JSON has, as every value has `ONE`, and no text in it


@dataclass(slots=True)
class Counted:
    """What was looked through."""

    items: int = 0
    values: int = 0
    decoded: int = 0
    not_decoded: int = 0
    cut_short: int = 0  # items of which a rest was not looked through: it is too much, or nests too deep


@dataclass(slots=True)
class RawValues:
    """The values that are looked for: patterns with the number of their value, and words by their digest.

    A pattern is folded; several may stand for one value. `left_out` are numbers of values that are looked for no more.
    """

    patterns: Sequence[str]
    numbers: Sequence[int]
    words: ValueWords | None = None
    left_out: set[int] = field(default_factory=set)
    nothing: set[str] = field(default_factory=set)  # what was seen to hide nothing; texts have the same again and again
    clean: set[str] = field(default_factory=set)  # parts of items' JSON that are none and hide nothing
    before: set[str] = field(default_factory=set)  # parts of the items that were looked through last
    any_bytes: bool = field(init=False)  # whether some are bytes, as hexadecimal: then binary is looked for in binary
    _automaton: AhoCorasick | None = field(init=False)

    def __post_init__(self) -> None:
        self.any_bytes = any(
            HEX.fullmatch(pattern) and not pattern.isdecimal()
            for pattern, number, before in zip(self.patterns, self.numbers, (-1, *self.numbers), strict=False)
            if number != before  # the others of a number are other spellings of the first
        )
        self._automaton = AhoCorasick(list(self.patterns)) if self.patterns else None

    def within(self, text: str) -> Iterator[int]:
        """Numbers of the values in a folded text; a short one only where it is a word of its own."""
        if self._automaton is None:
            return
        for pattern, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            number = self.numbers[pattern]
            if number in self.left_out:
                continue
            if end - start >= LONG or not (_joined(text, start - 1) or _joined(text, end)):
                yield number

    def as_words(self, text: str) -> Iterator[int]:
        """Numbers of the values that a folded text is, or that are words in it."""
        if self.words is not None:
            yield from (number for number in self.words.numbers_in(text) if number not in self.left_out)

    def keep_clean(self, parts: set[str], hiding: Iterable[str]) -> None:
        """Remember short parts that were there before, too, of which the same stand in item after item; but not those
        that are `hiding` anything.
        """
        if len(self.clean) >= MOST_CLEAN:
            self.clean.clear()
        short = {part for part in parts if len(part) <= SHORT}
        self.clean |= (short & self.before).difference(hiding)
        self.before = short


def _joined(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalnum()


def look_through(values: RawValues, item: str, counted: Counted) -> dict[int, str]:
    """The values in an item, given as its JSON, each with how it was hidden."""
    found: dict[int, str] = {}
    counted.items += 1
    counted.values += item.count(ONE) + item.count(SET)
    budget = Budget()
    counted.decoded += _look(values, item, found, budget)
    counted.cut_short += budget.over
    if BINARY in item or '"BS":' in item:
        budget = Budget()
        for data in _binaries(item):
            if not is_readable(data, budget):
                counted.not_decoded += 1
    return found


def look_through_all(values: RawValues, items: Sequence[str], counted: Counted) -> Iterator[tuple[str, dict[int, str]]]:
    """The same of many items: each that holds values, with them.

    Nearly all hold none, and that is seen of many at a time; the others are looked through one by one.
    """
    for first in range(0, len(items), AT_ONCE):
        for item in _doubtful(values, items[first : first + AT_ONCE], counted):
            if there := look_through(values, item, counted):
                yield item, there


def _doubtful(values: RawValues, items: Sequence[str], counted: Counted) -> Iterator[str]:
    """The items that have to be looked through by themselves; the others are clean, and counted."""
    plain, text = items, " ".join(items)
    if not _is_plain(text):
        plain = [item for item in items if _is_plain(item)]
        yield from (item for item in items if not _is_plain(item))
        text = " ".join(plain)
    new = values_and_between(text) - values.clean
    rest = BETWEEN.join(new)  # no word, number, line or run goes beyond a quotation mark
    if has_full_line(rest):
        yield from (item for item in plain if has_full_line(item))
        plain = [item for item in plain if not has_full_line(item)]
        text = " ".join(plain)
        new = values_and_between(text) - values.clean
        rest = BETWEEN.join(new)
    folded = fold(text)
    if (
        lists_bytes(text, values.any_bytes)
        or any(True for _ in values.within(folded))
        or _holds_words(values, fold(rest))
        or _is_among_plus(values, rest)
    ):
        yield from plain
        return
    hiding, binary = hiding_runs(rest, values.nothing, values.any_bytes)
    if binary and _is_in_binary(values, (data for held in binary.values() for data in held)):
        yield from plain
        return
    remember(values.nothing, binary)
    counted.items += len(plain)
    counted.values += text.count(ONE) + text.count(SET)
    values.keep_clean(new, parts_with(rest, hiding))
    for item in plain if hiding else ():
        if any(run in item for run in hiding):
            counted.items -= 1
            counted.values -= item.count(ONE) + item.count(SET)
            yield item


def _is_plain(text: str) -> bool:
    return BINARY not in text and '"BS":' not in text and is_plain(text)


def _holds_words(values: RawValues, folded: str) -> bool:
    """Whether a folded text has values as words, or numbers with other separators."""
    if any(True for _ in values.as_words(folded)):
        return True
    return any(True for _ in _as_numbers(values, folded))


def _is_in_binary(values: RawValues, binary: Iterator[bytes]) -> bool:
    return _holds(values, fold(" ".join(text_inside(data, values.any_bytes) for data in binary)))


def _is_among_plus(values: RawValues, text: str) -> bool:
    """Whether parts of a text, between its quotation marks, hold values with `+` for their blanks."""
    if blanks_for_plus(text) is None:
        return False
    return _holds(values, fold('"'.join(part for part in text.split('"') if "+" in part).replace("+", " ")))


def _holds(values: RawValues, folded: str) -> bool:
    return any(True for _ in _anywhere(values, folded)) or any(True for _ in _as_numbers(values, folded))


def _anywhere(values: RawValues, folded: str) -> Iterator[int]:
    yield from values.within(folded)
    yield from values.as_words(folded)


def _as_numbers(values: RawValues, folded: str) -> Iterator[int]:
    digits, plain = numbers_of(folded)
    yield from values.within(digits)
    if plain:
        yield from _anywhere(values, plain)


def _look(values: RawValues, item: str, found: dict[int, str], budget: Budget) -> int:
    """Look through an item; how many texts were made of it. What takes fewer steps to unpack comes first."""
    levels = [deque[tuple[str, str]]() for _ in range(DEEPEST + 1)]
    seen, above, decoded = {item}, set[str](), -1  # texts, and the runs that texts so far have, or were made of
    levels[0].append((item, ""))
    for depth, level in enumerate(levels):
        while level:
            text, how = level.popleft()
            decoded += 1
            _search(values, text, how, found)
            if (spaced := blanks_for_plus(text)) is not None and budget.take(len(spaced)):
                _search(values, spaced, f"{how}, {FOR_BLANKS}" if how else FOR_BLANKS, found)
            if budget.over:
                continue
            runs = [run for run in runs_of(text) if run not in above]
            above.update(runs)
            if depth < ALL_WAYS:
                steps = unpacked(text, runs, values.nothing, budget, values.any_bytes)
            else:
                search = partial(_search_on_the_way, values, found, how)
                steps = unpacked_further(text, runs, values.nothing, budget, seen, search, values.any_bytes)
            for step, inner in steps:
                told = f"{how}, {step}" if how else step
                below = depth if step == ESCAPED and not how else depth + 1  # an item's own JSON is no hiding place
                for plain, said, deep in _plain_texts(values, inner, told, below, found, budget):
                    if plain in seen:
                        continue
                    if deep > DEEPEST:
                        budget.over = True
                    if not budget.take(len(plain)):
                        break
                    seen.add(plain)
                    levels[deep].append((plain, said))
                if budget.over:
                    break
    return decoded


def _plain_texts(
    values: RawValues, inner: str | bytes, how: str, depth: int, found: dict[int, str], budget: Budget
) -> Iterator[tuple[str, str, int]]:
    """The text that something is, or those that it holds packed, with how and how deep; other bytes are searched."""
    if isinstance(inner, str):
        yield inner, how, depth
        return
    for data in (pieces := pieces_of(inner, budget)) or (inner,):
        is_piece = bool(pieces) and data is not inner
        if is_piece and depth >= DEEPEST and is_packed(data):
            budget.over = True
        elif is_piece and depth < DEEPEST:
            yield from _plain_texts(values, data, f"{how}, compressed", depth + 1, found, budget)
        elif (text := text_of_bytes(data)) is not None:
            yield text, how, depth
        elif budget.take(len(data)):
            _search(values, text_inside(data, values.any_bytes), f"{how}, {IN_BINARY}", found)


def _search(values: RawValues, text: str, how: str, found: dict[int, str]) -> None:
    folded = fold(text)
    for number in _anywhere(values, folded):
        found.setdefault(number, how or AS_IT_IS)
    if how or "\\" not in text:  # an item's own JSON has its numbers without the escapes, too
        for number in _as_numbers(values, folded):
            found.setdefault(number, how or AS_IT_IS)


def _search_on_the_way(values: RawValues, found: dict[int, str], how: str, text: str, step: str) -> None:
    _search(values, text, f"{how}, {step}", found)


def _binaries(item: str) -> Iterator[bytes]:
    """The binary values of an item's JSON, members of sets included."""
    for name, end in ((BINARY, '"'), ('"BS":[', "]")):
        at = item.find(name)
        while at >= 0:
            start = at + len(name)
            stop = item.find(end, start)
            for spelled in item[start:stop].replace('"', "").split(","):
                if (data := from_base64(spelled)) is not None:
                    yield data
            at = item.find(name, stop)
