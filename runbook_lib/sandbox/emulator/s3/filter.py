"""The FilterSpecification of an export: which items it lets through, and what of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from json import loads
from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import dumps, invalid
from runbook_lib.sandbox.emulator.rules.values import check_value
from runbook_lib.sandbox.emulator.store import stored

EXPRESSIONS = ("KeyConditionExpression", "FilterExpression", "ProjectionExpression")
SUBSTITUTES = ("ExpressionAttributeNames", "ExpressionAttributeValues")
_STEP = re.compile(r"([^\[\].]+)|\[(\d+)\]")

Filter = Callable[[bytes], bytes | None]


def filter_of(table: Table, specification: Any) -> Filter:
    """A function that gives what an export keeps of an item, or None; raises the ValidationException of a bad one."""
    if not isinstance(specification, dict) or not any(specification.get(name) for name in EXPRESSIONS):
        raise invalid(
            "FilterSpecification must have a KeyConditionExpression, FilterExpression or ProjectionExpression"
        )
    if unknown := specification.keys() - {*EXPRESSIONS, *SUBSTITUTES}:
        raise invalid(f"FilterSpecification has unknown members: {', '.join(sorted(unknown))}")
    names, values = (specification.get(name) or {} for name in SUBSTITUTES)
    for value in values.values():
        check_value(value, 1)  # makes numbers canonical, as the stored ones are
    try:
        conditions = [
            get_filter_expression(specification[name], names, values)
            for name in ("KeyConditionExpression", "FilterExpression")
            if specification.get(name)
        ]
    except (DynamodbException, ValueError, KeyError) as error:
        raise invalid(f"Invalid FilterSpecification: {error}") from None
    paths = [
        _path(part, names) for part in (specification.get("ProjectionExpression") or "").split(",") if part.strip()
    ]

    def kept(raw: bytes) -> bytes | None:
        item = loads(raw)
        looked_at: Any = stored(table, item, len(raw))
        if not all(condition.expr(looked_at) for condition in conditions):
            return None
        return dumps(_projected(item, paths)) if paths else raw

    return kept


def _path(text: str, names: dict[str, str]) -> list[str | int]:
    found: list[str | int] = []
    for name, place in _STEP.findall(text.strip()):
        found.append(int(place) if place else names.get(name, name))
    return found


def _projected(item: dict[str, Any], paths: list[list[str | int]]) -> dict[str, Any]:
    """The named attributes; of a map the named members only, of a list the named elements in their order."""
    whole: dict[str, Any] = {"M": item}
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
    kept: dict[str, Any] = _pruned(whole, tree)["M"]
    return kept


def _pruned(value: dict[str, Any], tree: dict[str | int, Any]) -> dict[str, Any]:
    if not tree:
        return value
    if "M" in value:
        members = value["M"]
        return {"M": {n: _pruned(members[n], t) for n, t in tree.items() if isinstance(n, str) and n in members}}
    if "L" in value:
        places = sorted(n for n in tree if isinstance(n, int) and n < len(value["L"]))
        return {"L": [_pruned(value["L"][n], tree[n]) for n in places]}
    return value
