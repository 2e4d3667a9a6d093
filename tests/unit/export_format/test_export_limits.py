"""Exports that no DynamoDB wrote: refused by one clear error that names file and limit, in little memory."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.errors import CorruptFile, ManifestError
from runbook_lib.export_format import data_file as datafile
from runbook_lib.export_format import manifest
from runbook_lib.export_format.manifest import read_manifest
from tests.support.one_data_file import read_whole

FOLDER = "p/AWSDynamoDB/01715685260608-c488b4e1/"
TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/t"
SUMMARY: dict[str, Any] = {
    "version": "2020-06-30", "exportArn": f"{TABLE}/export/01715685260608-c488b4e1", "tableArn": TABLE,
    "exportTime": "2026-01-14T10:18:50.622Z", "itemCount": 1, "billedSizeBytes": 5, "outputFormat": "DYNAMODB_JSON",
    "manifestFilesS3Key": f"{FOLDER}manifest-files.json", "s3Prefix": None,
}  # fmt: skip
ENTRY: dict[str, Any] = {
    "itemCount": 1, "md5Checksum": base64.b64encode(b"x" * 16).decode(), "etag": "e-1",
    "dataFileS3Key": f"{FOLDER}data/a.json.gz",
}  # fmt: skip
LINE = b'{"Item":{"id":{"S":"a"}}}\n'


def read(summary: dict[str, Any] | bytes, *entries: dict[str, Any] | bytes) -> Any:
    """Read manifests as they are given, with the sidecars that make them whole."""
    whole = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in (summary, *entries)]
    objects = {"manifest-summary": whole[0], "manifest-files": b"\n".join(whole[1:])}
    store = {f"{FOLDER}{name}.json": body for name, body in objects.items()}
    for name, body in objects.items():
        store[f"{FOLDER}{name}.md5"] = base64.b64encode(hashlib.md5(body).digest())
    return read_manifest(store.get, FOLDER, need_sidecars=True)


def test_the_export_that_is_spoiled_below_is_a_good_one() -> None:
    assert read(SUMMARY, ENTRY).items == 1
    moved = ENTRY | {"dataFileS3Key": f"elsewhere/{FOLDER[2:]}data/a.json.gz"}
    assert read(SUMMARY, moved).files[0].key == f"{FOLDER}data/a.json.gz"


COUNTS: list[Any] = [10**30, 2**53, -1, 1.0, 1e300, "1", True, None, [1], {"n": 1}]


@pytest.mark.parametrize("value", COUNTS)
@pytest.mark.parametrize("where", ["summary", "file", "both"])
def test_a_count_is_a_whole_number_within_reason(value: Any, where: str) -> None:
    wrong = {"itemCount": value}
    with pytest.raises(ManifestError, match=r"manifest-.*itemCount should be a count|says 1 items"):
        read(SUMMARY | (wrong if where != "file" else {}), ENTRY | (wrong if where != "summary" else {}))


def test_counts_that_only_their_sum_makes_absurd_are_refused() -> None:
    most = {"itemCount": 2**53 - 1}
    with pytest.raises(ManifestError, match="add up to more than"):
        read(SUMMARY | most, ENTRY | most, ENTRY | most | {"dataFileS3Key": f"{FOLDER}data/b.json.gz"})


KEYS = [
    f"{FOLDER}../02-b/data/f", f"{FOLDER}data/../../02-b/data/f", f"{FOLDER}data/./f", "x/../" + FOLDER[2:] + "data/f",
    "p/AWSDynamoDB/02-b/data/f", "AWSDynamoDB/data/f.json.gz", f"x/{FOLDER[2:]}{FOLDER[2:]}data/f", f"{FOLDER}data/",
    f"{FOLDER}f", f"{FOLDER}data/x/f", "data/00000.json.gz", "/etc/passwd", "", 5, f"{FOLDER}data/a\u0000b",
    f"{FOLDER}data/\ud800", f"{FOLDER}data/{'k' * 1100}",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_data_file_lies_in_its_exports_folder(key: Any) -> None:
    with pytest.raises(ManifestError, match=r"manifest-files\.json"):
        read(SUMMARY, ENTRY | {"dataFileS3Key": key})


def test_a_file_that_is_listed_twice_is_refused_by_whatever_key_it_was_written() -> None:
    again = ENTRY | {"dataFileS3Key": f"q/{FOLDER[2:]}data/a.json.gz"}
    with pytest.raises(ManifestError, match="listed twice"):
        read(SUMMARY | {"itemCount": 2}, ENTRY, again)


def twice(fields: dict[str, Any], name: str) -> bytes:
    return json.dumps(fields)[:-1].encode() + f',"{name}":{json.dumps(fields[name])}}}'.encode()


SAID: dict[str, tuple[Any, Any, str]] = {
    "said twice in the summary": (twice(SUMMARY, "itemCount"), ENTRY, "is said twice"),
    "said twice of a file": (SUMMARY, twice(ENTRY, "itemCount"), "is said twice"),
    "of another export": (SUMMARY | {"exportArn": f"{TABLE}/export/77-z"}, ENTRY, "not of the folder's export"),
    "of another table": (SUMMARY | {"tableArn": f"{TABLE}u"}, ENTRY, "is not of tableArn"),
    "another list of files": (SUMMARY | {"manifestFilesS3Key": "q/AWSDynamoDB/7-z/manifest-files.json"}, ENTRY,
                              "not the manifest-files.json beside it"),
    "incremental": (SUMMARY | {"exportType": "INCREMENTAL_EXPORT"}, ENTRY, "found INCREMENTAL_EXPORT"),
    "incremental by its times": (SUMMARY | {"exportFromTime": "2026-01-14T10:20:00.000Z"}, ENTRY, "INCREMENTAL_EXPORT"),
    "no time": (SUMMARY | {"exportTime": "tomorrow"}, ENTRY, "should be a time"),
    "a time without its zone": (SUMMARY | {"exportTime": "2026-01-14T10:20:00"}, ENTRY, "should be a time"),
    "an id that is no text": (SUMMARY | {"tableId": ["x"]}, ENTRY, "should be text"),
    "nested without end": (b'{"a":' + b"[" * 100_000, ENTRY, "nested deeper|not JSON"),
    "digits without end": (b'{"itemCount":' + b"9" * 5_000 + b"}", ENTRY, "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_a_manifest_that_contradicts_itself_is_refused(what: str) -> None:
    summary, entry, says = SAID[what]
    with pytest.raises(ManifestError, match=says):
        read(summary, entry)


FILTERS = ("filterSpecification", "FilterSpecification", "filter", "itemFILTERs", "s3_filter_expression")


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("where", ["summary", "file"])
def test_a_field_that_speaks_of_a_filter_is_a_refusal(name: str, deep: bool, where: str) -> None:
    field: dict[str, Any] = {"more": [{"deep": {name: {"x": "a = :a"}}}]} if deep else {name: None}
    with pytest.raises(ManifestError, match=rf"found the field '{name}'"):
        read(SUMMARY | (field if where == "summary" else {}), ENTRY | (field if where == "file" else {}))


def test_more_files_and_bytes_than_any_export_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MOST_FILES", 3)
    with pytest.raises(ManifestError, match="more than 3 files"):
        read(SUMMARY, *(ENTRY | {"dataFileS3Key": f"{FOLDER}data/{n}"} for n in range(4)))
    with pytest.raises(ManifestError, match=r"manifest-summary\.json has more than 1,048,576 bytes"):
        read(SUMMARY | {"x": "y" * (1 << 20)}, ENTRY)


SHAPES: dict[str, tuple[bytes, int]] = {
    "two members": (gzip.compress(LINE) * 2, 2),
    "a line over two members": (gzip.compress(LINE[:9]) + gzip.compress(LINE[9:]), 1),
    "zeros behind it": (gzip.compress(LINE) + b"\0" * 100, 1),
    "no last line break": (gzip.compress(LINE + LINE.strip()), 2),
    "CRLF": (gzip.compress(LINE.replace(b"\n", b"\r\n") * 2), 2),
}
BROKEN: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "garbage behind it": (lambda: gzip.compress(LINE) + b"garbage", 1, "not whole gzip"),
    "a second member cut short": (lambda: gzip.compress(LINE) + gzip.compress(LINE)[:-5], 2, "not whole gzip"),
    "a second member's head": (lambda: gzip.compress(LINE) + gzip.compress(LINE)[:10], 1, "not whole gzip"),
    "a wrong checksum": (lambda: gzip.compress(LINE)[:-8] + b"\0" * 8, 1, "not whole gzip"),
    "no gzip": (lambda: LINE, 1, "not whole gzip"),
    "a line without end": (lambda: gzip.compress(b'{"Item":' + b"a" * (17 << 20)), 1, "should end within 16 MB"),
    "more items than said": (lambda: gzip.compress(LINE * 3), 2, "more items than the 2"),
    "fewer items than said": (lambda: gzip.compress(LINE), 10**15, "holds 1 items"),
    "nothing but line breaks": (lambda: gzip.compress(b"\n" * 5_000), 1, "more than 1,000 blank lines"),
    "nothing that is an item": (lambda: gzip.compress(b"x\n" * 50), 50, "more than 10 of its lines are no items"),
    "changes": (lambda: gzip.compress(b'{"Keys":{"id":{"S":"a"}},"OldImage":{"id":{"S":"a"}}}\n'), 1, "is a change"),
}  # fmt: skip


@pytest.mark.parametrize("what", SHAPES)
def test_gzip_in_any_shape_that_is_whole_is_read(what: str) -> None:
    body, items = SHAPES[what]
    assert read_whole(body, items) == [LINE.strip()] * items


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_not_what_it_should_be_is_one_clear_error(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datafile, "MOST_UNREADABLE", 10)
    body, items, says = BROKEN[what]
    with pytest.raises(CorruptFile, match=rf"data/a\.json\.gz.*{says}"):
        read_whole(body(), items)


@pytest.mark.parametrize("line", [b"x\n", b"\n", b"{" * 40])
@pytest.mark.few(1)
def test_a_bomb_takes_little_memory(line: bytes) -> None:
    """Some kilobytes that would be a hundred megabytes, with a manifest that goes along with it."""
    script = (
        "import sys, gzip, resource; from tests.support.one_data_file import read_whole\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"body = gzip.compress({line!r} * (100_000_000 // len({line!r})), 9)\n"
        "made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_whole(body, 10**12)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - made) // 1024)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    kind, megabytes = said.stdout.split()
    assert kind == "CorruptFile"
    assert int(megabytes) < 40
