"""Tables: what DescribeTable says of them, and how they are made and removed."""

from __future__ import annotations

import itertools
import re
from typing import Any

from runbook_lib.aws.outcome import ACCEPTED, outcome_of
from runbook_lib.aws.pages import pages
from runbook_lib.conformance.fixtures import keyed
from runbook_lib.conformance.question import AnyOf, Area, api, guide, question
from runbook_lib.conformance.subject import Subject

_INVALID = "ValidationException"
_COMPARED = "definitions of both tables are compared member by member"


def described(subject: Subject, table: str = "plain") -> dict[str, Any]:
    found: dict[str, Any] = subject.ddb.describe_table(TableName=subject.table(table))["Table"]
    return found


@question(
    Area.TABLES,
    expect=True,
    relied_on="checkpoints are bound to a table's id",
    source=api("TableDescription, TableId"),
)
def table_has_an_id(subject: Subject) -> bool:
    """Does DescribeTable give a TableId, a UUID?"""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", described(subject)["TableId"]) is not None


@question(
    Area.TABLES,
    expect=True,
    relied_on="a table that was made again under its name is told from the one before",
    source=api("TableDescription, TableId: unique identifier for the table"),
)
def table_made_again_has_another_id(subject: Subject) -> bool:
    """Has a table that was removed and made again another id?"""
    name = subject.table("made-again")
    before = subject.ddb.describe_table(TableName=name)["Table"]["TableId"]
    subject.ddb.delete_table(TableName=name)
    subject.wait(lambda: is_gone(subject, name), "the removal of a table", subject.patience)
    subject.create("made-again")
    subject.until_active(name)
    return bool(subject.ddb.describe_table(TableName=name)["Table"]["TableId"] != before)


def is_gone(subject: Subject, name: str) -> bool:
    return outcome_of(subject.ddb.describe_table, TableName=name) == "ResourceNotFoundException"


@question(
    Area.TABLES,
    expect=True,
    relied_on="account and region are read from it before anything is written",
    source=guide("Amazon Resource Name of a table"),
)
def form_of_a_table_arn(subject: Subject) -> bool:
    """Is a table's ARN made of region, account and plain name?"""
    name = subject.table()
    region = subject.ddb.meta.region_name
    return (
        re.fullmatch(rf"arn:aws[a-z-]*:dynamodb:{region}:\d{{12}}:table/{name}", described(subject)["TableArn"])
        is not None
    )


@question(
    Area.TABLES, expect="PAY_PER_REQUEST", relied_on=_COMPARED, source=api("TableDescription, BillingModeSummary")
)
def billing_mode(subject: Subject) -> str:
    """Does DescribeTable name the mode of a table on demand?"""
    return str(described(subject)["BillingModeSummary"]["BillingMode"])


@question(Area.TABLES, expect=(1, 1), relied_on=_COMPARED, source=api("ProvisionedThroughputDescription"))
def provisioned_units(subject: Subject) -> tuple[int, int]:
    """Does DescribeTable give the units of a provisioned table?"""
    units = described(subject, "provisioned")["ProvisionedThroughput"]
    return int(units["ReadCapacityUnits"]), int(units["WriteCapacityUnits"])


@question(
    Area.TABLES,
    expect=("id:HASH", "sort:RANGE"),
    relied_on=_COMPARED,
    source=api("TableDescription, KeySchema"),
)
def key_schema(subject: Subject) -> tuple[str, ...]:
    """Does DescribeTable give the key, partition key first?"""
    return tuple(f"{key['AttributeName']}:{key['KeyType']}" for key in described(subject, "ranged")["KeySchema"])


@question(
    Area.TABLES,
    expect=("all:ALL:ACTIVE", "keys:KEYS_ONLY:ACTIVE", "ranked:KEYS_ONLY:ACTIVE", "some:INCLUDE:ACTIVE"),
    relied_on=_COMPARED,
    source=api("GlobalSecondaryIndexDescription"),
)
def global_indexes(subject: Subject) -> tuple[str, ...]:
    """Does DescribeTable give global indexes with projection and status?"""
    indexes = described(subject, "indexed")["GlobalSecondaryIndexes"]
    return tuple(sorted(f"{i['IndexName']}:{i['Projection']['ProjectionType']}:{i['IndexStatus']}" for i in indexes))


@question(
    Area.TABLES, expect=("by-other", "id", "other"), relied_on=_COMPARED, source=api("LocalSecondaryIndexDescription")
)
def indexes_that_are_local(subject: Subject) -> tuple[str, ...]:
    """Does DescribeTable give local indexes with their keys?"""
    [found] = described(subject, "local")["LocalSecondaryIndexes"]
    return (str(found["IndexName"]), *(str(key["AttributeName"]) for key in found["KeySchema"]))


@question(Area.TABLES, expect=False, relied_on=_COMPARED, source=api("TableDescription, DeletionProtectionEnabled"))
def deletion_protection_is_told(subject: Subject) -> bool:
    """Does DescribeTable say that a table is not protected?"""
    return bool(described(subject)["DeletionProtectionEnabled"])


