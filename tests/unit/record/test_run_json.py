"""What `run.json` says of the run as a whole, whenever and however often it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook_lib.record.build import build_record
from runbook_lib.report.publish import publish
from runbook_lib.report.text import quarantine_file
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import forget_step
from runbook_lib.run.tables.throughput import SampleRow, keep_sample
from tests.support.facts import end_step, plan_pair

STARTED, ENDED = "2026-11-23T10:00:00.000Z", "2026-11-23T10:02:00.000Z"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    made.put("run", "started", STARTED)
    yield made
    made.close()


def done(ledger: Ledger, step: str, seconds: float, finished: str = ENDED) -> None:
    end_step(ledger, step, seconds, STARTED, finished)


def test_a_report_that_is_written_again_later_does_not_make_the_run_longer(ledger: Ledger) -> None:
    done(ledger, "validate", 100.0)
    done(ledger, "report", 1.0, "2026-11-30T10:00:00.000Z")
    assert build_record(ledger, "r", "n").to_json()["finished"] == ENDED


def test_the_time_of_a_resumed_run_is_that_of_all_its_starts(ledger: Ledger) -> None:
    for seconds in (3_600.0, 1_800.0, 60.0):
        forget_step(ledger, "import")
        done(ledger, "import", seconds)
    record = build_record(ledger, "r", "n").to_json()
    assert record["totals"]["seconds"] == 5_460.0
    assert record["spent"]["hours"] == pytest.approx(5_460 / 3_600)
    assert {s["name"]: s["seconds"] for s in record["steps"]}["import"] == 60.0


def test_units_that_brought_no_item_are_in_the_bill_too(ledger: Ledger) -> None:
    """The caption of the chart had them: 46,376 write units there, and 46,370 in the bill of the same page."""
    for place, (name, items, units) in enumerate((("a", 9, 40.0), ("b", 0, 6.0))):
        plan_pair(ledger, name, place)
        keep_sample(ledger, SampleRow(name, 1e9, 1.0, items, 9, units, 0))
    assert build_record(ledger, "r", "n").spent.write_units == 46.0


def test_items_of_a_table_whose_name_is_as_long_as_names_may_be_have_their_quarantine(
    ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "quarantine").mkdir()
    names = ["n" * 254 + end for end in "ab"]
    for place, name in enumerate(names):
        plan_pair(ledger, name, place)
        ledger.write("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)", [(name, "data/x.json.gz", 1, "ab" * 16, "no")])
    publish(tmp_path, ledger, "r", "n")
    for name in names:
        line = (tmp_path / "quarantine" / quarantine_file(name)).read_text()
        assert json.loads(line)["table"] == name
    assert quarantine_file("orders") == "orders.jsonl"
