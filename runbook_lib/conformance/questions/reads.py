"""Reading: pages, segments, single keys and indexes, by which both sides are compared."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.aws.pages import pages
from runbook_lib.conformance.question import Area, api, guide, question
from runbook_lib.conformance.subject import Subject

_INVALID = "ValidationException"
_EACH_ONCE = "a scan sees each item once, whatever page or segment it is in"
_LARGE = 307_200  # bytes of an item: 75 units of 4 KB
_COUNT = 6  # of them, so that they do not fit into a page of 1 MB


def large_items(subject: Subject) -> str:
    """A table with more in it than one page holds."""
    table = subject.table("pages")
    if "pages" not in subject.made:
        subject.put(table, *({"id": {"S": f"p{n}"}, "v": {"S": "x" * (_LARGE - 5)}} for n in range(_COUNT)))
        subject.made["pages"] = True
    return table


def scanned(subject: Subject, table: str, **how: Any) -> list[str]:
    """The ids of all pages."""
    listed = pages(
        subject.ddb.scan, "LastEvaluatedKey", "ExclusiveStartKey", TableName=table, ConsistentRead=True, **how
    )
    return [str(item["id"]["S"]) for page in listed for item in page["Items"]]


def small_items(subject: Subject) -> str:
    """A table with a dozen small items and nothing else."""
    table = subject.table("few")
    if "few" not in subject.made:
        subject.put(table, *({"id": {"S": f"f{n:02}"}, "v": {"N": str(n)}} for n in range(12)))
        subject.made["few"] = True
    return table


@question(
    Area.READS,
    expect=(True, True),
    relied_on="a page is never taken for the whole table",
    source=api("Scan: 1 MB"),
)
def page_of_one_mb(subject: Subject) -> tuple[bool, bool]:
    """Does a page end at about 1 MB and say where the next one starts?"""
    page = subject.ddb.scan(TableName=large_items(subject))
    return "LastEvaluatedKey" in page, 2 <= len(page["Items"]) <= 4


@question(Area.READS, expect=(6, 6), relied_on=_EACH_ONCE, source=api("Scan"))
def all_pages_together(subject: Subject) -> tuple[int, int]:
    """Do the pages together have each item once?"""
    ids = scanned(subject, large_items(subject))
    return len(ids), len(set(ids))


@question(Area.READS, expect=(12, 12), relied_on=_EACH_ONCE, source=api("Scan, Limit"))
def pages_of_one_item(subject: Subject) -> tuple[int, int]:
    """Do pages of one item each have every item once, and come to an end?"""
    ids = scanned(subject, small_items(subject), Limit=1)
    return len(ids), len(set(ids))


@question(Area.READS, expect=(12, 12), relied_on=_EACH_ONCE, source=api("Scan, TotalSegments"))
def all_segments_together(subject: Subject) -> tuple[int, int]:
    """Do five segments together have each item once?"""
    ids = [i for n in range(5) for i in scanned(subject, small_items(subject), Segment=n, TotalSegments=5)]
    return len(ids), len(set(ids))


@question(
    Area.READS,
    expect=(_INVALID, _INVALID, _INVALID, _INVALID),
    relied_on="a segment that cannot be is a mistake and is told as one",
    source=api("Scan, Segment and TotalSegments"),
)
def segments_that_cannot_be(subject: Subject) -> tuple[str, ...]:
    """Are a segment without a total, a total without a segment, one beyond the total, and a million and one refused?"""
    scan, table = subject.ddb.scan, subject.table()
    return (
        outcome_of(scan, TableName=table, Segment=0),
        outcome_of(scan, TableName=table, TotalSegments=2),
        outcome_of(scan, TableName=table, Segment=2, TotalSegments=2),
        outcome_of(scan, TableName=table, Segment=0, TotalSegments=1_000_001),
    )


@question(
    Area.READS,
    expect=True,
    relied_on="a scan that goes on later starts after its last key, also when that item is gone",
    source=guide("Scan, paginating: ExclusiveStartKey is a position"),
)
def scan_goes_on_after_a_key_that_is_gone(subject: Subject) -> bool:
    """Does a scan go on after the key of an item that was deleted since?"""
    table = subject.table("few-and-fewer")
    subject.put(table, *({"id": {"S": f"f{n:02}"}} for n in range(6)))
    first = subject.ddb.scan(TableName=table, Limit=2, ConsistentRead=True)
    start = first.get("LastEvaluatedKey", {})
    subject.ddb.delete_item(TableName=table, Key=start)
    rest = subject.ddb.scan(TableName=table, ExclusiveStartKey=start, ConsistentRead=True)
    seen = [str(item["id"]["S"]) for item in (*first["Items"], *rest["Items"])]
    return sorted(seen) == [f"f{n:02}" for n in range(6)]


@question(
    Area.READS,
    expect=_INVALID,
    relied_on="a checkpoint of another table is refused by the server too",
    source=api("Scan, ExclusiveStartKey"),
)
def start_key_of_another_schema(subject: Subject) -> str:
    """Is a start key refused that is none of the table's?"""
    key = {"other": {"S": "x"}}
    return outcome_of(subject.ddb.scan, TableName=subject.table(), ExclusiveStartKey=key)


