"""What is attached to tables and DescribeTable does not say is compared like everything else, or is not checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.attached import spell_policy
from runbook_lib.notebook.gates import gate_plan
from runbook_lib.preflight.step import preflight
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.schema.difference import Parity
from tests.support.steps import every_step
from tests.support.tables import autoscale_reads
from tests.support.world import ACCOUNT, World, indexed_by, things

UNITS = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
READS = "auto scaling of ReadCapacityUnits of the table"


@pytest.fixture
def pair(world: World) -> World:
    """A provisioned table with an index on both sides."""
    index = indexed_by("owner", "S")
    index["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = UNITS["ProvisionedThroughput"]
    world.pair("a", things(4), pitr=False, **index, **UNITS)
    return world


def at(world: World, side: str) -> tuple[Any, str, str]:
    return (
        (world.source, world.src("a"), "us-east-1") if side == "source" else (world.target, world.dst("a"), "us-east-2")
    )


def arn_of(world: World, side: str) -> str:
    client, name, _ = at(world, side)
    return str(client.describe_table(TableName=name)["Table"]["TableArn"])


def scaled(world: World, side: str, minimum: int = 2) -> None:
    _, name, region = at(world, side)
    client = sandbox_client("application-autoscaling", world.endpoint, region)
    autoscale_reads(client, name, minimum)
    client.close()


def policed(world: World, side: str, action: str = "dynamodb:GetItem") -> None:
    client, _, _ = at(world, side)
    arn = arn_of(world, side)
    said = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": action, "Resource": [arn, f"{arn}/index/*"]}
    client.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [said]}))


def streamed(world: World, side: str, name: str = "changes") -> None:
    client, table, region = at(world, side)
    client.enable_kinesis_streaming_destination(
        TableName=table, StreamArn=f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{name}"
    )


def watched(world: World, side: str, **index: str) -> None:
    client, table, _ = at(world, side)
    client.update_contributor_insights(TableName=table, ContributorInsightsAction="ENABLE", **index)


def compared(world: World) -> Parity:
    return preflight(world.open()).parity[world.src("a")]


def differences(world: World) -> list[tuple[str, str]]:
    return [(d.what, d.rating) for d in compared(world).differences]


Attach = Callable[..., None]
KINDS: list[tuple[Attach, str, str, str, str]] = [
    (scaled, "auto scaling", READS, "warns", "informs"),
    (policed, "resource policy", "resource policy", "warns", "warns"),
    (streamed, "Kinesis destinations", "Kinesis destination changes", "warns", "informs"),
    (watched, "contributor insights", "contributor insights of the table", "informs", "informs"),
]


@pytest.mark.parametrize(("attach", "name", "what", "lost", "gained"), KINDS)
@pytest.mark.few(1)
def test_what_only_one_table_has_is_found_and_rated_and_what_both_have_is_equal(
    pair: World, attach: Attach, name: str, what: str, lost: str, gained: str
) -> None:
    before = compared(pair)
    assert (before.differences, before.not_checked) == ((), ())
    assert name in before.equal
    attach(pair, "source")
    assert differences(pair) == [(what, lost)]
    attach(pair, "target")
    same = compared(pair)
    assert (same.differences, name in same.equal) == ((), True)


@pytest.mark.parametrize(("attach", "name", "what", "lost", "gained"), KINDS)
def test_what_only_the_target_has_is_told_too(
    pair: World, attach: Attach, name: str, what: str, lost: str, gained: str
) -> None:
    attach(pair, "target")
    assert differences(pair) == [(what, gained)]


def test_other_limits_policies_streams_and_indexes_differ(pair: World) -> None:
    for side, minimum, action, stream in (("source", 2, "dynamodb:GetItem", "one"), ("target", 3, "dynamodb:*", "two")):
        scaled(pair, side, minimum)
        policed(pair, side, action)
        streamed(pair, side, stream)
    watched(pair, "source", IndexName="by-owner")
    found = {d.what: (d.source, d.target) for d in compared(pair).differences}
    assert set(found) == {
        READS, "resource policy", "Kinesis destination one", "Kinesis destination two",
        "contributor insights of by-owner",
    }  # fmt: skip
    metric = "DynamoDBReadCapacityUtilization at 70 %"
    assert found[READS] == (
        f"2 to 40 units; {metric}",
        f"3 to 40 units; {metric}",
    )
    assert all(said.startswith("1 statement, SHA-256 ") for said in found["resource policy"])


@pytest.mark.parametrize("name", ["by-owner", "ReadCapacityUnits"])
def test_of_an_index_that_one_table_lacks_nothing_else_is_told(world: World, name: str) -> None:
    """That it is missing is told once, whatever it is called."""
    index = indexed_by("owner", "S")
    index["GlobalSecondaryIndexes"][0] |= {"IndexName": name, "ProvisionedThroughput": UNITS["ProvisionedThroughput"]}
    world.table(world.source, world.src("a"), **index, **UNITS)
    world.table(world.target, world.dst("a"), **UNITS)
    watched(world, "source", IndexName=name)
    scaled(world, "source")
    assert differences(world) == [
        (f"global index {name}", "warns"), (READS, "warns"),
    ]  # fmt: skip


def test_what_was_turned_off_again_is_not_there(pair: World) -> None:
    streamed(pair, "source")
    watched(pair, "source")
    pair.source.disable_kinesis_streaming_destination(
        TableName=pair.src("a"), StreamArn=f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/changes"
    )
    pair.source.update_contributor_insights(TableName=pair.src("a"), ContributorInsightsAction="DISABLE")
    assert differences(pair) == []


def test_a_difference_that_is_meant_is_only_told(pair: World) -> None:
    policed(pair, "target")
    run = pair.open(parity={"accept": ["resource policy"]})
    plan = preflight(run)
    assert [(d.what, d.rating) for d in plan.parity[pair.src("a")].differences] == [("resource policy", "informs")]
    assert gate_plan(run, plan).startswith("GO")


REFUSED = [
    ("DescribeScalableTargets", "definition-auto-scaling"),
    ("GetResourcePolicy", "definition-resource-policy"),
    ("DescribeKinesisStreamingDestination", "definition-kinesis-destinations"),
    ("DescribeContributorInsights", "definition-contributor-insights"),
]


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(("operation", "check"), REFUSED)
@pytest.mark.chaos
def test_what_may_not_be_asked_is_not_checked_and_no_pass_unless_that_is_accepted(
    pair: World, operation: str, check: str, accepted: bool
) -> None:
    pair.fault(operation=operation, kind="denied", every=1, times=1000)
    made = every_step(pair.open(**({"accept": {"not_checked": {check: ["*"]}}} if accepted else {})))
    opened = [row["id"] for row in made["not_checked"] if row["open"]]
    assert (made["verdict"], opened) == (("PASS", []) if accepted else ("FAIL", [check]))


def test_tables_on_demand_are_not_asked_how_they_are_scaled(world: World) -> None:
    world.pair("a", things(2))
    world.fault(operation="DescribeScalableTargets", kind="denied", every=1, times=1000)
    run = world.open()
    parity = preflight(run).parity[world.src("a")]
    assert parity.not_checked == ()
    assert "DescribeScalableTargets" not in run.clients.calls.of("source")


def test_a_policy_says_the_same_of_both_tables_whatever_its_order_and_spacing() -> None:
    one, other = "arn:aws:dynamodb:us-east-1:111122223333:table/a", "arn:aws:dynamodb:us-east-2:111122223333:table/b"
    said = {"Statement": [{"Effect": "Deny", "Resource": one}], "Version": "2012-10-17"}
    turned = {"Version": "2012-10-17", "Statement": [{"Resource": other, "Effect": "Deny"}]}
    assert spell_policy(json.dumps(said), one) == spell_policy(json.dumps(turned, indent=4), other)
    assert spell_policy(json.dumps(said), one) != spell_policy(json.dumps(said), other)
    assert spell_policy("no JSON", one).startswith("1 statement, SHA-256 ")
