"""How often a table of ten items is asked about: no question twice where the second answer is no evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World

ASKED_ONCE = {
    "DescribeTable": 1, "DescribeTimeToLive": 1, "DescribeContinuousBackups": 1, "ListTagsOfResource": 1,
    "GetResourcePolicy": 1, "DescribeKinesisStreamingDestination": 1, "DescribeContributorInsights": 1,
}  # fmt: skip
# An empty table is believed of two readings, and so is the register's tag; its list is asked what follows its last.
LOOKED_AT = ASKED_ONCE | {"DescribeLimits": 1, "Scan": 2}
# Before the first write: whose table it is, the register, whether it is empty before and after, its limits; then one
# request for each of the four files of the export, and who stands in the register by now.
WRITTEN = {"DescribeTable": 4, "Scan": 4, "ListTagsOfResource": 6, "TagResource": 1, "BatchWriteItem": 4}
# Whether it is there and which it is, what it has become, and whether it is still the same one at the end.
COMPARED = ASKED_ONCE | {"DescribeTable": 3, "Scan": 4}  # the second two count
STAGED = {
    "preflight": {"HeadBucket": 2, "GetBucketEncryption": 1, "GetBucketLifecycleConfiguration": 1},
    "export": {"GetObject": 8},  # manifests with their MD5s, and how each file begins
    "import": {"GetObject": 9, "PutObject": 4, "ListObjectsV2": 4},  # files; entries of the register and marks
    "validate": {"GetObject": 5, "ListObjectsV2": 2},  # who stands in the register, once the comparison has ended
}


def test_a_table_of_ten_items_is_asked_nothing_twice_but_for_evidence(world: World) -> None:
    world.pair("a", [{"id": {"S": str(number)}} for number in range(10)])
    run = world.open()

    def calls_of(step: Callable[[Run], object]) -> dict[str, dict[str, int]]:
        before = {side: Counter(run.clients.calls.of(side)) for side in ("source", "target", "staging")}
        step(run)
        return {side: dict(Counter(run.clients.calls.of(side)) - count) for side, count in before.items()}

    looked, exported, imported, compared = map(calls_of, (preflight, export_tables, import_tables, validate_tables))
    of_the_region = {"ListTables", "ListExports"}
    assert {name: n for name, n in looked["source"].items() if name not in of_the_region} == ASKED_ONCE
    assert looked["target"] == LOOKED_AT
    assert exported["source"].keys() == {"ExportTableToPointInTime", "DescribeExport"}
    assert exported["target"] == {}
    assert (imported["source"], imported["target"]) == ({}, WRITTEN)
    assert (compared["source"], compared["target"]) == (ASKED_ONCE, COMPARED)
    for name, found in zip(STAGED, (looked, exported, imported, compared), strict=True):
        assert found["staging"] == STAGED[name]
