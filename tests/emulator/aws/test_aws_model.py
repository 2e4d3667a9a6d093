"""Every member of AWS's model that defines a table is compared, carried, used or named as not looked at, with why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from importlib import import_module
from itertools import combinations_with_replacement
from typing import Any

import botocore.session
import pytest
from botocore.model import ServiceModel, Shape

from runbook_lib.aws.account import date_of
from runbook_lib.aws.dynamodb.describe.capacity import describe_capacity
from runbook_lib.aws.dynamodb.describe.definition import definition_of
from runbook_lib.aws.dynamodb.describe.members import (
    CREATE,
    EXPORT,
    IMPORT,
    TABLE,
    Member,
    Treatment,
    unfamiliar,
)
from runbook_lib.aws.dynamodb.describe.partial_definition import PartialDefinition, read_partial_definition
from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.errors import ConfigError
from runbook_lib.preflight.step import make_plan
from runbook_lib.schema.parity import PROPERTIES, compare_definitions
from tests.support.between import Asked, Said, between, changed
from tests.support.in_process import runbook_here
from tests.support.world import World, indexed_by, things
from tools.aws_model_page import PAGE, SHAPES, leaves, page

MODEL = botocore.session.Session().get_service_model("dynamodb")


def test_the_page_of_the_model_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(("shape", "table"), SHAPES, ids=[shape for shape, _ in SHAPES])
def test_every_member_of_the_installed_model_has_its_row_and_no_row_is_idle(
    shape: str, table: dict[str, Member]
) -> None:
    assert {path for path, _ in leaves(MODEL.shape_for(shape))} == set(table)


def doctored(shape: str, member: str) -> ServiceModel:
    """The installed model with one more member in a shape."""
    data = deepcopy(botocore.session.Session().get_service_data("dynamodb"))
    data["shapes"][shape]["members"][member] = {"shape": "String"}
    return ServiceModel(data, "dynamodb")


@pytest.mark.parametrize("shape", ["TableDescription", "ReplicaDescription", "Projection", "ExportDescription"])
def test_a_member_that_a_newer_model_adds_has_no_row(shape: str) -> None:
    newer = doctored(shape, "Mood")
    missing = [p for s, table in SHAPES for p, _ in leaves(newer.shape_for(s)) if p not in table]
    assert missing
    assert all(path.endswith("Mood") for path in missing)


def test_what_is_said_to_be_compared_is_a_property_of_parity() -> None:
    named = {w for m in TABLE.values() if m.treatment == Treatment.COMPARED for w in m.words.split(", ")}
    assert named <= set(PROPERTIES)
    assert Treatment.COMPARED not in {m.treatment for t in (CREATE, IMPORT, EXPORT) for m in t.values()}


def full(shape: Shape) -> Any:
    """A value with every member."""
    if shape.type_name == "structure":
        return {name: full(inner) for name, inner in shape.members.items()}
    if shape.type_name == "list":
        return [full(shape.member)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "text"
    return {"boolean": True, "timestamp": 1_700_000_000}.get(shape.type_name, 7)


def table(billing: str) -> dict[str, Any]:
    """An answer of DescribeTable with every member of the model, whose names fit together."""
    made = full(MODEL.shape_for("TableDescription"))
    made["TableArn"] = "arn:aws:dynamodb:us-east-1:111122223333:table/text"
    made["BillingModeSummary"]["BillingMode"] = billing
    made["SSEDescription"]["Status"] = "ENABLED"
    return made  # type: ignore[no-any-return]


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf: its path, and where it hangs."""
    for name, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        here = f"{path}[]" if isinstance(value, list) else f"{path}.{name}" if path else str(name)
        if isinstance(inner, (dict, list)):
            yield from places(inner, here)
        else:
            yield here, value, name


