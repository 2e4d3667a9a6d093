"""A cleanup is not done as long as an ImportTable whose answer nobody heard may still make a table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from runbook_lib.load.targets import import_table as table_import
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.run import Run, open_run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support.liar import Answer, Between, Request, aws_error, between
from tests.support.recorded import export_tables, import_tables
from tests.support.steps import the_only
from tests.support.tables import keys_in_bucket, source_without_target, target_exists
from tests.support.world import World

HOUR = timedelta(hours=1)


@dataclass
class Late:
    """A server that shows a table, and the import that makes it, only later."""

    world: World
    table_shows: bool = True
    is_listed: bool = True
    runs: bool = False

    def instead(self, request: Request) -> Answer | None:
        of_target = self.world.dst("a") in request.body.decode()
        if request.operation in ("DescribeTable", "Scan") and of_target and not self.table_shows:
            return aws_error("ResourceNotFoundException")
        if request.operation == "ListImports" and not self.is_listed:
            return 200, b'{"ImportSummaryList":[]}'
        return None

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "DescribeImport" or not self.runs:
            return None
        said = json.loads(body)
        said["ImportTableDescription"]["ImportStatus"] = "IN_PROGRESS"
        return status, json.dumps(said).encode()


@pytest.fixture
def late(world: World) -> Iterator[Late]:
    with between(world.endpoint) as liar:
        made, behind = Late(world), world.endpoint
        made_by(liar, made)
        world.endpoint = liar.endpoint
        yield made
        world.endpoint = behind


class Unsaid:
    all_refused = False


def made_by(liar: Between, late: Late) -> None:
    liar.instead, liar.after = late.instead, late.after


def killed(world: World, monkeypatch: pytest.MonkeyPatch, *, asked: bool) -> Run:
    """A run that ended at its request for an import: before it was sent, or before its answer was heard."""
    source_without_target(world, "a", 5)
    run = open_run(str(world.config(**{"import": {"strategy": "import_table"}})), "r", True)
    assert preflight(run).blockers == ()
    export_tables(run)
    start = table_import.start_import

    def starting(*arguments: Any) -> Any:
        if asked:
            start(*arguments)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(table_import, "start_import", starting)
        patch.setattr(table_import, "Tries", lambda *_: Unsaid())  # a process that is killed forgets nothing
        with pytest.raises(SystemExit):
            import_tables(run)
    return run


def cleaned(run: Run) -> Removal:
    return the_only(clean_up(run, run.id, sleep=lambda seconds: None))


def waits(run: Run, world: World, said: str) -> None:
    objects, removal = keys_in_bucket(world), cleaned(run)
    assert not removal.done
    assert said in removal.kept
    assert keys_in_bucket(world) == objects


def test_an_import_that_was_never_begun_is_waited_for_as_long_as_it_may_be_hidden(
    world: World, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed(world, monkeypatch, asked=False)
    waits(run, world, "may still make")
    monkeypatch.setattr(Run, "now", staticmethod(lambda now=run.now: now() + HOUR))
    removal = cleaned(run)
    assert (removal.done, removal.kept, keys_in_bucket(world)) == (True, "", set())


@pytest.mark.parametrize("shows_first", ["table", "import"])
def test_an_import_that_was_begun_unheard_is_found_and_its_table_is_the_runs(
    world: World, late: Late, monkeypatch: pytest.MonkeyPatch, shows_first: str
) -> None:
    late.table_shows = late.is_listed = True
    run = killed(world, monkeypatch, asked=True)
    late.table_shows = late.is_listed = False
    waits(run, world, "may still make")
    if shows_first == "table":
        late.table_shows = True
        waits(run, world, "may still make")
    late.is_listed, late.runs = True, True
    waits(run, world, "still running")
    late.table_shows, late.runs = True, False
    removal = cleaned(run)
    assert (removal.done, removal.table_deleted, removal.kept) == (True, True, "")
    assert not target_exists(world, world.dst("a"))


def test_a_rollback_takes_back_what_an_import_wrote_that_was_begun_unheard(
    world: World, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed(world, monkeypatch, asked=True)
    late.table_shows = late.is_listed = False
    (fact,) = roll_back(run, run.id)
    assert "may still make" in str(fact.failure)
    late.table_shows = late.is_listed = True
    for _ in range(100):
        (fact,) = roll_back(run, run.id)
        if "still running" not in str(fact.failure):
            break
        time.sleep(0.1)
    assert (fact.failure, fact.deleted) == (None, 5)
    assert world.items(world.target, world.dst("a")) == []
