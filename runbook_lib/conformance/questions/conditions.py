"""Conditional writes: where append, canary, clean-up and repair lean on the server's own look."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, FAILURES, outcome_of
from runbook_lib.conformance.question import Area, api, guide, question
from runbook_lib.conformance.subject import Subject

_FAILED = "ConditionalCheckFailedException"
_ABSENT = {"ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
_CONDITIONS = guide("Condition expressions")


def unchanged(subject: Subject, item: dict[str, Any]) -> bool:
    return subject.read(subject.table(), item) == item


def is_v(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "ConditionExpression": "#v = :v",
        "ExpressionAttributeNames": {"#v": "v"},
        "ExpressionAttributeValues": {":v": value},
    }


@question(
    Area.CONDITIONS,
    expect=ACCEPTED,
    relied_on="import.on_non_empty: append puts only where nothing is",
    source=_CONDITIONS,
)
def put_where_nothing_is(subject: Subject) -> str:
    """Is a put with attribute_not_exists of the key taken where nothing is?"""
    return outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=subject.item(), **_ABSENT)


@question(
    Area.CONDITIONS,
    expect=(_FAILED, True),
    relied_on="import.on_non_empty: append never replaces what is there",
    source=_CONDITIONS,
)
def put_where_something_is(subject: Subject) -> tuple[str, bool]:
    """Is a put with attribute_not_exists refused where something is, and does that stay as it was?"""
    item = subject.item(v={"S": "first"})
    subject.put(subject.table(), item)
    said = outcome_of(subject.ddb.put_item, TableName=subject.table(), Item=item | {"v": {"S": "second"}}, **_ABSENT)
    return said, unchanged(subject, item)


@question(
    Area.CONDITIONS,
    expect="first",
    relied_on="a refused put tells what is there, so that nobody has to read it later",
    source=api("PutItem, ReturnValuesOnConditionCheckFailure"),
)
def refused_put_tells_what_is_there(subject: Subject) -> str:
    """Does a refused put give the item that is there, when asked to?"""
    item = subject.item(v={"S": "first"})
    subject.put(subject.table(), item)
    try:
        subject.ddb.put_item(
            TableName=subject.table(), Item=item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **_ABSENT
        )
    except FAILURES as error:
        return str(error.response["Item"]["v"]["S"])
    return "it was not refused"


@question(
    Area.CONDITIONS,
    expect=(ACCEPTED, True),
    relied_on="the clean-up removes an item only as it was read",
    source=_CONDITIONS,
)
def delete_of_what_is_as_expected(subject: Subject) -> tuple[str, bool]:
    """Is a delete with an equality that holds carried out?"""
    item = subject.item(v={"S": "x"})
    subject.put(subject.table(), item)
    said = outcome_of(subject.ddb.delete_item, TableName=subject.table(), Key={"id": item["id"]}, **is_v({"S": "x"}))
    return said, subject.read(subject.table(), item) is None


@question(
    Area.CONDITIONS,
    expect=(_FAILED, True),
    relied_on="the clean-up leaves an item that changed",
    source=_CONDITIONS,
)
def delete_of_what_has_changed(subject: Subject) -> tuple[str, bool]:
    """Is a delete with an equality that does not hold refused, and does the item stay?"""
    item = subject.item(v={"S": "x"})
    subject.put(subject.table(), item)
    said = outcome_of(subject.ddb.delete_item, TableName=subject.table(), Key={"id": item["id"]}, **is_v({"S": "y"}))
    return said, unchanged(subject, item)


@question(
    Area.CONDITIONS,
    expect=_FAILED,
    relied_on="a delete that is sent again after a lost answer is told from the first",
    source=_CONDITIONS,
)
def conditional_delete_of_nothing(subject: Subject) -> str:
    """Is a delete with an equality refused where nothing is?"""
    key = {"id": subject.key()}
    return outcome_of(subject.ddb.delete_item, TableName=subject.table(), Key=key, **is_v({"S": "x"}))


@question(
    Area.CONDITIONS,
    expect=ACCEPTED,
    relied_on="an equality compares numbers, whatever their spelling",
    source=guide("Comparison operators: values of one type"),
)
def equality_of_numbers(subject: Subject) -> str:
    """Does an equality hold between 1.50 and 1.5?"""
    item = subject.item(v={"N": "1.5"})
    subject.put(subject.table(), item)
    return outcome_of(subject.ddb.delete_item, TableName=subject.table(), Key={"id": item["id"]}, **is_v({"N": "1.50"}))


@question(
    Area.CONDITIONS,
    expect=ACCEPTED,
    relied_on="an equality compares sets without their order",
    source=guide("Supported data types: the order of the values within a set is not preserved"),
)
def equality_of_sets(subject: Subject) -> str:
    """Does an equality hold between two sets of the same members in another order?"""
    item = subject.item(v={"SS": ["a", "b", "c"]})
    subject.put(subject.table(), item)
    return outcome_of(
        subject.ddb.delete_item, TableName=subject.table(), Key={"id": item["id"]}, **is_v({"SS": ["c", "a", "b"]})
    )


@question(
    Area.CONDITIONS,
    expect=(True, "first"),
    relied_on="a put tells what it replaced, for the rollback",
    source=api("PutItem, ReturnValues"),
)
def put_tells_what_it_replaced(subject: Subject) -> tuple[bool, str]:
    """Does a put with ReturnValues ALL_OLD give nothing the first time and the old item the second?"""
    item = subject.item(v={"S": "first"})
    first = subject.ddb.put_item(TableName=subject.table(), Item=item, ReturnValues="ALL_OLD")
    second = subject.ddb.put_item(TableName=subject.table(), Item=item | {"v": {"S": "second"}}, ReturnValues="ALL_OLD")
    return "Attributes" not in first, str(second["Attributes"]["v"]["S"])