def other(path: str, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    kinds = {p: getattr(shape, "enum", ()) for p, shape in leaves(MODEL.shape_for("TableDescription"))}
    if path == "SSEDescription.Status":
        return "DISABLED"
    if path == "Replicas[].KMSMasterKeyId":
        return None  # whether there is one
    return next((v for v in kinds.get(path) or () if v != value), "another")


def seen(said: dict[str, Any]) -> PartialDefinition:
    unknown: dict[str, str] = {}
    definition = definition_of(said, ttl=None, recovery_days=None, tags=(), unknown=unknown)
    return PartialDefinition(definition, unknown, unfamiliar(said))


@pytest.mark.parametrize("path", sorted(TABLE))
def test_a_member_that_differs_alone_is_told_if_it_is_compared_and_only_then(path: str) -> None:
    told, silent = set(), set()
    for billing in ("PROVISIONED", "PAY_PER_REQUEST"):
        plain = table(billing)
        spoilt = deepcopy(plain)
        for here, holder, name in places(spoilt):
            if here == path:
                holder[name] = other(path, holder[name])
        parity = compare_definitions(seen(plain), seen(spoilt))
        found = {d.property for d in parity.differences} | {g.property for g in parity.not_checked}
        (told if found else silent).add(billing)
        same = compare_definitions(seen(plain), seen(deepcopy(plain)))
        assert (same.differences, same.not_checked) == ((), ())
    if TABLE[path].treatment == Treatment.COMPARED:
        assert told, path
    else:
        assert not told, path


def test_a_member_that_nobody_has_heard_of_is_named_where_it_stands() -> None:
    said = table("PROVISIONED")
    assert unfamiliar(said) == ()
    said["Mood"] = {"State": ["good"], "Since": 1}
    said["GlobalSecondaryIndexes"][0]["Projection"]["Mood"] = "good"
    assert unfamiliar(said) == ("GlobalSecondaryIndexes[].Projection.Mood", "Mood")
    parity = compare_definitions(seen(said), seen(table("PROVISIONED")))
    assert [g.why.split(",")[0] for g in parity.not_checked] == [
        "not compared: GlobalSecondaryIndexes[].Projection.Mood",
        "not compared: Mood",
    ]


def patched(source: dict[str, Any], target: dict[str, Any]) -> Any:
    """Let DescribeTable say more, in each region its own."""

    def after(asked: Asked, said: Said) -> Said:
        more = source if asked.region == "us-east-1" else target
        return changed(said, lambda d: d["Table"].update(more)) if asked.operation == "DescribeTable" else said

    return after


SOURCE: dict[str, Any] = {
    "Replicas": [{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}],
    "MultiRegionConsistency": "STRONG",
    "VectorIndexes": [
        {"IndexName": "vx", "VectorAttribute": {"AttributeName": "emb"}, "Dimensions": 1024, "IndexStatus": "ACTIVE"}
    ],
}
TARGET: dict[str, Any] = {
    "Replicas": [{"RegionName": "ap-south-1", "ReplicaStatus": "ACTIVE"}],
    "MultiRegionConsistency": "EVENTUAL",
    "VectorIndexes": [
        {"IndexName": "vx", "VectorAttribute": {"AttributeName": "emb"}, "Dimensions": 3, "IndexStatus": "ACTIVE"}
    ],
}


def test_an_unknown_member_can_be_accepted_by_name(world: World) -> None:
    config = load_config(world.config(accept={"not_checked": {"definition-unknown-members": ["*"]}}))
    assert config.accept.not_checked == {"definition-unknown-members": ["*"]}


def test_replicas_consistency_and_vector_indexes_that_differ_are_not_called_equal(world: World) -> None:
    world.pair("a", things(1), pitr=False)
    with between(world.endpoint, after=patched(SOURCE, TARGET)) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, target=here))
        plan = make_plan(config, connect(config))
    parity = plan.parity[world.src("a")]
    assert "replicas and vector indexes" not in parity.equal
    assert [(d.what, d.source, d.target) for d in parity.differences if d.rating == "warns"] == [
        ("consistency between regions", "STRONG", "EVENTUAL"),
        ("replica in ap-south-1", "none", "there"),
        ("replica in eu-west-1", "there", "none"),
        ("vector index vx", "Dimensions 1024, VectorAttribute AttributeName emb",
         "Dimensions 3, VectorAttribute AttributeName emb"),
    ]  # fmt: skip
    told = {w.expected for w in plan.warnings}
    assert "consistency between regions STRONG, as the source has it" in told


def test_a_member_that_the_installed_boto3_drops_is_not_called_equal_either(world: World) -> None:
    world.pair("a", things(1))
    with between(world.endpoint, after=patched({"Mood": "good"}, {"Mood": "good"})) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, target=here))
        clients = connect(config)
        assert read_partial_definition(clients.source, world.src("a")).unfamiliar == ("Mood",)
        plan = make_plan(config, clients)
    (gap,) = plan.parity[world.src("a")].not_checked
    assert gap.why.startswith("not compared: Mood, which DescribeTable says of the source and the target")
    assert [c.id for c in plan.checks if "Mood" in c.found and c.status == "not checked"] == [
        "definition-unknown-members"
    ]


