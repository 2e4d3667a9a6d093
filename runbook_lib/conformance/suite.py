"""All questions, found in their modules and kept in the order of their topics."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType

from runbook_lib.conformance.question import Area, Question
from runbook_lib.conformance.questions import (
    batch_write,
    capacity,
    conditions,
    keys,
    reads,
    recovery,
    surroundings,
    tables,
    throttling,
    values,
    wire,
)
from runbook_lib.conformance.questions.staging import (
    bulk_put,
    export_files,
    export_request,
    import_table,
    stream_shards,
    streams,
    window_lines,
    windows,
)

_MODULES: tuple[ModuleType, ...] = (
    batch_write, values, keys, conditions, capacity, throttling, reads, tables, recovery, surroundings,
    export_request, export_files, windows, window_lines, import_table, bulk_put, streams, stream_shards, wire,
)  # fmt: skip


@cache
def all_questions() -> tuple[Question, ...]:
    found = {one.id: one for module in _MODULES for one in vars(module).values() if isinstance(one, Question)}
    order = list(Area)
    return tuple(sorted(found.values(), key=lambda one: order.index(one.topic)))


def questions_fitting(*globs: str) -> tuple[Question, ...]:
    """The questions whose id fits one of the globs."""
    return tuple(one for one in all_questions() if any(fnmatchcase(one.id, glob) for glob in globs))
