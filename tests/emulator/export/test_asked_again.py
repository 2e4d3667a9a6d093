"""An export of which nothing came is asked for again by the next start, wherever a run asks for one; no other is."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import pytest

from runbook_lib.aws.dynamodb import exports
from runbook_lib.catchup.step import catch_up
from runbook_lib.cutover.step import cut_over
from runbook_lib.errors import ExportError, RunbookError
from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.cut_over.gates import CutOverAsked, Gate, GateState
from runbook_lib.run.facts.export import EXPORT_TIME, UNREAD_EXPORTS
from runbook_lib.undo.rollback import roll_back
from tests.support.chains import edit_summary
from tests.support.cutting_over import readied, states
from tests.support.liar import Answer, Between, Request, between
from tests.support.moving import Moving, live, moved
from tests.support.overwriting import overwritten
from tests.support.world import World, things

FULL, CHANGES = "FULL_EXPORT", "INCREMENTAL_EXPORT"
EXPORT, DESCRIBE = "ExportTableToPointInTime", "DescribeExport"
SHORT = {"export": {"timeout_minutes": 0.2}}
ENDED = {"ExportStatus": "FAILED", "FailureCode": "S3AccessDenied", "FailureMessage": "Access Denied"}


class Killed(BaseException):
    """Nothing that the library catches."""


def killed(*_: object) -> NoReturn:
    raise Killed


@dataclass
class Faults:
    """What DescribeExport says of the exports of one `kind` and table, from the first that is asked for on."""

    liar: Between
    kind: str = ""
    table: str = ""
    say: dict[str, Any] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    mine: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if status != 200 or request.operation not in (EXPORT, DESCRIBE):
            return None
        data = json.loads(body)
        about = data["ExportDescription"]
        if request.operation == EXPORT:
            if about.get("ExportType", FULL) == self.kind and about["TableArn"].endswith(self.table):
                self.tokens.append(request.json["ClientToken"])
                self.mine.add(about["ExportArn"])
            return None
        if about["ExportArn"] in self.mine and self.say:
            if self.say == ENDED:
                self.failed.add(about["ExportArn"])
            about |= self.say
        if about["ExportArn"] in self.failed:
            about |= ENDED
        return status, json.dumps(data).encode()


@pytest.fixture
def faults(world: World) -> Iterator[Faults]:
    with between(world.endpoint) as lying:
        made = Faults(lying)
        lying.after, behind, world.endpoint = made.after, world.endpoint, lying.endpoint
        yield made
        world.endpoint = behind


def nap(seconds: float) -> None:
    time.sleep(0.01)


def passing_time(moving: Moving) -> Callable[[float], None]:
    return lambda seconds: moving.minutes(2) if seconds >= 1 else nap(seconds)


def cutting(moving: Moving, frozen: str, **options: Any) -> None:
    cut_over(moving.run, asked=CutOverAsked(frozen, confirmed=True), sleep=passing_time(moving), **options)


def of_a_run(world: World) -> Callable[[], object]:
    world.pair("a", things(5))
    run = world.open(**SHORT)
    preflight(run)
    return lambda: export_tables(run, sleep=nap)


def of_a_window(world: World) -> Callable[[], object]:
    moving = moved(world, 5, **SHORT)
    live(moving, 0)
    return lambda: catch_up(moving.run, sleep=nap)


def of_a_proof(world: World) -> Callable[[], object]:
    moving = readied(moved(world, 5, **SHORT, cut_over={"proof": "full_export"}))
    frozen = moving.now()
    return lambda: cutting(moving, frozen)


def of_a_look_afterwards(world: World) -> Callable[[], object]:
    moving = readied(moved(world, 5, **SHORT, cut_over={"proof": "overlay"}))
    cutting(moving, moving.now())
    moving.minutes(40)
    return lambda: cutting(moving, "")


def of_a_rollback(world: World) -> Callable[[], object]:
    run, _ = overwritten(world, 5, **SHORT)

    def work() -> None:
        (fact,) = roll_back(run, run.id, sleep=nap)
        if fact.failure:
            raise ExportError(fact.failure)

    return work


PLACES = [
    (of_a_run, FULL, "src-a"), (of_a_window, CHANGES, "src-a"), (of_a_proof, FULL, "src-a"),
    (of_a_look_afterwards, CHANGES, "src-a"), (of_a_rollback, FULL, "dst-a"),
]  # fmt: skip


@pytest.mark.few(2)
@pytest.mark.whole
@pytest.mark.parametrize(("place", "kind", "table"), PLACES, ids=[place.__name__ for place, _, _ in PLACES])
def test_only_an_export_that_has_failed_is_asked_for_again(
    place: Callable[[World], Callable[[], object]],
    kind: str,
    table: str,
    world: World,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A permission that was granted afterwards changed nothing: what had failed was looked at again and again."""
    start = place(world)
    faults.kind, faults.table = kind, table
    for say, told in (
        ({"ExportStatus": "IN_PROGRESS"}, "still running after export.timeout_minutes"),
        ({"ExportStatus": "LOST"}, "DescribeExport says LOST, a state that this code does not know"),
        (ENDED, "S3AccessDenied: Access Denied"),
    ):
        faults.say = say
        with pytest.raises(RunbookError, match=told):
            start()
        assert len(faults.tokens) == 1
    faults.say = {}
    with monkeypatch.context() as patch:  # the next start is killed before it hears that AWS has begun it
        patch.setattr(exports, "said_text", killed)
        with pytest.raises(Killed):
            start()
    assert len(set(faults.tokens)) == len(faults.tokens) == 2
    start()
    assert len(faults.tokens) == 2
    start()  # a look after the go goes on from the one before
    assert len(faults.tokens) == (3 if place is of_a_look_afterwards else 2)


