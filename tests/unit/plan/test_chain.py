"""Each rule of a chain broken alone, whole chains of any shape, and the chain that AWS wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.plan.chain import (
    LONGEST,
    SHORTEST,
    ChainRule,
    Link,
    Span,
    chain_faults,
    gaps_in,
    restorable_faults,
    turn_faults,
)

T0 = datetime(2026, 1, 14, 10, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
lengths = st.integers(int(SHORTEST.total_seconds()), int(LONGEST.total_seconds())).map(lambda s: s * SECOND)
chains = st.lists(lengths, min_size=1, max_size=60)


def links(*spans: tuple[timedelta, timedelta], table: str = "id", view: str = "NEW_AND_OLD_IMAGES") -> list[Link]:
    return [Link(Span(T0 + start, T0 + end), table, view) for start, end in spans]


def touching(lengths: list[timedelta], began: datetime = T0) -> list[Link]:
    found, at = [], began
    for length in lengths:
        found.append(Link(Span(at, at + length), "id", "NEW_IMAGE"))
        at += length
    return found


def rules(chain: list[Link], began: datetime = T0, accepted: tuple[Span, ...] = ()) -> list[ChainRule]:
    return [fault.rule for fault in chain_faults(began, "id", chain, accepted)]


@given(chains)
def test_windows_that_touch_are_whole_however_many_days_they_cover(lengths: list[timedelta]) -> None:
    assert rules(touching(lengths)) == []
    assert gaps_in(T0, touching(lengths)) == []


@given(chains, st.data())
def test_a_second_more_or_less_between_two_windows_is_found(lengths: list[timedelta], data: st.DataObject) -> None:
    chain = touching(lengths)
    at = data.draw(st.integers(0, len(chain) - 1))
    off = data.draw(st.sampled_from([-1, 1]))
    moved = [
        Link(Span(k.span.start + off * SECOND, k.span.end + off * SECOND), k.table_id, k.view) if n >= at else k
        for n, k in enumerate(chain)
    ]
    [fault] = chain_faults(T0, "id", moved)
    assert (fault.rule, fault.window) == (ChainRule.GAP if off > 0 else ChainRule.OVERLAP, at + 1)
    if off > 0:
        assert rules(moved, accepted=(fault.span,)) == []
        longer = Span(fault.span.start - SECOND, fault.span.end)
        assert rules(moved, accepted=(longer,)) == [ChainRule.GAP]


@pytest.mark.parametrize(
    ("chain", "rule"),
    [
        (links((timedelta(), 14 * MINUTE)), ChainRule.TOO_SHORT),
        (links((timedelta(), DAY + SECOND)), ChainRule.TOO_LONG),
        (links((timedelta(), 20 * MINUTE + SECOND / 2)), ChainRule.FRACTION),
        (links((timedelta(), 20 * MINUTE), table="other"), ChainRule.OTHER_TABLE),
        (links((timedelta(), 20 * MINUTE), view="KEYS_ONLY"), ChainRule.OTHER_VIEW),
        (links((SECOND, 20 * MINUTE)), ChainRule.GAP),
        (links((-SECOND, 20 * MINUTE)), ChainRule.OVERLAP),
        (links((timedelta(), 20 * MINUTE), (20 * MINUTE, 10 * MINUTE)), ChainRule.TOO_SHORT),
    ],
)
def test_each_rule_is_refused_by_its_name(chain: list[Link], rule: ChainRule) -> None:
    [fault] = chain_faults(T0, "id", chain)
    assert fault.rule == rule
    assert str(fault).startswith(f"{rule}: window {len(chain)}: ")


def test_the_limits_of_a_windows_length_belong_to_it() -> None:
    assert rules(touching([SHORTEST, LONGEST])) == []


def test_a_full_export_of_a_fraction_of_a_second_leaves_a_gap_that_can_be_spelled() -> None:
    began = datetime(2026, 1, 14, 10, 18, 50, 622000, UTC)
    chain = touching([15 * MINUTE, 15 * MINUTE], datetime(2026, 1, 14, 10, 20, tzinfo=UTC))
    [fault] = chain_faults(began, "id", chain)
    assert (fault.rule, str(fault.span)) == (ChainRule.GAP, "2026-01-14T10:18:50.622Z/2026-01-14T10:20:00.000Z")
    assert str(fault.span) in str(fault)
    assert rules(chain, began, (fault.span,)) == []
    assert gaps_in(began, chain) == [fault.span]


def restorable(earliest: datetime, *, on: bool = True, same: bool = True) -> list[ChainRule]:
    span = Span(T0 + 36 * DAY, T0 + 36 * DAY + 20 * MINUTE)
    return [f.rule for f in restorable_faults(99, span, on=on, earliest=earliest, same_table=same, table="t")]


def test_a_window_is_asked_for_only_where_the_source_still_has_what_was_written() -> None:
    assert restorable(T0) == []
    assert restorable(T0 + 36 * DAY) == []
    assert restorable(T0 + 36 * DAY + timedelta(milliseconds=900)) == []  # told to the second
    assert restorable(T0 + 36 * DAY + SECOND) == [ChainRule.GAP]
    assert restorable(T0, on=False) == [ChainRule.RECOVERY_OFF]
    assert restorable(T0, same=False) == [ChainRule.OTHER_TABLE]


def test_a_chain_goes_on_when_the_source_has_forgotten_the_full_export() -> None:
    assert restorable(T0 + 1 * DAY) == []


def test_a_window_is_written_in_its_turn_alone() -> None:
    span = Span(T0, T0 + SHORTEST)
    assert list(turn_faults(2, span, begun=[1, 2], open_before=[2, 3])) == []
    for begun, waiting in (([3], []), ([], [1])):
        [fault] = turn_faults(2, span, begun, waiting)
        assert fault.rule == ChainRule.OUT_OF_TURN
