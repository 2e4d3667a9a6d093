"""No text and no bytes stop a scan: whatever a kept value holds, it is looked through."""

from __future__ import annotations

import base64
import gzip
import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.leak_scan.budget import Budget
from runbook_lib.leak_scan.decode import runs_of, unpacked
from runbook_lib.leak_scan.look import Counted, RawValues, look_through, look_through_all
from runbook_lib.leak_scan.spelling import fold

VALUES = RawValues(["marker@people.example", "0001020304050607fffe"], [0, 1])
LONG = st.integers(4_290, 4_310) | st.integers(1, 12)
SIGNS = (
    "%", "%u", "%ff", "\\", "\\x", "\\u", "\\u{", "\\o{", "\\U0011", "}", "&", "&#", "&#x", ";", "&amp", "\n", "\r\n",
    "=", "=?utf-8?q?", "?=", "xn--", "-", "[", "]", "[1,2,", "1e9", "0x", "H4sI", "eJw", "QlpoOTFB", "UEsDB", "é",
    "\ud83d", "+", "/", "_", " ", ".", ",", "'", "<b>", "<", ">", "\0", "\x01", '"', '"B":"', "{", "}", "٣", "ı",
)  # fmt: skip
PIECES = (
    st.sampled_from(SIGNS)
    | st.text(max_size=8)
    | st.builds(lambda one, many: one * many, st.sampled_from("0159afAF z"), LONG)
    | st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode())
    | st.binary(max_size=30).map(lambda data: base64.b64encode(gzip.compress(data)[:-9]).decode())
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=250, deadline=None)
@given(TEXTS, st.booleans())
def test_no_text_stops_a_step_of_unpacking(text: str, any_bytes: bool) -> None:
    for _, inner in unpacked(text, runs_of(text), set(), Budget(), any_bytes):
        assert inner != text


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_no_text_stops_a_scan(texts: list[str]) -> None:
    lines = [json.dumps({"id": {"S": text}}) for text in texts]
    for line in lines:
        look_through(VALUES, line, Counted())
    list(look_through_all(VALUES, lines, Counted()))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"\x1f\x8b", b"x\x9c", b"BZh9", b"\xfd7zXZ\0", b"PK\x03\x04"]))
def test_no_bytes_stop_a_scan(data: bytes, begin: bytes) -> None:
    spelled = base64.b64encode(begin + data).decode()
    look_through(VALUES, orjson.dumps({"b": {"B": spelled}, "s": {"BS": [spelled]}}).decode(), Counted())


@pytest.mark.parametrize("text", [f"&#{'9' * 5000};", f"&#x{'f' * 5000}", f"&#{'0' * 5000}97", f"1e{'9' * 21}"])
def test_a_number_of_any_length_stops_nothing(text: str) -> None:
    line = orjson.dumps({"id": {"S": text}, "x": {"S": "marker@people.example"}}).decode()
    assert look_through(VALUES, line, Counted()) == {0: "as it is"}
    assert fold(text)
