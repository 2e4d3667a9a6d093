"""Each reason DynamoDB can give for throttling is a diagnosis of its own, with something to do about it."""

from __future__ import annotations

import pytest

from runbook_lib.report.sections.throttling import diagnose, name_of

TABLE = "arn:aws:dynamodb:us-east-2:111122223333:table/things"
INDEX = f"{TABLE}/index/Owner"


@pytest.mark.parametrize(
    ("reason", "resource", "what", "remedy"),
    [
        ("TableWriteKeyRangeThroughputExceeded", TABLE, "a hot key range of table things", "uneven"),
        ("IndexWriteKeyRangeThroughputExceeded", INDEX, "a hot key range of index Owner of table things", "uneven"),
        ("TableWriteProvisionedThroughputExceeded", TABLE, "provisioned write capacity of table", "on-demand"),
        ("IndexWriteProvisionedThroughputExceeded", INDEX, "capacity of index Owner", "WriteCapacityUnits"),
        ("TableWriteMaxOnDemandThroughputExceeded", TABLE, "maximum on-demand", "MaxWriteRequestUnits"),
        ("TableWriteAccountLimitExceeded", TABLE, "account's write limit", "Service Quotas"),
        ("RequestLimitExceeded", "", "account's throughput", "Service Quotas"),
        ("UnprocessedItems", "", "does not name", "CloudWatch"),
        ("SomethingNew", TABLE, "SomethingNew at table things", "CloudWatch"),
    ],
)
def test_a_reason_becomes_what_limited_the_writes_and_what_helps(
    reason: str, resource: str, what: str, remedy: str
) -> None:
    said = diagnose(reason, resource)
    assert what in said.what
    assert remedy in said.remedy


def test_a_resource_without_a_name_is_the_table() -> None:
    assert name_of("") == "the table"