def _holders(value: Any, way: list[str]) -> list[dict[str, Any]]:
    if not way:
        return [value] if isinstance(value, dict) else []
    inner = value.get(way[0]) if isinstance(value, dict) else None
    some = inner if isinstance(inner, list) else [inner]
    return [holder for one in some for holder in _holders(one, way[1:])]


SPARSE = [
    "AttributeDefinitions", "BillingModeSummary", "CreationDateTime", "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes", "ItemCount", "KeySchema", "LocalSecondaryIndexes", "ProvisionedThroughput",
    "TableArn", "TableId", "TableName", "TableSizeBytes", "TableStatus", "WarmThroughput",
    "AttributeDefinitions.AttributeName", "AttributeDefinitions.AttributeType", "BillingModeSummary.BillingMode",
    "GlobalSecondaryIndexes.IndexName", "GlobalSecondaryIndexes.IndexStatus", "GlobalSecondaryIndexes.KeySchema",
    "GlobalSecondaryIndexes.Projection", "GlobalSecondaryIndexes.ProvisionedThroughput",
    "GlobalSecondaryIndexes.WarmThroughput", "GlobalSecondaryIndexes.KeySchema.AttributeName",
    "GlobalSecondaryIndexes.KeySchema.KeyType", "GlobalSecondaryIndexes.Projection.ProjectionType",
    "KeySchema.AttributeName", "KeySchema.KeyType", "ProvisionedThroughput.ReadCapacityUnits",
    "ProvisionedThroughput.WriteCapacityUnits", "WarmThroughput.WriteUnitsPerSecond",
]  # fmt: skip


def without(table: dict[str, Any], *missing: str) -> dict[str, Any]:
    left = deepcopy(table)
    for path in missing:
        *way, last = path.split(".")
        for holder in _holders(left, way):
            holder.pop(last, None)
    return left


class Sparse:
    """A client that is asked about one table and answers at once."""

    def __init__(self, real: Any, table: dict[str, Any]) -> None:
        self.meta, self.exceptions, self.table = real.meta, real.exceptions, table

    def describe_table(self, TableName: str) -> dict[str, Any]:
        return {"Table": self.table}

    def __getattr__(self, name: str) -> Any:
        return lambda **_: {}


def test_an_answer_without_any_one_or_two_of_its_members_is_read_or_named_as_not_whole(world: World) -> None:
    world.pair("a", things(1), **indexed_by("owner", "S"))
    raw = world.source.describe_table(TableName=world.src("a"))["Table"]
    whole = read_partial_definition(Sparse(world.source, raw), world.src("a"))
    refused = set()
    for missing in combinations_with_replacement(SPARSE, 2):
        client = Sparse(world.source, without(raw, *missing))
        try:
            assert describe_capacity(client, world.src("a"))
            compare_definitions(whole, read_partial_definition(client, world.src("a")))
        except ConfigError:  # and nothing else
            refused.add(missing)
    alone = {one for one, other in refused if one == other}
    assert alone == {
        "AttributeDefinitions", "AttributeDefinitions.AttributeName", "AttributeDefinitions.AttributeType",
        "GlobalSecondaryIndexes.IndexName", "GlobalSecondaryIndexes.KeySchema",
        "GlobalSecondaryIndexes.KeySchema.AttributeName", "GlobalSecondaryIndexes.KeySchema.KeyType", "KeySchema",
        "KeySchema.AttributeName", "KeySchema.KeyType", "TableArn",
    }  # fmt: skip


@pytest.mark.chaos
def test_servers_that_leave_any_member_out_get_a_plan_that_names_what_is_missing(world: World) -> None:
    """One table for each member that its source and its target do not say."""
    dropped = [m for m in SPARSE if m.count(".") == 0 or m.endswith(("Projection", "ProjectionType"))]
    for number in range(len(dropped)):
        world.pair(f"m{number}", **indexed_by("owner", "S"))

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeTable":
            return said
        missing = dropped[int(asked.json["TableName"].rpartition("-m")[2])]
        return changed(said, lambda d: d.update(Table=without(d["Table"], missing)))

    with between(world.endpoint, after=after) as server:
        here = {"endpoint_url": server.endpoint}
        config = load_config(world.config(source=here, target=here))
        plan = make_plan(config, connect(config))
    assert len(plan.pairs) == len(dropped)
    for missing in ("TableArn", "KeySchema", "AttributeDefinitions", "TableStatus"):
        names = {world.src(f"m{dropped.index(missing)}"), world.dst(f"m{dropped.index(missing)}")}
        assert {b.table for b in plan.blockers} & names, missing
    for missing in ("ProvisionedThroughput", "TableName", "TableId", "LocalSecondaryIndexes", "ItemCount"):
        names = {world.src(f"m{dropped.index(missing)}"), world.dst(f"m{dropped.index(missing)}")}
        assert not {b.table for b in plan.blockers} & names, missing


