"""Windows whose catch-up is stopped on the way: one that was only read, and one that is in the target in part."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.catchup import table
from tests.support.moving import Moving, item

AFTER_A_WINDOW = ("i00001", "i00005", "half-new")  # what the window puts; it deletes i00010


def change(moving: Moving) -> None:
    """Changes for a window: new, over another window's, over the export's, and a delete."""
    moving.write(*(item(name, 500) for name in AFTER_A_WINDOW))
    moving.delete("i00010")
    moving.minutes(20)


def stopped_before_it_wrote(moving: Moving, patched: pytest.MonkeyPatch) -> None:
    """A window is read, and nothing of it is in the target."""
    _stopped(moving, patched, "_apply", written=False)


def stopped_before_it_was_whole(moving: Moving, patched: pytest.MonkeyPatch) -> None:
    """A window is in the target, and nobody has recorded that all of it is."""
    _stopped(moving, patched, "send_window", written=True)


def _stopped(moving: Moving, patched: pytest.MonkeyPatch, at: str, *, written: bool) -> None:
    change(moving)
    real = getattr(table, at)

    def stop(*of: Any, **more: Any) -> Any:
        if written:
            real(*of, **more)
        raise KeyboardInterrupt

    with patched.context() as patch:
        patch.setattr(table, at, stop)
        with pytest.raises(KeyboardInterrupt):
            moving.catch_up()
