"""What a spelling says of a line is what parsing it says, whatever is in the line and however it is spelled."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.change import ChangeWindow, parse_change, spell_change
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.spelled_change import ChangeSpelling, SpelledChange
from runbook_lib.export_format.window_file import fetch_changes, read_changes
from runbook_lib.items import learned_forms
from runbook_lib.items.keys import KeyAttribute
from tests.support.real_chain import real_chain

START, END = datetime(2026, 1, 14, 10, 20, tzinfo=UTC), datetime(2026, 1, 14, 10, 35, tzinfo=UTC)
MICROS = int(START.timestamp()) * 1_000_000
ID, BOTH = (KeyAttribute("id", "S", "HASH"),), (KeyAttribute("id", "S", "HASH"), KeyAttribute("at", "N", "RANGE"))
TOKENS = [
    b"", b",", b"{", b"}", b'"', b"\\", b"\xff", b" ", b"null", b'"id":{"S":"y"}', b',"NewImage":', b',"OldImage":',
    b'"OldImage":{},', b'"Keys":{},', b',"New\\u0049mage":{"id":{"S":"1"}}', b'"N":"01"', b'"S":""',
]  # fmt: skip
Row = dict[str, Any]

names = st.sampled_from(["NewImage", "OldImage", "Keys", "S", "M", "z", '"NewImage":'])
values = st.recursive(
    st.sampled_from([{"S": "x"}, {"S": "NewImage"}, {"S": ',"NewImage":{"'}, {"S": "}}"}, {"N": "1"}, {"N": "1.0"}]),
    lambda inner: st.builds(lambda held: {"M": held}, st.dictionaries(names, inner, max_size=2)),
    max_leaves=4,
)


@st.composite
def lines(draw: st.DrawFn) -> list[bytes]:
    """Changes as a table has them: images of one or two forms, put, deleted or never there."""
    forms = draw(st.lists(st.dictionaries(names, values, max_size=3), min_size=1, max_size=2))
    spaced = {"separators": draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": ")]))}
    made = []
    for number in range(draw(st.integers(1, 6))):
        key = {"id": {"S": draw(st.sampled_from(["1", "2", "", "k" * 1025]))}, "at": {"N": str(number)}}
        row: Row = {"Metadata": {"WriteTimestampMicros": {"N": str(MICROS + draw(st.sampled_from([0, -61_000_000])))}}}
        row["Keys"] = dict(draw(st.permutations(list(key.items()))))
        for member in draw(st.lists(st.sampled_from(["OldImage", "NewImage"]), unique=True)):
            image = {**key, **draw(st.sampled_from(forms))}
            row[member] = dict(sorted(image.items())) if draw(st.booleans()) else image
        made.append(json.dumps(row, **spaced).encode())  # type: ignore[arg-type]
    return made


class Bucket:
    """One object."""

    def __init__(self, text: bytes) -> None:
        self.body = gzip.compress(text + b"\n")
        self.file = DataFile(0, "k", base64.b64encode(hashlib.md5(self.body).digest()).decode(), 1)

    def get_object(self, **asked: Any) -> Row:
        return {"Body": io.BytesIO(self.body), "ContentLength": len(self.body), "ETag": '"x"'}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few items are enough to learn from."""
    monkeypatch.setattr(learned_forms, "LEARN_AT", 1)
    monkeypatch.setattr(learned_forms, "WORTH", 0)


def spelling_of(known: list[bytes], window: ChangeWindow) -> ChangeSpelling:
    spelling = ChangeSpelling(window)
    for change in [parse_change(line, window) for line in known] * 16:
        spelling.learn(change)
    return spelling


def by_parsing(line: bytes, window: ChangeWindow) -> tuple[SpelledChange, bytes] | None:
    """The change in a line, and what is sent for it, by a spelling that has learned nothing; None for no change."""
    bucket = Bucket(line)
    try:
        (spelled,) = read_changes(bucket, "b", [bucket.file], window)
        change = parse_change(line, window)
    except CorruptFile:
        return None
    return spelled, change.as_line(orjson.dumps(change.key))


@given(lines(), st.sampled_from(["NEW_AND_OLD_IMAGES", "NEW_IMAGE"]), st.data())
def test_a_spelling_says_of_a_line_what_parsing_says_or_nothing(known: list[bytes], view: str, data: Any) -> None:
    window = ChangeWindow(START, END, view, BOTH)
    spelling = spelling_of(known, window)
    text = data.draw(st.sampled_from(known))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at] + data.draw(st.sampled_from(TOKENS)) + text[data.draw(st.integers(at, min(len(text), at + 9))) :]
        )
    text = text.strip().replace(b"\n", b" ")
    said = by_parsing(text, window)
    if (spelled := spelling.spelled(text)) is not None:
        assert said is not None
        assert spelled == said[0]
    if said is not None and (sent := spelling.sent(text)) is not None:
        assert orjson.loads(sent) == orjson.loads(said[1])
        assert said[0].new is None or sent == said[1]


@pytest.mark.parametrize("old", [None, {"a": {"S": "x"}}, {"a": {"M": {"b": {"L": []}}}}])
@pytest.mark.parametrize("new", [None, {"a": {"S": "y"}}])
def test_a_line_as_aws_writes_it_is_not_parsed(old: Row | None, new: Row | None) -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", ID)

    def line(name: str) -> bytes:
        images = [orjson.dumps({**image, "id": {"S": name}}) if image is not None else None for image in (old, new)]
        return spell_change(MICROS, orjson.dumps({"id": {"S": name}}), *images)

    spelling = spelling_of([line("1")], window)
    assert spelling.spelled(line("2")) == (by_parsing(line("2"), window) or [None])[0]
    assert spelling.spelled(line("2")) is not None
    assert spelling.sent(line("2")) == (by_parsing(line("2"), window) or [None, None])[1]


