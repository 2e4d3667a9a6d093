"""A setting of a target that was made unheard, and is then refused, is seen to be made: each that there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from runbook_lib.aws.autoscaling import read_scaling
from runbook_lib.aws.guard import allowed_calls
from runbook_lib.load.targets.create_tables import MARK
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.run.witnesses.writers.named_register import REGISTER_TAG
from runbook_lib.sandbox.client import sandbox_client
from runbook_lib.undo.cleanup import clean_up
from tests.support.liar import RAW, Answer, Between, Request, aws_error, lied_to
from tests.support.recorded import create_missing_targets, export_tables, import_tables, warm_targets
from tests.support.tables import autoscale_reads, target_exists, turn_on_recovery
from tests.support.world import World, things

REFUSALS = ("AccessDeniedException", "ValidationException", "ResourceInUseException")
# Of what may be granted on a target: what begins something (see test_unheard_answers.py), and what only reads.
STARTS = {"CreateTable", "ImportTable", "StartBulkPutItems", "DeleteTable"}
READS = ("Describe", "List", "Get")


@dataclass
class Unheard:
    """Loses the answers of one request about the target, and refuses its repetition."""

    liar: Between
    target: str = ""
    operation: str = ""
    says: str = ""
    refusal: str = ""
    lost: int = 0
    refused: int = 0

    def is_meant(self, request: Request) -> bool:
        said = json.dumps(request.json) if request.operation == self.operation else ""
        return bool(said) and self.target in said and self.says in said

    def instead(self, request: Request) -> Answer | None:
        if self.is_meant(request) and self.lost and not self.refused:
            self.refused += 1
            return aws_error(self.refusal)
        return None

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if not self.is_meant(request) or self.lost:
            return None
        self.lost += 1
        return RAW, b""


@pytest.fixture
def unheard(world: World) -> Iterator[Unheard]:
    with lied_to(world, Unheard) as made:
        made.target = world.dst("a")
        yield made


def source(world: World) -> str:
    """A source with all that is set once its target is there."""
    name, units = world.src("a"), {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    world.table(
        world.source, name, DeletionProtectionEnabled=True, Tags=[{"Key": "team", "Value": "x"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        BillingMode="PROVISIONED", ProvisionedThroughput=units,
    )  # fmt: skip
    turn_on_recovery(world, world.source, name, 9)
    world.source.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    world.put(world.source, name, things(5))
    client = sandbox_client("application-autoscaling", world.endpoint, "us-east-1")
    autoscale_reads(client, name, 2)
    client.close()
    return name


def scaled(world: World) -> int:
    client = sandbox_client("application-autoscaling", world.endpoint, "us-east-2")
    found = read_scaling(client, [world.dst("a")]).capacities
    client.close()
    return sum(len(one.policies) for one in found)


def opened(world: World, strategy: str) -> tuple[Run, str]:
    """A run as far as its exports, and its migration file."""
    if strategy == "existing":
        world.pair("a", things(5))
        config = str(world.config())
    else:
        source(world)
        config = str(world.config(**{"import": {"strategy": strategy}, "tables": {"create_missing": True}}))
    run = open_run(config, "r", True)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run, config


def created(world: World, strategy: str) -> None:
    """A target is created, or imported, and is in all that is set as its source is."""
    run, _ = opened(world, strategy)
    made = create_missing_targets(run, sleep=lambda seconds: None)
    if strategy == "import_table":
        import_tables(run)
    else:
        assert made[world.src("a")]["left_out"] == []
    assert "created" in str(run.ledger.get("created", world.src("a")))
    assert scaled(world) == 1


def imported(world: World) -> None:
    import_tables(opened(world, "existing")[0])
    assert REGISTER_TAG in tags(world)


def warmed(world: World) -> None:
    world.pair("a", things(5))
    run = world.open(**{"import": {"warm_throughput": {world.dst("a"): 14_000}}})
    assert preflight(run).blockers == ()
    assert warm_targets(run, sleep=lambda seconds: None)[world.dst("a")]["reached"]


def cleaned(world: World, strategy: str) -> None:
    run, config = opened(world, strategy)
    create_missing_targets(run, sleep=lambda seconds: None)
    import_tables(run)
    run.ledger.close()
    cleaning = open_cleanup(config, "r", True, "")
    (removal,) = clean_up(cleaning, "r", sleep=lambda seconds: None)
    assert (removal.done, removal.kept) == (True, "")
    if strategy == "existing":
        assert REGISTER_TAG not in tags(world)
    else:
        assert not target_exists(world, world.dst("a"))
    assert scaled(world) == 0


def tags(world: World) -> set[str]:
    arn = world.target.describe_table(TableName=world.dst("a"))["Table"]["TableArn"]
    return {tag["Key"] for tag in world.target.list_tags_of_resource(ResourceArn=arn)["Tags"]}


Setting = tuple[str, str]  # an operation, and what its request says
SETTINGS: dict[Setting, Callable[[World], None]] = {
    ("UpdateTimeToLive", "end"): lambda world: created(world, "batch_write"),
    ("UpdateContinuousBackups", "Recovery"): lambda world: created(world, "batch_write"),
    ("UntagResource", MARK): lambda world: created(world, "batch_write"),
    ("RegisterScalableTarget", "MinCapacity"): lambda world: created(world, "batch_write"),
    ("PutScalingPolicy", "follow"): lambda world: created(world, "batch_write"),
    ("TagResource", "team"): lambda world: created(world, "import_table"),
    ("UpdateTable", "StreamEnabled"): lambda world: created(world, "import_table"),
    ("UpdateTable", "Protection"): lambda world: created(world, "import_table"),
    ("UpdateTable", "WarmThroughput"): warmed,
    ("TagResource", REGISTER_TAG): imported,
    ("UntagResource", REGISTER_TAG): lambda world: cleaned(world, "existing"),
    ("UpdateTable", '"DeletionProtectionEnabled": false'): lambda world: cleaned(world, "batch_write"),
    ("DeregisterScalableTarget", "ReadCapacity"): lambda world: cleaned(world, "batch_write"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("setting", SETTINGS, ids=" of ".join)
@pytest.mark.few(13)  # each setting once
def test_a_setting_that_was_made_unheard_is_seen_to_be_made(
    world: World, unheard: Unheard, setting: Setting, refusal: str
) -> None:
    unheard.operation, unheard.says = setting
    unheard.refusal = refusal
    SETTINGS[setting](world)
    assert (unheard.lost, unheard.refused) == (1, 1)


def test_no_setting_of_a_target_is_left_out() -> None:
    granted = (
        allowed_calls.TARGET_WARMING
        | allowed_calls.TARGET_CREATES
        | allowed_calls.TARGET_SCALES
        | allowed_calls.TARGET_UNSCALES
        | allowed_calls.TARGET_IMPORTS
        | allowed_calls.TARGET_BULK_PUTS
        | allowed_calls.TARGET_DELETES
        | allowed_calls.TARGET_REGISTERS
    )
    names = {operation.partition(":")[2] for operation in granted}
    assert {name for name in names if not name.startswith(READS)} - STARTS == {name for name, _ in SETTINGS}
