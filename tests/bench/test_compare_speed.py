"""How fast one core reads, checks and digests items, and how little memory a table's buckets take."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runbook_lib.export_format.data_file import fetch
from runbook_lib.items.canonical import Item
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.learned_forms import LearnedForms
from runbook_lib.items.lines import PREFIX, parse_line
from runbook_lib.items.page import PageItems
from runbook_lib.validate.bucket_digest import BUCKETS, BucketDigest
from runbook_lib.validate.compare import Rules, compare
from tests.bench import ID, OneFile, Way, measure, mixed_line, plain_id, plain_line, publish, show

MANY, MILLIONS, DIFFERING = 25_000, 5_000_000, 300_000
EACH = 20  # of the items compared is different: some in every bucket
STATUS = Path("/proc/self/status")


def by_json(lines: Sequence[bytes]) -> None:
    """What one would write first: parse, dump with sorted keys, hash; blind to 1 = 1.0 and to the order of sets."""
    for line in lines:
        hashlib.sha256(json.dumps(json.loads(line), sort_keys=True).encode()).digest()


def by_parsing(lines: Sequence[bytes]) -> None:
    """The part of ours that only parses."""
    for line in lines:
        parse_line(line)


def by_digests(lines: Sequence[bytes]) -> None:
    """Ours: canonical key and both item digests of every line, added to buckets, as validation does it."""
    BucketDigest(RunSecret.new()).add_items(map(parse_line, lines), ID)


def by_forms(page: bytes) -> None:
    """Ours, of a page of a Scan: items of a form that was met before are not parsed."""
    BucketDigest(RunSecret.new()).add_spelled(PageItems(page).spelled(LearnedForms(ID)))


@pytest.mark.bench
@pytest.mark.parametrize(
    ("kind", "make", "least", "least_by_forms"),
    [("all ten types in each item", mixed_line, 0.7, 0.6), ("S, N, BOOL, M and L", plain_line, 1.2, 1.8)],
)
def test_a_canonical_digest_costs_less_than_a_naive_one(
    kind: str, make: Callable[[int], bytes], least: float, least_by_forms: float
) -> None:
    lines = [make(number) for number in range(MANY)]
    page = b'{"Items":[%b]}' % b",".join(line[len(PREFIX) : -1] for line in lines)
    naive = Way("json.loads + json.dumps(sort_keys) + sha256", MANY, lambda: by_json(lines))
    parsing = Way("of ours, only parse_line", MANY, lambda: by_parsing(lines))
    ours = Way("parse_line, key and item digest, buckets", MANY, lambda: by_digests(lines))
    known = Way("a page of a Scan, forms learned from its first items", MANY, lambda: by_forms(page))
    measure(naive, parsing, ours, known)
    block = "digest of mixed items" if make is mixed_line else "digest of plain items"
    show(
        block, f"{MANY:,} lines of {sum(map(len, lines)) // MANY} bytes, {kind}, 1 thread", naive, ours, parsing, known
    )
    assert ours.ratio(naive) > least
    assert known.ratio(naive) > least_by_forms


@pytest.mark.bench
def test_checking_a_file_costs_little_more_than_reading_it() -> None:
    lines = [plain_line(number) for number in range(MANY)]
    stored = OneFile(lines)

    def by_hand() -> None:
        assert sum(1 for line in gzip.decompress(stored.content).splitlines() if json.loads(line)["Item"]) == MANY

    def check() -> None:
        with fetch(stored, "bucket", stored.file) as checked:
            assert checked.lines == MANY

    def check_and_read() -> None:
        with fetch(stored, "bucket", stored.file) as checked:
            assert sum(1 for _ in checked.items()) == MANY

    naive = Way("gunzip in memory + json.loads", MANY, by_hand)
    checked = Way("fetch: MD5, gunzip, each line's shape", MANY, check)
    read = Way("fetch, then items(): gunzip again", MANY, check_and_read)
    measure(naive, checked, read)
    show("file", f"{MANY:,} lines of {sum(map(len, lines)) // MANY} bytes, gzip, from memory", naive, checked, read)
    assert checked.ratio(naive) > 0.5


@pytest.mark.bench
@pytest.mark.skipif(not STATUS.exists(), reason="the peak of one process is read from Linux's /proc")
def test_the_buckets_of_five_million_items_fit_into_little_memory() -> None:
    small, _ = _peak_of_buckets(1_000)
    large, seconds = _peak_of_buckets(MILLIONS)
    publish(
        "memory of buckets",
        "A process that makes, parses and digests items of 467 bytes and adds them to buckets",
        ("items", "peak memory of the process", "CPU"),
        [("1,000", f"{small:.1f} MB", ""), (f"{MILLIONS:,}", f"{large:.1f} MB", f"{seconds:.0f} s")],
    )
    assert large < 300
    assert large - small < 20


@pytest.mark.bench
@pytest.mark.skipif(not STATUS.exists(), reason="the peak of one process is read from Linux's /proc")
def test_naming_differences_everywhere_takes_bounded_memory() -> None:
    peak, seconds = _peak_of_buckets(DIFFERING, "compare")
    publish(
        "memory of naming differences",
        f"A process that compares and names differences; every {EACH}th item differs, so nearly every bucket does",
        ("items on each side", "peak memory of the process", "CPU"),
        [(f"{DIFFERING:,}", f"{peak:.1f} MB", f"{seconds:.0f} s")],
    )
    assert peak < 300


def _peak_of_buckets(items: int, what: str = "fill") -> tuple[float, float]:
    """Megabytes at their most, and seconds of CPU, of a new process that fills or compares buckets."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.test_compare_speed", what, str(items)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return float(answer[0]), float(answer[1])


