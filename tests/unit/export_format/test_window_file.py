"""Lines of incremental exports: what is taken from them, byte for byte, and what is refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.errors import CorruptFile, ManifestError
from runbook_lib.export_format.change import ChangeWindow, parse_change
from runbook_lib.export_format.manifest import DataFile, read_manifest
from runbook_lib.export_format.window_file import CheckedChanges, fetch_changes
from runbook_lib.items.keys import KeyAttribute
from tests.support.real_chain import FIRST, FULL, SECOND, real_chain

START, END = datetime(2026, 1, 14, 10, 20, tzinfo=UTC), datetime(2026, 1, 14, 10, 35, tzinfo=UTC)
MICROS = int(START.timestamp()) * 1_000_000
KEY = (KeyAttribute("id", "S", "HASH"),)
WINDOW = ChangeWindow(START, END, "NEW_AND_OLD_IMAGES", KEY)
Row = dict[str, Any]


def change(name: str = "a", *, old: Any = None, new: Any = None, micros: int = MICROS, **more: Any) -> Row:
    row: Row = {"Metadata": {"WriteTimestampMicros": {"N": str(micros)}}, "Keys": {"id": {"S": name}}}
    row |= {"OldImage": {"id": {"S": name}, **old}} if old is not None else {}
    row |= {"NewImage": {"id": {"S": name}, **new}} if new is not None else {}
    return row | more


class Bucket:
    """What `fetch_changes` needs of S3: one object."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def get_object(self, **asked: Any) -> Row:
        return {"Body": io.BytesIO(self.body), "ContentLength": len(self.body), "ETag": '"x"'}


def fetched(
    lines: list[bytes], window: ChangeWindow = WINDOW, items: int | None = None
) -> AbstractContextManager[CheckedChanges]:
    body = gzip.compress(b"".join(line + b"\n" for line in lines))
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    return fetch_changes(Bucket(body), "b", DataFile(0, "k", md5, len(lines) if items is None else items), window)


def line(row: Row, **options: Any) -> bytes:
    return json.dumps(row, **({"separators": (",", ":"), "ensure_ascii": False} | options)).encode()


def refusal(*lines: bytes, window: ChangeWindow = WINDOW) -> str:
    with pytest.raises(CorruptFile) as raised, fetched(list(lines), window):
        pass
    return str(raised.value)


def test_a_new_image_is_put_and_anything_else_is_deleted_by_its_key() -> None:
    rows = [change("a", new={"n": {"N": "1"}}), change("b", old={}, new={}), change("c", old={}), change("d")]
    with fetched([line(row) for row in rows]) as checked:
        sent = [orjson.loads(item) for _, item in checked.items()]
        assert [number for number, _ in checked.items(after=2)] == [3, 4]
    assert sent == [{"Item": rows[0]["NewImage"]}, {"Item": rows[1]["NewImage"]},
                    {"Key": {"id": {"S": "c"}}}, {"Key": {"id": {"S": "d"}}}]  # fmt: skip


