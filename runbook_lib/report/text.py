"""Numbers, times and sizes as text for people. What was not measured says so and is never 0."""

from __future__ import annotations

import json
import re
from datetime import UTC
from hashlib import sha256

from runbook_lib.record.model.base import as_moment
from runbook_lib.record.model.table import TableRecord
from runbook_lib.run.tables.comparison import DifferenceRow, PathDifference
from runbook_lib.timestamps import spell_seconds

WORK = "of work in the steps"
NOT_MEASURED = "not measured"
NOT_RECORDED = "not recorded"
LONGEST_NAME = 200
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]")


def count(value: object) -> str:
    """A count with thousands separators."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NOT_MEASURED if not isinstance(value, str) else value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def rate(value: float | None) -> str:
    """Items per second, to the whole item where that says anything."""
    if not value:
        return NOT_MEASURED
    return f"{count(round(value))} items/s" if value >= 1 else f"{value:.2g} items/s"


def pluralize(value: object, one: str, more: str = "") -> str:
    """A count and its noun: `1 item`, `2,567 items`."""
    return f"{count(value)} {one if value == 1 else more or one + 's'}"


def duration(value: object) -> str:
    """Seconds in the unit that suits them, to three or so digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NOT_MEASURED
    return spell_seconds(value)


def milliseconds(value: float) -> str:
    """A short time, to three digits."""
    return f"{float(f'{value:.3g}'):g} ms" if value < 1000 else duration(value / 1000)


def size(value: object) -> str:
    """Bytes in decimal units."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NOT_MEASURED
    if value < 1000:
        return pluralize(int(value), "byte")
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if value < factor * 1000:
            return f"{value / factor:,.2f} {unit}"
    return f"{value / 1e12:,.2f} TB"


def moment(text: object) -> str:
    """A moment in UTC, to the second; text that is no moment as it is."""
    known = as_moment(text) if isinstance(text, str) else None
    if known is not None:
        return f"{known.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return text if isinstance(text, str) and text else NOT_RECORDED


def listed(names: list[str], most: int = 6) -> str:
    """Names in one line; beyond `most` of them the number of the others."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def shortened(text: str, most: int = 320, where: str = "below") -> str:
    """Text cut after about `most` characters, between words, and saying so and where the whole of it stands.

    It stays whole where saying so would take as much room as what is cut.
    """
    told = f" ... ({len(text):,} characters; the rest {where})"
    if len(text) <= most + len(told):
        return text
    kept = text[:most]
    between = kept.rfind(" ")
    return f"{kept[: between if between > most // 2 else most].rstrip()}{told}"


def where_refused(table: TableRecord) -> str:
    """Where it is said which items of a table were not written, and why."""
    if table.import_table:
        return f"ImportTable refused them, and says which and why in the log group {table.import_table.log_group}"
    return f"reason, file, line and key hash of each are in quarantine/{quarantine_file(table.source)}"


def quarantine_file(source: str) -> str:
    """The name of a table's file in `quarantine/`, of characters that lead nowhere else and are not hidden.

    A file system takes 255 characters, as a table's name may have; a hostile server calls tables what it likes.
    """
    if len(source) <= LONGEST_NAME and PLAIN_NAME.fullmatch(source):
        return f"{source}.jsonl"
    told = sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{NOT_PLAIN.sub('_', source)[:LONGEST_NAME]}-{told}.jsonl"


def spell_difference(row: DifferenceRow) -> tuple[str, str, str, str]:
    """Table, kind, key (or its hash, where the run keeps no keys) and the places in the item, without a value."""
    key = json.dumps(row.key, ensure_ascii=False) if row.key is not None else row.key_hash
    return row.source, row.kind, key, "; ".join(_place(path) for path in row.paths or ())


def _place(path: PathDifference) -> str:
    became = f", {path.expected} became {path.found}" if path.how == "type" else ""
    return f"{path.path} {path.how}{became}"
