"""Asks a subject every question, one after the other; what cannot be asked is an answer too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from runbook_lib.aws.outcome import FAILURES, code_of, is_unknown
from runbook_lib.conformance.answer import AnswerOutcome, AsExpected, Deviates, NotAsked, QuestionAnswer
from runbook_lib.conformance.question import Need, Question
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot
from runbook_lib.errors import ForbiddenCall

# None while there is leave to go on, else why no further question is asked.
Leave = Callable[[], WhyNot | None]
# What reading an answer of another form than AWS's raises.
_OTHER_FORM = (KeyError, IndexError, TypeError, ValueError, AttributeError)


def ask_all(questions: Iterable[Question], subject: Subject, leave: Leave = lambda: None) -> Iterator[QuestionAnswer]:
    for question in questions:
        started = subject.clock()
        stop = leave()
        outcome = NotAsked(stop) if stop is not None else ask(question, subject)
        yield QuestionAnswer(question, outcome, subject.clock() - started)


def ask(question: Question, subject: Subject) -> AnswerOutcome:
    """Ask one question. An answer that leads to a name that is none of ours is a deviation: nothing was sent there."""
    try:
        for need in sorted(question.needs):
            _require(need, subject)
        found = question.probe(subject)
    except CannotAsk as reason:
        return NotAsked(reason.why, reason.detail)
    except ForbiddenCall as error:
        return Deviates(None, question.expected, f"its answer leads elsewhere: {error}")
    except FAILURES as error:
        if is_unknown(error) and not subject.clients.is_aws:  # AWS has them all
            return NotAsked(WhyNot.NO_OPERATION, code_of(error))
        return Deviates(None, question.expected, f"{code_of(error)}: {error}")
    except _OTHER_FORM as error:
        return Deviates(None, question.expected, f"an answer of another form: {type(error).__name__}: {error}")
    return AsExpected(found) if question.accepts(found) else Deviates(found, question.expected)


def _require(need: Need, subject: Subject) -> None:
    if need is Need.BUCKET and not subject.has_bucket:
        raise CannotAsk(WhyNot.NO_BUCKET)
    if need is Need.AWS and not subject.clients.is_aws:
        raise CannotAsk(WhyNot.ONLY_AWS)
    if need is Need.LONG and subject.clients.is_aws and not subject.long:
        raise CannotAsk(WhyNot.ONLY_LONG)
    if need is Need.KMS_KEY and subject.kms_key is None:
        raise CannotAsk(WhyNot.NO_KMS_KEY)
    if need is Need.SECOND_REGION and not subject.has_second_region():
        raise CannotAsk(WhyNot.NO_SECOND_REGION)
