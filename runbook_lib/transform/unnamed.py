"""What is said of values that no rule names."""

from __future__ import annotations

from runbook_lib.errors import TransferError
from runbook_lib.masking.paths import spell_path
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.run.facts.masking.transform import UnnamedPath

TOLD_PATHS = 20


def unnamed_paths(unnamed: UnnamedCount) -> tuple[UnnamedPath, ...]:
    """The paths and types as they are recorded, in the order of their names."""
    rows = sorted((spell_path(path), kind, n) for (path, kind), n in unnamed.shown().items())
    return tuple(UnnamedPath(*row) for row in rows)


def unnamed_error(unnamed: UnnamedCount) -> TransferError:
    """The error that names them, and what lists them with rules to choose from."""
    paths = unnamed_paths(unnamed)
    told = ", ".join(f"{each.path} ({each.type}, {each.values:,})" for each in paths[:TOLD_PATHS])
    more = f" and {len(paths) - TOLD_PATHS} more" if len(paths) > TOLD_PATHS else ""
    return TransferError(
        f"no rule of transform.mask says what becomes of {told}{more}; `runbook mask CONFIG --propose` lists all of "
        "them with rules to choose from"
    )
