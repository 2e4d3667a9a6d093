"""A live source as its transform makes it: filtered, hooked and masked while it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import key_and_text
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.recipe import NotPure, Recipe, Untransformable
from runbook_lib.validate.readers import TableReader


@dataclass(frozen=True, slots=True)
class TransformedSource:
    """A source and what becomes of each of its items; what cannot be in a target is left out."""

    reader: TableReader
    recipe: Recipe
    target: str

    @property
    def segments(self) -> int:
        return self.reader.segments

    @property
    def threads(self) -> int:
        return self.reader.threads

    def items(self) -> Iterator[Item]:
        """Every item that the transform makes; each call scans the source anew."""
        return self._made_of(self.reader.items())

    def spelled_of(self, segment: int, key: Sequence[KeyAttribute]) -> Iterator[tuple[bytes, bytes]]:
        """The key and the whole of each item that is made of a segment, in canonical JSON."""
        return (key_and_text(item, key) for item in self._made_of(self.reader.items_of(segment)))

    def _made_of(self, items: Iterator[Item]) -> Iterator[Item]:
        tally = self.recipe.tally()
        for number, item in enumerate(items, 1):
            context = HookContext(self.reader.table, self.target, 0, number)
            try:
                made = self.recipe.made_of(item, context, tally)
            except Untransformable:  # it would be in quarantine, too
                continue
            except NotPure:
                raise TransferError(
                    "transform.hook made another item of one the second time; a hook has to depend on nothing but the "
                    "item and its context"
                ) from None
            yield from map(orjson.loads, made)
        if tally.mask is not None and tally.mask.unnamed:
            raise TransferError(
                f"{self.reader.table} has places by now that no rule of transform.mask names, so nobody can say what "
                "they would become; runbook mask --propose lists them"
            )
