"""Several files of one folder changed at one instant: a process killed at any other leaves all of them or none.

The next state of the folder is built beside it, of hard links to what stays and of new files, and the two folders
change places in one call of the system. Where a file system or a system has no such call, the files are exchanged
one by one as fast as that goes, a seal being the first to go and the last to come.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from runbook_lib.atomic_files import Prepared, prepare, settle_names

AT_FDCWD, SWAP = -100, 2  # linux/fcntl.h; RENAME_EXCHANGE and, in macOS, RENAME_SWAP


class NoSwap(OSError):
    """Two folders cannot change places here."""


def change_at_once(
    folder: Path,
    texts: Mapping[str, str],
    gone: Iterable[str] = (),
    *,
    seal: str,
    move: Callable[[Path], None] | None = None,
    swap: bool = True,
) -> None:
    """Give files of a folder new contents and remove others, all at one instant; `seal` names the folder's seal.

    Whoever holds the folder is told by `move` which one is about to take its place; without `swap` none does.
    """
    gone = frozenset(gone)
    coming = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.new")
    try:
        if not swap or folder.is_symlink():  # a link would change places, and what it names stay as it is
            raise NoSwap("nothing has to change at one instant, or not here")
        _build(folder, coming, texts, gone)
        if move is not None:
            move(coming)
        _swap(coming, folder)
    except NoSwap:
        if move is not None:
            move(folder)
        _one_by_one(folder, texts, gone, seal)
    finally:
        shutil.rmtree(coming, ignore_errors=True)
    settle_names(folder.parent)


def _build(folder: Path, coming: Path, texts: Mapping[str, str], gone: frozenset[str]) -> None:
    coming.mkdir()
    shutil.copystat(folder, coming)
    for path, folders, files in os.walk(folder):
        inside = Path(path).relative_to(folder)
        for name in folders:
            if not (Path(path) / name).is_symlink():
                (coming / inside / name).mkdir()
        links = [n for n in folders if (Path(path) / n).is_symlink()]
        for name in (*files, *links):
            if (inside / name).as_posix() not in gone | texts.keys():
                _link(Path(path) / name, coming / inside / name)
    for name, text in texts.items():
        prepare(coming / name, text).place()
    settle_names(coming)


def _link(file: Path, new: Path) -> None:
    try:
        os.link(file, new, follow_symlinks=False)
    except (OSError, NotImplementedError) as error:
        raise NoSwap(f"{file} cannot be linked") from error


def _swap(one: Path, other: Path) -> None:
    """Let two folders change places in one call."""
    library = ctypes.CDLL(None, use_errno=True)
    here, there = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(here, there, SWAP)
        else:
            failed = library.renameat2(AT_FDCWD, here, AT_FDCWD, there, SWAP)
    except AttributeError:
        raise NoSwap("this system has no such call") from None
    if failed:
        raise NoSwap(ctypes.get_errno(), f"{one} and {other} cannot change places")


def _one_by_one(folder: Path, texts: Mapping[str, str], gone: frozenset[str], seal: str) -> None:
    ready: list[Prepared] = []
    try:
        for name in sorted(texts, key=lambda name: name == seal):  # one that cannot be written leaves none behind
            ready.append(prepare(folder / name, texts[name]))
        for name in (seal, *sorted(gone)):
            (folder / name).unlink(missing_ok=True)
        for file in ready:
            file.place()
    finally:
        for file in ready:
            file.discard()
    settle_names(folder)
