"""Raw values are found wherever they hide, and nothing is found in a target that was masked."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import html
import io
import json
import lzma
import quopri
import random
import re
import sys
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from runbook_lib.items.canonical import Item
from runbook_lib.leak_scan.budget import Budget
from runbook_lib.leak_scan.bytes_as_text import text_of_bytes
from runbook_lib.leak_scan.look import AT_ONCE, Counted, look_through, look_through_all
from runbook_lib.leak_scan.opened import pieces_of
from runbook_lib.leak_scan.packed import LEAST_PACKED, every_reading, readings, that_may_hide
from runbook_lib.leak_scan.sought import Gathered, RawTable, gather
from runbook_lib.leak_scan.spelling import UNSEEN, fold
from runbook_lib.masking.hook import HookContext, ItemHook
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.rules import MaskRule, TemplatePart, Verb

MAIL, PHONE, NAME = "zoé.müller@people.example", "+49 170 5550123", "Zoé Müller-Lüdenscheidt"


class Raw(RawTable):
    """A raw table of items at hand."""

    __slots__ = ("held",)

    def _read(self) -> Any:
        return ((HookContext(self.source, "", 0, n), item) for n, item in enumerate(HELD[self.source]))


HELD: dict[str, list[Item]] = {}
OTHER = b"\x0a\xff\xfe\x19" + MAIL.encode() + b"\x80\x81\xf8"


def sought(tmp_path: Path, items: list[Item], rules: list[MaskRule], most: int = 1000) -> Any:
    HELD["t"] = items
    mask = TableMask(MaskKey(b"0123456789abcdef"), rules, "t")
    return mask, gather([Raw("t", None, "", (), mask)], tmp_path, most)


def rules(*more: MaskRule) -> list[MaskRule]:
    return [
        MaskRule("*", "email", Verb.PSEUDONYM, Form.EMAIL, "email"), MaskRule("*", "id", Verb.KEEP),
        MaskRule("*", "phone", Verb.PSEUDONYM, Form.DIGITS), MaskRule("*", "name", Verb.PSEUDONYM, Form.NAME), *more,
    ]  # fmt: skip


ITEM: Item = {"id": {"S": "1"}, "email": {"S": MAIL}, "phone": {"S": PHONE}, "name": {"S": NAME}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def zipped(text: str, name: str = "a.txt") -> bytes:
    with zipfile.ZipFile(made := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, text)
    return made.getvalue()


PLACES: dict[str, Any] = {
    "the value itself": {"x": {"S": MAIL}},
    "a key that embeds it": {"id": {"S": f"CUSTOMER#{MAIL}#1"}},
    "an attribute's name": {MAIL: {"BOOL": True}},
    "a name in a map": {"x": {"M": {"y": {"M": {MAIL: {"NULL": True}}}}}},
    "a set": {"x": {"SS": ["a", MAIL]}},
    "an element of a nested list": {"x": {"L": [{"L": [{"S": f"to {MAIL}"}]}]}},
    "upper case": {"x": {"S": MAIL.upper()}},
    "decomposed accents": {"x": {"S": unicodedata.normalize("NFD", MAIL)}},
    "URL-encoded": {"x": {"S": f"https://x.example/?to={quote(MAIL, safe='')}&n=1"}},
    "URL-encoded twice": {"x": {"S": quote(quote(MAIL, safe=""), safe="")}},
    "JSON in a string": {"x": {"S": json.dumps({"mail": MAIL}, ensure_ascii=False)}},
    "JSON with escapes": {"x": {"S": json.dumps({"mail": MAIL})}},
    "JSON in JSON": {"x": {"S": json.dumps({"inner": json.dumps({"mail": MAIL})})}},
    "Base64 of JSON": {"x": {"S": b64(json.dumps({"mail": MAIL}, ensure_ascii=False).encode())}},
    "Base64 for URLs": {"x": {"S": base64.urlsafe_b64encode(f"???>>>{MAIL}".encode()).decode().rstrip("=")}},
    "Base64 of Base64": {"x": {"S": b64(b64(MAIL.encode()).encode())}},
    "hexadecimal": {"x": {"S": MAIL.encode().hex()}},
    "HTML": {"x": {"S": "".join(f"&#{ord(c)};" for c in MAIL) + html.escape("<b>")}},
    "binary": {"x": {"B": b64(MAIL.encode())}},
    "binary in a set": {"x": {"BS": [b64(b"\x00\x01"), b64(MAIL.encode())]}},
    "gzip in binary": {"x": {"B": b64(gzip.compress(f"dear {MAIL}".encode()))}},
    "the second of two in gzip": {"x": {"B": b64(gzip.compress(b"dear ") + gzip.compress(MAIL.encode()))}},
    "the second of two in bzip2": {"x": {"B": b64(bz2.compress(b"dear ") + bz2.compress(MAIL.encode()))}},
    "gzip behind zlib": {"x": {"B": b64(zlib.compress(b"dear ") + gzip.compress(MAIL.encode()))}},
    "the second of two in xz": {"x": {"B": b64(lzma.compress(b"dear ") + lzma.compress(MAIL.encode()))}},
    "zlib in binary": {"x": {"B": b64(zlib.compress(MAIL.encode()))}},
    "gzip in Base64 in a string": {
        "x": {"S": b64(gzip.compress(json.dumps({"m": MAIL}, ensure_ascii=False).encode()))}
    },
    "UTF-16 in binary": {"x": {"B": b64(MAIL.encode("utf-16"))}},
    "a number that is a phone number": {"x": {"N": "491705550123"}},
    "a phone number in a set of numbers": {"x": {"NS": ["1", "491705550123"]}},
    "a phone number with other separators": {"x": {"S": "call (49) 170-555-0123 now"}},
    "a name in free text": {"x": {"S": f"spoke to {NAME.upper()} today"}},
    "Base64 after other words": {"x": {"S": f"avatars/user-{b64(MAIL.encode())}"}},
    "the middle of a token": {"x": {"S": f"eyJhbGciOiJub25lIn0.{b64(MAIL.encode()).rstrip('=')}.c2ln"}},
    "Base64 in lines": {"x": {"S": base64.encodebytes(f"{'x' * 50}{MAIL}{'y' * 80}".encode()).decode()}},
    "Base32": {"x": {"S": base64.b32encode(MAIL.encode()).decode()}},
    "quoted-printable": {"x": {"S": quopri.encodestring(f"To: {MAIL} = ok".encode()).decode()}},
    "escapes of a program": {"x": {"S": "".join(f"\\x{b:02x}" if b < 128 else chr(b) for b in MAIL.encode("latin-1"))}},
    "escapes of an old browser": {"x": {"S": "".join(f"%u{ord(c):04X}" for c in MAIL)}},
    "accents left out": {"x": {"S": "by zoe.muller@people.example"}},
    "a name without its accents": {"x": {"S": "ZOE MULLER-LUDENSCHEIDT"}},
    "JSON in JSON in JSON": {"x": {"S": json.dumps([json.dumps([json.dumps({"mail": MAIL})])])}},
    "URL-encoded Base64": {"x": {"S": quote(b64(MAIL.encode()), safe="")}},
    "hexadecimal in upper case": {"x": {"S": f"0x{MAIL.encode().hex().upper()}"}},
    "bytes as a database shows them": {"x": {"S": f"\\x{MAIL.encode().hex()}"}},
    "a name of a map in a list": {"x": {"L": [{"M": {f"by {MAIL}": {"NULL": True}}}]}},
    "full width": {"x": {"S": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in MAIL)}},
    "characters that are not seen": {"x": {"S": "\u200b".join(MAIL)}},
    "soft hyphens": {"x": {"S": NAME.replace("ü", "ü\u00ad")}},
    "other blanks and dashes": {"x": {"S": NAME.replace(" ", "\u00a0").replace("-", "\u2011")}},
    "two blanks and a line": {"x": {"S": f"dear {NAME.replace(' ', chr(10) + '  ')}"}},
    "digits of another script": {"x": {"S": "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in PHONE)}},
    "a buffer": {"x": {"S": json.dumps({"type": "Buffer", "data": list(MAIL.encode())})}},
    "a buffer without blanks": {"x": {"S": json.dumps({"data": list(MAIL.encode())}, separators=(",", ":"))}},
    "a list of numbers": {"x": {"L": [{"N": str(byte)} for byte in MAIL.encode()]}},
    "punycode": {"x": {"S": "zoé.müller@people.example".replace("zoé", f"xn--{'zoé'.encode('punycode').decode()}")}},
    "binary of another format": {"x": {"B": b64(b"\x0a\xff\xfe" + MAIL.encode() + b"\x80\x81")}},
    "wide characters inside of binary": {
        "x": {"B": b64(b"\xff\x00\xfa" + PHONE.encode("utf-16-le") + b"\x81\x00\x00")}
    },
    "bzip2": {"x": {"B": b64(bz2.compress(MAIL.encode()))}},
    "xz": {"x": {"B": b64(lzma.compress(MAIL.encode()))}},
    "Base32 in lower case": {"x": {"S": base64.b32encode(MAIL.encode()).decode().lower()}},
    "Base32 in lower case without padding": {
        "x": {"S": base64.b32encode(f"{MAIL}!".encode()).decode().lower().strip("=")}
    },
    "Base32 after other words": {"x": {"S": f"user-{base64.b32encode(MAIL.encode()).decode().lower()}"}},
    "hexadecimal after other words": {"x": {"S": f"user_{MAIL.encode().hex()}"}},
    "Base64 of other binary": {"x": {"S": b64(OTHER)}},
    "Base64 of other binary for URLs": {"x": {"S": f"t={base64.urlsafe_b64encode(OTHER).decode().rstrip('=')}"}},
    "Base32 of other binary": {"x": {"S": base64.b32encode(OTHER).decode().lower()}},
    "hexadecimal of other binary": {"x": {"S": OTHER.hex()}},
    "a list of bytes of other binary": {"x": {"S": str(list(OTHER))}},
    "other binary in gzip": {"x": {"B": b64(gzip.compress(OTHER))}},
    "other binary in gzip in Base64": {"x": {"S": b64(gzip.compress(OTHER))}},
    "wide characters of other binary in Base64": {
        "x": {"S": b64(b"\xff\xfa\x81" + PHONE.encode("utf-16-le") + b"\xff")}
    },
    "octal escapes": {"x": {"S": "".join(f"\\{ord(c):03o}" for c in MAIL)}},
    "octal escapes of UTF-8": {"x": {"S": "".join(chr(b) if b < 128 else f"\\{b:o}" for b in MAIL.encode())}},
    "octal escapes in braces": {"x": {"S": "".join(f"\\o{{{ord(c):o}}}" for c in MAIL)}},
    "hexadecimal escapes of UTF-8": {"x": {"S": "".join(f"\\x{b:02x}" for b in MAIL.encode())}},
    "escapes of eight digits": {"x": {"S": "".join(f"\\U{ord(c):08X}" for c in MAIL)}},
    "escapes in braces": {"x": {"S": "".join(f"\\u{{{ord(c):x}}}" for c in MAIL)}},
    "escapes in braces of another program": {"x": {"S": "".join(f"\\x{{{ord(c):04x}}}" for c in MAIL)}},
    "UTF-8 read as Latin-1": {"x": {"S": MAIL.encode().decode("latin-1")}},
    "half a character": {"x": {"S": json.dumps(f"{MAIL} \ud83d")}},
    "control characters between the letters": {"x": {"S": "\x01".join(MAIL)}},
    "HTML with zeros before its numbers": {"x": {"S": "".join(f"&#{ord(c):012d};" for c in MAIL)}},
    "HTML with zeros before its hexadecimal numbers": {"x": {"S": "".join(f"&#X{ord(c):09x};" for c in MAIL)}},
    "behind a number that no character has": {"x": {"S": f"&#{'9' * 5000};&#x{'f' * 5000};{html.escape(NAME)}&amp;"}},
    "a zip file": {"x": {"B": b64(zipped(MAIL))}},
    "the name of a zip's member": {"x": {"B": b64(zipped("nothing", name=f"{MAIL}.txt"))}},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_raw_value_is_found_wherever_it_hides(place: str, tmp_path: Path) -> None:
    _, (values, found, _) = sought(tmp_path, [ITEM], rules())
    target = {"id": {"S": "1"}} | PLACES[place]
    there = look_through(values, orjson.dumps(target).decode(), Counted())
    assert there, place
    assert {found.rule_of(number).split(": ")[0] for number in there} == {"t"}


UNSEEN_ONES = [chr(code) for first, last in UNSEEN for code in sorted({first, last})]


@pytest.mark.parametrize("unseen", [*UNSEEN_ONES, *"\u2061\u180e\ufe0f\U000e0100"], ids=lambda one: f"{ord(one):x}")
def test_characters_that_are_not_seen_hide_nothing(unseen: str, tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [ITEM], rules())
    assert look_through(values, orjson.dumps({"x": {"S": unseen.join(MAIL)}}).decode(), Counted())
    assert look_through(values, json.dumps({"x": {"S": unseen.join(PHONE)}}), Counted())


def test_every_case_of_every_character_is_one_spelling() -> None:
    """Of upper, lower, title and swapped case: `ı` is `I` in upper case, and that is no `ı` in lower case."""
    for code in (code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000):
        one = chr(code)
        if others := {one.upper(), one.lower(), one.title(), one.swapcase(), one.casefold()} - {one}:
            assert {fold(other) for other in others} == {fold(one)}, one


WRAPPED = b64(gzip.compress(random.Random(1).randbytes(150).hex().encode() + MAIL.encode(), mtime=0))
OTHER_SPELLINGS = {
    "Yıldız Yılmaz": ["YILDIZ YILMAZ", "yildiz yilmaz", "Yıldız yılmaz"], "İpek Işık": ["ipek ışık", "IPEK ISIK"],
    "Łukasz Wałęsa-Sørensen": ["Lukasz Walesa-Sorensen", "ŁUKASZ WAŁĘSA-SØRENSEN"],
    "Nguyễn Đình Chiểu": ["Nguyen Dinh Chieu"], "Þórður Guðmundsson": ["Thordur Gudmundsson"],
    "Æsa Cœur Ǿster": ["aesa coeur oster", "ÆSA CŒUR ØSTER"], "Groß Straßer": ["GROSS STRASSER", "GROẞ STRAẞER"],
    "שלום כהן": ["שָׁלוֹם כהן"], "בן־גוריון": ["בן-גוריון"], "محمد عبد الرحمن": ["مُحَمَّد عبد الرحمن", "محمـد عبد الرحمن"],
    "491712345678": ["".join(f"{digit}\ufe0f\u20e3" for digit in "491712345678")],
}  # fmt: skip


OTHER_PLACES = {
    "signed bytes": str([byte - 256 if byte > 127 else byte for byte in MAIL.encode()]),
    **{f"gzip in Base64 between {between!r}": between.join(WRAPPED[at : at + 60] for at in range(0, len(WRAPPED), 60))
       for between in ("\n", "\r\n  ", "\n\t", " ", "  ")},
}  # fmt: skip


@pytest.mark.parametrize("place", OTHER_PLACES)
def test_a_raw_value_is_found_in_other_places(place: str, tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [ITEM], rules())
    line = orjson.dumps({"x": {"S": OTHER_PLACES[place]}}).decode()
    assert look_through(values, line, Counted())
    assert list(look_through_all(values, [line, '{"id":{"S":"2"}}'], Counted()))


WRITTEN_OTHERWISE = {
    "12 Main Street, Springfield": [
        "12 Main Street\\, Springfield", "12 Main Street,<br>Springfield",
        "12 Main Street, <b class='x'>Springfield</b>",
        "<td>12 Main</td><td>Street, Springfield</td>", "12 Ma<wbr>in Street, Spring<i>field</i>",
        "NOTE:12 Main Str\r\n eet, Springf\r\n\tield", "12\\ Main\\ Street\\,\\ Springfield",
    ],
    "anna_b_meier@people.example": [
        "anna\\_b\\_meier@people.example", "anna_b_meier\\@people\\.example", "mail: anna_b_me\n ier@people.example",
    ],
    "Jürgen Müller-Weiß": ["CN=J\\C3\\BCrgen M\\c3\\bcller-Wei\\C3\\9F,OU=x", str([*map(ord, "Jürgen Müller-Weiß")])],
    "Иванов Сергей": [str([*map(ord, "Иванов Сергей")])],
    "DE89370400440532013000": ["DE89 3704 0044 0532 0130 00", "IBAN: de89 3704 0044 0532 0130 00."],
    "GB82 WEST 1234 5698 7654 32": ["GB82WEST12345698765432", "gb82west12345698765432"],
    "NO9386011117947": ["NO93 8601 1117 947"],
    "6f1c2d3e-4b5a-6978-8796-a5b4c3d2e1f0": ["6F1C2D3E4B5A69788796A5B4C3D2E1F0", "x_6f1c2d3e4b5a69788796a5b4c3d2e1f0"],
    "6f1c2d3e4b5a69788796a5b4c3d2e1f0": ["6f1c2d3e-4b5a-6978-8796-a5b4c3d2e1f0"],
    "+1 415 555 2671": ["011-1-415-555-2671", "0014155552671", "00 1 (415) 555-2671"],
    "0049 171 234567": ["+49171234567", "+49 (171) 234-567"], "011 1 415 555 2671": ["+1 415 555-2671"],
}  # fmt: skip


@pytest.mark.parametrize(("raw", "spelled"), [(raw, one) for raw, many in WRITTEN_OTHERWISE.items() for one in many])
def test_a_value_is_found_in_another_notation(raw: str, spelled: str, tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [{**ITEM, "phone": {"S": raw}}], rules())
    line = orjson.dumps({"x": {"S": spelled}}).decode()
    assert look_through(values, line, Counted())
    assert list(look_through_all(values, [line, '{"id":{"S":"2"}}'], Counted()))


def test_other_spellings_of_an_id_do_not_have_binary_looked_for(tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [{**ITEM, "phone": {"S": "6f1c2d3e-4b5a-6978-8796-a5b4c3d2e1f0"}}], rules())
    assert not values.any_bytes


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize(("raw", "spelled"), [(raw, one) for raw, many in OTHER_SPELLINGS.items() for one in many])
def test_a_name_is_found_in_another_spelling(raw: str, spelled: str, most: int, tmp_path: Path) -> None:
    for value, text in ((raw, spelled), (spelled, raw)):
        _, (values, _, _) = sought(tmp_path, [{**ITEM, "name": {"S": value}}], rules(), most=most)
        assert look_through(values, orjson.dumps({"x": {"S": text}}).decode(), Counted()), value


def test_unicode_knows_no_further_format_characters_that_are_not_seen() -> None:
    """Those that it shows are signs before numbers, and joiners of hieroglyphs."""
    shown = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    formats = {code for code in range(sys.maxunicode) if unicodedata.category(chr(code)) == "Cf"}
    assert formats - shown <= {code for first, last in UNSEEN for code in range(first, last + 1)}


NUMBERS = {
    "71239582.5": [
        "71239582.50", "71239582.5000", "71,239,582.5", "71,239,582.50", "71'239'582.50", "71\u2019239\u2019582.5",
        "71_239_582.5", "71 239 582.50", "71 239 582,5", "71\u202f239\u202f582,50", "71.239.582,50", "71239582,50",
        "7,12,39,582.50", "7.12395825E7", "7.12395825e+07", "1 71 239 582.50", "total: 71,239,582.50, paid",
        "[1, 71239582.50, 2]", "(71,239,582.50)",
        "\u0667\u0661\u066c\u0662\u0663\u0669\u066c\u0665\u0668\u0662\u066b\u0665",
    ],
    "1234567": [
        "1,234,567", "1'234'567", "1_234_567", "1 234 567", "1.234.567", "1234567.00", "1,234,567.00", "1.234567E6",
    ],
    "-4455667.25": ["-4,455,667.25", "4455667.25", "(4,455,667.250)", "\u22124 455 667,25"],
    "123456": ["123,456", "123 456", "123-456", "123456.0", "1.23456e5"],
}  # fmt: skip


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize(("raw", "spelled"), [(raw, one) for raw, many in NUMBERS.items() for one in many])
def test_a_number_is_found_in_another_spelling(raw: str, spelled: str, most: int, tmp_path: Path) -> None:
    by_digits = not set(spelled) & set(",'_\u2019\u202f\u066c") and spelled.count(".") != 1
    if most == 0 and (by_digits or raw.startswith("-")):
        return  # beyond the automaton a value is found in plain notation only, with its sign
    for value in ({"N": raw}, {"S": raw}):
        _, (values, _, _) = sought(tmp_path, [{**ITEM, "phone": value}], rules(), most=most)
        line = orjson.dumps({"id": {"S": "1"}, "x": {"S": spelled}}).decode()
        assert look_through(values, line, Counted()), value
        assert list(look_through_all(values, [line, '{"id":{"S":"2"}}'], Counted())), value


@pytest.mark.parametrize("other", ["71239583.50", "1,71,239,582.5", "71,239,5821.5", "71239582.51", "271,239,582.50"])
def test_another_number_is_not_taken_for_a_raw_one(other: str, tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [{**ITEM, "phone": {"N": "71239582.5"}}], rules())
    assert not look_through(values, orjson.dumps({"x": {"S": other}}).decode(), Counted())


BYTES = bytes([0, 159, 146, 150, 255, 1, 2, 200, 77, 13])
AS_BYTES: dict[str, Any] = {
    "the bytes": {"B": b64(BYTES)}, "in a set": {"BS": [b64(b"\0\xff"), b64(BYTES)]}, "Base64": {"S": b64(BYTES)},
    "within other bytes": {"B": b64(b"\xfe\x01" + BYTES + b"\x99\x98\x97")},
    "Base64 of more": {"S": b64(b"\xfe" + BYTES + b"\x99\x98\x97")},
    "Base64 for URLs": {"S": base64.urlsafe_b64encode(BYTES).decode().rstrip("=")}, "hexadecimal": {"S": BYTES.hex()},
    "hexadecimal in upper case": {"S": f"id={BYTES.hex().upper()}"}, "Base32": {"S": base64.b32encode(BYTES).decode()},
    "Base32 in lower case": {"S": base64.b32encode(BYTES).decode().lower()}, "a list": {"S": str(list(BYTES))},
    "JSON": {"S": json.dumps({"data": b64(b"\xfe" + BYTES)})}, "gzip": {"B": b64(gzip.compress(b"\xff" + BYTES))},
}  # fmt: skip


@pytest.mark.parametrize("place", AS_BYTES)
def test_bytes_that_are_no_text_are_found_in_other_spellings(place: str, tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [{**ITEM, "name": {"B": b64(BYTES)}}], rules())
    line = orjson.dumps({"id": {"S": "1"}, "x": AS_BYTES[place]}).decode()
    assert look_through(values, line, Counted())
    assert list(look_through_all(values, [line, '{"id":{"S":"2"}}'], Counted()))


def test_every_place_is_found_among_many_items_that_hold_nothing(tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [ITEM], rules())
    hidden = [orjson.dumps({"id": {"S": "1"}} | held).decode() for held in PLACES.values()]
    opaque = [orjson.dumps({"id": {"S": str(n)}, "x": {"B": b64(bytes([n, 255, 254] * 3))}}).decode() for n in range(9)]
    clean = [orjson.dumps({"id": {"S": f"clean {n}"}, "n": {"NS": ["1", "2"]}}).decode() for n in range(900)]
    draw = random.Random(1)
    one, many, lines = Counted(), Counted(), [*hidden, *opaque, *clean]
    draw.shuffle(lines)
    alone = {line: there for line in lines if (there := look_through(values, line, one))}
    assert alone.keys() == set(hidden)
    assert dict(look_through_all(values, lines, many)) == alone
    assert one == many


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize("hidden", ["anna@people.example", PHONE, b64(b"to anna@people.example"), "tel 0170.5550123x"])
def test_what_is_found_once_is_found_as_often_as_it_is_there(hidden: str, most: int, tmp_path: Path) -> None:
    items = [{**ITEM, "email": {"S": "anna@people.example"}, "phone": {"S": "0170 5550123"}}, ITEM]
    if most == 0 and hidden.startswith("tel"):
        return  # beyond the automaton only whole values and words are found
    _, (values, _, _) = sought(tmp_path, items, rules(), most=most)
    lines = [orjson.dumps({"id": {"S": f"k{n}"}, "x": {"S": hidden}}).decode() for n in range(3 * AT_ONCE)]
    other = [orjson.dumps({"id": {"S": "1"}, "x": {"S": "nobody"}}).decode()] * AT_ONCE
    assert [line for line, _ in look_through_all(values, [*other, *other, *lines, *other], Counted())] == lines
    assert "nobody" in values.clean
    assert hidden not in values.clean


@pytest.mark.parametrize("most", [0, 1000])
def test_what_was_looked_through_is_not_kept(most: int, tmp_path: Path) -> None:
    chance = random.Random(1)
    _, (values, _, _) = sought(tmp_path, [{**ITEM, "email": {"S": "anna@people.example"}}], rules(), most=most)
    texts = ("".join(chance.choices("abcdefgh", k=3_000)) for _ in range(160))
    lines = [orjson.dumps({"id": {"S": "k"}, "x": {"S": text}}).decode() for text in texts]
    tracemalloc.start()
    try:
        assert not list(look_through_all(values, lines, Counted()))
        assert tracemalloc.get_traced_memory()[0] < 160_000
    finally:
        tracemalloc.stop()


def test_at_least_fifteen_places_are_tried() -> None:
    assert len(PLACES) >= 15


@pytest.mark.parametrize("place", ["the value itself", "a set", "JSON in a string", "Base64 of JSON", "upper case"])
def test_values_beyond_the_automaton_are_found_as_values_and_words(place: str, tmp_path: Path) -> None:
    _, (values, found, fact) = sought(tmp_path, [ITEM], rules(), most=0)
    assert (fact.anywhere, fact.whole) == (0, 3)
    there = look_through(values, orjson.dumps(PLACES[place]).decode(), Counted())
    assert [found.rule_of(number) for number in there] == ["t: email pseudonym"]
    assert not look_through(values, orjson.dumps({"x": {"S": "nobody at all"}}).decode(), Counted())


def test_what_was_masked_holds_no_raw_value(tmp_path: Path) -> None:
    mask, (values, _, _) = sought(tmp_path, [ITEM], rules())
    assert not look_through(values, orjson.dumps(mask.masked(ITEM, mask.tally())).decode(), Counted())


def test_a_rule_that_keeps_and_has_a_domain_is_looked_for_all_the_same(tmp_path: Path) -> None:
    switched_off = [rule for rule in rules() if rule.path != "email"]
    switched_off += [MaskRule("*", "email", Verb.KEEP, Form.EMAIL, "email")]
    mask, (values, found, _) = sought(tmp_path, [ITEM], switched_off)
    there = look_through(values, orjson.dumps(mask.masked(ITEM, mask.tally())).decode(), Counted())
    assert [found.rule_of(number) for number in there] == ["t: email keep"]


def test_any_number_of_rules_of_any_number_of_tables_has_values(tmp_path: Path) -> None:
    found = Gathered(tmp_path, 10)
    found.rules = [f"rule {number}" for number in range(100_000)]
    for number in (0, 65_535, 65_536, 99_999):
        found.add(f"value {number}", number)
    assert [found.rule_of(number) for number in range(4)] == ["rule 0", "rule 65535", "rule 65536", "rule 99999"]


def test_what_cannot_be_told_is_left_out_and_counted(tmp_path: Path) -> None:
    items: list[Item] = [
        {
            "id": {"S": "1"},
            "email": {"S": "short"},
            "name": {"S": "Berlin"},
            "city": {"S": "Berlin Mitte"},
            "phone": {"S": "x" * 9},
        },
    ]
    _, (values, _, fact) = sought(tmp_path, items, rules(MaskRule("*", "city", Verb.KEEP)))
    assert (fact.distinct, fact.anywhere, fact.short, fact.kept, fact.by_chance) == (3, 1, 1, 1, 0)
    assert not look_through(values, '{"x":{"S":"in Berlin"}}', Counted())


def test_what_only_a_hook_brings_under_a_rule_is_looked_for(tmp_path: Path) -> None:
    """A hook that gives an attribute the name of a rule, and copies its value into another one."""
    raw: Item = {"id": {"S": "1"}, "contact": {"S": MAIL}}

    def moves(item: Item, context: Any) -> Item:
        return {"id": item["id"], "email": item["contact"], "note": {"S": f"dear {item['contact']['S']}"}}

    HELD["t"] = [raw]
    mask = TableMask(MaskKey(b"0123456789abcdef"), rules(MaskRule("*", "note", Verb.KEEP)), "t")
    table = Raw("t", None, "", (), mask, hook=ItemHook(moves, ""))
    values, _, fact = gather([table], tmp_path, 1000)
    written = mask.masked(moves(raw, None), mask.tally())
    assert (fact.distinct, fact.anywhere, fact.kept) == (1, 1, 0)
    assert look_through(values, orjson.dumps(written).decode(), Counted())


def test_what_no_rule_keeps_excuses_nothing(tmp_path: Path) -> None:
    """An item that a filter leaves behind may hold values that no rule names."""
    behind: Item = {"id": {"S": "2"}, "legacy": {"S": MAIL}, "more": {"M": {"x": {"S": MAIL}}}}
    _, (values, _, fact) = sought(tmp_path, [ITEM, behind], rules(MaskRule("*", "more.y", Verb.KEEP)))
    assert fact.kept == 0
    assert look_through(values, orjson.dumps({"x": {"S": MAIL}}).decode(), Counted())


def test_a_short_value_counts_as_a_word_only(tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [{"id": {"S": "1"}, "name": {"S": "Miller"}}], rules())
    for text, expected in (("miller", 1), ("Mr. Miller!", 1), ("Millerton", 0), ("smiller", 0)):
        assert len(look_through(values, orjson.dumps({"x": {"S": text}}).decode(), Counted())) == expected, text


def test_binary_that_is_no_text_is_counted_as_not_decoded(tmp_path: Path) -> None:
    _, (values, _, _) = sought(tmp_path, [ITEM], rules())
    counted = Counted()
    look_through(
        values, orjson.dumps({"x": {"B": b64(bytes(range(128, 200)))}, "y": {"B": b64(b"text")}}).decode(), counted
    )
    assert (counted.items, counted.not_decoded) == (1, 1)


def _random_item(draw: random.Random, number: int) -> Item:
    first, last = draw.choice(["Ana", "Bo", "Cy", "Di"]), draw.choice(["Alder", "Birch", "Cedar", "Dogwood"])
    digits = "".join(draw.choice("0123456789") for _ in range(draw.choice([6, 8, 12])))
    email, day = f"{first}.{last}{number}@mail.example".lower(), draw.randrange(1, 20)
    return {
        "id": {"S": f"{draw.randrange(16**8):08x}"},
        "email": {"S": email},
        "phone": draw.choice([{"S": f"+1 {digits}"}, {"N": digits.lstrip("0") or "1"}]),
        "name": {"S": f"{first} {last}"},
        "code": {"S": digits[:6]}, "note": {"S": draw.choice(["paid", "Cedar street 4", "see 123456", "a b c"])},
        "ref": {"S": draw.choice([f"account-{digits}", f"C#{email}"])},
        "from": {"S": f"2024-01-{day:02}"}, "to": {"S": f"2024-01-{day + 1:02}"},
        "days": {"L": [{"S": f"2024-02-{day:02}"}, {"S": f"2024-02-{day + 1:02}"}]},
        "codes": {"SS": [digits[:6], f"{int(digits[:6]) // 2 + 1:06}x"]},
        "json": {"S": json.dumps({"to": email, "code": digits[:6], "n": 1.50, "kept": draw.choice(["Ana", "123456"])})},
        "by": {"M": {email: {"S": draw.choice(["owner of it", "reader of it"])}}},
    }  # fmt: skip


def _random_rules(draw: random.Random) -> list[MaskRule]:
    forms = list(Form)
    inside = (
        MaskRule("*", "to", Verb.PSEUDONYM, Form.EMAIL, "email"), MaskRule("*", "n", Verb.KEEP),
        MaskRule("*", "code", Verb.PSEUDONYM, Form.DIGITS, "code"), MaskRule("*", "kept", Verb.KEEP),
    )  # fmt: skip
    return [
        MaskRule("*", "email", Verb.PSEUDONYM, draw.choice(forms), "email"),
        MaskRule("*", "phone", Verb.PSEUDONYM, Form.DIGITS), MaskRule("*", "name", Verb.PSEUDONYM, draw.choice(forms)),
        MaskRule("*", "code", Verb.PSEUDONYM, draw.choice([Form.DIGITS, Form.HEX]), "code", length=6),
        MaskRule("*", "id", Verb.KEEP), MaskRule("*", "note", Verb.KEEP),
        MaskRule("*", "ref", Verb.TEMPLATE, Form.EMAIL, "email", templates=("account-{number}", "C#{email}"),
                 parts={"number": TemplatePart(Verb.KEEP)}),
        MaskRule("*", "from", Verb.SHIFT_DATE, days=draw.choice([1, 9])),
        MaskRule("*", "to", draw.choice([Verb.SHIFT_DATE, Verb.NULL]), days=2),
        MaskRule("*", "days[*]", Verb.SHIFT_DATE, days=1),
        MaskRule("*", "codes", draw.choice([Verb.DROP, Verb.CONSTANT]), constant="123456"),
        MaskRule("*", "json", Verb.JSON, rules=inside),
        MaskRule("*", "by", Verb.PSEUDONYM, Form.EMAIL, "email", names=True),
        MaskRule("*", "by.*", draw.choice([Verb.KEEP, Verb.DROP])),
    ]  # fmt: skip


@pytest.mark.parametrize("many", [150, pytest.param(1_000, marks=pytest.mark.chaos)])
def test_a_thousand_clean_migrations_raise_no_alarm(tmp_path: Path, many: int) -> None:
    draw, alarms, looked_for = random.Random(7), [], 0
    for number in range(many):
        items = [_random_item(draw, n) for n in range(draw.randrange(1, 12))]
        mask, (values, _, fact) = sought(tmp_path, items, _random_rules(draw))
        assert fact.distinct >= fact.anywhere
        looked_for += fact.anywhere
        for item in items:
            masked = orjson.dumps(mask.masked(item, mask.tally())).decode()
            alarms += [(number, masked)] if look_through(values, masked, Counted()) else []
    assert not alarms
    assert looked_for > 20 * many


def test_a_date_that_another_ones_shift_comes_to_is_no_leak(tmp_path: Path) -> None:
    item: Item = {"id": {"S": "1"}, "from": {"S": "2024-01-01"}, "to": {"S": "2024-01-02"}}
    shifted = [MaskRule("*", name, Verb.SHIFT_DATE, domain="stay", days=1) for name in ("from", "to")]
    mask, (values, _, fact) = sought(tmp_path, [item], [MaskRule("*", "id", Verb.KEEP), *shifted])
    assert fact.by_chance == 1
    assert not look_through(values, orjson.dumps(mask.masked(item, mask.tally())).decode(), Counted())


def test_a_shape_of_which_every_part_is_kept_is_no_leak(tmp_path: Path) -> None:
    rule = MaskRule("*", "a", Verb.TEMPLATE, templates=("ref-{n}",), parts={"n": TemplatePart(Verb.KEEP)})
    mask, (values, _, fact) = sought(tmp_path, [item := {"a": {"S": "ref-1234567890"}}], [rule])
    assert (fact.distinct, fact.sought) == (0, 0)
    assert not look_through(values, orjson.dumps(mask.masked(item, mask.tally())).decode(), Counted())


def _texts(draw: random.Random) -> Iterator[str]:
    """Words and numbers as they stand in items, and what may be packed in them, whole, cut, or joined to others."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_="
    plain = draw.choice(["ada", "Zoë Żółć", "漢字 kanji", "\0\1", "marker.person@people.example"]) * draw.randrange(
        1, 4
    )
    data = plain.encode(draw.choice(["utf-8", "utf-16", "utf-16-le", "utf-16-be"]))
    for packed in (data, gzip.compress(data), zlib.compress(data), bz2.compress(data), draw.randbytes(12)):
        for spelled in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode, binascii.hexlify):
            text = spelled(packed).decode()
            yield from (
                text,
                text.rstrip("="),
                f"id-{text}",
                f"{text}_x/{text}",
                f"0x{text}",
                f"X{text}",
                text[draw.randrange(4) :],
            )
    yield "".join(draw.choice(letters) for _ in range(draw.randrange(8, 40)))
    yield f"{draw.randrange(1 << 64):016x}-{draw.randrange(10**9):09}"


