"""No item takes for ever to look through, and of what is not unpacked it is said so."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.leak_scan import look
from runbook_lib.leak_scan.budget import MOST_UNPACKED, Budget
from runbook_lib.leak_scan.decode import unpacked
from runbook_lib.leak_scan.joined import joined_base64
from runbook_lib.leak_scan.look import Counted, RawValues, look_through, look_through_all
from runbook_lib.leak_scan.opened import is_packed, pieces_of
from runbook_lib.report.sections.masking.sentences import leaks_in_short, masking_sentences
from tests.support import records

MAIL = "anna.schmidtmeier@people.example"
VALUES = RawValues([MAIL], [0])
SIGNS = (
    "%20", "&amp;", "\\n", "=3D", "[1]", "xn--a", "hello", "world", "/a/b/c", "é", "\n", "<p style='color:#fff'>", "+",
    "http://x.example/a%2Fb?c=d&e=f", "\t",
)  # fmt: skip


def line(**values: str) -> str:
    return orjson.dumps({"id": {"S": "1"}} | {name: {"S": value} for name, value in values.items()}).decode()


def bomb(number: int, size: int = 6 << 20) -> bytes:
    return gzip.compress(b"%d" % number + b"ab" * (size // 2), mtime=0)


def bombs(many: int) -> str:
    """Gzip of Base64 of gzip: each of those within is small itself."""
    within = b" ".join(base64.b64encode(bomb(number)) for number in range(many))
    return base64.b64encode(gzip.compress(within, mtime=0)).decode()


def mail(size: int, between: str = " ") -> str:
    draw = random.Random(1)
    return between.join(draw.choice(SIGNS) for _ in range(size // 5))[:size]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the items that are looked through unpack, part by part."""
    take, parts = Budget.take, list[int]()

    def counts(self: Budget, size: int) -> bool:
        may = take(self, size)
        parts.append(size if may else 0)
        return may

    monkeypatch.setattr(Budget, "take", counts)
    return parts


TOO_MUCH = {
    "bombs in a bomb": bombs(12),
    "joints that begin gzip": "-H4s" * 9_000,
    "joints that begin zlib": "/eJz" * 9_000,
    "many bombs": " ".join(base64.b64encode(bomb(number)).decode() for number in range(9)),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_what_is_unpacked_of_one_item_is_bound_and_the_rest_is_counted(case: str, taken: list[int]) -> None:
    counted = Counted()
    item = line(a=TOO_MUCH[case], b=quote(f"to {MAIL}", safe=""))
    assert look_through(VALUES, item, counted)  # what takes fewer steps to unpack comes first
    assert counted.cut_short == 1
    assert sum(taken) <= MOST_UNPACKED


@pytest.mark.parametrize("case", TOO_MUCH)
def test_an_item_that_comes_to_too_much_is_not_passed_over_among_others(case: str) -> None:
    one, many, clean = Counted(), Counted(), [line(a=f"clean {number}") for number in range(30)]
    lines = [*clean, line(a=TOO_MUCH[case]), *clean]
    for each in lines:
        look_through(VALUES, each, one)
    assert not list(look_through_all(VALUES, lines, many))
    assert one == many
    assert many.cut_short == 1


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gzip in Base64": lambda data: base64.b64encode(gzip.compress(data, mtime=0)),
    "Base64": base64.b64encode,
    "hexadecimal": lambda data: data.hex().encode(),
    "URL-encoded": lambda data: quote(data, safe="").encode(),
    "JSON in JSON": lambda data: json.dumps([data.decode()]).encode(),
}


def nested(ways: Sequence[str]) -> str:
    data = f"to {MAIL}, from % & co".encode()
    for way in ways:
        data = WAYS[way](data)
    return data.decode()


def gzips(many: int) -> str:
    data = MAIL.encode()
    for _ in range(many):
        data = gzip.compress(data, mtime=0)
    return base64.b64encode(data).decode()


@given(st.lists(st.sampled_from(sorted(WAYS)), max_size=9))
@settings(max_examples=60, deadline=None)
def test_what_is_nested_deeper_than_any_level_is_found(ways: list[str]) -> None:
    counted = Counted()
    assert look_through(VALUES, line(a=nested(ways)), counted)
    assert counted.cut_short == 0


@pytest.mark.parametrize("many", [1, 2, 3, 4, 5, 8, 30, 100])
@pytest.mark.parametrize("ways", [[], ["Base64"], ["URL-encoded"]])
def test_what_is_packed_again_and_again_is_found_or_counted_as_not_looked_through(many: int, ways: list[str]) -> None:
    data = gzips(many).encode()
    for way in ways:
        data = WAYS[way](data)
    counted = Counted()
    found = look_through(VALUES, line(a=data.decode()), counted)
    assert bool(found) != bool(counted.cut_short)
    assert found or many > 20
    several = Counted()
    assert bool(list(look_through_all(VALUES, [line(a="clean"), line(a=data.decode())], several))) == bool(found)
    assert several.cut_short == counted.cut_short


