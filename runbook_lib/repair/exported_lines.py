"""The lines of an export as the bytes that AWS wrote, each with its item: of full export and windows."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress

from runbook_lib.aws.dynamodb.guarded_items import ExportedLine
from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import fetch_changes
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.lines import parse_line
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.validate.overlay import OverlaidExport
from runbook_lib.validate.readers import ExportReader


def exported_lines(
    one: ExportReader | OverlaidExport,
    full: ExportReader,
    secret: RunSecret,
    left_out: Mapping[str, Container[int]] | None = None,
) -> Iterator[ExportedLine]:
    """Every item that should be in the target; what is no item is left out.

    So are lines of the full export: by file those that are given or, by default, that the import could not write.
    """
    left_out = full.refused if left_out is None else left_out
    overlay = one if isinstance(one, OverlaidExport) else None
    for file in full.files:
        for found in _of_file(full, file, secret, left_out.get(file.key, ())):
            if overlay is None or overlay.overlay.get(found.key) is None:
                yield found
    for fact, file in overlay.windows if overlay is not None else ():
        assert overlay is not None
        yield from _of_window(overlay, fact, file, secret)


def _of_file(full: ExportReader, file: DataFile, secret: RunSecret, left_out: Container[int]) -> Iterator[ExportedLine]:
    with fetch(full.s3, full.bucket, file) as checked:
        for number, line in checked.items():
            if number not in left_out:
                with suppress(CorruptFile):
                    yield ExportedLine.of(parse_line(line), line, full.key, secret)


def _of_window(one: OverlaidExport, fact: WindowFact, file: DataFile, secret: RunSecret) -> Iterator[ExportedLine]:
    window = ChangeWindow(*fact.span, fact.view, one.key)
    with fetch_changes(one.base.s3, fact.bucket, file, window) as checked:
        for _, change in checked.changes():
            if change.new is not None:
                found = ExportedLine.of(change.new, change.as_line(b""), one.base.key, secret)
                known = one.overlay.get(found.key)
                if known is not None and known.number == fact.number:
                    yield found
