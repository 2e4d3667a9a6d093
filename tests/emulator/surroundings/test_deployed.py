"""The proof that an estate which was deployed from its template is the same: on ministack, by `make surroundings`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.estate.compare import Acting, Likeness, compare_estates, expected_estate
from runbook_lib.estate.resource import ResourceKind
from runbook_lib.estate.selection import selection_of_names
from runbook_lib.iac.surroundings.of_config import estate_of, rewritten_estate, surroundings_of
from runbook_lib.sandbox import demo_environment
from tests.support.estates import fixed_estate
from tools.engines_page import ENGINES, running

pytestmark = pytest.mark.surroundings
TABLE, STEM = "app-prod-orders", "app-prod"
# What ministack 1.5.33 does not take from a template, which CloudFormation's schema has; and the policy of its topics,
# which lets in every account where the template, like its own API, has none but the owner's.
LOST_BY_MINISTACK = {
    (f"default/{STEM}-nightly", Likeness.DIFFERENT, ("ScheduleExpressionTimezone",)),
    (f"{STEM}-events", Likeness.DIFFERENT, ("Policy",)),
}
(MINISTACK,) = (engine for engine in ENGINES if engine.name.startswith("ministack"))


@pytest.fixture(scope="module")
def ministack() -> Iterator[str]:
    with running(MINISTACK) as endpoint:
        yield endpoint


def clients_of(endpoint: str, region: str) -> Callable[[str], Any]:
    session = boto3.Session("sandbox", "sandbox", region_name=region)
    return lambda service: session.client(service, endpoint_url=endpoint)


def migration(folder: Path, endpoint: str) -> Path:
    side = {"endpoint_url": endpoint}
    settings = {
        "name": "around", "source": {"region": "us-east-1", **side}, "target": {"region": "us-east-2", **side},
        "staging": {"bucket": "staging", "region": "us-east-2", **side},
        "tables": {"include": [TABLE], "rename": {"pattern": "app-prod-(?P<name>.+)", "to": "app-dev-{name}"}},
        "surroundings": {
            "queues": [f"{STEM}-*"], "topics": [f"{STEM}-*"], "buses": [f"{STEM}-*"],
            "schedules": [f"default/{STEM}-*"],
            "log_groups": [f"/aws/lambda/{STEM}-*"], "names": {f"/aws/lambda/{STEM}-fn": "/aws/lambda/app-dev-fn"},
        },
    }  # fmt: skip
    (file := folder / "migration.yaml").write_text(yaml.safe_dump(settings))
    return file


def deploy(client: Any, name: str, template: str, **parameters: str) -> None:
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    client.create_stack(StackName=name, TemplateBody=template, Parameters=given)
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_what_is_deployed_from_the_template_is_as_the_source_is(
    ministack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in demo_environment(ministack).items():
        monkeypatch.setenv(name, value)
    here, there = clients_of(ministack, "us-east-1"), clients_of(ministack, "us-east-2")
    for client, table in ((here, TABLE), (there, "app-dev-orders")):
        client("dynamodb").create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
    fixed_estate(here, STEM, TABLE)
    file = migration(tmp_path, ministack)
    config = load_config(file)
    clients = connect(config)
    tables = {TABLE: "app-dev-orders"}
    now = datetime.now(UTC)
    before = rewritten_estate(config, clients, tables, now)
    for stack in ("messaging", "monitoring"):
        deploy(there("cloudformation"), stack, surroundings_of(file, "cloudformation", stack))
    expected = expected_estate(before.resources, clients.target_identity)
    found = estate_of(clients, "target", selection_of_names(expected, tables), now)
    rows = compare_estates(before.estate, expected, found)
    assert {row.kind for row in rows} >= {"queue", "topic", "subscription", "event bus", "rule", "alarm", "dashboard"}
    unlike = {(row.source, row.likeness, row.differences) for row in rows if row.likeness is not Likeness.EQUAL}
    assert unlike == LOST_BY_MINISTACK
    assert {row.acting for row in rows} == {Acting.ASLEEP, Acting.OFF, Acting.PASSIVE}
    assert not any(r.enabled for r in found.resources if r.kind is not ResourceKind.QUEUE)
    sqs = there("sqs")  # a difference that a person makes afterwards is found
    url = sqs.get_queue_url(QueueName="app-dev-orders")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "61"})
    again = estate_of(clients, "target", selection_of_names(expected, tables), now)
    changed = [row for row in compare_estates(before.estate, expected, again) if row.likeness is Likeness.DIFFERENT]
    assert (f"{STEM}-orders", ("VisibilityTimeout",)) in [(row.source, row.differences) for row in changed]
    assert len(changed) == 1 + len(LOST_BY_MINISTACK)
