"""Values that break careless migrations; thirteen items in a row have each of them once.

All ten types, empty values, the limits of numbers, text in many scripts, and characters that are line breaks
for some programs but not for JSON.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from runbook_lib.sandbox.fleet.draw import Draw

Attributes = dict[str, dict[str, Any]]

# Combining accents, right-to-left, CJK, an emoji outside the basic plane, one joined of several characters.
_NAMES = (
    "Socie\u0301te\u0301 Ge\u0301ne\u0301rale",
    "\u05d1\u05e0\u05e7 \u05dc\u05d0\u05d5\u05de\u05d9 \u0628\u0646\u0643",
    "\u4e09\u83f1\u9280\u884c \U0001f3e6",
    "Straßen-Kredit \U0001f469\u200d\u2696\ufe0f",
)


def of(number: int, draw: Draw) -> Attributes:
    """Return the odd attributes of the item with this number."""
    return _ODDITIES[number % len(_ODDITIES)](draw)


def _binary(draw: Draw) -> Attributes:
    return {"document_digest": {"B": _base64(b"\x00\xff" + draw.raw(14))}}


def _string_set(draw: Draw) -> Attributes:
    return {"tags": {"SS": ["senior", "überfällig", f"batch-{draw.below(100)}"]}}


def _number_set(draw: Draw) -> Attributes:
    return {"installments": {"NS": [str(draw.below(900) + 1), "-2.5", "0"]}}


def _binary_set(draw: Draw) -> Attributes:
    return {"signatures": {"BS": [_base64(b"\x01" + draw.raw(7)), _base64(b"\x02" + draw.raw(7))]}}


def _nested(draw: Draw) -> Attributes:
    step = {
        "M": {
            "due": {"S": draw.date()},
            "share": {"N": f"0.{draw.below(98) + 1:02d}1"},
            "paid": {"BOOL": False},
        }
    }
    return {
        "terms": {
            "M": {
                "schedule": {"L": [step, {"L": [{"NULL": True}]}]},
                "a.b[0]": {"S": "a name like a path"},
                "open": {"M": {}},
            }
        }
    }


def _list(draw: Draw) -> Attributes:
    return {"history": {"L": [{"S": draw.date()}, {"N": str(draw.below(1000))}, {"B": "AA=="}, {"SS": ["a"]}]}}


def _null(draw: Draw) -> Attributes:
    return {"closed_at": {"NULL": True}, "is_locked": {"BOOL": draw.below(2) == 0}}


def _empty_text(draw: Draw) -> Attributes:
    return {"middle_name": {"S": ""}, "aliases": {"L": []}}


def _empty_binary(draw: Draw) -> Attributes:
    return {"scan": {"B": ""}}


def _scripts(draw: Draw) -> Attributes:
    return {"legal_name": {"S": draw.pick(_NAMES)}, "größe": {"N": str(draw.below(100))}}


def _long_number(draw: Draw) -> Attributes:
    digits = f"{draw.below(9) + 1}{draw.below(10**36):036d}{draw.below(9) + 1}"
    return {"checksum": {"N": digits}, "exact_rate": {"N": f"-0.{digits}"}}


def _extreme_number(draw: Draw) -> Attributes:
    return {"epsilon": {"N": ("1E-130", "-1E-130")[draw.below(2)]}, "ceiling": {"N": f"9.{'9' * 37}E+125"}}


def _line_breaks(draw: Draw) -> Attributes:
    return {"memo": {"S": 'first\nsecond\r\n\u2028third\u0085"quoted" \\ \x00\x1f</script>'}}


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")


_ODDITIES: tuple[Callable[[Draw], Attributes], ...] = (
    _binary,
    _string_set,
    _number_set,
    _binary_set,
    _nested,
    _list,
    _null,
    _empty_text,
    _empty_binary,
    _scripts,
    _long_number,
    _extreme_number,
    _line_breaks,
)
