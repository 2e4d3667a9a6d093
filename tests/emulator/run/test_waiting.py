"""Whoever waits for a server waits through its outages until the time is over, and ends at once at its last word."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, SSLError

from runbook_lib.aws.outage import is_outage
from runbook_lib.errors import ExportError, RunbookError, TableError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Wait
from runbook_lib.undo.cleanup import await_gone
from tests.support.liar import CLOSED, Between, Request, aws_error, between
from tests.support.recorded import create_missing_targets, export_tables, import_tables, warm_targets
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things

AWAY: tuple[Any, ...] = (
    CLOSED,
    (503, b"<html>maintenance</html>"),
    aws_error("ThrottlingException"),
    (500, b""),
)
PAGE = 40  # requests without an answer: more than the client repeats by itself, several times over


@pytest.fixture
def liar(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """A world seen through a server in between, and a client that does not pause between its own repetitions."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    with between(world.endpoint) as state:
        behind, world.endpoint = world.endpoint, state.endpoint
        yield state
        world.endpoint = behind


def away(liar: Between, *operations: str) -> None:
    """Let the first requests of each operation go without an answer, in every way there is."""
    left = {operation: iter(range(PAGE)) for operation in operations}
    ways = count()

    def instead(request: Request) -> Any:
        if next(left.get(request.operation, iter(())), None) is None:
            return None
        return AWAY[next(ways) // 10 % len(AWAY)]  # long enough for the client to give up at each

    liar.instead = instead


def refused(liar: Between, operation: str) -> None:
    liar.instead = lambda request: aws_error("AccessDeniedException") if request.operation == operation else None


def exporting(world: World, tables: str = "a") -> Run:
    for name in tables:
        world.pair(name, things(3))
    run = world.open()
    preflight(run)
    return run


def creating(world: World, **changes: Any) -> Run:
    world.table(world.source, world.src("a"), Tags=[{"Key": "k", "Value": "v"}])
    world.source.update_time_to_live(
        TableName=world.src("a"), TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"}
    )
    turn_on_recovery(world, world.source, world.src("a"), 9)
    world.put(world.source, world.src("a"), things(3))
    run = world.open(**({"tables": {"create_missing": True}} | changes))
    preflight(run)
    export_tables(run)
    return run


def recovering(world: World) -> Run:
    world.pair("a", things(3), pitr=False)
    run = world.open(export={"enable_pitr": [world.src("a")]})
    preflight(run)
    return run


def warming(world: World) -> Run:
    world.pair("a", things(3))
    run = world.open(**{"import": {"warm_throughput": {world.dst("a"): 9_000}}})
    preflight(run)
    return run


def by_service(world: World) -> Run:
    return creating(world, tables={}, **{"import": {"strategy": "import_table"}})


def gone(run: Run, sleep: Callable[[float], None]) -> None:
    await_gone(run, run.planned_pairs()[0].target, sleep)


WAITS: dict[str, tuple[Callable[[World], Run], Callable[..., Any], tuple[str, ...]]] = {
    "export": (exporting, lambda run, sleep: export_tables(run, sleep=sleep),
               ("ExportTableToPointInTime", "DescribeExport")),
    "creation": (creating, create_missing_targets,
                 ("CreateTable", "ListTagsOfResource", "UntagResource", "UpdateTimeToLive",
                  "UpdateContinuousBackups")),
    "import table": (by_service, lambda run, sleep: import_tables(run, sleep=sleep), ("ImportTable", "DescribeImport")),
    "deletion": (exporting, gone, ("DescribeTable",)),
}  # fmt: skip
INSIDE = {  # waits that begin after a call which nobody may repeat for them: the outage begins at the second look
    "recovery": (recovering, lambda run, sleep: export_tables(run, sleep=sleep), "UpdateContinuousBackups",
                 "DescribeContinuousBackups"),
    "warming": (warming, warm_targets, "UpdateTable", "DescribeTable"),
    "creation": (creating, create_missing_targets, "CreateTable", "DescribeTable"),
}  # fmt: skip


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.few(2)
def test_an_outage_is_waited_through(world: World, liar: Between, what: str) -> None:
    begin, step, operations = WAITS[what]
    run = begin(world)
    away(liar, *operations)
    slept: list[float] = []
    step(run, sleep=slept.append)
    assert len(slept) >= len(operations), "nothing was waited for"
    for operation in operations:
        assert liar.count(operation) > PAGE


@pytest.mark.parametrize("what", INSIDE)
@pytest.mark.few(2)
def test_an_outage_that_begins_after_the_call_is_waited_through(world: World, liar: Between, what: str) -> None:
    begin, step, call, look = INSIDE[what]
    run = begin(world)

    def after(request: Request, status: int, body: bytes) -> None:
        if request.operation == call and status == 200:
            liar.after = lambda *_: None
            away(liar, look)

    liar.after = after
    slept: list[float] = []
    step(run, sleep=lambda seconds: slept.append(seconds))
    assert slept
    assert liar.count(look) > PAGE


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.few(2)
def test_a_refusal_ends_the_wait_at_once(world: World, liar: Between, what: str) -> None:
    begin, step, operations = WAITS[what]
    run = begin(world)
    refused(liar, operations[0])
    slept: list[float] = []
    with pytest.raises(RunbookError, match="AccessDenied"):
        step(run, sleep=slept.append)
    assert not slept


def test_an_outage_longer_than_the_timeout_says_so(world: World, liar: Between) -> None:
    world.pair("a", things(3))
    run = world.open(export={"poll_seconds": 600, "timeout_minutes": 30})
    preflight(run)
    liar.instead = lambda request: (503, b"") if request.operation == "DescribeExport" else None
    slept: list[float] = []
    with pytest.raises(ExportError, match=r"timeout_minutes \(30\); the last look at it failed: .*503.*same run id"):
        export_tables(run, sleep=slept.append)
    assert slept[:3] == [1.0, 2.0, 4.0]
    assert slept[-1] == 600.0
    assert 1800.0 <= sum(slept) < 2400.0
    liar.instead = lambda request: None
    assert export_tables(run, sleep=lambda seconds: time.sleep(0.1))[world.src("a")]["status"] == "COMPLETED"
    assert liar.count("ExportTableToPointInTime") == 1


def client_error(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "X")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), True),
        (SSLError(endpoint_url="https://x", error="EOF occurred in violation of protocol"), True),
        (SSLError(endpoint_url="https://x", error="[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), False),
        (client_error("InternalServerError", 500), True),
        (client_error("502", 502), True),
        (client_error("ThrottlingException", 400), True),
        (client_error("429", 429), True),
        (client_error("501", 501), False),
        (client_error("AccessDeniedException", 400), False),
        (client_error("ExpiredTokenException", 400), False),
        (client_error("ResourceNotFoundException", 400), False),
    ],
)
def test_which_failures_may_pass(error: Exception, passes: bool) -> None:
    assert is_outage(error) is passes


@pytest.mark.parametrize("clock", [lambda: 0.0, count(step=7.0).__next__])
def test_a_wait_ends_by_what_was_slept_and_by_what_has_passed(clock: Callable[[], float]) -> None:
    slept: list[float] = []
    wait = Wait(20.0, 5.0, lambda failure: TableError(f"late{failure}"), slept.append, clock)
    with pytest.raises(TableError, match=r"late$"):
        wait.until(lambda: None)
    assert slept == ([1.0, 2.0, 4.0, 5.0, 5.0, 5.0] if clock() == 0.0 else [1.0, 2.0])


def test_pauses_shorter_than_a_second_stay_as_they_are() -> None:
    slept: list[float] = []
    looks = iter([None, None, None, "there"])
    Wait(20.0, 0.2, lambda failure: TableError(failure), slept.append, lambda: 0.0).until(lambda: next(looks))
    assert slept == [0.2, 0.2, 0.2]
