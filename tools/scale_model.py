"""The tables of docs/scale.md, from docs/benchmarks.md and published limits; `python -m tools.scale_model` writes them.

What is measured is read from docs/benchmarks.md, so the page follows every `make bench`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from runbook_lib.cost.durations import NEW_WRITES, TABLE_MOST
from runbook_lib.cost.prices import AS_OF, PRICES

DOCS = Path(__file__).parents[1] / "docs"
PAGE, BOOK = DOCS / "scale.md", DOCS / "benchmarks.md"
GB, TB = 1e9, 1e12
REGION = "us-east-1"
KEY_RANGE = 1_000  # write units per second
S3_GETS = 5_500  # per second and prefix
FILE = 100e6  # bytes of items in a data file: assumed
PLANNED = 0.5  # of what was measured: the network, TLS and slower processors are not in it
THREADS = 8  # data files that a worker process writes at once
VCPU_HOUR, GB_HOUR = 0.04048, 0.004445  # Fargate, Linux on x86
WORKER, COORDINATOR = (1, 2), (2, 8)  # vCPU and GB


def measured(block: str, way: str, column: str) -> float:
    """A number of a table of docs/benchmarks.md, without its unit."""
    text = BOOK.read_text(encoding="utf-8").partition(f"<!-- measured: {block} -->")[2].partition("<!-- end -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    row = next(row for row in rows if row[0].startswith(way))
    return float(row[rows[0].index(column)].split()[0].replace(",", ""))


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured: bytes of an item's line, processor seconds for an item, and seconds for a unit."""

    line: float
    load: float
    compare: float
    unit: float

    @classmethod
    def read(cls) -> Measured:
        title = re.search(r"<!-- measured: import -->\nLines of (\d+) bytes", BOOK.read_text(encoding="utf-8"))
        assert title
        return cls(
            line=float(title[1]),
            load=measured("import", "(d)", "CPU per item") / 1e6,
            compare=measured("validation", "(b)", "CPU per item, both sides") / 1e6,
            unit=measured("dask units", "all of it", "per unit") / 1e3,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """So many bytes of small items, a table that takes `rate` write and read units per second, `workers` (0: local)."""

    size: float
    rate: float
    workers: int


CASES = (
    Case(GB, NEW_WRITES, 0),
    Case(TB, NEW_WRITES, 0),
    Case(TB, TABLE_MOST, 0),
    Case(TB, TABLE_MOST, 5),
    Case(TB, 400_000, 10),
    Case(TB, 400_000, 50),
    Case(100 * TB, TABLE_MOST, 5),
    Case(100 * TB, 400_000, 50),
    Case(100 * TB, 2_000_000, 250),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Hours and dollars of a case; `limits` are the seconds that each limit alone would take to import."""

    case: Case
    limits: dict[str, float]
    compare: dict[str, float]
    dollars: dict[str, float]

    @property
    def hours(self) -> float:
        return (max(self.limits.values()) + max(self.compare.values())) / 3600

    @property
    def machines(self) -> int:
        """Without the coordinator's, as long as there are workers."""
        return self.case.workers or 1


def work_out(case: Case, m: Measured) -> Result:
    """What a case takes: writes and reads go on at the pace of the tightest limit, one after the other."""
    items, files = case.size / m.line, max(1, ceil(case.size / FILE))
    processes, at_once = case.workers or 1, min(files, case.workers * THREADS or files)
    reads = case.size / 4096  # consistent ones of 4 KB, a page at a time
    units = m.unit * files if case.workers else 0.0
    limits = {
        "the table": items / case.rate,
        "key ranges": items / (at_once * KEY_RANGE),
        "processor": items * m.load / (processes * PLANNED),
        "coordinator": units,
        "S3 requests": files / S3_GETS,
    }
    compare = {
        "the table": reads / case.rate,
        "processor": items * m.compare / (processes * PLANNED),
        "coordinator": 2 * units,
        "S3 requests": files / S3_GETS,
    }
    hours = (max(limits.values()) + max(compare.values())) / 3600
    prices = PRICES[REGION]
    rented = [COORDINATOR] + [WORKER] * case.workers
    return Result(case, limits, compare, {
        "writes": items / 1e6 * (prices.million_writes or 0),
        "export and reads": case.size / GB * (prices.export_gb or 0) + reads / 1e6 * (prices.million_reads or 0),
        "machines": hours * sum(vcpu * VCPU_HOUR + memory * GB_HOUR for vcpu, memory in rented),
        "S3": 3 * files / 1e3 * (prices.thousand_gets or 0),
    })  # fmt: skip


def table(results: list[Result]) -> list[str]:
    columns = (
        "table", "units/s it takes", "workers", "import", "limited by", "validation", "limited by", "writes",
        "export, reads", "machines", "all",
    )  # fmt: skip
    return [
        "| " + " | ".join(columns) + " |",
        "|---:|---:|---:|---:|---|---:|---|---:|---:|---:|---:|",
        *("| " + " | ".join(_row(r)) + " |" for r in results),
    ]


def _row(r: Result) -> tuple[str, ...]:
    size = f"{r.case.size / TB:,.0f} TB" if r.case.size >= TB else f"{r.case.size / GB:,.0f} GB"
    return (
        size, f"{r.case.rate:,.0f}", f"{r.case.workers or 'local'}", *_limit(r.limits), *_limit(r.compare),
        _usd(r.dollars["writes"]), _usd(r.dollars["export and reads"]), _usd(r.dollars["machines"] + r.dollars["S3"]),
        _usd(sum(r.dollars.values())),
    )  # fmt: skip


def _limit(seconds: dict[str, float]) -> tuple[str, str]:
    name = max(seconds, key=lambda limit: seconds[limit])
    return _time(seconds[name]), name


def _time(seconds: float) -> str:
    if seconds < 5_400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 72 * 3600 else f"{seconds / 86_400:,.1f} days"


def _usd(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars < 10 else f"${dollars:,.0f}"


def inputs(m: Measured) -> list[str]:
    rows = [
        ("line of an item in the export", f"{m.line:.0f} bytes, 1 write unit", "measured: [import](benchmarks.md)"),
        ("processor, to load an item", f"{m.load * 1e6:.1f} µs", "measured: [import](benchmarks.md), way (d)"),
        ("processor, to compare an item on both sides", f"{m.compare * 1e6:.1f} µs",
         "measured: [validation](benchmarks.md), way (b)"),
        ("coordinator and scheduler, for a unit", f"{m.unit * 1e3:.1f} ms", "measured: [Dask](benchmarks.md)"),
        ("of what was measured, planned with", f"{PLANNED:.0%}", "assumed: no network, no TLS is in the measurements"),
        ("data file", f"{FILE / 1e6:.0f} MB of items", "assumed; the manifest says how many there are"),
        ("files that a worker writes at once", str(THREADS), "`--nthreads` of its start"),
        ("a key range takes", f"{KEY_RANGE:,} write units/s", "AWS, DynamoDB Developer Guide, partition limits"),
        ("a table takes", f"{NEW_WRITES:,} new and on demand, {TABLE_MOST:,} by default quota; more on request",
         "AWS, DynamoDB Developer Guide, quotas"),
        ("S3 answers", f"{S3_GETS:,} GET/s for a prefix", "AWS, S3 User Guide, performance"),
        ("prices of DynamoDB and S3", f"{REGION}, on demand, {AS_OF}", "`runbook_lib/cost/prices.py`"),
        ("machines", f"${VCPU_HOUR} per vCPU and ${GB_HOUR} per GB and hour; a worker has 1 vCPU and 2 GB, "
         "the coordinator and scheduler 2 vCPU and 8 GB", "AWS, Fargate pricing, Linux on x86, " + REGION),
    ]  # fmt: skip
    return ["| what | figure | source |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]


def page() -> str:
    """docs/scale.md with its tables made anew."""
    text, m = PAGE.read_text(encoding="utf-8"), Measured.read()
    for name, lines in (("model", table([work_out(case, m) for case in CASES])), ("inputs", inputs(m))):
        begin, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        assert found, f"docs/scale.md has no place for {name!r}"
        text = before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
