"""The demo's items: always the same, all ten types, keys that are unique and legal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.fleet.data import items, items_digest
from runbook_lib.sandbox.fleet.tables import FleetTable, fleet, fleet_table, item_count

WITH_ITEMS = [table for table in fleet() if table.items]
TEN_TYPES = {"S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"}


def values(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    [(kind, content)] = value.items()
    yield kind, content
    if kind in ("M", "L"):
        for member in content.values() if kind == "M" else content:
            yield from values(member)


def all_values(table: FleetTable, count: int) -> list[tuple[str, Any]]:
    return [pair for item in items(table, count) for value in item.values() for pair in values(value)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loans", "77dc3a92e9e431392ec6bac78699033c45256fb5223537e3a1bffa91c075c3b5"),
        ("transactions", "8d9cc57076e9db56f435a105aa22dab137e1477311094073170c480387841919"),
        ("cases", "9e19087f952a66a164633125ae3c90f97ff6032bb150040870812fdf101fe6f6"),
    ],
)
def test_the_data_is_the_same_everywhere(name: str, expected: str) -> None:
    assert items_digest(fleet_table(name), 300) == expected


def test_a_smaller_scale_is_a_prefix_of_a_larger_one() -> None:
    table = fleet_table("payments")
    assert list(items(table, 50)) == list(islice(items(table, 400), 50))


@pytest.mark.parametrize("table", WITH_ITEMS, ids=lambda table: table.short_name)
def test_keys_are_unique_and_every_item_is_legal_and_canonical(table: FleetTable) -> None:
    made = list(items(table, min(table.items, 1500)))
    text = json.dumps(made)
    sizes = [check_item(item) for item in made]
    assert json.dumps(made) == text  # nothing had to be made canonical
    assert len({tuple(json.dumps(item[part.name]) for part in table.key) for item in made}) == len(made)
    for part in table.key:
        assert all(part.type in item[part.name] for item in made)
    if len(made) >= 100:
        assert 0.8 < sum(sizes) / len(sizes) / table.average_item_size < 1.2


@pytest.mark.parametrize("table", [t for t in WITH_ITEMS if t.items >= 100], ids=lambda table: table.short_name)
def test_a_hundred_items_have_all_ten_types_and_the_odd_values(table: FleetTable) -> None:
    found = all_values(table, 100)
    assert {kind for kind, _ in found} == TEN_TYPES
    texts = [content for kind, content in found if kind == "S"]
    numbers = [content for kind, content in found if kind == "N"]
    assert "" in texts
    assert ("B", "") in found
    assert any(not text.isascii() for text in texts)
    assert any("\U0001f3e6" in text or "\U0001f469" in text for text in texts)
    assert any("\n" in text and "\u2028" in text for text in texts)
    assert any(len(number.strip("-").replace(".", "").lstrip("0")) == 38 for number in numbers)
    assert "1E-130" in numbers or "-1E-130" in numbers


def test_index_keys_have_their_type_and_are_sometimes_missing() -> None:
    table = fleet_table("loans")
    made = list(items(table, 500))
    for key in table.indexes.values():
        for part in key:
            present = [item for item in made if part.name in item]
            assert all(list(item[part.name]) == [part.type] for item in present)
            assert 300 < len(present) < 500


def test_some_items_expired_long_ago_and_some_expire_far_ahead() -> None:
    moments = [int(item["expires_at"]["N"]) for item in items(fleet_table("payments"), 90) if "expires_at" in item]
    assert Counter(moment < 1_700_000_000 for moment in moments) == {True: 30, False: 30}
    assert all(moment < 1_700_000_000 or moment > 4_000_000_000 for moment in moments)


def test_a_table_with_items_never_shrinks_to_none() -> None:
    assert item_count(fleet_table("banks"), 0.001) == 1
    assert item_count(fleet_table("approvals"), 1) == 0
    assert sum(item_count(table, 1) for table in fleet() if table.point_in_time_recovery) == 229_634
    unrecoverable = [item_count(table, 0.05) for table in fleet() if not table.point_in_time_recovery]
    assert sorted(unrecoverable)[-4:] == [12, 13, 15, 18]
    assert sum(unrecoverable) == 58
