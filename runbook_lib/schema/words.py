"""The settings of two tables in words, for whoever compares them."""

from __future__ import annotations

from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition, Throughput
from runbook_lib.items.keys import KeyAttribute


def spell_key(key: tuple[KeyAttribute, ...]) -> str:
    """A key schema for people: `account_id (S), posted_at (N)`."""
    return ", ".join(f"{k.name} ({k.type})" for k in key)


def spell_index(index: IndexDefinition) -> str:
    added = f" {', '.join(index.attributes)}" if index.attributes else ""
    return f"{spell_key(index.key)}; {index.projection}{added}"


def spell_capacity(provisioned: Throughput | None, on_demand: Throughput | None) -> str:
    if provisioned is not None:
        return f"{provisioned.read} read and {provisioned.write} write units"
    if on_demand is not None:
        read, write = (f"{n:,}" if n is not None else "any number of" for n in (on_demand.read, on_demand.write))
        return f"at most {read} read and {write} write units"
    return "no limit"


def spell_encryption(own: bool) -> str:
    return "a KMS key" if own else "the key that AWS owns"


def days(days: int | None) -> str:
    return "off" if days is None else f"on, {days} days"


def on(value: bool) -> str:
    return "on" if value else "off"
