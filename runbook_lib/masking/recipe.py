"""What becomes of the items of one table: filtered, given to a hook, masked, and held to what a table can hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Attribute, Item, digest
from runbook_lib.items.keys import KeyAttribute, held_key
from runbook_lib.items.size import item_size
from runbook_lib.masking.expression.parse import ItemTest
from runbook_lib.masking.hook import HookContext, HookFailed, ItemHook, hooked
from runbook_lib.masking.masker import REPLICATION, MaskTally, TableMask
from runbook_lib.masking.verbs import Unmaskable

LARGEST_ITEM = 400 << 10  # bytes, "Quotas in Amazon DynamoDB", Developer Guide
TWICE = 1_000  # items of a file that a hook is given twice


class NotPure(Exception):
    """A hook that made another thing of an item the second time."""


class Untransformable(Exception):
    """An item that cannot be in the target; the text says why and shows nothing of it."""


@dataclass(slots=True)
class RecipeTally:
    """What became of the items of a file; `mask` is None where nothing is masked."""

    filtered: int = 0
    kept: int = 0
    added: int = 0
    keys_rewritten: int = 0
    replication: int = 0
    hooked: int = 0
    mask: MaskTally | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """The filters, the hook and the mask of one table, and its key; all of them may be missing."""

    key: tuple[KeyAttribute, ...]
    index_keys: tuple[KeyAttribute, ...] = ()
    keeps: Sequence[ItemTest] = ()
    hook: ItemHook | None = None
    mask: TableMask | None = None
    _names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", tuple(attribute.name for attribute in self.key))

    def tally(self) -> RecipeTally:
        return RecipeTally(mask=self.mask.tally() if self.mask else None)

    def made_of(self, item: Item, context: HookContext, tally: RecipeTally) -> list[bytes]:
        """The items that one becomes, spelled: none where it is filtered, mostly one, more where the hook adds some.

        Raises Untransformable for what cannot be written, and NotPure. What no rule names is in the tally.
        """
        try:
            if any(not keep(item) for keep in self.keeps):
                tally.filtered += 1
                return []
            made = self._hooked(item, context, tally)
            written = [self._masked(each, tally) for each in made]
            for each in written:
                self._check(each)
            spelled = [spell_item(each) for each in written]
        except (Unmaskable, HookFailed, CorruptFile) as error:
            raise Untransformable(str(error)) from None
        except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError):
            raise Untransformable("the item is not as DynamoDB writes it") from None  # the message may quote a value
        if made:
            tally.kept += 1
            tally.added += len(made) - 1
        else:
            tally.filtered += 1
        for each in written:
            tally.keys_rewritten += any(each.get(name) != item.get(name) for name in self._names)
        return spelled

    @property
    def merging_keys(self) -> tuple[KeyAttribute, ...]:
        """Keys of the table and its indexes of which two values could become one; a key by itself is compared whole."""
        keys = (*self.index_keys, *(self.key if len(self.key) > 1 else ()))
        return tuple(key for key in keys if self.mask is not None and self.mask.may_merge(key.name, key.type))

    @property
    def may_merge_keys(self) -> bool:
        """Whether two items could have one key afterwards: by a hook, or by what the mask does with the key."""
        mask = self.mask
        masked = mask is not None and not all(mask.keeps_apart(key.name, key.type) for key in self.key)
        return self.hook is not None or masked

    def key_changes(self, item: Item, context: HookContext) -> Iterator[tuple[KeyAttribute, Attribute, Attribute]]:
        """What each of those keys of an item was, and what it becomes; nothing for an item that stays behind."""
        mask = self.mask
        if mask is None or any(not keep(item) for keep in self.keeps):
            return
        try:
            before = [item] if self.hook is None else hooked(self.hook, _copied(item), context)
            pairs = [(each, mask.masked(each, mask.tally())) for each in before]
        except (Unmaskable, HookFailed):
            return
        for was, becomes in pairs:
            for key in self.merging_keys:
                if key.name in was and key.name in becomes:
                    yield key, was[key.name], becomes[key.name]

    def _hooked(self, item: Item, context: HookContext, tally: RecipeTally) -> list[Item]:
        if self.hook is None:
            return [item]
        if tally.hooked < TWICE:
            tally.hooked += 1
            first = hooked(self.hook, _copied(item), context)
            second = hooked(self.hook, _copied(item), context)
            if [digest(each) for each in first] != [digest(each) for each in second]:
                raise NotPure(f"line {context.line}")
            return first
        return hooked(self.hook, _copied(item), context)

    def _masked(self, item: Item, tally: RecipeTally) -> Item:
        if self.mask is not None and tally.mask is not None:
            return self.mask.masked(item, tally.mask)
        for name in [name for name in item if name.startswith(REPLICATION)]:
            item = {other: held for other, held in item.items() if other != name}
            tally.replication += 1
        return item

    def _check(self, item: Item) -> None:
        """Raise for an item that DynamoDB would refuse: without its key, too large, an index key of another type."""
        held_key(item, self.key)
        for attribute in self.index_keys:
            held = item.get(attribute.name)
            if held is not None and attribute.type not in held:
                raise CorruptFile(f"index key {attribute.name!r} should be of type {attribute.type}")
            if held is not None:
                held_key(item, (attribute,))
        if self.hook is not None:
            digest(item)  # of a person's making: any value may be one that DynamoDB does not have


def _copied(held: Any) -> Any:
    """An item for a hook, which may change what it is given: what it was is read again afterwards."""
    if isinstance(held, dict):
        return {name: _copied(value) for name, value in held.items()}
    return [_copied(value) for value in held] if isinstance(held, list) else held


def spell_item(item: dict[str, Any]) -> bytes:
    """An item as an export spells it; raises Untransformable for one that is larger than a table takes."""
    try:
        spelled = orjson.dumps(item)
    except (TypeError, ValueError):
        raise Untransformable("the item holds what no JSON can say") from None
    # DynamoDB counts no quotes, braces or names of types: a larger item has more JSON.
    if len(spelled) > LARGEST_ITEM and item_size(item) > LARGEST_ITEM:
        raise Untransformable("the item is larger than the 400 KB that a table takes")
    return spelled
