"""What the tests with a browser need: where pictures go, and programs that may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCREENSHOTS = ROOT / "build" / "screenshots"


def needed(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped, or fails where BROWSER_TESTS is `required`, as in CI."""
    found = shutil.which(program)
    if found is None:
        missing = f"there is no {program} on this machine; on Debian: apt-get install {package}"
        (pytest.fail if os.environ.get("BROWSER_TESTS") == "required" else pytest.skip)(missing)
    return found
