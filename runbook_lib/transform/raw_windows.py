"""The windows of a table as AWS exported them, whatever was made of them since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook_lib.export_format.change import Change, ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import fetch_changes
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.facts.masking.windows import RawExport
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import export_files


@dataclass(frozen=True, slots=True)
class RawWindow:
    """One window: its files, where they lie, and what their lines are held to."""

    s3: Any
    bucket: str
    files: tuple[DataFile, ...]
    span: ChangeWindow

    def changes(self) -> Iterator[tuple[DataFile, int, Change]]:
        """Every change with its file and line; each call reads the files anew, and checks their lines."""
        for file in self.files:
            with fetch_changes(self.s3, self.bucket, file, self.span) as checked:
                for number, change in checked.changes():
                    yield file, number, change


def raw_export_of(fact: WindowFact) -> RawExport:
    """Where a window lies as it was exported; with no transform it is the window itself."""
    return fact.raw or RawExport(fact.arn, fact.bucket, fact.folder, fact.changes or 0, fact.manifest_md5)


def raw_window(run: Run, fact: WindowFact, key: tuple[KeyAttribute, ...]) -> RawWindow:
    """A window as it was exported, read as the source is."""
    raw = raw_export_of(fact)
    files = tuple(row.file for row in export_files(run.ledger, fact.source, raw.arn or ""))
    return RawWindow(run.clients.raw, raw.bucket, files, ChangeWindow(*fact.span, fact.view, key))
