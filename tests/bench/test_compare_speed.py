"""How fast one core reads, checks and digests items, and how little memory a table's buckets take."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from runbook_lib.buckets import Buckets, digests
from runbook_lib.datafile import fetch
from runbook_lib.items import parse_line
from tests.bench import ID, OneFile, Way, measure, mixed_line, plain_line, show

MANY, MILLION = 25_000, 1_000_000
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
    """Ours: key digest and canonical item digest of every line."""
    for line in lines:
        digests(parse_line(line), ID)


@pytest.mark.bench
@pytest.mark.parametrize(
    ("kind", "make"), [("all ten types in each item", mixed_line), ("S, N, BOOL, M and L", plain_line)]
)
def test_a_canonical_digest_costs_about_as_much_as_a_naive_one(kind: str, make: Callable[[int], bytes]) -> None:
    lines = [make(number) for number in range(MANY)]
    naive = Way("json.loads + json.dumps(sort_keys) + sha256", MANY, lambda: by_json(lines))
    parsing = Way("of ours, only parse_line", MANY, lambda: by_parsing(lines))
    ours = Way("parse_line + digests (key and item)", MANY, lambda: by_digests(lines))
    measure(naive, parsing, ours)
    show(f"digest: lines of {sum(map(len, lines)) // MANY} bytes, {kind}, 1 thread", naive, ours, parsing)
    assert naive.cpu_us / ours.cpu_us > 0.4


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
    checked = Way("fetch: MD5, gunzip, parse_line", MANY, check)
    read = Way("fetch, then items(): gunzip again", MANY, check_and_read)
    measure(naive, checked, read)
    show(f"file: {MANY:,} lines of {sum(map(len, lines)) // MANY} bytes, gzip, from memory", naive, checked, read)
    assert naive.cpu_us / checked.cpu_us > 0.5


@pytest.mark.bench
@pytest.mark.skipif(not STATUS.exists(), reason="the peak of one process is read from Linux's /proc")
def test_the_buckets_of_a_million_items_fit_into_little_memory() -> None:
    small, _ = _peak_of_buckets(1_000)
    large, seconds = _peak_of_buckets(MILLION)
    print(f"\n\nbuckets: peak memory of a process, {small:.1f} MB for 1,000 items, {large:.1f} MB for {MILLION:,}")
    print(f"         ({MILLION:,} items generated, parsed, digested and added in {seconds:.0f} s)")
    assert large < 300
    assert large - small < 20


def _peak_of_buckets(items: int) -> tuple[float, float]:
    """Megabytes at their most, and seconds, of a new process that fills buckets."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.test_compare_speed", str(items)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return float(answer[0]), float(answer[1])


def _fill(items: int) -> None:
    buckets, began = Buckets(), time.perf_counter()
    for number in range(items):
        buckets.add(*digests(parse_line(mixed_line(number)), ID))
    assert buckets.items == items
    # Not getrusage: Linux lets ru_maxrss begin with the peak of the process that started this one.
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024, time.perf_counter() - began)


if __name__ == "__main__":
    _fill(int(sys.argv[1]))