names = st.sampled_from(["NewImage", "OldImage", "Keys", "Metadata", '"NewImage":', "a b", "é", "\\", '"'])
values = st.recursive(
    st.builds(lambda t: {"S": t}, st.one_of(names, st.text(st.characters(codec="utf-8")))),
    lambda inner: st.builds(lambda m: {"M": m}, st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(names, values, max_size=4), st.one_of(st.none(), st.dictionaries(names, values, max_size=3)),
       st.booleans(), st.booleans(), st.permutations(["Metadata", "Keys", "OldImage", "NewImage"]))  # fmt: skip
def test_a_new_image_keeps_its_bytes_whatever_its_attributes_are_called(
    new: Row, old: Row | None, spaced: bool, ascii_only: bool, order: list[str]
) -> None:
    row = change("a", old=old, new=new)
    spelled = {"separators": (", ", ": ") if spaced else (",", ":"), "ensure_ascii": ascii_only}
    text = line({name: row[name] for name in order if name in row}, **spelled)
    found = parse_change(text, WINDOW)
    assert found.new_bytes == json.dumps(row["NewImage"], **spelled).encode()
    assert (found.old, found.new, found.micros) == (row.get("OldImage"), row["NewImage"], MICROS)


BAD = {
    "a line of a full export": (line({"Item": {"id": {"S": "a"}}}), "expected Metadata, Keys"),
    "no JSON": (b'{"Keys":', "not JSON"),
    "a member that is not known": (line(change(Condition={})), "and nothing else"),
    "an image that is none": (line(change(NewImage=[1])), "expected images"),
    "without a time": (line(change(Metadata={})), "WriteTimestampMicros"),
    "a time that is none": (line(change(Metadata={"WriteTimestampMicros": {"N": "x"}})), "WriteTimestampMicros"),
    "a key of another type": (line(change(Keys={"id": {"N": "1"}})), "should be of type S"),
    "a key too many": (line(change(Keys={"id": {"S": "a"}, "b": {"S": "b"}})), "expected 1 key attributes, found 2"),
    "an empty key": (line(change("")), "is empty"),
    "an image of another key": (line(change("a", NewImage={"id": {"S": "b"}})), "another key than Keys says"),
    "an hour late": (line(change(micros=MICROS + 3_600_000_000)), "OUTSIDE_WINDOW"),
    "an hour early": (line(change(micros=MICROS - 3_600_000_000)), "OUTSIDE_WINDOW"),
    "said twice": (
        line(change(new={}))[:-1] + b',"NewImage":{"id":{"S":"a"},"x":{"S":""}}}',
        "names a member of an object twice",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_line_that_is_no_change_of_the_window_refuses_its_file(case: str) -> None:
    text, why = BAD[case]
    said = refusal(line(change("fine", new={})), text)
    assert why in said
    assert "line 2" in said


def test_old_images_belong_to_the_view_that_has_them() -> None:
    only_new = ChangeWindow(START, END, "NEW_IMAGE", KEY)
    assert "an OldImage in an export whose view is NEW_IMAGE" in refusal(line(change(old={})), window=only_new)


def test_clocks_that_differ_by_a_minute_are_taken() -> None:
    near = [change("a", micros=MICROS - 59_000_000), change("b", micros=int(END.timestamp()) * 1_000_000 + 59_000_000)]
    with fetched([line(row) for row in near]) as checked:
        assert checked.lines == 2


def test_a_file_with_another_number_of_changes_is_refused() -> None:
    with pytest.raises(CorruptFile, match="holds 1 changes, the manifest says 2"), fetched([line(change())], items=2):
        pass


@pytest.mark.skipif(real_chain() is None, reason="the real chain is not part of the repository")
def test_the_chain_that_aws_wrote_is_read_whole() -> None:
    place = real_chain()
    assert place is not None

    def read(key: str) -> bytes | None:  # its account number was replaced after AWS wrote the summaries' MD5
        file = place / key
        return file.read_bytes() if file.is_file() and not key.endswith("summary.md5") else None

    state = {}
    full = read_manifest(read, f"AWSDynamoDB/{FULL}/", need_sidecars=False)
    for file in full.files:
        for row in gzip.decompress((place / file.key).read_bytes()).splitlines():
            item = json.loads(row)["Item"]
            state[item["pk"]["S"], item["sk"]["S"]] = item
    key = (KeyAttribute("pk", "S", "HASH"), KeyAttribute("sk", "S", "RANGE"))
    for export, changes in ((FIRST, 6), (SECOND, 5)):
        with pytest.raises(ManifestError, match="expected a FULL_EXPORT, found INCREMENTAL_EXPORT"):
            read_manifest(read, f"AWSDynamoDB/{export}/", need_sidecars=False)
        manifest = read_manifest(read, f"AWSDynamoDB/{export}/", need_sidecars=False, of_changes=True)
        start, end = datetime.fromisoformat(manifest.changes_from), datetime.fromisoformat(manifest.changes_to)
        assert manifest.items == changes
        for file in manifest.files:
            with fetch_changes(Bucket((place / file.key).read_bytes()), "b", file,
                               ChangeWindow(start, end, manifest.view, key)) as checked:  # fmt: skip
                for _, found in checked.changes():
                    name = (found.key["pk"]["S"], found.key["sk"]["S"])
                    assert state.pop(name, None) == found.old
                    state |= {name: found.new} if found.new is not None else {}
    assert sorted(state) == [
        ("1", "2"),
        ("1", "3"),
        ("2", "1"),
        ("2", "2"),
        ("3", "1"),
        ("3", "2"),
        ("3", "3"),
        ("4", "2"),
    ]
    with pytest.raises(ManifestError, match="name the full export first"):
        read_manifest(read, f"AWSDynamoDB/{FULL}/", need_sidecars=False, of_changes=True)
