"""Which raw values are looked for: those of all masked paths, without what could not be told from what may be there.

Read from the exports themselves, twice: first what is masked, then what is kept. A value that stands in what is kept,
too, is no sign of a leak; nor is one that a pseudonym looks like by chance. Both are left out, and counted.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Attribute, Item
from runbook_lib.items.lines import parse_line
from runbook_lib.leak_scan.look import Counted, RawValues, look_through
from runbook_lib.leak_scan.spelling import LEAST, fold, spellings
from runbook_lib.leak_scan.words import ValueWords
from runbook_lib.masking.expression.parse import ItemTest
from runbook_lib.masking.hook import HookContext, HookFailed, ItemHook, hooked
from runbook_lib.masking.leaves import KEPT, UNRULED, ItemLeaves
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.verbs import SETS, Unmaskable
from runbook_lib.run.facts.masking.leak_scan import SoughtFact
from runbook_lib.transform.raw_windows import RawWindow

MOST_ANYWHERE = 100_000  # values in one automaton: about 100 MB


@dataclass(frozen=True, slots=True)
class RawTable:
    """The raw export of one table with its raw windows, and the mask that was to hide them."""

    source: str
    s3: Any
    bucket: str
    files: Sequence[DataFile]
    mask: TableMask
    target: str = ""
    hook: ItemHook | None = None
    windows: Sequence[RawWindow] = ()
    keeps: Sequence[ItemTest] = ()

    def items(self) -> Iterator[Item]:
        """The items as they were exported."""
        return (item for _, item in self._read())

    def moved(self) -> Iterator[Item]:
        """The items as they were exported, without those that the filter leaves out."""
        return (item for _, item in self._moved())

    def transformed(self) -> Iterator[Item]:
        """The items as the mask is given them: what the filter leaves, and what the hook made of each."""
        return self.moved() if self.hook is None else self.hooked()

    def hooked(self) -> Iterator[Item]:
        """What the hook made of each item, which may have another name by then; nothing where there is no hook."""
        if self.hook is None:
            return
        for context, item in self._moved():
            with suppress(HookFailed):
                yield from hooked(self.hook, item, context)

    def _moved(self) -> Iterator[tuple[HookContext, Item]]:
        return ((context, item) for context, item in self._read() if all(keep(item) for keep in self.keeps))

    def _read(self) -> Iterator[tuple[HookContext, Item]]:
        for file in self.files:
            with fetch(self.s3, self.bucket, file) as checked:
                for number, line in checked.items():
                    yield HookContext(self.source, self.target, file.ordinal, number), parse_line(line)
        for window in self.windows:
            for file, number, change in window.changes():
                if change.new is not None:
                    yield HookContext(self.source, self.target, file.ordinal, number), change.new


@dataclass(slots=True)
class Gathered:
    """Values as they are found: `rules` names them, `owners` has the rule of each value by the value's number."""

    folder: Path
    most: int
    rules: list[str] = field(default_factory=list)
    owners: array[int] = field(default_factory=lambda: array("I"))
    anywhere: dict[str, int] = field(default_factory=dict)
    patterns: dict[str, int] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    words: ValueWords | None = None

    def add(self, text: str, rule: int) -> None:
        """Take one raw value of a rule."""
        folded = fold(text).strip()
        if len(folded) < LEAST:
            self.short.add(folded)
            return
        if folded in self.anywhere:
            return
        number = len(self.owners)
        if len(self.anywhere) < self.most:
            self.owners.append(rule)
            self.anywhere[folded] = number
            self.patterns.setdefault(folded, number)
            for spelled in spellings(folded):
                self.patterns.setdefault(spelled, number)
            return
        if self.words is None:
            self.words = ValueWords(self.folder, secrets.token_bytes(16))
        self.owners.append(rule)
        self.words.add(folded, number)

    def rule_of(self, number: int) -> str:
        return self.rules[self.owners[number]]


