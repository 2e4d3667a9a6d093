"""What `runbook schema` writes creates the source's tables again, setting for setting."""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.aws.dynamodb.describe.definition import (
    Setting,
    Throughput,
    encryption_key,
    read_definition,
)
from runbook_lib.aws.dynamodb.describe.members import BEYOND
from runbook_lib.errors import ConfigError
from runbook_lib.iac.cdk import cdk_app
from runbook_lib.iac.cloudformation import cloudformation, logical_ids, schema_of, template
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.sandbox.fleet.tables import fleet
from tests.support.definitions import KEY_ARN, a_definition, a_migration
from tests.support.examples import examples
from tests.support.in_process import runbook_here
from tests.support.world import World

FRESH_REGION = "eu-west-1"
ATTRIBUTES = [("y", "S"), ("n", "N"), ("l", "B"), ("g", "S")]


@dataclass(frozen=True)
class Reference:
    """The reference fleet in a sandbox, and what is written of it when asked twice."""

    endpoint: str
    cloudformation: list[str]
    cdk: list[str]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    with start_sandbox(scale=0.01) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in demo_environment(sandbox.endpoint).items():
            patch.setenv(name, value)
        file = tmp_path_factory.mktemp("schema") / "migration.yaml"
        file.write_text(yaml.safe_dump(demo_config(sandbox.endpoint, sandbox.account)))
        templates = [schema_of(file, "cloudformation") for _ in range(2)]
        yield Reference(sandbox.endpoint, templates, [schema_of(file, "cdk") for _ in range(2)])


