from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import canonical_json, canonical_number, digest
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import parse_line, split_items
from tests.support.attributes import attributes, items, numbers

ID = (KeyAttribute("id", "S", "HASH"),)


@given(items())
def test_an_export_line_is_read_back_as_the_item_it_holds(item: dict[str, Any]) -> None:
    assert parse_line(b'{"Item":' + json.dumps(item, ensure_ascii=False).encode() + b"}") == item


@given(st.lists(items(), max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_a_scan_page_is_cut_into_the_very_bytes_of_its_items(
    page: list[dict[str, Any]], ascii_only: bool, indent: int | None
) -> None:
    raw = [json.dumps(item, ensure_ascii=ascii_only) for item in page]
    body = f'{{"Count":{len(page)}, "Items" : [{" , ".join(raw)} ],"LastEvaluatedKey":{{"Items":{{"S":"x"}}}}}}'
    slices, rest = split_items(body.encode())
    assert [s.decode() for s in slices] == raw
    assert rest == {"Count": len(page), "LastEvaluatedKey": {"Items": {"S": "x"}}}


@given(items())
def test_equal_items_have_equal_digests_however_they_are_spelled(item: dict[str, Any]) -> None:
    assert digest(item) == digest(_respelled(item))


@given(items(), items())
def test_different_items_have_different_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (digest(one) == digest(other)) == (_value({"M": one}) == _value({"M": other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"S": "1"}),
        ({"NULL": True}, {"S": ""}),
        ({"L": []}, {"M": {}}),
        ({"L": [{"N": "1"}, {"N": "2"}]}, {"L": [{"N": "2"}, {"N": "1"}]}),
        ({"SS": ["a"]}, {"SS": ["a", "b"]}),
        ({"SS": ["a"]}, {"L": [{"S": "a"}]}),
        ({"B": "AA=="}, {"B": "AQ=="}),
        ({"BOOL": True}, {"BOOL": False}),
        ({"N": "1.0000000000000000000000000000000000001"}, {"N": "1"}),
        ({"S": "\u00e9"}, {"S": "e\u0301"}),
    ],
)
def test_a_difference_of_any_kind_changes_the_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    key = {"id": {"S": "x"}}
    assert digest(key | {"a": one}) != digest(key | {"a": other})
    assert digest(key | {"a": one}) != digest(key)


@given(numbers(), numbers())
def test_numbers_are_equal_by_value(one: str, other: str) -> None:
    assert (canonical_number(one) == canonical_number(other)) == (Decimal(one) == Decimal(other))


@pytest.mark.parametrize("text", ["0", "-0", "0.0", "0E5", "00"])
def test_every_zero_is_the_same_zero(text: str) -> None:
    assert canonical_number(text) == "0"


@pytest.mark.parametrize("text", ["", "x", "1,5", "NaN", "Infinity", "--1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(CorruptFile):
        canonical_number(text)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"null", b'{"Item":[]}', b'{"item":{}}', b'{"Item":{"id":{"S":"x"}},"More":1}',
        b'{"Item":{"id":{"S":"\xff"}}}', b'{"Item":{"id":{"S":"x"}}},{"DeleteRequest":{}}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_item_is_refused(line: bytes) -> None:
    with pytest.raises(CorruptFile):
        parse_line(line)


@pytest.mark.parametrize(
    "value",
    [
        {}, {"S": "a", "N": "1"}, {"X": "a"}, "a", ["S"], None, 1, {"S": 1}, {"S": None}, {"N": 1}, {"N": ""},
        {"N": "1_000"}, {"N": " 1"}, {"N": "1\n"}, {"N": "١"}, {"N": []}, {"BOOL": "true"}, {"BOOL": 1},
        {"NULL": False}, {"NULL": None}, {"B": "%"}, {"B": 1}, {"B": "YQ"}, {"M": 1}, {"M": []}, {"M": {"a": "b"}},
        {"L": 1}, {"L": {"a": {"S": "b"}}}, {"L": "ab"}, {"L": ["a"]}, {"SS": 1}, {"SS": "ab"}, {"SS": []},
        {"SS": [1]}, {"SS": ["a", "a"]}, {"SS": {"a": 1}}, {"NS": "12"}, {"NS": ["1", "1.0"]}, {"NS": ["x"]},
        {"NS": ["1,2", "3"]}, {"NS": []}, {"NS": [1]}, {"BS": "AAAA"}, {"BS": ["AA==", "AA=="]}, {"BS": []},
        {"L": [{"SS": ["a", "a"]}]}, {"M": {"deep": {"L": [{"NULL": 0}]}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_dynamodb_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(CorruptFile):
        digest({"id": {"S": "x"}, "a": value})


def test_a_key_that_is_missing_or_of_another_type_is_refused() -> None:
    assert key_of({"id": {"S": "x"}, "a": {"N": "1"}}, ID) == {"id": {"S": "x"}}
    for item in ({"Id": {"S": "x"}}, {"id": {"N": "1"}}, {"id": "x"}):
        with pytest.raises(CorruptFile, match="key attribute 'id'"):
            key_of(item, ID)


def test_a_digest_is_the_same_on_any_machine() -> None:
    item = {
        "id": {"S": "x"},
        "n": {"N": "10.50"},
        "s": {"NS": ["2", "1"]},
        "b": {"B": "aGk="},
        "m": {"M": {"é": {"NULL": True}}},
    }
    assert digest(item).hex() == "aa3ecce5287cbafe9bdcf5cc72933542"


def _respelled(value: Any) -> Any:
    """The same item with its maps and sets in another order and its numbers written another way."""
    return {name: _respelled_attribute(inner) for name, inner in reversed(value.items())}


def _respelled_attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return {"N": _number(value)}
        case "NS":
            return {"NS": [_number(n) for n in reversed(value)]}
        case "SS" | "BS":
            return {kind: list(reversed(value))}
        case "M":
            return {"M": _respelled(value)}
        case "L":
            return {"L": [_respelled_attribute(inner) for inner in value]}
    return attribute


def _number(text: str) -> str:
    sign, digits, exponent = Decimal(text).as_tuple()
    return f"{'-' if sign else ''}{''.join(map(str, digits))}0E{int(exponent) - 1}"


def _value(attribute: dict[str, Any]) -> Any:
    """An attribute as Python values that are equal exactly when DynamoDB's are; an oracle, not our code."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return (kind, Decimal(value))
        case "NS":
            return (kind, frozenset(map(Decimal, value)))
        case "B":
            return (kind, base64.b64decode(value))
        case "BS":
            return (kind, frozenset(map(base64.b64decode, value)))
        case "SS":
            return (kind, frozenset(value))
        case "M":
            return (kind, {name: _value(inner) for name, inner in value.items()})
        case "L":
            return (kind, [_value(inner) for inner in value])
    return (kind, value)


@given(attributes())
def test_the_oracle_agrees_with_itself(attribute: dict[str, Any]) -> None:
    assert _value(attribute) == _value(_respelled_attribute(attribute))


@given(st.one_of(items(), items().map(_respelled)))
def test_the_fast_canonical_form_is_the_obvious_one(item: dict[str, Any]) -> None:
    assert canonical_json(item) == json.dumps(
        _slow_map(item), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()  # fmt: skip


def _slow_map(item: dict[str, Any]) -> dict[str, Any]:
    """docs/validation.md, word by word and as slow as it likes."""
    return {name: _slow(attribute) for name, attribute in item.items()}


def _slow(attribute: dict[str, Any]) -> dict[str, Any]:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return {kind: _slow_number(value)}
        case "NS":
            return {kind: sorted(map(_slow_number, value))}
        case "SS" | "BS":
            return {kind: sorted(value)}
        case "M":
            return {kind: _slow_map(value)}
        case "L":
            return {kind: [_slow(inner) for inner in value]}
    return attribute


def _slow_number(text: str) -> str:
    number = Decimal(text)
    if not number:
        return "0"
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if len(plain) <= 40:
        return plain
    sign, digits, exponent = number.as_tuple()
    short = "".join(map(str, digits)).rstrip("0")
    exponent = int(exponent) + len(digits) - len(short)
    return f"{'-' * sign}{short}E{exponent}" if exponent else "-" * sign + short


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1.50", "1.5"), ("007", "7"), ("-0.0", "0"), ("1e2", "100"), ("+5", "5"), (".5", "0.5"), ("-.5", "-0.5"),
        ("5.", "5"), ("1E-3", "0.001"), ("1E39", "1" + "0" * 39), ("1E40", "1E40"), ("-1E39", "-1E39"),
        ("1E-38", "0." + "0" * 37 + "1"), ("1E-39", "1E-39"), ("12E125", "12E125"), ("100E125", "1E127"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("1.2345678901234567890123456789012345678", "1.2345678901234567890123456789012345678"),
    ],
)  # fmt: skip
def test_numbers_have_one_spelling(text: str, canonical: str) -> None:
    assert canonical_number(text) == canonical
    assert canonical_number(canonical) == canonical
