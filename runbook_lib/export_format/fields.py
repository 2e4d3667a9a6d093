"""The fields of a manifest's JSON, each held to what it may be before anything believes it."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from runbook_lib.errors import ManifestError

MOST = 2**53 - 1  # what every reader of JSON takes exactly
KEY_BYTES = 1024  # of an object's key in S3
SHOWN = 80
Fields = dict[str, Any]


def parse_json(where: str, content: bytes) -> Fields:
    """The object in a manifest; raises ManifestError for what is none, says a thing twice, or names a filter.

    How AWS writes a filter into a manifest is not documented: any field whose name speaks of one is taken for it.
    """

    def once(pairs: list[tuple[str, Any]]) -> Fields:
        names = [name for name, _ in pairs]
        if filters := [name for name in names if "filter" in name.lower()]:
            raise ManifestError(
                f"{where}: expected an export of the whole table, found the field {_shown(filters[0])}: a filtered "
                "export is not the table; export again without a filter"
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ManifestError(f"{where}: {_shown(twice)} is said twice; which one holds, nobody knows, export again")
        return dict(pairs)

    try:
        data = json.loads(content, object_pairs_hook=once)
    except ValueError as error:
        raise ManifestError(f"{where} is not JSON: {error}") from None
    except RecursionError:
        raise ManifestError(f"{where} is not JSON: it is nested deeper than anything that AWS writes") from None
    if not isinstance(data, dict):
        raise ManifestError(f"{where}: expected an object, found {type(data).__name__}")
    return data


def parse_text(where: str, data: Fields, field: str) -> str:
    """A text that is there and not empty."""
    value = data.get(field)
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{where}: {field} should be text, found {_shown(value)}")
    if len(value) > KEY_BYTES or not value.isprintable():
        raise ManifestError(
            f"{where}: {field} should be at most {KEY_BYTES} printable characters, found {_shown(value)}"
        )
    return value


def parse_optional(where: str, data: Fields, field: str) -> str:
    """A text, or an empty one where the manifest does not have it."""
    return "" if data.get(field) in (None, "") else parse_text(where, data, field)


def parse_count(where: str, data: Fields, field: str) -> int:
    """A whole number from 0 to what JSON carries exactly."""
    value = data.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise ManifestError(f"{where}: {field} should be a count from 0 to {MOST}, found {_shown(value)}")
    return value


def parse_moment(where: str, data: Fields, field: str) -> str:
    """A time as AWS writes it, `2026-01-14T10:18:50.622Z`, or an empty text where the manifest does not have it."""
    value = parse_optional(where, data, field)
    try:
        if value and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError
    except ValueError:
        raise ManifestError(f"{where}: {field} should be a time with its zone, found {_shown(value)}") from None
    return value


def parse_md5(where: str, data: Fields, field: str) -> str:
    """An MD5 in base64."""
    value = parse_text(where, data, field)
    try:
        whole = len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        whole = False
    if not whole:
        raise ManifestError(f"{where}: {field} should be 16 bytes in base64, found {_shown(value)}")
    return value


def _shown(value: object) -> str:
    """A value for a message; one of a manifest may be of any length."""
    if isinstance(value, int) and abs(value) > 10**SHOWN:
        return "a number of more than 80 digits"
    said = repr(value)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
