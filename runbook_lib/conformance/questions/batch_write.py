"""BatchWriteItem: how much it takes, what it refuses, and that a refused one stores nothing."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.conformance.question import AnyOf, Area, api, guide, question
from runbook_lib.conformance.subject import Subject

_INVALID = "ValidationException"


def put(item: dict[str, Any]) -> dict[str, Any]:
    return {"PutRequest": {"Item": item}}


def delete(item: dict[str, Any]) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"id": item["id"]}}}


def batch(subject: Subject, *members: dict[str, Any], table: str = "plain") -> str:
    """What a BatchWriteItem of these members came to."""
    return outcome_of(subject.ddb.batch_write_item, RequestItems={subject.table(table): list(members)})


@question(
    Area.BATCH_WRITE,
    expect=ACCEPTED,
    relied_on="a batch of the import has 25 items",
    source=api("BatchWriteItem"),
)
def batch_of_25(subject: Subject) -> str:
    """Are 25 requests in one BatchWriteItem taken?"""
    return batch(subject, *(put(subject.item()) for _ in range(25)))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="no batch is larger, and a bug that makes one is seen at once",
    source=api("BatchWriteItem"),
)
def batch_of_26(subject: Subject) -> str:
    """Are 26 requests in one BatchWriteItem refused?"""
    return batch(subject, *(put(subject.item()) for _ in range(26)))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="the limit is of the request, not of the table",
    source=api("BatchWriteItem"),
)
def batch_of_26_over_two_tables(subject: Subject) -> str:
    """Are 26 requests refused when they are of two tables, 13 each?"""
    tables = (subject.table("plain"), subject.table("second"))
    items = {table: [put(subject.item()) for _ in range(13)] for table in tables}
    return outcome_of(subject.ddb.batch_write_item, RequestItems=items)


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="a request without items is a mistake and is told as one",
    source=api("BatchWriteItem"),
)
def batch_of_nothing(subject: Subject) -> str:
    """Is a BatchWriteItem without any request refused?"""
    return outcome_of(subject.ddb.batch_write_item, RequestItems={})


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="a request without items is a mistake and is told as one",
    source=api("BatchWriteItem"),
)
def batch_with_an_empty_list(subject: Subject) -> str:
    """Is a table with an empty list of requests refused?"""
    return batch(subject)


@question(
    Area.BATCH_WRITE,
    expect=AnyOf((_INVALID, "RequestEntityTooLargeException", "413")),
    relied_on="a batch is cut so that its request stays under 16 MB",
    source=api("BatchWriteItem"),
)
def batch_over_16_mb(subject: Subject) -> str:
    """Is a request of more than 16 MB refused, though each of its items is small enough?"""
    wide = "é" * 190_000  # 380 KB as an item, three times as much as it is spelled in the request
    return batch(subject, *(put(subject.item(v={"S": wide})) for _ in range(25)))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="two lines of one key are told as damage and never sent together",
    source=api("BatchWriteItem"),
)
def batch_with_one_item_twice(subject: Subject) -> str:
    """Are two puts of the very same item refused?"""
    item = subject.item()
    return batch(subject, put(item), put(item))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="two lines of one key are told as damage and never sent together",
    source=api("BatchWriteItem"),
)
def batch_with_one_key_twice(subject: Subject) -> str:
    """Are two puts of one key with other attributes refused?"""
    item = subject.item()
    return batch(subject, put(item), put(item | {"v": {"S": "other"}}))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="a window's put and delete of one key go into batches of their own",
    source=api("BatchWriteItem"),
)
def batch_with_put_and_delete(subject: Subject) -> str:
    """Are a put and a delete of one key refused?"""
    item = subject.item()
    return batch(subject, put(item), delete(item))


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="keys are compared as numbers, not as text",
    source=api("BatchWriteItem"),
)
def batch_with_equal_numbers(subject: Subject) -> str:
    """Are the keys 7 and 7.00 in one batch refused as one key?"""
    return batch(subject, put({"n": {"N": "7"}}), put({"n": {"N": "7.00"}}), table="numbered")


@question(
    Area.BATCH_WRITE,
    expect=(_INVALID, False),
    relied_on="when a batch is refused, its good items are sent again one by one and counted once",
    source=api("BatchWriteItem"),
)
def batch_with_a_bad_member(subject: Subject) -> tuple[str, bool]:
    """Is a batch with one member without its key refused, and is nothing of it stored?"""
    good = subject.item()
    said = batch(subject, put(good), put({"v": {"S": "no key"}}))
    return said, subject.read(subject.table(), good) is not None


@question(
    Area.BATCH_WRITE,
    expect=("ResourceNotFoundException", False),
    relied_on="a table that is gone stops the import before anything is counted",
    source=api("BatchWriteItem"),
)
def batch_with_an_unknown_table(subject: Subject) -> tuple[str, bool]:
    """Is a batch with one table that does not exist refused whole?"""
    good = subject.item()
    items = {subject.table(): [put(good)], subject.names.table("never-made"): [put(subject.item())]}
    said = outcome_of(subject.ddb.batch_write_item, RequestItems=items)
    return said, subject.read(subject.table(), good) is not None


@question(
    Area.BATCH_WRITE,
    expect=ACCEPTED,
    relied_on="a delete that is sent again after a lost answer does no harm",
    source=api("DeleteItem"),
)
def batch_delete_of_nothing(subject: Subject) -> str:
    """Is the delete of a key that is not there taken?"""
    return batch(subject, delete(subject.item()))


@question(
    Area.BATCH_WRITE,
    expect=("id", "new"),
    relied_on="a put leaves nothing of what was there before",
    source=api("BatchWriteItem"),
)
def batch_put_replaces(subject: Subject) -> tuple[str, ...]:
    """Does a put replace the whole item, attributes that it lacks included?"""
    item = subject.item(old={"S": "x"})
    batch(subject, put(item))
    batch(subject, put({"id": item["id"], "new": {"S": "y"}}))
    return tuple(sorted(subject.read(subject.table(), item) or {}))


@question(
    Area.BATCH_WRITE,
    expect=True,
    relied_on="an answer without the member is no acknowledgement",
    source=api("BatchWriteItem"),
)
def batch_says_what_is_unprocessed(subject: Subject) -> bool:
    """Does the answer have UnprocessedItems, empty, when everything was done?"""
    answer = subject.ddb.batch_write_item(RequestItems={subject.table(): [put(subject.item())]})
    return bool(answer["UnprocessedItems"] == {})


@question(
    Area.BATCH_WRITE,
    expect=_INVALID,
    relied_on="a member is one thing: a put or a delete",
    source=guide("BatchWriteItem, WriteRequest: specify only one of the two"),
)
def batch_member_with_two_requests(subject: Subject) -> str:
    """Is a member with a put and a delete in it refused?"""
    item = subject.item()
    return batch(subject, put(item) | delete(subject.item()))
