"""Several tables written side by side over HTTP: each is whole, also after an interrupt in the midst of them."""

from __future__ import annotations

import pytest

from runbook_lib.errors import Interrupted, TransferError
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.load.table_load import TableProgress
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.run import Run
from runbook_lib.validate.step import validate_tables
from tests.support.world import World, things

NAMES, ITEMS, SLOWLY = "abcd", 150, {"max_wcu": 100, "tables_at_once": 3}


def ready(world: World, **settings: object) -> Run:
    for name in NAMES:
        world.pair(name, things(ITEMS))
    run = world.open(**{"import": SLOWLY | settings})
    preflight(run)
    export_tables(run)
    return run


def begun_and_not_done(now: dict[str, int]) -> list[str]:
    return [name for name, done in now.items() if 0 < done < ITEMS]


@pytest.mark.whole
def test_tables_are_written_at_the_same_time_and_no_more_than_may_be(world: World) -> None:
    run, now, most = ready(world), dict[str, int](), 0

    def watch(progress: TableProgress) -> None:
        nonlocal most
        now[progress.source] = progress.done
        most = max(most, len(begun_and_not_done(now)))

    import_tables(run, watch)
    assert most == 3
    assert {fact.verdict for fact in validate_tables(run).values()} == {"PASS"}


@pytest.mark.chaos
def test_an_import_of_several_tables_that_is_interrupted_goes_on_with_all_of_them(world: World) -> None:
    run, now = ready(world), dict[str, int]()

    def stop(progress: TableProgress) -> None:
        now[progress.source] = progress.done
        if len(begun_and_not_done(now)) == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        import_tables(run, stop)
    facts = IMPORTS.all(run.ledger)
    assert [fact.status for fact in facts.values()] == [ImportStatus.LOADING] * 3
    assert all(fact.counted for fact in facts.values())  # nothing is out any more, and the ledger knows what arrived
    assert 0 < len(world.items(world.target, world.dst("a"))) < ITEMS
    import_tables(run)
    validated = validate_tables(run)
    assert {fact.verdict for fact in validated.values()} == {"PASS"}
    assert sum(fact.items_written or 0 for fact in validated.values()) == ITEMS * len(NAMES)


@pytest.mark.chaos
def test_a_table_that_cannot_be_written_leaves_the_others_beside_it_whole(world: World) -> None:
    run = ready(world)
    world.target.delete_table(TableName=world.dst("b"))
    with pytest.raises(TransferError, match=f"^{world.src('b')}: "):
        import_tables(run)
    status = {name: fact.status for name, fact in IMPORTS.all(run.ledger).items()}
    assert status == {world.src(n): ImportStatus.FAILED if n == "b" else ImportStatus.COMPLETED for n in NAMES}
    verdicts = {name: fact.verdict for name, fact in validate_tables(run).items()}
    assert [name for name, verdict in verdicts.items() if verdict == "PASS"] == [world.src(n) for n in "acd"]


@pytest.mark.chaos
def test_tables_that_are_read_before_they_are_added_to_keep_what_was_theirs(world: World) -> None:
    run = ready(world, on_non_empty="append", max_wcu=None)
    held = {"id": {"S": "another's"}}
    for name in NAMES:
        world.put(world.target, world.dst(name), [held])
    import_tables(run)
    assert {fact.verdict for fact in validate_tables(run).values()} == {"PASS"}
    assert all(held in world.items(world.target, world.dst(name)) for name in NAMES)
