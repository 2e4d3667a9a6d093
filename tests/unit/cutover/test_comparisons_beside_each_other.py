"""Of tables that are compared at the same time, each moment counts once in the forecast of a freeze."""

from __future__ import annotations

import pytest

from runbook_lib.cutover.ready import seconds_compared
from runbook_lib.run.facts.validation import ValidationFact
from runbook_lib.run.verdicts import Verdict


def compared(began: int | None, ended: int | None) -> ValidationFact:
    """A table that was compared from one second of a minute to another."""
    moments = (f"2026-11-26T12:00:{second:02}.000Z" if second is not None else None for second in (began, ended))
    return ValidationFact(Verdict.PASS, (), True, **dict(zip(("started", "finished"), moments, strict=True)))


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(3, 5)], 2),
        ([(3, 5), (10, 14)], 6),
        ([(3, 9), (4, 6)], 6),
        ([(4, 12), (3, 6), (11, 20)], 17),
        ([(3, 9), (3, 9)], 6),
        ([(3, 9), (None, None)], None),
    ],
)
def test_each_moment_counts_once(spans: list[tuple[int | None, int | None]], seconds: int | None) -> None:
    assert seconds_compared(compared(*span) for span in spans) == seconds
    assert seconds_compared(compared(*span) for span in reversed(spans)) == seconds


def test_a_table_that_was_never_compared_leaves_all_of_it_unknown() -> None:
    assert seconds_compared([compared(3, 5), None]) is None
