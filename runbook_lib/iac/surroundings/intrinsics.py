"""Texts in parts as CloudFormation's functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_lib.estate.resource import ResourceKind
from runbook_lib.estate.text_parts import Hole, OfPlace, OwnArn, Part, PartedText

PLACES = {
    OfPlace.PARTITION: {"Ref": "AWS::Partition"},
    OfPlace.REGION: {"Ref": "AWS::Region"},
    OfPlace.ACCOUNT: {"Ref": "AWS::AccountId"},
}
BY_REF = frozenset({ResourceKind.TOPIC})  # whose Ref is its ARN
# Members that a resource may have of itself, or of one that waits for it: their ARNs are spelled, not asked for.
SPELLED = frozenset({"RedriveAllowPolicy", "Policy"})


def spelled(value: Any, ids: Mapping[str, tuple[str, ResourceKind]], member: str = "") -> Any:
    """A structure with functions in place of texts; `ids` are those resources that the template has, by label."""
    if isinstance(value, PartedText):
        return _function(value, {} if member in SPELLED else ids)
    if isinstance(value, dict):
        return {n: spelled(v, ids, member if member in SPELLED else n) for n, v in value.items()}
    if isinstance(value, list):
        return [spelled(each, ids, member) for each in value]
    return value


def _function(text: PartedText, ids: Mapping[str, tuple[str, ResourceKind]]) -> Any:
    parts = [piece for part in text.parts for piece in _pieces(part, ids)]
    joined: list[Any] = []
    for piece in parts:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined[0] if len(joined) == 1 else {"Fn::Join": ["", joined]}


def _pieces(part: Part, ids: Mapping[str, tuple[str, ResourceKind]]) -> list[Any]:
    if isinstance(part, OfPlace):
        return [PLACES[part]]
    if isinstance(part, Hole):
        return [{"Ref": part.parameter}]
    if isinstance(part, OwnArn):
        if part.label not in ids:
            return [piece for inner in part.text.parts for piece in _pieces(inner, ids)]
        name, kind = ids[part.label]
        return [{"Ref": name} if kind in BY_REF else {"Fn::GetAtt": [name, "Arn"]}]
    return [part]


def references_in(value: Any) -> set[str]:
    """The names that a structure refers to."""
    if isinstance(value, dict):
        own: set[str] = set()
        if set(value) == {"Ref"}:
            own = {value["Ref"]}
        elif set(value) == {"Fn::GetAtt"}:
            own = {value["Fn::GetAtt"][0]}
        return own.union(*(references_in(inner) for inner in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references_in(inner) for inner in value))
    return set()


def has_null(value: Any) -> bool:
    """Whether a null stands anywhere in it."""
    if isinstance(value, dict):
        return any(has_null(inner) for inner in value.values())
    return any(has_null(inner) for inner in value) if isinstance(value, list) else value is None
