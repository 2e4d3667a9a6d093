"""What a question has to have, whatever it asks; and what an answer is made of."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from runbook_lib.conformance.answer import AsExpected, Deviates, NotAsked
from runbook_lib.conformance.question import AnyOf, Area, Evidence, Need, Question, api, guide
from runbook_lib.conformance.runner import ask, ask_all
from runbook_lib.conformance.subject import CannotAsk, WhyNot
from runbook_lib.conformance.suite import all_questions, questions_fitting
from runbook_lib.errors import ForbiddenCall

QUESTIONS = all_questions()
ENGINES = re.compile(r"sandbox|moto|ministack|dynalite|emulator|this engine", re.IGNORECASE)


def test_there_are_enough_of_them_and_each_topic_has_some() -> None:
    assert len(QUESTIONS) >= 80
    assert set(Counter(one.topic for one in QUESTIONS)) == set(Area)
    assert len({one.id for one in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.id)
def test_each_asks_one_thing_says_what_for_and_cites_where_its_answer_comes_from(one: Question) -> None:
    assert one.asks.endswith(("?", ".)")), "a question is one"
    assert len(one.relied_on) > 15
    assert len(one.source.where.partition(",")[2]) > 3 or ":" in one.source.where, one.source
    assert not ENGINES.search(f"{one.source.where} {one.relied_on}"), "no expectation comes from an engine"
    assert len(one.asks) <= 120


def test_no_expectation_is_made_while_asking() -> None:
    """It is fixed before anything is asked: data, never a function of what was found."""
    plain = (str, int, float, bool, type(None))

    def is_data(value: Any) -> bool:
        if isinstance(value, AnyOf):
            return len(value.answers) > 1 and all(is_data(one) for one in value.answers)
        return all(is_data(one) for one in value) if isinstance(value, tuple) else isinstance(value, plain)

    assert all(is_data(one.expected) for one in QUESTIONS)
    assert all(one.source.evidence in set(Evidence) - {Evidence.BELIEVED} for one in QUESTIONS)


def test_questions_are_chosen_by_globs_of_their_ids() -> None:
    assert {one.id for one in questions_fitting("batch-of-2*")} >= {"batch-of-25", "batch-of-26"}
    assert questions_fitting("nothing-is-called-so") == ()


def made(probe: Any, expected: Any = "yes", *needs: Need) -> Question:
    return Question("q", Area.WIRE, "q?", "a reason that is long", api("Q"), expected, frozenset(needs), probe)


class Nobody:
    """Has nothing, as an engine that has no bucket and no second region."""

    has_bucket = False
    kms_key = None
    long = False

    class clients:
        is_aws = False

    def __init__(self, *times: float) -> None:
        self.clock = iter([*times, *range(100, 200)]).__next__

    @staticmethod
    def has_second_region() -> bool:
        return False


def fails(error: Exception) -> Any:
    def probe(subject: Any) -> str:
        raise error

    return probe


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "Op")


@pytest.mark.parametrize(
    ("found", "expected", "kind"),
    [
        ("yes", "yes", AsExpected),
        ("no", "yes", Deviates),
        (1, True, Deviates),
        (1.0, 1, Deviates),
        (None, None, AsExpected),
        (("a", 1), ("a", 1), AsExpected),
        ("b", AnyOf(("a", "b")), AsExpected),
        ("c", AnyOf(("a", "b")), Deviates),
    ],
)
def test_an_answer_is_held_to_what_is_expected_by_kind_and_value(found: Any, expected: Any, kind: type) -> None:
    assert isinstance(ask(made(lambda subject: found, expected), Nobody()), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        client_error("InternalServerError"), ConnectionClosedError(endpoint_url="http://x"), KeyError("TableId"),
        ValueError("no JSON"), ForbiddenCall("another name"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_deviation_and_never_as_expected(error: Exception) -> None:
    outcome = ask(made(fails(error), None), Nobody())  # type: ignore[arg-type]
    assert isinstance(outcome, Deviates)
    assert outcome.detail


@pytest.mark.parametrize("code", ["UnknownOperationException", "NotImplemented"])
def test_an_operation_that_is_not_there_cannot_be_asked(code: str) -> None:
    assert ask(made(fails(client_error(code))), Nobody()) == NotAsked(WhyNot.NO_OPERATION, code)  # type: ignore[arg-type]


def test_an_operation_that_aws_says_it_does_not_have_is_a_deviation() -> None:
    """It has each that is relied on: there this is no reason not to have asked."""

    class Aws(Nobody):
        class clients:
            is_aws = True

    assert isinstance(ask(made(fails(client_error("UnknownOperationException"))), Aws()), Deviates)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("need", "why"),
    [
        (Need.BUCKET, WhyNot.NO_BUCKET), (Need.AWS, WhyNot.ONLY_AWS), (Need.KMS_KEY, WhyNot.NO_KMS_KEY),
        (Need.SECOND_REGION, WhyNot.NO_SECOND_REGION),
    ],
)  # fmt: skip
def test_a_question_whose_need_is_not_met_is_not_asked(need: Need, why: WhyNot) -> None:
    probe = fails(AssertionError("it was asked"))
    assert ask(made(probe, "yes", need), Nobody()) == NotAsked(why)  # type: ignore[arg-type]


def test_a_mistake_of_ours_in_a_probe_is_no_deviation_of_theirs() -> None:
    with pytest.raises(AssertionError):
        ask(made(fails(AssertionError("ours"))), Nobody())  # type: ignore[arg-type]


def test_without_leave_to_go_on_nothing_further_is_asked() -> None:
    leave = iter([None, WhyNot.TIME_IS_UP, WhyNot.TIME_IS_UP])
    question = made(lambda subject: "yes")
    answers = list(ask_all([question, replace(question, probe=fails(AssertionError()))], Nobody(), leave.__next__))  # type: ignore[arg-type]
    assert [a.outcome for a in answers] == [AsExpected("yes"), NotAsked(WhyNot.TIME_IS_UP)]


def test_a_reason_not_to_ask_is_told_as_it_is() -> None:
    assert ask(made(fails(CannotAsk(WhyNot.NO_FIXTURE, "x"))), Nobody()) == NotAsked(WhyNot.NO_FIXTURE, "x")  # type: ignore[arg-type]
    assert guide("x").where.startswith("Developer Guide")