def _holds_six(data: bytes) -> bool:
    """Whether bytes are a text, or packed, with as many characters in a row as a value has at least."""
    text = " ".join(text_of_bytes(piece) or "" for piece in pieces_of(data, Budget()) or (data,))
    return re.search(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]{6}", text.replace("\0", "")) is not None


def test_no_run_is_passed_over_that_has_a_reading() -> None:
    draw, read = random.Random(3), 0
    for _ in range(150):
        for run in (run for text in _texts(draw) for run in text.split("=") if run):
            has = any(_holds_six(data) for _, data in every_reading(run))
            reads = any(True for _ in readings(run, Budget()))
            read += has
            assert reads or not has, run
            assert that_may_hide([run]) or not reads or len(run) < LEAST_PACKED, run
    assert read > 1_800


def test_of_many_runs_together_the_same_are_passed_over_as_of_each_by_itself() -> None:
    draw = random.Random(4)
    runs = [run for _ in range(80) for text in _texts(draw) for run in text.split("=") if len(run) >= LEAST_PACKED]
    for any_bytes in (False, True):
        assert that_may_hide(runs, any_bytes) == {run for run in runs if that_may_hide([run], any_bytes)}
    assert {run for run in runs if any(True for _ in readings(run, Budget()))} <= that_may_hide(runs)
    assert len(that_may_hide(runs)) < 0.9 * len(set(runs))


