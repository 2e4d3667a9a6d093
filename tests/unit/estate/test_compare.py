"""What is alike but for names, places and sleep, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.estate.compare import HOLE, Acting, Likeness, compare_estates, differing
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
        ({"a": f"arn:{HOLE}:x"}, {"a": "arn:anything:x"}, []),
        ({"a": f"arn:{HOLE}:x"}, {"a": "arn:anything:y"}, ["a"]),
        ({"a": HOLE}, {"a": ""}, ["a"]),
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
    (row,) = compare_estates(
        Estate((old,)), Estate((replace(old, key=NEW.key, name=NEW.name),)), Estate((found,) if found else ())
    )
    return row.likeness, row.acting, row.differences


def test_asleep_is_equal_and_said() -> None:
    assert compared(replace(NEW, enabled=False)) == (Likeness.EQUAL, Acting.ASLEEP, ())
    assert compared(NEW) == (Likeness.EQUAL, Acting.AWAKE, ())
    off = replace(RULE, enabled=False)
    assert compared(replace(NEW, enabled=False), off) == (Likeness.EQUAL, Acting.OFF, ())


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
