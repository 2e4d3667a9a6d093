"""What is alike but for names, places and sleep, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.estate.compare import OFF_THERE, Acting, Likeness, compare_estates, differing, hole
from runbook_lib.estate.resource import Estate, Resource, ResourceKind


@pytest.mark.parametrize(
    ("expected", "found", "ways"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": 1}, {}, ["a"]),
        ({}, {"b": 1}, ["b"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a[1].b"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": f"arn:{hole('P')}:x"}, {"a": "arn:anything:x"}, []),
        ({"a": f"arn:{hole('P')}:x"}, {"a": "arn:anything:y"}, ["a"]),
        ({"a": hole("P")}, {"a": ""}, ["a"]),
        ({"a": hole("P"), "b": [hole("P")]}, {"a": "1", "b": ["1"]}, []),
        ({"a": hole("P"), "b": [hole("P")]}, {"a": "1", "b": ["2"]}, ["b[0]"]),
        ({"a": hole("P"), "b": hole("Q")}, {"a": "1", "b": "2"}, []),
        ({"a": f"{hole('P')}/{hole('P')}"}, {"a": "1/1"}, []),
        ({"a": f"{hole('P')}/{hole('P')}"}, {"a": "1/2"}, ["a"]),
        ({"a": hole("P", "arn:t/")}, {"a": "arn:t/1"}, []),
        ({"a": hole("P", "arn:t/")}, {"a": "arn:u/1"}, ["a"]),
        ({"a": '{"x":  1}'}, {"a": '{"x": 1}'}, []),
        ({"a": '{"x": 1}'}, {"a": '{"x": 2}'}, ["a.x"]),
        ({"a": None}, {"a": None}, []),
    ],
)
def test_a_difference_is_the_way_to_it(expected: Any, found: Any, ways: list[str]) -> None:
    assert list(differing(expected, found)) == ways


RULE = Resource(ResourceKind.RULE, "bus/old", "old", "", {"ScheduleExpression": "rate(1 day)"}, None, True)
NEW = replace(RULE, key="bus/new", name="new")


def compared(found: Resource | None, old: Resource = RULE) -> tuple[Likeness, Acting, tuple[str, ...]]:
    row, *_ = compare_estates(
        Estate((old,)), Estate((replace(old, key=NEW.key, name=NEW.name),)), Estate((found,) if found else ())
    )
    return row.likeness, row.acting, row.differences


def test_asleep_is_equal_and_said() -> None:
    assert compared(replace(NEW, enabled=False)) == (Likeness.EQUAL, Acting.ASLEEP, ())
    assert compared(NEW) == (Likeness.EQUAL, Acting.AWAKE, ())
    off = replace(RULE, enabled=False)
    assert compared(replace(NEW, enabled=False), off) == (Likeness.EQUAL, Acting.OFF, ())


def test_what_is_off_in_the_source_and_acts_in_the_target_is_different() -> None:
    off = replace(RULE, enabled=False)
    assert compared(NEW, off) == (Likeness.DIFFERENT, Acting.AWAKE, (OFF_THERE,))


def test_how_a_rule_would_be_awake_is_no_difference_while_it_sleeps() -> None:
    trail = replace(RULE, properties=RULE.properties | {"EnabledAs": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"})
    assert compared(replace(NEW, enabled=False), trail) == (Likeness.EQUAL, Acting.ASLEEP, ())
    assert compared(NEW, trail) == (Likeness.DIFFERENT, Acting.AWAKE, ("EnabledAs",))
    assert compared(replace(trail, key=NEW.key, name=NEW.name), trail)[0] is Likeness.EQUAL


def test_what_is_not_there_is_missing_and_what_differs_is_named() -> None:
    assert compared(None) == (Likeness.MISSING, Acting.PASSIVE, ())
    assert compared(replace(NEW, kind=ResourceKind.SCHEDULE))[0] is Likeness.MISSING
    other = replace(NEW, properties={"ScheduleExpression": "rate(2 days)"}, policy={"Statement": []})
    assert compared(other) == (Likeness.DIFFERENT, Acting.AWAKE, ("ScheduleExpression", "Policy"))


def test_what_has_no_name_is_found_by_what_it_connects_and_each_once() -> None:
    def subscription(endpoint: str, raw: bool) -> Resource:
        properties = {"TopicArn": "t", "Protocol": "sqs", "Endpoint": endpoint, "Raw": raw}
        return Resource(ResourceKind.SUBSCRIPTION, f"t to sqs {endpoint}", "", endpoint, properties)

    both = Estate((subscription("a", True), subscription("b", False)))
    rows = compare_estates(both, both, Estate(both.resources[::-1]))
    assert [row.likeness for row in rows] == [Likeness.EQUAL, Likeness.EQUAL]
    rows = compare_estates(both, both, Estate(both.resources[:1]))
    assert sorted(row.likeness for row in rows) == [Likeness.EQUAL, Likeness.MISSING]


QUEUE = Resource(ResourceKind.QUEUE, "q", "q", "", {"DelaySeconds": 3})
TAGGED = replace(QUEUE, properties={"DelaySeconds": 3, "Tags": []})


@pytest.mark.parametrize(
    ("there", "at_source", "at_target", "likeness"),
    [
        (None, (), (), Likeness.MISSING),
        (None, (), (("sqs", ""),), Likeness.NOT_CHECKED),
        (None, (), (("sqs", "q"),), Likeness.NOT_CHECKED),
        (None, (), (("sqs", "other"),), Likeness.MISSING),
        (None, (), (("sns", ""),), Likeness.MISSING),
        (QUEUE, (), (("sqs", "q"),), Likeness.NOT_CHECKED),
        (QUEUE, (("sqs", "q"),), (), Likeness.NOT_CHECKED),
        (TAGGED, (("sqs", "q"),), (), Likeness.NOT_CHECKED),
        (TAGGED, (), (("sqs", "other"),), Likeness.DIFFERENT),
        (QUEUE, (("sqs", ""),), (("sqs", ""),), Likeness.EQUAL),
    ],
)
def test_what_a_refused_call_would_have_shown_is_not_checked_and_nothing_else_is(
    there: Resource | None, at_source: Any, at_target: Any, likeness: Likeness
) -> None:
    (row,) = compare_estates(
        Estate((QUEUE,), unread=frozenset(at_source)),
        Estate((QUEUE,)),
        Estate((there,) if there else (), unread=frozenset(at_target)),
    )
    assert (row.likeness, bool(row.differences)) == (likeness, likeness is Likeness.DIFFERENT)


@pytest.mark.parametrize(("subject", "checked"), [("bus", False), ("bus/new", False), ("other", True), ("bu", True)])
def test_a_rule_whose_bus_could_not_be_listed_is_not_missing(subject: str, checked: bool) -> None:
    (row,) = compare_estates(Estate((RULE,)), Estate((NEW,)), Estate(unread=frozenset({("events", subject)})))
    assert row.likeness is (Likeness.MISSING if checked else Likeness.NOT_CHECKED)


@pytest.mark.parametrize(("subject", "checked"), [("t", False), ("t sqs", False), ("u", True), ("t lambda", True)])
def test_a_subscription_whose_topic_could_not_be_listed_is_not_missing(subject: str, checked: bool) -> None:
    properties = {"TopicArn": "arn:aws:sns:us-east-2:111122223333:t", "Protocol": "sqs", "Endpoint": "q"}
    wanted = Resource(ResourceKind.SUBSCRIPTION, "old to sqs q", "", "", properties)
    (row,) = compare_estates(Estate((wanted,)), Estate((wanted,)), Estate(unread=frozenset({("sns", subject)})))
    assert row.likeness is (Likeness.MISSING if checked else Likeness.NOT_CHECKED)


def test_what_only_the_target_has_is_named_and_says_whether_it_acts() -> None:
    another = replace(NEW, key="bus/another", name="another")
    one, extra = compare_estates(Estate((RULE,)), Estate((NEW,)), Estate((another, NEW)))
    assert one.likeness is Likeness.EQUAL
    assert (extra.source, extra.target) == ("", "bus/another")
    assert (extra.likeness, extra.acting) == (Likeness.EXTRA, Acting.AWAKE)
    (asleep,) = compare_estates(Estate(()), Estate(()), Estate((replace(another, enabled=False),)))
    assert asleep.acting is Acting.ASLEEP


@pytest.mark.parametrize(
    ("refused", "likeness"),
    [(("events", ""), Likeness.NOT_CHECKED), (("events", "bus"), Likeness.NOT_CHECKED), (("sqs", ""), Likeness.EXTRA)],
)
def test_what_the_source_could_not_list_is_not_only_in_the_target(refused: tuple[str, str], likeness: Likeness) -> None:
    (row,) = compare_estates(Estate(unread=frozenset({refused})), Estate(), Estate((NEW,)))
    assert row.likeness is likeness
