"""Exports that another run uses, and the cleanup of the run that made them: of two that come at once, one gives way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from runbook_lib.errors import ExportError
from runbook_lib.export.step import export_tables
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.targets import CLEANED, REMOVALS, Removal
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.own_objects import own_objects
from tests.support.export_use import asking, below, exported, reader_of
from tests.support.liar import Answer, Between, Request, between
from tests.support.steps import the_only
from tests.support.tables import keys_in_bucket
from tests.support.world import World, things


@dataclass
class Turn:
    """Does something, once, when the so manyth request to S3 comes by."""

    at: int
    act: Callable[[], None]
    seen: int = 0
    failure: list[BaseException] = field(default_factory=list)

    def instead(self, request: Request) -> Answer | None:
        if not request.operation:
            self.seen += 1
            if self.seen == self.at:
                try:
                    self.act()
                except BaseException as error:  # told to the test, not to the server's thread
                    self.failure.append(error)
        return None


@dataclass
class Both:
    """The run that made an export and one that uses it, brought back to where they began for each turn."""

    world: World
    owner: Run
    reader: Run
    refusals: list[str] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)

    def __post_init__(self) -> None:
        s3, bucket = self.world.s3, self.world.bucket
        made = below(self.world, "/AWSDynamoDB/")
        self.made = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in made}

    def begin_anew(self) -> None:
        for key in below(self.world, "/register/exports/"):
            self.world.s3.delete_object(Bucket=self.world.bucket, Key=key)
        for key, body in self.made.items():
            self.world.put_object(key, body)
        REMOVALS.forget(self.owner.ledger, self.world.src("a"))
        CLEANED.forget(self.owner.ledger)
        EXPORTS.forget(self.reader.ledger, self.world.src("a"))
        self.reader.ledger.forget("export_use", self.world.src("a"))

    def clean(self) -> None:
        self.removals += clean_up(self.owner, "first")

    def read(self) -> None:
        try:
            export_tables(self.reader)
        except ExportError as error:
            self.refusals.append(str(error))

    def is_held(self) -> bool:
        fact = EXPORTS.of(self.reader.ledger, self.world.src("a"))
        return fact is not None and fact.completed is not None

    def check(self) -> None:
        """Whoever believes to have the export has all of it, and nobody is in the way of anybody for ever."""
        removal = self.removals[-1]
        there = below(self.world, "/AWSDynamoDB/")
        if self.is_held():
            assert there == set(self.made)
            assert not removal.done
            assert "it is used by second" in removal.kept
        else:
            said = self.refusals[-1]
            assert "run 'first' takes the export in" in said or "is missing" in said
            assert there == (set() if removal.done else set(self.made))
        if not self.is_held() and there:  # both gave way
            self.read()
            assert self.is_held()
        if self.is_held():
            assert the_only(clean_up(self.reader, "second")).done
            CLEANED.forget(self.reader.ledger)
            REMOVALS.forget(self.reader.ledger, self.world.src("a"))
            assert there == below(self.world, "/AWSDynamoDB/")
        assert the_only(clean_up(self.owner, "first")).done
        assert not below(self.world, "/AWSDynamoDB/")
        assert not below(self.world, "/closing")


def at_every_request(both: Both, liar: Between, main: Callable[[], None], other: Callable[[], None]) -> int:
    """`main` asks through the liar, and `other` comes in, whole, before each of its requests to S3 in turn."""
    for at in range(1, 40):
        both.begin_anew()
        turn = Turn(at, other)
        liar.instead = turn.instead
        main()
        liar.instead = lambda request: None
        if turn.seen < at:
            return turn.seen
        assert not turn.failure, turn.failure
        both.check()
    raise AssertionError("there is no end of requests")


@pytest.mark.chaos
@pytest.mark.parametrize("late", ["reader", "cleanup"])
def test_whichever_comes_before_any_request_of_the_other_one_of_them_gives_way(world: World, late: str) -> None:
    world.pair("a", things(5))
    with between(world.endpoint) as liar:
        owner = asking(world, liar if late == "reader" else None, lambda: exported(world))
        reader = asking(world, liar if late == "cleanup" else None, lambda: reader_of(world, owner))
        both = Both(world, owner, reader)
        turns = (both.clean, both.read) if late == "reader" else (both.read, both.clean)
        assert at_every_request(both, liar, *turns) > 3


@pytest.mark.chaos
def test_a_cleanup_that_was_killed_keeps_readers_away_until_it_is_run_again(world: World) -> None:
    world.pair("a", things(5))
    arrived = threading.Event()

    def instead(request: Request) -> Answer | None:
        if "delete" in request.path.partition("?")[2] and not arrived.is_set():
            arrived.set()
            time.sleep(60)
        return None

    with between(world.endpoint) as liar:
        owner = asking(world, liar, lambda: exported(world))
        reader = reader_of(world, owner)
        liar.instead = instead
        config = owner.folder / "migration.yaml"
        command = [sys.executable, "-m", "runbook_lib", "cleanup", str(config), "--run-id", "first"]
        killed = subprocess.Popen([*command, "--execute", "--confirm", "first"])
        assert arrived.wait(90)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        _refused_until_it_is_run_again(world, owner, reader)


def _refused_until_it_is_run_again(world: World, owner: Run, reader: Run) -> None:
    with pytest.raises(ExportError, match=r"run 'first' takes the export in .* has to be run again first"):
        export_tables(reader)
    assert not below(world, "/register/exports/") - below(world, "/closing")  # it stands in nobody's way
    assert the_only(clean_up(owner, "first")).done
    assert keys_in_bucket(world) == set()


def test_the_cleanup_of_another_run_of_that_name_takes_no_export_away_beside_this_one(world: World) -> None:
    world.pair("a", things(5))
    owner = exported(world)
    (place,) = [each.export for each in own_objects(owner, owner.planned_pairs()[0]) if each.export]
    world.put_object(place.mark, b'{"run": "first", "nonce": "of a copy of its folder", "at": "yesterday"}')
    kept = the_only(clean_up(owner, "first"))
    assert "another cleanup, of run 'first', takes the export in" in kept.kept
    assert below(world, "/AWSDynamoDB/")
    assert below(world, "/closing")  # it is not this run's
    world.s3.delete_object(Bucket=world.bucket, Key=place.mark)
    assert the_only(clean_up(owner, "first")).done


@pytest.mark.whole
def test_a_reader_that_was_not_seen_by_a_cleanup_that_goes_on_sees_its_mark(world: World) -> None:
    """It had looked before the mark was set, and entered itself after the cleanup had looked."""
    world.pair("a", things(5))
    arrived, go_on = threading.Event(), threading.Event()
    removals: list[Removal] = []

    def held_up(request: Request) -> Answer | None:
        if "delete" in request.path.partition("?")[2] and b"/AWSDynamoDB/" in request.body:
            arrived.set()
            go_on.wait(60)
        return None

    with between(world.endpoint) as before_owner, between(world.endpoint) as before_reader:
        owner = asking(world, before_owner, lambda: exported(world))
        reader = asking(world, before_reader, lambda: reader_of(world, owner))
        cleanup = threading.Thread(target=lambda: removals.extend(clean_up(owner, "first")))

        def cleaned_first(request: Request) -> Answer | None:
            if request.method == "PUT" and "/register/exports/" in request.path and not cleanup.ident:
                cleanup.start()
                arrived.wait(60)
            return None

        before_owner.instead, before_reader.instead = held_up, cleaned_first
        with pytest.raises(ExportError, match="run 'first' takes the export in"):
            export_tables(reader)
        go_on.set()
        cleanup.join()
    assert arrived.is_set()
    assert the_only(removals).done
    assert not below(world, "/AWSDynamoDB/")
