"""Windows of changes as AWS writes them, and one that is read and sent by the real engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import orjson

from runbook_lib.catchup import apply
from runbook_lib.catchup.apply import send_window
from runbook_lib.catchup.read import read_window
from runbook_lib.export_format.change import BOTH_IMAGES
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.engine.batch_write import Target
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.windows import WindowFact, WindowState
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import keep_export_files
from tests.bench import ID, plain_id, plain_line

DELETED = 10  # every so many changes is a delete
WRITTEN = b'{"Metadata":{"WriteTimestampMicros":{"N":"1768386600000000"}},"Keys":{"id":{"S":"'
ORDER = {
    "lines": {"L": [{"M": {"count": {"N": str(n)}, "sku": {"S": f"sku-{n}"}}} for n in range(3)]},
    "ship": {"M": {"to": {"M": {"number": {"N": "12"}, "street": {"S": "Front Street"}}}}},
}


def change_line(number: int, nested: bool = False) -> bytes:
    """An update with both images, or a delete, of an item as an import has it; attributes in order, as AWS has them."""
    item = orjson.loads(plain_line(number))["Item"]
    if nested:
        item["order"] = {"M": ORDER}
    image = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    new = b"" if number % DELETED == 0 else b',"NewImage":' + image.replace(b"Quarterly", b"Changed")
    return WRITTEN + plain_id(number).encode() + b'"}},"OldImage":' + image + new + b"}"


def window_fact(changes: int, number: int = 1) -> WindowFact:
    """A window whose export is there."""
    return WindowFact(
        "bench", number, "2026-01-14T10:00:00.000Z", "2026-01-14T11:00:00.000Z", BOTH_IMAGES, WindowState.EXPORTED,
        arn=f"arn{number}", bucket="bucket", changes=changes,
    )  # fmt: skip


def read_files(run: Run, files: Sequence[DataFile], number: int = 1) -> WindowFact:
    """Fetched, checked, and recorded as digests."""
    fact = window_fact(sum(file.items for file in files), number)
    keep_export_files(run.ledger, "bench", fact.arn or "", files)
    return read_window(run, fact, ID)


def send(run: Run, fact: WindowFact, target: Target, table: str) -> None:
    """Checked once more, and sent."""
    pair = Pair("bench", table, Method.EXPORT, None, None, None)
    answer: Any = lambda *_: target  # noqa: E731
    with patch.object(apply, "target_of", answer):
        fact = send_window(run, pair, fact, target.transport, ID, lambda done: None)
    assert (fact.acknowledged, fact.quarantined) == (fact.changes, 0)
