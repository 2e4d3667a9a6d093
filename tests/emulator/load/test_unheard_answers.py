"""A call whose answer was lost in the client, and whose repetition is refused, is never taken for one not made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from runbook_lib.errors import TableError, TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from tests.support.liar import RAW, Answer, Between, Request, aws_error, lied_to
from tests.support.recorded import create_missing_targets, export_tables, import_tables
from tests.support.tables import target_exists, turn_on_recovery
from tests.support.world import World, things

EMPTY = {
    "ListImports": {"ImportSummaryList": []},
    "ListBulkOperations": {"BulkOperationsSummaryList": []},
    "ListTagsOfResource": {"Tags": []},
}
ANSWERED = ("AccessDeniedException", "ResourceInUseException", "LimitExceededException")


@dataclass
class Unheard:
    """Loses the first answer of an operation, and refuses it from then on; some lists show nothing for a while."""

    liar: Between
    operation: str = ""
    refusal: str = ""
    left: int = 0
    unlisted: frozenset[str] = field(default_factory=frozenset)
    lost: int = 0

    def set(self, operation: str, refusal: str, times: int = 1_000, unlisted: tuple[str, ...] = ()) -> None:
        self.operation, self.refusal, self.left, self.lost = operation, refusal, times, 0
        self.unlisted = frozenset(unlisted)

    def stop(self) -> None:
        self.operation, self.unlisted = "none", frozenset()

    def instead(self, request: Request) -> Answer | None:
        if request.operation in self.unlisted and self.lost:
            return 200, json.dumps(EMPTY[request.operation]).encode()
        if request.operation == self.operation and self.lost and self.left:
            self.left -= 1
            return aws_error(self.refusal)
        return None

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != self.operation or self.lost:
            return None
        self.lost += 1
        return RAW, b""


@pytest.fixture
def unheard(world: World) -> Iterator[Unheard]:
    with lied_to(world, Unheard) as made:
        yield made


def source(world: World) -> str:
    """A source table with all that is set once the target is there."""
    name = world.src("a")
    world.table(
        world.source, name, DeletionProtectionEnabled=True, Tags=[{"Key": "team", "Value": "x"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )  # fmt: skip
    turn_on_recovery(world, world.source, name, 9)
    world.source.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    world.put(world.source, name, things(20))
    return name


def planned(world: World, strategy: str) -> tuple[Run, str]:
    """A run as far as the import, and its migration file."""
    if strategy == "bulk_put":
        world.pair("a", things(20))
        changes = {"import": {"strategy": "bulk_put"}}
    else:
        source(world)
        changes = {"import": {"strategy": strategy}, "tables": {"create_missing": True}}
    config = str(world.config(**changes))
    run = open_run(config, "r", True)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run, config


def again(run: Run) -> Run:
    """The same run in a later process."""
    return Run(run.id, run.folder, run.config, run.clients, run.ledger, execute=True)


def load(run: Run) -> None:
    create_missing_targets(run, sleep=lambda seconds: None)
    import_tables(run)


def begun(world: World, operation: str) -> int:
    """How many imports or bulk puts into the target AWS knows of."""
    if operation == "ImportTable":
        return len([s for s in world.target.list_imports()["ImportSummaryList"] if world.dst("a") in s["TableArn"]])
    pages = world.target.get_paginator("list_bulk_operations").paginate()
    arns = [one["BulkOperationArn"] for page in pages for one in page["BulkOperationsSummaryList"]]
    said = [world.target.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"] for arn in arns]
    return sum(world.dst("a") in one["TableDetails"][0]["TableName"] for one in said)


STARTS = [("import_table", "ImportTable", "ListImports"), ("bulk_put", "StartBulkPutItems", "ListBulkOperations")]


@pytest.mark.parametrize("refusal", [*ANSWERED, "ImportConflictException"])
@pytest.mark.parametrize(("strategy", "operation", "listing"), STARTS)
@pytest.mark.few(4)
def test_what_was_begun_unheard_is_followed_at_once_where_it_is_listed(
    world: World, unheard: Unheard, strategy: str, operation: str, listing: str, refusal: str
) -> None:
    run, _ = planned(world, strategy)
    unheard.set(operation, refusal, times=3 if refusal.startswith("Limit") else 1_000)
    load(run)
    assert (begun(world, operation), len(world.items(world.target, world.dst("a")))) == (1, 20)


@pytest.mark.parametrize("refusal", ["AccessDeniedException", "ResourceInUseException"])
@pytest.mark.parametrize(("strategy", "operation", "listing"), STARTS)
@pytest.mark.few(2)
def test_what_was_begun_unheard_and_is_not_listed_is_unknown_and_no_orphan(
    world: World, unheard: Unheard, strategy: str, operation: str, listing: str, refusal: str
) -> None:
    run, config = planned(world, strategy)
    unheard.set(operation, refusal, unlisted=(listing,))
    for start in (run, again(run)):  # in the second nobody has lost anything, and it knows no more
        with pytest.raises(TransferError, match="may have begun it all the same") as told:
            load(start)
        assert "somebody else" not in str(told.value)
        assert "nothing was written" not in str(told.value).lower()
        assert IMPORTS.needed(run.ledger, world.src("a")).is_by_service
    unheard.stop()
    load(again(run))
    assert (begun(world, operation), len(world.items(world.target, world.dst("a")))) == (1, 20)
    run.ledger.close()
    cleaning = open_cleanup(config, "r", True, "")
    (removal,) = clean_up(cleaning, "r", sleep=lambda seconds: None)
    assert (removal.done, removal.kept) == (True, "")
    left = world.items(world.target, world.dst("a")) if target_exists(world, world.dst("a")) else []
    assert left == []


@pytest.mark.parametrize("refusal", ANSWERED)
def test_a_table_that_was_made_unheard_is_the_runs_own(world: World, unheard: Unheard, refusal: str) -> None:
    run, _ = planned(world, "batch_write")
    unheard.set("CreateTable", refusal, times=3 if refusal.startswith("Limit") else 1_000)
    with pytest.raises(TableError, match="may have done it") if "Access" in refusal else nullcontext():
        create_missing_targets(run, sleep=lambda seconds: None)
    unheard.stop()
    made = create_missing_targets(again(run), sleep=lambda seconds: None)
    assert made[world.src("a")]["status"] == "created"


def test_a_table_whose_mark_does_not_show_is_not_called_anothers_where_it_may_be_the_runs(
    world: World, unheard: Unheard
) -> None:
    run, _ = planned(world, "batch_write")
    unheard.set("CreateTable", "ResourceInUseException", unlisted=("ListTagsOfResource",))
    for start in (run, again(run)):
        with pytest.raises(TableError, match="whose it is cannot be told yet"):
            create_missing_targets(start, sleep=lambda seconds: None)
    unheard.stop()
    made = create_missing_targets(again(run), sleep=lambda seconds: None)
    assert made[world.src("a")]["status"] == "created"


@pytest.mark.parametrize("refusal", ["ResourceInUseException", "AccessDeniedException"])
def test_a_table_that_was_deleted_unheard_is_seen_to_be_gone(world: World, unheard: Unheard, refusal: str) -> None:
    run, config = planned(world, "batch_write")
    load(run)
    run.ledger.close()
    unheard.set("DeleteTable", refusal, times=1)
    (removal,) = clean_up(open_cleanup(config, "r", True, ""), "r", sleep=lambda seconds: None)
    assert (removal.table_deleted, removal.kept, unheard.left) == (True, "", 0)
    assert not target_exists(world, world.dst("a"))


def test_recovery_that_was_turned_on_unheard_is_seen_to_be_on(world: World, unheard: Unheard) -> None:
    world.pair("a", things(3), pitr=False)
    run = open_run(str(world.config(export={"enable_pitr": [world.src("a")]})), "r", True)
    assert preflight(run).blockers == ()
    unheard.set("UpdateContinuousBackups", "AccessDeniedException", times=1)
    assert export_tables(run)[world.src("a")]["items"] == 3
    assert unheard.left == 0