def row(name: str = "1", *, at: str = "1", micros: int = MICROS, **images: Row) -> bytes:
    key = {"at": {"N": at}, "id": {"S": name}}
    shown = {member: {"a": {"S": "x"}, **key, **image} for member, image in images.items()}
    return orjson.dumps({"Metadata": {"WriteTimestampMicros": {"N": str(micros)}}, "Keys": key, **shown})


LEFT = {
    "an old image of another key": row(OldImage={"id": {"S": "2"}}, NewImage={}),
    "a new image of another key": row(OldImage={}, NewImage={"id": {"S": "2"}}),
    "no UTF-8": row(NewImage={"a": {"S": "?"}}).replace(b"?", b"\xff"),
    "too early": row(NewImage={}, micros=MICROS - 61_000_000),
    "too late": row(NewImage={}, micros=MICROS + 16 * 60_000_000),
    "an empty key": row("", NewImage={}),
    "a key that may be too long": row("k" * 1025, NewImage={}),
    "a number of too many digits": row(at="1" * 39, NewImage={}),
    "a member more": row(NewImage={})[:-1] + b',"Condition":{}}',
}


@pytest.mark.parametrize("case", LEFT)
def test_what_is_no_change_or_may_be_none_is_left_to_parsing(case: str) -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", BOTH)
    spelling = spelling_of([row(NewImage={})], window)
    assert spelling.spelled(row("2", OldImage={}, NewImage={})) is not None
    assert spelling.spelled(LEFT[case]) is None


def test_an_old_image_in_a_window_without_them_is_left_to_parsing() -> None:
    spelling = spelling_of([row(NewImage={})], ChangeWindow(START, END, "NEW_IMAGE", BOTH))
    assert spelling.spelled(row(NewImage={})) is not None
    assert spelling.spelled(row(OldImage={}, NewImage={})) is None


def test_a_key_is_the_same_in_whatever_order_it_stands() -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", BOTH)
    turned = row(NewImage={}).replace(b'"at":{"N":"1"},"id":{"S":"1"}', b'"id":{"S":"1"},"at":{"N":"1"}', 1)
    spelling = spelling_of([row(NewImage={})], window)
    assert turned != row(NewImage={})
    assert spelling.spelled(turned) == spelling.spelled(row(NewImage={}))
    assert spelling.spelled(turned) is not None


def test_members_in_another_order_or_spelled_with_escapes_are_parsed_to_be_sent() -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", BOTH)
    spelling, delete = ChangeSpelling(window), row(OldImage={})
    assert spelling.sent(row(NewImage={}, OldImage={})) is None
    assert spelling.sent(row(OldImage={}, NewImage={}).replace(b'"NewImage', b'"New\\u0049mage')) is None
    assert spelling.sent(row(NewImage={}, OldImage={}).replace(b'"OldImage', b'"Old\\u0049mage')) is None
    assert spelling.sent(delete) == b'{"Key":{"at":{"N":"1"},"id":{"S":"1"}}}'


HIDDEN = {
    "an attribute with the name of a member": {"OldImage": {"id": {"S": "1"}, "NewImage": {"M": {}}}},
    "such an attribute last, and a text with braces": {
        "OldImage": {"id": {"S": "1"}, "b": {"S": "{"}, "NewImage": {"M": {"M": {"M": {}}}}}
    },
    "a name inside a map": {"OldImage": {"id": {"S": "1"}, "b": {"M": {"c": {"S": "x"}, "NewImage": {"S": "x"}}}}},
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_delete_of_an_item_that_has_such_a_name_is_sent_as_a_delete(case: str) -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", ID)
    row = {"Metadata": {"WriteTimestampMicros": {"N": str(MICROS)}}, "Keys": {"id": {"S": "1"}}, **HIDDEN[case]}
    bucket = Bucket(orjson.dumps(row))
    with fetch_changes(bucket, "b", bucket.file, window) as checked:
        assert [line for _, line in checked.items()] == [b'{"Key":{"id":{"S":"1"}}}']


def test_a_member_that_is_said_twice_is_refused_however_its_name_is_spelled() -> None:
    window = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", ID)
    image = b'{"id":{"S":"1"}}'
    for more in (b',"Keys":' + image, b',"New\\u0049mage":' + image, b',"Old\\u0049mage":' + image):
        for new in (None, image):
            line = spell_change(MICROS, image, image, new)[:-1] + more + b"}"
            if new is not None or b"New" not in more:
                with pytest.raises(CorruptFile, match="names a member of an object twice"):
                    parse_change(line, window)


@pytest.mark.skipif(real_chain() is None, reason="the real chain is not part of the repository")
def test_what_aws_wrote_is_spelled_as_is_expected() -> None:
    place = real_chain()
    assert place is not None
    key = (KeyAttribute("pk", "S", "HASH"), KeyAttribute("sk", "S", "RANGE"))
    window = ChangeWindow(
        datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC), "NEW_AND_OLD_IMAGES", key
    )
    found = [
        line for file in sorted((place / "AWSDynamoDB/data").iterdir())
        for line in gzip.decompress(file.read_bytes()).splitlines()
    ]  # fmt: skip
    spelling = spelling_of(found, window)
    assert len(found) == 11
    for line in found:
        change = parse_change(line, window)
        assert spelling.sent(line) == change.as_line(orjson.dumps(change.key))
        assert spelling.spelled(line) == (by_parsing(line, window) or [None])[0]
        assert spelling.spelled(line) is not None
