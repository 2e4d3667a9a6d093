"""What is said of values that no rule names."""

from __future__ import annotations

from collections import Counter

from runbook_lib.errors import TransferError
from runbook_lib.masking.paths import Path, spell_path
from runbook_lib.run.facts.masking.transform import UnnamedPath

TOLD_PATHS = 20


def unnamed_paths(unnamed: Counter[tuple[Path, str]]) -> tuple[UnnamedPath, ...]:
    """The paths and types as they are recorded, in the order of their names."""
    return tuple(UnnamedPath(*row) for row in sorted((spell_path(p), kind, n) for (p, kind), n in unnamed.items()))


def unnamed_error(unnamed: Counter[tuple[Path, str]]) -> TransferError:
    """The error that names them, and what lists them with rules to choose from."""
    paths = unnamed_paths(unnamed)
    told = ", ".join(f"{each.path} ({each.type}, {each.values:,})" for each in paths[:TOLD_PATHS])
    more = f" and {len(paths) - TOLD_PATHS} more" if len(paths) > TOLD_PATHS else ""
    return TransferError(
        f"no rule of transform.mask says what becomes of {told}{more}; `runbook mask CONFIG --propose` lists all of "
        "them with rules to choose from"
    )
