"""The hits that are recorded one by one: where in an item a raw value is, told without what may be data itself."""

from __future__ import annotations

from collections.abc import Container, Iterator
from copy import copy
from dataclasses import dataclass, field, replace

import orjson

from runbook_lib.errors import RunbookError
from runbook_lib.items.canonical import Attribute, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, held_key
from runbook_lib.leak_scan.look import Counted, RawValues, look_through
from runbook_lib.leak_scan.sought import Gathered
from runbook_lib.masking.paths import Path, Wild, spell_path
from runbook_lib.masking.shown.met import NamesMet
from runbook_lib.run.facts.masking.leak_scan import LeakHit

LISTED = 50  # hits of a table that are recorded one by one
SAMPLED = 1_000  # items of which the names of maps are met: those that only one has are not shown


@dataclass(slots=True)
class FirstHits:
    """The first hits of one target; `spelled` are names that its rules spell, which are nobody's data."""

    values: RawValues
    gathered: Gathered
    secret: RunSecret
    key: tuple[KeyAttribute, ...]
    spelled: Container[str]
    _found: list[tuple[Path | None, LeakHit]] = field(default_factory=list)
    _names: NamesMet = field(default_factory=NamesMet)
    _raw: set[str] = field(default_factory=set)
    _sampled: int = 0

    def sample(self, items: list[str]) -> None:
        """Meet the names of some items, of those that come first."""
        some = items[: SAMPLED - self._sampled]
        self._sampled += len(some)
        for item in some:
            self._names.meet_all({"M": orjson.loads(item)})

    def add(self, line: str, there: dict[int, str]) -> None:
        """Take the values that are in an item, each with how it is hidden; further ones are not listed."""
        if len(self._found) >= LISTED:
            return
        item = orjson.loads(line)
        try:
            key_hash = self.secret.key_hash(canonical_json(held_key(item, self.key)))
        except RunbookError:
            key_hash = None
        places: dict[int, Path] = {}
        for path, piece in places_of({"M": item}, ()):
            for number in look_through(self.values, piece, Counted()):
                if number not in places:
                    places[number] = path
                    self._note_raw(path)
        for number, how in there.items():
            hit = LeakHit(self.gathered.rule_of(number), "several values together", how, key_hash)
            self._found.append((places.get(number), hit))

    def shown(self) -> tuple[LeakHit, ...]:
        """The hits as they are recorded."""
        first = self._found[:LISTED]
        paths = [path for path, _ in first if path is not None]
        shown = self._names.shown(paths, spelled=self.spelled, hidden=self._raw)
        return tuple(hit if path is None else replace(hit, path=spell_path(shown[path])) for path, hit in first)

    def _note_raw(self, path: Path) -> None:
        """Note names that are, or hold, raw values; those that are not looked for, as they are kept, count, too."""
        all_of_them = copy(self.values)
        all_of_them.left_out = set()
        names = {step for step in path if isinstance(step, str)} - self._raw
        self._raw |= {one for one in names if look_through(all_of_them, orjson.dumps(one).decode(), Counted())}


def places_of(attribute: Attribute, path: Path) -> Iterator[tuple[Path, str]]:
    """Every value of an item as JSON of its own, with its path; a name is a place by itself, and not shown."""
    ((kind, value),) = attribute.items()
    if kind == "M":
        for name, held in value.items():
            yield (*path, Wild.NAME), orjson.dumps(name).decode()
            yield from places_of(held, (*path, name))
    elif kind == "L":
        for element in value:
            yield from places_of(element, (*path, Wild.EACH))
    else:
        yield path, orjson.dumps(attribute).decode()
