"""Consumed capacity: what each write and read costs, by which the rate is set and the bill is estimated."""

from __future__ import annotations

from typing import Any

from runbook_lib.conformance.question import Area, api, guide, question
from runbook_lib.conformance.questions.batch_write import delete, put
from runbook_lib.conformance.questions.reads import large_items
from runbook_lib.conformance.subject import Subject

_UNITS = guide("Capacity unit consumption: a write unit is one item of up to 1 KB")
_RATE = "the rate of the import is set by the units that a table says it has used"
_INDEXES = guide("Global secondary indexes: provisioned throughput considerations")


def spent(subject: Subject, member: dict[str, Any], table: str = "plain", level: str = "INDEXES") -> dict[str, Any]:
    """What one write consumed."""
    answer = subject.ddb.batch_write_item(RequestItems={subject.table(table): [member]}, ReturnConsumedCapacity=level)
    consumed: dict[str, Any] = answer["ConsumedCapacity"][0]
    return consumed


def sized(subject: Subject, size: int) -> dict[str, Any]:
    """An item of exactly so many bytes."""
    item = subject.item()
    return item | {"v": {"S": "x" * (size - len("idv") - len(item["id"]["S"]))}}


def of_index(consumed: dict[str, Any], name: str) -> float | None:
    """The units of one index; None where it used none."""
    units = (consumed.get("GlobalSecondaryIndexes") or {}).get(name)
    return None if units is None or not units["CapacityUnits"] else float(units["CapacityUnits"])


@question(
    Area.CAPACITY,
    expect=False,
    relied_on="an answer says what was asked for and no more",
    source=api("BatchWriteItem, ReturnConsumedCapacity"),
)
def capacity_unasked(subject: Subject) -> bool:
    """Does an answer have ConsumedCapacity where nobody asked for it?"""
    answer = subject.ddb.batch_write_item(RequestItems={subject.table(): [put(subject.item())]})
    return bool(answer.get("ConsumedCapacity"))


@question(Area.CAPACITY, expect=(1.0, 2.0), relied_on=_RATE, source=_UNITS)
def write_units_round_up(subject: Subject) -> tuple[float, ...]:
    """Does a put of 1,024 bytes cost one unit and one of 1,025 bytes two?"""
    return tuple(float(spent(subject, put(sized(subject, n)))["CapacityUnits"]) for n in (1024, 1025))


@question(
    Area.CAPACITY,
    expect=3.0,
    relied_on="an import over older items costs by the larger of the two",
    source=guide("Capacity unit consumption: PutItem, the larger of the two sizes"),
)
def overwriting_costs_by_the_larger(subject: Subject) -> float:
    """Does a small put over an item of 3 KB cost three units?"""
    item = sized(subject, 3000)
    subject.put(subject.table(), item)
    return float(spent(subject, put({"id": item["id"]}))["CapacityUnits"])


@question(
    Area.CAPACITY,
    expect=1.0,
    relied_on="deletes of nothing are in the estimate",
    source=guide("Capacity unit consumption: DeleteItem of an item that does not exist"),
)
def deleting_nothing_costs_one(subject: Subject) -> float:
    """Does the delete of a key that is not there cost one unit?"""
    return float(spent(subject, delete(subject.item()))["CapacityUnits"])


@question(
    Area.CAPACITY,
    expect=(True, False, True),
    relied_on="units are read per table and per index",
    source=api("ConsumedCapacity"),
)
def capacity_by_level(subject: Subject) -> tuple[bool, ...]:
    """Does TOTAL give a sum alone, and INDEXES the table's share beside it?"""
    total = spent(subject, put(subject.item()), level="TOTAL")
    return "CapacityUnits" in total, "Table" in total, "Table" in spent(subject, put(subject.item()))


@question(Area.CAPACITY, expect=(2.0, 2.0, 1.0), relied_on=_RATE, source=_INDEXES)
def index_units_by_projection(subject: Subject) -> tuple[float | None, ...]:
    """Does an item of 1.5 KB cost two units, two in an index of ALL and one in an index of KEYS_ONLY?"""
    item = sized(subject, 1500) | {"group": {"S": "g"}}
    consumed = spent(subject, put(item), "indexed")
    return float(consumed["Table"]["CapacityUnits"]), of_index(consumed, "all"), of_index(consumed, "keys")