@question(
    Area.TABLES,
    expect=(_INVALID, ACCEPTED),
    relied_on="the clean-up lifts the protection of what it removes, and of nothing else",
    source=guide("Deletion protection"),
)
def protected_table_stays(subject: Subject) -> tuple[str, str]:
    """Is the removal of a protected table refused, and taken when the protection was lifted?"""
    name = subject.names.table("protected")
    subject.create("protected", DeletionProtectionEnabled=True)
    subject.until_active(name)
    first = outcome_of(subject.ddb.delete_table, TableName=name)
    if first == ACCEPTED:
        return first, ACCEPTED
    subject.ddb.update_table(TableName=name, DeletionProtectionEnabled=False)
    subject.until_active(name)
    return first, outcome_of(subject.ddb.delete_table, TableName=name)


@question(
    Area.TABLES,
    expect=(True, True),
    relied_on="what a table can take from its first second sets the rate at the start",
    source=guide("Warm throughput: values are available for all tables"),
)
def warm_throughput(subject: Subject) -> tuple[bool, bool]:
    """Does DescribeTable give the warm throughput of a table on demand: 4,000 writes, 12,000 reads or more?"""
    warm = described(subject)["WarmThroughput"]
    return warm["WriteUnitsPerSecond"] >= 4000, warm["ReadUnitsPerSecond"] >= 12000


@question(
    Area.TABLES,
    expect=(True, "NEW_AND_OLD_IMAGES", True),
    relied_on="functions behind the target's stream are found before anything is written",
    source=api("TableDescription, StreamSpecification"),
)
def stream_of_a_table(subject: Subject) -> tuple[bool, str, bool]:
    """Does DescribeTable give the stream, its view and its ARN?"""
    found = described(subject, "streamed")
    stream = found["StreamSpecification"]
    return stream["StreamEnabled"], str(stream["StreamViewType"]), "/stream/" in found["LatestStreamArn"]


@question(
    Area.TABLES,
    expect="ResourceInUseException",
    relied_on="two runs that create one table do not both think that it is theirs",
    source=api("CreateTable, errors"),
)
def table_that_exists_is_not_made_again(subject: Subject) -> str:
    """Is the making of a table refused that exists?"""
    definition = keyed("id:S") | {"BillingMode": "PAY_PER_REQUEST"}
    return outcome_of(subject.ddb.create_table, TableName=subject.table(), **definition)


@question(
    Area.TABLES,
    expect="ResourceNotFoundException",
    relied_on="a table that is gone already is no obstacle to the clean-up",
    source=api("DeleteTable, errors"),
)
def removal_of_an_unknown_table(subject: Subject) -> str:
    """Is the removal of a table refused that does not exist?"""
    return outcome_of(subject.ddb.delete_table, TableName=subject.names.table("never-made"))


@question(
    Area.TABLES,
    expect=_INVALID,
    relied_on="definitions carry the attributes of keys and no others",
    source=api("CreateTable, AttributeDefinitions"),
)
def attribute_that_is_no_key(subject: Subject) -> str:
    """Is a table refused that defines an attribute no key uses?"""
    definition = keyed("id:S", more=("unused:S",)) | {"BillingMode": "PAY_PER_REQUEST"}
    return outcome_of(subject.ddb.create_table, TableName=subject.names.table("unused"), **definition)


@question(
    Area.TABLES,
    expect=_INVALID,
    relied_on="names that are too long are told before anything runs",
    source=guide("Naming rules: 3 to 255 characters"),
)
def name_of_256_characters(subject: Subject) -> str:
    """Is a table's name of 256 characters refused?"""
    name = subject.names.table("x" * 256)[:256]
    definition = keyed("id:S") | {"BillingMode": "PAY_PER_REQUEST"}
    return outcome_of(subject.ddb.create_table, TableName=name, **definition)


@question(
    Area.TABLES,
    expect=AnyOf(("CREATING", "ACTIVE")),
    relied_on="a new table is waited for, and may be there at once",
    source=api("CreateTable: TableStatus CREATING"),
)
def new_table_is_being_made(subject: Subject) -> str:
    """Does CreateTable answer with a table that is being made?"""
    name = subject.names.table("just-made")
    definition = keyed("id:S") | {"BillingMode": "PAY_PER_REQUEST"}
    started = subject.clock()
    status = subject.ddb.create_table(TableName=name, **definition)["TableDescription"]["TableStatus"]
    subject.until_active(name)
    subject.durations["table: from CreateTable to ACTIVE, seconds"] = subject.clock() - started
    return str(status)


@question(
    Area.TABLES,
    expect=True,
    relied_on="all tables of a region are listed, page by page",
    source=api("ListTables, LastEvaluatedTableName"),
)
def list_of_tables_has_pages(subject: Subject) -> bool:
    """Does ListTables with a limit of one say where the next page starts, and give another there?"""
    subject.table("plain"), subject.table("second")
    listed = pages(subject.ddb.list_tables, "LastEvaluatedTableName", "ExclusiveStartTableName", Limit=1)
    first, second = (page["TableNames"] for page in itertools.islice(listed, 2))
    return len(first) == len(second) == 1 and first != second


@question(
    Area.TABLES,
    expect=True,
    relied_on="regions are apart: source and target may have tables of one name",
    source=guide("Regions: tables of the same name in two Regions are two tables"),
)
def regions_are_apart(subject: Subject) -> bool:
    """Is a table of one region unknown in the other?"""
    return subject.has_second_region()
