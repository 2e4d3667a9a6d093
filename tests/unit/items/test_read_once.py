"""What names a member of an object twice is believed nowhere, at whatever depth and however the name is spelled."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runbook_lib
from runbook_lib.aws.dynamodb.read.batch_get import keys_read
from runbook_lib.errors import CorruptFile, SaidTwice
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.learned_forms import LEARN_AT, LearnedForms
from runbook_lib.items.lines import parse_line, parse_sent, split_items
from runbook_lib.items.page import PageItems
from runbook_lib.items.read_once import read_once

KEY = (KeyAttribute("id", "S", "HASH"),)
names = st.sampled_from(["id", "n", "S", "a/b", "é", "", "Item", 'q"', "\n"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, texts),
        st.builds(lambda number: {"N": str(number)}, st.integers()),
        st.sampled_from([{"BOOL": True}, {"NULL": True}, {"SS": ["a", "b"]}]),
    ),
    lambda inner: st.one_of(
        st.builds(lambda held: {"L": held}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda held: {"M": held}, st.dictionaries(names, inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)
items = st.dictionaries(names, values, min_size=1, max_size=4).map(lambda item: {"id": {"S": "a"}, **item})


class Twice(dict[str, Any]):
    """A map that is spelled with one of its names once more, at its end."""

    def __init__(self, held: dict[str, Any], name: str, other: Any) -> None:
        super().__init__(held)
        self.more = (name, other)


def spell(value: Any, comma: str, colon: str, quote: Callable[[str], str]) -> str:
    """JSON of what may hold a Twice."""
    if isinstance(value, dict):
        pairs = [*value.items(), *([value.more] if isinstance(value, Twice) else [])]
        inside = comma.join(f"{quote(name)}{colon}{spell(held, comma, colon, quote)}" for name, held in pairs)
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{comma.join(spell(held, comma, colon, quote) for held in value)}]"
    return json.dumps(value, ensure_ascii=False)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each object in a value that has members."""
    if isinstance(value, dict) and value:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for at, held in inside:
        yield from places(held, (*path, at))


def doubled(value: Any, path: tuple[Any, ...], name: str, other: Any) -> Any:
    """The value, with a name of the object at a path said twice."""
    if not path:
        return Twice(value, name, other)
    copy = value.copy()
    copy[path[0]] = doubled(value[path[0]], path[1:], name, other)
    return copy


def object_at(value: Any, path: tuple[Any, ...]) -> Any:
    for at in path:
        value = value[at]
    return value


def escaped(name: str) -> str:
    return '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'


