"""The command that would put right what the comparison found wrong, for whoever reads a FAIL."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Sequence

from runbook_lib.record.model.run import AttemptRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.run.verdicts import FAIL

SETTINGS = "migration.yaml"
OWN_FILE = "CONFIG"  # in place of the run's copy of the settings, which lacks what is to be written into it
DELETE_EXTRA = "--delete-extra"
REPAIR_FLAGS = {"missing": "--write-missing", "different": "--write-different", "extra": DELETE_EXTRA}


def settings_of(run_id: str, attempts: Sequence[AttemptRecord], *, writes: bool = False) -> str:
    """Where the settings of the last start lie, as a command names them.

    For a command that `writes`, it is the user's own file where those do not confirm the target.
    """
    last = next((a for a in reversed(attempts) if a.settings), None)
    if writes and last is not None and last.file_confirms is False:
        return OWN_FILE
    return f"reports/{run_id}/{last.settings if last is not None else SETTINGS}"


def repair_command(
    run_id: str,
    tables: Sequence[TableRecord],
    loaded: Container[str],
    attempts: Sequence[AttemptRecord],
    may: Callable[[str, str], bool],
) -> str | None:
    """The command with the run's id, to be copied as it is; None where no table that is `loaded` can be repaired.

    `may` tells whether a repair would touch any of a source's wrong items of a kind. Where another run has come since,
    what it wrote is not this run's to replace or to delete, and only what is missing may be added.
    """
    wrong = [table for table in tables if table.verdict == FAIL and table.source in loaded]
    own = [table for table in wrong if not came_since(table)]
    found = {
        "missing": any(table.missing and may(table.source, "missing") for table in wrong),
        "different": any(table.different and may(table.source, "different") for table in own),
        "extra": any(_to_delete(table) for table in own),
    }
    flags = [REPAIR_FLAGS[kind] for kind, some in found.items() if some]
    if not flags:
        return None
    return shlex.join([*repair_words(run_id, flags, attempts, writes=True), "--execute", "--confirm", run_id])


def repair_words(run_id: str, flags: Sequence[str], attempts: Sequence[AttemptRecord], *, writes: bool) -> list[str]:
    """The words of a repair, but for those that let it write."""
    return ["runbook", "repair", settings_of(run_id, attempts, writes=writes), "--run-id", run_id, *flags]


def came_since(table: TableRecord) -> list[str]:
    """The runs that have begun to write to a table after this one did."""
    return table.registered.since if table.registered else []


def only_held_back(table: TableRecord) -> bool:
    """Whether all that is wrong are other items where exported ones are in quarantine."""
    return not (table.missing or table.extra) and 0 < (table.different or 0) <= (table.items_quarantined or 0)


def _to_delete(table: TableRecord) -> int:
    """How many items only the target has that were not there, in whatever form, before the run."""
    return (table.extra or 0) - (table.there_before or 0) - (table.otherwise_before or 0)
