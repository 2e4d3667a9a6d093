"""The command that would put right what the comparison found wrong, for whoever reads a FAIL."""

from __future__ import annotations

import shlex
from collections.abc import Container, Sequence

from runbook_lib.record.model.run import AttemptRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.run.verdicts import FAIL

SETTINGS = "migration.yaml"
DELETE_EXTRA = "--delete-extra"


def settings_of(run_id: str, attempts: Sequence[AttemptRecord]) -> str:
    """Where the settings of the last start lie, as a command names them."""
    return f"reports/{run_id}/{next((a.settings for a in reversed(attempts) if a.settings), SETTINGS)}"


def repair_command(
    run_id: str, tables: Sequence[TableRecord], loaded: Container[str], attempts: Sequence[AttemptRecord]
) -> str | None:
    """The command with the run's id, to be copied as it is; None where no table that is `loaded` can be repaired."""
    wrong = [table for table in tables if table.verdict == FAIL and table.source in loaded]
    flags = [
        flag
        for flag, found in (
            ("--write-missing", any(table.missing for table in wrong)),
            ("--write-different", any(table.different for table in wrong)),
            (DELETE_EXTRA, any(_to_delete(table) for table in wrong)),
        )
        if found
    ]
    if not flags:
        return None
    words = ["runbook", "repair", settings_of(run_id, attempts), "--run-id", run_id, *flags, "--execute"]
    return " ".join([*map(shlex.quote, words), "--confirm", shlex.quote(run_id)])


def _to_delete(table: TableRecord) -> int:
    """How many items only the target has that were not there, in whatever form, before the run."""
    return (table.extra or 0) - (table.there_before or 0) - (table.otherwise_before or 0)
