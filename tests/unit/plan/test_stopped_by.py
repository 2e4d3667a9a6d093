"""What stands in the way, in a line whose end may be cut away."""

from __future__ import annotations

import pytest

from runbook_lib.plan.check import Obstacle, stopped_by
from runbook_lib.report.text import shortened

NAMES = [f"bebco-borrower-staging-{n:02}-settlement-success-tracking" for n in range(31)]
EMPTY = ("an empty target, as import.on_non_empty is 'fail'", "items in it", "empty it, or set another policy")
RECOVERY = ("point-in-time recovery, as export.without_pitr is 'fail'", "it is off", "turn it on, or set it to scan")
BUCKET = ("a staging bucket in us-east-1", "no such bucket", "create it, or name another in staging.bucket")


def blocked(names: list[str], what: tuple[str, str, str]) -> list[Obstacle]:
    return [Obstacle(name, *what) for name in names]


def test_each_reason_of_many_is_read_before_a_long_line_is_cut() -> None:
    found = [*blocked(NAMES, EMPTY), *blocked(NAMES[:12], RECOVERY), *blocked(["no-such-bucket"], BUCKET)]
    seen = shortened(f"step preflight failed: {stopped_by(found)}").split(" ... (")[0]
    assert seen.startswith("step preflight failed: 3 kinds of blockers: 31 tables: expected an empty target")
    for part in (
        "31 tables: expected an empty",
        "12 tables: expected point-in-time",
        "no-such-bucket: expected a",
    ):
        assert part in seen


def test_the_whole_of_it_follows_with_few_names_and_all_remedies() -> None:
    said = stopped_by([*blocked(NAMES, EMPTY), *blocked(NAMES[:12], RECOVERY), *blocked(["no-such-bucket"], BUCKET)])
    assert f"({', '.join(NAMES[:3])} and 28 more): expected an empty target" in said
    assert NAMES[3] not in said
    assert all(what[2] in said for what in (EMPTY, RECOVERY, BUCKET))


@pytest.mark.parametrize("names", [["n" * 255], ["n" * 254 + str(n) for n in range(5)]])
def test_names_of_any_length_leave_room_for_the_reason(names: list[str]) -> None:
    assert "found items in it" in shortened(stopped_by(blocked(names, EMPTY))).split(" ... (")[0]


def test_what_is_short_is_said_once() -> None:
    assert stopped_by(blocked(["t"], BUCKET)) == f"t: expected {BUCKET[0]}; found {BUCKET[1]}; {BUCKET[2]}"
    assert stopped_by([]) == ""
