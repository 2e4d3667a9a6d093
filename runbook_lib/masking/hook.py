"""A person's own function between reading and masking: loaded from a file, told from every other version of it."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook_lib.errors import ConfigError
from runbook_lib.items.canonical import Item


@dataclass(frozen=True, slots=True)
class HookContext:
    """What a hook is told of an item beside the item itself: both tables, and where in the export it stands."""

    table: str
    target: str
    file: int
    line: int


HookFunction = Callable[[Item, HookContext], Any]


@dataclass(frozen=True, slots=True)
class ItemHook:
    """A function, and the SHA-256 of the file that it is from."""

    function: HookFunction
    sha256: str


class _Nowhere(io.TextIOBase):
    """Where a hook's own words go."""

    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def _silent() -> Iterator[None]:
    """Let nothing that is said reach anybody: by Python, by what it opened before, or by a program that it starts."""
    _flush()
    kept = {}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            with suppress(OSError):  # closed: nothing can be said there
                kept[number] = os.dup(number)
                os.dup2(nowhere, number)
        with redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
            yield
    finally:
        _flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()


class HookFailed(Exception):
    """An item that a hook did not take, or for which it gave back what is no item; the text never shows it."""


def load_hook(spelled: str, folder: Path) -> ItemHook:
    """The hook that `file.py:function` names, the file beside the migration file; raises ConfigError."""
    name, _, function = spelled.rpartition(":")
    file = folder / name
    where = f"transform.hook: {spelled}"
    try:
        source = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where}: expected a Python file {file}, which cannot be read: {error.strerror}") from None
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    try:
        with _silent():  # a stream that it keeps stays silent
            exec(compile(source, str(file), "exec"), module.__dict__)
            found = getattr(module, function, None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit, which would end the command as if all were well
        raise ConfigError(f"{where}: {file} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise ConfigError(f"{where}: expected a function {function} in {file}, found none")
    return ItemHook(found, hashlib.sha256(source).hexdigest())


def hooked(hook: ItemHook, item: Item, context: HookContext) -> list[Item]:
    """What a hook makes of an item: none, one or several; raises HookFailed."""
    try:
        with _silent():  # what it prints may quote the item, too
            made = _plain(hook.function(item, context))
    except _OddValue:
        made = 0  # no item
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a person's function raises: its text, and its name, may quote the item
        raise HookFailed(f"the hook raised {_kind_of(error)}") from None
    if made is None:
        return []
    items = made if isinstance(made, list) else [made]
    if not all(isinstance(each, dict) for each in items):
        raise HookFailed("the hook gave back something else than None, an item or a list of items")
    return items


class _OddValue(Exception):
    """A value that no JSON has."""


def _plain(value: Any) -> Any:
    """A value of Python's own types alone: what a person made of them could say an item when it is read, or another."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, dict):
        return {_plain(name): _plain(held) for name, held in dict.items(value)}
    if isinstance(value, list):
        return [_plain(held) for held in list.__iter__(value)]
    if isinstance(value, str):
        return str(str.__str__(value))
    raise _OddValue


def _kind_of(error: BaseException) -> str:
    """The name of Python's own kind that an error is of; a person's own may be named after a value."""
    return str(next(kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind))
