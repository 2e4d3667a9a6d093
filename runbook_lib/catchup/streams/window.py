"""A window that is read from a stream: stored in the layout of an incremental export, from where the rest is the same.

Its token is recorded before it is read, and how far the shards were read together with its files. They count once the
window is applied: the next one is read from there, and none is read before that.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from runbook_lib.aws.account import server_time
from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.dynamodb.streams.shards import BOTH, current_stream, describe_stream
from runbook_lib.aws.guard.reading_calls import STREAM_READS
from runbook_lib.aws.session.reading_clients import reading_client
from runbook_lib.catchup.ask import SECOND, keep_exported, whole_second
from runbook_lib.catchup.streams.net_changes import AT_MOST, MissingRecord, NetChanges, TooMuch
from runbook_lib.catchup.streams.tail import StreamTail
from runbook_lib.errors import ConfigError, ExportError
from runbook_lib.export.staged_put import staged_put
from runbook_lib.export_format.change import SKEW
from runbook_lib.export_format.manifest import Manifest
from runbook_lib.export_format.writer import (
    ExportedWindow,
    ExportIdentity,
    ExportWriter,
    data_file_name,
    export_folder,
    new_export_id,
)
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import load_manifest
from runbook_lib.plan.stream_chain import StreamFault, StreamRule, reach_faults, stream_faults
from runbook_lib.run.facts.windows import (
    STREAM_POSITIONS,
    StreamPositions,
    WindowFact,
    keep_window,
    windows_of,
)
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp

FILE_LINES = 20_000
LONG_AFTERWARDS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StreamedTable:
    """A source whose stream is read on from a full export of `began`; `table_id` says of which table that was."""

    run: Run
    pair: Pair
    key: tuple[KeyAttribute, ...]
    began: datetime
    table_id: str
    sleep: Sleep

    @property
    def known(self) -> list[WindowFact]:
        return windows_of(self.run.ledger, self.pair.source)

    @property
    def client(self) -> Any:
        return self.run.granted.client(
            "streams", lambda: reading_client(self.run.clients, "source", "dynamodbstreams", STREAM_READS)
        )

    def now(self) -> datetime:
        """The time at the source: the latest that it tells."""
        told = server_time(self.run.clients.source, self.pair.source)
        try:
            latest = recovery_of(self.run.clients.source, self.pair.source).latest
        except ConfigError:
            return told
        return max(told, latest) if latest else told

    def open(self, number: int) -> str:
        """The ARN of the stream that a window is to be read from; raises StreamFault for one that does not carry on."""
        client, source, known = self.run.clients.source, self.pair.source, self.known
        now = describe_table(client, source)
        if now is None or self.table_id not in (now.table_id, now.arn):
            found = "is gone" if now is None else f"is another table than the one that was exported ({now.table_id})"
            raise StreamFault(StreamRule.OTHER_STREAM, number, f"source {source} {found}")
        stream = current_stream(client, source)
        for fault in stream_faults(number, source, stream, known[0].stream if known else None):
            raise fault
        assert stream is not None
        return stream[0]

    def refuse_reach(self, arn: str, number: int, after: datetime) -> None:
        """Raise StreamFault unless everything that was written since `after` is still in the stream."""
        start = self.began - SKEW if number == 1 else after
        for fault in reach_faults(number, describe_stream(self.client, arn), start, self.began, self.now()):
            raise fault

    def tail(self, arn: str, number: int, start: datetime, end: datetime) -> StreamTail:
        """What reads the stream from where the window before was read to."""
        before = STREAM_POSITIONS.of(self.run.ledger, self.known[number - 2].name) if number > 1 else None
        if number > 1 and before is None:
            raise StreamFault(StreamRule.GAP, number, "how far the stream was read before it is not recorded")
        positions = {position.shard: position for position in before.shards} if before else {}
        return StreamTail(self.client, arn, number, start, end, self.began, self.sleep, positions)


def refuse_mixed(run: Run, pair: Pair) -> None:
    """Raise StreamFault where windows of a run were made in the other way than its migration file says now."""
    wanted = run.config.catch_up.by
    for fact in windows_of(run.ledger, pair.source):
        found = "windows" if fact.stream is None else "streams"
        if found != wanted:
            raise StreamFault(
                StreamRule.MIXED, fact.number,
                f"{pair.source} should be caught up with by {wanted} (catch_up.by), and this run began by {found}: "
                "nobody knows to the change where one ends in the other",
            )  # fmt: skip


def look_at_stream(table: StreamedTable, number: int, after: datetime) -> None:
    """Raise StreamFault unless the next window can be read from the stream; reads no record."""
    table.refuse_reach(table.open(number), number, after)


def next_end(table: StreamedTable, after: datetime, due: datetime) -> datetime:
    """Up to when the next window is to be read, once that is over: `due`, or as far as one window goes.

    The first one ends past the moment of the full export by as much as two clocks may differ, so that whatever the
    export has caught is in it.
    """
    settings = table.run.config.catch_up
    end = max(whole_second(moment) for moment in (due, table.began + SKEW, after + SECOND))
    end = min(end, whole_second(after) + timedelta(minutes=settings.window_minutes))
    table.sleep(max(0.0, (end - table.now()).total_seconds() + settings.settle_seconds))
    return end


def read_window_of_stream(table: StreamedTable, number: int, after: datetime, end: datetime) -> WindowFact:
    """Read the next window, up to `end` or, where that is more than can be held, up to sooner."""
    run, arn = table.run, table.open(number)
    fact = WindowFact(
        table.pair.source, number, format_timestamp(after), format_timestamp(end), BOTH, token=str(uuid.uuid4()),
        behind=max(0.0, round((table.now() - end).total_seconds(), 3)), asked=format_timestamp(run.now()), stream=arn,
    )  # fmt: skip
    return go_on_reading(table, keep_window(run.ledger, fact))


def go_on_reading(table: StreamedTable, fact: WindowFact) -> WindowFact:
    """Read a window that was begun, all of it anew, and store it; raises StreamFault, nothing recorded, for a gap."""
    run, arn, number = table.run, table.open(fact.number), fact.number
    while True:
        start, end = fact.span
        table.refuse_reach(arn, number, start)
        least = max(whole_second(start + SECOND), whole_second(table.began + SKEW))
        net = NetChanges(table.began, table.key, limit=AT_MOST if end > least else None)
        try:
            shards = table.tail(arn, number, start, end).read(net)
        except TooMuch:
            half = whole_second(start + (end - start) / 2 - SECOND)
            fact = keep_window(run.ledger, replace(fact, end=format_timestamp(max(least, half))))
            continue
        except MissingRecord as error:
            raise StreamFault(StreamRule.MISSING_RECORD, number, f"{arn}: {error}") from None
        table.refuse_reach(arn, number, start)  # while it was read, something may have been let go
        made, manifest = _stored(table, replace(fact, records=net.records), net.lines())
        with run.ledger.batch():
            STREAM_POSITIONS.record(run.ledger, made.name, StreamPositions(arn, shards))
            return keep_exported(run, replace(made, exported=format_timestamp(run.now())), manifest)


def written_since(table: StreamedTable) -> NetChanges:
    """What was written since the last window, by the stream: it is looked at, and nothing is stored or recorded."""
    last = table.known[-1]
    number, start = last.number + 1, last.span[1]
    arn, net = table.open(number), NetChanges(table.began, table.key, limit=None)
    table.tail(arn, number, start, table.now() + LONG_AFTERWARDS).read(net)
    table.refuse_reach(arn, number, start)
    return net


def _stored(table: StreamedTable, fact: WindowFact, lines: Iterator[bytes]) -> tuple[WindowFact, Manifest]:
    """Store the changes beside the exports, the summary last; a window that is read again takes the same names."""
    run, staging, facts = table.run, table.run.config.staging, table.pair.source_facts
    if facts is None or fact.token is None or fact.asked is None:
        raise ExportError(f"{fact.source} has no source facts; run 00_preflight again")
    asked, (start, end) = datetime.fromisoformat(fact.asked), fact.span
    export_id = new_export_id(asked, fact.token.replace("-", ""))
    identity = ExportIdentity(
        export_arn=f"{facts.arn}/stream-window/{export_id}",
        table_arn=facts.arn,
        table_id=facts.table_id,
        bucket=staging.bucket,
        prefix=staging.prefix,
        export_id=export_id,
        export_time=end,
        start_time=asked,
        sse_algorithm="KMS" if staging.kms_key_id else "AES256",
        sse_kms_key_id=staging.kms_key_id,
        window=ExportedWindow(start, end, fact.view),
    )
    writer = ExportWriter(staged_put(run, fact.source), identity)
    writer.start()
    for part, some in enumerate(_files_of(lines)):
        writer.add_changes(some, data_file_name(f"{export_id}/{part}".encode()))
    writer.finish(run.now())
    folder = export_folder(staging.prefix, export_id)
    manifest = load_manifest(run.clients, staging.bucket, folder, need_sidecars=True, of_changes=True)
    return replace(fact, arn=identity.export_arn, bucket=staging.bucket, folder=folder), manifest


def _files_of(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The lines, so many for each file; at least one file."""
    yield list(islice(lines, FILE_LINES))
    while some := list(islice(lines, FILE_LINES)):
        yield some
