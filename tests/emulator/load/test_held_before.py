"""What was in a target before is forgiven item by item, and never by number."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.errors import TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from runbook_lib.run.secret import state_folder
from runbook_lib.run.witnesses import items_before as held_before
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

OLD = [{"id": {"S": f"old{n}"}, "n": {"N": str(n)}} for n in range(40)]
FOREIGN = [{"id": {"S": f"foreign{n}"}} for n in range(40)]


def recoverable(world: World, mode: str) -> dict[str, Any]:
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return {"import": {"on_non_empty": mode}}


def ready(world: World, mode: str, held: list[dict[str, Any]], items: int = 40) -> Run:
    world.pair("a", things(items))
    world.put(world.target, world.dst("a"), held)
    run = world.open(**recoverable(world, mode))
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def verdict(run: Run) -> tuple[str, int, int]:
    (fact,) = validate_tables(run).values()
    return fact["verdict"], fact["extra"], fact["there_before"]


@pytest.mark.parametrize("mode", ["append", "overwrite"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_each_item_that_was_there_is_forgiven_and_no_other(world: World, mode: str) -> None:
    """As many foreign ones as there were before, in their place and beside them."""
    run = ready(world, mode, OLD)
    import_tables(run)
    assert verdict(run) == ("PASS", 40, 40)
    world.put(world.target, world.dst("a"), FOREIGN[:1])
    assert verdict(run) == ("FAIL", 41, 40)
    for item in OLD:
        world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
    world.put(world.target, world.dst("a"), FOREIGN[1:])
    assert verdict(run) == ("FAIL", 40, 0)


def test_items_that_were_replaced_forgive_no_others(world: World) -> None:
    """All that was there has keys of the export: none of it can be extra afterwards."""
    run = ready(world, "overwrite", [{"id": {"S": f"i{n:05}"}, "old": {"BOOL": True}} for n in range(40)])
    import_tables(run)
    assert verdict(run) == ("PASS", 0, 0)
    world.put(world.target, world.dst("a"), FOREIGN)
    assert verdict(run) == ("FAIL", 40, 0)


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize(("mode", "said"), [("append", ("FAIL", 40, 39)), ("overwrite", ("PASS", 40, 40))])
def test_an_item_that_changed_is_forgiven_only_where_nobody_promised_that_it_would_not(
    world: World, mode: str, said: tuple[str, int, int]
) -> None:
    run = ready(world, mode, OLD)
    import_tables(run)
    world.put(world.target, world.dst("a"), [OLD[0] | {"more": {"S": "x"}}])
    assert verdict(run) == said


@pytest.mark.whole
def test_a_reading_that_was_cut_short_is_done_again_and_never_with_own_items(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ready(world, "append", OLD)
    keep, seen = held_before.keep_held, list[int]()

    def cut(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return keep(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(held_before, "ROWS_AT_ONCE", 5)
        patch.setattr(held_before, "keep_held", cut)
        with pytest.raises(KeyboardInterrupt):
            import_tables(run)
    assert "PutItem" not in run.ledger.calls("target")
    for item in OLD[:30]:  # what was recorded then is not what is there now
        world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
    send, sent = DynamoDBTransport.write, list[int]()

    def stopped(self: DynamoDBTransport, *arguments: Any) -> DynamoDBRequest:
        sent.append(1)
        if len(sent) == 15:
            raise TransferError("stopped")
        return send(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoDBTransport, "write", stopped)
        with pytest.raises(TransferError):
            import_tables(run)
    import_tables(run)  # taken up with own items in the target
    assert verdict(run) == ("PASS", 10, 10)
    world.put(world.target, world.dst("a"), OLD[:30])
    assert verdict(run) == ("FAIL", 40, 10)


@pytest.mark.chaos
def test_a_lost_secret_forgives_nothing_and_says_so(world: World) -> None:
    run = ready(world, "append", OLD)
    import_tables(run)
    folder = state_folder()
    assert folder is not None
    (folder / run.id).unlink()
    run.ledger.close()
    later = world.open(**{"import": {"on_non_empty": "append"}})
    (fact,) = validate_tables(later).values()
    assert (fact["verdict"], fact["extra"], fact["there_before"]) == ("FAIL", 40, 0)
    assert "the run's secret, with which what was there before was recorded, is lost" in str(fact["reasons"])


def test_a_ledger_that_was_put_back_takes_no_own_item_for_one_that_was_there(world: World) -> None:
    """As by a power loss: the register knows that the run has written, the ledger does not."""
    world.pair("a", things(40))
    run = world.open(**{"import": {"on_non_empty": "append"}})
    preflight(run)
    export_tables(run)
    run.ledger.settle()
    kept = world.folder / "kept.sqlite"
    shutil.copy(run.folder / "ledger.sqlite", kept)
    import_tables(run)
    run.ledger.close()
    for file in run.folder.glob("ledger.sqlite*"):
        file.unlink()
    shutil.copy(kept, run.folder / "ledger.sqlite")
    later = world.open(**{"import": {"on_non_empty": "append"}})
    with pytest.raises(TransferError, match="this ledger has lost what it knew"):
        import_tables(later)
    world.put(world.target, world.dst("a"), FOREIGN)
    (fact,) = validate_tables(later).values()
    assert fact["verdict"] != "PASS"


def test_a_run_of_before_the_record_forgives_nothing(world: World) -> None:
    run = ready(world, "append", OLD)
    import_tables(run)
    fact = run.ledger.get("import", world.src("a"))
    del fact["held_before"]
    run.ledger.put("import", world.src("a"), fact)
    assert verdict(run) == ("FAIL", 40, 0)


def test_the_ledger_holds_no_key_of_what_was_there(world: World) -> None:
    run = ready(world, "append", OLD)
    import_tables(run)
    run.ledger.close()
    assert b"old17" not in (run.folder / "ledger.sqlite").read_bytes()
    with_rows = Ledger(run.folder / "ledger.sqlite")
    assert with_rows.rows("SELECT COUNT(*) AS n FROM held_before")[0]["n"] == 40
    with_rows.close()
