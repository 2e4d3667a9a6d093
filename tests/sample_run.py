"""Make the committed sample run and its pictures from the demo: `make sample`.

The sample is a part of a run's folder, sealed like a whole one: what a reader opens and what proves it, without
the ledger and the notebooks. Its numbers are the demo's; its times are those of the machine that made it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from os import environ
from pathlib import Path

from playwright.sync_api import sync_playwright

from runbook_lib.evidence import seal

ROOT = Path(__file__).resolve().parents[1]
SAMPLE, PICTURES = ROOT / "reports" / "sample", ROOT / "docs" / "pictures"
PARTS = ("run.json", "report.html", "report.md", "charts")
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


def take_pictures() -> None:
    """The sample's first screen, its reconciliation and its timeline."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM))
        page = browser.new_page(viewport={"width": 1100, "height": 560})
        page.goto((SAMPLE / "report.html").as_uri())
        page.screenshot(path=PICTURES / "verdict.png")
        page.locator("#tables").locator("xpath=..").screenshot(path=PICTURES / "tables.png")
        page.locator("figure").first.screenshot(path=PICTURES / "timeline.png")
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="runbook-sample-") as folder:
        make_sample(Path(folder))
    take_pictures()
