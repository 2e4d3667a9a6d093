"""What a form says of an item is what parsing it says, whatever is in the item and however it is spelled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.errors import CorruptFile
from runbook_lib.items import learned_forms as module
from runbook_lib.items.item_digests import key_and_text
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.learned_forms import LearnedForms
from runbook_lib.items.page import PageItems
from tests.support.attributes import attributes

ID = (KeyAttribute("id", "S", "HASH"),)
BOTH = (KeyAttribute("id", "S", "HASH"), KeyAttribute("at", "N", "RANGE"))
TOKENS = [
    b"", b",", b":", b"{", b"}", b"[", b"]", b'"', b"\\", b'{"S":"x"}', b'"S":"x"', b'"a":{"N":"1"},',
    b'"id":{"S":"y"},', b'{"N":"01"}', b"-0", b"1.0", b"E5", b" ", b"\n", b"\x00", b"\xff", b"\\u0061", b"\\/", b"null",
    b"1", b"true", b'"NULL":true',
]  # fmt: skip

names = st.sampled_from(["a", "b c", "b!", "é", 'q"', "S", "\\", "zz", "N", "M", ""])
few = st.sampled_from(["a", "b c", "é", "zz"])
values = st.recursive(
    st.one_of(
        attributes(),
        st.sampled_from([{"S": "x"}, {"N": "1"}, {"N": "1.50"}, {"N": "-0"}, {"B": "AA=="}, {"B": "AB=="}]),
        st.sampled_from(
            [{"SS": ["b", "a"]}, {"NS": ["2", "1.0"]}, {"BOOL": False}, {"NULL": True}, {"M": {}}, {"L": []}]
        ),
    ),
    lambda inner: st.one_of(
        st.builds(lambda held: {"L": held}, st.lists(inner, max_size=3)),
        st.builds(lambda held: {"M": held}, st.dictionaries(few, inner, max_size=3)),
    ),
    max_leaves=6,
)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Items as a table has them: of a few forms, some attributes left out or elsewhere or with values of their own."""
    forms = draw(st.lists(st.dictionaries(names, values, max_size=5), min_size=1, max_size=3))
    made = []
    for number in range(draw(st.integers(1, 12))):
        form = draw(st.sampled_from(forms))
        item: dict[str, Any] = {"id": {"S": f"{number}"}, "at": {"N": str(number)}}
        for name, value in form.items():
            if draw(st.integers(0, 5)):
                item[name] = draw(values) if draw(st.integers(0, 3)) == 0 else value
        if draw(st.integers(0, 3)) == 0:
            item = dict(draw(st.permutations(list(item.items()))))
        made.append(item)
    return made


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few items are enough to learn from."""
    monkeypatch.setattr(module, "LEARN_AT", 1)
    monkeypatch.setattr(module, "WORTH", 0)


def learned(items: list[dict[str, Any]], key: tuple[KeyAttribute, ...]) -> LearnedForms:
    forms = LearnedForms(key)
    for item in items:
        forms.learn(item)
    return forms


def raw(item: dict[str, Any], ascii_only: bool = False) -> bytes:
    return json.dumps(item, separators=(",", ":"), ensure_ascii=ascii_only).encode()


def by_parsing(text: bytes, key: tuple[KeyAttribute, ...]) -> tuple[bytes, bytes] | None:
    try:
        return key_and_text(orjson.loads(text), key)
    except (ValueError, CorruptFile):
        return None


@given(tables(), st.sampled_from([ID, BOTH, ()]), st.booleans())
def test_items_of_a_form_have_the_key_and_the_text_that_parsing_gives(
    items: list[dict[str, Any]], key: tuple[KeyAttribute, ...], ascii_only: bool
) -> None:
    forms = learned(items, key)
    for item in items:
        text = raw(item, ascii_only)
        spelled = forms.spelled(b"[" + text + b"]", 1)
        assert spelled in (None, (key_and_text(item, key), len(text) + 1))


@given(tables(), st.sampled_from([ID, BOTH, ()]), st.data())
def test_whatever_is_done_to_an_item_a_form_says_nothing_that_parsing_does_not(
    items: list[dict[str, Any]], key: tuple[KeyAttribute, ...], data: st.DataObject
) -> None:
    forms = learned(items, key)
    text = raw(data.draw(st.sampled_from(items)))
    at = data.draw(st.integers(0, len(text)))
    damaged = (
        text[:at] + data.draw(st.sampled_from(TOKENS)) + text[data.draw(st.integers(at, min(len(text), at + 9))) :]
    )
    try:
        damaged.decode()
    except UnicodeDecodeError:
        return  # whoever asks has looked
    if (spelled := forms.spelled(damaged)) is not None:
        assert spelled[0] == by_parsing(damaged[: spelled[1]], key)


def test_a_form_is_found_again_with_attributes_left_out_and_values_of_other_types() -> None:
    def item(number: int) -> dict[str, Any]:
        made = {"id": {"S": f"{number}"}, "z": {"N": "1"}, "b": {"M": {"y": {"S": "é"}, "x": {"L": [{"N": "-1.5"}]}}}}
        if number % 2:
            made["note"] = {"NULL": True} if number % 3 else {"S": 'a "quoted"\n text \\'}
        return made | {"a": {"BOOL": True}, "blob": {"B": "AAE="}}

    forms = learned([item(number) for number in range(70)], ID)
    for number in range(1000, 1050):
        text = raw(item(number))
        assert forms.spelled(text) == (key_and_text(item(number), ID), len(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"id":{"S":"1"},"n":{"N":"1.0"}}', b'{"id":{"S":"1"},"n":{"N":"-0"}}', b'{"id":{"S":"1"},"n":{"N":"01"}}',
        b'{"id":{"S":"1"},"n":{"N":""}}', b'{"id":{"S":"1"},"n":{"N":"' + b"1" * 41 + b'"}}',
        b'{"id":{"S":"1"},"n":{"N":"0.' + b"1" * 39 + b'"}}', b'{"id":{"S":"1"},"n":{"N":"NaN"}}',
        b'{"id":{"S":"1"},"n":{"N":"1E3"}}', b'{"id":{"S":"1"}"n":{"N":"1"}}', b'{"id":{"S":"1"},"n":{"N":"1"},}',
        b'{"id":{"S":"1"}"n":{"N":"1"},}', b'{"id":{"S":"1"},,"n":{"N":"1"}}',
        b'{,"id":{"S":"1"},"n":{"N":"1"}}', b'{"id":{"S":"\x01"},"n":{"N":"1"}}',
        b'{"id":{"S":"\\u0031"},"n":{"N":"1"}}', b'{"id":{"N":"1"},"n":{"N":"1"}}', b'{"n":{"N":"1"}}',
        b'{"id":{"S":"1"},"id":{"S":"2"},"n":{"N":"1"}}', b'{"id":{"S":"1"},"n":{"N":"1"},"n":{"N":"2"}}',
        b'{"id":{"S":"1"},"n":{"N":"1","S":"1"}}', b'{"id":{"S":"1"}, "n":{"N":"1"}}', b'{"id":{"S":"1"},"n":{"N":1}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("optional", [False, True])
def test_what_is_not_canonical_to_the_letter_is_left_to_parsing(text: bytes, optional: bool) -> None:
    known = [{"id": {"S": "1"}, "n": {"N": "1"}}] * 4 + [{"id": {"S": "1"}}] * (60 if optional else 0)
    forms = learned(known, ID)
    assert forms.spelled(b'{"id":{"S":"1"},"n":{"N":"1"}}') is not None
    assert forms.spelled(text) is None


SETS = [
    ({"tags": {"SS": ["é", "b", "B"]}, "n": {"NS": ["2", "-1", "10"]}, "b": {"BS": ["AQ==", "AA=="]}}, True),
    ({"tags": {"NULL": True}}, True),
    ({"tags": {"SS": ["a", "a"]}}, False),
    ({"tags": {"SS": []}}, False),
    ({"n": {"NS": ["1", "1.0"]}}, False),
    ({"b": {"BS": ["AB=="]}}, False),
]


@pytest.mark.parametrize(("more", "known"), SETS)
def test_sets_are_put_in_order_and_doubles_in_them_are_left_to_parsing(more: dict[str, Any], known: bool) -> None:
    key: dict[str, Any] = {"id": {"S": "1"}}
    met = {"tags": {"SS": ["a"]}, "n": {"NS": ["1"]}, "b": {"BS": ["AA=="]}}
    forms, text = learned([key | met, *[key | {"tags": {"NULL": True}}] * 3], ID), raw(key | more)
    assert forms.spelled(text) == ((key_and_text(key | more, ID), len(text)) if known else None)


def test_forms_that_hardly_match_are_given_up() -> None:
    forms = learned([], ID)
    for number in range(2_000):
        text = {"id": {"S": "1"}, f"n{number}": {"N": "1"}}
        if forms.spelled(raw(text)) is None:
            forms.learn(text)
    assert forms.spelled(raw(text)) is None


@pytest.mark.parametrize("value", [{"M": {f"k{n}": {"S": "x"} for n in range(5_000)}}, {"S": "x"}])
def test_patterns_stay_small(value: dict[str, Any]) -> None:
    for depth in range(30):
        value = (
            {"L": [value, {"NULL": True}]}
            if depth % 2
            else {"M": {"a": value, "b": value}}
            if depth < 8
            else {"M": {"a": value}}
        )
    slot = module.slot_of(value)
    assert len(slot.pattern) <= 2 * module.LONGEST


# Pages


def read(page: bytes, spell: Callable[[PageItems], Iterator[tuple[bytes, bytes]]]) -> Any:
    try:
        items = PageItems(page)
        found = list(spell(items))
    except (ValueError, AttributeError, TypeError, CorruptFile):
        return None
    return found, items.count, items.last, items.rest


def as_parsed(items: PageItems) -> Iterator[tuple[bytes, bytes]]:
    return (key_and_text(item, ID) for item in items)


@given(tables(), st.sampled_from([(",", ":"), (", ", ":"), (",", ": ")]), st.booleans(), st.data())
def test_a_page_is_spelled_as_it_is_parsed_damaged_or_not(
    items: list[dict[str, Any]], separators: tuple[str, str], damage: bool, data: st.DataObject
) -> None:
    page = json.dumps({"Count": 1, "Items": items, "Last": "}]"}, separators=separators, ensure_ascii=False).encode()
    if damage:
        at = data.draw(st.integers(0, len(page)))
        until = data.draw(st.integers(at, min(len(page), at + 9)))
        page = page[:at] + data.draw(st.sampled_from([*TOKENS, b"]}", b'"Items":['])) + page[until:]
    forms = LearnedForms(ID)
    for _ in range(2):  # the second time with what the first has learned
        assert read(page, lambda items: items.spelled(forms)) == read(page, as_parsed)


@pytest.mark.parametrize(
    ("known", "damaged"),
    [(b"},{", between) for between in (b"}{", b"},,{", b"};{", b"}, {", b"} ,{", b"}}{", b"},{},{", b"},x{", b"}:{")]
    + [(b'"x"', value) for value in (b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\x00"', b'"\\ud800"', b'"\xc3\xa9"')],
)
def test_a_page_of_known_items_is_read_as_it_is_parsed_wherever_it_is_damaged(known: bytes, damaged: bytes) -> None:
    page = b'{"Items":[%b],"Count":9}' % b",".join(b'{"id":{"S":"%d"},"a":{"S":"x"}}' % n for n in range(9))
    forms = LearnedForms(ID)
    assert read(page, lambda items: items.spelled(forms)) == read(page, as_parsed)
    for part in range(8):
        pieces = page.split(known)
        other = known.join(pieces[: part + 1]) + damaged + known.join(pieces[part + 1 :])
        assert read(other, lambda items: items.spelled(forms)) == read(other, as_parsed)


def test_a_page_of_known_items_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"id": {"S": f"{n}"}, "z": {"N": "1"}, "a": {"S": "}"}} for n in range(500)]
    page, parsed, real = orjson.dumps({"Items": many}), list[int](), orjson.loads

    def noted(text: bytes) -> Any:
        parsed.append(len(text))
        return real(text)

    monkeypatch.setattr("runbook_lib.items.page.orjson.loads", noted)
    items = PageItems(page)
    assert list(items.spelled(LearnedForms(ID))) == [key_and_text(item, ID) for item in many]
    assert sum(parsed) < 1_000
    assert (items.count, items.last) == (500, many[-1])