def test_many_items_at_once_are_looked_through_as_each_by_itself(tmp_path: Path) -> None:
    draw, found = random.Random(5), 0
    for number in range(25):
        items = [_random_item(draw, n) for n in range(draw.randrange(1, 40))]
        mask, (values, _, _) = sought(tmp_path, items, _random_rules(draw))
        lines = [orjson.dumps(each if draw.random() < 0.1 else mask.masked(each, mask.tally())).decode()
                 for each in items]  # fmt: skip
        lines += [orjson.dumps({"id": {"S": text}}).decode() for text in _texts(draw)]
        held = [value["S"] for each in items for value in each.values() if "S" in value]
        lines += [orjson.dumps({"id": {"S": str(list(text.encode()))}}).decode() for text in held]
        draw.shuffle(lines)
        one, many = Counted(), Counted()
        alone = [(line, there) for line in lines if (there := look_through(values, line, one))]
        together = list(look_through_all(values, lines, many))
        assert sorted(together, key=str) == sorted(alone, key=str), number
        assert one == many
        found += len(alone)
    assert found > 60


@pytest.mark.parametrize("text", [f"to ({MAIL}), please", f"a <{MAIL}>;b", f"x#{MAIL}|y"])
def test_an_address_among_others_is_found_beyond_the_automaton_too(text: str, tmp_path: Path) -> None:
    _, (values, _, fact) = sought(tmp_path, [ITEM], rules(), most=0)
    assert fact.anywhere == 0
    assert look_through(values, orjson.dumps({"id": {"S": "1"}, "x": {"S": text}}).decode(), Counted())


def test_names_that_a_rule_masks_are_looked_for_and_other_names_are_not(tmp_path: Path) -> None:
    names = [MaskRule("*", "by", Verb.PSEUDONYM, Form.EMAIL, "email", names=True), MaskRule("*", "by.*", Verb.KEEP)]
    item: Item = {"id": {"S": "1"}, "by": {"M": {MAIL: {"BOOL": True}}}}
    mask, (values, _, fact) = sought(tmp_path, [item], [MaskRule("*", "id", Verb.KEEP), *names])
    assert (fact.distinct, fact.anywhere) == (1, 1)
    assert look_through(values, orjson.dumps(item).decode(), Counted())
    assert not look_through(values, orjson.dumps(mask.masked(item, mask.tally())).decode(), Counted())
