"""What reading items has consumed, as each answer says, of whatever reads them: the one place where that is heard.

It is heard below all readers, so that none can leave it out. Counted are halves of a unit: an eventually consistent
read of 4 KB is one. An answer whose server names no price is not free: it costs what its bytes would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

ITEM_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
RCU_BYTES = 4096  # of one consistent read unit
MOST_UNITS = 1e9  # that anybody believes of one answer
# A number without quotes follows this name nowhere else: in items every value is an object, and every number quoted.
_UNITS = re.compile(rb'"CapacityUnits"\s*:\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*[,}]')


def halves_read(content: bytes) -> int:
    """The halves of read units that an answer says it took; its request asked for their TOTAL."""
    said = _UNITS.findall(content)
    return ceil(2 * sum(map(float, said))) if said else _halves_of_bytes(len(content))


def halves_parsed(parsed: Mapping[str, Any], size: int) -> int:
    """The same of an answer of `size` bytes that was parsed already."""
    said = parsed.get("ConsumedCapacity")
    units = [one.get("CapacityUnits", 0.0) for one in (said if isinstance(said, list) else [said or {}]) if one]
    return ceil(2 * sum(units)) if units and sum(units) < MOST_UNITS else _halves_of_bytes(size)


def _halves_of_bytes(size: int) -> int:
    return 2 * max(1, ceil(size / RCU_BYTES))
