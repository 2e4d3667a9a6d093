"""What a comparison found of a table: definitions, indexes, a canary, the drift of its source, single items."""

from __future__ import annotations

from typing import Any

from runbook_lib.record.model.base import NEVER, Count, Moment, Name, Number, Section, Span


class Difference(Section):
    """One property of two definitions that is not the same; `what` is the property or, of an index, its name too."""

    property: str = ""
    what: str = ""
    source: str = ""
    target: str = ""
    rating: str = ""
    remedy: str = ""


class ParityGap(Section):
    """A property that could not be asked for."""

    property: str = ""
    why: str = ""


class ParityFacts(Section):
    """How the definitions of a pair compare, and at which step that was looked at last."""

    differences: list[Difference] = []
    not_checked: list[ParityGap] = []
    equal: list[str] = []
    at: Moment | None = None
    step: str | None = None


class IndexFacts(Section):
    """What one index of the target answered; a number that was not measured is null."""

    index: str = ""
    kind: str = ""
    projection: str = ""
    state: str = ""
    why: str | None = None
    belonging: Count | None = None
    keys: Count | None = None
    left_out: Count | None = None
    expected: Count | None = None
    found: Count | None = None
    missing: Count | None = None
    different: Count | None = None
    extra: Count | None = None
    expired: Count | None = None
    wrong_keys: Count | None = None


class CanaryFacts(Section):
    """What came of the reserved item."""

    state: str = ""
    why: str | None = None
    at: Moment | None = None
    seconds: Number | None = None


class DriftedRecord(Section):
    """One item that is not the same in the live source and the target: its key as a hash, and the places."""

    kind: str = ""
    key_hash: str = ""
    paths: list[str] = []


class DriftLook(Section):
    """One of the looks that were made: the time at the source, and how many items were not the same."""

    at: Moment | None = None
    as_of: Moment | None = None
    only_in_source: Count | None = None
    only_in_target: Count | None = None
    changed: Count | None = None
    expired: Count | None = None
    failure: str | None = None


class Drift(Section):
    """How the live source differed from the target at the last look; for information.

    `at` is the time at the source, `as_of` up to when the target had its changes. `per_hour` is how many of its items
    are changed in an hour, by the `looks` that were made; of these, the latest stand here.
    """

    items_in_source: Count | None = None
    only_in_source: Count | None = None
    only_in_target: Count | None = None
    changed: Count | None = None
    expired: Count | None = None
    read_units: Number | None = None
    at: Moment | None = None
    as_of: Moment | None = None
    per_hour: Number | None = None
    listed: list[DriftedRecord] = []
    looks: list[DriftLook] = []
    failure: str | None = None
    started: Moment | None = None
    finished: Moment | None = None
    seconds: Number | None = None


class Reads(Section):
    """When each side was read for the comparison."""

    export: Span = NEVER
    target: Span = NEVER


class PlaceInItem(Section):
    """A place of an item that differs, without its value; the types where those differ."""

    path: str = ""
    how: str = ""
    expected: str | None = None
    found: str | None = None


class DifferenceRecord(Section):
    """One item that is not as it was exported; its key only where the configuration allows it."""

    source: Name = ""
    kind: str = ""
    key_hash: str | None = None
    key: Any = None
    paths: list[PlaceInItem] | None = None


class ItemDifferences(Section):
    """How many differences `differences.jsonl` lists, and the first of them."""

    listed: Count | None = None
    first: list[DifferenceRecord] = []
