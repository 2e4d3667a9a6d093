"""A real browser: Debian's Chromium, driven by Playwright, without a network of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import needed

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")  # no longer: its event loop would be in the way of other tests'
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module; Playwright gives it a profile of its own and removes it again."""
    program = needed("chromium", "chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield launched
        launched.close()
