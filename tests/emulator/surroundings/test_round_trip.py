"""What is read of an estate is what its template says: read, written, worked out again, and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runbook_lib.aws.session.clients import connect
from runbook_lib.aws.session.identity import Identity
from runbook_lib.config.model import Migration, load_config
from runbook_lib.estate.name_map import NameMap
from runbook_lib.estate.resource import Estate, Resource, ResourceKind
from runbook_lib.estate.rewrite import Rewriting
from runbook_lib.estate.selection import selection_of
from runbook_lib.iac.surroundings.of_config import estate_of
from runbook_lib.iac.surroundings.sleep import WAKING
from runbook_lib.iac.surroundings.template import NAME_OF, around_template
from runbook_lib.sandbox import demo_config
from runbook_lib.sandbox.client import sandbox_client
from tests.support.estates import fixed_estate
from tests.support.examples import examples
from tests.support.resolve_template import resolved
from tests.support.world import ACCOUNT, World

HERE = Identity(ACCOUNT, "us-east-1", f"arn:aws:iam::{ACCOUNT}:user/u", "http://127.0.0.1")


def unchanged(estate: Estate, tables: list[str]) -> dict[tuple[ResourceKind, str], list[Any]]:
    """The estate's template for the very place that it is from, awake, worked out again."""
    config = Migration.model_validate(demo_config("http://127.0.0.1", tables={"rename": None}))
    same = {table: table for table in tables}
    resources = Rewriting(estate, NameMap(config, same), same, HERE, HERE).whole()
    template = around_template("d", resources, estate.unexpressed, estate.not_read)
    asleep = {said["Default"] for said in template["Parameters"].values() if "AllowedValues" in said}
    assert asleep <= {"asleep"}
    awake = {
        name: "awake" for name, said in template["Parameters"].items() if "asleep" in said.get("AllowedValues", ())
    }
    found: dict[tuple[ResourceKind, str], list[Any]] = {}
    for said in resolved(template, HERE.region, HERE.account, awake).values():
        found.setdefault((ResourceKind(said["Type"]), said["Metadata"]["Source"]), []).append(said["Properties"])
    return found


def as_read(resource: Resource) -> dict[str, Any]:
    properties = dict(resource.properties)
    if resource.kind in NAME_OF:
        properties[NAME_OF[resource.kind]] = resource.name
    if resource.policy is not None:
        properties["Policy"] = resource.policy
    if resource.kind in WAKING:
        _, name, on, off = WAKING[resource.kind]
        properties[name] = on if resource.enabled else off
    return properties


def check(estate: Estate, tables: list[str]) -> None:
    found = unchanged(estate, tables)
    for resource in estate.resources:
        assert as_read(resource) in found[resource.kind, resource.key]
    assert sum(map(len, found.values())) == len(estate.resources)


def client_of(world: World) -> Callable[[str], Any]:
    return lambda service: sandbox_client(service, world.endpoint, "us-east-1")


def read(world: World, stem: str, tables: list[str]) -> Estate:
    glob = [f"{stem}*"]
    config = load_config(world.config(surroundings={
        "queues": glob, "topics": glob, "buses": glob, "schedules": [f"default/{stem}*"],
        "log_groups": [f"*{stem}*"], "alarms": glob,
    }))  # fmt: skip
    return estate_of(connect(config), "source", selection_of(config.surroundings, tables), datetime.now(UTC))


@pytest.mark.whole
def test_a_whole_estate_comes_back_as_it_was_read(world: World) -> None:
    stem, table = f"{world.tag}-src", world.src("orders")
    fixed_estate(client_of(world), stem, table)
    estate = read(world, stem, [table])
    kinds = {resource.kind for resource in estate.resources}
    assert kinds == set(ResourceKind) - {
        ResourceKind.PIPE,
        ResourceKind.MAPPING,
        ResourceKind.COMPOSITE_ALARM,
        ResourceKind.SCHEDULE_GROUP,
    }
    assert estate.not_read == ()
    check(estate, [table])
    assert [each.what for each in estate.unexpressed] == [f"a subscription of topic {stem}-events by email"]


