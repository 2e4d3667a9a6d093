"""Which names are ever new ones, and so data: told from all maps that were met, when all of them were.

A single name does not show it: `elena` is a word like `street`. But names that are words stand in map after map, and
names of people, orders and days are others in each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from runbook_lib.items.canonical import Attribute
from runbook_lib.masking.paths import Path, Wild
from runbook_lib.masking.shown.looks import looks_named

MOST_NAMES = 50  # of the maps at one path; more are data
MOST_ATTRIBUTES = 1_000  # of a table's items, which may be of many kinds
FEWEST_MAPS, FEWEST_ITEMS = 2, 20  # before names that come once mean anything
FEW_NAMES, IN_FEW = 10, 10  # of more names, each is data if on average one map in so many has it


@dataclass(slots=True)
class _Names:
    """The names of the maps at one path, and in how many of them each is."""

    maps: int = 0
    met: Counter[str] = field(default_factory=Counter)
    are_many: bool = False

    def add(self, maps: int, met: Iterable[str] | Counter[str], most: int) -> None:
        self.maps += maps
        if self.are_many:
            return
        self.met.update(met)
        if len(self.met) > most:
            self.are_many = True
            self.met.clear()

    def hides(self, name: str, fewest: int) -> bool:
        """Whether a name is one of those that are ever new: where most come once, it is all but those of most maps."""
        if self.are_many or not looks_named(name):
            return True
        if self.maps < fewest or name not in self.met or self.met[name] * 2 > self.maps:
            return False
        once, distinct = sum(count == 1 for count in self.met.values()), len(self.met)
        return (once > 1 and once * 2 > distinct) or (
            distinct > FEW_NAMES and self.met.total() * IN_FEW < distinct * self.maps
        )


@dataclass(slots=True)
class NamesMet:
    """The names of all maps that were met, by the path of the map; an item is the map at the empty path.

    Names that look like data are not even kept, and of a map of many names none is. Without `of_items` the outermost
    maps are no items.
    """

    of_items: bool = True
    _maps: dict[Path, _Names] = field(default_factory=dict)

    def meet(self, path: Path, names: Iterable[str]) -> None:
        """One more map, at a path as `kept` gives it."""
        known = self._maps.get(path)
        if known is None:
            known = self._maps[path] = _Names()
        known.add(1, filter(looks_named, names), self._most(path))

    def meet_all(self, attribute: Attribute, path: Path = ()) -> None:
        """Every map in an attribute; an item is one itself."""
        ((kind, value),) = attribute.items()
        if kind == "M":
            self.meet(self.kept(path), value)
            for name, held in value.items():
                self.meet_all(held, (*path, name))
        elif kind == "L":
            for element in value:
                self.meet_all(element, (*path, Wild.EACH))

    def kept(self, path: Path) -> Path:
        """A path as it is kept until all is met."""
        made: Path = ()
        for step in path:
            known = self._maps.get(made)
            hidden = isinstance(step, str) and ((known is not None and known.are_many) or not looks_named(step))
            made = (*made, Wild.NAME if hidden else step)
        return made

    def add(self, other: NamesMet) -> None:
        """Take what was met elsewhere."""
        for path, names in other._maps.items():
            known = self._maps.setdefault(path, _Names())
            known.are_many = known.are_many or names.are_many
            known.add(names.maps, names.met, self._most(path))

    def shown(
        self, paths: Iterable[Path], *, spelled: Container[str] | None = None, hidden: Container[str] = ()
    ) -> dict[Path, Path]:
        """What each path is shown as, from the outermost map on: maps whose names are hidden are one from there on.

        With `spelled`, names in maps have to be of these, or must have been met twice: some paths were not met at all.
        """
        paths = set(paths)
        made: dict[Path, Path] = {(): ()}
        for depth in range(max(map(len, paths), default=0)):
            together = self._together(depth, made)
            fewest = FEWEST_MAPS if depth or not self.of_items else FEWEST_ITEMS
            for path in {path[: depth + 1] for path in (*paths, *self._maps) if len(path) > depth}:
                above = made[path[:depth]]
                step, names = path[depth], together.get(above, _Names())
                if isinstance(step, str):
                    doubtful = spelled is not None and depth > 0 and step not in spelled and names.met[step] < 2
                    if doubtful or step in hidden or names.hides(step, fewest):
                        step = Wild.NAME
                made[path] = (*above, step)
        return {path: made[path] for path in paths}

    def _together(self, depth: int, made: dict[Path, Path]) -> dict[Path, _Names]:
        found: dict[Path, _Names] = {}
        for path, names in self._maps.items():
            if len(path) == depth:
                one = found.setdefault(made[path], _Names())
                one.are_many = one.are_many or names.are_many
                one.add(names.maps, names.met, self._most(path))
        return found

    def _most(self, path: Path) -> int:
        return MOST_NAMES if path or not self.of_items else MOST_ATTRIBUTES


@dataclass(slots=True)
class UnnamedCount:
    """Values that no rule names, by path and type, with the names that were met on the way to them."""

    values: Counter[tuple[Path, str]] = field(default_factory=Counter)
    names: NamesMet = field(default_factory=NamesMet)

    def __bool__(self) -> bool:
        return bool(self.values)

    def meet(self, path: Path, names: Iterable[str]) -> None:
        """One more map with names that no rule spells, before the values under them are noted."""
        self.names.meet(self.names.kept(path), names)

    def note(self, path: Path, kind: str) -> None:
        """One more value."""
        self.values[self.names.kept(path), kind] += 1

    def add(self, other: UnnamedCount) -> None:
        """Take what was counted elsewhere."""
        self.values += other.values
        self.names.add(other.names)

    def shown(self) -> Counter[tuple[Path, str]]:
        """The values by shown path and type."""
        shown = self.names.shown(path for path, _ in self.values)
        made: Counter[tuple[Path, str]] = Counter()
        for (path, kind), count in self.values.items():
            made[shown[path], kind] += count
        return made
