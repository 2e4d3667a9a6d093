"""Values of a filter and of a constant are what the migration file says, or the file is refused by key and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.config.moving.transform import RuleSetting
from runbook_lib.config.reading.yaml_lines import parse
from runbook_lib.errors import ConfigError
from runbook_lib.masking.expression.typed import typed_value

PLACES = [
    "transform:\n  filter:\n    - values:\n        :e: {}\n",
    "transform:\n  mask:\n    rules:\n      - value: {}\n",
]


def read(place: str, value: str) -> object:
    data, _ = parse(Path("m.yaml"), place.format(value))
    while isinstance(data, dict | list):
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    return data


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "value",
    [
        "NO", "yes", "on", "Off", "12:30", "190:20:30.15", "0123", "0x1F", "0b101", "1_000", "1_0.5", ".inf", ".nan",
        "1e5", "08", "+491234567", "{0123: x}", "{M: {NO: {S: x}}}", "[1, on]",
        "2026-01-14", "2026-01-14T10:00:00Z", "12345678901234567890.123", "0.1000000000000000000001",
    ],
)  # fmt: skip
def test_what_yaml_reads_as_something_else_is_refused_by_key_and_line(place: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"m.yaml:[45]: key 'transform\..*is read as"):
        read(place, value)


WRITE = re.compile(
    "; write (?:a number that DynamoDB has, such as )?"
    r"(?P<one>.+?)(?: for the text)?(?:,? or (?P<other>.+?)(?: for the number)?)?$"
)
PLAIN = [
    "NO", "yes", "on", "12:30", "0123", "0x1F", "1_000", "1_0.5", ".inf", ".nan", "1e5", "08", "+491234567", "-012",
    "2026-01-14", "2026-01-14T10:00:00Z", "12345678901234567890.123", "1e400",
]  # fmt: skip
TYPED = {
    "[{}]": "L", "{{S: {}}}": "S", "{{N: {}}}": "N", "{{BOOL: {}}}": "BOOL", "{{NULL: {}}}": "NULL", "{{B: {}}}": "B",
    "{{SS: [a, {}]}}": "SS", "{{NS: [9, {}]}}": "NS", "{{BS: [{}]}}": "BS", "{{L: [{}]}}": "L", "{{M: {{a: {}}}}}": "M",
    "{{M: {{{}: a}}}}": "M", "{{a: {{N: {}}}}}": "M",
}  # fmt: skip


def advised(place: str, value: str) -> list[str]:
    """What a refusal says to write instead; nothing where it is taken."""
    try:
        read(place, value)
    except ConfigError as error:
        told = WRITE.search(str(error))
        return [one for one in told.group("one", "other") if one] if told else ["no advice at all: }"]
    return []


@pytest.mark.parametrize("around", TYPED)
@pytest.mark.parametrize("plain", PLAIN)
def test_what_to_write_instead_is_taken_and_is_of_its_type(around: str, plain: str) -> None:
    place = PLACES[0].format(around)
    for better in advised(place, plain):
        data, _ = parse(Path("m.yaml"), place.format(better))
        assert typed_value(data["transform"]["filter"][0]["values"][":e"]).keys() == {TYPED[around]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("plain", PLAIN)
def test_what_to_write_instead_of_a_value_without_a_type_is_taken(place: str, plain: str) -> None:
    advice = advised(place, plain)
    assert advice
    for better in advice:
        data, _ = parse(Path("m.yaml"), place.format(better))
        if place == PLACES[0]:
            typed_value(data["transform"]["filter"][0]["values"][":e"])
        else:
            RuleSetting.model_validate({"path": "a", "with": "constant", **data["transform"]["mask"]["rules"][0]})


NO_NUMBERS = ["1E400", "1e400", "-1e-200", "1" * 39 + "e1", ".inf", ".nan", "[1]", "{a: b}", "null"]


def refusal(place: str, value: str) -> str:
    """What is said against a value, by the file or by what reads its values; nothing where it is taken."""
    try:
        data, _ = parse(Path("m.yaml"), place.format(value))
        typed_value(data["transform"]["filter"][0]["values"][":e"])
    except (ConfigError, ValueError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("around", ["{}", "[{}]", *TYPED])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_an_example_says_that_it_is_one(around: str, value: str) -> None:
    """It is no spelling of what was written."""
    said = refusal(PLACES[0].format(around), value)
    for example in ("12.5", "AAEC", '"text"'):
        before, shown, _ = said.partition(example)
        assert not shown or "such as {" in before or "such as " in before[-9:] or ", as {" in before


@pytest.mark.parametrize("place", PLACES)
def test_no_other_number_is_advised_for_one_that_dynamodb_has_not(place: str) -> None:
    for value in ("1E400", "1e400", "-1e-200"):
        assert advised(place, value) == [f'"{value}"']


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("true", True), ("False", False), ("12", 12), ("-7", -7), ("0", 0), ("0.5", 0.5), (".5", 0.5),
        ("1.5e+3", 1500.0),
        ("null", None), ("'NO'", "NO"), ('"0123"', "0123"), ("'1e5'", "1e5"), ("north", "north"),
        ("'2026-01-14'", "2026-01-14"),
        ("{N: 1e5}", "1e5"), ("{SS: [08, x]}", "08"), ("{S: 08}", "08"), ("[a, b]", "a"),
    ],
)  # fmt: skip
def test_what_is_read_as_it_is_written_stays(place: str, value: str, meant: object) -> None:
    assert read(place, value) == meant


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_is_or_refused(number: object) -> None:
    try:
        found = read(PLACES[0], str(number))
    except ConfigError:
        return
    assert not isinstance(found, str)
    assert float(str(number)) == found


def test_elsewhere_a_file_is_read_as_before() -> None:
    data, _ = parse(Path("m.yaml"), "report: {anchor: no}\ntables: {include: [0123, 1e5]}\n")
    assert data == {"report": {"anchor": False}, "tables": {"include": [83, "1e5"]}}
