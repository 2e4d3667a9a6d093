"""One file of a window made into another: both images of every change as the filter, the hook and the mask make them.

An item that leaves the filter becomes a delete, one that enters it a put. One that cannot be made any more becomes a
delete, too, and stands in quarantine: the target holds what the transform makes of the source, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.change import Change, ChangeWindow, spell_change
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.spelled_change import SpelledChange, spelled_change
from runbook_lib.export_format.window_file import CheckedChanges, fetch_changes
from runbook_lib.export_format.writer import ExportWriter
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import held_key, key_of
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.recipe import TWICE, NotPure, Recipe, RecipeTally, Untransformable
from runbook_lib.run.facts.masking.windows import ChangeCounts, TransformedChanges
from runbook_lib.run.tables.windows import ChangeRow, rows_of
from runbook_lib.transform.key_check import KeysCollide
from runbook_lib.transform.rewrite import UnnamedValues

AT_ONCE = 500  # changes
Made = dict[bytes, tuple[bytes, bytes]]  # by canonical key: the key as it is spelled, and the item
Refused = tuple[str, int, str | None, str]  # file, line, key hash, reason


@dataclass(slots=True)
class ChangesRewrite:
    """What a file of a window is rewritten with: the recipe, both tables' names, and where things go."""

    recipe: Recipe
    source: str
    target: str
    raw: Any
    bucket: str
    window: ChangeWindow
    writer: ExportWriter
    secret: RunSecret
    keep: Callable[[Iterable[ChangeRow]], None]
    refused: list[Refused] = field(default_factory=list)

    def rewrite(self, window: str, file: DataFile, name: str) -> TransformedChanges:
        """Make a file; it is stored only where all of it could be judged. `refused` has what could not be made;
        `keep` is given its changes as they were exported, so many at a time.

        Raises UnnamedValues, and TransferError for a hook that is not pure or a file that does not add up.
        """
        self.refused, tally = [], _Tally(self.recipe.tally(), self.recipe.tally())
        with fetch_changes(self.raw, self.bucket, file, self.window) as checked:
            entry = self.writer.add_changes(self._lines(checked, tally), name)
        counts = ChangeCounts(file.items, tally.derived, tally.left_out, tally.added, len(self.refused))
        if not counts.add_up or entry.item_count != counts.derived:
            raise TransferError(
                f"{file.key}: of {counts.exported} changes {counts.left_out} were left out and {counts.quarantined} "
                f"refused, {counts.added} were added, and {entry.item_count} written; they should add up"
            )
        return TransformedChanges(
            window, file.ordinal, file.key, file.md5, entry.key, entry.md5_checksum, entry.etag, entry.item_bytes,
            counts,
        )  # fmt: skip

    def _lines(self, checked: CheckedChanges, tally: _Tally) -> Iterator[bytes]:
        file, changes = checked.file, list[SpelledChange]()
        for number, change in checked.changes():
            context = HookContext(self.source, self.target, file.ordinal, number)
            try:
                lines, why = self._made_of(change, context, tally)
            except NotPure:
                raise TransferError(
                    f"{file.key}: line {number}: transform.hook made another item of it the second time, or with "
                    "another place in the export; a hook has to depend on nothing but the item and its tables, for "
                    "windows bring items from other places; start a new run with another hook"
                ) from None
            if why is not None:
                key_hash = self.secret.key_hash(canonical_json(change.key))
                self.refused.append((file.key, number, key_hash, why))
            tally.note(len(lines), refused=why is not None)
            changes.append(spelled_change(change))
            if len(changes) == AT_ONCE:
                self.keep(rows_of(changes, self.secret, known=True))
                changes.clear()
            yield from lines
        self.keep(rows_of(changes, self.secret, known=True))
        unnamed = [one.mask.unnamed for one in (tally.new, tally.old) if one.mask is not None and one.mask.unnamed]
        if unnamed:
            raise UnnamedValues(unnamed[0])

    def _made_of(self, change: Change, context: HookContext, tally: _Tally) -> tuple[list[bytes], str | None]:
        """The changes that one becomes, and why its new state is in no target."""
        old, why = dict[bytes, tuple[bytes, bytes]](), None
        if change.old is not None:
            try:
                old = self._items_of(change.old, context, tally.old)
            except (Untransformable, CorruptFile):
                old = {}  # nothing was made of it before, either
        new = dict[bytes, tuple[bytes, bytes]]()
        if change.new is not None:
            try:
                new = self._items_of(change.new, context, tally.new)
            except (Untransformable, CorruptFile) as error:
                why = str(error)
        return [_line(change.micros, old.get(key), new.get(key)) for key in old | new], why

    def _items_of(self, item: Item, context: HookContext, tally: RecipeTally) -> Made:
        recipe, twice = self.recipe, self.recipe.hook is not None and tally.hooked < TWICE
        lines = recipe.made_of(item, context, tally)
        if twice:
            elsewhere = HookContext(self.source, self.target, context.file + 1, context.line + 1)
            if recipe.made_of(item, elsewhere, recipe.tally()) != lines:
                raise NotPure
        made = dict[bytes, tuple[bytes, bytes]]()
        for line in lines:
            one = orjson.loads(line)
            held = canonical_json(held_key(one, recipe.key))
            if held in made:
                raise KeysCollide(1, "the hook makes two items with one key of a change; nothing of it was written.")
            made[held] = orjson.dumps(key_of(one, recipe.key)), line
        return made


def _line(micros: int, old: tuple[bytes, bytes] | None, new: tuple[bytes, bytes] | None) -> bytes:
    key = new[0] if new is not None else old[0] if old is not None else b""
    return spell_change(micros, key, old[1] if old is not None else None, new[1] if new is not None else None)


@dataclass(slots=True)
class _Tally:
    """What became of the changes of a file; what its old images come to counts by itself."""

    new: RecipeTally
    old: RecipeTally
    derived: int = 0
    left_out: int = 0
    added: int = 0

    def note(self, lines: int, *, refused: bool) -> None:
        self.derived += lines
        self.left_out += not lines and not refused
        self.added += lines if refused else max(0, lines - 1)
