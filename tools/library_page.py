"""Write the lists of verbs and methods in docs/library.md from their docstrings.

Run it as `python -m tools.library_page` after the face of the library changed; a test holds the page to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

import runbook_lib
from runbook_lib.notebook.notebook_run import NotebookRun

PAGE = Path(__file__).resolve().parents[1] / "docs" / "library.md"
VERBS = [name for name in runbook_lib.__all__ if not name.startswith("_")]
METHODS = [name for name in vars(NotebookRun) if not name.startswith("_") and callable(getattr(NotebookRun, name))]


def first_sentence(what: object) -> str:
    """The first paragraph of a docstring on one line."""
    return (inspect.getdoc(what) or "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def rows(names: Iterable[str], of: object, shown: str) -> str:
    """A row for each name: how it is written, and what it does."""
    listed = "\n".join(f"| `{shown}{name}` | {first_sentence(getattr(of, name))} |" for name in names)
    return f"| name | what it does |\n|---|---|\n{listed}\n"


def page(text: str) -> str:
    """The page with both lists as they should be."""
    for name, made in (("verbs", rows(VERBS, runbook_lib, "")), ("methods", rows(METHODS, NotebookRun, "run."))):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        assert found
        assert closed, f"expected {begin.strip()} and {end} in {PAGE}"
        text = before + begin + made + end + after
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
