"""The first items of an export: what they show of replication, and that what is no item shows nothing."""

from __future__ import annotations

import gzip

import pytest

from runbook_lib import export_tables, preflight
from runbook_lib.export.first_items import first_attributes
from runbook_lib.run.tables.files import file_rows
from tests.support.world import World, things

REPLICATED = b'{"Item":{"id":{"S":"a"},"aws:rep:deleting":{"BOOL":false}}}'


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([REPLICATED, b'{"Item":{"id":{"S":"b"}}}'], ["aws:rep:deleting"]),
        ([b'{"Item":{"id":{"S":"a"}}}'], []),
        ([b"$ion_1_0 {Item:{id:\"a\"}}", REPLICATED], None),
        ([REPLICATED, b"no item", b'{"Item":{"id":{"S":"b"}}}'], None),
    ],
)  # fmt: skip
def test_a_file_with_a_line_that_is_no_item_says_nothing_of_replication(
    world: World, lines: list[bytes], found: list[str] | None
) -> None:
    world.pair("a", things(3))
    run = world.open()
    preflight(run)
    export_tables(run)
    for row in file_rows(run.ledger, world.src("a")):
        body = gzip.compress(b"".join(line + b"\n" for line in lines))
        world.put_object(row.data_file.key, body)
    assert first_attributes(run, world.src("a"), world.bucket) == found
