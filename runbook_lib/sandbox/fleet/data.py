"""The demo's items: a lender's data, invented, and the same on every machine.

Item n of a table depends on the table's name and n only (a hash stretched into draws; no random module, no
clock), so a smaller scale is a prefix of a larger one. Nothing here is anybody's real data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.fleet import edge_values as oddities
from runbook_lib.sandbox.fleet.draw import Draw
from runbook_lib.sandbox.fleet.tables import FleetKey, FleetTable

Item = dict[str, dict[str, Any]]

_STATUS = ("active", "pending", "closed", "funded", "in_review", "past_due", "paid_off")
_STATES = ("AZ", "CA", "FL", "GA", "IL", "NV", "NY", "OH", "PA", "TX", "WA")
_WORDS = (  # noqa: SIM905  # as a list literal it would be 48 lines
    "advance agreement amount approved balance borrower case closing collateral company counsel covenant "
    "credit debt default draw escrow fee firm fund interest invoice lender lien loan matter maturity monthly "
    "notice payment plaintiff portfolio principal rate recovery repayment reserve review schedule settlement "
    "statement term transfer underwriting"
).split(" ")

# Attributes whose values have a meaning of their own; everything else is a reference such as "bank-0042".
_MAKERS: dict[str, Callable[[Draw, int], str]] = {
    "status": lambda draw, n: draw.pick(_STATUS),
    "state": lambda draw, n: draw.pick(_STATES),
    "type": lambda draw, n: draw.pick(("admin", "borrower", "lender", "counsel")),
    "transaction_type": lambda draw, n: draw.pick(("draw", "repayment", "fee", "interest")),
    "attachable_type": lambda draw, n: draw.pick(("Loan", "Company", "MonthlyReporting")),
    "business_model": lambda draw, n: draw.pick(("law_firm", "funder", "medical")),
    "is_approver": lambda draw, n: draw.pick(("true", "false")),
    "is_default": lambda draw, n: draw.pick(("true", "false")),
    "email": lambda draw, n: f"user{n:06d}@example.com",
    "short_name": lambda draw, n: f"bank{n:03d}",
    "docket_number": lambda draw, n: f"{draw.below(9) + 1}:2{draw.below(6)}-cv-{n:05d}",
    "month": lambda draw, n: draw.date()[:7],
    "year": lambda draw, n: draw.date()[:4],
    "reporting_period": lambda draw, n: f"{draw.date()[:4]}-Q{draw.below(4) + 1}",
    "posted_date_account_id": lambda draw, n: f"{draw.date()}#acct-{draw.below(319):04d}",
    "PK": lambda draw, n: f"LOC#{draw.below(64):04d}",
    "SK": lambda draw, n: f"{draw.pick(('LOAN', 'DRAW', 'CASE', 'REPORT'))}#{draw.date()}",
}

_BODY: dict[str, tuple[str, ...]] = {
    "ach-batches": ("amount",),
    "payments": ("amount", "method"),
    "transactions": ("amount", "merchant", "created_at", "pending"),
    "loans": ("amount", "rate", "created_at"),
    "loan-loc": ("amount", "rate", "created_at"),
    "statements": ("amount", "created_at", "pending"),
}
_EXPIRING = frozenset({"files", "plaid-items", "payments", "statements", "cases"})
_LONG_AGO = 1_577_836_800  # 2020-01-01
_FAR_AHEAD = 4_102_444_800  # 2100-01-01
_YEAR = 31_536_000


def items(table: FleetTable, count: int) -> Iterator[Item]:
    """Yield the table's first `count` items as DynamoDB JSON (B as base64 text)."""
    pools = 1 + table.items // 40  # partitions of tables with a sort key
    for number in range(count):
        yield _item(table, number, pools)


def items_digest(table: FleetTable, count: int) -> str:
    """Return one SHA-256 over the first `count` items, to pin the data in a test."""
    from runbook_lib.sandbox.emulator.replies import dumps

    whole = hashlib.sha256()
    for item in items(table, count):
        whole.update(dumps(item) + b"\n")
    return whole.hexdigest()