@question(Area.CAPACITY, expect=(2.0, 1.0), relied_on=_RATE, source=_INDEXES)
def index_units_by_included_attributes(subject: Subject) -> tuple[float | None, ...]:
    """Does an index of INCLUDE cost by what it includes: two units with 1.5 KB of it, one without?"""
    long = {"S": "x" * 1500}
    found = [
        of_index(spent(subject, put(subject.item(group={"S": "g"}) | {name: long}), "indexed"), "some")
        for name in ("kept", "left")
    ]
    return tuple(found)


@question(
    Area.CAPACITY,
    expect=(None, None),
    relied_on="an index costs nothing for items that are not in it",
    source=guide("Sparse indexes"),
)
def no_units_of_an_index_without_the_item(subject: Subject) -> tuple[float | None, ...]:
    """Does an item without the key of an index, or with half of it, cost nothing there?"""
    nothing = spent(subject, put(subject.item()), "indexed")
    half = spent(subject, put(subject.item(group={"S": "g"})), "indexed")
    return of_index(nothing, "all"), of_index(half, "ranked")


@question(Area.CAPACITY, expect=2.0, relied_on=_RATE, source=_INDEXES)
def changing_an_index_key_costs_twice(subject: Subject) -> float | None:
    """Does a put that changes an index's key cost two units there: one to delete, one to put?"""
    item = subject.item(group={"S": "one"})
    subject.put(subject.table("indexed"), item)
    return of_index(spent(subject, put(item | {"group": {"S": "two"}}), "indexed"), "keys")


@question(
    Area.CAPACITY,
    expect=None,
    relied_on="an import of what is there already costs nothing in its indexes",
    source=guide("Best practices for secondary indexes: an update of a projected attribute is written to the index"),
)
def unchanged_entry_of_an_index_costs_nothing(subject: Subject) -> float | None:
    """Does a put that changes nothing that an index holds cost nothing there?"""
    item = subject.item(group={"S": "g"})
    subject.put(subject.table("indexed"), item)
    return of_index(spent(subject, put(item | {"v": {"S": "new"}}), "indexed"), "keys")


@question(Area.CAPACITY, expect=(1.0, 1.0), relied_on=_RATE, source=guide("Local secondary indexes: write units"))
def units_of_a_local_index(subject: Subject) -> tuple[float, ...]:
    """Are the units of a local index told by its name, beside the table's?"""
    item = subject.item(sort={"S": "s"}, other={"S": "o"})
    consumed = spent(subject, put(item), "local")
    return (
        float(consumed["Table"]["CapacityUnits"]),
        float(consumed["LocalSecondaryIndexes"]["by-other"]["CapacityUnits"]),
    )


@question(
    Area.CAPACITY,
    expect=(0.5, 1.0, 1.0, 2.0),
    relied_on="the cost of the validation is estimated from it, and its rate is set by it",
    source=guide("Capacity unit consumption: a read unit is up to 4 KB, half where consistency is eventual"),
)
def read_units(subject: Subject) -> tuple[float, ...]:
    """Does a GetItem of 4,096 bytes cost half a unit, consistent one, and one of 4,097 bytes twice that?"""
    found = []
    for size in (4096, 4097):
        item = sized(subject, size)
        subject.put(subject.table(), item)
        for consistent in (False, True):
            answer = subject.ddb.get_item(
                TableName=subject.table(), Key={"id": item["id"]}, ConsistentRead=consistent,
                ReturnConsumedCapacity="TOTAL",
            )  # fmt: skip
            found.append(float(answer["ConsumedCapacity"]["CapacityUnits"]))
    return tuple(found)


@question(
    Area.CAPACITY,
    expect=(37.5, 75.0),
    relied_on="the cost of the validation is estimated from it, and its rate is set by it",
    source=guide("Capacity unit consumption: Scan, the sizes of the items of a page together"),
)
def scan_units(subject: Subject) -> tuple[float, ...]:
    """Does a page of 300 KiB cost 37.5 units, and a consistent one 75?"""
    table = large_items(subject)
    found = []
    for consistent in (False, True):
        answer = subject.ddb.scan(TableName=table, Limit=1, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
        found.append(float(answer["ConsumedCapacity"]["CapacityUnits"]))
    return tuple(found)
