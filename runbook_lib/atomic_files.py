"""Files that are there whole or not at all, whatever dies meanwhile and whoever else writes the same one."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.new")
PAUSE = 0.02


def encoded(text: str) -> bytes:
    """Text as the bytes of a file; what UTF-8 cannot hold, a lone surrogate, is spelled `\\ud800`."""
    return text.encode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The next contents of a file, on the disk under a name that nobody else has."""

    path: Path
    temporary: Path

    def place(self) -> None:
        """Put it in place in one step: a reader sees the old file or the new one."""
        self.temporary.replace(self.path)

    def discard(self) -> None:
        self.temporary.unlink(missing_ok=True)


def prepare(path: Path, text: str) -> Prepared:
    """Write a file's next contents beside it."""
    data = encoded(text)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Prepared(path, temporary)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's contents in one step."""
    prepare(path, text).place()


def write_where_told(path: Path, text: str) -> None:
    """Write to a place that somebody named: a file is replaced in one step, a device or a pipe is given the text."""
    given = path.absolute().parts[1:2] in (("dev",), ("proc",))  # /dev/stdout may be a file
    if given or (path.exists() and not path.is_file()):
        with open(path, "ab") as opened:
            opened.write(encoded(text))
    else:
        write_atomically(path.resolve(), text)  # of a link what it names


def sweep(folder: Path) -> None:
    """Remove the files that killed processes had prepared in a folder that nobody else writes to now."""
    for file in folder.iterdir() if folder.is_dir() else ():
        if TEMPORARY.fullmatch(file.name) and not file.is_dir():
            file.unlink(missing_ok=True)


def sweep_beside(folder: Path) -> None:
    """Remove the next states of a folder that killed processes had prepared beside it."""
    own = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{16}}\.new")
    for file in folder.parent.iterdir():
        if own.fullmatch(file.name) and file.is_dir():
            shutil.rmtree(file, ignore_errors=True)


def settle_names(folder: Path) -> None:
    """Make the names of a folder's files durable, in the order in which they were changed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def turn(lock: Path, seconds: float) -> Iterator[bool]:
    """Wait for one's turn at something that several processes write; whether it came within the seconds.

    The system ends the turn of a process that dies.
    """
    with open(lock, "a") as file:
        deadline = time.monotonic() + seconds
        mine = False
        while not mine:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(PAUSE)
        yield mine
