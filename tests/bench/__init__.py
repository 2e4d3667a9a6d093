"""What the measurements share: export lines of about 450 bytes, a clock per way, and a table of results."""

from __future__ import annotations

import base64
import gc
import gzip
import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from runbook_lib.aws.guard import Calls
from runbook_lib.config import Import
from runbook_lib.items import Item, KeyAttribute
from runbook_lib.ledger import Ledger
from runbook_lib.manifest import DataFile
from runbook_lib.run import Run

ID = (KeyAttribute("id", "S", "HASH"),)
ROUNDS = 3
TEXT = "Quarterly statement of the borrowing base, "


def plain_line(number: int) -> bytes:
    """A line as business tables have them: text, numbers, a flag, a small map and a small list."""
    return _line(
        {
            "id": {"S": plain_id(number)},
            "company": {"S": f"company-{number % 997:04}"},
            "title": {"S": f"{TEXT}number {number}"},
            "note": {"S": TEXT * 2},
            "amount": {"N": f"{number % 100_000}.{number % 90 + 10}"},
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
            "amount": {"N": f"{number % 100_000}.{number % 90 + 10}"},
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
    config = SimpleNamespace(import_=Import(**settings))
    clients = SimpleNamespace(staging=staging, calls=calls)
    return Run("bench", Path(), config, clients, ledger, True)  # type: ignore[arg-type]


@dataclass(slots=True)
class Way:
    """One way to treat some items; `cpu` and `wall` are the seconds of its best round."""

    name: str
    items: int
    work: Callable[[], object]
    cpu: float = float("inf")
    wall: float = float("inf")

    @property
    def cpu_us(self) -> float:
        """CPU time of this process per item, in microseconds, all threads together."""
        return self.cpu / self.items * 1e6

    @property
    def per_second(self) -> float:
        return self.items / self.wall

    @property
    def per_core_second(self) -> float:
        return self.items / self.cpu


def measure(*ways: Way) -> None:
    """Time every way in turn, ROUNDS times over, so that a slow moment of the machine meets them all."""
    for _ in range(ROUNDS):
        for way in ways:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            way.work()
            way.cpu = min(way.cpu, time.process_time() - cpu)
            way.wall = min(way.wall, time.perf_counter() - wall)


def show(title: str, *ways: Way) -> None:
    """Print what was measured; the ratio is the CPU time of the first way over that of each."""
    print(f"\n\n{title}\n{'':56}{'CPU ratio':>10}{'CPU us/item':>13}{'items/CPU s':>13}{'items/s':>11}")
    for way in ways:
        print(
            f"{way.name:56}{ways[0].cpu_us / way.cpu_us:>9.1f}x{way.cpu_us:>13.1f}"
            f"{way.per_core_second:>13,.0f}{way.per_second:>11,.0f}"
        )
