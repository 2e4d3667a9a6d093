"""The two sides of one table's comparison, as its export and the settings say that they are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.cluster.at_once import Room, Share
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.errors import TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.masking.transform import is_transformed
from runbook_lib.run.facts.validation import COMPARING, ComparingFact, ValidationFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.unwritten import quarantined_lines
from runbook_lib.run.verdicts import Verdict
from runbook_lib.run.witnesses.export_users import hold_uses
from runbook_lib.run.witnesses.writers.other_writers import look_for_others, still_met
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint, KeptDigestCheckpoint
from runbook_lib.validate.compare import CONTENT_BYTES, HELD_BYTES, ITEMS_AT_ONCE, Comparison
from runbook_lib.validate.readers import Check, ExportReader, TableReader, segments_for, threads_for, unstopped

CONNECTIONS = 32  # to the targets of all tables together, unless one is to be read in more segments
LARGE = 100_000_000  # bytes that take longer to go through than processes to start
ITEM_BYTES = 400  # that cost as much to go through as what else an item costs, however small it is
News = tuple[str, str, int, int]  # table, state, items done, items expected
Watch = Callable[[str, str, int, int], None]
EXPORT, TARGET = "reading the export", "scanning the target"
NOTE_SECONDS = 1.0
# Of all tables that are compared at once: items held in memory while differences are named or indexes are sampled.
HELD = ITEMS_AT_ONCE + CONTENT_BYTES // HELD_BYTES


@dataclass(frozen=True, slots=True)
class Together:
    """What the tables of one validation have together."""

    run: Run
    roster: WorkerRoster | None
    target_limit: RateLimit
    source_limit: RateLimit
    share: Share = field(default_factory=Share)
    room: Room = field(default_factory=lambda: Room(HELD))


@contextmanager
def noted(ledger: Ledger, watch: Watch, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Watch]:
    """The same watch, and how far each table is stands in the ledger meanwhile, for whoever waits for it."""
    noted_at: dict[str, float] = {}

    def note(source: str, state: str, done: int, of: int) -> None:
        watch(source, state, done, of)
        if state not in (EXPORT, TARGET):
            COMPARING.forget(ledger, source)
        elif monotonic() - noted_at.get(source, float("-inf")) >= NOTE_SECONDS:
            noted_at[source] = monotonic()
            fact = ComparingFact(done, 0) if state == EXPORT else ComparingFact(of, done)
            COMPARING.record(ledger, source, fact)

    _forget(ledger)  # what a killed comparison has left
    try:
        yield note
    finally:
        _forget(ledger)


def _forget(ledger: Ledger) -> None:
    for source in COMPARING.all(ledger):
        COMPARING.forget(ledger, source)


def bytes_to_compare(run: Run, pair: Pair) -> int:
    """About how many bytes of items there are to be read on each side."""
    export = EXPORTS.of(run.ledger, pair.source)
    completed = export.completed if export is not None else None
    return max(completed.manifest.billed_bytes, completed.items * ITEM_BYTES) if completed is not None else 0


def due_of(run: Run, pair: Pair) -> ValidationFact | tuple[CompletedExport, bool]:
    """What to compare a table with, and whether this run imported it; or what is said of one that is not compared."""
    export, loaded = EXPORTS.of(run.ledger, pair.source), IMPORTS.of(run.ledger, pair.source)
    if pair.method == Method.SKIP:
        why = "no point-in-time recovery, and export.without_pitr is 'skip'"
        return ValidationFact(Verdict.NOT_MIGRATED, (why,))
    completed = export.completed if export is not None else None
    if completed is None:
        return ValidationFact(Verdict.FAIL, ("there is no completed export to compare with",))
    if run.config.transform is not None and not is_transformed(run.ledger, pair.source):
        return ValidationFact(Verdict.FAIL, ("its export is not transformed, so there is nothing to compare with",))
    imported = loaded is not None and loaded.binding is not None
    if loaded is not None and not imported and not run.config.validate_.without_import:
        return ValidationFact(Verdict.DRY_RUN, ("nothing was written, so there is nothing to compare",))
    return completed, imported


def is_large(run: Run, pair: Pair) -> bool:
    """Whether there is so much to compare that processes are worth their start."""
    return bytes_to_compare(run, pair) >= LARGE and not isinstance(due_of(run, pair), ValidationFact)


def export_side(run: Run, pair: Pair, export: CompletedExport, table: TableDescription) -> ExportReader:
    """The files of the full export, with the lines that the import could not write.

    Raises ExportError for an export of another run that a cleanup takes away.
    """
    hold_uses(run, pair)
    files = [row.data_file for row in file_rows(run.ledger, pair.source)]
    lines = quarantined_lines(run.ledger, pair.source)
    return ExportReader(run.clients.staging, export.bucket, files, table.key, lines)


def target_limit(run: Run) -> RateLimit:
    """How fast targets may be read."""
    return RateLimit(run.config.validate_.max_rcu)


def table_side(
    run: Run, pair: Pair, export: CompletedExport, table: TableDescription, together: Together | None = None
) -> TableReader:
    """The target, in as many segments as its size asks for, and no faster than it may be read.

    Beside other tables it is read within the limit of all of them, and over its share of the connections.
    """
    settings, size, share = run.config.validate_, export.manifest.billed_bytes, together.share if together else Share()
    wanted = settings.segments or threads_for(size)
    segments = segments_for(wanted, size)
    if together and together.roster and bytes_to_compare(run, pair) >= LARGE:
        segments = max(segments, together.roster.engine.slots())
    threads = min(wanted, share.of(max(CONNECTIONS, wanted)))
    limit = together.target_limit.beside() if together else target_limit(run)
    return TableReader(run.clients.target_wire, pair.target, segments, threads, limit, table.key)


def tallies(
    run: Run, pair: Pair, export: CompletedExport, table: TableDescription
) -> tuple[KeptDigestCheckpoint, DigestCheckpoint]:
    """The export's, with what an earlier, killed comparison of the same export has left, and the target's, empty."""
    manifest = [export.arn, export.manifest.summary_md5, export.manifest.files_md5]
    binding = [*manifest, [[k.name, k.type] for k in table.key]]
    return KeptDigestCheckpoint(run.ledger, pair.source, binding, run.secret, run.now), DigestCheckpoint(
        run.secret, run.now
    )


def changed_meanwhile(run: Run, pair: Pair, before: TableDescription) -> list[str]:
    """Why what was read may not be what is there: another table by now, or another run that wrote to it meanwhile."""
    return replaced(run, pair, before) or [*_written_meanwhile(run, pair, before), *_replaced_of_others(run, pair)]


def _replaced_of_others(run: Run, pair: Pair) -> list[str]:
    """Why a run that was to find its target empty may have replaced what another one loaded at the same time."""
    loaded = IMPORTS.of(run.ledger, pair.source)
    met = still_met(run, pair) if loaded is not None and loaded.on_non_empty == "fail" else []
    if not met:
        return []
    return [
        f"import.on_non_empty is 'fail', and another run has begun to write to {pair.target} while this one loaded it: "
        f"{', '.join(met)}; this run may have replaced what that one wrote. Take that run back (runbook cleanup) if it "
        "is not needed, and validate again; otherwise empty the table and load it anew"
    ]


def _written_meanwhile(run: Run, pair: Pair, table: TableDescription) -> list[str]:
    """Why runs that have entered the register since this one last wrote make the comparison no proof; empty if none.

    Whether what such a run wrote came before the scan or after it nobody knows. Once it is known, a comparison that
    began later is one of what it left.
    """
    try:
        since = look_for_others(run, pair, table)
    except TransferError as error:
        return [f"whether another run wrote to {pair.target} while it was compared is not known: {error}"]
    if not since:
        return []
    return [
        f"another run has begun to write to {pair.target} while it was compared or before: {', '.join(since)}; what it "
        "wrote may have come after the scan, so validate again once it has ended"
    ]


def replaced(run: Run, pair: Pair, before: TableDescription) -> list[str]:
    """Why the target, as it was read, is not one table; empty if it is the same as when the comparison began."""
    after = describe_table(run.clients.target, pair.target)
    if after is not None and table_identity(after) == table_identity(before):
        return []
    return [f"target {pair.target} was {'replaced' if after else 'deleted'} while it was compared; validate it again"]


def contradictions(
    side: TableReader, comparison: Comparison, reasons: Sequence[str], check: Check = unstopped
) -> list[str]:
    """Why readings of a target that contradict each other are no proof; empty where they do not.

    Items that were right when they were looked for once more are no difference. But what missed them may have missed
    others, which nobody looks for. And items that are no more there when they are looked for are no difference either,
    but an answer to another request says the same. A second count with other segments tells.

    It is made of every table that has no other `reasons` against it, too: a page that was lost may have held nothing
    but items that nobody exported, and no difference leads there. A table may have lost items since, not gained any.
    """
    again = "target changing or page lost. Stop its writers and validate it again"
    if comparison.contradicted:
        return [
            f"{comparison.contradicted:,} items of {side.table} were right when they were looked for by key, and are "
            f"not in a scan after that, so one of the two is not as the table is: {again}"
        ]
    doubted = comparison.unread or comparison.gone
    if not doubted and reasons:
        return []
    held = side.count(check)
    if held == comparison.found or (held < comparison.found and not doubted):
        return []
    if not doubted:
        return [f"a scan of {side.table} found {comparison.found:,} items, and a second count finds {held:,}: {again}"]
    told = [
        f"did not see {comparison.unread:,} of the items there" if comparison.unread else "",
        f"saw {comparison.gone:,} that were not found when they were looked for again" if comparison.gone else "",
    ]
    return [
        f"a scan of {side.table} {' and '.join(filter(None, told))}, and a second count finds "
        f"{held:,}, not {comparison.found:,}: {again}"
    ]


def held_while_naming(one: BucketDigest, other: BucketDigest, export: CompletedExport) -> int:
    """How many items' room naming the differences of two sides takes, the contents that are kept meanwhile included."""
    if not one.differing(other):
        return 0
    contents = min(CONTENT_BYTES, export.manifest.billed_bytes) // HELD_BYTES
    return min(ITEMS_AT_ONCE, one.items + other.items) + contents
