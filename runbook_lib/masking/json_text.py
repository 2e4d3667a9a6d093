"""JSON in strings, as DynamoDB JSON and back: numbers stay as they are spelled, and no member is said twice."""

from __future__ import annotations

import json
from typing import Any

from runbook_lib.items.canonical import Attribute

DEEPEST = 100  # levels of maps and lists; what is deeper is read by no function of this package


class NotJson(ValueError):
    """A string that is no JSON, that says a member twice, or that nests deeper than anybody reads."""


class _Number(str):
    """A number as it is spelled."""


def read_json_text(text: str) -> Attribute:
    """The value that a text holds; raises NotJson."""
    try:
        value = json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        raise NotJson from None
    return _typed(value, DEEPEST)


def _refuse(word: str) -> Any:
    raise NotJson


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotJson
    return made


def _typed(value: Any, left: int) -> Attribute:
    if left < 0:
        raise NotJson
    if isinstance(value, _Number):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, list):
        return {"L": [_typed(each, left - 1) for each in value]}
    return {"M": {name: _typed(each, left - 1) for name, each in value.items()}}


def spell_json_text(attribute: Attribute) -> str:
    """The text of a value, without blanks."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return str(value)
        case "BOOL":
            return "true" if value else "false"
        case "NULL":
            return "null"
        case "L":
            return f"[{','.join(map(spell_json_text, value))}]"
        case "M":
            members = (
                f"{json.dumps(name, ensure_ascii=False)}:{spell_json_text(held)}" for name, held in value.items()
            )
            return f"{{{','.join(members)}}}"
    return json.dumps(value, ensure_ascii=False)
