"""Make the committed sample run and its pictures from the demo: `make sample`.

The sample is a part of a run's folder, sealed like a whole one: what a reader opens and what proves it, without
the ledger and the notebooks. Its numbers are the demo's; its times are those of the machine that made it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from runbook_lib.report.render.charts.draw import TITLES
from runbook_lib.run.sealed.seal import seal
from runbook_lib.sandbox.fleet.tables import DEFAULT_ACCOUNT, DEFAULT_SCALE, TARGET_REGION
from tools.lab import Desk, lab_on_a_sandbox, until

ROOT = Path(__file__).resolve().parents[1]
SAMPLE, PICTURES = ROOT / "reports" / "sample", ROOT / "docs" / "pictures"
PARTS = ("run.json", "report.html", "report.md", "charts")
SHOWN = "*-cases, *-loan*, *-payments, *-statements, *-transactions"
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


def make_sample(root: Path) -> None:
    """Run the demo under `root` and keep the parts of its run that are committed."""
    command = [sys.executable, "-m", "runbook_lib", "demo", "--run-id", SAMPLE.name]
    subprocess.run(command, env=environ | {"RUNBOOK_REPORTS": str(root)}, check=True)
    shutil.rmtree(SAMPLE, ignore_errors=True)
    SAMPLE.mkdir(parents=True)
    for name in PARTS:
        part = root / SAMPLE.name / name
        (shutil.copytree if part.is_dir() else shutil.copy)(part, SAMPLE / name)
    seal(SAMPLE)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
        yield browser
        browser.close()


def shrink_pictures() -> None:
    """Keep 256 colours of each picture, which is all that anybody sees."""
    for file in PICTURES.glob("*.png"):
        with Image.open(file) as picture:
            small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(file, optimize=True)


def picture_the_report(browser: Browser) -> None:
    """The sample's first screen, its reconciliation and its timeline."""
    page = browser.new_page(viewport={"width": 1100, "height": 560})
    page.goto((SAMPLE / "report.html").as_uri())
    following = page.locator("p.next").first.bounding_box()
    assert following
    height = following["y"] + following["height"] + 12
    page.screenshot(path=PICTURES / "verdict.png", clip={"x": 0, "y": 0, "width": 1100, "height": height})
    head, last = page.locator("#tables").bounding_box(), page.locator("#tables ~ section").first.bounding_box()
    assert head
    assert last
    clip: Any = {"x": 0, "y": head["y"], "width": 1100, "height": last["y"] + last["height"] - head["y"]}
    page.screenshot(path=PICTURES / "tables.png", full_page=True, clip=clip)
    chart = page.locator("figure", has=page.get_by_role("region", name=TITLES["timeline"], exact=True))
    expect(chart).to_have_count(1)
    chart.screenshot(path=PICTURES / "timeline.png")


def picture_the_notebooks(browser: Browser, folder: Path) -> None:
    """The plan in 00_preflight and an import on its way in 20_import, of a few of the demo's tables."""
    with lab_on_a_sandbox(folder, DEFAULT_SCALE) as lab:
        desk = Desk(browser.new_page(viewport={"width": 1200, "height": 800}), lab)
        desk.open("00_preflight")
        desk.run_above("preflight(run)")
        desk.finished()
        desk.cell("form_tables").locator("input").fill(SHOWN)
        desk.run_from("preflight(run)")
        desk.finished()
        desk.picture("Plan", PICTURES / "plan.png")
        desk.open("10_export")
        desk.run_all()
        desk.finished()
        desk.open("20_import")
        desk.edit("execute: bool", "execute: bool = True")
        desk.run_all()
        desk.finished()
        desk.cell("form_confirmation").locator("input").fill(f"{DEFAULT_ACCOUNT}/{TARGET_REGION}")
        expect(desk.cell("form_confirmation")).to_contain_text("confirmed")
        lab.control("POST", "faults", {"operation": "BatchWriteItem", "kind": "delay", "seconds": 0.1})
        desk.run_from("gate_writes")
        until(lambda: lab.written("%-transactions") > 2000, "an import on its way")
        desk.picture("Import", PICTURES / "import.png")
        lab.control("DELETE", "faults")
        desk.finished()


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="runbook-sample-") as own, chromium() as one:
        make_sample(Path(own))
        picture_the_report(one)
        picture_the_notebooks(one, Path(own))
    shrink_pictures()
