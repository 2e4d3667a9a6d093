"""What the rows of an import say while it runs and when it has ended."""

from __future__ import annotations

import pytest

from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook.live import spell_progress

THROTTLED = 4


@pytest.mark.parametrize(
    ("wcu", "refused", "said"),
    [(12.0, 0, "0"), (12.0, 1, "1 item"), (12.0, 2_000, "2,000 items"), (0.0, 0, "")],
)
def test_nothing_throttled_is_a_number_and_what_nobody_counted_is_none(wcu: float, refused: int, said: str) -> None:
    """An import that went well had a blank there, beside a text that refers to it."""
    assert spell_progress(TableProgress("a", "b", 9, wcu=wcu, refused=refused))[THROTTLED] == said
