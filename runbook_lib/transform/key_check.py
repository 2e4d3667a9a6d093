"""No two items of a table may have one key, and no two values of a key attribute become one: over all files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from runbook_lib.errors import TransferError
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import FileEntry
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keys import held_key
from runbook_lib.items.lines import parse_line
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.recipe import Recipe
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.transform.collisions import KeyDigests, ValueDigests

Watch = Callable[[str, str, int, int], None]


class KeysCollide(TransferError):
    """Items or values that would become one; `collisions` says how many."""

    def __init__(self, collisions: int, why: str) -> None:
        super().__init__(f"{why} Give the rules of its keys a longer form, and start a new run")
        self.collisions = collisions


def check_keys(run: Run, pair: Pair, recipe: Recipe, entries: Sequence[FileEntry], watch: Watch) -> None:
    """Raise KeysCollide where an item has a key that another one has, over all files as they are stored now."""
    done, items = 0, sum(entry.item_count for entry in entries)
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        digests = KeyDigests(Path(folder))
        for number, entry in enumerate(entries):
            file = DataFile(number, entry.key, entry.md5_checksum, entry.item_count)
            with fetch(run.clients.staging, run.config.target_staging.bucket, file) as checked:
                for _, line in checked.items():
                    key = canonical_json(held_key(parse_line(line), recipe.key))
                    digests.add(bytes.fromhex(run.secret.key_hash(key)))
            done += entry.item_count
            watch(pair.source, "looking at keys", done, items)
        collisions = sum(1 for _ in digests.repeated())
    if collisions:
        raise KeysCollide(
            collisions,
            f"{collisions:,} items would have a key that another item has: its pseudonyms have too few digits, or the "
            "hook adds items without keys of their own; nothing was written to the target.",
        )


def check_key_values(run: Run, pair: Pair, export: CompletedExport, recipe: Recipe, watch: Watch) -> None:
    """Raise KeysCollide where two values of a key attribute become one: what was apart in an index would be together.

    Reads the export once more, and only where the pseudonyms of a key have few digits.
    """
    keys, done = recipe.merging_keys, 0
    if not keys:
        return
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        seen = {key.name: ValueDigests(Path(folder) / str(number)) for number, key in enumerate(keys)}
        for row in file_rows(run.ledger, pair.source):
            with fetch(run.clients.raw, export.bucket, row.data_file) as checked:
                for number, line in checked.items():
                    context = HookContext(pair.source, pair.target, row.data_file.ordinal, number)
                    for key, *both in recipe.key_changes(parse_line(line), context):
                        spelled = (run.secret.key_hash(canonical_json({key.name: value})) for value in both)
                        seen[key.name].add(*map(bytes.fromhex, spelled))
            done += row.data_file.items
            watch(pair.source, "looking at index keys", done, export.items)
        merged = {name: many for name, digests in seen.items() if (many := digests.merged())}
    if merged:
        told = ", ".join(f"{many:,} of {name}" for name, many in sorted(merged.items()))
        raise KeysCollide(
            sum(merged.values()),
            f"values of keys would become one that another value becomes, too ({told}): what was apart in a table or "
            "an index would be together; nothing was written to the target.",
        )
