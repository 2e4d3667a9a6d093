"""Keys: their lengths, what they may not be, and when two are one; of the table and of its indexes."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.conformance.question import Area, guide, question
from runbook_lib.conformance.subject import Subject

_INVALID = "ValidationException"
_LIMITS = guide("Quotas: partition key length, sort key length")
_TYPES = guide("Supported data types: empty values")
_QUARANTINE = "such an item goes to quarantine with a reason"


def keyed_by(subject: Subject, table: str, item: dict[str, Any]) -> str:
    """What putting an item into a table came to."""
    return outcome_of(subject.ddb.put_item, TableName=subject.table(table), Item=item)


@question(
    Area.KEYS,
    expect=(ACCEPTED, _INVALID),
    relied_on=_QUARANTINE,
    source=_LIMITS,
)
def length_of_a_partition_key(subject: Subject) -> tuple[str, ...]:
    """Is a partition key of 2,048 bytes taken and one of 2,049 refused?"""
    head = subject.key()["S"]
    return tuple(keyed_by(subject, "plain", {"id": {"S": head.ljust(n, "x")}}) for n in (2048, 2049))


@question(
    Area.KEYS,
    expect=(ACCEPTED, _INVALID),
    relied_on=_QUARANTINE,
    source=_LIMITS,
)
def length_of_a_sort_key(subject: Subject) -> tuple[str, ...]:
    """Is a sort key of 1,024 bytes taken and one of 1,025 refused?"""
    return tuple(keyed_by(subject, "ranged", subject.item(sort={"S": "x" * n})) for n in (1024, 1025))


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=_LIMITS)
def length_of_a_binary_key(subject: Subject) -> str:
    """Is a binary partition key of 2,049 bytes refused?"""
    return keyed_by(subject, "binary", {"id": {"B": b"x" * 2049}, "sort": {"B": b"x"}})


@question(Area.KEYS, expect=(_INVALID, _INVALID), relied_on=_QUARANTINE, source=_TYPES)
def empty_key(subject: Subject) -> tuple[str, ...]:
    """Are an empty string and empty bytes refused as a key?"""
    return (
        keyed_by(subject, "plain", {"id": {"S": ""}}),
        keyed_by(subject, "binary", {"id": {"B": b"x"}, "sort": {"B": b""}}),
    )


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=guide("PutItem: the primary key is required"))
def item_without_its_key(subject: Subject) -> str:
    """Is an item without its sort key refused?"""
    return keyed_by(subject, "ranged", subject.item())


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=guide("PutItem: key attributes by their type"))
def key_of_another_type(subject: Subject) -> str:
    """Is a key of another type than the table's refused?"""
    return keyed_by(subject, "plain", {"id": {"N": "1"}})


@question(
    Area.KEYS,
    expect="second",
    relied_on="keys are compared as numbers, not as text",
    source=guide("Supported data types: numbers"),
)
def equal_numbers_are_one_key(subject: Subject) -> str:
    """Are 3 and 3.00 one key: is what was put under one read under the other?"""
    table = subject.table("numbered")
    subject.put(table, {"n": {"N": "3"}, "v": {"S": "first"}}, {"n": {"N": "3.00"}, "v": {"S": "second"}})
    answer = subject.ddb.get_item(TableName=table, Key={"n": {"N": "3"}}, ConsistentRead=True)
    return str(answer["Item"]["v"]["S"])


@question(
    Area.KEYS,
    expect=("-1", "2", "10"),
    relied_on="samples of an index are asked for in its order",
    source=guide("Query: results are sorted by the sort key"),
)
def numbers_sort_as_numbers(subject: Subject) -> tuple[str, ...]:
    """Do numeric sort keys come in the order of numbers?"""
    table, key = subject.table("ordered"), subject.key()
    subject.put(table, *({"id": key, "n": {"N": n}} for n in ("10", "2", "-1")))
    answer = subject.ddb.query(
        TableName=table, KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": key}, ConsistentRead=True
    )
    return tuple(str(item["n"]["N"]) for item in answer["Items"])


@question(
    Area.KEYS,
    expect=("B", "a", "é", "\U0001f600"),
    relied_on="samples of an index are asked for in its order",
    source=guide("Query: strings are sorted by their UTF-8 bytes"),
)
def text_sorts_by_bytes(subject: Subject) -> tuple[str, ...]:
    """Do textual sort keys come in the order of their UTF-8 bytes?"""
    table, key = subject.table("ranged"), subject.key()
    subject.put(table, *({"id": key, "sort": {"S": text}} for text in ("é", "a", "\U0001f600", "B")))
    answer = subject.ddb.query(
        TableName=table, KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": key}, ConsistentRead=True
    )
    return tuple(str(item["sort"]["S"]) for item in answer["Items"])


@question(
    Area.KEYS,
    expect=ACCEPTED,
    relied_on="an item without an index's key is no error: it is not in that index",
    source=guide("Sparse indexes"),
)
def item_without_an_index_key(subject: Subject) -> str:
    """Is an item without an index's key taken?"""
    return keyed_by(subject, "indexed", subject.item())


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=guide("Global secondary indexes: type of a key"))
def index_key_of_another_type(subject: Subject) -> str:
    """Is an item refused whose index key has another type than the index?"""
    return keyed_by(subject, "indexed", subject.item(group={"N": "1"}))


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=_TYPES)
def empty_index_key(subject: Subject) -> str:
    """Is an item refused whose index key is empty?"""
    return keyed_by(subject, "indexed", subject.item(group={"S": ""}))


@question(Area.KEYS, expect=_INVALID, relied_on=_QUARANTINE, source=_LIMITS)
def length_of_an_index_key(subject: Subject) -> str:
    """Is an item refused whose index partition key has 2,049 bytes?"""
    return keyed_by(subject, "indexed", subject.item(group={"S": "x" * 2049}))


@question(
    Area.KEYS,
    expect=_INVALID,
    relied_on="a request for a key names the key and nothing else",
    source=guide("GetItem: all of the key attributes"),
)
def key_with_more_than_the_key(subject: Subject) -> str:
    """Is a GetItem refused whose key has a further attribute?"""
    key = {"id": subject.key(), "more": {"S": "x"}}
    return outcome_of(subject.ddb.get_item, TableName=subject.table(), Key=key)
