"""The other runs of a reports folder, of which nothing may be believed before it has been looked at.

A folder of reports is shared: copied, cut short and edited runs lie in it, and those of other versions. Whatever the
list of runs uses of a record has the type it should have, or the run is a broken one with the reason.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook_lib.record.files import Record
from runbook_lib.record.seal import pages_are_sealed
from runbook_lib.report.text import when

LARGEST = 256 << 20  # bytes of a run.json; ten thousand tables take 40 MB
MOST = 10**18  # of anything that is counted
LONGEST = 1000  # characters of a name
Look = Callable[[object, str], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A run's folder; `record` is None and `broken` says why where its run.json is not the record of a run."""

    folder: Path
    record: Record | None
    sealed: bool = False
    broken: str = ""

    @property
    def name(self) -> str:
        """The folder's name as text that can be written, whatever bytes it is made of."""
        return os.fsencode(self.folder.name).decode("utf-8", "backslashreplace")


def neighbours(root: Path) -> list[Neighbour]:
    """Every run of a reports folder, in the order of their names."""
    found = (_neighbour(folder) for folder in sorted(root.iterdir()) if not folder.name.startswith("."))
    return [known for known in found if known is not None]


def _neighbour(folder: Path) -> Neighbour | None:
    try:
        about = (folder / "run.json").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Neighbour(folder, None, broken=error.strerror or "it cannot be read")
    if not stat.S_ISREG(about.st_mode):
        return Neighbour(folder, None, broken="it is no regular file")
    if about.st_size > LARGEST:
        return Neighbour(folder, None, broken=f"it has {about.st_size:,} bytes")
    try:
        data = json.loads((folder / "run.json").read_bytes())
        wrong = next(_record(data, ""), "")
        sealed = pages_are_sealed(folder)
    except OSError as error:
        return Neighbour(folder, None, broken=error.strerror or "it cannot be read")
    except (ValueError, RecursionError, MemoryError) as error:
        return Neighbour(folder, None, broken=f"it is no JSON ({type(error).__name__})")
    return Neighbour(folder, None, broken=wrong) if wrong else Neighbour(folder, data, sealed)


def _text(value: object, where: str) -> Iterator[str]:
    if value is not None and not (isinstance(value, str) and len(value) <= LONGEST):
        yield f"{where}: expected a text of at most {LONGEST:,} characters"


def _flag(value: object, where: str) -> Iterator[str]:
    if value is not None and not isinstance(value, bool):
        yield f"{where}: expected true or false"


def _count(value: object, where: str) -> Iterator[str]:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST):
        yield f"{where}: expected a count"


def _seconds(value: object, where: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > MOST:
        yield f"{where}: expected a number of seconds"


def _moment(value: object, where: str) -> Iterator[str]:
    yield from _text(value, where)
    known = when(value)
    if known is not None and not 1970 <= known.year < 9999:
        yield f"{where}: expected a moment of these times"


def _members(looks: Mapping[str, Look]) -> Look:
    def look(value: object, where: str) -> Iterator[str]:
        if value is None:
            return
        if not isinstance(value, dict):
            yield f"{where or 'the record'}: expected an object"
            return
        for name, of in looks.items():
            yield from of(value.get(name), f"{where}.{name}" if where else name)

    return look


def _each(of: Look) -> Look:
    def look(value: object, where: str) -> Iterator[str]:
        if value is None:
            return
        if not isinstance(value, list):
            yield f"{where}: expected a list"
            return
        for place, each in enumerate(value):
            if each is None:
                yield f"{where}[{place}]: expected an object"
            yield from of(each, f"{where}[{place}]")

    return look


COUNTS = (
    "items_exported", "lines_read", "items_written", "items_in_target", "items_quarantined", "missing", "extra",
    "different",
)  # fmt: skip
_side = _members({"account": _text, "region": _text})
_table = _members(
    {"source": _text, "compared_only": _flag, "seconds_by_step": _members({"import": _seconds})}
    | dict.fromkeys(COUNTS, _count)
)
_fields = _members(
    {
        "name": _text,
        "verdict": _text,
        "started": _moment,
        "executed": _flag,
        "identity": _members({"source": _side, "target": _side}),
        "tables": _each(_table),
        "totals": _members({"seconds": _seconds}),
        "attempts": _each(_members({"steps": _each(_text), "execute": _flag})),
    }
)


def _record(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict) or not value.keys() & {"run_id", "name", "verdict", "tables"}:
        yield "it is not the record of a run"
    else:
        yield from _fields(value, where)
