"""What the report says of repairs: first what was repaired, in one line what had nothing to repair."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.report.render.html import render_html
from runbook_lib.report.sections.repairs import repair_sentences
from tests.support import records
from tests.support.records import Record


def repaired(name: str, second: int, **changes: Any) -> Record:
    made = {"source": name, "target": f"{name}-dev", "status": "completed", "kinds": ["missing"]}
    return made | {"missing": 0, "different": 0, "extra": 0, "started": records.stamp(second)} | changes


def said(*repairs: Record) -> list[str]:
    return repair_sentences(records.typed(records.passed() | {"repairs": list(repairs)}))


def test_the_one_repair_is_not_among_thirty_tables_that_had_nothing_to_repair() -> None:
    calm = [repaired(f"t{n:02}", n) for n in range(30)]
    real = repaired("u", 30, missing=3, counts={"added": 3})
    first, rest = said(*calm, real)
    assert "u-dev: 3 missing, 0 different, 0 extra: 3 added, 0 replaced, 0 deleted" in first
    assert rest == (
        "2026-11-23 05:33:36 UTC to 2026-11-23 05:34:05 UTC: nothing to repair in 30 targets (t00-dev, t01-dev, "
        "t02-dev and 27 more)."
    )


def test_several_repairs_stand_in_the_order_of_time_and_their_other_looks_in_one_line() -> None:
    real = [repaired("a", 60, missing=1, counts={"added": 1}), repaired("b", 0, missing=2, counts={"added": 2})]
    *told, rest = said(*real, repaired("a", 0), repaired("b", 60), repaired("c", 0), repaired("c", 60))
    assert [line.split(": ")[1] for line in told] == ["b-dev", "a-dev"]
    assert "nothing to repair in 3 targets, in 4 looks (a-dev, b-dev, c-dev)" in rest


def test_what_failed_or_did_not_end_is_never_called_nothing_to_repair() -> None:
    told = said(repaired("a", 0, status="writing"), repaired("b", 1, status="failed", failure="no answer"))
    assert len(told) == 2
    assert "it failed: no answer" in told[1]
    assert "nothing to repair" not in " ".join(told)
    assert said(repaired("a", 0, status="dry-run")) == []


@pytest.mark.parametrize(("execute", "shown"), [(False, 1), (True, 0)])
def test_a_repair_that_only_looked_is_not_shown_as_one_that_wrote(execute: bool, shown: int) -> None:
    made = records.passed()
    made["steps"].append(
        made["steps"][0] | {"name": "repair", "status": "completed", "message": None, "execute": execute}
    )
    assert render_html(records.report_of(made), []).count("only looked, nothing was written") == shown
