"""Targets that do not exist are created as their sources are, by nobody but the run that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from runbook_lib.aws.autoscaling import Scaled, read_scaling
from runbook_lib.aws.dynamodb import create as creation
from runbook_lib.aws.dynamodb.describe.definition import read_definition
from runbook_lib.aws.dynamodb.scaling import register_scaling
from runbook_lib.aws.session.granted_calls import scaler, unscaler
from runbook_lib.errors import ConfigError, ForbiddenCall, TableError
from runbook_lib.load.targets.create_tables import MARK
from runbook_lib.notebook.gates import gate_plan
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.undo.cleanup import clean_up
from tests.support.in_process import runbook_here
from tests.support.recorded import create_missing_targets
from tests.support.steps import every_step
from tests.support.tables import autoscale_reads, target_exists, turn_on_recovery
from tests.support.world import ID, ID_TYPES, World, things

CREATE = {"create_missing": True}


def rich(world: World, name: str, items: int = 0) -> str:
    """A source table that has what a table can have, and no target."""
    source = world.src(name)
    index = {"IndexName": "by-n", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}]}
    world.table(
        world.source, source,
        AttributeDefinitions=[*ID_TYPES, *({"AttributeName": a, "AttributeType": "N"} for a in ("n", "m"))],
        KeySchema=[*ID, {"AttributeName": "n", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[index | {"Projection": {"ProjectionType": "ALL"}}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-m",
                "KeySchema": [*ID, {"AttributeName": "m", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": f"tag{n:02}", "Value": str(n)} for n in range(50)],
    )  # fmt: skip
    world.source.update_time_to_live(
        TableName=source, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"}
    )
    turn_on_recovery(world, world.source, source, 9)
    world.put(world.source, source, things(items))
    return source


def planned(world: World, run_id: str = "r", execute: bool = True) -> Run:
    run = world.open(run_id, execute, tables=CREATE)
    gate_plan(run, preflight(run))
    return run


def tags(world: World, table: str) -> set[str]:
    arn = world.target.describe_table(TableName=table)["Table"]["TableArn"]
    pages = world.target.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return {tag["Key"] for page in pages for tag in page["Tags"]}


@pytest.mark.whole
def test_a_run_creates_its_targets_fills_them_and_says_so(world: World) -> None:
    source, target = rich(world, "a", 40), world.dst("a")
    done = runbook_here("run", world.config(tables=CREATE), "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    made = read_definition(world.target, target)
    assert replace(made, name=source) == read_definition(world.source, source)
    assert MARK not in tags(world, target)
    record = world.record("r")
    (table,) = record["tables"]
    assert (record["verdict"], table["items_in_target"]) == ("PASS", 40)
    assert (table["created"]["status"], table["existed_before"]) == ("created", False)
    assert record["target_calls"]["CreateTable"] == 1
    report = (world.folder / "reports" / "r" / "report.html").read_text()
    assert f"1 target did not exist and was created by this run with the definition of the source: {target}." in report


def test_a_dry_run_says_what_it_would_create_and_creates_nothing(world: World) -> None:
    rich(world, "a", 5)
    record = every_step(world.open(execute=False, tables=CREATE))
    assert not target_exists(world, world.dst("a"))
    assert (record["verdict"], record["tables"][0]["created"]["status"]) == ("DRY-RUN", "would be created")
    assert "CreateTable" not in record["target_calls"]
    (warned,) = [w["remedy"] for w in record["warnings"] if "it will be created" in w["remedy"]]
    assert warned == "it will be created as its source is, as tables.create_missing says"  # one line for all tables
    assert "does not exist; with --execute" in (world.folder / "reports" / "r" / "report.md").read_text()


@pytest.mark.chaos
def test_a_missing_target_stays_a_blocker_unless_creating_is_asked_for(world: World) -> None:
    rich(world, "a")
    done = runbook_here("run", world.config(), "--execute")
    assert done.returncode == 2
    assert "no such table" in done.stderr
    assert "tables.create_missing" in done.stderr
    assert create_missing_targets(world.open()) == {}


def test_nothing_is_created_until_the_target_is_spelled(world: World) -> None:
    rich(world, "a")
    run = world.open(tables=CREATE, confirm_target="")
    preflight(run)
    with pytest.raises(ConfigError, match="confirm_target"):
        create_missing_targets(run)
    assert not target_exists(world, world.dst("a"))


def test_a_table_that_somebody_else_created_meanwhile_is_not_taken_for_ours(world: World) -> None:
    rich(world, "a")
    run = planned(world)
    world.table(world.target, world.dst("a"))
    with pytest.raises(TableError, match="created by somebody else"):
        create_missing_targets(run)
    assert run.ledger.get("created", world.src("a")) is None
    run.ledger.put("created", world.src("a"), {"target": world.dst("a"), "status": "asked for"})
    with pytest.raises(TableError, match="whose it is cannot be told yet"):
        create_missing_targets(run, sleep=lambda seconds: None)
    arn = world.target.describe_table(TableName=world.dst("a"))["Table"]["TableArn"]
    world.target.tag_resource(ResourceArn=arn, Tags=[{"Key": MARK, "Value": "another"}])
    with pytest.raises(TableError, match="is not the table that run r asked for"):
        create_missing_targets(run, sleep=lambda seconds: None)


@pytest.mark.parametrize("call", ["create_table", "turn_recovery_on", "take_tag"])
@pytest.mark.few(2)
def test_a_run_that_ends_anywhere_in_between_goes_on_with_its_own_table(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    source, target = rich(world, "a"), world.dst("a")
    run = planned(world)
    made = getattr(creation, call)

    def done_and_killed(*arguments: Any) -> bool:
        made(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(creation, call, done_and_killed)
        with pytest.raises(KeyboardInterrupt):
            create_missing_targets(run)
    assert run.ledger.get("created", source)["status"] == ("asked for" if call == "create_table" else "creating")
    again = Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)
    preflight(again)
    create_missing_targets(again)
    assert run.ledger.get("created", source)["status"] == "created"
    assert replace(read_definition(world.target, target), name=source) == read_definition(world.source, source)


def test_an_answer_that_is_lost_does_not_make_the_table_somebody_elses(world: World) -> None:
    rich(world, "a")
    run = planned(world)
    world.fault(operation="CreateTable", kind="lost-reply", table=world.dst("a"), times=1, every=1)
    assert create_missing_targets(run)[world.src("a")]["status"] == "created"


def test_creating_waits_when_aws_creates_as_many_as_it_does_at_once() -> None:
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as aws:
        aws.add_client_error("create_table", "LimitExceededException")
        aws.add_client_error("create_table", "ResourceInUseException")
        aws.add_client_error("create_table", "AccessDeniedException")
        aws.add_client_error("update_continuous_backups", "ContinuousBackupsUnavailableException")
        request = {"TableName": "tab", "KeySchema": ID, "AttributeDefinitions": ID_TYPES}
        assert creation.create_table(client, request) == creation.LATER
        assert creation.create_table(client, request) == creation.THERE
        with pytest.raises(TableError, match="create_table of tab was refused"):
            creation.create_table(client, request)
        assert not creation.turn_recovery_on(client, "tab", 35)
    client.close()


def test_tags_that_show_late_are_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rich(world, "a")
    run, waits = planned(world), []
    take = creation.take_tag

    def later(client: Any, arn: str, key: str) -> None:
        waits.append(lambda: take(client, arn, key))

    def sleep(seconds: float) -> None:
        waits.pop()()

    with monkeypatch.context() as patch:
        patch.setattr(creation, "take_tag", later)
        create_missing_targets(run, sleep)
    assert waits == []
    assert MARK not in tags(world, world.dst("a"))


def test_ttl_that_is_being_turned_on_is_on() -> None:
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as aws:
        said = {"TimeToLiveStatus": "ENABLING", "AttributeName": "end"}
        aws.add_response("describe_time_to_live", {"TimeToLiveDescription": said})
        creation.set_ttl(client, "tab", "end")  # asks for no more
    client.close()


@pytest.mark.whole
def test_a_table_that_did_not_become_what_was_asked_for_is_not_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rich(world, "a")
    run = planned(world)
    monkeypatch.setattr("runbook_lib.load.targets.create_tables.aws.set_ttl", lambda *_: None)
    with pytest.raises(TableError, match=r"not as .* is: ttl"):
        create_missing_targets(run)
    assert run.ledger.get("created", world.src("a"))["status"] == "creating"


def scaling(world: World, region: str, table: str) -> tuple[Scaled, ...]:
    client = sandbox_client("application-autoscaling", world.endpoint, region)
    found = read_scaling(client, [table]).capacities
    client.close()
    return found


def a_scaled_source(world: World) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    world.table(world.source, world.src("a"), BillingMode="PROVISIONED", ProvisionedThroughput=units)
    client = sandbox_client("application-autoscaling", world.endpoint, "us-east-1")
    autoscale_reads(client, world.src("a"), 2)
    client.close()


def test_auto_scaling_of_the_source_is_registered_for_the_new_table_and_ends_with_it(world: World) -> None:
    a_scaled_source(world)
    run = planned(world)
    facts = create_missing_targets(run)
    target = world.dst("a")
    (wanted,) = scaling(world, "us-east-1", world.src("a"))
    (made,) = scaling(world, "us-east-2", target)
    assert replace(made, table=wanted.table) == wanted
    assert facts[world.src("a")]["left_out"] == []
    assert facts[world.src("a")]["scaled"] == [
        {"resource": f"table/{target}", "dimension": "dynamodb:table:ReadCapacityUnits"}
    ]
    assert "auto scaling" in preflight(run).parity[world.src("a")].equal
    clean_up(run, confirm=run.id)
    assert not target_exists(world, target)
    assert scaling(world, "us-east-2", target) == ()


def test_auto_scaling_that_is_refused_is_named_and_the_table_is_made(world: World) -> None:
    a_scaled_source(world)
    world.fault(operation="PutScalingPolicy", kind="denied", every=1, times=9)
    facts = create_missing_targets(planned(world))
    left = "auto scaling of ReadCapacityUnits, which was refused (AccessDeniedException)"
    assert (facts[world.src("a")]["status"], facts[world.src("a")]["left_out"]) == ("created", [left])


def test_auto_scaling_is_registered_through_an_outage(world: World) -> None:
    a_scaled_source(world)
    run = planned(world)
    world.fault(operation="RegisterScalableTarget", kind="internal-error", every=1, times=12)
    assert create_missing_targets(run, sleep=lambda seconds: None)[world.src("a")]["left_out"] == []
    assert len(scaling(world, "us-east-2", world.dst("a"))) == 1


def test_what_was_scaled_when_the_run_died_is_ended_by_the_cleanup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_scaled_source(world)
    run = planned(world)

    def done_and_killed(*arguments: Any) -> None:
        register_scaling(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("runbook_lib.load.targets.scale_tables.register_scaling", done_and_killed)
        with pytest.raises(KeyboardInterrupt):
            create_missing_targets(run)
    assert len(scaling(world, "us-east-2", world.dst("a"))) == 1
    clean_up(run, confirm=run.id)
    assert scaling(world, "us-east-2", world.dst("a")) == ()


def test_what_cannot_be_carried_over_of_auto_scaling_is_named(world: World) -> None:
    a_scaled_source(world)
    client = sandbox_client("application-autoscaling", world.endpoint, "us-east-1")
    client.put_scaling_policy(
        PolicyName="steps", ServiceNamespace="dynamodb", ResourceId=f"table/{world.src('a')}",
        ScalableDimension="dynamodb:table:ReadCapacityUnits", PolicyType="StepScaling",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": []},
    )  # fmt: skip
    client.close()
    facts = create_missing_targets(planned(world))
    assert facts[world.src("a")]["left_out"] == ["scaling policy steps (of ReadCapacityUnits)"]


def test_who_scales_one_table_can_scale_no_other_and_nothing_else(world: World) -> None:
    run = planned_pair(world)
    where = {"ServiceNamespace": "dynamodb", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"}
    limits = {"MinCapacity": 1, "MaxCapacity": 2}
    for client, call in (
        (scaler(run.clients, frozenset({world.dst("a")})), "register_scalable_target"),
        (unscaler(run.clients, frozenset({world.dst("a")})), "deregister_scalable_target"),
    ):
        more = limits if call == "register_scalable_target" else {}
        for wrong in (
            {"ResourceId": f"table/{world.dst('b')}", **where},
            {"ResourceId": f"table/{world.dst('b')}/index/{world.dst('a')}", **where},
            {"ResourceId": world.dst("a"), **where, "ServiceNamespace": "ecs"},
            {"ResourceId": f"table/{world.dst('a')}", **where, "ServiceNamespace": "ecs"},
        ):
            with pytest.raises(ForbiddenCall):
                getattr(client, call)(**wrong, **more)
        other = "deregister_scalable_target" if more else "register_scalable_target"
        with pytest.raises(ForbiddenCall):
            getattr(client, other)(ResourceId=f"table/{world.dst('a')}", **where, **({} if more else limits))
        client.close()


def planned_pair(world: World) -> Run:
    world.pair("a", [])
    return planned(world)


def test_who_creates_one_table_can_do_nothing_to_another(world: World) -> None:
    rich(world, "a")
    world.table(world.target, world.dst("b"))
    client = planned(world).clients.creator(frozenset({world.dst("a")}))
    arn = world.target.describe_table(TableName=world.dst("b"))["Table"]["TableArn"]
    on = {"PointInTimeRecoveryEnabled": True}
    for call in (
        lambda: client.create_table(TableName=world.dst("c"), KeySchema=ID, AttributeDefinitions=ID_TYPES),
        lambda: client.update_continuous_backups(TableName=world.dst("b"), PointInTimeRecoverySpecification=on),
        lambda: client.untag_resource(ResourceArn=arn, TagKeys=["x"]),
        lambda: client.tag_resource(ResourceArn=arn, Tags=[]),
        lambda: client.delete_table(TableName=world.dst("a")),
        lambda: client.update_continuous_backups(
            TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        ),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    client.close()


@pytest.mark.whole
def test_overwriting_items_needs_recovery_on_the_target_and_the_report_says_to_which_moment(world: World) -> None:
    world.pair("a", things(9))
    world.put(world.target, world.dst("a"), things(3, old={"BOOL": True}))
    overwrite = {"import": {"on_non_empty": "overwrite"}}
    blocked = preflight(world.open("blocked", **overwrite)).blockers
    assert [b.found for b in blocked] == ["it is off"]
    turn_on_recovery(world, world.target, world.dst("a"))
    (table,) = every_step(world.open(**overwrite))["tables"]
    assert table["restore_to"] == table["spans"]["import"][0]
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    assert "held 3 items before. To undo the import, restore it to" in report


@pytest.mark.chaos
def test_recovery_that_is_turned_on_after_the_first_look_gives_a_moment_to_restore_to(world: World) -> None:
    world.pair("a", things(9))
    world.put(world.target, world.dst("a"), things(3, old={"BOOL": True}))
    overwrite = {"import": {"on_non_empty": "overwrite"}}
    assert preflight(world.open(**overwrite)).blockers
    turn_on_recovery(world, world.target, world.dst("a"))
    (table,) = every_step(world.open(**overwrite))["tables"]
    assert table["restore_to"] == table["spans"]["import"][0]


def test_an_empty_target_may_be_overwritten_without_recovery(world: World) -> None:
    world.pair("a", things(1))
    run = world.open(**{"import": {"on_non_empty": "overwrite"}})
    assert preflight(run).blockers == ()
    assert run.ledger.get("before", world.src("a"))["existed"] is True
    assert run.ledger.get("before", world.src("a"))["recovery"] is False


def test_a_dry_run_before_does_not_stand_in_the_way(world: World) -> None:
    rich(world, "a", 3)
    for execute, status in ((False, "would be created"), (True, "created")):
        run = planned(world, execute=execute)
        assert create_missing_targets(run)[world.src("a")]["status"] == status
