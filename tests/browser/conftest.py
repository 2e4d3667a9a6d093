"""A real browser: Debian's Chromium, driven by Playwright, without a network of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def needed(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped, or fails where BROWSER_TESTS is `required`, as in CI."""
    found = shutil.which(program)
    if found is None:
        missing = f"there is no {program} on this machine; on Debian: apt-get install {package}"
        (pytest.fail if os.environ.get("BROWSER_TESTS") == "required" else pytest.skip)(missing)
    return found


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other tests'
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module; Playwright gives it a profile of its own and removes it again."""
    program = needed("chromium", "chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield launched
        launched.close()
