"""A cleanup is not done as long as a CreateTable whose answer nobody heard may still make a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import create as creation
from runbook_lib.errors import TableError
from runbook_lib.load.targets.create_tables import MARK
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.afterwards.rollback import ROLLBACKS
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support.in_process import runbook_here
from tests.support.liar import RAW, Answer, Between, Request, aws_error, lied_to
from tests.support.recorded import create_missing_targets, export_tables
from tests.support.steps import the_only
from tests.support.tables import keys_in_bucket, source_without_target, target_exists
from tests.support.world import World

CREATE = {"create_missing": True}
UNKNOWN = "may still appear"


@dataclass
class Late:
    """A server that shows a table, and its tags, only later; of CreateTable it may be told to lose or refuse one."""

    liar: Between
    target: str = ""
    table_shows: bool = True
    tags_show: bool = True
    loses: bool = False
    refuses: bool = False

    def instead(self, request: Request) -> Answer | None:
        is_of_target = request.operation and self.target in request.body.decode()
        if request.operation in ("DescribeTable", "Scan") and is_of_target and not self.table_shows:
            return aws_error("ResourceNotFoundException")
        if request.operation == "ListTagsOfResource" and is_of_target and not self.tags_show:
            return 200, b'{"Tags":[]}'
        if request.operation == "CreateTable" and self.refuses:
            return aws_error("AccessDeniedException")
        return None

    def after(self, request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "CreateTable" or not self.loses:
            return None
        self.loses, self.refuses = False, True
        return RAW, b""


@pytest.fixture
def late(world: World) -> Iterator[Late]:
    with lied_to(world, Late) as made:
        made.target = world.dst("a")
        yield made


def exported(world: World) -> Run:
    source_without_target(world, "a", 5)
    run = world.open(tables=CREATE)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def killed(world: World, monkeypatch: pytest.MonkeyPatch, *, asked: bool) -> Run:
    """A run that was killed at its request for a table: before it was sent, or before its answer was heard."""
    run, create = exported(world), creation.create_table

    def creating(*arguments: Any) -> Any:
        if asked:
            create(*arguments)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(creation, "create_table", creating)
        patch.setattr("runbook_lib.load.targets.create_tables.Tries", lambda *_: Unsaid())
        with pytest.raises(SystemExit):
            create_missing_targets(run, sleep=lambda seconds: None)
    return run


class Unsaid:
    all_refused = False


def unheard(world: World, late: Late, then: Callable[[Run], None] = lambda run: None) -> Run:
    """A run whose request for a table was done without its hearing of it, and refused when it was repeated.

    `then` is what happens while it waits because AWS makes as many tables as it does at once.
    """
    run, late.loses = exported(world), True
    with pytest.raises(TableError, match="may have done it all the same"):
        create_missing_targets(run, sleep=lambda seconds: then(run))
    return run


def cleaned(run: Run, confirm: str = "r") -> Removal:
    return the_only(clean_up(run, confirm, sleep=lambda seconds: None))


def waits(run: Run, world: World) -> None:
    objects, removal = keys_in_bucket(world), cleaned(run)
    assert not removal.done
    assert UNKNOWN in removal.kept
    assert f"describe-table --table-name {world.dst('a')}" in removal.kept
    assert keys_in_bucket(world) == objects


def later(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on it is an hour later."""
    monkeypatch.setattr(Run, "now", staticmethod(lambda now=run.now: now() + timedelta(hours=1)))


def test_a_table_that_was_never_asked_for_is_waited_for_as_long_as_it_may_be_hidden(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed(world, monkeypatch, asked=False)
    assert UNKNOWN in cleaned(run, confirm="").kept  # a look says so, too
    waits(run, world)
    later(run, monkeypatch)
    removal = cleaned(run)
    assert (removal.done, removal.kept, keys_in_bucket(world)) == (True, "", set())


@pytest.mark.parametrize("how", ["killed", "unheard"])
@pytest.mark.parametrize("hours", [0, 1])
def test_a_table_that_was_made_unheard_goes_once_its_mark_shows(
    world: World, late: Late, monkeypatch: pytest.MonkeyPatch, how: str, hours: int
) -> None:
    run = killed(world, monkeypatch, asked=True) if how == "killed" else unheard(world, late)
    late.table_shows = late.tags_show = False
    waits(run, world)
    late.table_shows = True
    waits(run, world)
    late.tags_show = True
    if hours:
        later(run, monkeypatch)
    removal = cleaned(run)
    assert (removal.done, removal.table_deleted, removal.kept) == (True, True, "")
    assert not target_exists(world, world.dst("a"))


def test_the_hour_begins_with_the_last_request(world: World, late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    create, answers = creation.create_table, iter([creation.LATER])
    monkeypatch.setattr(creation, "create_table", lambda *args: next(answers, None) or create(*args))
    run = unheard(world, late, lambda run: later(run, monkeypatch))
    late.table_shows = False
    waits(run, world)


@pytest.mark.parametrize("mark", [None, "another"])
def test_a_table_without_the_runs_mark_stays(world: World, monkeypatch: pytest.MonkeyPatch, mark: str | None) -> None:
    run = killed(world, monkeypatch, asked=False)
    world.table(world.target, world.dst("a"), **({"Tags": [{"Key": MARK, "Value": mark}]} if mark else {}))
    if mark is None:  # its tags may show late
        waits(run, world)
        later(run, monkeypatch)
    removal = cleaned(run)
    assert "whose it is is not known" in removal.kept
    assert target_exists(world, world.dst("a"))


def test_a_rollback_is_not_done_either_until_then(world: World, late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    run = unheard(world, late)
    late.table_shows = False
    (fact,) = roll_back(run, "r")
    assert UNKNOWN in str(fact.failure)
    later(run, monkeypatch)
    assert roll_back(run, "r") == []
    assert ROLLBACKS.all(run.ledger) == {}


def test_a_table_that_aws_refused_to_make_is_not_waited_for(world: World, late: Late) -> None:
    run, late.refuses = exported(world), True
    with pytest.raises(TableError, match="was refused"):
        create_missing_targets(run, sleep=lambda seconds: None)
    removal = cleaned(run)
    assert (removal.done, removal.kept, keys_in_bucket(world)) == (True, "", set())


def test_the_command_ends_with_an_error_and_names_the_table(
    world: World, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unheard(world, late)
    late.table_shows = False
    run.ledger.close()
    done = runbook_here("cleanup", world.config(tables=CREATE), "--run-id", "r", "--execute", "--confirm", "r")
    assert done.returncode == 1
    assert UNKNOWN in done.stdout + done.stderr