def gather(
    tables: Sequence[RawTable], folder: Path, most: int = MOST_ANYWHERE
) -> tuple[RawValues, Gathered, SoughtFact]:
    """The values to look for in every target, who they belong to, and how many of all they are."""
    found = Gathered(folder, most)
    for table in tables:
        first, leaves = len(found.rules), ItemLeaves(table.mask.tree)
        found.rules += [f"{table.source}: {rule.path} {rule.verb}" for rule in table.mask.rules]
        for items in (table.items(), table.hooked()):
            for index, text in (leaf for item in items for leaf in leaves.of(item)):
                if index not in (KEPT, UNRULED):
                    found.add(text, first + index)
    wholes = found.words.settle() if found.words else 0
    values = RawValues(list(found.patterns), list(found.patterns.values()), found.words)
    kept = _kept(values, tables)
    by_chance = _by_chance(values, tables, kept)
    values.left_out |= kept | by_chance
    inside = len(found.anywhere) - sum(number in values.left_out for number in found.anywhere.values())
    distinct = len(found.anywhere) + wholes
    anywhere = inside
    whole = distinct - len(values.left_out) - anywhere
    return values, found, SoughtFact(
        distinct + len(found.short), anywhere, whole, len(found.short), len(kept), len(by_chance)
    )  # fmt: skip


def _kept(values: RawValues, tables: Sequence[RawTable]) -> set[int]:
    """Values that stand in what is kept, or in what masks write themselves.

    What the filter leaves out is not kept. Nor is what a hook moves: it stands under the very attribute that a rule
    keeps, before the hook and after it, or somebody has put it there.
    """
    kept: set[int] = set()
    for table in tables:
        leaves = ItemLeaves(table.mask.tree)
        kept |= _in(values, list(leaves.written()))
        before = _kept_under(values, leaves, table.moved())
        after = before if table.hook is None else _kept_under(values, leaves, table.hooked())
        kept |= {number for name, held in before.items() for number in held & after.get(name, set())}
    return kept


def _kept_under(values: RawValues, leaves: ItemLeaves, items: Iterator[Item]) -> dict[str, set[int]]:
    """The values in what rules keep of items, by the attribute that they stand in."""
    found: dict[str, set[int]] = {}
    for item in items:
        if _in(values, _kept_texts(leaves, item)):
            for name, attribute in item.items():
                found.setdefault(name, set()).update(_in(values, _kept_texts(leaves, {name: attribute})))
    return found


def _kept_texts(leaves: ItemLeaves, item: Item) -> list[str]:
    return [text for index, text in leaves.of(item) if index == KEPT]


def _by_chance(values: RawValues, tables: Sequence[RawTable], kept: set[int]) -> set[int]:
    """Values that stand in what a rule makes of another value; what a rule leaves as it is hides nothing."""
    found: set[int] = set()
    for table in tables:
        made = list[tuple[Attribute, Attribute]]()
        mask = table.mask.watched(lambda before, after, made=made: made.append((before, after)))  # type: ignore[misc]
        tally = mask.tally()
        for item in table.transformed():
            made.clear()
            with suppress(Unmaskable):
                mask.masked(item, tally)
            if not made or not _seen(values, [after for _, after in made]) - kept - found:
                continue
            for before, after in made:
                for raw, written in _members(before, after):
                    found |= _seen(values, written) - _seen(values, raw) - kept
    return found


def _members(before: Attribute, after: Attribute) -> Iterator[tuple[Attribute, Attribute]]:
    """A value and what became of it; of a set each member and its own."""
    ((kind, value),), ((_, made)) = before.items(), next(iter(after.items()))
    if kind in SETS and kind in after and len(made) == len(value):
        yield from (({SETS[kind]: one}, {SETS[kind]: other}) for one, other in zip(value, made, strict=True))
    else:
        yield before, after


def _in(values: RawValues, texts: list[str]) -> set[int]:
    return set(look_through(values, orjson.dumps(texts).decode(), Counted())) if texts else set()


def _seen(values: RawValues, shown: Any) -> set[int]:
    return set(look_through(values, orjson.dumps(shown).decode(), Counted()))
