"""How much of a table's capacity the import uses, and how much it asks for in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import publish
from tests.bench.capacity_import import export_of, import_into
from tests.bench.capacity_table import REGION_LIMIT, Shape


@pytest.mark.bench
@pytest.mark.parametrize(("limit", "items", "files"), [(4_000, 200_000, 40), (10_000, 500_000, 100)])
def test_an_import_uses_what_the_table_gives_and_hardly_ever_asks_for_more(
    limit: int, items: int, files: int, tmp_path: Path
) -> None:
    shape = Shape(limit // 1_000, limit)
    stored = export_of(items, files)
    ours = import_into(shape, stored, tmp_path)
    few = import_into(shape, export_of(items // 10, files), tmp_path, lanes=1)
    publish(
        f"capacity {limit}",
        f"{limit:,} units/s in {shape.ranges} key ranges of {REGION_LIMIT:,.0f}, {items:,} items, {files} files",
        ("files read", "capacity used", "of the writes throttled", "units/s", "seconds"),
        [
            (
                name, f"{account.used(limit):.1%}", f"{account.throttled:.2%}",
                f"{account.taken / account.seconds:,.0f}", f"{account.seconds:,.1f}",
            )
            for name, account in (("in lanes", ours), (f"one after another, {items // 10:,} items", few))
        ],
    )  # fmt: skip
    assert ours.used(limit) >= 0.95
    assert ours.throttled <= 0.02
    assert few.used(limit) < 0.5 * ours.used(limit)
