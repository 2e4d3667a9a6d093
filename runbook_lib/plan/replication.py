"""Attributes that global tables of version 2017 keep in every item: what they are called, and the look for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runbook_lib.config.check_ids import CheckId
from runbook_lib.plan.check import WARNING, Check, ok

REPLICATION, OLD_GLOBAL = "aws:rep:", "2017.11.29"


def replication_check(source: str) -> Check:
    """The look at a source table; what was found is still to be said."""
    return Check(
        CheckId.REPLICATION_ATTRIBUTES, source, WARNING, f"no attributes of replication ({REPLICATION}*)", "",
        "they are written along as they are, and may harm the replication of a target that is or becomes a global "
        "table: use global tables of version 2019.11.21, or remove them", source=source,
    )  # fmt: skip


def seen_in(check: Check, attributes: Iterable[str], *, items: bool) -> Check:
    """What names of attributes show, of `items` too or of indexes alone."""
    seen = sorted({name for name in attributes if name.startswith(REPLICATION)})
    if seen:
        return replace(check, found=", ".join(seen))
    return ok(check, "none in the indexes" + (" and the first items" if items else ""))
