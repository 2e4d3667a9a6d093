"""Get every planned table exported, and know exactly what AWS says was exported.

Exports are started all at once for one moment in time, and looked at politely. Each start is
recorded before it is made, with a token that lets AWS recognise a repetition, so a killed run
finds its exports again. What comes out is a checked manifest per table, and nothing else.
A table that cannot be exported fails by itself, with its name; the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.exports import ExportState, describe_export, find_export, start_export
from runbook_lib.errors import (
    ExportError,
    ExportRefused,
    ForbiddenCall,
    MomentLost,
    PlanOutdated,
    RunbookError,
    TransferError,
)
from runbook_lib.export.asked import new_token, standing
from runbook_lib.export.enable_pitr import enable_recovery, moment_lost
from runbook_lib.export.first_items import complete_looks
from runbook_lib.export.without_aws import WITHOUT_AWS, ended_as, get_without_aws, keep_manifest
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import ended_manifest
from runbook_lib.plan.whole_export import Wholeness, refuse_replaced
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import (
    EXPORT_TIME,
    EXPORT_TOKENS,
    EXPORTS,
    ExportFact,
    ExportStatus,
    fixed_moment,
)
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep, Wait
from runbook_lib.timestamps import format_timestamp

Watch = Callable[[dict[str, ExportFact]], None]
RUNNING, DONE = ExportStatus.IN_PROGRESS, ExportStatus.COMPLETED
ENDED = (ExportStatus.COMPLETED, ExportStatus.SKIPPED)


def export_tables(run: Run, watch: Watch = lambda states: None, sleep: Sleep = time.sleep) -> dict[str, ExportFact]:
    """Export or scan each planned table, or find its earlier export; returns the facts by source table.

    `watch` is given all facts whenever something changed. Running it again takes up what is
    there: a completed export is only read again. Raises ExportError naming every table that
    could not be exported, after all others are done.
    """
    with run.step("export"):
        pairs = run.planned_pairs()
        enable_recovery(run, pairs, sleep)
        moment = _export_time(run)
        wait = _patience(run, sleep)
        _look_again(run, pairs)
        failures = _start_all(run, pairs, moment, watch, wait)
        for pair in pairs:
            if pair.method in WITHOUT_AWS:
                failures += get_without_aws(run, pair, wait)
                watch(EXPORTS.all(run.ledger))
        failures += _await_all(run, pairs, watch, wait)
        complete_looks(run, pairs)
        if failures:
            raise _all_of(failures)
        return EXPORTS.all(run.ledger)


def _all_of(failures: list[ExportError]) -> ExportError:
    """One error for all tables, of the kind that says how the run goes on, if it does."""
    kinds = (MomentLost, PlanOutdated)
    kind = next((kind for kind in kinds if any(isinstance(each, kind) for each in failures)), ExportError)
    return kind("; ".join(map(str, failures)))


def _export_time(run: Run) -> datetime:
    """One moment for the whole fleet, in whole seconds as the API takes it; kept once an export of it may be there.

    One that AWS refused for every table, as recovery was off, lies before any that could be exported later.
    """
    known = fixed_moment(run.ledger)
    if known is None:
        known = format_timestamp((run.config.export.export_time or run.now()).replace(microsecond=0))
        EXPORT_TIME.record(run.ledger, known)
    return datetime.fromisoformat(known)


def _patience(run: Run, sleep: Sleep) -> Wait:
    minutes = run.config.export.timeout_minutes

    def late(failure: str) -> ExportError:
        return ExportError(
            f"exports are still running after export.timeout_minutes ({minutes:g}){failure}; "
            "run again with the same run id to go on waiting for them"
        )

    return Wait(minutes * 60, run.config.export.poll_seconds, late, sleep)


def _look_again(run: Run, pairs: list[Pair]) -> None:
    """What an earlier start could not read, or did not come to read, may be there now."""
    for pair in pairs:
        fact = EXPORTS.of(run.ledger, pair.source)
        if fact is None:
            continue
        if fact.status == ExportStatus.UNREADABLE or (fact.status == DONE and fact.completed is None):
            EXPORTS.record(run.ledger, pair.source, replace(fact, status=RUNNING, failure=None, outdated=None))


def _start_all(run: Run, pairs: list[Pair], moment: datetime, watch: Watch, wait: Wait) -> list[ExportError]:
    """Start what is not started, at most `in_flight` at once; returns why some were not."""
    failures: list[ExportError] = []
    for pair in pairs:
        fact = EXPORTS.of(run.ledger, pair.source)
        status = fact.status if fact is not None else None
        if pair.method != Method.EXPORT or status in (RUNNING, DONE):
            continue
        while len(_in_progress(run, pairs)) >= run.config.export.in_flight:
            wait.again(_look(run, pairs))
        if status == ExportStatus.FAILED:
            _forget_failed(run, pair)
        try:
            if not wait.until(partial(_found, run, pair))[0]:
                _begin(run, pairs, pair, moment, wait)
        except ExportError as error:
            lost = moment_lost(run, [pair.source]) if isinstance(error, ExportRefused) else None
            failures.append(lost or ExportError(f"{pair.source}: {error}"))
        watch(EXPORTS.all(run.ledger))
    return failures


def _begin(run: Run, pairs: list[Pair], pair: Pair, moment: datetime, wait: Wait) -> None:
    """Ask for an export until AWS has begun it, or has refused it.

    A token is forgotten only if the first request with it was the one that was refused: an earlier one whose answer
    was lost may have begun the export, and nothing but the token finds it.
    """
    asked = 0 if EXPORT_TOKENS.of(run.ledger, pair.source) is None else 1  # by a start that was killed, or failed
    token = _token(run, pair)

    def started() -> bool | None:
        nonlocal asked
        asked += 1
        return _started(run, pairs, pair, moment, token)

    try:
        wait.until(started)
    except ExportRefused as refused:
        try:
            found = _found(run, pair)[0]
        except ExportError:
            raise refused from None  # nobody can say that there is none
        if found:
            return
        if asked == 1 and not refused.repeated:
            EXPORT_TOKENS.forget(run.ledger, pair.source)
        raise


def _forget_failed(run: Run, pair: Pair) -> None:
    """Another export is asked for, with another token, which a start that was killed meanwhile finds again."""
    with run.ledger.batch():
        EXPORT_TOKENS.forget(run.ledger, pair.source)
        EXPORTS.forget(run.ledger, pair.source)


def _token(run: Run, pair: Pair) -> str:
    """What tells AWS that a repeated request is the same one; recorded before the first."""
    token = EXPORT_TOKENS.of(run.ledger, pair.source)
    if token is None:
        token = new_token()
        EXPORT_TOKENS.record(run.ledger, pair.source, token)
    return token


def _started(run: Run, pairs: list[Pair], pair: Pair, moment: datetime, token: str) -> bool | None:
    """Start one export; None if AWS has too many running now, of this run or of others in the account."""
    staging, facts = run.config.staging, pair.source_facts
    if facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    state = start_export(
        run.clients.source, facts.arn, token, moment,
        staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id,
    )  # fmt: skip
    if state is None:
        _look(run, pairs)
        return None
    _record(run, pair, token, state)
    return True


def _found(run: Run, pair: Pair) -> tuple[bool]:
    """Whether an earlier start, killed before it heard an answer, has begun this export; it is followed then.

    Its token alone would do for eight hours only.
    """
    token = EXPORT_TOKENS.of(run.ledger, pair.source)
    if token is None or pair.source_facts is None:
        return (False,)
    state = find_export(run.clients.source, pair.source_facts.arn, token)
    if state is not None:
        _record(run, pair, token, state)
    return (state is not None,)


def _record(run: Run, pair: Pair, token: str, state: ExportState) -> None:
    """A start. One that has ended meanwhile is in progress all the same until its manifest is taken."""
    fact = _after(ExportFact(Method.EXPORT, RUNNING, format_timestamp(run.now()), token=token), state)
    EXPORTS.record(run.ledger, pair.source, replace(fact, status=RUNNING) if fact.status == DONE else fact)


def _await_all(run: Run, pairs: list[Pair], watch: Watch, wait: Wait) -> list[ExportError]:
    while True:
        away = _look(run, pairs)
        watch(EXPORTS.all(run.ledger))
        if not _in_progress(run, pairs):
            break
        wait.again(away)
    mine = {pair.source for pair in pairs}
    return [
        (PlanOutdated if fact.outdated else ExportError)(
            f"export of {source} {fact.status}: {fact.failure or 'no reason was given'}"
        )
        for source, fact in EXPORTS.all(run.ledger).items()
        if source in mine and fact.status not in ENDED
    ]


def _in_progress(run: Run, pairs: list[Pair]) -> list[str]:
    mine = {pair.source for pair in pairs}
    return [s for s, f in EXPORTS.all(run.ledger).items() if f.status == RUNNING and s in mine]


def _look(run: Run, pairs: list[Pair]) -> RunbookError | None:
    """Ask about each export in progress, and take the manifest of each that has completed.

    Returns what a server said that is away for a while; what else is wrong with an export is its own failure.
    """
    away = None
    planned = {pair.source: pair.source_facts for pair in pairs}
    for source in _in_progress(run, pairs):
        fact = EXPORTS.needed(run.ledger, source)
        try:
            _look_at(run, source, fact, planned[source])
        except ForbiddenCall:
            raise
        except (ExportError, TransferError) as error:
            if error.transient:
                away = error
            else:
                EXPORTS.record(run.ledger, source, ended_as(run, fact, ExportStatus.UNREADABLE, error))
    return away


def _look_at(run: Run, source: str, fact: ExportFact, planned: TableDescription | None) -> None:
    state = describe_export(run.clients.source, str(fact.arn))
    if state.status == DONE:
        manifest = ended_manifest(run.clients, state)
        if planned is not None:
            refuse_replaced(planned, manifest.table_id)
        keep_manifest(run, source, replace(_after(fact, state), whole=Wholeness(True)), manifest)
    elif state.status != RUNNING:
        EXPORTS.record(run.ledger, source, replace(_after(fact, state), finished=format_timestamp(run.now())))


def _after(fact: ExportFact, state: ExportState) -> ExportFact:
    """With what AWS says now."""
    status, failure = standing(state)
    return replace(
        fact, arn=state.arn, status=status, bucket=state.bucket, folder=state.folder, items=state.items, failure=failure
    )
