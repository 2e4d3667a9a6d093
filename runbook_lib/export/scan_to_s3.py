"""Export a table that AWS cannot export: a parallel Scan written in the layout of Export to S3.

Not a point in time: an item may be read before or after a change made while the scan runs, and
the report says so. From the manifests on, the way is the same as for an export by AWS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import orjson

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Page, Segment, scan_segment, unless
from runbook_lib.export.recount import recount, refuse_cut_short
from runbook_lib.export.staged_put import staged_put
from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import (
    ExportIdentity,
    ExportWriter,
    FileEntry,
    data_file_name,
    export_folder,
    new_export_id,
)
from runbook_lib.items.canonical import Item
from runbook_lib.items.lines import parse_line
from runbook_lib.plan.whole_export import refuse_gone
from runbook_lib.run.facts.export import Recount
from runbook_lib.run.run import Run

FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Scanned:
    """A stored scan: the export's made-up ARN, its folder, the read units of both witnesses, and what they counted."""

    arn: str
    folder: str
    read_units: float
    witnesses: Recount


def scan_to_staging(
    run: Run, table: TableDescription, random_hex: str, on_items: Callable[[int], None] = lambda items: None
) -> Scanned:
    """Read the table and store it, and count it once more, see `recount`.

    The manifests come last, so a scan that was cut short, or that a second count does not bear out, leaves nothing
    that could be loaded.
    """
    staging, settings = run.config.staging, run.config.export
    refuse_gone(run.clients.source, table)
    began = run.now()
    identity = ExportIdentity(
        export_arn=f"{table.arn}/scan/{(export_id := new_export_id(began, random_hex))}",
        table_arn=table.arn,
        table_id=table.table_id,
        bucket=staging.bucket,
        prefix=staging.prefix,
        export_id=export_id,
        export_time=began,
        start_time=began,
        sse_algorithm="KMS" if staging.kms_key_id else "AES256",
        sse_kms_key_id=staging.kms_key_id,
    )
    s3 = run.clients.raw
    writer = ExportWriter(staged_put(run, table.name), identity)
    limit = RateLimit(settings.scan_max_rcu)
    writer.start()
    stop, key = threading.Event(), tuple(k.name for k in table.key)
    entries: list[FileEntry] = []
    ends: dict[int, bytes] = {}

    def write_segment(segment: int) -> None:
        pages = scan_segment(Segment(run.clients.source_wire, table.name, limit, segment, settings.scan_segments), key)
        for part, items in enumerate(_files_of(unless(stop, _noted(pages, segment, ends)), on_items)):
            entries.append(writer.add_file(items, data_file_name(f"{export_id}/{segment}/{part}".encode())))

    with ThreadPoolExecutor(settings.scan_segments) as pool:
        try:
            for done in [pool.submit(write_segment, n) for n in range(settings.scan_segments)]:
                done.result()
        except BaseException:  # the pool waits for its threads
            stop.set()
            raise

    def stored() -> Iterator[Item]:
        for number, entry in enumerate(entries):
            file = DataFile(number, entry.key, entry.md5_checksum, entry.item_count)
            with fetch(s3, staging.bucket, file) as checked:
                yield from (parse_line(line) for _, line in checked.items())

    count = sum(entry.item_count for entry in entries)
    witnesses = recount(run.clients.source_wire, table, count, settings.scan_segments, limit, stored)
    last_items = {segment: orjson.loads(item) for segment, item in ends.items()}
    refuse_cut_short(run.clients.source_wire, table, settings.scan_segments, last_items, limit)
    refuse_gone(run.clients.source, table)
    writer.finish(datetime.now(UTC))
    return Scanned(identity.export_arn, export_folder(staging.prefix, export_id), limit.used, witnesses)


def _noted(pages: Iterator[Page], segment: int, ends: dict[int, bytes]) -> Iterator[Page]:
    """The pages of a segment; notes the last item of the last one, if it has any: an empty one ends a segment."""
    for page in pages:
        ends.pop(segment, None)
        if page.items:
            ends[segment] = page.items[-1]
        yield page


def _files_of(pages: Iterator[Page], on_items: Callable[[int], None]) -> Iterator[Iterator[bytes]]:
    """The items of a segment, cut into files of bounded size; at least one file."""
    for first in pages:
        yield _one_file(chain([first], pages), on_items)


def _one_file(pages: Iterator[Page], on_items: Callable[[int], None]) -> Iterator[bytes]:
    size = 0
    for page in pages:
        on_items(len(page.items))
        yield from page.items
        size += sum(map(len, page.items))
        if size >= FILE_BYTES:
            return
