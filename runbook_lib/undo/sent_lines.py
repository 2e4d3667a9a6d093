"""Which lines of its export a run may have written: what it never sent is somebody else's, however equal it is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runbook_lib.errors import TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.doubt.late_writes import was_unanswered
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import ENGINES, IMPORTS, ClusterEngine, ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import FileRow, Span, file_rows
from runbook_lib.run.tables.unwritten import present_in, quarantined_lines

ALL: tuple[Span, ...] = ((1, 1 << 62),)


@dataclass(frozen=True, slots=True)
class UnsentLines:
    """The lines of a file that are not the run's: never sent, refused, or there already when they should be added."""

    sent: Sequence[Span]
    left_out: frozenset[int]

    def __contains__(self, line: object) -> bool:
        if not isinstance(line, int) or line in self.left_out:
            return True
        at = bisect_right(self.sent, (line, 1 << 62)) - 1
        return at < 0 or line > self.sent[at][1]


def unsent_lines(run: Run, pair: Pair) -> Mapping[str, UnsentLines]:
    """What of each file of an export is not the run's.

    An import that has heard of every request wrote what is acknowledged, and nothing else. Of one that was killed, or
    lost an answer, every line may have been sent of the files that it had begun.
    """
    refused = quarantined_lines(run.ledger, pair.source)
    found = {}
    for row in file_rows(run.ledger, pair.source):
        key = row.data_file.key
        there = (n for span in present_in(run.ledger, pair.source, key) for n in range(span.first, span.last + 1))
        left_out = refused.get(key, frozenset[int]()).union(there)
        found[key] = UnsentLines(_sent(run, pair, row), left_out)
    return found


def refuse_more_than_put(run: Run, pair: Pair, loaded: ImportFact | None, found: int) -> None:
    """Raise TransferError where DynamoDB itself left items over and there are more than it has written.

    Whose the others are nobody knows, also where windows or repairs of this run have written since.
    """
    put = loaded.put_by_service if loaded is not None else None
    export = EXPORTS.of(run.ledger, pair.source)
    if put is None or export is None or export.completed is None or put >= export.completed.items:
        return
    if found > put:
        raise TransferError(
            f"{pair.target}: {found:,} items are as this run exported them, and its import has written {put:,}; "
            "DynamoDB does not say which, so the others may be somebody else's, and none was touched. Delete what is "
            "not needed yourself, or restore the table to before the import"
        )


def _sent(run: Run, pair: Pair, row: FileRow) -> Sequence[Span]:
    loaded = IMPORTS.of(run.ledger, pair.source)
    if loaded is None or loaded.is_by_service:
        return ALL  # DynamoDB says of no line whether it wrote it
    if not is_in_doubt(run, pair, loaded):
        return ((1, row.acknowledged), *sorted(row.beyond))
    spread = loaded.spread or isinstance(ENGINES.of(run.ledger, "import"), ClusterEngine)
    if row.lines is None and not spread:
        return ()  # this process counts the lines before it sends the first of them
    return ALL


def is_in_doubt(run: Run, pair: Pair, loaded: ImportFact) -> bool:
    """Whether more may have been written than was acknowledged: a start of this import was killed, or an answer lost.

    What became of other tables of the run says nothing of this one.
    """
    return bool(not loaded.counted or loaded.killed or was_unanswered(run.ledger, pair.target))


def present_lines(run: Run, pair: Pair) -> Mapping[str, UnsentLines]:
    """What of each file is not among the lines whose very items were there already when they should be written."""
    found = {}
    for row in file_rows(run.ledger, pair.source):
        spans = sorted((span.first, span.last) for span in present_in(run.ledger, pair.source, row.data_file.key))
        found[row.data_file.key] = UnsentLines(spans, frozenset())
    return found
