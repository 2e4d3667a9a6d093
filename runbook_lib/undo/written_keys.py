"""The keys that a run has written, each once, however often its export names it.

They are sorted out on the disk: an export may have more keys than fit into the memory, and its lines come in no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import orjson

from runbook_lib.run.tables.scratch import ScratchMap, scratch_map
from runbook_lib.undo.three_way import WrittenKey

KEYS_AT_ONCE = 500


@contextmanager
def keys_written(written: Iterable[WrittenKey]) -> Iterator[Iterator[WrittenKey]]:
    """Each key once, with everything that was written under it."""
    with scratch_map() as held:
        rows = ((each.digest, _as_line(each)) for each in written)
        while some := list(islice(rows, KEYS_AT_ONCE)):
            held.add_all(some)
        yield _each_once(held)


def _as_line(one: WrittenKey) -> bytes:
    (ours,) = one.ours
    return orjson.dumps([one.key, ours.hex() if ours is not None else None]) + b"\n"


def _each_once(held: ScratchMap) -> Iterator[WrittenKey]:
    for digest, lines in held.items():
        found = [orjson.loads(line) for line in lines.splitlines()]
        ours = frozenset(bytes.fromhex(said) if said is not None else None for _, said in found)
        yield WrittenKey(digest, found[0][0], ours)
