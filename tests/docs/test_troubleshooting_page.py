"""docs/troubleshooting.md quotes what the code says, and leaves out no error, look, exit code or verdict."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbclient.client
import pytest

from runbook_lib import errors
from runbook_lib.commands.output import CODES
from runbook_lib.report.sections import throttling
from runbook_lib.run import verdicts as verdict
from tests.support.messages import GAP, fits, looks, raised, texts

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# What Python, Jupyter and AWS say; the tests below hold the first two to what they are quoted with.
FROM_OTHERS = {
    "ModuleNotFoundError: No module named 'runbook_lib'",
    "NameError: name 'run' is not defined",
    "VBox(children=...",
    "DeadKernelError: Kernel died",
}


def rows(head: str) -> Iterator[list[str]]:
    """The cells of every table whose first heading is `head`."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        if lines[0][0].strip() == head:
            yield from lines[2:]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


QUOTES = [quote for row in rows("you see") for quote in quoted(row[0])]


def test_every_quoted_message_is_one_that_the_code_has() -> None:
    ours = {q for q in QUOTES if q not in FROM_OTHERS and q != "execute"}
    assert len(ours) > 150
    assert [quote for quote in sorted(ours) if not any(fits(quote, text) for text in texts())] == []


def test_every_error_of_the_code_is_on_the_page() -> None:
    ours = raised()
    assert len(ours) > 120
    assert [text for text in sorted(ours) if not any(_covers(quote, text) for quote in QUOTES)] == []


def _covers(quote: str, text: str) -> bool:
    """A quote of a few letters would be found in anything."""
    return len(quote.replace(".", "").replace(" ", "")) >= 8 and fits(quote, text)


@pytest.mark.parametrize("text", ["table \u2026 is gone; create it and wait", "the moon is full", f"{GAP} is lost"])
def test_an_error_that_nobody_wrote_about_would_be_missed(text: str) -> None:
    assert not any(_covers(quote, text) for quote in QUOTES)


def test_every_kind_of_error_has_its_section() -> None:
    kinds = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.RunbookError)
    }
    assert {quoted(row[0])[0] for row in rows("kind")} == kinds


def test_every_look_of_the_preflight_is_on_the_page_and_no_other() -> None:
    shown = [name for row in rows("look") for name in quoted(row[0])]
    assert sorted(shown) == sorted(looks())


def test_every_exit_code_and_verdict_is_on_the_page() -> None:
    assert {int(row[0]) for row in rows("exit code")} == {*CODES.values(), 2}
    assert {row[0] for row in rows("verdict")} == {*CODES, verdict.RUNNING} - {"PASS"}
    assert {row[0] for row in rows("a table's verdict")} == {*verdict.UNPROVED, verdict.DRY_RUN}


def test_every_reason_of_throttling_is_on_the_page() -> None:
    assert {ending for ending, _ in throttling.REASON_ENDINGS} <= set(QUOTES)


def test_what_others_say_is_what_they_say(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runbook_lib"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    ).stderr  # fmt: skip
    assert "ModuleNotFoundError: No module named 'runbook_lib'" in said
    assert 'DeadKernelError("Kernel died")' in inspect.getsource(nbclient.client)
