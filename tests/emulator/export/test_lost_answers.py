"""An export whose start was not answered, and whose repetition is refused, is found again and is the run's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from runbook_lib.errors import ExportError
from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.export import EXPORT_TIME, EXPORT_TOKENS
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from tests.support.liar import RAW, Answer, Between, Request, aws_error, lied_to
from tests.support.world import World, things

EXPORT, LIST = "ExportTableToPointInTime", "ListExports"
REFUSAL = aws_error("AccessDeniedException")


@dataclass
class Losing:
    """Loses the answers of so many starts of an export, refuses each later one, and lists no export for a while."""

    liar: Between
    lose: int = 0
    refuse: bool = True
    lists: bool = True

    def instead(self, request: Request) -> Answer | None:
        if request.operation == LIST and not self.lists:
            return 200, json.dumps({"ExportSummaries": []}).encode()
        return REFUSAL if request.operation == EXPORT and self.refuse and not self.lose else None

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != EXPORT or not self.lose:
            return None
        self.lose -= 1
        return RAW, b""

    def pause(self, seconds: float) -> None:
        self.lose = 0


@pytest.fixture
def losing(world: World) -> Iterator[Losing]:
    with lied_to(world, Losing) as made:
        yield made


def opened(world: World) -> Run:
    world.pair("a", things(5))
    run = world.open()
    preflight(run)
    return run


def exports(world: World) -> int:
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    return len(world.source.list_exports(TableArn=arn)["ExportSummaries"])


def within_the_client(run: Run, losing: Losing) -> None:
    losing.lose = 1
    export_tables(run, sleep=losing.pause)


def between_two_requests(run: Run, losing: Losing) -> None:
    losing.lose = 1000  # until the client gives up, and the step pauses
    export_tables(run, sleep=losing.pause)


def between_two_starts(run: Run, losing: Losing) -> None:
    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    losing.lose = 1000
    with pytest.raises(KeyboardInterrupt):
        export_tables(run, sleep=killed)
    losing.lose = 0
    export_tables(run)


@pytest.mark.parametrize("start", [within_the_client, between_two_requests, between_two_starts])
def test_an_export_that_is_not_listed_yet_is_found_by_the_next_start(
    world: World, losing: Losing, start: Callable[[Run, Losing], None]
) -> None:
    """The next start asked for a second one, and the first lay in the bucket for good, after a cleanup too."""
    world.pair("a", things(5))
    config = str(world.config())
    run = open_run(config, "r", True)
    preflight(run)
    losing.lists = False
    with pytest.raises(ExportError, match="AccessDenied"):
        start(run, losing)
    moment = EXPORT_TIME.of(run.ledger)
    losing.lists, losing.refuse = True, False
    time.sleep(1.1)
    assert export_tables(run)[world.src("a")].items == 5
    assert (exports(world), EXPORT_TIME.of(run.ledger)) == (1, moment)
    run.ledger.close()
    cleaning = open_cleanup(config, "r", True, "")
    assert [removal.done for removal in clean_up(cleaning, "r")] == [True]
    left = world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])
    assert [entry["Key"] for entry in left if "AWSDynamoDB" in entry["Key"]] == []


def test_an_export_that_is_listed_is_followed_at_once(world: World, losing: Losing) -> None:
    run = opened(world)
    losing.lose = 1
    assert export_tables(run)[world.src("a")].items == 5
    assert exports(world) == 1


def test_a_first_request_that_is_refused_leaves_no_token_behind(world: World, losing: Losing) -> None:
    run = opened(world)
    with pytest.raises(ExportError, match="AccessDenied"):
        export_tables(run)
    assert EXPORT_TOKENS.all(run.ledger) == {}


def test_a_token_stays_where_nobody_may_say_that_there_is_no_export(world: World, losing: Losing) -> None:
    run = opened(world)
    refuse = losing.instead

    def unlisted(request: Request) -> Answer | None:
        asked_before = losing.liar.count(EXPORT) > 0
        return REFUSAL if request.operation == LIST and asked_before else refuse(request)

    losing.liar.instead = unlisted
    with pytest.raises(ExportError, match=EXPORT):
        export_tables(run)
    assert list(EXPORT_TOKENS.all(run.ledger)) == [world.src("a")]
