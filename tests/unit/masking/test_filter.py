"""A filter says of an item what DynamoDB would say, and one that it would refuse is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_lib.masking.expression.parse import parse_filter
from runbook_lib.masking.expression.typed import TYPES, typed_value

ITEM = {
    "pk": {"S": "ORDER#17"},
    "n": {"N": "10"},
    "flag": {"BOOL": True},
    "bin": {"B": "AAECAw=="},
    "tags": {"SS": ["a", "b"]},
    "codes": {"NS": ["1", "2.50"]},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"N": "3"}}}]},
    "size": {"S": "four"},
}
VALUES: dict[str, Any] = {
    ":ten": 10, ":nine": 9, ":text": "10", ":order": "ORDER#", ":a": "a", ":n": "N", ":x": "x", ":t": True,
    ":b": {"B": "AAE="}, ":half": 2.5, ":four": 4, ":three": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n = :ten", True),
        ("n = :text", False),  # a text is no number
        ("n <> :text", True),
        ("n < :ten", False),
        ("n > :nine", True),
        ("n > :text", False),
        ("n BETWEEN :nine AND :ten", True),
        ("n IN (:nine, :ten)", True),
        ("n IN (:nine, :text)", False),
        ("attribute_exists(n)", True),
        ("attribute_exists(list[1].deep)", True),
        ("attribute_exists(list[2])", False),
        ("attribute_not_exists(nothing)", True),
        ("attribute_type(n, :n)", True),
        ("attribute_type(pk, :n)", False),
        ("begins_with(pk, :order)", True),
        ("begins_with(bin, :b)", True),
        ("begins_with(n, :order)", False),
        ("contains(pk, :order)", True),
        ("contains(tags, :a)", True),
        ("contains(codes, :half)", True),
        ("contains(list, :x)", True),
        ("contains(nothing, :x)", False),
        ("size(#s) = :four", True),
        ("size(list[1].deep) = :four", False),
        ("list[1].deep = :three", True),
        ("NOT n = :ten", False),
        ("not (n = :nine) and flag = :t", True),
        # AND binds closer than OR
        ("n = :ten OR n = :nine AND n = :nine", True),
        ("(n = :ten OR n = :nine) AND n = :nine", False),
        ("NOT n = :nine OR n = :nine", True),
    ],
)
def test_a_filter_says_what_dynamodb_would(text: str, expected: bool) -> None:
    values = {name: VALUES[name] for name in re.findall(r":\w+", text)}
    names = {"#s": "size"} if "#s" in text else {}
    assert parse_filter(text, names, values)(ITEM) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "character 1: expected a name"),
        ("n =", "expected a name or a function, found its end"),
        ("n", "expected a comparison"),
        ("n = :v extra", "expected the end, AND or OR, found 'extra'"),
        ("n ! :v", "character 3, '!'"),
        ("(n = :v", "expected ')'"),
        ("#missing = :v", "#missing is not among the names"),
        ("n = :missing", ":missing is not among the values"),
        ("attribute_exists(n)", ":v is not used"),
        ("attribute_type(n, :v)", "should be the name of a type"),
        ("contains(n)", "expected ','"),
        ("list[x] = :v", "expected the number of an element"),
        ("NOT " * 80 + "n = :v", "nests at most"),
        ("(" * 80 + "n = :v", "nests at most"),
        ("begins_with = :v AND", "expected a name"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_filter(text, {}, {":v": 1})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (12345678901234567890.123, "may have been rounded"),
        (0.1234567890123456789, "may have been rounded"),
        (1e300, "DynamoDB has no number"),
        (1e-131, "DynamoDB has no number"),
        (float("nan"), "neither NaN nor infinity"),
        (float("inf"), "neither NaN nor infinity"),
        (10**38 + 1, "it takes 38 digits"),
        ({"N": "1" * 39}, "it takes 38 digits"),
        ({"N": True}, "expected a number, found True"),
        ({"N": [5]}, "expected a number"),
        ({"N": "five"}, "expected a number, found 'five'"),
        ({"NS": [1, "x"]}, "expected a number, found 'x'"),
        ({"NS": 5}, 'expected a value of type NS, found 5; write {NS: ["5"]}'),
        ({"S": 5}, 'expected a value of type S, found 5; write {S: "5"}'),
    ],
)
def test_a_number_that_is_none_or_may_not_be_the_one_that_was_written_is_refused(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_filter("n = :v", {}, {":v": value})
    assert told in str(caught.value)


HELD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.binary(max_size=6), st.dates(),
        st.sampled_from(["yes", "No", "true", "12:30", "aGk", "AAEC", "1_000", "+5", "x y", '"', "\\", "NaN", "1e999"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.none(), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def refusal(kind: str, held: Any) -> str:
    try:
        made = typed_value({kind: held})
    except ValueError as error:
        return str(error)
    return "" if made.keys() == {kind} else "it is of another type"


@given(st.sampled_from(sorted(TYPES)), HELD)
@example("BOOL", "yes")
@example("SS", "\x1f\x85\U0001f600")
@example("BOOL", "x")
@example("NULL", None)
@example("NS", ["1", "1.0", 2])
@example("NS", ["x"])
@example("SS", [])
@example("BS", ["aGk", "aGk="])
@example("B", "abc")
@example("L", "a")
@example("M", 5)
@example("N", None)
def test_what_to_write_instead_of_a_value_of_another_type_can_be_written(kind: str, held: Any) -> None:
    told = refusal(kind, held)
    if not told or "put the name in quotes" in told:
        return
    found = re.search(r"(?:write|as) (\{[A-Z]+: .*\})", told, re.DOTALL)
    assert found, told
    for spelled in found[1].split(" or "):
        made = typed_value(yaml.safe_load(spelled))
        assert made.keys() == {kind} or kind in ("L", "M"), told


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("{NULL: true}", {"NULL": True}),  # YAML reads this name as null
        ("{L: [a, 5, {S: b}]}", {"L": [{"S": "a"}, {"N": "5"}, {"S": "b"}]}),
        ("{M: {a: 5, b: {S: x}}}", {"M": {"a": {"N": "5"}, "b": {"S": "x"}}}),
        ("{B: !!binary aGk=}", {"B": "aGk="}),
        ("!!binary aGk=", {"B": "aGk="}),
        ("{BS: [!!binary aGk=]}", {"BS": ["aGk="]}),
    ],
)
def test_a_value_is_taken_as_it_is_naturally_written(spelled: str, meant: Any) -> None:
    assert typed_value(yaml.safe_load(spelled)) == meant


@pytest.mark.parametrize("name", ["NULL", "~", "5", "yes"])
def test_a_name_in_a_map_that_yaml_reads_as_no_text_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="put the name in quotes"):
        typed_value(yaml.safe_load(f"{{{name}: 1, other: 2}}"))


@pytest.mark.parametrize("value", [10, 10.0, {"N": 10}, {"N": "10"}, {"N": "1E1"}, {"N": 10.0}])
def test_a_number_may_be_written_in_any_way_that_is_exact(value: Any) -> None:
    assert parse_filter("n = :v", {}, {":v": value})(ITEM)
    assert parse_filter("codes = :v", {}, {":v": {"NS": [1, 2.5]}})(ITEM)
    assert not parse_filter("n = :v", {}, {":v": {"N": "9" * 38}})(ITEM)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("n BETWEEN :high AND :low", "the smaller one first; found :high and :low"),
        ("n BETWEEN :low AND :text AND n < :high", "two values of one type"),
        ("contains(tags, tags) AND n IN (:low, :high)", "contains needs two different operands"),
    ],
)
def test_what_dynamodb_refuses_is_refused(text: str, told: str) -> None:
    values = {name: value for name, value in {":high": 10, ":low": 9, ":text": "a"}.items() if name in text}
    with pytest.raises(ValueError, match=told):
        parse_filter(text, {}, values)


@given(st.text("nN<>=()#:AND ORbetwins_h,.[]0", max_size=40))
def test_any_text_is_a_filter_or_a_value_error(text: str) -> None:
    try:
        parse_filter(text, {"#N": "n"}, {":n": 1})
    except ValueError:
        return


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_numbers_are_ordered_by_value(one: int, other: int) -> None:
    item = {"n": {"N": str(one)}}
    for sign, expected in (("<", one < other), ("<=", one <= other), ("=", one == other), (">", one > other)):
        assert parse_filter(f"n {sign} :v", {}, {":v": other})(item) is expected
