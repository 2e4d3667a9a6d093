"""The exports that a run asked for and never came to read: AWS wrote them all the same, and they are the run's."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_lib.aws.dynamodb.exports import ExportState, describe_export, find_export
from runbook_lib.errors import ExportError, TransferError
from runbook_lib.export_format.manifest import FULL_EXPORT, INCREMENTAL_EXPORT
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import ended_manifest
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORT_TOKENS, EXPORTS, UNREAD_EXPORTS, UnreadExport
from runbook_lib.run.facts.windows import SECOND_EXPORTS, SUPERSEDED_EXPORTS, WindowState, trailing_windows, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import export_files, keep_export_files

Asked = tuple[str, str | None, str | None]  # the kind of an export, its ARN and its token


def learn_unread_exports(run: Run, pair: Pair) -> None:
    """Record what the exports of a table are made of that were asked for and not read, so that they can be removed.

    Raises TransferError for one that is still running, whose files have no names yet, and for one that AWS has
    finished and whose manifests cannot be read.
    """
    if pair.source_facts is None:
        return
    for kind, arn, token in _unread(run, pair):
        if UNREAD_EXPORTS.of(run.ledger, f"{pair.source} {arn}") is not None:
            continue
        state = _state(run, pair.source_facts.arn, arn, token)
        if state is not None and state.status == "IN_PROGRESS":
            raise TransferError(
                f"export {state.arn}, which this run asked for, is still running, so its files have no names yet; run "
                "the cleanup again once it has ended"
            )
        if state is not None and state.status == "COMPLETED":
            _learn(run, pair, kind, state)


def unread_exports(run: Run, pair: Pair) -> Iterator[tuple[UnreadExport, list[str]]]:
    """Those that were learned of, each with the keys of its data files."""
    for name, export in UNREAD_EXPORTS.all(run.ledger).items():
        source, arn = name.split(" ", 1)
        if source == pair.source:
            yield export, [row.file.key for row in export_files(run.ledger, source, arn)]


def _unread(run: Run, pair: Pair) -> Iterator[Asked]:
    fact, token = EXPORTS.of(run.ledger, pair.source), EXPORT_TOKENS.of(run.ledger, pair.source)
    if pair.method == Method.EXPORT and (fact is None or fact.completed is None):
        yield FULL_EXPORT, fact.arn if fact else None, token
    for window in (*windows_of(run.ledger, pair.source), *trailing_windows(run.ledger, pair.source)):
        if window.state is WindowState.ASKED and window.token is not None:
            yield INCREMENTAL_EXPORT, window.arn, window.token
    second, others = SECOND_EXPORTS.of(run.ledger, pair.source), SUPERSEDED_EXPORTS.all(run.ledger).items()
    for each in (second, *(other for name, other in others if name.startswith(f"{pair.source} "))):
        if each is not None and each.items is None and each.raw is None:
            yield FULL_EXPORT, each.arn, each.token


def _state(run: Run, table_arn: str, arn: str | None, token: str | None) -> ExportState | None:
    if arn is not None:
        return describe_export(run.clients.source, arn)
    return find_export(run.clients.source, table_arn, token) if token is not None else None


def _learn(run: Run, pair: Pair, kind: str, state: ExportState) -> None:
    try:
        manifest = ended_manifest(run.clients, state, kind)
    except ExportError as error:
        raise TransferError(
            f"export {state.arn}, which this run asked for and did not read, lies in s3://{state.bucket}/"
            f"{state.folder} and its manifests should name its files: {error}. Remove that folder yourself"
        ) from None
    with run.ledger.batch():
        keep_export_files(run.ledger, pair.source, state.arn, manifest.files)
        UNREAD_EXPORTS.record(run.ledger, f"{pair.source} {state.arn}", UnreadExport(state.bucket, state.folder))
