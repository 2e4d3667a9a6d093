"""Looks at what a table is and what hangs on it, as DescribeTable and its neighbours say it over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.step import make_plan, preflight
from tests.support.between import Asked, Said, between, changed, refusal
from tests.support.world import ACCOUNT, World, indexed_by, things

STREAM = "arn:aws:kinesis:us-east-2:111122223333:stream/orders"


def planned(world: World, after: Any = None, **how: Any) -> Plan:
    """The plan of both sides behind a server that changes what is said."""
    passes = {"after": after} if after else {}
    with between(world.endpoint, **passes, **how) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, target=here, staging=here))
        return make_plan(config, connect(config))


def said_of(plan: Plan, check: str) -> tuple[str, str]:
    (found,) = [c for c in plan.checks if c.id == check]
    return found.status, found.found


def with_status(status: str | None) -> Any:
    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeTable" or asked.region != "us-east-1":
            return said
        return changed(said, lambda d: d["Table"].update(TableStatus=status))

    return after


@pytest.mark.parametrize(
    "status",
    [
        "ARCHIVED", "ARCHIVING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "DELETING", "CREATING",
        "REPLICATION_NOT_AUTHORIZED", "SOMETHING_NEW",
    ],
)  # fmt: skip
@pytest.mark.few(3)
def test_a_source_that_cannot_be_read_blocks(world: World, status: str) -> None:
    world.pair("a", things(1))
    plan = planned(world, with_status(status))
    assert said_of(plan, "source-status") == ("blocker", status)
    assert [b.table for b in plan.blockers] == [world.src("a")]


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_source_that_can_be_read_does_not(world: World, status: str) -> None:
    world.pair("a", things(1))
    assert said_of(planned(world, with_status(status)), "source-status") == ("ok", status)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("ACTIVE", ("warning", "Kinesis orders")),
        ("ENABLING", ("warning", "Kinesis orders")),
        ("UPDATING", ("warning", "Kinesis orders")),
        ("DISABLED", ("ok", "none")),
    ],
)
def test_a_kinesis_stream_of_the_target_is_seen(world: World, status: str, expected: tuple[str, str]) -> None:
    world.pair("a", things(1))

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeKinesisStreamingDestination":
            return said
        one = {"StreamArn": STREAM, "DestinationStatus": status}
        return changed(said, lambda d: d.update(KinesisDataStreamDestinations=[one]))

    assert said_of(planned(world, after), "kinesis-streams") == expected


@pytest.mark.parametrize(
    ("code", "expected"), [("UnknownOperationException", "ok"), ("AccessDeniedException", "not checked")]
)
def test_kinesis_streams_that_nobody_tells_of(world: World, code: str, expected: str) -> None:
    world.pair("a", things(1))

    def before(asked: Asked) -> Said | None:
        return refusal(code) if asked.operation == "DescribeKinesisStreamingDestination" else None

    assert said_of(planned(world, before=before), "kinesis-streams")[0] == expected


def old_global(asked: Asked, said: Said) -> Said:
    if asked.operation != "DescribeTable" or asked.region != "us-east-1":
        return said
    return changed(said, lambda d: d["Table"].update(GlobalTableVersion="2017.11.29"))


@pytest.mark.whole
def test_attributes_of_replication_are_seen_in_the_version_the_indexes_and_the_first_items(world: World) -> None:
    world.pair("a", things(1))
    status, found = said_of(planned(world, old_global), "replication-attributes")
    assert (status, "2017.11.29" in found) == ("warning", True)
    indexed = World(world.endpoint, world.folder)
    indexed.pair("b", [], **indexed_by("aws:rep:updatetime", "N"))
    assert said_of(planned(indexed), "replication-attributes") == ("warning", "aws:rep:updatetime")
    scanned = World(world.endpoint, world.folder)
    scanned.pair("c", things(3, **{"aws:rep:deleting": {"BOOL": False}}), pitr=False)
    assert said_of(planned(scanned), "replication-attributes") == ("warning", "aws:rep:deleting")
    plain = World(world.endpoint, world.folder)
    plain.pair("d", things(3), pitr=False)
    assert said_of(planned(plain), "replication-attributes") == ("ok", "none in the indexes and the first items")


def of_another(asked: Asked) -> Said | None:
    """S3 refuses whoever expects another owner than 444455556666."""
    expected = asked.headers.get("x-amz-expected-bucket-owner")
    return (403, [], b"") if expected not in (None, "444455556666") else None


def test_a_bucket_of_another_account_needs_its_owner(world: World) -> None:
    world.pair("a", things(1))
    plan = planned(world, before=of_another)
    status, found = said_of(plan, "bucket-owner")
    assert (status, ACCOUNT in found) == ("blocker", True)
    assert [b.remedy for b in plan.blockers] == ["set staging.bucket_owner to the account that owns the bucket"]
    with between(world.endpoint, before=of_another) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, staging=here | {"bucket_owner": "444455556666"}))
        plan = make_plan(config, connect(config))
    assert said_of(plan, "bucket-owner")[0] == "ok"
    assert plan.blockers == ()


def test_a_bucket_that_aws_is_not_asked_to_use_may_be_anybodys(world: World) -> None:
    world.pair("a", things(1), pitr=False)
    assert said_of(planned(world, before=of_another), "bucket-owner") == ("ok", "AWS is not asked to use it")


@pytest.mark.parametrize(
    "operation", ["DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource"]
)
def test_each_question_about_a_table_is_asked_once_on_a_side(world: World, operation: str) -> None:
    world.pair("a", things(1))
    run, before = world.open(), world.requests(operation)
    preflight(run)
    assert world.requests(operation) - before == 2


def in_regions(table: str, *told_by: str) -> Any:
    """Let DescribeTable say in these regions that a table is one of a global table of both."""

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeTable" or asked.region not in told_by:
            return said
        if asked.json["TableName"].rpartition("/")[2] != table:
            return said
        other = {"us-east-1": "us-east-2", "us-east-2": "us-east-1"}[asked.region]
        replicas = [{"RegionName": other, "ReplicaStatus": "ACTIVE"}]
        return changed(said, lambda d: d["Table"].update(Replicas=replicas, GlobalTableVersion="2019.11.21"))

    return after


EAST, WEST = ("us-east-1",), ("us-east-2",)  # nobody is asked about a table that --tables leaves out


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("told_by", "only"), [(EAST, "*"), (WEST, "*"), (EAST + WEST, "*"), (EAST + WEST, "a"), (WEST, "a")]
)
def test_a_target_that_is_a_replica_of_any_source_is_refused(world: World, told_by: tuple[str, ...], only: str) -> None:
    """a goes into b of the other region, which is one table with the b that is read for c."""
    a, b, c = (world.src(name) for name in "abc")
    for name in (a, b):
        world.table(world.source, name)
    for name in (b, c):
        world.table(world.target, name)
    tables = {"include": [a, b], "rename": None, "overrides": {a: b, b: c}}
    with between(world.endpoint, after=in_regions(b, *told_by)) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, target=here, staging=here, tables=tables))
        plan = make_plan(config, connect(config), a if only == "a" else "*")
    found = {c.table: (c.status, c.found) for c in plan.checks if c.id == "another-table"}
    assert found[b] == ("blocker", f"a replica of {b}: what is written to it comes back to the source")
    assert only == "a" or found[c][0] == "ok"


def test_a_target_with_the_name_of_a_source_and_replicas_elsewhere_is_another_table(world: World) -> None:
    a, b, c = (world.src(name) for name in "abc")
    for name in (a, b):
        world.table(world.source, name)
    for name in (b, c):
        world.table(world.target, name)

    def elsewhere(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeTable":
            return said
        return changed(said, lambda d: d["Table"].update(Replicas=[{"RegionName": "eu-west-1"}]))

    with between(world.endpoint, after=elsewhere) as server:
        here = {"endpoint_url": server.endpoint}
        tables = {"include": [a, b], "rename": None, "overrides": {a: b, b: c}}
        config = load_config(world.config(source=here, target=here, staging=here, tables=tables))
        plan = make_plan(config, connect(config))
    assert {c.status for c in plan.checks if c.id == "another-table"} == {"ok"}