@st.composite
def clean_and_doubled(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """An item, and itself in JSON with a name of one of its objects said twice."""
    item = draw(items)
    path = draw(st.sampled_from(list(places(item))))
    at = object_at(item, path)
    name = draw(st.sampled_from(sorted(at)))
    other = draw(st.one_of(st.just(at[name]), values))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")]))
    quote = draw(st.sampled_from([lambda name: json.dumps(name, ensure_ascii=False), escaped]))
    return item, spell(doubled(item, path, name, other), comma, colon, quote).encode()


def learned(item: dict[str, Any]) -> LearnedForms:
    forms = LearnedForms(KEY)
    for _ in range(LEARN_AT + 1):
        forms.learn(item)
    return forms


READERS: dict[str, Callable[[dict[str, Any], bytes], Any]] = {
    "the JSON": lambda item, text: read_once(text),
    "a line": lambda item, text: parse_line(b'{"Item":' + text + b"}"),
    "a line that is put": lambda item, text: parse_sent(b'{"Item":' + text + b"}"),
    "a key that is deleted": lambda item, text: parse_sent(b'{"Key":' + text + b"}"),
    "a page that is cut": lambda item, text: split_items(page(text)),
    "a page": lambda item, text: list(PageItems(page(text))),
    "a page whose forms are known": lambda item, text: list(PageItems(page(text)).spelled(learned(item))),
    "items that were asked for": lambda item, text: keys_read(b'{"Responses":{"t":[' + text + b"]}}", "t", [item]),
}


def page(item: bytes) -> bytes:
    return b'{"Count":2,"Items":[{"id":{"S":"x"}},' + item + b'],"ScannedCount":2}'


@pytest.mark.parametrize("reader", READERS)
@given(clean_and_doubled())
def test_a_name_that_stands_twice_is_refused(reader: str, case: tuple[dict[str, Any], bytes]) -> None:
    with pytest.raises(SaidTwice):
        READERS[reader](*case)


@given(clean_and_doubled())
def test_no_form_that_was_learned_matches_an_item_that_names_something_twice(
    case: tuple[dict[str, Any], bytes],
) -> None:
    item, text = case
    assert learned(item).spelled(text) is None


def test_a_form_looks_into_what_it_has_no_pattern_for() -> None:
    """Maps of many shapes are parsed wherever they stand; what is round about them is matched."""
    forms = LearnedForms(KEY)
    shapes: list[dict[str, Any]] = [{"id": {"S": "a"}, **{name: {"S": ""} for name in "bcdefg"},
                                     "m": {"M": {f"x{n}": {"S": ""}}}} for n in range(8)]  # fmt: skip
    for item in shapes * 3:
        forms.learn(item)
    text = orjson.dumps({**shapes[0], "m": {"M": {"y": {"N": "1"}}}})
    assert forms.spelled(text) is not None
    assert forms.spelled(text.replace(b'"y":', b'"y":{"N":"2"},"y":')) is None


@given(items, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_what_says_everything_once_is_read(item: dict[str, Any], between: tuple[str, str], plain: bool) -> None:
    text = json.dumps(item, separators=between, ensure_ascii=plain).encode()
    assert read_once(text) == item
    assert parse_line(b'{"Item":' + text + b"}") == item


@pytest.mark.parametrize("text", [b'{"Items":[],"Items":[{"id":{"S":"x"}}]}', b'{"Items":[],"Count":0,"Count":1}',
                                  b'{"Count":1,"Items":[],"Count":0}'])  # fmt: skip
def test_an_answer_that_says_a_member_twice_is_refused(text: bytes) -> None:
    with pytest.raises((SaidTwice, ValueError)):
        list(PageItems(text))
    with pytest.raises(SaidTwice):
        split_items(text)


def test_two_items_in_one_line_are_none() -> None:
    with pytest.raises(CorruptFile, match="twice"):
        parse_line(b'{"Item":{"id":{"S":"a"}},"Item":{"id":{"S":"b"}}}')


def test_what_nests_deeper_than_items_do_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"nested|recursion"):
        read_once(b"[ " * 1_000 + b"]" * 1_000)


NO_ITEMS = (
    "aws/dynamodb/describe/attached.py",
    "aws/dynamodb/describe/unknown_members.py",
    "aws/reading/reader.py",
    "aws/server_messages.py",
    "conformance/",
    "estate/",
    "hooks/probe.py",
    "load/engine/append.py",
    "load/engine/batch_write.py",
    "load/targets/bulk_output.py",
    "notebook/lab.py",
    "notices/send.py",
    "preflight/plan_file.py",
    "record/",
    "references/",
    "report/record_differences.py",
    "run/",
)
SPELLED_HERE = (
    "aws/guard/guard.py",
    "aws/transport/client.py",
    "export/scan_to_s3.py",
    "leak_scan/hits.py",
    "drift/transformed_source.py",
    "transform/changes.py",
    "undo/three_way.py",
    "validate/compare.py",
)
LOOKED_AT_BEFORE = ("aws/dynamodb/read/scan.py", "export_format/data_file.py", "items/page.py")
DOORS_OF_THEIR_OWN = ("items/read_once.py", "export_format/fields.py", "masking/json_text.py", "sandbox/")


def test_items_are_read_by_one_door() -> None:
    """Whoever parses JSON by himself stands in one of the lists above, by the reason why he may."""
    library = Path(runbook_lib.__file__).parent
    found = {
        str(file.relative_to(library))
        for file in library.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "loads"
        and getattr(node.value, "id", "") in ("json", "orjson")
    }
    listed = (*NO_ITEMS, *SPELLED_HERE, *LOOKED_AT_BEFORE, *DOORS_OF_THEIR_OWN)
    assert [place for place in sorted(found) if not place.startswith(listed)] == []
    assert [each for each in listed if not any(place.startswith(each) for place in found)] == []


def test_bytes_that_are_spelled_anew_are_not_gone_through_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", None)
    assert read_once(orjson.dumps({"a": {"S": "é\n"}})) == {"a": {"S": "é\n"}}
