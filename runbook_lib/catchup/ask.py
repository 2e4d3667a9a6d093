"""Which window comes next, and how AWS is asked for it: by the source's own times, and recorded before it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.backups import Recovery, recovery_of
from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.dynamodb.exports import ExportState, WindowRequest, start_window
from runbook_lib.errors import ConfigError, ExportError
from runbook_lib.export.asked import OwnExport, new_token
from runbook_lib.export_format.manifest import INCREMENTAL_EXPORT, Manifest
from runbook_lib.plan.chain import SHORTEST, ChainFault, Link, Span, chain_faults, restorable_faults
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse, ended_manifest, read_reused
from runbook_lib.run.facts.export import EXPORTS, UNREAD_EXPORTS, UnreadExport
from runbook_lib.run.facts.windows import WindowFact, WindowState, keep_window
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import keep_export_files
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp

SECOND = timedelta(seconds=1)


def refuse(source: str, faults: list[ChainFault]) -> None:
    """Raise ExportError that names each rule which is broken."""
    if faults:
        raise ExportError("; ".join(f"{source}: {fault}" for fault in faults))


def next_span(run: Run, pair: Pair, number: int, after: datetime) -> tuple[Span | None, timedelta]:
    """The next window that is complete by now, if it is long enough yet, and how much there is after `after`.

    Raises ExportError where the source has lost what was written since.
    """
    start, longest = whole_second(after), timedelta(minutes=run.config.catch_up.window_minutes)
    end, table = complete_until(run, pair, number, after)
    available = (end - start) if end else timedelta()
    if available < SHORTEST:
        return None, available
    span = Span(start, start + min(available, longest))
    check_span(run, pair, span, after, table)
    return span, available


def whole_second(moment: datetime) -> datetime:
    """The first whole second that is not before a moment."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + SECOND


def complete_until(run: Run, pair: Pair, number: int, after: datetime) -> tuple[datetime | None, str]:
    """Up to when a window after `after` would be complete by now, and the identity of the table.

    Raises ExportError where the source has lost what was written since.
    """
    now = describe_table(run.clients.source, pair.source)
    if now is None:
        raise ExportError(f"source {pair.source} is gone; what was written to it since {after} cannot be exported")
    recovery = recovery_of(run.clients.source, pair.source)
    start, end = whole_second(after), _complete_until(recovery, run.config.catch_up.margin_seconds)
    export = EXPORTS.of(run.ledger, pair.source)
    table_id = export.manifest.table_id if export and export.manifest else ""
    faults = restorable_faults(
        number, Span(start, max(start, end or start)), on=recovery.on, earliest=recovery.earliest,
        same_table=table_id in (now.table_id, ""), table=pair.source,
    )  # fmt: skip
    refuse(pair.source, list(faults))
    return end, table_id or now.arn


def check_span(run: Run, pair: Pair, span: Span, after: datetime, table: str) -> None:
    """Raise ExportError unless a window goes on from `after` as a chain has to."""
    link = Link(span, table, run.config.catch_up.view)
    refuse(pair.source, list(chain_faults(after, table, [link], gaps(run))))


def gaps(run: Run) -> list[Span]:
    """The stretches of time in which the migration file says that nothing was written."""
    return [Span(*gap) for gap in run.config.catch_up.gaps]


def _complete_until(recovery: Recovery, margin: int) -> datetime | None:
    """The whole second up to which everything that was written can be restored, less a margin."""
    return recovery.latest.replace(microsecond=0) - timedelta(seconds=margin) if recovery.latest else None


def ask_for_window(
    run: Run, pair: Pair, number: int, span: Span, sleep: Sleep,
    *, trailing: bool | None = None, before_go: bool | None = None,
) -> WindowFact:  # fmt: skip
    """Ask for a window; its token is recorded before, so that a killed run finds its export again."""
    fact = WindowFact(
        pair.source, number, format_timestamp(span.start), format_timestamp(span.end), run.config.catch_up.view,
        token=new_token(), behind=_behind(run, pair, span.end), asked=format_timestamp(run.now()),
        trailing=trailing, before_go=before_go,
    )  # fmt: skip
    return _own_export(run, pair, fact, sleep).begun(keep_window(run.ledger, fact))