WORD = st.text("abcdefgh", min_size=1, max_size=6)
TEXT = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
PATTERN = st.fixed_dictionaries(
    {"source": st.lists(TEXT, min_size=1, max_size=3)}, optional={"detail-type": st.lists(TEXT, min_size=1, max_size=2)}
)
QUEUE = st.fixed_dictionaries(
    {},
    optional={
        "VisibilityTimeout": st.integers(0, 43_200), "DelaySeconds": st.integers(0, 900),
        "MessageRetentionPeriod": st.integers(60, 1_209_600), "MaximumMessageSize": st.integers(1_024, 262_144),
        "ReceiveMessageWaitTimeSeconds": st.integers(0, 20),
    },
)  # fmt: skip
ESTATE = st.fixed_dictionaries(
    {
        "queues": st.dictionaries(WORD, QUEUE, min_size=1, max_size=3),
        "dead": st.booleans(), "fifo": st.booleans(),
        "filter": st.dictionaries(WORD, st.lists(TEXT, min_size=1, max_size=3), max_size=2),
        "raw": st.booleans(), "pattern": PATTERN, "input": st.dictionaries(WORD, TEXT, max_size=3),
        "rate": st.integers(2, 1_000), "on": st.booleans(), "threshold": st.floats(0, 1e6, allow_nan=False),
        "tags": st.dictionaries(WORD, TEXT, max_size=3),
    }
)  # fmt: skip


def make(client: Callable[[str], Any], stem: str, drawn: dict[str, Any]) -> None:
    sqs, sns, events = client("sqs"), client("sns"), client("events")
    arns = []
    for number, (name, attributes) in enumerate(drawn["queues"].items()):
        fifo = ".fifo" if drawn["fifo"] else ""
        texts = {k: str(v) for k, v in attributes.items()} | ({"FifoQueue": "true"} if fifo else {})
        if number and drawn["dead"]:
            texts["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arns[0], "maxReceiveCount": number + 1})
        sqs.create_queue(QueueName=f"{stem}-{name}{fifo}", Attributes=texts, tags=drawn["tags"])
        arns.append(f"arn:aws:sqs:us-east-1:{ACCOUNT}:{stem}-{name}{fifo}")
    topic = sns.create_topic(
        Name=f"{stem}-t{'.fifo' if drawn['fifo'] else ''}", Attributes={"FifoTopic": str(drawn["fifo"]).lower()}
    )["TopicArn"]
    filtered = {"FilterPolicy": json.dumps(drawn["filter"])} if drawn["filter"] else {}
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arns[-1],
        Attributes=filtered | {"RawMessageDelivery": str(drawn["raw"]).lower()},
    )
    events.create_event_bus(Name=f"{stem}-b")
    state = "ENABLED" if drawn["on"] else "DISABLED"
    events.put_rule(Name=f"{stem}-r", EventBusName=f"{stem}-b", EventPattern=json.dumps(drawn["pattern"]), State=state)
    target: dict[str, Any] = {"Id": "1", "Arn": arns[0], "Input": json.dumps(drawn["input"])}
    if drawn["fifo"]:
        target["SqsParameters"] = {"MessageGroupId": "g"}
    events.put_targets(Rule=f"{stem}-r", EventBusName=f"{stem}-b", Targets=[target])
    client("scheduler").create_schedule(
        Name=f"{stem}-s", ScheduleExpression=f"rate({drawn['rate']} minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State=state,
        Target={
            "Arn": arns[0], "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x", "Input": json.dumps(drawn["input"]),
        },
    )  # fmt: skip
    client("cloudwatch").put_metric_alarm(
        AlarmName=f"{stem}-a", Namespace="AWS/SQS", MetricName="N", Period=60, Statistic="Sum", EvaluationPeriods=1,
        Threshold=drawn["threshold"], ComparisonOperator="GreaterThanThreshold", ActionsEnabled=drawn["on"],
        Dimensions=[{"Name": "QueueName", "Value": arns[0].rpartition(":")[2]}], AlarmActions=[topic],
    )  # fmt: skip


@pytest.mark.whole
def test_random_estates_come_back_as_they_were_read(world: World) -> None:
    number = 0

    @settings(
        max_examples=examples(3),
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(ESTATE)
    def one(drawn: dict[str, Any]) -> None:
        nonlocal number
        number += 1
        stem = f"{world.tag}-src-{number}x"
        make(client_of(world), stem, drawn)
        estate = read(world, stem, [])
        assert len(estate.resources) == len(drawn["queues"]) + 6
        check(estate, [])

    one()
