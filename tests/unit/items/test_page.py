"""A page that is parsed piece by piece says what it says as a whole, whatever is in it and wherever it is cut."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.errors import SaidTwice
from runbook_lib.items import page as module
from runbook_lib.items.page import PageItems

NASTY = ["}},{", '"Items":[', "}]", '}},{"id', "\\", '"', "}],", "é", '{"M":{', "", "S", "M", "L", "Items", "a"]
words = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
scalars = st.one_of(
    st.builds(lambda text: {"S": text}, words),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.sampled_from([{"BOOL": True}, {"NULL": True}, {"SS": ["a", "}},{"]}, {"B": "AA=="}]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda held: {"L": held}, st.lists(inner, max_size=4)),
        st.builds(lambda held: {"M": held}, st.dictionaries(words, inner, max_size=3)),
    ),
    max_leaves=12,
)
items = st.dictionaries(words, values, min_size=1, max_size=4)
spelled = st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")])
parts = st.fixed_dictionaries(
    {"Items": st.lists(items, max_size=6)},
    optional={
        "Count": st.integers(0, 9),
        "LastEvaluatedKey": st.dictionaries(words, scalars, min_size=1, max_size=2),
        "ConsumedCapacity": st.just({"TableName": "}]", "CapacityUnits": 1.5}),
        "": st.just(1),
    },
)


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    answer = draw(parts)
    answer = {name: answer[name] for name in draw(st.permutations(sorted(answer)))}
    return json.dumps(answer, separators=draw(spelled), ensure_ascii=draw(st.booleans())).encode()


def as_a_whole(page: bytes) -> tuple[list[Any], dict[str, Any]] | None:
    """What a page says when it is parsed at once; None if it is no object that holds a list of items."""
    try:
        answer = orjson.loads(page)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not isinstance(held := answer.pop("Items", []), list):
        return None
    return held, answer


def in_pieces(page: bytes) -> tuple[list[Any], dict[str, Any]] | None:
    try:
        read = PageItems(page)
        held = list(read)
    except (ValueError, AttributeError, TypeError, SaidTwice):
        return None
    assert read.count == len(held)
    assert read.last == (held[-1] if held else None)
    return held, read.rest


@pytest.fixture(params=[0, 5, 60, 4096], autouse=True)
def piece(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "PIECE", request.param)
        yield request.param


@given(pages())
@pytest.mark.few(2)
def test_a_page_in_pieces_is_the_page(page: bytes) -> None:
    assert as_a_whole(page) is not None
    assert in_pieces(page) == as_a_whole(page)


@given(pages(), st.data())
@pytest.mark.few(2)
def test_a_page_that_something_was_taken_from_or_put_into_is_read_as_it_would_be_as_a_whole(
    page: bytes, data: st.DataObject
) -> None:
    """Nothing becomes shorter unnoticed: what is no JSON as a whole is none in pieces. More may be refused, loudly."""
    at = data.draw(st.integers(0, len(page)))
    until = data.draw(st.integers(at, min(len(page), at + 12)))
    more = data.draw(st.sampled_from([b"", b"}},{", b"]}", b'"Items":[', b"]", b",", b'"', b'}}],"Items":[{']))
    damaged = page[:at] + more + page[until:]
    assert in_pieces(damaged) in (None, as_a_whole(damaged))


@pytest.mark.parametrize(
    "page",
    [
        b'{"Items":[]}',
        b'{"Items":[],"Count":0}',
        b'{"Count":0}',
        b'{"X":{"Items":[{"a":{"S":"1"}}]},"Items":[]}',
        b'{"X":{"Items":[{"a":{"S":"1"}}]},"Items": []}',
        b'{"Items":[{"a":{"S":"1"}}],"Items":[]}',
        b'{"Items":[{"a":{"S":"1"}}],"Items":[{"b":{"S":"2"}}]}',
        b'{"Items":[{"a":{"S":"1"}}],"It\\u0065ms":[{"b":{"S":"2"}}]}',
        b'{"Items":[{"a":{"S":"1"}}],}',
        b'{"Items":[{"a":{"S":"1"}}] ,"Count":1}',
        b'{"Items":[{"a":{"S":"1"}},]}',
        b'{"Items":[{"a":{"L":[{"M":{}},{"M":{}}]}},{"a":{"S":"1"}}],"Count":2}',
    ],
)
def test_pages_that_only_a_liar_spells(page: bytes) -> None:
    assert in_pieces(page) in (None, as_a_whole(page))


def test_an_item_is_handed_out_before_the_next_piece_is_parsed(piece: int) -> None:
    """Objects of the whole page are never there together."""
    count = 2_000
    page = orjson.dumps({"Items": [{"id": {"S": f"{n:09}"}} for n in range(count)], "Count": count})
    parsed: list[int] = []
    real = orjson.loads

    def noted(text: bytes) -> Any:
        parsed.append(len(text))
        return real(text)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module.orjson, "loads", noted)
        assert [item["id"]["S"] for item in PageItems(page)] == [f"{n:09}" for n in range(count)]
    assert max(parsed) <= piece + 100
