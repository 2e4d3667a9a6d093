"""One data file of an export: fetched once, proved to be the one its manifest describes, then read.

The compressed bytes are kept (in memory when small, on disk when not) and everything that follows
reads those same bytes, so what was checked is what is loaded. No line of a file is handed out
before the whole file has been checked. Memory stays bounded whatever the file's size.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import orjson
from isal import isal_zlib

from runbook_lib.aws.s3.objects import MissingObject, stream_object
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.lines import is_utf8, parse_line

IN_MEMORY = 256 << 10
BUFFER = 64 << 10
LONGEST = 16 << 20  # bytes of a line: no request can be longer
# A few kilobytes of gzip can hold a thousand times as much. What is kept of a file stays small whatever it holds.
MOST_UNREADABLE = 10_000
BLANKS = 1_000  # blank lines beside one for each item before them; DynamoDB writes none


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file whose MD5, compression and item count are right.

    `size` is the bytes of its lines and `stored` those of the file. `unreadable` maps a line that has not
    the shape of an export's line to what is wrong with it; the inside of the others is not looked at.
    """

    file: DataFile
    lines: int
    size: int
    stored: int
    unreadable: dict[int, str]
    _body: IO[bytes]

    def items(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Line numbers (from 1) and `{"Item":...}` lines after the given one, without the unreadable ones."""
        for number, line in file_lines(self.file, self._body):
            if number > after and number not in self.unreadable:
                yield number, line


@contextmanager
def fetch(
    s3: Any,
    bucket: str,
    file: DataFile,
    stopped: Callable[[], bool] = lambda: False,
    key: Sequence[KeyAttribute] = (),
) -> Iterator[CheckedFile]:
    """Fetch and check a data file; raises CorruptFile if it is not the one the manifest describes.

    Gives up with TransferError in mid-fetch when `stopped` says so. Whoever sends lines without having parsed them
    names the table's `key`: a line that may say it twice, so under which the item will stand nobody knows, is parsed.
    """
    with fetch_body(s3, bucket, file, stopped) as body:
        yield _check(file, body, tuple(map(_mark, key)))


@contextmanager
def fetch_body(s3: Any, bucket: str, file: DataFile, stopped: Callable[[], bool]) -> Iterator[IO[bytes]]:
    """The stored bytes of a data file, whose MD5 is right; its lines are to be checked by whoever reads them."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        md5 = hashlib.md5(usedforsecurity=False)
        try:
            for block in stream_object(s3, bucket, file.key):
                if stopped():
                    raise TransferError(f"{file.key}: stopped while it was fetched")
                md5.update(block)
                body.write(block)
        except MissingObject:
            raise CorruptFile(f"{file.key} is named by the manifest and missing; export again") from None
        except OSError as error:
            raise TransferError(f"{file.key} could not be kept in {tempfile.gettempdir()}: {error}") from None
        found = base64.b64encode(md5.digest()).decode()
        if found != file.md5:
            raise CorruptFile(
                f"{file.key} has MD5 {found}, the manifest says {file.md5}; nothing was taken from it, export again"
            )
        yield body


def _mark(key: KeyAttribute) -> bytes:
    """What stands in every line that names a key attribute, whatever the white space; a slash has two spellings."""
    return b"" if "/" in key.name else orjson.dumps(key.name)


def _check(file: DataFile, body: IO[bytes], marks: tuple[bytes, ...]) -> CheckedFile:
    """Read the file once to the end, looking at every line's shape, before anything of it is used."""
    lines = size = 0
    unreadable: dict[int, str] = {}
    try:
        for number, line in file_lines(file, body):
            lines += 1
            if lines > file.items:
                raise CorruptFile(
                    f"{file.key} holds more items than the {file.items} that the manifest says; nothing was taken from "
                    "it, export again"
                )
            size += len(line)
            if not _is_plain(line) or any(line.count(mark) > 1 for mark in marks):
                try:
                    parse_line(line)
                except CorruptFile as error:
                    _refuse_changes(file, number, line)
                    unreadable[number] = str(error)
            if len(unreadable) > MOST_UNREADABLE:
                raise CorruptFile(
                    f"{file.key}: more than {MOST_UNREADABLE:,} of its lines are no items; nothing was taken from it, "
                    "export again"
                )
    except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]  # its stub calls it a value
        raise CorruptFile(f"{file.key} is not whole gzip: {error}; nothing was taken from it, export again") from None
    if lines != file.items:
        raise CorruptFile(
            f"{file.key} holds {lines} items, the manifest says {file.items}; nothing was taken from it, export again"
        )
    return CheckedFile(file, lines, size, body.seek(0, io.SEEK_END), unreadable, body)


def _refuse_changes(file: DataFile, number: int, line: bytes) -> None:
    """Raise for a line of an incremental export, whatever its manifest says that it is."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    if isinstance(data, dict) and "Keys" in data and data.keys() & {"Metadata", "NewImage", "OldImage"}:
        raise CorruptFile(
            f"{file.key}: line {number} is a change of an item, as an incremental export has it, and no item; nothing "
            "was taken from the file, name a full export"
        )


def _is_plain(line: bytes) -> bool:
    """Whether a line may be sent without having been parsed; the server and the comparison look at its inside.

    It has the shape of an export's line, and no word with which it could say more than one put. One that closed
    its own item could go on with a request of its own, for any table; for that it has to spell PutRequest or
    DeleteRequest, or to hide it behind an escape. And it is UTF-8: some servers answer what is not as if they
    were to blame, and are asked again for minutes.
    """
    if not (line.startswith(b'{"Item":{') and line.endswith(b"}}")):
        return False
    # A byte that is given as a number is found six times as fast as one in `bytes`.
    if (ord("\\") in line and b"\\u" in line) or (ord("R") in line and b'Request"' in line):
        return False
    return is_utf8(line)


def file_lines(file: DataFile, body: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered as in the file."""
    body.seek(0)
    # What IGzipFile reads through, without its buffer of half a megabyte: dozens of files are open at once.
    reader: Any = isal_zlib._GzipReader(body, BUFFER)  # type: ignore[arg-type]  # a spooled file is one
    with io.BufferedReader(reader, BUFFER) as text:
        blank = 0
        for number, line in enumerate(iter(partial(text.readline, LONGEST), b""), 1):
            if len(line) == LONGEST:
                raise CorruptFile(f"{file.key}: line {number} should end within 16 MB and does not; export again")
            if line := line.strip():
                yield number, line
                continue
            blank += 1
            if blank > number - blank + BLANKS:
                raise CorruptFile(
                    f"{file.key} has more than {BLANKS:,} blank lines more than items; nothing was taken from it, "
                    "export again"
                )
