"""What it costs to compare both sides of a table over HTTP: in one process, in two, and of many small ones at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from runbook_lib.aws.guard.offline import SWITCH
from runbook_lib.aws.session.worker_clients import connect_worker
from runbook_lib.cluster.at_once import Share, TableThread, all_at_once
from tests.bench import publish
from tests.bench.readable import LINE, readable_table
from tests.bench.validation import PLACE, here, settings

ROUNDS, ITEMS, FILES = 3, 200_000, 8
MILLIONS, MANY_FILES = 5_000_000, 200
TABLES, SMALL, DELAY = 8, 300, 0.15
Took = dict[str, float]


def took(endpoint: str, way: str, items: int, files: int, processes: int = 1) -> Took:
    """What a new process needs for it."""
    case = {"endpoint": endpoint, "way": way, "items": items, "files": files, "processes": processes}
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.validation", json.dumps(case)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    result: Took = json.loads(answer)
    return result


@pytest.mark.bench
def test_both_sides_cost_less_than_by_boto3_and_two_processes_share_the_work() -> None:
    ways = {
        "(a) boto3, json and sha256, 1 thread": ("boto3", ITEMS // 4, 1),
        "(b) ours, in one process": ("here", ITEMS, 1),
        "(c) ours, in two processes": ("spread", ITEMS, 2),
    }
    results: dict[str, list[Took]] = {name: [] for name in ways}
    with ExitStack() as stack:
        places = {n: stack.enter_context(readable_table(n, FILES)) for n in (ITEMS, ITEMS // 4)}
        for _ in range(ROUNDS):
            for name, (way, items, processes) in ways.items():
                results[name].append(took(places[items], way, items, FILES, processes))
    cpu = {name: [each["cpu"] / ways[name][1] * 1e6 for each in found] for name, found in results.items()}
    first, alone, two = cpu
    ratios = {
        name: median(a / b for a, b in zip(cpu[first], cpu[name], strict=True)) for name in cpu
    }  # fmt: skip
    apart = median(a["cpu"] / b["most"] for a, b in zip(results[alone], results[two], strict=True))
    publish(
        "validation",
        f"Both sides of lines of {LINE} bytes, HTTP to a server on 127.0.0.1, CPU of the client. "
        f"Medians of {ROUNDS} rounds in turn",
        ("way", "CPU, first / this", "CPU per item, both sides", "items per CPU second", "with a core each"),
        [
            (
                name, f"{ratios[name]:.1f}", f"{median(cpu[name]):.1f} µs", f"{1e6 / median(cpu[name]):,.0f}",
                f"{apart:.2f} times one process" if name == two else "",
            )
            for name in cpu
        ],
    )  # fmt: skip
    assert ratios[alone] > 4
    assert median(b / c for b, c in zip(cpu[alone], cpu[two], strict=True)) > 0.7  # being spread costs little
    assert apart > 1.5
    assert median(each["coordinator"] / each["cpu"] for each in results[two]) < 0.1


@pytest.mark.bench
def test_millions_of_items_are_compared_in_bounded_memory() -> None:
    rows, most = [], []
    for items, files in ((ITEMS, FILES), (MILLIONS, MANY_FILES)):
        with readable_table(items, files) as endpoint:
            result = took(endpoint, "spread", items, files, 2)
        rows.append((f"{items:,}", f"{result['peak']:.0f} MB", f"{result['worker_peak']:.0f} MB"))
        most.append(result)
    publish(
        "memory of a validation",
        "Both sides, spread over two worker processes, each with four units at once",
        ("items", "peak of the coordinator", "of each worker"),
        rows,
    )
    assert most[1]["peak"] < 300
    assert most[1]["worker_peak"] < 300
    assert most[1]["worker_peak"] - most[0]["worker_peak"] < 30
    assert most[1]["peak"] - most[0]["peak"] < 30


@pytest.mark.bench
def test_eight_small_tables_take_hardly_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", SWITCH: "1"}.items():
        monkeypatch.setenv(name, value)
    with readable_table(SMALL, 2, DELAY) as endpoint:
        clients = connect_worker(settings(endpoint), PLACE)

        def seconds(tables: int, at_once: int) -> float:
            def work(table: int, thread: TableThread[None]) -> None:
                here(clients, SMALL, 2)

            began = time.monotonic()
            all_at_once(range(tables), work, at_once, Share(), lambda news: None)
            return time.monotonic() - began

        found = [(seconds(1, 1), seconds(TABLES, TABLES), seconds(TABLES, 1)) for _ in range(ROUNDS)]
    one, together, one_by_one = (median(each) for each in zip(*found, strict=True))
    publish(
        "tables compared at once",
        f"Tables of {SMALL} items, answers {DELAY * 1000:.0f} ms late",
        ("tables", "seconds", "times one"),
        [
            ("one", f"{one:.2f}", "1.0"),
            (f"{TABLES}, side by side", f"{together:.2f}", f"{together / one:.1f}"),
            (f"{TABLES}, one by one", f"{one_by_one:.2f}", f"{one_by_one / one:.1f}"),
        ],
    )
    assert together / one < 2.5
    assert one_by_one / together > 3
