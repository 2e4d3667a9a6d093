"""The embedded AWS is asked every question: it answers as AWS is taken to, or its deviation is known by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbook_lib.conformance.answer import AsExpected, Deviates, NotAsked, QuestionAnswer, in_words
from runbook_lib.conformance.known_deviations import SANDBOX, known_of
from runbook_lib.conformance.question import Area
from runbook_lib.conformance.runner import ask_all
from runbook_lib.conformance.subject import WhyNot
from runbook_lib.conformance.suite import all_questions, questions_fitting
from runbook_lib.sandbox import start_sandbox
from tests.support.asking import KEY, PassingTime, fault, subject_of

# A deviation that is not among them is a defect of the embedded AWS.
NAMED = known_of(SANDBOX)
# What the embedded AWS cannot be asked; the throttling that it never does by itself is asked below.
NOT_ASKED = {
    "account-based-endpoint": WhyNot.ONLY_AWS,
    "bulk-put-whose-condition-fails": WhyNot.NOT_SPELLED,
    "throttled-write": WhyNot.NOT_DONE_HERE,
    "throttling-reason": WhyNot.NOT_DONE_HERE,
    "unprocessed-items": WhyNot.NOT_DONE_HERE,
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """One of its own: its clock is moved."""
    with start_sandbox(empty=True, export_seconds=0.3) as sandbox:
        yield sandbox.endpoint


@pytest.fixture(scope="module")
def answers(endpoint: str) -> dict[str, QuestionAnswer]:
    subject = subject_of(endpoint, PassingTime(endpoint), kms_key=KEY)
    return {answer.question.id: answer for answer in ask_all(all_questions(), subject)}


@pytest.mark.parametrize("topic", list(Area))
def test_the_embedded_aws_answers_as_aws_is_taken_to(answers: dict[str, QuestionAnswer], topic: Area) -> None:
    deviations = {
        name: f"{in_words(answer.outcome.found)} {answer.outcome.detail}; expected {in_words(answer.question.expected)}"
        for name, answer in answers.items()
        if answer.question.topic is topic and isinstance(answer.outcome, Deviates)
    }
    assert {name: said for name, said in deviations.items() if name not in NAMED} == {}


def test_what_it_cannot_be_asked_is_known_with_why(answers: dict[str, QuestionAnswer]) -> None:
    found = {name: a.outcome.why for name, a in answers.items() if isinstance(a.outcome, NotAsked)}
    assert found == NOT_ASKED


@pytest.mark.chaos
def test_a_deviation_with_a_name_is_one_still(answers: dict[str, QuestionAnswer]) -> None:
    assert {name for name in NAMED if not answers[name].deviates} == set()


@pytest.mark.whole
def test_throttling_is_answered_once_it_happens(endpoint: str) -> None:
    subject = subject_of(endpoint)
    table = subject.table("provisioned")
    with fault(endpoint, operation="PutItem", kind="throttle", table=table):
        first = list(ask_all(questions_fitting("throttled-write", "throttling-reason"), subject))
    with fault(endpoint, operation="BatchWriteItem", kind="unprocessed", table=table):
        second = list(ask_all(questions_fitting("unprocessed-items"), subject))
    assert [type(answer.outcome) for answer in (*first, *second)] == [AsExpected] * 3


@pytest.mark.chaos
def test_items_that_a_condition_kept_out_are_counted_once_it_happens(endpoint: str) -> None:
    subject = subject_of(endpoint)
    with fault(endpoint, operation="StartBulkPutItems", kind="kept-out", table=subject.table("bulk")):
        [answer] = ask_all(questions_fitting("bulk-put-whose-condition-fails"), subject)
    assert isinstance(answer.outcome, AsExpected), answer.outcome


@pytest.mark.chaos
def test_what_only_time_brings_about_is_told_as_not_asked_where_nobody_can_let_it_pass(endpoint: str) -> None:
    """As an account is asked: with leave to take long, and without a clock to move."""
    names = (
        "child-of-an-ended-shard", "order-across-a-split", "children-of-an-ended-shard", "iterator-at-a-trimmed-record",
        "horizon-of-a-trimmed-shard", "parent-that-was-trimmed-away",
    )  # fmt: skip
    subject = subject_of(endpoint, long=True)
    answers = list(ask_all(questions_fitting(*names), subject))
    assert len(answers) == len(names)
    for answer in answers:
        assert isinstance(answer.outcome, NotAsked), answer
        assert answer.outcome.why is WhyNot.NOT_IN_TIME
        assert "four hours" in answer.outcome.detail
