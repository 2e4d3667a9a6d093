"""Moments as texts, alike in manifests, the ledger and run.json, and lengths of time for people."""

from __future__ import annotations

from datetime import UTC, datetime


def format_timestamp(moment: datetime) -> str:
    """A moment as text: UTC, ISO 8601, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def elapsed_seconds(first: datetime | str | None, last: datetime | str | None) -> float | None:
    """Seconds from one reading of a clock to a later one; None where one is missing, or the clock was set back."""
    began, ended = (datetime.fromisoformat(m) if isinstance(m, str) else m for m in (first or None, last or None))
    if began is None or ended is None or ended < began:
        return None
    return round((ended - began).total_seconds(), 3)


def spell_seconds(seconds: float) -> str:
    """A length of time in the unit that suits it, to three or so digits."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"
