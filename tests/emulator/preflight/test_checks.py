"""Every look of the pre-flight with one thing wrong, and with the look itself failing; and all wrong at once."""

from __future__ import annotations

import re
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from runbook_lib.aws.session.clients import Clients
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.check_ids import Bearing, CheckId, bearing
from runbook_lib.errors import ConfigError, ForbiddenCall
from runbook_lib.plan.check import BLOCKER, NOT_CHECKED, OK, WARNING, Check, run_check
from runbook_lib.preflight import step as preflight_module
from runbook_lib.preflight.checks.names import PRODUCTION
from runbook_lib.preflight.checks.permissions import permissions
from runbook_lib.preflight.plan import Plan
from runbook_lib.preflight.step import make_plan, refuse_misconfigured
from runbook_lib.run.run import Run
from tests.support.in_process import runbook_here
from tests.support.masks import email_rule, keep_rule, mask
from tests.support.world import ACCOUNT, World, things

# The embedded AWS has no IAM to ask.
ALWAYS = {("permissions", NOT_CHECKED)}
DENIED = "AccessDeniedException"


def answer(client: Any, operation: str, error: str | None = None, **said: Any) -> None:
    """Let a client hear this answer, or this refusal, instead of sending the operation."""
    status = 403 if error else 200
    meta = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}
    told = meta | ({"Error": {"Code": error, "Message": "not for you"}} if error else said)

    def reply(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        return AWSResponse("http://127.0.0.1/", status, {}, None), told

    client.meta.events.register(f"before-call.{client.meta.service_model.service_name}.{operation}", reply)


@dataclass
class Case:
    """One pair of tables with everything in order, to be spoilt."""

    world: World
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.world.pair("a", things(3))
        self.world.target.update_continuous_backups(
            TableName=self.world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        self.src, self.dst = self.world.src("a"), self.world.dst("a")
        self.changes: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.spoil: Callable[[Run], None] = lambda run: None

    def altered(self, side: str, facts: dict[str, Any] | None = None, **standing: Any) -> None:
        """Let DescribeTable say something else of one side's table."""
        real, region = preflight_module.describe_capacity, {"source": "us-east-1", "target": "us-east-2"}[side]

        def describe(client: Any, name: str) -> Any:
            found = real(client, name)
            if client.meta.region_name != region or found is None:
                return found
            return replace(found[0], **facts or {}), replace(found[1], **standing)

        self.monkeypatch.setattr(preflight_module, "describe_capacity", describe)

    def service(self, operation: str, error: str | None = None, **said: Any) -> None:
        """Let the clients of other services hear this."""
        real = Clients.service

        def service(clients: Clients, side: str, name: str) -> Any:
            client = real(clients, side, name)
            answer(client, operation, error, **said)
            return client

        self.monkeypatch.setattr(Clients, "service", service)

    def plan(self, **how: Any) -> Plan:
        run = self.world.open(**self.changes)
        self.spoil(run)
        return make_plan(run.config, run.clients, **self.more, **how)


@pytest.fixture
def case(world: World, monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(world, monkeypatch)


def outcome(plan: Plan) -> set[tuple[str, str]]:
    """What is not ok; how the definitions of both sides differ beyond it is shown in test_parity."""
    return {(c.name, c.status) for c in plan.checks if c.status != OK and c.name != "definition"} - ALWAYS


def test_with_everything_in_order_nothing_is_said(case: Case) -> None:
    plan = case.plan()
    assert outcome(plan) == set()
    assert plan.blockers == plan.warnings == ()
    assert {c.name for c in plan.checks} >= {
        "identity", "permissions", "source table", "point-in-time recovery", "export time", "target table",
        "target name", "account and region", "key", "active", "empty", "stream", "triggers", "replicas", "time to live",
        "another table", "one source", "not production", "bucket", "encryption key", "bucket encryption",
        "bucket lifecycle", "exports at once", "write capacity", "cost", "time", "free disk", "clock",
    }  # fmt: skip
    assert all(c.expected and c.found for c in plan.checks)
    assert all(c.remedy for c in plan.checks if c.status in (WARNING, BLOCKER))


def shared(case: Case) -> None:
    case.world.pair("b", things(1))
    case.changes = {"tables": {"overrides": {case.world.src("b"): case.dst}}}


def shared_with_one_not_chosen(case: Case) -> None:
    shared(case)
    case.more = {"only": case.src}


def bad_name(case: Case) -> None:
    case.changes = {"tables": {"overrides": {case.src: "a b"}}}


def itself(case: Case) -> None:
    case.changes = {"target": {"region": "us-east-1"}, "tables": {"rename": None}}
    case.world.source.delete_item(TableName=case.src, Key={"id": {"S": "i00000"}})


def source_of_another(case: Case) -> None:
    """a goes into b, and b is read for c: what is written to b would be a change of a source."""
    world = case.world
    for name in ("b", "c"):
        world.table(world.source, world.src(name))
        world.source.update_continuous_backups(
            TableName=world.src(name), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    way = {case.src: world.src("b"), world.src("b"): world.src("c")}
    case.changes = {
        "target": {"region": "us-east-1"},
        "tables": {"include": sorted(way), "rename": None, "overrides": way},
    }


def source_of_other_tables(case: Case) -> None:
    """The same, where --tables leaves the other pair out."""
    source_of_another(case)
    case.more = {"only": case.src}


def replica_of_the_source(case: Case) -> None:
    case.world.table(case.world.target, case.src)
    case.changes = {"tables": {"rename": None}}
    case.altered("source", replicas=("us-east-2",))


def production(case: Case) -> None:
    case.world.table(case.world.target, f"{case.dst}-prod")
    case.changes = {"tables": {"overrides": {case.src: f"{case.dst}-prod"}}}


def protected(case: Case) -> None:
    case.world.target.update_table(TableName=case.dst, DeletionProtectionEnabled=True)


def full_of_items(case: Case) -> None:
    case.altered("target", {"items_hint": 2_000_000})


def nothing_matched(case: Case) -> None:
    case.changes = {"tables": {"include": [f"{case.world.tag}-src-*", "nothing-*"]}}


def masked(case: Case, table: str, condition_for: str = "*") -> None:
    """A rule that masks for one table, and one that keeps for a table that is not there: that hides nothing."""
    rules = [email_rule(table=table), {**keep_rule("n"), "table": "nowhere"}]
    case.changes = {"transform": mask(*rules, filter={"tables": condition_for, "keep": "n <> :n", "values": {":n": 1}})}


def masked_elsewhere(case: Case) -> None:
    case.world.pair("b", things(1))
    masked(case, case.world.src("b"))
    case.more = {"only": case.src}


def masked_elsewhere_by_now(case: Case) -> None:
    case.more = {"planned": case.plan().pairs}
    masked(case, "customer-*")


def gone(case: Case) -> None:
    case.more = {"planned": case.plan().pairs}
    case.world.source.delete_table(TableName=case.src)


def recovery(case: Case, policy: str) -> None:
    case.world.source.update_continuous_backups(
        TableName=case.src, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    case.changes = {"export": {"without_pitr": policy}}


def asked_to_turn_on(case: Case) -> None:
    recovery(case, "fail")
    case.changes["export"]["enable_pitr"] = [case.src]
    case.more = {"execute": True}


def too_early(case: Case) -> None:
    case.changes = {"export": {"export_time": "2020-01-01T00:00:00Z"}}


def too_late(case: Case) -> None:
    case.changes = {"export": {"export_time": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}}


def no_target(case: Case) -> None:
    case.world.target.delete_table(TableName=case.dst)


def other_account(case: Case) -> None:
    case.altered("target", {"arn": f"arn:aws:dynamodb:us-east-2:{'4' * 12}:table/{case.dst}"})


def other_key(case: Case) -> None:
    case.world.target.delete_table(TableName=case.dst)
    types = [{"AttributeName": "id", "AttributeType": "N"}]
    case.world.table(case.world.target, case.dst, AttributeDefinitions=types)


def updating(case: Case) -> None:
    case.altered("target", {"status": "UPDATING"})


def not_empty(case: Case) -> None:
    case.world.put(case.world.target, case.dst, things(1))


def stream(case: Case) -> None:
    specification = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    case.world.target.update_table(TableName=case.dst, StreamSpecification=specification)


def trigger(case: Case) -> None:
    case.altered("target", stream_arn="arn:stream")
    function = f"arn:aws:lambda:us-east-2:{ACCOUNT}:function:send-mail"
    case.service("ListEventSourceMappings", EventSourceMappings=[{"FunctionArn": function}])


def replicas(case: Case) -> None:
    case.altered("target", replicas=("eu-west-1",))


def time_to_live(case: Case) -> None:
    case.world.target.update_time_to_live(
        TableName=case.dst, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )


def no_bucket(case: Case) -> None:
    case.changes = {"staging": {"bucket": "no-such-bucket-here"}}


def other_region(case: Case) -> None:
    case.changes = {"staging": {"region": "us-west-2"}}


def far_key(case: Case) -> None:
    case.changes = {"staging": {"kms_key_id": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"}}


def own_key(case: Case) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/x"}}
    case.world.s3.put_bucket_encryption(Bucket=case.world.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def lifecycle(world: World, **rule: Any) -> None:
    whole = {"ID": "sweep", "Status": "Enabled", "Filter": {"Prefix": ""}} | rule
    world.s3.put_bucket_lifecycle_configuration(Bucket=world.bucket, LifecycleConfiguration={"Rules": [whole]})


def short_lived(case: Case) -> None:
    lifecycle(case.world, Expiration={"Days": 1})


def dated(case: Case) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lifecycle(case.world, Expiration={"Date": midnight + timedelta(days=1)})


def archived(case: Case) -> None:
    lifecycle(case.world, Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])


def busy(case: Case) -> None:
    running = [{"ExportArn": f"arn:{n}", "ExportStatus": "IN_PROGRESS"} for n in range(300)]
    case.spoil = lambda run: answer(run.clients.source, "ListExports", ExportSummaries=running)


def too_much_capacity(case: Case) -> None:
    case.altered("target", on_demand=False, write_units=50_000, read_units=5)


def dear(case: Case) -> None:
    case.changes = {"limits": {"max_cost_usd": 1e-9}}


def slow(case: Case) -> None:
    case.changes = {"limits": {"max_hours": 1e-6}}


def no_disk(case: Case) -> None:
    usage = namedtuple("usage", "total used free")
    case.monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(1, 1, 1))


def clock(case: Case, seconds: float) -> None:
    case.more = {"now": lambda: datetime.now(UTC) + timedelta(seconds=seconds)}


def warm_stranger(case: Case) -> None:
    case.changes = {"import": {"warm_throughput": {"nobody": 5_000}}}


def warm(case: Case) -> None:
    case.changes = {"import": {"warm_throughput": {case.dst: 5_000}}}


def other_export(case: Case) -> None:
    world = case.world
    world.pair("b", things(1))
    run = world.open("other", tables={"include": [world.src("b")]})
    from runbook_lib.export.step import export_tables
    from runbook_lib.preflight.step import preflight

    preflight(run)
    folder = export_tables(run)[world.src("b")].folder
    world.source.delete_table(TableName=world.src("b"))
    case.changes = {"export": {"reuse": {case.src: f"s3://{world.bucket}/{folder}"}}}


WRONG: list[tuple[Callable[[Case], None], str, str, str]] = [
    (shared, "one source", BLOCKER, "their items would be mixed"),
    (shared_with_one_not_chosen, "one source", BLOCKER, "change tables.rename or tables.overrides"),
    (bad_name, "target name", BLOCKER, "other characters"),
    (itself, "another table", BLOCKER, "the same table"),
    (source_of_another, "another table", BLOCKER, "is itself a source"),
    (source_of_other_tables, "another table", BLOCKER, "is itself a source"),
    (replica_of_the_source, "another table", BLOCKER, "comes back to the source"),
    (production, "not production", WARNING, "'prod' in it"),
    (protected, "not production", WARNING, "deletion protection is on"),
    (full_of_items, "not production", WARNING, "2,000,000 items"),
    (nothing_matched, "selection of tables", BLOCKER, "'nothing-*'"),
    (lambda c: masked(c, "customer-*"), "selection of tables", BLOCKER, "rule for email is for 'customer-*', and none"),
    (
        lambda c: masked(c, "*", "eu-*"),
        "selection of tables",
        BLOCKER,
        "condition n <> :n is for 'eu-*', and none of 1",
    ),
    (masked_elsewhere, "selection of tables", WARNING, "a table that this run leaves out"),
    (masked_elsewhere_by_now, "selection of tables", WARNING, "a table that this run leaves out"),
    (gone, "source table", BLOCKER, "it is gone"),
    (other_export, "earlier export", WARNING, "an export of"),
    (lambda c: recovery(c, "fail"), "point-in-time recovery", BLOCKER, "it is off"),
    (lambda c: recovery(c, "skip"), "point-in-time recovery", WARNING, "NOT MIGRATED"),
    (lambda c: recovery(c, "scan"), "point-in-time recovery", WARNING, "uses its read capacity"),
    (asked_to_turn_on, "point-in-time recovery", WARNING, "changes the source"),
    (too_early, "export time", BLOCKER, "the earliest that recovery reaches"),
    (too_late, "export time", BLOCKER, "in the future"),
    (no_target, "target table", BLOCKER, "no such table"),
    (other_account, "account and region", BLOCKER, "4" * 12),
    (other_key, "key", BLOCKER, "found id (N)"),
    (updating, "active", BLOCKER, "UPDATING"),
    (not_empty, "empty", BLOCKER, "items in it"),
    (stream, "stream", WARNING, "a KEYS_ONLY stream"),
    (trigger, "triggers", WARNING, "Lambda send-mail"),
    (replicas, "replicas", WARNING, "eu-west-1"),
    (time_to_live, "time to live", WARNING, "by until"),
    (no_bucket, "bucket", BLOCKER, "no such bucket"),
    (other_region, "bucket", BLOCKER, "the bucket is in us-east-2"),
    (far_key, "encryption key", BLOCKER, "eu-west-1"),
    (own_key, "bucket encryption", WARNING, "alias/x by default"),
    (short_lived, "bucket lifecycle", BLOCKER, "rule sweep removes objects after 1 day"),
    (dated, "bucket lifecycle", BLOCKER, "rule sweep removes objects after 0 days"),
    (archived, "bucket lifecycle", BLOCKER, "rule sweep archives objects after 1 day"),
    (busy, "exports at once", WARNING, "300 running now, 1 wanted"),
    (too_much_capacity, "write capacity", WARNING, "the plan's have 50,000"),
    (dear, "cost", BLOCKER, "limits.max_cost_usd"),
    (slow, "time", BLOCKER, "limits.max_hours"),
    (no_disk, "free disk", BLOCKER, "found 1 MB free"),
    (lambda c: clock(c, 100), "clock", WARNING, "s apart"),
    (lambda c: clock(c, -4000), "clock", BLOCKER, "s apart; set the clock"),
    (warm_stranger, "warm throughput", BLOCKER, "no such one"),
    (warm, "warm throughput", WARNING, "cannot be lowered again"),
]


@pytest.mark.parametrize(
    ("spoil", "name", "status", "words"), WRONG, ids=[f"{n}-{w.split()[0]}" for _, n, _, w in WRONG]
)
def test_what_is_wrong_is_told_and_nothing_else_is(
    case: Case, spoil: Callable[[Case], None], name: str, status: str, words: str
) -> None:
    spoil(case)
    plan = case.plan()
    unread = {("cost", NOT_CHECKED), ("time", NOT_CHECKED)} if spoil is gone else set()
    unread |= {("register", NOT_CHECKED)} if spoil is other_account else set()  # whose tags nobody here can read
    assert outcome(plan) == {(name, status)} | unread
    told = "\n".join(map(str, plan.blockers if status == BLOCKER else plan.warnings))
    assert words in told
    assert (plan.blockers == ()) == (status != BLOCKER)
    # Before a run has a folder no more is asked than a file can be wrong in.
    assert misconfigured(case.plan(deep=False)) == misconfigured(plan)


def misconfigured(plan: Plan) -> list[Any]:
    return [blocker for blocker in plan.blockers if blocker.configuration]


ELSEWHERE: list[dict[str, Any]] = [
    {"Filter": {"Prefix": "logs/"}},
    {"Filter": {"Prefix": "exports-of-old/"}},
    {"Filter": {"Tag": {"Key": "short-lived", "Value": "yes"}}},
    {"Filter": {"And": {"Prefix": "", "Tags": [{"Key": "short-lived", "Value": "yes"}]}}},
    {"Status": "Disabled"},
]


@pytest.mark.chaos
@pytest.mark.parametrize("prefix", ["", "exports"])
def test_a_rule_that_reaches_no_export_stands_in_nobodys_way(case: Case, prefix: str) -> None:
    case.changes = {"staging": {"prefix": prefix}}
    for rule in ELSEWHERE:
        lifecycle(case.world, Expiration={"Days": 1}, **rule)
        assert outcome(case.plan()) == set(), rule
    for folder in ("", f"{prefix}/AWSDynamoDB/0" if prefix else "AWSDynamoDB/0", prefix):
        lifecycle(case.world, Expiration={"Days": 1}, Filter={"Prefix": folder})
        assert outcome(case.plan()) == {("bucket lifecycle", BLOCKER)}, folder


def test_what_may_not_be_asked_of_the_target_does_not_end_the_step(case: Case) -> None:
    case.spoil = lambda run: answer(run.clients.target, "DescribeContinuousBackups", DENIED)
    run = case.world.open()
    case.spoil(run)
    assert preflight_module.preflight(run).blockers == ()
    assert run.ledger.get("step", "preflight")["status"] == "completed"
    assert run.ledger.get("before", case.src)["recovery"] is None


def refused(side: str, operation: str) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.spoil = lambda run: answer(getattr(run.clients, side), operation, DENIED)

    return spoil


def sizes_unknown(case: Case) -> None:
    case.altered("source", {"items_hint": 5, "bytes_hint": 0})


def no_reader(case: Case) -> None:
    case.altered("target", stream_arn="arn:stream")
    case.service("ListEventSourceMappings", DENIED)


def disk_fails(case: Case) -> None:
    def fail(place: Any) -> None:
        raise OSError("it is not mounted")

    case.monkeypatch.setattr(shutil, "disk_usage", fail)


def no_date(case: Case) -> None:
    """Answers without a Date; the first ListTables is the pre-flight's own."""
    case.spoil = lambda run: answer(run.clients.source, "ListTables", TableNames=[case.src])


def window_unknown(case: Case) -> None:
    case.changes = {"export": {"export_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}}
    said = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}
    case.spoil = lambda run: answer(run.clients.source, "DescribeContinuousBackups", ContinuousBackupsDescription=said)


def nobody(case: Case) -> None:
    def spoil(run: Run) -> None:
        clients = run.clients
        run.clients = replace(clients, target_identity=replace(clients.target_identity, arn=None))

    case.spoil = spoil


UNKNOWN: list[tuple[Callable[[Case], None], set[str], bool]] = [
    (refused("source", "DescribeTable"), {"source table", "cost", "time"}, True),
    (refused("source", "DescribeContinuousBackups"), {"point-in-time recovery"}, True),
    (window_unknown, {"export time"}, False),
    (refused("target", "DescribeTable"), {"target table"}, True),
    (refused("target", "Scan"), {"empty"}, True),
    (refused("target", "DescribeTimeToLive"), {"time to live"}, False),
    (no_reader, {"triggers"}, False),
    (refused("staging", "GetBucketEncryption"), {"bucket encryption"}, False),
    (refused("staging", "GetBucketLifecycleConfiguration"), {"bucket lifecycle"}, False),
    (refused("source", "ListExports"), {"exports at once"}, False),
    (refused("target", "DescribeLimits"), {"write capacity"}, False),
    (sizes_unknown, {"cost", "time"}, False),
    (disk_fails, {"free disk"}, False),
    (no_date, {"clock"}, False),
    (nobody, {"identity", "account and region"}, False),
]


@pytest.mark.parametrize(("spoil", "names", "blocks"), UNKNOWN, ids=[min(n) for _, n, _ in UNKNOWN])
@pytest.mark.few(5)
def test_what_cannot_be_checked_is_never_ok_and_the_rest_goes_on(
    case: Case, spoil: Callable[[Case], None], names: set[str], blocks: bool
) -> None:
    spoil(case)
    plan = case.plan()
    assert outcome(plan) == {(name, NOT_CHECKED) for name in names}
    assert bool(plan.blockers) == blocks
    assert all("not checked: " in b.found and not b.configuration for b in plan.blockers)
    assert len({c.name for c in plan.checks}) >= 18  # the others were looked at
    for check in plan.checks:  # advice for what was looked at and is wrong would be a lie here
        if check.status == NOT_CHECKED:
            known = ("allow dynamodb:", "fix what prevented the check", "nothing here; on AWS, IAM is asked")
            assert check.remedy.startswith(known)
            assert ("accept.not_checked" in check.remedy) == (
                bearing(check.id) is Bearing.PROOF and not check.blocks
            ), check


def test_a_limit_on_what_nobody_can_tell_is_not_kept(case: Case) -> None:
    sizes_unknown(case)
    case.changes = {"limits": {"max_cost_usd": 1e9, "max_hours": 1e9}}
    plan = case.plan()
    assert outcome(plan) == {("cost", BLOCKER), ("time", BLOCKER)}
    assert all(b.found == "not known" for b in plan.blockers)


def test_a_bucket_that_does_not_answer_blocks(case: Case) -> None:
    case.changes = {"staging": {"endpoint_url": "http://127.0.0.1:9"}}
    plan = case.plan()
    assert outcome(plan) == {("bucket", NOT_CHECKED)}
    assert plan.blockers


def test_a_call_that_the_guard_refuses_is_a_mistake_of_ours_and_not_a_look_that_failed() -> None:
    def refuse(check: Check) -> Check:
        raise ForbiddenCall("nothing was sent")

    with pytest.raises(ForbiddenCall):
        run_check(Check(CheckId.KEY, "b", BLOCKER, "c", "d"), refuse)


AWS = "https://dynamodb.us-east-1.amazonaws.com"
ROLE = Identity(ACCOUNT, "us-east-1", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me", AWS)
STATEMENTS = [
    {"Action": ["dynamodb:Scan"], "Resource": [f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{n}" for n in "ab"]},
    {"Action": ["sts:GetCallerIdentity"], "Resource": ["*"]},
]


def simulated(world: World, error: str | None = None, **said: Any) -> Any:
    client = world.open().clients.service("source", "iam")
    answer(client, "SimulatePrincipalPolicy", error, **said)
    return client


def test_permissions_are_what_iam_simulates_of_the_role(world: World) -> None:
    world.pair("a")
    verdict = {"EvalActionName": "dynamodb:Scan", "EvalResourceName": "table/b", "EvalDecision": "implicitDeny"}
    allowed = simulated(world, EvaluationResults=[verdict | {"EvalDecision": "allowed"}])
    denied = simulated(world, EvaluationResults=[verdict])
    assert permissions("source", ROLE, STATEMENTS, lambda: allowed).status == OK
    check = permissions("source", ROLE, STATEMENTS, lambda: denied)
    assert (check.status, check.found) == (
        BLOCKER, "not allowed: dynamodb:Scan on 1 of its resources, for instance table/b",
    )  # fmt: skip


def test_a_condition_that_only_a_real_request_meets_is_not_taken_for_a_denial(world: World) -> None:
    """A role whose policies ask for an address or a VPC is refused by the simulation, which has neither."""
    world.pair("a")
    verdict = {"EvalActionName": "dynamodb:Scan", "EvalResourceName": "*", "EvalDecision": "explicitDeny"}
    depends = simulated(world, EvaluationResults=[verdict | {"MissingContextValues": ["aws:SourceIp"]}])
    check = permissions("source", ROLE, STATEMENTS, lambda: depends)
    assert (check.status, "aws:SourceIp" in check.found) == (NOT_CHECKED, True)
    each = [
        {"EvalResourceName": "table/a", "EvalResourceDecision": "allowed"},
        {"EvalResourceName": "table/b", "EvalResourceDecision": "implicitDeny"},
    ]
    mixed = simulated(world, EvaluationResults=[verdict | {"ResourceSpecificResults": each}])
    check = permissions("source", ROLE, STATEMENTS, lambda: mixed)
    assert (check.status, "for instance table/b" in check.found) == (BLOCKER, True)


def test_permissions_that_cannot_be_simulated_are_not_checked(world: World) -> None:
    world.pair("a")
    refusing = simulated(world, DENIED)
    assert permissions("source", ROLE, STATEMENTS, lambda: refusing).status == NOT_CHECKED
    for who in (
        replace(ROLE, arn=None),
        replace(ROLE, arn=f"arn:aws:iam::{ACCOUNT}:root"),
        replace(ROLE, endpoint="http://127.0.0.1:9"),
    ):
        assert permissions("source", who, STATEMENTS, lambda: refusing).status == NOT_CHECKED


@pytest.mark.parametrize(
    ("name", "is_production"),
    [("users-prod", True), ("PROD_users", True), ("live.users", True), ("prd-1", True), ("production", True),
     ("deliveries", False), ("reproduction", False), ("products", False), ("alive-users", False), ("users-dev", False)],
)  # fmt: skip
def test_what_looks_like_production(name: str, is_production: bool) -> None:
    assert bool(PRODUCTION.search(name)) == is_production


def test_only_mistakes_of_the_configuration_alone_are_refused_before_a_run(case: Case) -> None:
    far_key(case)
    with pytest.raises(ConfigError, match="eu-west-1"):
        refuse_misconfigured(case.plan())
    not_empty(case)
    refuse_misconfigured(case.plan())  # with the world in the way too, the run shows both


@pytest.mark.whole
def test_ten_problems_are_shown_at_once_with_exit_1_and_nothing_written(world: World) -> None:
    for name in ("full", "keys", "lonely", "one", "two", "off"):
        world.pair(name, things(2), pitr=name != "off")
    world.put(world.target, world.dst("full"), things(1))
    world.target.delete_table(TableName=world.dst("keys"))
    types = [{"AttributeName": "id", "AttributeType": "N"}]
    world.table(world.target, world.dst("keys"), AttributeDefinitions=types)
    world.target.delete_table(TableName=world.dst("lonely"))
    lifecycle(world, Expiration={"Days": 1})
    config = world.config(
        tables={"include": [f"{world.tag}-src-*", "nothing-*"], "overrides": {world.src("two"): world.dst("one")}},
        staging={"kms_key_id": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"},
        export={"without_pitr": "fail", "export_time": "2020-01-01T00:00:00Z"},
        limits={"max_cost_usd": 1e-9, "max_hours": 1e-6},
        **{"import": {"warm_throughput": {"nobody": 5_000}}},
    )
    ran = runbook_here("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    record = world.record("r1")
    names = {c["name"] for c in record["checks"] if c["status"] == BLOCKER}
    assert names == {
        "empty", "key", "target table", "one source", "point-in-time recovery", "bucket lifecycle",
        "selection of tables", "encryption key", "export time", "cost", "time", "warm throughput",
    }  # fmt: skip
    assert record["verdict"] == "FAIL"
    report = (world.folder / "reports" / "r1" / "report.html").read_text(encoding="utf-8")
    markdown = (world.folder / "reports" / "r1" / "report.md").read_text(encoding="utf-8")
    for name in names:
        assert re.search(f'<th scope="row"[^>]*>{name}</th><td class="word bad">blocker</td>', report)
        assert f"| {name} | blocker |" in markdown
    assert not {"BatchWriteItem", "UpdateTable"} & set(record["target_calls"])
    assert not {"ExportTableToPointInTime", "UpdateContinuousBackups"} & set(record["source_calls"])
    assert "PutObject" not in record["staging_calls"]
    assert not world.s3.list_objects_v2(Bucket=world.bucket).get("Contents")