@question(
    Area.READS,
    expect=True,
    relied_on="the comparison reads what was just written",
    source=guide("Read consistency: strongly consistent reads"),
)
def consistent_scan_sees_the_last_write(subject: Subject) -> bool:
    """Does a consistent scan see what was just acknowledged?"""
    item = subject.item()
    subject.put(subject.table("second"), item)
    return item["id"]["S"] in scanned(subject, subject.table("second"))


@question(
    Area.READS,
    expect=(4, 12),
    relied_on="an item that a filter leaves out was read and is counted",
    source=api("Scan, ScannedCount"),
)
def filtered_scan_counts_what_it_read(subject: Subject) -> tuple[int, int]:
    """Does a filtered scan say how many it gave and how many it read?"""
    page = subject.ddb.scan(
        TableName=small_items(subject), FilterExpression="v < :v", ExpressionAttributeValues={":v": {"N": "4"}},
        ConsistentRead=True,
    )  # fmt: skip
    return int(page["Count"]), int(page["ScannedCount"])


@question(
    Area.READS,
    expect=(12, False),
    relied_on="items can be counted without being read over the network",
    source=api("Scan, Select"),
)
def scan_that_only_counts(subject: Subject) -> tuple[int, bool]:
    """Does a scan with Select COUNT give the count and no items?"""
    page = subject.ddb.scan(TableName=small_items(subject), Select="COUNT", ConsistentRead=True)
    return int(page["Count"]), bool(page.get("Items"))


@question(
    Area.READS,
    expect="ResourceNotFoundException",
    relied_on="a table that is not there is told from an empty one",
    source=api("Scan, errors"),
)
def scan_of_an_unknown_table(subject: Subject) -> str:
    """Is the scan of a table that does not exist refused?"""
    return outcome_of(subject.ddb.scan, TableName=subject.names.table("never-made"))


@question(
    Area.READS,
    expect=(ACCEPTED, _INVALID),
    relied_on="single items are looked up a hundred at a time",
    source=api("BatchGetItem"),
)
def batch_get_of_100(subject: Subject) -> tuple[str, ...]:
    """Are 100 keys in one BatchGetItem taken and 101 refused?"""
    keys = [{"id": {"S": f"n{n}"}} for n in range(101)]
    ask, table = subject.ddb.batch_get_item, subject.table()
    return tuple(outcome_of(ask, RequestItems={table: {"Keys": keys[:count]}}) for count in (100, 101))


@question(
    Area.READS,
    expect=_INVALID,
    relied_on="a key is looked up once",
    source=api("BatchGetItem: duplicate keys"),
)
def batch_get_with_one_key_twice(subject: Subject) -> str:
    """Is a BatchGetItem with one key twice refused?"""
    key = {"id": {"S": "x"}}
    return outcome_of(subject.ddb.batch_get_item, RequestItems={subject.table(): {"Keys": [key, key]}})


@question(
    Area.READS,
    expect=(1, True),
    relied_on="what is not in the answer, and not unprocessed, is not there",
    source=api("BatchGetItem"),
)
def batch_get_leaves_out_what_is_not_there(subject: Subject) -> tuple[int, bool]:
    """Does a BatchGetItem give what is there, and an empty UnprocessedKeys?"""
    table, item = subject.table(), subject.item()
    subject.put(table, item)
    keys = [{"id": item["id"]}, {"id": {"S": "nothing is here"}}]
    answer = subject.ddb.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
    return len(answer["Responses"][table]), answer["UnprocessedKeys"] == {}


@question(
    Area.READS,
    expect=True,
    relied_on="samples of an index are asked for by its key",
    source=api("Query, IndexName"),
)
def query_of_an_index(subject: Subject) -> bool:
    """Is an item found in an index by the index's key, soon after it was put?"""
    table, item = subject.table("indexed"), subject.item(group={"S": "asked-for"})
    subject.put(table, item)

    def is_there() -> bool:
        answer = subject.ddb.query(
            TableName=table, IndexName="all", KeyConditionExpression="#g = :g",
            ExpressionAttributeNames={"#g": "group"}, ExpressionAttributeValues={":g": {"S": "asked-for"}},
        )  # fmt: skip
        return bool(answer["Items"] == [item])

    subject.durations["index: an item is there, seconds"] = subject.wait(is_there, "an item in its index", 20, 0.05)
    return True


@question(
    Area.READS,
    expect=_INVALID,
    relied_on="a global index is eventually consistent: a sample that is missing is asked for again",
    source=guide("Global secondary indexes: read consistency"),
)
def consistent_query_of_a_global_index(subject: Subject) -> str:
    """Is a consistent query of a global index refused?"""
    return outcome_of(
        subject.ddb.query, TableName=subject.table("indexed"), IndexName="all", ConsistentRead=True,
        KeyConditionExpression="#g = :g", ExpressionAttributeNames={"#g": "group"},
        ExpressionAttributeValues={":g": {"S": "x"}},
    )  # fmt: skip
