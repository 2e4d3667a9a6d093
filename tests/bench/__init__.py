"""What the measurements share: export lines of about 450 bytes, a clock per way, and a table of results."""

from __future__ import annotations

import base64
import gc
import gzip
import hashlib
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import orjson

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.config.sections.importing import ImportSettings
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from tools.scale_model import BOOK, PAGE, page

ID = (KeyAttribute("id", "S", "HASH"),)
ROUNDS = 5
TEXT = "Quarterly statement of the borrowing base, "


def plain_line(number: int) -> bytes:
    """A line as business tables have them: text, numbers, a flag, a small map and a small list."""
    return _line(
        {
            "id": {"S": plain_id(number)},
            "company": {"S": f"company-{number % 997:04}"},
            "title": {"S": f"{TEXT}number {number}"},
            "note": {"S": TEXT * 2},
            "amount": {"N": f"{number % 100_000}.{number % 9 + 11}"},
            "version": {"N": str(number % 7)},
            "created": {"S": "2026-11-23T05:33:36.120Z"},
            "active": {"BOOL": number % 2 == 0},
            "address": {"M": {"city": {"S": "Columbus"}, "zip": {"S": "43004"}}},
            "tags": {"L": [{"S": "loan"}, {"N": "12"}]},
        }
    )


def mixed_line(number: int) -> bytes:
    """A line that holds all ten types, sets of three, in one item."""
    blob = hashlib.blake2b(number.to_bytes(8), digest_size=12).digest()
    return _line(
        {
            "id": {"S": plain_id(number)},
            "title": {"S": f"{TEXT}number {number}"},
            "amount": {"N": f"{number % 100_000}.{number % 9 + 11}"},
            "blob": {"B": base64.b64encode(blob).decode()},
            "names": {"SS": ["north", "south", "west"]},
            "sizes": {"NS": ["1", "2.5", str(number + 2)]},
            "hashes": {"BS": [base64.b64encode(blob[at : at + 4]).decode() for at in (0, 4, 8)]},
            "address": {"M": {"city": {"S": "Columbus"}, "zip": {"N": "43004"}}},
            "tags": {"L": [{"S": "loan"}, {"N": "12"}]},
            "active": {"BOOL": number % 2 == 0},
            "parent": {"NULL": True},
        }
    )


def plain_id(number: int) -> str:
    """The key of a line."""
    return hashlib.blake2b(number.to_bytes(8), digest_size=8).hexdigest() + f"-{number:09}"


def _line(item: Item) -> bytes:
    return b'{"Item":' + orjson.dumps(item) + b"}"


class OneFile:
    """An S3 client that holds one data file, in memory."""

    def __init__(self, lines: Sequence[bytes], ordinal: int = 0) -> None:
        self.content = gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6)
        md5 = hashlib.md5(self.content, usedforsecurity=False).digest()
        self.file = DataFile(ordinal, f"data/{ordinal:05}.json.gz", base64.b64encode(md5).decode(), len(lines))

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"ContentLength": len(self.content), "ETag": '"bench"', "Body": io.BytesIO(self.content)}


def engine_run(ledger: Ledger, calls: Calls, stored: Mapping[str, OneFile], **settings: Any) -> Run:
    """As much of a run as the engine needs: a ledger, settings of the import, and S3 in memory."""
    staging = SimpleNamespace(get_object=lambda Bucket, Key: stored[Key].get_object())
    here = SimpleNamespace(processes=1), SimpleNamespace(kind="local")
    config = SimpleNamespace(import_=ImportSettings(**settings), validate_=here[0], engine=here[1])
    clients = SimpleNamespace(staging=staging, calls=calls)
    return Run("bench", Path(), config, clients, ledger, True)  # type: ignore[arg-type]


@dataclass(slots=True)
class Way:
    """One way to treat some items; `cpus` and `walls` are the seconds of each round."""

    name: str
    items: int
    work: Callable[[], object]
    cpus: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)

    @property
    def cpu_us(self) -> float:
        """CPU time of this process per item, in microseconds, all threads together; the median round."""
        return median(self.cpus) / self.items * 1e6

    @property
    def per_second(self) -> float:
        return self.items / median(self.walls)

    @property
    def per_core_second(self) -> float:
        return self.items / median(self.cpus)

    def ratio(self, baseline: Way) -> float:
        """The baseline's CPU per item over this one's; the median of the ratios of each round."""
        return median(
            theirs / baseline.items / (ours / self.items) for theirs, ours in zip(baseline.cpus, self.cpus, strict=True)
        )


def measure(*ways: Way) -> None:
    """Time every way in turn, ROUNDS times over, so that a slow moment of the machine meets them all."""
    for _ in range(ROUNDS):
        for way in ways:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            way.work()
            way.cpus.append(time.process_time() - cpu)
            way.walls.append(time.perf_counter() - wall)


def show(block: str, title: str, baseline: Way, *ways: Way) -> None:
    """Publish what was measured; the ratio is the CPU time of the baseline over that of each."""
    publish(
        block,
        f"{title}. Medians of {ROUNDS} rounds in turn; CPU of the client, all threads",
        ("way", "CPU, first / this", "range", "CPU per item", "items per CPU second", "items/s"),
        [
            (
                way.name, f"{way.ratio(baseline):.1f}", _range(baseline, way), f"{way.cpu_us:.1f} µs",
                f"{way.per_core_second:,.0f}", f"{way.per_second:,.0f}",
            )
            for way in (baseline, *ways)
        ],
    )  # fmt: skip


def _range(baseline: Way, way: Way) -> str:
    rounds = [a / baseline.items / (b / way.items) for a, b in zip(baseline.cpus, way.cpus, strict=True)]
    return "" if way is baseline else f"{min(rounds):.1f} to {max(rounds):.1f}"


def publish(block: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of results and put it in place of the last one of this name in docs/benchmarks.md."""
    load = os.getloadavg()[0]
    lines = [
        f"{title}; load of the machine {load:.1f}.",
        "",
        "| " + " | ".join(columns) + " |",
        "|---" + "|---:" * (len(columns) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    print("\n\n" + "\n".join(lines))
    begin, end = f"<!-- measured: {block} -->", "<!-- end -->"
    before, found, rest = BOOK.read_text(encoding="utf-8").partition(begin)
    assert found, f"docs/benchmarks.md has no place for {block!r}"
    BOOK.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")  # its figures are worked out from these
