"""How much memory an import takes, whatever the number and the size of the files."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from isal import igzip

from tests.bench import plain_id, plain_line, publish
from tests.bench.sink import Sink, running_sink

MOST = 300.0  # MB over the interpreter


@dataclass(frozen=True, slots=True)
class Peak:
    """`over` is the peak in MB over that of an interpreter with the same modules."""

    over: float
    seconds: float
    items: int


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


@pytest.fixture(scope="module")
def idle() -> float:
    return float(_measured({})["peak"])


def _measured(case: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.memory", json.dumps(case)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    result: dict[str, float] = json.loads(ran.stdout)
    return result


@pytest.fixture(scope="module")
def peaks(idle: float) -> Iterator[list[tuple[str, str, str]]]:
    """What was measured, published when all of it is."""
    rows: list[tuple[str, str, str]] = []
    yield rows
    publish(
        "memory of an import",
        f"Megabytes over the {idle:.0f} of an interpreter with the same modules",
        ("case", "over the interpreter", "time"),
        rows,
    )


def imported(
    sink: Sink,
    idle: float,
    peaks: list[tuple[str, str, str]],
    folder: Path,
    lines: Iterable[bytes],
    files: int,
    name: str,
) -> Peak:
    """Import the lines as a data file under so many keys, and say what that took."""
    path, items = folder / "data.json.gz", 0
    with igzip.open(path, "wb") as file:
        for line in lines:
            file.write(line + b"\n")
            items += 1
    with path.open("rb") as file:
        md5 = base64.b64encode(hashlib.file_digest(file, "md5").digest()).decode()
    size = path.stat().st_size
    case = {"endpoint": sink.endpoint, "path": str(path), "md5": md5, "items": items, "files": files}
    ran = _measured(case)
    peak = Peak(ran["peak"] - idle, ran["seconds"], items * files)
    told = f"{name} ({files:,} files of {items:,} items, {size / 1e6:,.2f} MB stored each)"
    peaks.append((told, f"{peak.over:.0f} MB", f"{peak.seconds:.0f} s"))
    path.unlink()
    assert peak.over < MOST
    return peak


def large_line(number: int, size: int) -> bytes:
    """A line of about so many bytes that does not compress to nothing."""
    digest = hashlib.blake2b(number.to_bytes(8)).hexdigest()
    text = digest + "Quarterly statement. " * ((size - 180) // 21)
    return b'{"Item":{"id":{"S":"' + plain_id(number).encode() + b'"},"text":{"S":"' + text.encode() + b'"}}}'


@pytest.mark.bench
def test_memory_is_the_same_for_few_and_for_many_items(
    sink: Sink, idle: float, peaks: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    few = imported(sink, idle, peaks, tmp_path, map(plain_line, range(500)), 200, "100,000 items")
    many = imported(sink, idle, peaks, tmp_path, map(plain_line, range(25_000)), 200, "5,000,000 items")
    assert abs(many.over - few.over) < 30


@pytest.mark.bench
def test_many_small_files_and_large_lines_and_a_large_file_fit(
    sink: Sink, idle: float, peaks: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    imported(sink, idle, peaks, tmp_path, map(plain_line, range(20)), 10_000, "small files")
    with running_sink(delay=0.2) as slow:  # so that as many requests are in flight as may be
        imported(
            slow,
            idle,
            peaks,
            tmp_path,
            (large_line(n, 409_000) for n in range(100)),
            32,
            "lines of 400 KB, slow answers",
        )
    imported(sink, idle, peaks, tmp_path, (large_line(n, 4_000) for n in range(500_000)), 1, "a file of 2 GB")
