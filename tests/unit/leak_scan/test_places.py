"""A raw value is found in every encoding, wherever in a text that begins and ends, alone and among clean items."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import json
import quopri
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import orjson
import pytest

from runbook_lib.leak_scan.look import Counted, RawValues, look_through, look_through_all
from runbook_lib.leak_scan.spelling import fold
from runbook_lib.leak_scan.words import ValueWords

MAIL, NAME, SHORT = "zoé.müller@people.example", "Erika Mustermann Dang", "jo@x.exampl"
RAW = (MAIL, NAME, SHORT)
BINARY = b"\x0a\xff\xfe\x19", b"\x80\x81\xf8"
Spell, Pack, Spelled = Callable[[str], str], Callable[[str], bytes], Callable[[bytes], str]
PACKED: dict[str, Pack] = {
    "UTF-8": str.encode,
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-16 between tabs": lambda text: f"\t{text}\t".encode("utf-16"),
    "UTF-16, big end first, in lines": lambda text: f"a\r\n{text}\r\n".encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode(), mtime=0),
    "zlib": lambda text: zlib.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "within binary": lambda text: BINARY[0] + text.encode() + BINARY[1],
}
SPELLED: dict[str, Spelled] = {
    "Base64": lambda data: base64.b64encode(data).decode(),
    "Base64 without padding": lambda data: base64.b64encode(data).decode().rstrip("="),
    "Base64 for URLs": lambda data: base64.urlsafe_b64encode(data).decode(),
    "Base64 for URLs without padding": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "Base32": lambda data: base64.b32encode(data).decode(),
    "Base32 in lower case without padding": lambda data: base64.b32encode(data).decode().lower().rstrip("="),
    "hexadecimal": lambda data: data.hex(),
    "hexadecimal in upper case": lambda data: data.hex().upper(),
    "marked hexadecimal": lambda data: f"0x{data.hex()}",
    "a list of bytes": lambda data: str(list(data)),
}
WRITTEN: dict[str, Spell] = {
    "as it is": str,
    "URL-encoded": lambda text: quote(text, safe=""),
    "URL-encoded with plus": quote_plus,
    "plus alone": lambda text: text.replace(" ", "+"),
    "URL-encoded, Latin-1": lambda text: quote(text, safe="", encoding="latin-1"),
    "every byte URL-encoded": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "HTML": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "JSON": lambda text: json.dumps({"to": text}),
    "quoted-printable": lambda text: quopri.encodestring(text.encode(), quotetabs=True).decode(),
    "every byte quoted": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "quoted, Latin-1": lambda text: "".join(f"={byte:02X}" for byte in text.encode("latin-1")),
    "a word of a header": lambda text: "=?utf-8?Q?"
    + "".join("_" if byte == 32 else f"={byte:02X}" for byte in text.encode()) + "?=",
}  # fmt: skip
PLACES = (
    "{}", "name={}", "name={}&lang=de", "name:{}", "name: {}", "name;{};", "?name={}", "a=1&name={}&b=2", "a,{},b",
    "https://shop.example/reset?token={}&lang=de#top", "https://shop.example/{}/reset?lang=de",
    "session={}; Path=/; HttpOnly", "a=1; session={}; b=2", "'{}'", '"{}"', "`{}`", "({})", "[{}]", "{{{}}}", "<{}>",
    '{{"k":"{}"}}', "k='{}'", "#{}", "${}!", "@{}.", "~{}~", "*{}*", "^{}|{}", "Bearer {}", "\t{}\t",
    "data:text/plain;base64,{}",
    "user/{} x", "id-{}", "a_{}", "x+{} y", "==={}===", "ü {} 漢", "ü={}&ß=1",
)  # fmt: skip
JOINED = (
    "s3://bkt/2026/11/27/550e8400-e29b-41d4-a716-446655440000/in/{}", "a/b-c_d+e/f-g_h+i/j-k_l+m/{}",
    "files/{}/avatar", "files/{}/avatars/of-all_sizes/ab/abc/abcd", "one-two-three-{}-four-five-six", "/a//b/{}//",
)  # fmt: skip
AROUND = (
    {"k": {"S": "Zürich"}}, {"k": {"S": "=fe&x=ff"}}, {"k": {"S": "50%ff off"}}, {"k": {"S": "漢字\n=\n"}},
    {"k": {"S": "a\\b"}}, {"k": {"S": "&amp;"}}, {"k": {"S": "+"}}, {"k": {"S": "\U0001f600 \x01"}},
)  # fmt: skip


@pytest.fixture(scope="module")
def values() -> RawValues:
    return RawValues([fold(raw) for raw in RAW], range(len(RAW)))


def missed(values: RawValues, texts: Iterator[tuple[int, str]]) -> list[str]:
    """The texts in which the value is not found, by itself and among clean items."""
    lines = [(number, orjson.dumps({"id": {"S": "1"}, "x": {"S": text}}).decode()) for number, text in texts]
    there = [look_through(values, line, Counted()) for _, line in lines]
    clean = [f'{{"id":{{"S":"{number}"}}}}' for number in range(40)]
    found = dict(look_through_all(values, [*clean, *(line for _, line in lines), *clean], Counted()))
    assert all(found.get(line, {}) == held for (_, line), held in zip(lines, there, strict=True))
    return [line for (number, line), held in zip(lines, there, strict=True) if number not in held]


def put(place: str, text: str) -> str:
    return place.replace("{}", "\0").replace("{{", "{").replace("}}", "}").replace("\0", text)


@pytest.mark.parametrize("spelled", SPELLED)
def test_every_spelling_of_packed_bytes_is_found_at_every_place(spelled: str, values: RawValues) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        for place in PLACES:
            for pack in PACKED.values():
                yield from ((number, put(place, SPELLED[spelled](pack(raw)))) for number, raw in enumerate(RAW))

    assert not missed(values, texts())


@pytest.mark.parametrize("written", WRITTEN)
def test_every_way_to_write_a_text_is_found_at_every_place(written: str, values: RawValues) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        for place in PLACES:
            yield from ((number, put(place, WRITTEN[written](raw))) for number, raw in enumerate(RAW))

    assert not missed(values, texts())


@pytest.mark.parametrize("around", AROUND, ids=str)
def test_nothing_else_in_an_item_turns_an_encoding_off(around: dict[str, object], values: RawValues) -> None:
    for way, write in WRITTEN.items():
        for number, raw in enumerate(RAW):
            line = orjson.dumps({"x": {"S": write(raw)}} | around).decode()
            assert number in look_through(values, line, Counted()), (way, line)
    for way, spell in SPELLED.items():
        for packed, pack in PACKED.items():
            line = orjson.dumps(around | {"x": {"S": spell(pack(NAME))}}).decode()
            assert 1 in look_through(values, line, Counted()), (way, packed, line)


def test_base64_with_signs_of_its_own_is_found_among_any_number_of_joints(values: RawValues) -> None:
    draw = random.Random(8)

    def texts() -> Iterator[tuple[int, str]]:
        for number, raw in enumerate(RAW * 20):
            noise = "".join(draw.choice("abc >?~ÿ¿") for _ in range(draw.randrange(40)))
            for pack in PACKED.values():
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    text = encode(pack(f"{noise} {raw} {noise}")).decode().rstrip("=")
                    yield number % len(RAW), draw.choice(JOINED).replace("{}", text)

    assert not missed(values, texts())


@pytest.mark.parametrize("place", JOINED)
@pytest.mark.parametrize("raw", [*RAW])
def test_a_short_value_at_the_end_of_joined_base64_is_a_word(place: str, raw: str, values: RawValues) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        for before in range(9):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                text = encode(f"{'?>' * before} {raw}".encode()).decode().rstrip("=")
                yield RAW.index(raw), place.replace("{}", text)

    assert not missed(values, texts())


@pytest.mark.parametrize("before", ["", "Dear all\n", "base64\n\n", "X-Id: 1\nContent-Transfer-Encoding: base64\n\n"])
@pytest.mark.parametrize("behind", ["", "\n", "\n--boundary\n", "&b=1"])
def test_base64_in_lines_is_found_behind_other_lines(before: str, behind: str, values: RawValues) -> None:
    lines = base64.encodebytes(gzip.compress(random.Random(1).randbytes(200) + NAME.encode(), mtime=0)).decode()
    for text in (lines.rstrip("\n"), lines.rstrip("=\n")):
        assert not missed(values, iter([(1, f"{before}{text}{behind}")]))


def test_two_levels_are_found_whatever_the_first_one_ends_and_begins_with(values: RawValues) -> None:
    """Any two ways, one within the other, each at a place drawn by lot."""
    draw = random.Random(2)
    bytewise = [(a, b) for a in PACKED.values() for b in SPELLED.values()]
    ways: list[Spell] = [*WRITTEN.values(), *(lambda text, a=a, b=b: b(a(text)) for a, b in bytewise)]  # type: ignore[misc]

    def texts() -> Iterator[tuple[int, str]]:
        for number in range(1_500):
            text = RAW[number % len(RAW)]
            for way in (draw.choice(ways), draw.choice(list(WRITTEN.values()))):
                try:
                    text = put(draw.choice(PLACES), way(text))
                except UnicodeEncodeError:
                    text = quote(text)
            yield number % len(RAW), text

    assert not missed(values, texts())


@pytest.mark.parametrize("data", [bytes([0, 159, 146, 150, 255, 1, 2, 200, 77, 13])])
@pytest.mark.parametrize("place", PLACES)
def test_bytes_that_are_no_text_are_found_at_every_place(data: bytes, place: str) -> None:
    values = RawValues([data.hex()], [0])
    written: list[Spelled] = [lambda held: quote(held, safe=""), lambda held: binascii.b2a_qp(held).decode()]
    ways = [*SPELLED.values(), *written]
    assert not missed(values, iter([(0, put(place, way(data))) for way in ways]))


@pytest.mark.parametrize("place", [place for place in PLACES if not {*"-_+"} & {*place.partition("{}")[0][-1:]}])
def test_a_value_beyond_the_automaton_is_a_word_at_every_place(place: str, tmp_path: Path) -> None:
    words = ValueWords(tmp_path, b"0123456789abcdef")
    for number, raw in enumerate(RAW):
        words.add(fold(raw), number)
    words.settle()
    texts = [(number, put(place, raw)) for number, raw in enumerate(RAW) if " " not in raw]
    assert not missed(RawValues([], [], words), iter(texts))


@pytest.mark.parametrize("levels", range(8))
@pytest.mark.parametrize("lines", ["Customer since 2019\n{}\nCall", "a,b\n1,{}\n", "<p>{}</p>\n<p>b</p>"])
def test_a_name_in_lines_is_found_however_deep_they_are(values: RawValues, lines: str, levels: int) -> None:
    """From the fourth level on all respellings are undone at once; without its lines a name is no word any more."""
    text = json.dumps({"notes": lines.format(SHORT)})
    for _ in range(levels):
        text = json.dumps({"body": base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()})
    counted = Counted()
    assert look_through(values, json.dumps({"a": {"S": text}}), counted)
    assert counted.cut_short == 0
