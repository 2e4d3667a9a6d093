"""What changed between a run and the run before it of the same plan: verdict, counts, differences and speed.

The same plan is the same name between the same two places. Reads two records and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.totals import Sum
from runbook_lib.report.sections.first_screen.summary import headline, place
from runbook_lib.report.text import count, duration, listed, rate

SHOWN_TABLES = 3
COUNTS = {
    "missing": "missing", "different": "different", "extra": "extra", "items_quarantined": "in quarantine",
    "items_in_target": "in the target",
}  # fmt: skip


def before(figures: RunFigures, older: Sequence[RunFigures]) -> RunFigures | None:
    """The newest of the older runs that is of the same plan; `older` is sorted, the newest first."""
    return next((o for o in older if plan_in_words(o) == plan_in_words(figures)), None)


def compare_runs(figures: RunFigures, former: RunFigures) -> list[str]:
    """One text for each of `MEASURES`: what it was, what it is, and by how much it changed."""
    return [said(former, figures) for said in MEASURES.values()]


def plan_in_words(figures: RunFigures) -> tuple[str, str, str]:
    """What tells one plan from another."""
    return figures.record.name, place(figures.record, "source"), place(figures.record, "target")


def _verdict(former: RunFigures, figures: RunFigures) -> str:
    was, is_now = (f"{headline(r)}{'' if r.record.executed else ', nothing written'}" for r in (former, figures))
    return f"{is_now}, as before" if was == is_now else f"{was} \u2192 {is_now}"


def _sum(name: str) -> Callable[[RunFigures, RunFigures], str]:
    return lambda former, figures: _moved(former.sums[name], figures.sums[name])


def _differences(former: RunFigures, figures: RunFigures) -> str:
    return _moved(former.differences, figures.differences)


def _moved(was: Sum, is_now: Sum) -> str:
    if not (was.known and is_now.known):
        return f"{was} \u2192 {is_now}"
    if was == is_now:
        return f"{is_now}, as before"
    return f"{was} \u2192 {is_now} ({is_now.value - was.value:+,})"


def _speed(former: RunFigures, figures: RunFigures) -> str:
    was, is_now = former.import_rate, figures.import_rate
    change = f" ({is_now / was - 1:+.0%})" if was and is_now else ""
    return f"{rate(was)} \u2192 {rate(is_now)}{change}"


def _time(former: RunFigures, figures: RunFigures) -> str:
    return f"{duration(former.record.totals.seconds)} \u2192 {duration(figures.record.totals.seconds)}"


def _tables(former: RunFigures, figures: RunFigures) -> str:
    """The tables that came, went, or have another count than before, those with another export first, by its change.

    A count is compared where both runs measured it.
    """
    before_by_name, now_by_name = ({t.source: t for t in r.chosen} for r in (former, figures))
    was, is_now = ({t.source: t.items_exported for t in r.chosen} for r in (former, figures))
    moved = {n: (was[n], is_now[n]) for n in is_now.keys() & was.keys() if was[n] != is_now[n]}
    by_size = sorted(moved, key=lambda n: (-abs((moved[n][1] or 0) - (moved[n][0] or 0)), n))
    said = [
        *(f"{name}: new" for name in sorted(is_now.keys() - was.keys())),
        *(f"{name}: not in this run" for name in sorted(was.keys() - is_now.keys())),
        *(f"{name}: {count(moved[name][0])} \u2192 {count(moved[name][1])}" for name in by_size),
    ]
    gap = False
    for name in sorted(is_now.keys() & was.keys() - moved.keys()):
        pairs = [(w, before_by_name[name].count(kind), now_by_name[name].count(kind)) for kind, w in COUNTS.items()]
        gap = gap or any(old is None or new is None for _, old, new in pairs)
        other = [
            f"{w} {count(old)} \u2192 {count(new)}" for w, old, new in pairs if None not in (old, new) and old != new
        ]
        said += [f"{name}: {' and '.join(other)}"] if other else []
    as_far = ", as far as both runs measured them" if gap else ""
    return listed(said, SHOWN_TABLES) or f"the same tables with the same counts{as_far}"


MEASURES: dict[str, Callable[[RunFigures, RunFigures], str]] = {
    "Verdict": _verdict,
    "Items exported": _sum("items_exported"),
    "Items in target": _sum("items_in_target"),
    "Quarantined": _sum("items_quarantined"),
    "Differences": _differences,
    "Import rate": _speed,
    "Time in steps": _time,
    "Tables that changed": _tables,
}
