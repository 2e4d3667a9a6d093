"""Exports that AWS wrote, where they lie beside the repository: one alone, and one with two incremental ones."""

from __future__ import annotations

from pathlib import Path

FULL, FIRST, SECOND = "01768385930622-efd1a093", "01768386924000-d339e52d", "01768388186000-4a2fc3ff"
TABLE, BUCKET = "test", "test-1231x1x"
GAP = "2026-01-14T10:18:50.622Z/2026-01-14T10:20:00Z"


def lies_beside(name: str) -> Path | None:
    """A folder that lies beside the repository, or beside one that this is a copy in; None without one."""
    places = (parent / "shared" / name for parent in Path(__file__).resolve().parents)
    return next((place for place in places if place.is_dir()), None)


def real_chain() -> Path | None:
    """The folder that holds `AWSDynamoDB/`, or None."""
    return lies_beside("real-export-chain")
