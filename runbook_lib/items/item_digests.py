"""The digests of an item: whatever spells it otherwise, they are equal for equal items."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson
from orjson import OPT_SORT_KEYS

from runbook_lib.items.canonical import Item, canonical
from runbook_lib.items.keys import KeyAttribute, key_of

PLAIN = hashlib.blake2b(digest_size=16)


def digests(item: Item, schema: Sequence[KeyAttribute], kind: hashlib.blake2b = PLAIN) -> tuple[bytes, bytes]:
    """An item's key in canonical JSON, and the 16 bytes of its digest, of the kind that this empty one is."""
    key, text = key_and_text(item, schema)
    digest = kind.copy()
    digest.update(text)
    return key, digest.digest()


def key_and_text(item: Item, schema: Sequence[KeyAttribute]) -> tuple[bytes, bytes]:
    """An item's key and the item itself, in canonical JSON; raises CorruptFile for what is none."""
    item = canonical(item)
    return orjson.dumps(key_of(item, schema), option=OPT_SORT_KEYS), orjson.dumps(item, option=OPT_SORT_KEYS)