@pytest.mark.chaos
def test_a_window_of_a_go_that_has_failed_is_named_and_the_next_start_goes_on(world: World, faults: Faults) -> None:
    moving = readied(moved(world, 5, **SHORT, cut_over={"proof": "overlay"}))
    frozen = moving.now()

    def watch(at: Gate, fact: Any) -> None:
        if at is Gate.SMOKE and not faults.kind:
            moving.minutes(30)
            faults.kind, faults.say = CHANGES, ENDED

    with pytest.raises(ExportError, match=r"window \d .* ended as FAILED: S3AccessDenied: Access Denied; run the same"):
        cutting(moving, frozen, watch=watch)
    faults.say = {}
    cutting(moving, frozen)
    assert states(moving)["go"] is GateState.PASSED


def sign_summary(world: World, folder: str) -> None:
    """Let an edited manifest pass for one that AWS wrote."""
    key = folder.split("/", 3)[3] + "manifest-summary."
    body = world.s3.get_object(Bucket=world.bucket, Key=key + "json")["Body"].read()
    world.put_object(key + "md5", base64.b64encode(hashlib.md5(body).digest()))


@pytest.mark.whole
def test_a_window_of_other_times_is_asked_for_again_and_its_files_are_the_runs(world: World, faults: Faults) -> None:
    """The message said to export it again, which nothing did."""
    moving = moved(world, 5)
    live(moving, 0)
    run, others = moving.run, faults.liar.after

    def untold(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != DESCRIBE or status != 200:
            return others(request, status, body)
        data = json.loads(body)
        about = data["ExportDescription"]
        if about.pop("IncrementalExportSpecification", None) and about["ExportStatus"] == "COMPLETED":
            folder = f"s3://{world.bucket}/exports/AWSDynamoDB/{about['ExportArn'].rpartition('/')[2]}/"
            edit_summary(world, folder, exportFromTime="2020-01-01T00:00:00.000Z")
            sign_summary(world, folder)
        return status, json.dumps(data).encode()

    faults.kind, faults.liar.after = CHANGES, untold
    with pytest.raises(ExportError, match=r"its manifest says 2020-.*; run the same command again, which asks for ano"):
        catch_up(run, sleep=nap)
    (name,) = UNREAD_EXPORTS.all(run.ledger)
    faults.liar.after = others
    catch_up(run, sleep=nap)
    assert len(set(faults.tokens)) == 2
    assert name.startswith(f"{world.src('a')} arn:")


@pytest.mark.chaos
def test_a_dry_catch_up_asks_for_no_other_export(world: World, faults: Faults) -> None:
    moving = moved(world, 5)
    live(moving, 0)
    faults.kind, faults.say = CHANGES, ENDED
    for execute, told in ((True, "run the same command again"), (False, "run it with --execute, which asks for anoth")):
        moving.run.execute = execute
        with pytest.raises(ExportError, match=f"S3AccessDenied: Access Denied; {told}"):
            catch_up(moving.run, sleep=nap)
    assert len(faults.tokens) == 1


@pytest.mark.chaos
def test_one_start_finds_every_export_that_has_failed(world: World, faults: Faults) -> None:
    """Of each table by itself it would take as many starts as there are tables."""
    world.pair("b", things(5))
    moving = moved(world, 5, **SHORT, cut_over={"proof": "overlay"})
    world.let_pass("b", 20)
    readied(moving)
    frozen = moving.now()
    faults.kind, faults.say = CHANGES, ENDED
    world.let_pass("b", 30)
    with pytest.raises(ExportError, match=r"src-a: window \d .*FAILED.*; .*src-b: window \d .*FAILED"):
        cutting(moving, frozen)
    faults.say = {}
    assert len(faults.tokens) == 2
    cutting(moving, frozen)
    assert states(moving)["go"] is GateState.PASSED


def test_the_moment_is_chosen_anew_while_no_export_was_begun(world: World) -> None:
    """Recovery was off at the first start: its moment lies before all that can be exported once it is on again."""
    world.pair("a", things(5))
    world.pair("b", things(5))
    run = world.open()
    preflight(run)

    def recovery(name: str, on: bool) -> None:
        setting = {"PointInTimeRecoveryEnabled": on}
        world.source.update_continuous_backups(TableName=world.src(name), PointInTimeRecoverySpecification=setting)

    recovery("a", False)
    recovery("b", False)
    with pytest.raises(ExportError, match="PointInTimeRecoveryUnavailable"):
        export_tables(run)
    first = EXPORT_TIME.of(run.ledger)
    time.sleep(2)
    recovery("a", True)
    recovery("b", True)
    time.sleep(1)
    facts = export_tables(run)
    moment = EXPORT_TIME.of(run.ledger)
    assert {fact.status for fact in facts.values()} == {"COMPLETED"}
    assert moment is not None
    assert first is not None
    assert moment > first
    assert datetime.fromisoformat(moment).microsecond == 0
    time.sleep(1)
    export_tables(run)
    assert EXPORT_TIME.of(run.ledger) == moment
