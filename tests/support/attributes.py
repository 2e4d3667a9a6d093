"""Hypothesis strategies for DynamoDB items in DynamoDB JSON: all ten types, nested, at their edges."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
BINARY = st.binary(max_size=12).map(lambda b: base64.b64encode(b).decode())


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Up to 38 digits, magnitudes from 1E-130 to 9.9E+125, in any spelling."""
    digits = draw(st.integers(-(10**38) + 1, 10**38 - 1))
    if draw(st.booleans()):
        return str(digits)
    length = len(str(abs(digits)))
    exponent = draw(st.integers(-130, 125 - length + 1))
    return f"{digits}E{exponent}" if draw(st.booleans()) else str(digits // 10 ** max(0, length - 6))


def attributes() -> st.SearchStrategy[dict[str, Any]]:
    """One attribute value of any type."""
    scalars = st.one_of(
        TEXT.map(lambda v: {"S": v}),
        numbers().map(lambda v: {"N": v}),
        BINARY.map(lambda v: {"B": v}),
        st.booleans().map(lambda v: {"BOOL": v}),
        st.just({"NULL": True}),
        st.lists(TEXT, min_size=1, max_size=4, unique=True).map(lambda v: {"SS": v}),
        st.lists(st.integers(-(10**20), 10**20).map(str), min_size=1, max_size=4, unique=True).map(lambda v: {"NS": v}),
        st.lists(BINARY, min_size=1, max_size=4, unique=True).map(lambda v: {"BS": v}),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda v: {"L": v}),
            st.dictionaries(TEXT, inner, max_size=3).map(lambda v: {"M": v}),
        ),
        max_leaves=6,
    )


def items() -> st.SearchStrategy[dict[str, Any]]:
    """An item with the key `id` (S) and up to five more attributes."""
    name = TEXT.filter(lambda n: n not in ("", "id"))
    key = TEXT.filter(bool).map(lambda v: {"id": {"S": v}})
    return st.builds(lambda k, more: k | more, key, st.dictionaries(name, attributes(), max_size=5))


def for_boto(attribute: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB JSON as boto3 takes it: binary values as bytes, at every depth."""
    ((kind, value),) = attribute.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(value)}
        case "BS":
            return {"BS": [base64.b64decode(v) for v in value]}
        case "L":
            return {"L": [for_boto(inner) for inner in value]}
        case "M":
            return {"M": {name: for_boto(inner) for name, inner in value.items()}}
    return attribute
