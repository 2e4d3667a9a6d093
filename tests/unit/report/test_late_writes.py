"""The first screen names a table that an unanswered write could have reached after the comparison, and no other."""

from __future__ import annotations

import pytest

from tests.support.records import Record, failed, passed, report_of, stamp

SAID = "could still take effect"


def with_doubt(record: Record, until: str | None, looked: str | None) -> list[str]:
    record["tables"][0] |= {"write_in_doubt_until": until}
    if looked is None:
        record["tables"][0]["read"] = None
    else:
        record["tables"][0]["read"] = {"export": [looked, looked], "target": [looked, looked]}
    return [line for line in report_of(record).why if SAID in line]


@pytest.mark.parametrize(
    ("until", "looked", "lines"),
    [(stamp(60), stamp(20), 1), (stamp(60), None, 1), (stamp(60), stamp(60), 0), (None, stamp(20), 0)],
    ids=["looked-before", "no-look-recorded", "looked-afterwards", "no-doubt"],
)
def test_only_what_was_compared_before_the_last_moment_is_named(
    until: str | None, looked: str | None, lines: int
) -> None:
    record = passed()
    found = with_doubt(record, until, looked)
    assert len(found) == lines
    assert all(record["tables"][0]["target"] in line for line in found)


def test_a_table_that_fails_anyway_is_not_named() -> None:
    record = failed()
    record["tables"][0]["verdict"] = "FAIL"
    assert with_doubt(record, stamp(60), stamp(20)) == []
