"""No two items of a table may have one key, and no two values of a key attribute become one: over all files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import FileEntry
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keys import held_key
from runbook_lib.items.lines import parse_line
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.recipe import Recipe
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.masking.transform import TRANSFORMS, raw_files
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.transform.collisions import KeyDigests, ValueDigests
from runbook_lib.transform.raw_windows import raw_window

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
    if recipe.merging_keys:
        files = [row.data_file for row in file_rows(run.ledger, pair.source)]
        _refuse_merged(run, recipe, _exported(run, pair, export, files, watch))


def check_change_values(run: Run, pair: Pair, windows: Sequence[WindowFact], recipe: Recipe) -> None:
    """The same of the raw export with raw windows after it: of all values that there ever were."""
    fact = TRANSFORMS.needed(run.ledger, pair.source)
    if recipe.merging_keys and (export := fact.raw.completed) is not None:
        files = raw_files(run.ledger, pair.source)
        items = _exported(run, pair, export, files, lambda *told: None)
        *before, last = (_changed(run, pair, window, recipe) for window in windows)
        _refuse_merged(run, recipe, chain(_of_others(chain(items, *before)), last))


def _of_others(items: Iterator[tuple[Item, HookContext]]) -> Iterator[tuple[Item, HookContext]]:
    """What comes before the last window, whose files are not the ones at fault where these are damaged."""
    try:
        yield from items
    except CorruptFile as error:
        raise TransferError(str(error)) from None


def _exported(
    run: Run, pair: Pair, export: CompletedExport, files: Sequence[DataFile], watch: Watch
) -> Iterator[tuple[Item, HookContext]]:
    done = 0
    for file in files:
        with fetch(run.clients.raw, export.bucket, file) as checked:
            for number, line in checked.items():
                yield parse_line(line), HookContext(pair.source, pair.target, file.ordinal, number)
        done += file.items
        watch(pair.source, "looking at index keys", done, export.items)


def _changed(run: Run, pair: Pair, window: WindowFact, recipe: Recipe) -> Iterator[tuple[Item, HookContext]]:
    """The new images of a window as it was exported."""
    for file, number, change in raw_window(run, window, recipe.key).changes():
        if change.new is not None:
            yield change.new, HookContext(pair.source, pair.target, file.ordinal, number)


def _refuse_merged(run: Run, recipe: Recipe, items: Iterable[tuple[Item, HookContext]]) -> None:
    keys = recipe.merging_keys
    with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
        seen = {key.name: ValueDigests(Path(folder) / str(number)) for number, key in enumerate(keys)}
        for item, context in items:
            for key, *both in recipe.key_changes(item, context):
                spelled = (run.secret.key_hash(canonical_json({key.name: value})) for value in both)
                seen[key.name].add(*map(bytes.fromhex, spelled))
        merged = {name: many for name, digests in seen.items() if (many := digests.merged())}
    if merged:
        told = ", ".join(f"{many:,} of {name}" for name, many in sorted(merged.items()))
        raise KeysCollide(
            sum(merged.values()),
            f"values of keys would become one that another value becomes, too ({told}): what was apart in a table or "
            "an index would be together; nothing of it was written to the target.",
        )
