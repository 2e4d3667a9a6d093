"""Whether the writers may be stopped: how long they would have to stand still, by what was measured until now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.catchup.ask import SECOND
from runbook_lib.cutover.expected import apply_seconds, expected_changes
from runbook_lib.errors import ConfigError
from runbook_lib.export_format.change import BOTH_IMAGES, SKEW
from runbook_lib.plan.chain import SHORTEST
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.cut_over.gates import FORECASTS, Forecast
from runbook_lib.run.facts.doubt.late_writes import still_in_doubt
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.validation import VALIDATIONS, ValidationFact
from runbook_lib.run.facts.windows import WindowFact, WindowState, windows_of
from runbook_lib.run.run import Run
from runbook_lib.timestamps import elapsed_seconds, format_timestamp

JUDGED = 3  # of the last windows
NAMED = 3  # tables that share a reason; of more the number
CATCH_UP_FIRST = "catch up first (40_catch_up, or runbook catch-up)"
FULL_EXPORT = "full_export"
SHORTEST_JUDGED = 60.0  # seconds: a window of a stream may be a second long, and asking for anything takes longer


def asks_full_export(run: Run) -> bool:
    """Whether the targets are to be compared with a second full export: by the cut-over, or by every catch-up."""
    return FULL_EXPORT in (run.config.cut_over.proof, run.config.catch_up.proof)


def settling(run: Run) -> timedelta:
    """How long after the freeze the last window ends: past what the writers' clocks may be wrong by, and a margin.

    A stream is looked at once more at the go, so that it need not be waited for.
    """
    if run.config.catch_up.by == "streams":
        return timedelta(seconds=run.config.catch_up.settle_seconds)
    return SKEW + max(SKEW, timedelta(seconds=run.config.catch_up.margin_seconds))


def forecast_of(run: Run, pairs: Iterable[Pair]) -> Forecast:
    """How long the writers would have to stand still, if they were stopped now.

    Exports of several tables run at the same time, so the longest counts; windows are applied one after the other, so
    those are added up; of comparisons that went on beside each other each moment counts once. A part that was never
    measured is None, and so is the whole.
    """
    chosen = list(pairs)
    last = [_last(run, pair) for pair in chosen]
    exports = [_most(w.lag["export"] for w in windows) for windows in last]
    applied = [_most(w.lag["apply"] for w in windows) for windows in last]
    expected = [expected_changes(run, pair) for pair in chosen]
    for number, (windows, changes) in enumerate(zip(last, expected, strict=True)):
        if (measured := applied[number]) is not None:  # more was changed since than any window held: it takes longer
            applied[number] = max(measured, apply_seconds(windows, changes))
    longest, all_of_them = _most(exports), _sum(applied)
    compared = [VALIDATIONS.of(run.ledger, pair.source) for pair in chosen]
    before = FORECASTS.of(run.ledger)  # of a freeze that came to nothing, whose windows took the comparison back
    forecast = Forecast(
        made=format_timestamp(run.now()),
        limit=run.config.cut_over.max_freeze_minutes * 60,
        recovery=_recovery(run, chosen),
        window=None if longest is None or all_of_them is None else round(longest + all_of_them, 3),
        full_export=_most(_export_seconds(run, pair) for pair in chosen),
        comparison=seconds_compared(compared) if None not in compared or before is None else before.comparison,
        with_full_export=asks_full_export(run),
        changes=None if not expected or None in expected else sum(changes or 0 for changes in expected),
    )
    return replace(forecast, last_look=_last_look(run, forecast, longest))


def _last_look(run: Run, forecast: Forecast, export: float | None) -> float | None:
    """Seconds of one export more, where so long after the last window's end what was written since can be had."""
    if run.config.catch_up.by == "streams" or forecast.seconds is None:
        return None
    due = settling(run) + SHORTEST + timedelta(seconds=run.config.catch_up.margin_seconds)
    return export if forecast.seconds >= due.total_seconds() else None


def why_not_ready(run: Run, pairs: Iterable[Pair], forecast: Forecast) -> Iterator[str]:
    """Everything that stands against stopping the writers now."""
    if not asks_full_export(run) and run.config.catch_up.view != BOTH_IMAGES:
        yield (
            f"cut_over.proof should be {FULL_EXPORT} where catch_up.view is {run.config.catch_up.view}: without old "
            "images nothing else shows that no change is missing"
        )
    alike: dict[str, list[str]] = {}
    pairs = list(pairs)
    for pair in pairs:
        for why in (*_without_old_images(run, pair), *_windows_of_one(run, pair)):
            alike.setdefault(why, []).append(pair.source)
    yield from (f"{_named(sources)}: {why}" for why, sources in alike.items())
    for pair in pairs:
        if doubt := still_in_doubt(run.ledger, pair.target, run.now()):
            yield doubt
    if forecast.seconds is None:
        yield f"the forecast needs what was never measured ({', '.join(_unmeasured(forecast))}); {CATCH_UP_FIRST}"
    elif forecast.seconds > forecast.limit:
        yield (
            f"the writers would have to stop for {forecast.seconds:,.0f} s, and cut_over.max_freeze_minutes allows "
            f"{forecast.limit:,.0f} s; catch up more often, or allow more"
        )


