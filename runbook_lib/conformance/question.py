"""A question: what is asked, what we rely on the answer for, where it is documented, and what it is taken to be.

No expectation comes from the sandbox: each cites a page of AWS, its published model, a file that AWS wrote, or tests
that others ran against AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from runbook_lib.conformance.subject import Subject

Observed: TypeAlias = "str | int | float | bool | tuple[Observed, ...] | None"
Probe = Callable[[Subject], Observed]


class Area(StrEnum):
    """What a question is about; the order is that of the report."""

    WIRE = "endpoints, errors, clocks"
    BATCH_WRITE = "BatchWriteItem"
    VALUES = "values and items"
    KEYS = "keys"
    CONDITIONS = "conditional writes"
    CAPACITY = "consumed capacity"
    THROTTLING = "throttling"
    READS = "reading"
    TABLES = "tables"
    RECOVERY = "point-in-time recovery"
    SURROUNDINGS = "tags, TTL, policies"
    EXPORT = "export: the request"
    EXPORT_FILES = "export: the files"
    WINDOWS = "export: windows"
    IMPORT = "ImportTable"
    BULK_PUT = "bulk put"
    STREAMS = "streams"


class Need(StrEnum):
    """What a subject must have for a question to be asked of it; an operation it lacks is found by asking."""

    BUCKET = "a bucket"
    SECOND_REGION = "a second region with tables of its own"
    AWS = "AWS itself"
    LONG = "time: --long"
    KMS_KEY = "a KMS key: --kms-key"


class Evidence(StrEnum):
    """What stands behind an expectation."""

    PAGE = "documented"
    MODEL = "documented in AWS's service model"
    FILE = "seen in a file that AWS wrote"
    OTHERS = "believed: others measured it on AWS"
    BELIEVED = "believed"  # of no question: an expectation has a witness


@dataclass(frozen=True, slots=True)
class Source:
    """Where an expectation comes from."""

    evidence: Evidence
    where: str


def api(operation: str) -> Source:
    return Source(Evidence.PAGE, f"API reference, {operation}")


def guide(page: str) -> Source:
    return Source(Evidence.PAGE, f"Developer Guide, {page}")


def model(shape: str) -> Source:
    return Source(Evidence.MODEL, f"botocore's model of AWS, {shape}")


def seen(what: str) -> Source:
    return Source(Evidence.FILE, f"exports of January 2026, published in gurre/ddb-pitr: {what}")


def measured_by_others(what: str) -> Source:
    return Source(Evidence.OTHERS, f"tests that scylladb ran against AWS in 2026: {what}")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several answers, each as good."""

    answers: tuple[Observed, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `probe` asks a subject and returns what was found, which is held to `expected`."""

    id: str
    topic: Area
    asks: str
    relied_on: str
    source: Source
    expected: Observed | AnyOf
    needs: frozenset[Need]
    probe: Probe

    def accepts(self, found: Observed) -> bool:
        if isinstance(self.expected, AnyOf):
            return any(_same(found, answer) for answer in self.expected.answers)
        return _same(found, self.expected)


def _same(found: Observed, expected: Observed) -> bool:
    return type(found) is type(expected) and found == expected


def question(
    topic: Area, *, expect: Observed | AnyOf, relied_on: str, source: Source, needs: tuple[Need, ...] = ()
) -> Callable[[Probe], Question]:
    """Make a question of a function: its name is the id, the first line of its docstring what is asked."""

    def made(probe: Probe) -> Question:
        name = probe.__name__.replace("_", "-")
        asks = (probe.__doc__ or "").strip().splitlines()[0]
        return Question(name, topic, asks, relied_on, source, expect, frozenset(needs), probe)

    return made