def resolved(value: Any, parameters: dict[str, str], conditions: dict[str, Any]) -> Any:
    """What CloudFormation makes of a value; None stands for AWS::NoValue."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return None if value["Ref"] == "AWS::NoValue" else parameters[value["Ref"]]
        if set(value) == {"Fn::If"}:
            name, yes, no = value["Fn::If"]
            chosen = yes if resolved(conditions[name], parameters, conditions) else no
            return resolved(chosen, parameters, conditions)
        if set(value) == {"Fn::Not"}:
            return not resolved(value["Fn::Not"][0], parameters, conditions)
        if set(value) == {"Fn::Equals"}:
            one, other = (resolved(v, parameters, conditions) for v in value["Fn::Equals"])
            return one == other
        made = {k: resolved(v, parameters, conditions) for k, v in value.items()}
        return {k: v for k, v in made.items() if v is not None}
    if isinstance(value, list):
        return [resolved(v, parameters, conditions) for v in value]
    return value


def properties_of(text: str, **parameters: str) -> dict[str, dict[str, Any]]:
    """The properties of each table in a template, by table name, with these parameters and the defaults."""
    whole = yaml.safe_load(text)
    given_ = {name: said["Default"] for name, said in whole["Parameters"].items()} | parameters
    made = [resolved(r["Properties"], given_, whole["Conditions"]) for r in whole["Resources"].values()]
    return {properties["TableName"]: properties for properties in made}


def create(client: Any, properties: dict[str, Any]) -> None:
    """Create a table as CloudFormation would: CreateTable and the calls for what it does not take."""
    rest = dict(properties)
    name = rest["TableName"]
    recovery = rest.pop("PointInTimeRecoverySpecification")
    ttl = rest.pop("TimeToLiveSpecification", None)
    if "StreamSpecification" in rest:
        rest["StreamSpecification"] |= {"StreamEnabled": True}
    if "SSESpecification" in rest:
        rest["SSESpecification"]["Enabled"] = rest["SSESpecification"].pop("SSEEnabled")
    client.create_table(**rest)
    client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if ttl:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def assert_twins(endpoint: str, text: str, targets: dict[str, str]) -> None:
    """Every table of a template, created in a region that has none, is defined as its source is."""
    source = sandbox_client("dynamodb", endpoint, "us-east-1")
    fresh = sandbox_client("dynamodb", endpoint, FRESH_REGION)
    tables = properties_of(text)
    assert set(tables) == set(targets.values())
    for old, new in targets.items():
        create(fresh, tables[new])
        assert replace(read_definition(fresh, new), name=old) == read_definition(source, old)
    source.close()
    fresh.close()


@pytest.mark.whole
@pytest.mark.chaos
def test_every_table_of_the_fleet_is_created_as_it_was(reference: Reference) -> None:
    text = reference.cloudformation[0]
    assert len(yaml.safe_load(text)["Resources"]) == 31
    assert_twins(reference.endpoint, text, {t.source: t.target for t in fleet()})


@pytest.mark.chaos
def test_the_same_source_gives_the_same_text(reference: Reference) -> None:
    assert len(set(reference.cloudformation)) == len(set(reference.cdk)) == 1


def test_the_cdk_app_has_a_construct_for_all_that_the_template_has(reference: Reference) -> None:
    whole = yaml.safe_load(reference.cloudformation[0])
    app = ast.parse(reference.cdk[0])
    calls = [ast.unparse(node) for node in ast.walk(app) if isinstance(node, ast.Call)]
    for name in whole["Resources"]:
        assert sum(call.startswith(f"self.table('{name}', ") for call in calls) == 1
    for name in (*whole["Parameters"], *whole["Conditions"]):
        assert sum(f"(self, '{name}', " in call for call in calls) == 1


def test_all_that_a_table_can_have_is_created_as_it_was(world: World) -> None:
    world.source.create_table(
        TableName=world.src("rich"),
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in ATTRIBUTES],
        KeySchema=[{"AttributeName": "y", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "local",
                "KeySchema": [
                    {"AttributeName": "y", "KeyType": "HASH"},
                    {"AttributeName": "l", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"]},
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "global",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 1},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        Tags=[{"Key": "team", "Value": "no"}, {"Key": "a:b", "Value": "1"}],
    )
    named = {"TableName": world.src("rich")}
    world.source.update_time_to_live(**named, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    world.source.update_continuous_backups(
        **named,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
    )
    text = schema_of(world.config(), "cloudformation")
    definition = read_definition(world.source, world.src("rich"))
    assert (definition.ttl, definition.recovery_days, definition.tags) == (
        "end", 7, (("a:b", "1"), ("team", "no")),
    )  # fmt: skip
    assert_twins(world.endpoint, text, {world.src("rich"): world.dst("rich")})


def test_what_aws_alone_says_of_a_table_is_read() -> None:
    """The embedded AWS has no class, no limits of on-demand tables, no tags of AWS and no replicas."""
    client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    described = {
        "TableName": "tab",
        "TableArn": "arn:aws:dynamodb:us-east-1:111122223333:table/tab",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "OnDemandThroughput": {"MaxReadRequestUnits": 50, "MaxWriteRequestUnits": -1},
        "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY_ARN},
        "Replicas": [{"RegionName": "eu-west-1"}],
        "DeletionProtectionEnabled": True,
    }
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "s"}, {"Key": "b", "Value": "2"}]
    with Stubber(client) as aws:
        aws.add_response("describe_table", {"Table": described}, {"TableName": "tab"})
        aws.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        aws.add_response("describe_continuous_backups", {})
        aws.add_response("list_tags_of_resource", {"Tags": tags, "NextToken": "more"})
        aws.add_response("list_tags_of_resource", {"Tags": [{"Key": "a", "Value": "1"}]})
        found = read_definition(client, "tab")
        aws.add_response("describe_table", {"Table": described})
        assert encryption_key(client, "tab") == KEY_ARN
        aws.assert_no_pending_responses()
    client.close()
    assert found == a_definition(
        name="tab", on_demand=Throughput(50, None), table_class="STANDARD_INFREQUENT_ACCESS", kms_key=KEY_ARN,
        deletion_protection=True, tags=(("a", "1"), ("b", "2")), beyond=("replicas of a global table",),
        settings=(Setting(BEYOND, "replica in eu-west-1", "there"),),
    )  # fmt: skip
    (resource,) = template(a_migration(), {"tab": found})["Resources"].values()
    assert resource["Metadata"] == {"SourceTable": "tab", "NotCarriedOver": ["replicas of a global table"]}
    assert resource["Properties"]["OnDemandThroughput"] == {"MaxReadRequestUnits": 50}
    assert resource["Properties"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


def test_a_key_of_the_sources_region_is_asked_for_and_never_copied() -> None:
    other = KEY_ARN.replace("1234abcd", "99999999")
    tables = {"a": a_definition(kms_key=KEY_ARN), "b": a_definition(kms_key=other), "c": a_definition()}
    text = cloudformation(template(a_migration(), tables))
    assert "arn:aws:kms" not in text
    assert properties_of(text)["a"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    found = properties_of(text, KmsKey1="alias/one", KmsKey2="alias/two")
    assert [found[n].get("SSESpecification", {}).get("KMSMasterKeyId") for n in "abc"] == [
        "alias/one", "alias/two", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "recovery", "protection"),
    [
        ("source", [35, None], [True, False]),
        ("on", [35, True], [True, True]),
        ("off", [None, None], [False, False]),
    ],
)
def test_settings_of_the_target_alone_are_parameters(
    choice: str, recovery: list[object], protection: list[bool]
) -> None:
    whole = template(
        a_migration(),
        {
            "on": a_definition(recovery_days=35, deletion_protection=True, stream="KEYS_ONLY"),
            "off": a_definition(),
        },
    )
    found = properties_of(cloudformation(whole), PointInTimeRecovery=choice, DeletionProtection=choice, Streams="off")
    said = [found[n]["PointInTimeRecoverySpecification"] for n in ("on", "off")]
    assert [
        (s.get("RecoveryPeriodInDays") or True) if s["PointInTimeRecoveryEnabled"] else None for s in said
    ] == recovery
    assert [found[n]["DeletionProtectionEnabled"] for n in ("on", "off")] == protection
    assert "StreamSpecification" not in found["on"]


def test_no_change_of_the_stack_deletes_a_table() -> None:
    (resource,) = template(a_migration(), {"t": a_definition()})["Resources"].values()
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert resource["DeletionPolicy"] == {"Ref": "RemovalPolicy"}


@pytest.mark.whole
def test_what_becomes_of_a_table_outside_of_the_stack_is_a_parameter() -> None:
    whole = template(a_migration(), {"t": a_definition()})
    assert whole["Parameters"]["RemovalPolicy"]["Default"] == "Retain"
    assert whole["Parameters"]["RemovalPolicy"]["AllowedValues"] == ["Retain", "Delete"]
    assert whole["Transform"] == "AWS::LanguageExtensions"  # without it no DeletionPolicy takes a Ref


def test_parameters_and_conditions_that_decide_nothing_are_left_out() -> None:
    whole = template(a_migration(), {"t": a_definition()})
    assert set(whole["Parameters"]) == {"PointInTimeRecovery", "DeletionProtection", "RemovalPolicy"}
    assert set(whole["Conditions"]) == {"PointInTimeRecoveryOn", "DeletionProtectionOn"}


def test_two_sources_of_one_target_are_refused(world: World) -> None:
    world.pair("one")
    world.pair("two")
    config = world.config(tables={"rename": {"pattern": ".+", "to": "same"}})
    with pytest.raises(ConfigError, match=f"same: expected one source.*{world.src('one')}, {world.src('two')}"):
        schema_of(config, "cloudformation")


@pytest.mark.chaos
def test_the_target_need_not_be_there(world: World) -> None:
    world.table(world.source, world.src("only-here"))
    done = runbook_here("schema", world.config(), "--format", "cloudformation")
    assert done.returncode == 0, done.stderr
    assert set(properties_of(done.stdout)) == {world.dst("only-here")}


names = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=3, max_size=255)
alike = st.text(alphabet="aA1._-", min_size=3, max_size=6)


@settings(deadline=None)
@given(st.sets(names | alike, max_size=30), st.sets(st.sampled_from(["Streams", "KmsKey1", "A", "TableA"])))
@pytest.mark.whole
def test_logical_ids_are_unique_alphanumeric_and_the_same_in_any_order(tables: set[str], taken: set[str]) -> None:
    found = logical_ids(tables, taken)
    assert set(found) == tables
    assert len(set(found.values())) == len(tables)
    assert not set(found.values()) & taken
    for one in found.values():
        assert one.isalnum()
        assert one[0].isalpha()
        assert 2 <= len(one) <= 255
    assert logical_ids(sorted(tables, reverse=True), taken) == found


@settings(deadline=None, max_examples=examples(10))
@given(st.dictionaries(names | alike, st.tuples(names, st.text(max_size=20)), min_size=1, max_size=5))
@pytest.mark.whole
def test_any_names_and_tags_survive_the_text(tables: dict[str, tuple[str, str]]) -> None:
    made = {n: a_definition(name=n, tags=(tag,), ttl=tag[0]) for n, tag in tables.items()}
    whole = template(a_migration(), made)
    assert yaml.safe_load(cloudformation(whole)) == json.loads(json.dumps(whole))
    ast.parse(cdk_app(whole, "demo", "us-east-2"))
