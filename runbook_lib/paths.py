"""Where things lie: the checkout if there is one, the notebooks, and the folder of all reports."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

REPORTS = "reports"  # how a report calls the folder of the runs, wherever that is
_LIBRARY = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The checkout that this library is run from; None where it is an installed package."""
    above = _LIBRARY.parent
    return above if (above / "notebooks").is_dir() and (above / "pyproject.toml").is_file() else None


def notebooks() -> Path:
    """The folder of the notebooks: the checkout's, where people read and edit them, or the package's own copy."""
    here = checkout()
    return here / "notebooks" if here else _LIBRARY / "notebooks"


def migration_schema() -> Path:
    """The JSON Schema of migration files: the checkout's page of the docs, or the package's own copy."""
    here = checkout()
    return here / "docs" / "migration.schema.json" if here else _LIBRARY / "migration.schema.json"


def reports_root() -> Path:
    """Where run folders lie: RUNBOOK_REPORTS, `reports/` of the checkout, or `reports/` of the working folder."""
    chosen = os.environ.get("RUNBOOK_REPORTS")
    return Path(chosen).resolve() if chosen else (checkout() or Path.cwd()) / REPORTS


def command_here(command: str) -> str:
    """A command as it is to be typed here: what a report calls `reports/RUN_ID/...` by where it really lies.

    A report, which is sealed and read elsewhere, never says where a machine keeps its runs; whoever prints may.
    """
    root = reports_root()
    if root == Path.cwd() / REPORTS:
        return command
    return shlex.join(_word_here(word, root) for word in shlex.split(command))


def _word_here(word: str, root: Path) -> str:
    path = Path(word)
    return str(root.joinpath(*path.parts[1:])) if path.parts[:1] == (REPORTS,) else word
