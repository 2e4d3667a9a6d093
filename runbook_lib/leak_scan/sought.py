"""Which raw values are looked for: those of all masked paths, without what could not be told from what may be there.

Read from the exports themselves, twice: first what is masked, then what is kept. A value that stands in what is kept,
too, is no sign of a leak; nor is one that a pseudonym looks like by chance. Both are left out, and counted.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.lines import parse_line
from runbook_lib.leak_scan.decode import NUMBERS, fold
from runbook_lib.leak_scan.look import Counted, RawValues, look_through
from runbook_lib.leak_scan.words import LEAST, ValueWords
from runbook_lib.masking.leaves import KEPT, ItemLeaves
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.verbs import Unmaskable
from runbook_lib.run.facts.masking.leak_scan import SoughtFact

MOST_ANYWHERE = 100_000  # values in one automaton: about 100 MB
LEAST_DIGITS = 7  # of a number that is also looked for without its separators


@dataclass(frozen=True, slots=True)
class RawTable:
    """The raw export of one table, and the mask that was to hide it."""

    source: str
    s3: Any
    bucket: str
    files: Sequence[DataFile]
    mask: TableMask

    def items(self) -> Iterator[Item]:
        for file in self.files:
            with fetch(self.s3, self.bucket, file) as checked:
                for _, line in checked.items():
                    yield parse_line(line)


@dataclass(slots=True)
class Gathered:
    """Values as they are found: `rules` names them, `owners` has the rule of each value by the value's number."""

    folder: Path
    most: int
    rules: list[str] = field(default_factory=list)
    owners: array[int] = field(default_factory=lambda: array("H"))
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
            if NUMBERS.fullmatch(folded):
                digits = "".join(filter(str.isdigit, folded))
                if len(digits) >= LEAST_DIGITS:
                    self.patterns.setdefault(digits, number)
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
        for item in table.items():
            for index, text in leaves.of(item):
                if index != KEPT:
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
    """Values that stand in what is kept, or in what masks write themselves."""
    kept: set[int] = set()
    for table in tables:
        leaves = ItemLeaves(table.mask.tree)
        kept |= _in(values, list(leaves.written()))
        for item in table.items():
            kept |= _in(values, [text for index, text in leaves.of(item) if index == KEPT])
    return kept


def _by_chance(values: RawValues, tables: Sequence[RawTable], kept: set[int]) -> set[int]:
    """Values that stand in an item's pseudonyms, and not in the item itself."""
    found: set[int] = set()
    for table in tables:
        tally = table.mask.tally()
        for item in table.items():
            try:
                masked = table.mask.masked(item, tally)
            except Unmaskable:
                continue
            there = _seen(values, masked) - kept - found
            if there:
                found |= there - _seen(values, item)
    return found


def _in(values: RawValues, texts: list[str]) -> set[int]:
    return set(look_through(values, orjson.dumps(texts).decode(), Counted())) if texts else set()


def _seen(values: RawValues, item: Item) -> set[int]:
    return set(look_through(values, orjson.dumps(item).decode(), Counted()))