def _behind(run: Run, pair: Pair, end: datetime) -> float | None:
    try:
        return max(0.0, round((server_time(run.clients.source, pair.source) - end).total_seconds(), 3))
    except ConfigError:
        return None


def begin_again(run: Run, pair: Pair, fact: WindowFact, sleep: Sleep) -> WindowFact:
    """Ask for a window that an earlier start recorded and did not ask for, or of whose export nothing came."""
    asked = fact.state is WindowState.ASKED and fact.stream is None
    return _own_export(run, pair, fact, sleep).begun(fact) if asked else fact


def _own_export(run: Run, pair: Pair, fact: WindowFact, sleep: Sleep) -> OwnExport[WindowFact]:
    staging, facts = run.config.staging, pair.source_facts
    if facts is None:
        raise ExportError(f"{pair.source} has no source facts; run 00_preflight again")
    arn = facts.arn

    def start(asked: WindowFact) -> ExportState | None:
        request = WindowRequest(arn, str(asked.token), *asked.span, asked.view)
        return start_window(
            run.clients.source, request, staging.bucket, staging.prefix, staging.bucket_owner, staging.kms_key_id
        )

    what = f"{pair.source}: window {fact.number} ({fact.start} to {fact.end})"
    return OwnExport(run, what, run.clients.source, arn, start, lambda known: keep_window(run.ledger, known), sleep)


def await_window(run: Run, pair: Pair, fact: WindowFact, sleep: Sleep) -> WindowFact:
    """Wait until a window is exported, check that it is what was asked for, and record its files."""
    if fact.state is not WindowState.ASKED:
        return fact
    export = _own_export(run, pair, fact, sleep)
    fact = export.begun(fact)
    state = export.completed(fact)
    manifest = ended_manifest(run.clients, state, INCREMENTAL_EXPORT)
    found = (Link.of(manifest).span.start, Link.of(manifest).span.end, manifest.view)
    if found != (*fact.span, fact.view):
        why = (
            f"{pair.source}: window {fact.number} should be from {fact.start} to {fact.end} with {fact.view}, and its "
            f"manifest says {manifest.changes_from} to {manifest.changes_to} with {manifest.view}"
        )
        with run.ledger.batch():  # its files are the run's all the same, and to be removed with it
            keep_export_files(run.ledger, fact.source, state.arn, manifest.files)
            UNREAD_EXPORTS.record(run.ledger, f"{fact.source} {state.arn}", UnreadExport(state.bucket, state.folder))
            useless = export.failed(fact, why)
        raise useless
    return keep_exported(run, replace(fact, exported=format_timestamp(run.now())), manifest)


def take_reused(run: Run, pair: Pair, number: int, reuse: Reuse) -> WindowFact:
    """Record a window of a chain that was made earlier."""
    manifest, _ = read_reused(run.clients, reuse)
    fact = WindowFact(
        pair.source, number, manifest.changes_from, manifest.changes_to, manifest.view, reused=True, arn=reuse.arn,
        bucket=reuse.bucket, folder=reuse.folder, exported=format_timestamp(run.now()),
    )  # fmt: skip
    return keep_exported(run, fact, manifest)


def keep_exported(run: Run, fact: WindowFact, manifest: Manifest) -> WindowFact:
    """Record that a window is there, with its files."""
    known = replace(
        fact, state=WindowState.EXPORTED, changes=manifest.items, manifest_md5=manifest.summary_md5 + manifest.files_md5
    )
    with run.ledger.batch():
        keep_export_files(run.ledger, fact.source, fact.arn or "", manifest.files)
        return keep_window(run.ledger, known)
