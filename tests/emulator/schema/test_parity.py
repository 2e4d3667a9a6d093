"""Every kind of difference between two definitions is planted once, rated, and told before the import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from runbook_lib.aws.dynamodb.describe.attached import INSIGHTS, KINESIS, POLICY
from runbook_lib.aws.dynamodb.describe.definition import (
    IndexDefinition,
    Setting,
    TableDefinition,
    Throughput,
)
from runbook_lib.aws.dynamodb.describe.members import BEYOND, KEY, TYPES, WARM
from runbook_lib.aws.dynamodb.describe.partial_definition import (
    PartialDefinition,
    live_indexes,
    read_partial_definition,
)
from runbook_lib.config.sections.accept import Acceptable
from runbook_lib.errors import ConfigError, CredentialsError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.notebook.gates import gate_plan
from runbook_lib.notebook.views import definitions_table
from runbook_lib.preflight.step import plan_of, preflight, refuse_misconfigured
from runbook_lib.report.step import record_of
from runbook_lib.schema.attached import SCALING
from runbook_lib.schema.compare_pair import look_alike
from runbook_lib.schema.parity import PROPERTIES, compare_definitions
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, indexed_by, things

OWNER = (KeyAttribute("owner", "S", "HASH"),)
INDEX = IndexDefinition("by-owner", OWNER, "KEYS_ONLY", (), None, None)
WIDE = replace(INDEX, projection="ALL")
SOME = replace(INDEX, projection="INCLUDE", attributes=("a",))
MORE = replace(INDEX, projection="INCLUDE", attributes=("a", "b"))
OTHER_KEY = replace(INDEX, key=(KeyAttribute("other", "S", "HASH"),))
NUMBERED = replace(INDEX, key=(KeyAttribute("owner", "N", "HASH"),))
PLAIN = TableDefinition(
    "t", key=(KeyAttribute("id", "S", "HASH"),), global_indexes=(), local_indexes=(), billing="PAY_PER_REQUEST",
    provisioned=None, on_demand=None, stream=None, ttl=None, recovery_days=None, kms_key=None, tags=(),
    deletion_protection=False, table_class="STANDARD", beyond=(),
)  # fmt: skip
SLOW = {"billing": "PROVISIONED", "provisioned": Throughput(5, 5)}


def found(source: dict[str, Any], target: dict[str, Any], *accept: str) -> list[tuple[str, str]]:
    """What differs between two tables that are alike but for these changes, and how grave it is."""
    both = (PartialDefinition(replace(PLAIN, **changes), {}) for changes in (source, target))
    return [(d.property, d.rating) for d in compare_definitions(*both, accept).differences]


def test_equal_definitions_have_no_difference_and_every_property_is_named() -> None:
    full = PartialDefinition(replace(PLAIN, global_indexes=(MORE,), ttl="ttl", kms_key="arn:x"), {})
    parity = compare_definitions(full, full)
    assert (parity.differences, parity.not_checked, parity.equal) == ((), (), tuple(PROPERTIES))


KINDS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({}, {"key": (KeyAttribute("id", "N", "HASH"),)}, "key", "blocks"),
    ({}, {"key": (KeyAttribute("id", "S", "HASH"), KeyAttribute("r", "S", "RANGE"))}, "key", "blocks"),
    ({"global_indexes": (INDEX,)}, {}, "global indexes", "warns"),
    ({}, {"global_indexes": (INDEX,)}, "global indexes", "warns"),
    ({"global_indexes": (INDEX,)}, {"global_indexes": (OTHER_KEY,)}, "global indexes", "warns"),
    ({"global_indexes": (WIDE,)}, {"global_indexes": (INDEX,)}, "global indexes", "warns"),
    ({"global_indexes": (MORE,)}, {"global_indexes": (SOME,)}, "global indexes", "warns"),
    ({"global_indexes": (SOME,)}, {"global_indexes": (MORE,)}, "global indexes", "informs"),
    ({"global_indexes": (INDEX,)}, {"global_indexes": (WIDE,)}, "global indexes", "informs"),
    ({"local_indexes": (INDEX,)}, {}, "local indexes", "blocks"),
    ({}, {"local_indexes": (INDEX,)}, "local indexes", "warns"),
    ({"local_indexes": (INDEX,)}, {"local_indexes": (OTHER_KEY,)}, "local indexes", "blocks"),
    ({"local_indexes": (WIDE,)}, {"local_indexes": (SOME,)}, "local indexes", "blocks"),
    ({"local_indexes": (SOME,)}, {"local_indexes": (WIDE,)}, "local indexes", "informs"),
    ({"ttl": "ttl"}, {}, "time to live", "warns"),
    ({}, {"ttl": "ttl"}, "time to live", "warns"),
    ({"ttl": "a"}, {"ttl": "b"}, "time to live", "warns"),
    ({"stream": "NEW_IMAGE"}, {}, "stream", "warns"),
    ({"stream": "NEW_IMAGE"}, {"stream": "KEYS_ONLY"}, "stream", "warns"),
    ({}, {"stream": "NEW_IMAGE"}, "stream", "informs"),
    (SLOW, {}, "billing mode", "informs"),
    (SLOW, SLOW | {"provisioned": Throughput(5, 1)}, "capacity", "informs"),
    ({}, {"on_demand": Throughput(None, 10)}, "capacity", "informs"),
    ({"recovery_days": 35}, {}, "point-in-time recovery", "warns"),
    ({}, {"recovery_days": 35}, "point-in-time recovery", "informs"),
    ({"recovery_days": 35}, {"recovery_days": 7}, "point-in-time recovery", "informs"),
    ({"deletion_protection": True}, {}, "deletion protection", "warns"),
    ({}, {"deletion_protection": True}, "deletion protection", "informs"),
    ({"table_class": "STANDARD_INFREQUENT_ACCESS"}, {}, "table class", "informs"),
    ({"kms_key": "arn:x"}, {}, "encryption", "warns"),
    ({}, {"kms_key": ""}, "encryption", "informs"),
    ({"tags": (("team", "a"),)}, {"tags": (("team", "b"),)}, "tags", "informs"),
    ({"settings": (Setting(BEYOND, "replica in eu-west-1", "there"),)}, {}, "replicas and vector indexes", "warns"),
    ({"settings": (Setting(WARM, "warm throughput", "4"),)}, {}, "warm throughput", "informs"),
    ({"settings": (Setting(SCALING, "auto scaling of ReadCapacityUnits", "1 to 2"),)}, {}, SCALING, "warns"),
    ({}, {"settings": (Setting(SCALING, "auto scaling of ReadCapacityUnits", "1 to 2"),)}, SCALING, "informs"),
    ({"settings": (Setting(POLICY, POLICY, "1"),)}, {"settings": (Setting(POLICY, POLICY, "2"),)}, POLICY, "warns"),
    ({}, {"settings": (Setting(POLICY, POLICY, "2"),)}, POLICY, "warns"),
    ({"settings": (Setting(KINESIS, "Kinesis destination a", "there"),)}, {}, KINESIS, "warns"),
    ({"settings": (Setting(INSIGHTS, "contributor insights of the table", "all"),)}, {}, INSIGHTS, "informs"),
]


@pytest.mark.parametrize(("source", "target", "name", "rating"), KINDS)
def test_each_kind_of_difference_is_found_alone_and_rated(
    source: dict[str, Any], target: dict[str, Any], name: str, rating: str
) -> None:
    assert found(source, target) == [(name, rating)]


def test_every_property_has_a_planted_difference() -> None:
    assert {name for _, _, name, _ in KINDS} | {TYPES} == set(PROPERTIES)


def test_an_index_attribute_of_another_type_blocks_for_its_items_would_be_rejected() -> None:
    assert found({"global_indexes": (INDEX,)}, {"global_indexes": (NUMBERED,)}) == [
        (TYPES, "blocks"), ("global indexes", "warns"),
    ]  # fmt: skip
    renamed = replace(NUMBERED, name="another")
    assert (TYPES, "blocks") in found({"global_indexes": (INDEX,)}, {"global_indexes": (renamed,)})


def test_capacity_of_an_index_is_compared_too() -> None:
    ours, theirs = (SLOW | {"global_indexes": (replace(INDEX, provisioned=Throughput(1, n)),)} for n in (1, 2))
    assert found(ours, theirs) == [("capacity", "informs")]


def test_keys_of_kms_are_not_compared_for_no_other_region_knows_them() -> None:
    assert found({"kms_key": "arn:one"}, {"kms_key": "arn:other"}) == []


def test_only_tags_that_differ_are_shown() -> None:
    both = (PartialDefinition(replace(PLAIN, tags=(("a", "1"), ("b", b))), {}) for b in "xy")
    (difference,) = compare_definitions(*both).differences
    assert (difference.source, difference.target) == ("b=x", "b=y")


def test_what_is_accepted_is_only_told_and_the_key_cannot_be() -> None:
    assert found({"local_indexes": (INDEX,)}, {"ttl": "t"}, "local indexes") == [
        ("time to live", "warns"), ("local indexes", "informs"),
    ]  # fmt: skip
    assert set(Acceptable.__args__) == set(PROPERTIES) - {KEY, TYPES}  # type: ignore[attr-defined]


def test_a_property_that_one_side_did_not_answer_is_neither_equal_nor_different() -> None:
    ours, theirs = (
        PartialDefinition(replace(PLAIN, ttl="t"), {}),
        PartialDefinition(PLAIN, {"time to live": "AccessDenied"}),
    )
    parity = compare_definitions(ours, theirs)
    assert parity.differences == ()
    assert [(g.property, g.why) for g in parity.not_checked] == [("time to live", "target: AccessDenied")]
    assert "time to live" not in parity.equal


TABLE: dict[str, Any] = {
    "TableName": "loans", "TableArn": "arn:aws:dynamodb:us-east-2:111122223333:table/loans",
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("id", "g")],
}  # fmt: skip


def scripted(*answers: tuple[str, Any]) -> Any:
    """A client with these answers; a text is the code of an error."""
    client = boto3.client(
        "dynamodb", "us-east-2", aws_access_key_id="x", aws_secret_access_key="x", endpoint_url="http://127.0.0.1:9"
    )
    stub = Stubber(client)
    for operation, answer in answers:
        if isinstance(answer, str):
            stub.add_client_error(operation, answer)
        else:
            stub.add_response(operation, answer)
    stub.activate()
    return client


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException", "ThrottlingException"])
def test_what_may_not_be_asked_is_a_gap_and_not_a_setting_that_is_off(code: str) -> None:
    seen = read_partial_definition(
        scripted(
            ("describe_table", {"Table": TABLE}), ("describe_time_to_live", code),
            ("describe_continuous_backups", code), ("list_tags_of_resource", code),
        ),
        "loans",
    )  # fmt: skip
    assert set(seen.unknown) == {"time to live", "point-in-time recovery", "tags", "deletion protection"}
    assert seen.unknown["tags"] == f"list_tags_of_resource was answered with {code}"


def test_a_table_that_may_not_be_read_and_credentials_that_are_wrong_are_errors() -> None:
    with pytest.raises(ConfigError, match="describe_table of loans"):
        read_partial_definition(scripted(("describe_table", "AccessDeniedException")), "loans")
    with pytest.raises(CredentialsError):
        read_partial_definition(
            scripted(("describe_table", {"Table": TABLE}), ("describe_time_to_live", "UnrecognizedClientException")),
            "t",
        )


def test_tags_of_all_pages_are_read_but_those_of_aws() -> None:
    ttl = {"TimeToLiveStatus": "ENABLING", "AttributeName": "x"}
    tags = [{"Key": k, "Value": "v"} for k in ("aws:cloudformation:stack", "b", "a")]
    seen = read_partial_definition(
        scripted(
            ("describe_table", {"Table": TABLE | {"DeletionProtectionEnabled": True}}),
            ("describe_time_to_live", {"TimeToLiveDescription": ttl}),
            ("describe_continuous_backups", {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}}),
            ("list_tags_of_resource", {"Tags": tags[:2], "NextToken": "n"}),
            ("list_tags_of_resource", {"Tags": tags[2:]}),
        ),
        "loans",
    )  # fmt: skip
    assert seen.unknown == {}
    assert seen.definition.tags == (("a", "v"), ("b", "v"))
    assert (seen.definition.ttl, seen.definition.recovery_days, seen.definition.deletion_protection) == (
        "x",
        None,
        True,
    )


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"IndexStatus": "ACTIVE"}, "ACTIVE"),
        ({"IndexStatus": "CREATING", "Backfilling": True}, "BACKFILLING"),
        ({"IndexStatus": "CREATING"}, "CREATING"),
    ],
)
def test_an_index_is_in_the_state_that_aws_says(said: dict[str, Any], state: str) -> None:
    index = {"KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    table = TABLE | {
        "GlobalSecondaryIndexes": [index | said | {"IndexName": "global"}],
        "LocalSecondaryIndexes": [index | {"IndexName": "local"}],
    }
    seen = live_indexes(scripted(("describe_table", {"Table": table})), "loans")
    assert [(i.name, i.kind, i.state) for i in seen] == [("global", "GSI", state), ("local", "LSI", "ACTIVE")]


def recovery(world: World) -> None:
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def expiry(world: World) -> None:
    world.source.update_time_to_live(
        TableName=world.src("a"), TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )


def tagged(world: World) -> None:
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    world.source.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])


LOCAL = {
    "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k in (("id", "HASH"), ("r", "RANGE"))],
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("id", "r", "l")],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by-l",
            "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k in (("id", "HASH"), ("l", "RANGE"))],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
NO_LOCAL = LOCAL | {"AttributeDefinitions": LOCAL["AttributeDefinitions"][:2], "LocalSecondaryIndexes": []}
KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
UNITS = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
}


@pytest.mark.parametrize(
    ("source", "target", "change", "expected"),
    [
        (indexed_by("owner", "S"), {}, None, [("global index by-owner", "warns")]),
        ({}, indexed_by("owner", "S"), None, [("global index by-owner", "warns")]),
        (indexed_by("o", "S"), indexed_by("o", "S", **KEYS_ONLY), None, [("global index by-o", "warns")]),
        (
            indexed_by("o", "S"), indexed_by("o", "N"), None,
            [("type of index attribute o", "blocks"), ("global index by-o", "warns")],
        ),
        (LOCAL, NO_LOCAL, None, [("local index by-l", "blocks")]),
        (STREAM, {}, None, [("stream", "warns")]),
        ({}, STREAM, None, [("stream", "informs")]),
        (UNITS, {}, None, [("billing mode", "informs")]),
        ({"DeletionProtectionEnabled": True}, {}, None, [("deletion protection", "warns")]),
        ({}, {}, recovery, [("point-in-time recovery", "warns")]),
        ({}, {}, expiry, [("time to live", "warns")]),
        ({}, {}, tagged, [("tags", "informs")]),
    ],
)  # fmt: skip
@pytest.mark.few(4)
def test_a_difference_in_the_embedded_aws_is_found_before_the_import(
    world: World,
    source: dict[str, Any],
    target: dict[str, Any],
    change: Callable[[World], None] | None,
    expected: list[tuple[str, str]],
) -> None:
    for client, name, definition in (
        (world.source, world.src("a"), source),
        (world.target, world.dst("a"), target),
    ):
        world.table(client, name, **{k: v for k, v in definition.items() if v})
    if change:
        change(world)
    run = world.open()
    plan = preflight(run)
    parity = plan.parity[world.src("a")]
    assert [(d.what, d.rating) for d in parity.differences] == expected
    assert parity.not_checked == ()
    assert run.ledger.get("parity", world.src("a"))["step"] == "preflight"
    told = {"blocks": {b.expected for b in plan.blockers}, "warns": {w.expected for w in plan.warnings}}
    for what, rating in expected:
        if rating in told:
            assert any(text.startswith(what) for text in told[rating])
    if target is STREAM:
        assert any(w.expected.startswith("no stream") for w in plan.warnings)
    assert sorted(definitions_table(record_of(run)).frame()["what"]) == sorted(what for what, _ in expected)


def test_a_difference_that_blocks_is_refused_unless_it_is_meant(world: World) -> None:
    world.table(world.source, world.src("a"), **LOCAL)
    world.table(world.target, world.dst("a"), **{k: v for k, v in NO_LOCAL.items() if v})
    run = world.open()
    plan = preflight(run)
    with pytest.raises(ConfigError, match="local index by-l"):
        refuse_misconfigured(plan)
    with pytest.raises(ConfigError, match="local index by-l"):
        refuse_misconfigured(plan_of(run, deep=False))
    meant = world.open(run_id="meant", parity={"accept": ["local indexes"]})
    assert gate_plan(meant, preflight(meant)).startswith("GO")


def test_definitions_are_compared_again_at_validation(world: World) -> None:
    world.pair("a", things(3))
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    world.target.update_time_to_live(
        TableName=world.dst("a"), TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "PASS"
    assert fact["parity"]["step"] == "validate"
    assert "time to live" in [d["what"] for d in fact["parity"]["differences"]]


def test_a_table_that_is_not_migrated_is_not_compared(world: World) -> None:
    world.pair("a", things(3), pitr=False)
    assert preflight(world.open(export={"without_pitr": "skip"})).parity == {}


def test_a_table_that_may_not_be_read_is_a_gap_and_does_not_stop_the_others(world: World) -> None:
    world.pair("a", things(3), pitr=False)
    world.pair("b", things(3), pitr=False)
    run = world.open()
    plan = preflight(run)
    pair = next(p for p in plan.pairs if p.source == world.src("a"))
    world.target.delete_table(TableName=world.dst("a"))
    parity = look_alike(run.config, run.clients, pair)
    assert parity is not None
    assert [g.property for g in parity.not_checked] == ["every property"]
    assert (parity.differences, parity.equal) == ((), ())