def _named(sources: list[str]) -> str:
    rest = f" and {len(sources) - NAMED:,} more" if len(sources) > NAMED else ""
    return ", ".join(sources[:NAMED]) + rest


def _without_old_images(run: Run, pair: Pair) -> Iterator[str]:
    """The windows themselves say what they hold; the file may say something else by now."""
    bare = [w.number for w in windows_of(run.ledger, pair.source) if w.view != BOTH_IMAGES]
    if bare and not asks_full_export(run):
        yield (
            f"cut_over.proof should be {FULL_EXPORT}, as window {bare[0]} was exported without old images: nothing "
            "else shows that no change is missing"
        )


def _windows_of_one(run: Run, pair: Pair) -> Iterator[str]:
    if pair.reuse is not None and pair.reuse.windows:
        yield "its chain was made earlier and ends where it ends; begin a run that exports by itself"
        return
    windows = windows_of(run.ledger, pair.source)
    if open_ones := [w.number for w in windows if w.state is not WindowState.APPLIED]:
        yield f"window {open_ones[0]} is not applied; {CATCH_UP_FIRST}"
    if not windows:
        yield f"no window was applied yet, so nobody knows how long one takes; {CATCH_UP_FIRST}"
    for window in _last(run, pair):
        start, end = window.span
        taken, covers = took(window), max(SHORTEST_JUDGED if window.stream else 0.0, (end - start).total_seconds())
        if taken is None or taken >= covers:
            said = "nobody knows how long" if taken is None else f"{taken:,.0f} s"
            yield (
                f"window {window.number} covers {covers:,.0f} s, and took {said} to export and apply: "
                "the target would never catch up; raise import.max_wcu, or wait until less is written"
            )


def took(window: WindowFact) -> float | None:
    """Seconds that a window took to be exported and applied; None for one that this run did not ask for."""
    export, apply = window.lag["export"], window.lag["apply"]
    return None if export is None or apply is None else export + apply


def _last(run: Run, pair: Pair) -> list[WindowFact]:
    return [w for w in windows_of(run.ledger, pair.source) if w.state is WindowState.APPLIED][-JUDGED:]


def _recovery(run: Run, pairs: list[Pair]) -> float | None:
    """Seconds from the freeze until the last window can be asked for: what recovery is behind, and more.

    Streams do not wait for recovery, but a second full export does.
    """
    if run.config.catch_up.by == "streams" and not asks_full_export(run):
        return round(SECOND.total_seconds() + 2 * run.config.catch_up.settle_seconds, 3)
    behind = []
    for pair in pairs:
        try:
            latest = recovery_of(run.clients.source, pair.source).latest
            now = server_time(run.clients.source, pair.source)
        except ConfigError:
            return None
        if latest is None:
            return None
        behind.append(max(0.0, (now - latest).total_seconds()))
    waits = settling(run) + timedelta(seconds=run.config.catch_up.margin_seconds)
    return round(max(behind, default=0.0) + waits.total_seconds(), 3)


def seconds_compared(facts: Iterable[ValidationFact | None]) -> float | None:
    """Seconds in which at least one of the tables was compared; None if one never was."""
    spans = []
    for fact in facts:
        if fact is None or not fact.started or not fact.finished:
            return None
        spans.append((datetime.fromisoformat(fact.started), datetime.fromisoformat(fact.finished)))
    seconds, until = 0.0, None
    for began, ended in sorted(spans):
        begin = began if until is None else max(began, until)
        seconds += max(0.0, (ended - begin).total_seconds())
        until = ended if until is None else max(until, ended)
    return round(seconds, 3)


def _export_seconds(run: Run, pair: Pair) -> float | None:
    fact = EXPORTS.of(run.ledger, pair.source)
    if fact is None or fact.finished is None:
        return None
    return elapsed_seconds(fact.started, fact.finished)


def _most(values: Iterable[float | None]) -> float | None:
    """The largest, None if there is none or one is not known."""
    known = list(values)
    return None if not known or None in known else max(value for value in known if value is not None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if not known or None in known else round(sum(value for value in known if value is not None), 3)


def _unmeasured(forecast: Forecast) -> Iterator[str]:
    parts = {"recovery": forecast.recovery, "window": forecast.window, "comparison": forecast.comparison}
    if forecast.with_full_export:
        parts["full export"] = forecast.full_export
    yield from (name for name, value in parts.items() if value is None)
