"""The old names of tables, found in a text: as an ARN, as a name of its own, or inside something longer.

A name ends where no character of a table's name follows: `orders` is not in `orders-archive`. It may begin after an
escape, as in `\\norders` or `%2Forders`. An ARN says itself whose table it is, and may be a pattern that covers some.
A plain name means a table of the region in which it is read, so in the target's region a name that a target bears is no
old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

STEM_ENDS, SHORTEST_STEM = ("-", "_", "."), 4
# Before a name: nothing of a name, or an escape of JSON or of a URL that stands for nothing of a name.
URL_ESCAPE = r"(?!2[DdEe]|5[Ff]|3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])[0-9A-Fa-f]{2}"
BEGIN = rf"""(?:(?<![A-Za-z0-9_.-])|(?<=\\[nrtbf])|(?<=\\u00[01][0-9A-Fa-f])|(?<=%{URL_ESCAPE})|(?<=%25{URL_ESCAPE}))"""
PATTERNS = re.compile(
    r"arn:[^:\s\"']*:dynamodb:([^:\s\"']*):([^:\s\"']*):table/([A-Za-z0-9_.*?-]*[*?][A-Za-z0-9_.*?-]*)"
)
ARN = re.compile(r"arn:[^:\s\"']*:dynamodb:([^:\s\"']*):([^:\s\"']*):table/$")


class How(StrEnum):
    """How a table is named."""

    ARN = "arn"
    NAME = "name"
    INSIDE = "inside a text"
    STEM = "beginning of names"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Naming:
    """One old table named; of the beginning of names, and of a pattern, the first of the tables that fit."""

    source: str
    how: How
    tables: int = 1


class OldNames:
    """Finds the names of `targets`' sources; both places are [region, account], as an ARN has them."""

    def __init__(self, targets: Mapping[str, str], source: list[str], target: list[str]) -> None:
        self._targets, self._source, self._target = targets, source, target
        names = "|".join(re.escape(name) for name in sorted(targets, key=len, reverse=True))
        end = r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9_-])"
        self._names = re.compile(rf"{BEGIN}(?:{names}){end}") if targets else None

    def in_text(self, text: str, here: list[str]) -> Iterator[Naming]:
        """Each old table that a text names, once; `here` is the [region, account] that it is read in."""
        if self._names is None:
            return
        found: dict[str, How] = {}
        for match in self._names.finditer(text):
            name = match[0]
            if (how := self._how(text, match.start(), name, here)) and found.get(name) is not How.ARN:
                found[name] = how
        yield from (Naming(name, how) for name, how in found.items())
        yield from self._of_patterns(text, found)
        if not found and (stem := self._of_stem(text.strip(), here)):
            yield stem

    def _how(self, text: str, start: int, name: str, here: list[str]) -> How | None:
        if said := ARN.search(text[max(0, start - 200) : start]):
            own = zip(said.groups(), self._source, strict=True)
            return How.ARN if all(part in (its, "", "*") or "$" in part for part, its in own) else None
        if not self._is_old(name, here):
            return None
        return How.NAME if text.strip() == name else How.INSIDE

    def _of_patterns(self, text: str, found: Mapping[str, How]) -> Iterator[Naming]:
        """ARNs with wildcards that cover old tables and not their targets: whoever has such a one needs another."""
        for pattern in dict.fromkeys(match.groups() for match in PATTERNS.finditer(text)):
            covered = sorted(
                name for name, new in self._targets.items()
                if name not in found and _covers(pattern, [*self._source, name])
                and not _covers(pattern, [*self._target, new])
            )  # fmt: skip
            if covered:
                yield Naming(covered[0], How.PATTERN, len(covered))

    def _is_old(self, name: str, here: list[str]) -> bool:
        """Whether a plain name means the old table."""
        return here != self._target or self._target == self._source or name not in self._targets.values()

    def _of_stem(self, text: str, here: list[str]) -> Naming | None:
        """A variable that holds how the names of several tables begin is put together with the rest elsewhere."""
        if len(text) < SHORTEST_STEM or not text.endswith(STEM_ENDS):
            return None
        begun = sorted(name for name in self._targets if name.startswith(text) and self._is_old(name, here))
        kept = any(target.startswith(text) for target in self._targets.values())
        return Naming(begun[0], How.STEM, len(begun)) if len(begun) > 1 and not kept else None


def _covers(pattern: tuple[str, ...], place: list[str]) -> bool:
    """Whether an ARN's region, account and name with wildcards are those of a table."""
    return all(
        part in ("", "*") or "$" in part or fnmatchcase(own, part) for part, own in zip(pattern, place, strict=True)
    )
