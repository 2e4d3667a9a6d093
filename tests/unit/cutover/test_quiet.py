"""What counts as written to a source that should be quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runbook_lib.cutover import quiet
from runbook_lib.cutover.quiet import had_expired, quiet_since
from runbook_lib.export_format.window_file import Change

START = datetime(2026, 1, 14, 10, 20, tzinfo=UTC)
YEARS = 365.25 * 86400


def change(at: datetime, old: dict[str, Any] | None, new: dict[str, Any] | None = None) -> Change:
    return Change({"id": {"S": "a"}}, int(at.timestamp() * 1_000_000), old, new, b"", ())


def window(monkeypatch: pytest.MonkeyPatch, *changes: Change) -> list[Any]:
    """Windows that hold these changes."""
    monkeypatch.setattr(quiet, "ttl_attribute", lambda client, table: None)
    read = SimpleNamespace(changes=lambda: iter([(None, 1, each) for each in changes]))
    monkeypatch.setattr(quiet, "raw_window", lambda run, fact, key: read)
    return [SimpleNamespace(end="2026-01-14T10:35:00.000Z")]


@pytest.mark.parametrize("early", [timedelta(), timedelta(seconds=30)])
@pytest.mark.parametrize(("whole", "late"), [(True, 1), (False, 0)])
def test_everything_in_a_whole_window_counts_whatever_its_writers_clock_says(
    monkeypatch: pytest.MonkeyPatch, whole: bool, late: int, early: timedelta
) -> None:
    run = cast("Any", SimpleNamespace(clients=SimpleNamespace(source=None), secret=SimpleNamespace(key_hash=repr)))
    found = quiet_since(
        run, window(monkeypatch, change(START - early, None, {"id": {"S": "a"}})), (), START, "a", whole=whole
    )
    assert found.late == late


@pytest.mark.parametrize(
    ("before", "expired"),
    [(1.0, True), (0.0, True), (-1.0, False), (4.9 * YEARS, True), (5.1 * YEARS, False), (START.timestamp(), False)],
)
def test_only_what_dynamodb_would_let_expire_may_have_expired(before: float, expired: bool) -> None:
    ttl = {"N": str(START.timestamp() - before)}
    assert had_expired(change(START, {"id": {"S": "a"}, "until": ttl}), "until") is expired
