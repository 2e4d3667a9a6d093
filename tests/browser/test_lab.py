"""A migration by hand: the notebooks in a real JupyterLab, stepped through by a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from runbook_lib.sandbox.client import sandbox_client
from tests.support.browser import SCREENSHOTS
from tools.lab import Desk, Lab, lab_on_a_sandbox, until

SMALL, LARGE = "bebco-borrower-staging-cases", "bebco-borrower-staging-transactions"
INTO = "bebco-borrower-transactions-dev"
TARGET = "111122223333/us-east-2"


@pytest.fixture
def lab(browser: Browser, tmp_path: Path) -> Iterator[Lab]:
    """Begun only where there is a browser."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with lab_on_a_sandbox(tmp_path, 0.01) as running:
        yield running


@pytest.mark.whole
def test_a_migration_by_hand_is_stopped_in_the_middle_goes_on_and_passes(lab: Lab, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    asked: set[str | None] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
    desk = Desk(page, lab)
    choose_two_tables(desk)
    desk.open("10_export")
    desk.run_all()
    desk.finished()
    expect(desk.output("gate_exports")).to_contain_text("GO 2 tables")

    desk.open("20_import")
    nothing_is_written_before_the_target_is_typed(desk, lab)
    import_until_it_is_stopped(desk, lab)
    the_import_goes_on(desk, lab)

    for notebook in ("30_validate", "90_report"):
        desk.open(notebook)
        desk.run_all()
        desk.finished()
        page.screenshot(path=SCREENSHOTS / f"lab-{notebook}.png")
    expect(desk.output("report_run")).to_contain_text("PASS")
    record = json.loads((lab.run / "run.json").read_text(encoding="utf-8"))
    assert record["verdict"] == "PASS", record["reasons"]
    chosen = [t["source"] for t in record["tables"] if t["method"] != "not_chosen"]
    assert (chosen, len(record["tables"]), record["complete"]) == ([SMALL, LARGE], 31, False)
    nothing_is_removed_unless_the_run_is_named(desk)
    assert "127.0.0.1" in asked
    assert asked <= {"127.0.0.1", None}  # None is for data in the page's own addresses
    context.close()


def choose_two_tables(desk: Desk) -> None:
    """Two of 31, picked in the list; the plan has these."""
    desk.open("00_preflight")
    desk.run_above("preflight(run)")
    desk.finished()
    form = desk.cell("form_tables")
    expect(form).to_contain_text("31 of 31 tables")
    form.locator("select").select_option([SMALL, LARGE])
    expect(form.locator("input")).to_have_value(f"{SMALL},{LARGE}")
    expect(form).to_contain_text("2 of 31 tables")
    desk.page.screenshot(path=SCREENSHOTS / "lab-00_preflight.png")
    desk.run_from("preflight(run)")
    desk.finished()
    expect(desk.output("gate_plan")).to_contain_text("GO 2 tables, 29 not chosen, no blocker")


def nothing_is_written_before_the_target_is_typed(desk: Desk, lab: Lab) -> None:
    desk.edit("execute: bool", "execute: bool = True")
    desk.run_all()
    desk.finished()
    expect(desk.output("gate_writes").last).to_contain_text(f"ConfigError: confirm_target: expected '{TARGET}'")
    form = desk.cell("form_confirmation")
    form.locator("input").fill("111122223333/us-east-1")
    expect(form).to_contain_text("is not the target")
    assert lab.acknowledged() == 0
    form.locator("input").fill(TARGET)
    expect(form).to_contain_text("confirmed")


def import_until_it_is_stopped(desk: Desk, lab: Lab) -> None:
    """The stop button in the middle of a table, where the target is made to keep it until then."""
    slow = {"operation": "BatchWriteItem", "kind": "delay", "table": INTO, "seconds": 1.0}
    lab.control("POST", "faults", slow)
    desk.run_from("gate_writes")
    until(lambda: lab.written(LARGE), "something of the large table is written")
    lab.control("DELETE", "faults")
    lab.control("POST", "faults", slow | {"kind": "throttle"})
    desk.stop()
    desk.finished()
    said = desk.output("import_tables")
    expect(said.last).to_have_text(
        "Interrupted: import was stopped by hand; what was acknowledged is recorded. "
        "Run it again with the same run id to go on.\n"
    )
    expect(said.first).to_contain_text("stopped while loading")
    desk.page.screenshot(path=SCREENSHOTS / "lab-20_import.png")
    assert 0 < lab.written() == lab.acknowledged() < items_in_source(lab)
    lab.control("DELETE", "faults")


def the_import_goes_on(desk: Desk, lab: Lab) -> None:
    """From where it was: everything arrives, and nothing was sent twice."""
    desk.run_from("gate_writes")
    desk.finished()
    expect(desk.output("gate_import")).to_contain_text("GO 2 tables")
    expect(desk.output("import_tables")).not_to_contain_text("stopped")
    assert lab.written() == lab.acknowledged() == items_in_source(lab)


def nothing_is_removed_unless_the_run_is_named(desk: Desk) -> None:
    desk.open("95_cleanup")
    desk.run_all()
    desk.finished()
    expect(desk.output("gate_cleanup")).to_contain_text("DRY RUN")
    expect(desk.output("report_run")).to_contain_text("PASS")


def items_in_source(lab: Lab) -> int:
    source = sandbox_client("dynamodb", lab.endpoint, "us-east-1")
    pages = [p for name in (SMALL, LARGE) for p in source.get_paginator("scan").paginate(TableName=name)]
    return sum(page["Count"] for page in pages)
