"""BatchWriteItem: what AWS refuses is refused whole, what it accepts is stored bit for bit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.sandbox.emulator.replies import AwsError
from runbook_lib.sandbox.emulator.rules.values import stored_number

if TYPE_CHECKING:
    from conftest import Aws

GOOD = {"PutRequest": {"Item": {"pk": {"S": "good"}, "sk": {"S": "1"}}}}


@pytest.fixture
def table(new_table: Any) -> str:
    return str(new_table({"pk": "S", "sk": "S"}, {"Owner": {"owner": "S", "rank": "N"}, "Blob": {"blob": "B"}}))


def put(**attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, **attributes}}}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


def sized(total: int) -> dict[str, Any]:
    """Return an item of exactly so many bytes."""
    return put(text={"S": "x" * (total - len("pk" + "p" + "sk" + "s" + "text"))})


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "hash key too long": ([put(pk={"S": "x" * 2049})], "hashkey has exceeded"),
    "sort key too long": ([put(sk={"S": "x" * 1025})], "size limit of 1024 bytes"),
    "empty key": ([put(pk={"S": ""})], "empty string value. Key: pk"),
    "key of another type": ([put(sk={"N": "1"})], "Type mismatch for key sk expected: S actual: N"),
    "key missing": ([{"PutRequest": {"Item": {"pk": {"S": "p"}}}}], "Missing the key sk"),
    "index key of another type": (
        [put(rank={"S": "1"})],
        "Type mismatch for Index Key rank Expected: N Actual: S",
    ),
    "index key null": ([put(owner={"NULL": True})], "Type mismatch for Index Key owner"),
    "index key empty": ([put(owner={"S": ""})], "IndexName: Owner, IndexKey: owner"),
    "index key empty binary": ([put(blob={"B": b""})], "empty binary value. IndexName: Blob"),
    "index key too long": ([put(owner={"S": "x" * 2049})], "hashkey has exceeded"),
    "item too large": ([sized(409_601)], "Item size has exceeded"),
    "empty string set": ([put(a={"SS": []})], "string set  may not be empty"),
    "empty number set": ([put(a={"NS": []})], "number set  may not be empty"),
    "empty binary set": ([put(a={"BS": []})], "Binary sets should not be empty"),
    "duplicate in a set": ([put(a={"SS": ["x", "x"]})], "contains duplicates"),
    "equal numbers in a set": ([put(a={"NS": ["1", "1.0"]})], "contains duplicates"),
    "39 digits": ([put(a={"N": "1" * 39})], "more than 38 significant digits"),
    "number too large": ([put(a={"N": "1e126"})], "Number overflow"),
    "number too small": ([put(a={"N": "1e-131"})], "Number underflow"),
    "no number": ([put(a={"N": "1_000"})], "cannot be converted to a numeric value"),
    "null that is false": ([put(a={"NULL": False})], "must have the value of true"),
    "33 levels": ([put(a=nested(33))], "Nesting Levels"),
    "same key twice": ([put(), put(a={"S": "other"})], "contains duplicates"),
    "put and delete of a key": (
        [put(), {"DeleteRequest": {"Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}],
        "contains duplicates",
    ),
    "delete with more than the key": (
        [{"DeleteRequest": {"Key": {"pk": {"S": "p"}, "sk": {"S": "s"}, "x": {"S": "y"}}}}],
        "does not match the schema",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_bad_member_refuses_the_whole_batch(aws: Aws, table: str, case: str) -> None:
    members, message = REFUSED[case]
    with pytest.raises(ClientError) as raised:
        aws.source.batch_write_item(RequestItems={table: [GOOD, *members]})
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert message in raised.value.response["Error"]["Message"]
    assert aws.source.scan(TableName=table)["Count"] == 0


def test_more_than_25_and_none_at_all_are_refused(aws: Aws, table: str) -> None:
    lax = aws.client("dynamodb", parameter_validation=False)
    many = [put(sk={"S": str(n)}) for n in range(26)]
    for items in ({table: many}, {table: []}, {}):
        with pytest.raises(ClientError) as raised:
            lax.batch_write_item(RequestItems=items)
        assert raised.value.response["Error"]["Code"] == "ValidationException"
    lax.close()
    assert aws.source.scan(TableName=table)["Count"] == 0


def test_an_unknown_table_is_not_found(aws: Aws) -> None:
    with pytest.raises(ClientError) as raised:
        aws.source.batch_write_item(RequestItems={"no-such-table": [put()]})
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_largest_item_and_longest_keys_are_accepted(aws: Aws, table: str) -> None:
    longest = put(pk={"S": "x" * 2048}, sk={"S": "é" * 512})
    reply = aws.source.batch_write_item(
        RequestItems={table: [sized(409_600), longest, put(sk={"S": "d"}, a=nested(32))]}
    )
    assert reply["UnprocessedItems"] == {}
    assert aws.source.scan(TableName=table)["Count"] >= 1


def test_every_value_comes_back_as_it_went_in(aws: Aws, table: str) -> None:
    attributes: dict[str, Any] = {
        "s": {"S": "é\u2028🏦\x00"},
        "empty": {"S": ""},
        "n": {"N": "-12345678901234567890.123456789012345678"},
        "tiny": {"N": "1E-130"},
        "b": {"B": bytes(range(256))},
        "none": {"B": b""},
        "ss": {"SS": ["b", "a", ""]},
        "ns": {"NS": ["3", "-2.5", "0"]},
        "bs": {"BS": [b"\x00", b"\xff"]},
        "m": {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}]}, "b": {"B": b"\x01"}}},
    }
    aws.put_all(table, [put(**attributes)["PutRequest"]["Item"]])
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    expected = put(**attributes)["PutRequest"]["Item"]
    assert aws.source.scan(TableName=table)["Items"] == [expected]
    assert aws.source.get_item(TableName=table, Key=key)["Item"] == expected
    assert aws.source.scan(TableName=table)["Items"] == [expected]


def test_put_replaces_and_delete_removes(aws: Aws, table: str) -> None:
    aws.put_all(table, [put(a={"S": "1"}, b={"S": "1"})["PutRequest"]["Item"]])
    aws.put_all(table, [put(a={"S": "2"})["PutRequest"]["Item"]])
    assert aws.source.scan(TableName=table)["Items"] == [put(a={"S": "2"})["PutRequest"]["Item"]]
    gone = {"DeleteRequest": {"Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}}}
    aws.source.batch_write_item(RequestItems={table: [gone]})
    assert aws.source.scan(TableName=table)["Count"] == 0
    assert aws.source.describe_table(TableName=table)["Table"]["ItemCount"] == 0


def test_capacity_is_reported_when_asked_for(aws: Aws, table: str) -> None:
    members = [put(sk={"S": str(n)}, text={"S": "x" * 1500}) for n in range(3)]
    members.append(put(owner={"S": "o"}, rank={"N": "1"}))
    assert "ConsumedCapacity" not in aws.source.batch_write_item(RequestItems={table: members})
    reply = aws.source.batch_write_item(RequestItems={table: members}, ReturnConsumedCapacity="TOTAL")
    assert reply["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 7.0}]  # its index need not be written
    members[-1] = put(owner={"S": "o"}, rank={"N": "1"}, changed={"S": "x"})
    reply = aws.source.batch_write_item(RequestItems={table: members}, ReturnConsumedCapacity="INDEXES")
    [detail] = reply["ConsumedCapacity"]
    assert detail["Table"] == {"CapacityUnits": 7.0}
    assert detail["GlobalSecondaryIndexes"] == {"Owner": {"CapacityUnits": 1.0}}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("1e2", "100"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("-0", "0"),
        ("+1", "1"),
        (".5", "0.5"),
        ("1E-130", "1E-130"),
    ],
)
def test_numbers_come_back_in_canonical_form(sent: str, stored: str) -> None:
    assert stored_number(sent) == stored


@given(st.decimals(min_value=Decimal("-1E125"), max_value=Decimal("1E125"), allow_nan=False))
def test_the_canonical_form_keeps_the_value_and_is_its_own_canonical_form(number: Decimal) -> None:
    try:
        canonical = stored_number(str(number))
    except AwsError:
        return  # too many digits or too small: refused, not changed
    assert Decimal(canonical) == number
    assert stored_number(canonical) == canonical