def _lines(items: int, changed: bytes | None = None) -> Iterator[bytes]:
    """Many different lines, made in less time than it takes to look at one; each EACH-th with a `changed` city."""
    before, after = plain_line(0).split(plain_id(0).encode())
    other = after if changed is None else after.replace(b"Columbus", changed)
    for number in range(items):
        yield b"%b%016x-%09d%b" % (
            before,
            number * 0x9E3779B97F4A7C15 % 2**64,
            number,
            other if number % EACH == 0 else after,
        )


def _fill(items: int) -> None:
    buckets = BucketDigest(RunSecret.new())
    assert buckets.add_items(map(parse_line, _lines(items)), ID) == items == buckets.items


def _compare(items: int) -> None:
    secret = RunSecret.new()
    sides = BucketDigest(secret), BucketDigest(secret)
    sides[0].add_items(map(parse_line, _lines(items)), ID)
    sides[1].add_items(map(parse_line, _lines(items, b"Dayton")), ID)

    def look_again(keys: list[Item]) -> list[Item]:
        wanted = [key["id"]["S"].split("-")[1] for key in keys]
        head, tail = plain_line(0).replace(b"Columbus", b"Dayton").split(plain_id(0).encode())
        texts = (b"%b%016x-%09d%b" % (head, int(n) * 0x9E3779B97F4A7C15 % 2**64, int(n), tail) for n in wanted)
        return [parse_line(text) for text in texts]

    found = compare(
        *sides, lambda: map(parse_line, _lines(items)), lambda: map(parse_line, _lines(items, b"Dayton")), ID,
        look_again, Rules(secret, expires=lambda item: None, clock=lambda: 0.0, limit=1000),
    )  # fmt: skip
    assert len(sides[0].differing(sides[1])) > 0.9 * BUCKETS
    assert found.counts["different"] == items // EACH
    assert [p.path for p in found.listed[-1].paths or ()] == ["address.city"]


if __name__ == "__main__":
    began = time.process_time()
    {"fill": _fill, "compare": _compare}[sys.argv[1]](int(sys.argv[2]))
    # Not getrusage: Linux lets ru_maxrss begin with the peak of the process that started this one.
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024, time.process_time() - began)
