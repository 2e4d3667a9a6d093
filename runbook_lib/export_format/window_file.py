"""Files of incremental exports: the changes of a stretch of time, read, checked, and cut into puts and deletes."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import orjson
from isal import isal_zlib

from runbook_lib.errors import CorruptFile
from runbook_lib.export_format.change import NEW_IMAGE, OLD, SKEW, Change, ChangeWindow, parse_change
from runbook_lib.export_format.data_file import fetch_body, file_lines
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.spelled_change import ChangeSpelling, SpelledChange, spelled_change
from runbook_lib.items.canonical import canonical
from runbook_lib.items.keys import held_key, key_of


@dataclass(frozen=True, slots=True)
class CheckedChanges:
    """A file of a window, of which every line is a change; it is drawn from like a file of a full export.

    `size` is the bytes of its lines and `stored` those of the file. No line of it is `unreadable`: a file with one that
    is no change is refused as a whole, for what it should have said is unknown.
    """

    file: DataFile
    window: ChangeWindow
    lines: int
    size: int
    stored: int
    _body: IO[bytes]
    unreadable: dict[int, str]

    def changes(self) -> Iterator[tuple[int, Change]]:
        """Line numbers (from 1) and changes."""
        for number, line in file_lines(self.file, self._body):
            yield number, parse_change(line, self.window)

    def items(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Line numbers and what is to be sent, after the given line."""
        spelling = ChangeSpelling(self.window)
        for number, line in file_lines(self.file, self._body):
            if number > after:
                if (sent := spelling.sent(line)) is None:
                    change = parse_change(line, self.window)
                    sent = change.as_line(orjson.dumps(change.key))
                yield number, sent


@contextmanager
def fetch_changes(
    s3: Any,
    bucket: str,
    file: DataFile,
    window: ChangeWindow,
    stopped: Callable[[], bool] = lambda: False,
    *,
    known: bool = False,
) -> Iterator[CheckedChanges]:
    """Fetch and check a file of a window; raises CorruptFile unless every line of it is a change of the window.

    Where the lines are `known` to be, for the same bytes were checked before, their MD5 is enough.
    """
    with fetch_body(s3, bucket, file, stopped) as body:
        lines, size = file.items, 0
        if not known:
            lines = 0
            for number, line in _whole(file, body):
                lines, size = lines + 1, size + len(line)
                _checked(file, number, line, window)
        yield CheckedChanges(file, window, lines, size, body.seek(0, io.SEEK_END), body, {})


def read_changes(s3: Any, bucket: str, files: Iterable[DataFile], window: ChangeWindow) -> Iterator[SpelledChange]:
    """Fetch the files of a window and check each change as it comes; raises CorruptFile where one is none.

    Whoever calls takes nothing of them unless all were good.
    """
    spelling = ChangeSpelling(window)
    for file in files:
        with fetch_body(s3, bucket, file, lambda: False) as body:
            for number, line in _whole(file, body):
                if (spelled := spelling.spelled(line)) is None:
                    change = _checked(file, number, line, window)
                    spelled = spelled_change(change)
                    spelling.learn(change)
                yield spelled


def _whole(file: DataFile, body: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file; raises CorruptFile at its end unless it holds what the manifest says."""
    lines = 0
    try:
        for each in file_lines(file, body):
            lines += 1
            yield each
    except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]  # its stub calls it a value
        raise CorruptFile(f"{file.key} is not whole gzip: {error}; nothing was taken from it, export again") from None
    if lines != file.items:
        raise CorruptFile(
            f"{file.key} holds {lines} changes, the manifest says {file.items}; nothing was taken from it, export again"
        )


def _checked(file: DataFile, number: int, line: bytes, window: ChangeWindow) -> Change:
    """The change in a line, if it is one of this window, with the key of this table in every image."""
    try:
        change = parse_change(line, window)
        held = held_key(change.key, window.key)
        for image in (change.old, change.new):
            if image is not None and canonical(key_of(image, window.key)) != held:
                raise CorruptFile("an image has another key than Keys says")
        if change.old is not None and window.view == NEW_IMAGE:
            raise CorruptFile(f"an {OLD} in an export whose view is {NEW_IMAGE}")
    except CorruptFile as error:
        raise CorruptFile(
            f"{file.key}: line {number} is not a change of an item: {error}; nothing was taken from the file, export "
            "again"
        ) from None
    written = datetime.fromtimestamp(change.micros // 1_000_000, UTC)
    if not window.start - SKEW <= written < window.end + SKEW:
        raise CorruptFile(
            f"{file.key}: OUTSIDE_WINDOW: line {number} was written at {written.isoformat()}, and the window is from "
            f"{window.start.isoformat()} to {window.end.isoformat()}; nothing was taken from the file, export again"
        )
    return change