@pytest.mark.parametrize("between", ["", " "])
def test_a_text_that_is_reached_in_two_orders_is_looked_through_once(between: str, taken: list[int]) -> None:
    counted, text = Counted(), mail(20_000, between)
    look_through(VALUES, line(a=text), counted)
    assert counted.cut_short == 0
    assert 20 < counted.decoded < 300
    assert sum(taken) < 800 * len(text)


def test_texts_that_are_made_of_a_text_count_too(monkeypatch: pytest.MonkeyPatch, taken: list[int]) -> None:
    monkeypatch.setattr(look, "Budget", lambda: Budget(120_000))
    counted = Counted()
    look_through(VALUES, line(a=mail(20_000)), counted)
    assert counted.cut_short == 1
    assert 0 < counted.decoded < 7
    assert sum(taken) < 120_000


def seconds(work: Callable[[], object]) -> float:
    """The least of some times of this process."""
    best = 9e9
    for _ in range(3):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


JOINED = {
    "every joint is in a text": lambda size: base64.b64encode(b"?" * size).decode(),
    "many texts, many joints": lambda size: "-".join(["AAECAwQF", "aGVsbG8gd29y", "bGQ_IAD_"] * (size // 24)),
}


@pytest.mark.parametrize("case", JOINED)
def test_what_is_joined_takes_four_times_as_long_if_it_is_four_times_as_much(case: str) -> None:
    def reads(size: int) -> float:
        run = JOINED[case](size)
        parts = run.replace("-", "/").replace("_", "/").replace("+", "/").split("/")
        return seconds(lambda: sum(len(data) for data in joined_base64(run, parts)))

    assert reads(32_000) < 9 * reads(8_000)


def test_a_name_of_a_domain_is_decoded_only_as_long_as_one_may_be() -> None:
    assert [step for step, _ in unpacked(f"xn--{'a' * 200}", (), set(), Budget())] == ["punycode"]
    assert not list(unpacked(f"xn--{'a' * 300}", (), set(), Budget()))


@pytest.mark.parametrize("size", [63, 64, 65, 1 << 16, (1 << 16) + 1, 1 << 20])
@pytest.mark.parametrize("many", [1, 3])
def test_a_packed_text_is_whole_however_long_it_is(size: int, many: int) -> None:
    data = random.Random(size).randbytes(size // 2 + 1).hex().encode()[:size]
    budget = Budget()
    assert pieces_of(gzip.compress(data) * many, budget) == [data * many]
    assert not budget.over
    assert is_packed(gzip.compress(data))
    small = Budget(size + 200)
    (held,) = pieces_of(gzip.compress(data) * 2, small)
    assert small.over
    assert (data * 2).startswith(held)


def test_what_is_behind_packed_bytes_or_left_of_broken_ones_is_searched_too() -> None:
    packed = gzip.compress(b"dear " * 40 + MAIL.encode() + b" and others" * 20)
    long = gzip.compress(MAIL.encode() + random.Random(1).randbytes(99_000).hex().encode())
    broken = long[:-8] + b"\1\2\3\4\5\6\7\x08"
    for data in (packed + MAIL.encode(), gzip.compress(b"dear all") + b"\0\xff" + MAIL.encode(), broken, packed[:-20]):
        assert look_through(VALUES, line(a=base64.b64encode(data).decode()), Counted())
    for text in (f"x^2 {MAIL}", f"BZh {MAIL}", f"BZh9 {quote(MAIL, safe='')}%20", f"PK\3\4 {MAIL}", f"]\0\0 {MAIL}"):
        assert look_through(VALUES, line(a=base64.b64encode(text.encode()).decode()), Counted()), text


def test_the_report_says_how_many_items_were_scanned_in_part() -> None:
    assert MOST_UNPACKED == 32 << 20
    scan = {"items": 4, "values": 30, "cut_short": 2}
    made = {"masks": True, "items_kept": 4, "items_derived": 4}
    table = {"source": "a", "target": "b", "items_exported": 4, "transform": made, "leak_scan": scan}
    record = records.typed({"tables": [table], "leak_scan": {"distinct": 3, "anywhere": 3}})
    said = "2 items were scanned in part: all that is packed in one comes to more than 32 MB, or nests too deep."
    assert leaks_in_short(record)[0].endswith(f"; {said}")
    assert f"b: {said}" in masking_sentences(record)