def _item(table: FleetTable, number: int, pools: int) -> Item:
    draw = Draw(f"{table.source}/{number}")
    target = table.average_item_size * (50 + draw.below(101)) // 100
    item = _primary_key(table, draw, number, pools)
    _add_index_keys(item, table, draw, number)
    for name in _BODY.get(table.short_name, ("created_at", "updated_at", "is_active")):
        item.setdefault(name, _body_value(name, draw))
    if table.short_name in _EXPIRING and number % 3:
        base = _LONG_AGO if number % 3 == 1 else _FAR_AHEAD
        item.setdefault("expires_at", {"N": str(base + draw.below(_YEAR))})
    for name, value in oddities.of(number, draw).items():
        item.setdefault(name, value)
    _fill(item, draw, target - check_item(item))
    return item


def _primary_key(table: FleetTable, draw: Draw, number: int, pools: int) -> Item:
    """Return a key that no other item of the table has."""
    first = table.key[0]
    if len(table.key) == 1:
        plain = draw.hexadecimal(32)
        unique = f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
        return {first.name: {"S": unique}}
    second = table.key[1]
    maker = _MAKERS.get(second.name, _dated)
    return {
        first.name: {"S": _partition(first, draw, pools)},
        second.name: {"S": f"{maker(draw, number)}#{number:08d}"},
    }


def _partition(key: FleetKey, draw: Draw, pools: int) -> str:
    if key.name == "PK":
        return f"LOC#{draw.below(pools):04d}"
    return f"{key.name.removesuffix('_id')}-{draw.below(pools):04d}"


def _add_index_keys(item: Item, table: FleetTable, draw: Draw, number: int) -> None:
    """Add what the indexes are made of; one item in eight lacks one, as a sparse index has it."""
    for key in table.indexes.values():
        for part in key:
            if part.name in item or draw.below(8) == 0:
                continue
            if part.type == "N":
                item[part.name] = {"N": str(100_000 + number)}
            else:
                item[part.name] = {"S": _index_text(part.name, draw, number)}


def _index_text(name: str, draw: Draw, number: int) -> str:
    maker = _MAKERS.get(name)
    if maker is not None:
        return maker(draw, number)
    if name.endswith(("_date", "_at", "date")):
        return draw.date()
    if name.endswith(("PK", "SK")):
        return f"{name[:-2].upper()}#{draw.below(500):04d}"
    return f"{name.removesuffix('_id')}-{draw.below(400):04d}"


def _dated(draw: Draw, number: int) -> str:
    return draw.date()


def _body_value(name: str, draw: Draw) -> dict[str, Any]:
    if name == "amount":
        return {"N": _money(draw)}
    if name == "rate":
        return {"N": f"0.{draw.below(9) + 1}{draw.below(9) + 1}"}
    if name in ("pending", "is_active"):
        return {"BOOL": draw.below(2) == 1}
    if name == "method":
        return {"S": draw.pick(("ach", "wire", "check"))}
    if name == "merchant":
        return {"S": " ".join(draw.pick(_WORDS).title() for _ in range(2)) + " LLC"}
    clock = f"{draw.below(24):02d}:{draw.below(60):02d}:{draw.below(60):02d}.{draw.below(1000):03d}"
    return {"S": f"{draw.date()}T{clock}Z"}


def _money(draw: Draw) -> str:
    """Return an amount with up to two decimals and no trailing zero, sometimes negative, sometimes 0."""
    cents = draw.below(50_000_000) - 5_000_000 if draw.below(50) else 0
    whole, rest = divmod(abs(cents), 100)
    decimals = f".{rest:02d}".rstrip("0").rstrip(".")
    return f"{'-' if cents < 0 else ''}{whole}{decimals}"


def _fill(item: Item, draw: Draw, missing: int) -> None:
    """Bring an item near its size: larger ones with nested line items, the rest with prose."""
    if missing > 500:
        lines: list[dict[str, Any]] = []
        while missing > 300 and len(lines) < 24:
            words = _prose(draw, 90)
            paid = {"BOOL": len(lines) % 2 == 0}
            lines.append({"M": {"text": {"S": words}, "amount": {"N": _money(draw)}, "paid": paid}})
            missing -= 120
        item["line_items"] = {"L": lines}
    if missing > 12:
        item["notes"] = {"S": _prose(draw, missing - 5)}


def _prose(draw: Draw, length: int) -> str:
    start = draw.below(len(_TEXT) - 1)
    text = _TEXT[start : start + length]
    while len(text) < length:
        text += _TEXT[: length - len(text)]
    return text.strip() or "-"


def _long_text() -> str:
    draw = Draw("prose")
    return " ".join(_WORDS[draw.below(len(_WORDS))] for _ in range(180)).capitalize() + ". "


_TEXT = _long_text()
