"""Where things lie: the checkout if there is one, the notebooks, and the folder of all reports."""

from __future__ import annotations

import os
from pathlib import Path

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
    return Path(chosen).resolve() if chosen else (checkout() or Path.cwd()) / "reports"
