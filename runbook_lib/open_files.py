"""How many files and connections a process may hold open: as many as the system allows it, up to thousands.

Many shells allow 256 or 1,024, and an import holds hundreds of connections beside its files. Where even the hard limit
is too low, kernels and connections would wait for each other until their time is up.

What is said is heard by somebody who may go away, or by nobody from the beginning; neither ends what is under way.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import sys
from typing import Any, TextIO

from runbook_lib.errors import ConfigError

NEEDED, WANTED = 256, 4096
GONE = frozenset({errno.EPIPE, errno.ESHUTDOWN})  # not so a full disk: there, somebody wants to read it


def make_room() -> None:
    """Raise this process's limit of open files as far as it may and as is of use; its children inherit it.

    Raises ConfigError where fewer remain than a run needs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= WANTED:
        return
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    with contextlib.suppress(ValueError, OSError):  # some systems allow less than their hard limit says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if found < NEEDED:
        raise ConfigError(
            f"open files: expected room for at least {NEEDED} at a time, found a hard limit of {found}; nothing was "
            f"done. Raise it where it is set, for example with ulimit -Hn {WANTED} or in the limits of the service"
        )


def go_on_unheard() -> None:
    """Let this process go on when nobody reads its output any more, or when it was started with none.

    A number of a closed output would be given to the next file that is opened, and what is said would be written into
    it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout, sys.stderr = _unless_gone(sys.stdout, 1), _unless_gone(sys.stderr, 2)


def _unless_gone(stream: TextIO | None, number: int) -> TextIO:
    """The same output, whose words go nowhere once nobody reads them."""
    encoding, errors = (stream.encoding, stream.errors) if stream is not None else ("utf-8", "backslashreplace")
    if stream is not None:
        stream.flush()
    raw = _Output(number, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, errors, line_buffering=number == 2 or raw.isatty())


class _Output(io.FileIO):
    """An output that takes everything, also when its reader has gone away."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)
