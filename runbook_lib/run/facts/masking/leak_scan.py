"""What a scan of the targets for raw values came to: what was looked for, where, and what was found."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.run.facts.topic import Note, Topic


@dataclass(frozen=True, slots=True)
class SoughtFact:
    """The raw values of all masked paths of a run: distinct ones, those that are looked for, and why others are not.

    `anywhere` are found inside of other texts too, `whole` only as a value or as a word of one. Of the others `short`
    have too few characters to tell, `kept` stand in what is kept too, `by_chance` may be a pseudonym.
    """

    distinct: int
    anywhere: int
    whole: int
    short: int
    kept: int
    by_chance: int

    @property
    def sought(self) -> int:
        return self.anywhere + self.whole


@dataclass(frozen=True, slots=True)
class LeakHit:
    """One raw value in a target: the rule that should have masked it, where it is, and how it was hidden."""

    rule: str
    path: str
    encoding: str
    key_hash: str | None


@dataclass(frozen=True, slots=True)
class LeakFact:
    """One target, scanned.

    `not_decoded` counts values in which nothing could be looked for, `cut_short` items of which a part was not unpacked
    since all of them comes to too much; `first` are some hits.
    """

    items: int
    values: int
    decoded: int
    not_decoded: int
    hits: int
    first: tuple[LeakHit, ...]
    started: str
    finished: str
    seconds: float
    cut_short: int = 0


SOUGHT = Note("run", "leak_scan", SoughtFact)
LEAKS = Topic("leak_scan", LeakFact)
