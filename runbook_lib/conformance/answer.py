"""An answer: as expected, or a deviation that says what was found, or a reason why it could not be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from runbook_lib.conformance.question import AnyOf, Observed, Question
from runbook_lib.conformance.subject import WhyNot


@dataclass(frozen=True, slots=True)
class AsExpected:
    found: Observed


@dataclass(frozen=True, slots=True)
class Deviates:
    """`found` is None where no answer was understood; `detail` then says what came instead."""

    found: Observed
    expected: Observed | AnyOf
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotAsked:
    why: WhyNot
    detail: str = ""


AnswerOutcome: TypeAlias = AsExpected | Deviates | NotAsked


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """What a subject said to one question, and how long that took."""

    question: Question
    outcome: AnswerOutcome
    seconds: float

    @property
    def deviates(self) -> bool:
        return isinstance(self.outcome, Deviates)

    @property
    def was_asked(self) -> bool:
        return not isinstance(self.outcome, NotAsked)


def reason_of(outcome: AnswerOutcome) -> str:
    """Why there is no answer, in words; nothing where there is one."""
    return (outcome.detail or outcome.why.value) if isinstance(outcome, NotAsked) else ""


def in_words(found: Observed | AnyOf) -> str:
    """A finding as people read it."""
    if isinstance(found, AnyOf):
        return " or ".join(in_words(answer) for answer in found.answers)
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, tuple):
        return ", ".join(in_words(one) for one in found) or "nothing"
    return "nothing" if found is None else str(found)
