"""What somebody has written into a target while a run that was to find it empty stood still is not replaced."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from runbook_lib.errors import TransferError
from runbook_lib.load import strangers
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.tables.files import file_rows
from tests.support.losing import Chosen, first_count, first_reading, losing
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World

pytestmark = pytest.mark.whole
ITEMS = 120


def of(whose: str, count: int = ITEMS) -> list[dict[str, Any]]:
    return [{"id": {"S": f"i{n:03}"}, "of": {"S": whose}} for n in range(count)]


def whose(world: World) -> Counter[str]:
    return Counter(item["of"]["S"] for item in world.items(world.target, world.dst("a")))


def stopped_halfway(world: World, refused: int) -> tuple[Run, set[str]]:
    """A run that was refused some of its writes, and the ids of what the target does not hold."""
    world.pair("a", of("exported"))
    run = open_run(str(world.config(tables={"include": [world.src("a")]})), "r", True)
    preflight(run)
    export_tables(run)
    world.fault(operation="BatchWriteItem", kind="denied", every=refused)
    with suppress(TransferError):
        import_tables(run)
    world.clear_faults()
    there = {item["id"]["S"] for item in world.items(world.target, world.dst("a"))}
    missing = {item["id"]["S"] for item in of("exported")} - there
    assert bool(there) is (refused > 1)
    assert missing
    return run, missing


@pytest.mark.few(1)
@pytest.mark.parametrize("refused", [2, 4], ids=["more to come than there is", "less to come than there is"])
@pytest.mark.parametrize("which", ["to come", "acknowledged", "as exported", "beside"])
def test_what_came_into_the_target_of_a_run_that_stopped_halfway(world: World, refused: int, which: str) -> None:
    run, missing = stopped_halfway(world, refused)
    there = {item["id"]["S"] for item in of("exported")} - missing
    theirs = [{"id": {"S": name}, "of": {"S": "somebody"}} for name in sorted({
        "to come": missing, "acknowledged": there, "as exported": missing, "beside": {"x1", "x2", "x3"}
    }[which])[:3]]  # fmt: skip
    if which == "as exported":
        theirs = [item | {"of": {"S": "exported"}} for item in theirs]
    world.put(world.target, world.dst("a"), theirs)
    before = whose(world)
    if which == "to come":
        for _ in range(2):
            with pytest.raises(TransferError, match="holds 3 of them otherwise: somebody else has written them since"):
                import_tables(run)
        assert whose(world) == before
        return
    import_tables(run)
    # What was acknowledged is not sent again, and what is no part of the export is not touched: validation names both.
    kept = {"acknowledged": {"exported": ITEMS - 3, "somebody": 3}, "beside": {"exported": ITEMS, "somebody": 3}}
    assert whose(world) == kept.get(which, {"exported": ITEMS})


@pytest.mark.chaos
def test_the_smaller_side_is_kept_while_the_other_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, missing = stopped_halfway(world, 4)
    kept: list[int] = []
    put_all = strangers.ScratchMap.put_all

    def counted(rows: Any, found: Any) -> None:
        found = list(found)
        kept.append(len(found))
        put_all(rows, found)

    monkeypatch.setattr(strangers.ScratchMap, "put_all", counted)
    acknowledged = sum(
        row.acknowledged + sum(last - first + 1 for first, last in row.beyond)
        for row in file_rows(run.ledger, world.src("a"))
    )
    import_tables(run)
    assert kept == [min(ITEMS - acknowledged, ITEMS - len(missing))]


@pytest.mark.parametrize("chosen", [first_reading, first_count])
@pytest.mark.parametrize("refused", [1, 2, 4], ids=["nothing was written", "more to come", "less to come"])
@pytest.mark.few(1)
def test_one_answer_that_leaves_out_what_somebody_wrote_replaces_none_of_it(
    world: World, refused: int, chosen: Chosen
) -> None:
    with losing(world, chosen, lambda name: name in theirs) as losses:
        losses.on, theirs = False, set[str]()
        run, missing = stopped_halfway(world, refused)
        theirs |= set(sorted(missing)[:3])
        world.put(world.target, world.dst("a"), [{"id": {"S": n}, "of": {"S": "somebody"}} for n in theirs])
        losses.on = True
        with pytest.raises(TransferError, match=r"somebody else ha(s|ve) written"):
            import_tables(run)
        assert losses.lies
    assert whose(world)["somebody"] == 3


@pytest.mark.few(1)
@pytest.mark.parametrize("policy", ["overwrite", "append", "sync"])
@pytest.mark.parametrize("answered", [True, False], ids=["each write refused", "one not answered"])
def test_what_was_there_before_is_known_from_before_the_first_write_that_may_have_been_done(
    world: World, policy: str, *, answered: bool
) -> None:
    world.pair("a", of("exported", 20))
    on = {"PointInTimeRecoveryEnabled": True}
    world.target.update_continuous_backups(TableName=world.dst("a"), PointInTimeRecoverySpecification=on)
    world.put(world.target, world.dst("a"), [{"id": {"S": f"o{n}"}, "of": {"S": "owner"}} for n in range(5)])
    file = world.config(tables={"include": [world.src("a")]}, **{"import": {"on_non_empty": policy}})
    run = open_run(str(file), "r", True)
    preflight(run)
    export_tables(run)
    for operation in ("BatchWriteItem", "PutItem", "TransactWriteItems"):
        if not answered:
            world.fault(operation=operation, kind="lost-reply", times=1)
        world.fault(operation=operation, kind="denied")
    with suppress(TransferError):
        import_tables(run)
    world.clear_faults()
    first = IMPORTS.needed(run.ledger, world.src("a"))
    assert first.items_before == 5
    world.put(world.target, world.dst("a"), [{"id": {"S": "late"}, "of": {"S": "somebody"}}])
    with suppress(TransferError):
        import_tables(run)
    loaded = IMPORTS.needed(run.ledger, world.src("a"))
    assert loaded.items_before == (6 if answered else 5)
    assert (loaded.started == first.started) is not answered
