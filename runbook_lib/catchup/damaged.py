"""A window whose files turn out not to be what its manifest says: the next start asks for another export of it.

Only as long as nothing of it is written. What was exported, and what a transform had made of it, stays the run's own to
remove.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from runbook_lib.errors import CorruptFile, ExportError
from runbook_lib.run.facts.export import UNREAD_EXPORTS, UnreadExport
from runbook_lib.run.facts.masking.windows import TRANSFORMED_CHANGES, WINDOW_TRANSFORMS, changes_transformed
from runbook_lib.run.facts.windows import WINDOWS, WindowFact, WindowState, keep_window
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import forget_changes, forget_refused, raw_side
from runbook_lib.transform.raw_windows import raw_export_of


@contextmanager
def asked_anew_if_damaged(run: Run, window: WindowFact) -> Iterator[None]:
    """Raise ExportError where a window's files are found damaged, and have the next start ask for another export.

    Of a window that was handed over, was read from a stream, or is in the target in part, the damage is told as it is.
    """
    try:
        yield
    except CorruptFile as error:
        fact = WINDOWS.needed(run.ledger, window.name)
        if fact.state is not WindowState.EXPORTED or fact.reused or fact.stream is not None:
            raise
        _forget(run, fact, str(error))
        raise ExportError(
            f"{error}. Nothing of {_told(fact)} of {fact.source} is written; run the same command again with "
            "--execute, which asks for another export of it"
        ) from None


def _told(fact: WindowFact) -> str:
    return f"window {fact.number}{' before the go' if fact.before_go else ''}"


def _forget(run: Run, fact: WindowFact, why: str) -> None:
    raw, made = raw_export_of(fact), WINDOW_TRANSFORMS.of(run.ledger, fact.name)
    with run.ledger.batch():
        UNREAD_EXPORTS.record(run.ledger, f"{fact.source} {raw.arn}", UnreadExport(raw.bucket, raw.folder))
        if made is not None:
            WINDOW_TRANSFORMS.record(run.ledger, f"{fact.name} {raw.arn}", made)  # its files are to be removed, too
            WINDOW_TRANSFORMS.forget(run.ledger, fact.name)
        for file in changes_transformed(run.ledger, fact.name):
            TRANSFORMED_CHANGES.forget(run.ledger, f"{fact.name} {file.raw_key}")
        if not fact.trailing:  # of those nothing is kept, and their numbers are those of windows that are applied, too
            for side in (fact.source, raw_side(fact.source)):
                forget_changes(run.ledger, side, fact.number)
            forget_refused(run.ledger, fact.source, fact.number)
        keep_window(
            run.ledger,
            replace(
                fact, state=WindowState.ASKED, failed=why, raw=None, arn=raw.arn, bucket=raw.bucket, folder=raw.folder,
                changes=None, manifest_md5="", exported=None,
            ),
        )  # fmt: skip