def test_a_look_that_breaks_off_is_not_checked_and_named_in_full(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.pair("a", things(1))
    config = load_config(world.config())
    clients = connect(config)
    for module, name in (
        ("runbook_lib.preflight.checks.quotas", "server_time"),
        ("runbook_lib.preflight.checks.target", "_place"),
    ):

        def broken(*_: Any, name: str = name) -> Any:
            raise ZeroDivisionError(f"in {name}")

        monkeypatch.setattr(import_module(module), name, broken)
    plan = make_plan(config, clients)
    told = {c.id: c.found for c in plan.checks if "ZeroDivisionError" in c.found}
    assert set(told) == {"clock", "target-table"}
    assert "ZeroDivisionError: in _place" in told["target-table"]
    assert [b.table for b in plan.blockers] == [world.dst("a")]
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Wed, 25 Nov 2026 10:00:00 GMT", True),
        ("Wed, 25 Nov 2026 10:00:00 GMT, Wed, 25 Nov 2026 10:00:01 GMT", True),
        ("Wed, 25 Nov 2026 10:00:00 -0000", True),
        ("Wed, 25 Nov 2026 10:00:00", True),
        ("Wednesday, 25-Nov-26 10:00:00 GMT", True),
        ("Wed, 25 Nov 2026 11:00:00 +0100", True),
        ("Wed, 25 Nov 2026 99:00:00 GMT", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_the_date_of_an_answer_is_a_moment_or_said_to_be_unreadable(header: str, expected: bool) -> None:
    if expected:
        assert date_of(header) == datetime(2026, 11, 25, 10, tzinfo=UTC)
    else:
        with pytest.raises(ConfigError, match="no Date that can be read"):
            date_of(header)


@pytest.mark.chaos
def test_the_command_names_members_that_only_differ_behind_their_names(world: World) -> None:
    world.pair("a", things(1))
    with between(world.endpoint, after=patched(SOURCE, TARGET)) as server:
        here = {"endpoint_url": server.endpoint}
        ended = runbook_here("run", world.config(source=here, target=here), "--run-id", "r", "--only", "preflight")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = (world.folder / "reports" / "r" / "report.md").read_text(encoding="utf-8")
    for what in ("consistency between regions", "replica in ap-south-1", "replica in eu-west-1", "vector index vx"):
        assert what in told.replace("\\", ""), what


@pytest.mark.chaos
def test_a_run_behind_a_proxy_that_adds_a_date_ends_with_its_report(world: World) -> None:
    world.pair("a", things(1))

    def twice(asked: Asked, said: Said) -> Said:
        dates = [(n, v) for n, v in said[1] if n.lower() == "date"]
        return said[0], [*said[1], *dates, *dates], said[2]

    with between(world.endpoint, after=twice) as server:
        here = {"endpoint_url": server.endpoint}
        ended = runbook_here(
            "run", world.config(source=here, target=here), "--run-id", "r", "--only", "preflight",
            AWS_ENDPOINT_URL=server.endpoint,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert (world.folder / "reports" / "r" / "report.html").exists()


def test_an_export_that_says_what_nobody_here_knows_is_not_called_whole(world: World) -> None:
    world.pair("a", things(3))
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    made = world.source.export_table_to_point_in_time(TableArn=arn, S3Bucket=world.bucket)["ExportDescription"]
    reuse = {world.src("a"): made["ExportArn"]}
    while world.source.describe_export(ExportArn=made["ExportArn"])["ExportDescription"]["ExportStatus"] != "COMPLETED":
        time.sleep(0.05)
    for more, status in (({}, "ok"), ({"Sample": {"Percent": 10}}, "not checked")):

        def after(asked: Asked, said: Said, more: dict[str, Any] = more) -> Said:
            if asked.operation != "DescribeExport":
                return said
            return changed(said, lambda d: d["ExportDescription"].update(more))

        with between(world.endpoint, after=after) as server:
            config = load_config(world.config(source={"endpoint_url": server.endpoint}, export={"reuse": reuse}))
            plan = make_plan(config, connect(config))
        (found,) = [c for c in plan.checks if c.id == "export-is-whole"]
        assert found.status == status
    assert "Sample" in found.found
