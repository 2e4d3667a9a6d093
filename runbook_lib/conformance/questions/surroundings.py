"""What stands around a table: tags, TTL, policies, streams to elsewhere, and the account's limits."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.guard.conformance_calls import TAG
from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.conformance.question import Area, api, question
from runbook_lib.conformance.subject import Subject


def arn_of_own(subject: Subject, table: str = "plain") -> str:
    return str(subject.ddb.describe_table(TableName=subject.table(table))["Table"]["TableArn"])


def tags(subject: Subject, arn: str) -> dict[str, str]:
    found = subject.ddb.list_tags_of_resource(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


@question(
    Area.SURROUNDINGS,
    expect=True,
    relied_on="what was made here is known by its tag from its first moment",
    source=api("CreateTable, Tags"),
)
def tag_from_the_first_moment(subject: Subject) -> bool:
    """Has a table the tags that CreateTable was given?"""
    return tags(subject, arn_of_own(subject)).get(TAG) == subject.names.id


@question(
    Area.SURROUNDINGS,
    expect=("new", None),
    relied_on="the register of who wrote to a table hangs on one of its tags",
    source=api("TagResource"),
)
def tag_that_comes_and_goes(subject: Subject) -> tuple[str | None, ...]:
    """Does a tag come with TagResource, in place of an older value, and go with UntagResource?"""
    arn = arn_of_own(subject, "second")
    for value in ("old", "new"):
        subject.ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "conformance-asks", "Value": value}])
    there = tags(subject, arn).get("conformance-asks")
    subject.ddb.untag_resource(ResourceArn=arn, TagKeys=["conformance-asks"])
    return there, tags(subject, arn).get("conformance-asks")


def ttl(subject: Subject, table: str) -> dict[str, Any]:
    found: dict[str, Any] = subject.ddb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return found


@question(
    Area.SURROUNDINGS,
    expect="DISABLED",
    relied_on="an item that is gone is forgiven only where TTL was on",
    source=api("DescribeTimeToLive"),
)
def ttl_is_off_at_first(subject: Subject) -> str:
    """Is the TTL of a new table off?"""
    return str(ttl(subject, subject.table())["TimeToLiveStatus"])


@question(
    Area.SURROUNDINGS,
    expect=(True, "until"),
    relied_on="the attribute that says when an item expires is read from it",
    source=api("UpdateTimeToLive"),
)
def ttl_that_is_on(subject: Subject) -> tuple[bool, str]:
    """Does DescribeTimeToLive name the attribute once TTL is turned on?"""
    table = expiring(subject)
    found = ttl(subject, table)
    return found["TimeToLiveStatus"] in ("ENABLING", "ENABLED"), str(found["AttributeName"])


@question(
    Area.SURROUNDINGS,
    expect="ValidationException",
    relied_on="TTL that is to be off during a catch-up cannot be turned on again at once",
    source=api("UpdateTimeToLive: another call within one hour"),
)
def ttl_changed_twice_in_an_hour(subject: Subject) -> str:
    """Is a second change of the TTL within an hour refused?"""
    return outcome_of(
        subject.ddb.update_time_to_live, TableName=expiring(subject),
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "until"},
    )  # fmt: skip


def expiring(subject: Subject) -> str:
    """A table whose TTL was turned on."""
    table = subject.table("expiring")
    if "expiring" not in subject.made:
        subject.ddb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
        )
        subject.made["expiring"] = True
    return table


@question(
    Area.SURROUNDINGS,
    expect="PolicyNotFoundException",
    relied_on="a table without a policy of its own is told from one that cannot be asked",
    source=api("GetResourcePolicy, errors"),
)
def table_without_a_policy(subject: Subject) -> str:
    """Does GetResourcePolicy say that a new table has none?"""
    return outcome_of(subject.ddb.get_resource_policy, ResourceArn=arn_of_own(subject))


@question(
    Area.SURROUNDINGS,
    expect=0,
    relied_on="a target that sends its changes elsewhere is told before anything is written",
    source=api("DescribeKinesisStreamingDestination"),
)
def table_without_kinesis(subject: Subject) -> int:
    """Does a new table send its changes to no Kinesis stream?"""
    answer = subject.ddb.describe_kinesis_streaming_destination(TableName=subject.table())
    return len(answer["KinesisDataStreamDestinations"])


@question(
    Area.SURROUNDINGS,
    expect=(True, True),
    relied_on="the account's limits bound the rate that is asked for",
    source=api("DescribeLimits"),
)
def limits_of_the_account(subject: Subject) -> tuple[bool, bool]:
    """Does DescribeLimits give the write units of a table and of the account?"""
    found = subject.ddb.describe_limits()
    return found["TableMaxWriteCapacityUnits"] >= 10_000, found["AccountMaxWriteCapacityUnits"] >= 10_000


@question(
    Area.SURROUNDINGS,
    expect=(ACCEPTED, "ResourceNotFoundException"),
    relied_on="tags are read of tables that are there",
    source=api("ListTagsOfResource, errors"),
)
def tags_of_an_unknown_table(subject: Subject) -> tuple[str, str]:
    """Are the tags of a table read, and refused of one that does not exist?"""
    arn = arn_of_own(subject)
    other = arn.replace(subject.table(), subject.names.table("never-made"))
    ask = subject.ddb.list_tags_of_resource
    return outcome_of(ask, ResourceArn=arn), outcome_of(ask, ResourceArn=other)
