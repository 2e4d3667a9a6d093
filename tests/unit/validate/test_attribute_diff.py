"""Paths of differences, and that no value ever gets into them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given

from runbook_lib.items.canonical import digest
from runbook_lib.validate.attribute_diff import differing_paths
from tests.support.attributes import items

Item = dict[str, Any]


def paths(exported: Item, held: Item) -> list[tuple[str, str, str | None, str | None]]:
    return [(p.path, p.how, p.expected, p.found) for p in differing_paths(exported, held)]


@pytest.mark.parametrize(
    ("exported", "held", "path"),
    [
        ({"a": {"S": "x"}}, {"a": {"S": "y"}}, ("a", "value", "S", "S")),
        ({"a": {"S": "1"}}, {"a": {"N": "1"}}, ("a", "type", "S", "N")),
        ({"a": {"NULL": True}}, {}, ("a", "absent", "NULL", None)),
        ({}, {"a": {"S": ""}}, ("a", "added", None, "S")),
        ({"a": {"SS": ["x"]}}, {"a": {"SS": ["x", "y"]}}, ("a", "value", "SS", "SS")),
        (
            {"address": {"M": {"lines": {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]}}}},
            {"address": {"M": {"lines": {"L": [{"S": "a"}, {"S": "b"}, {"S": "d"}]}}}},
            ("address.lines[2]", "value", "S", "S"),
        ),
        ({"l": {"L": [{"S": "a"}]}}, {"l": {"L": []}}, ("l[0]", "absent", "S", None)),
        ({"m": {"M": {"a.b": {"S": "x"}}}}, {"m": {"M": {"a.b": {"S": "y"}}}}, ('m["a.b"]', "value", "S", "S")),
        ({"": {"S": "x"}}, {}, ('[""]', "absent", "S", None)),
    ],
)
def test_each_place_is_named_with_how_it_differs(exported: Item, held: Item, path: Any) -> None:
    assert paths(exported, held) == [path]


def test_no_more_places_are_named_than_asked_for() -> None:
    exported = {f"a{n:03}": {"S": "x"} for n in range(100)}
    assert [p.path for p in differing_paths(exported, {}, most=3)] == ["a000", "a001", "a002"]


def test_a_path_is_cut_where_nobody_would_read_on() -> None:
    (place,) = differing_paths({"n" * 65_535: {"S": "x"}}, {})
    assert place.path == "n" * 300 + "..."


@given(items(), items())
def test_places_are_named_exactly_when_the_items_differ(one: Item, other: Item) -> None:
    assert bool(differing_paths(one, other)) == (digest(one) != digest(other))


def test_values_never_get_into_paths() -> None:
    exported = {"a": {"L": [{"M": {"b": {"S": "secret-1"}}}]}, "n": {"N": "771177"}, "s": {"SS": ["secret-2"]}}
    held = {"a": {"L": [{"M": {"b": {"S": "secret-3"}}}]}, "n": {"S": "secret-4"}, "s": {"SS": ["secret-5"]}}
    told = json.dumps([asdict(p) for p in differing_paths(exported, held)])
    assert "secret" not in told
    assert "771177" not in told
