"""What a cleanup leaves of exports, of every kind, for the runs that use them, and what it goes on with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.afterwards.rollback import RollbackStatus
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.run import open_cleanup
from runbook_lib.run.witnesses.closed_exports import closed_exports
from runbook_lib.run.witnesses.export_register import ExportPlace
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.own_objects import own_objects
from runbook_lib.undo.rollback import roll_back
from tests.support.chains import chain_of
from tests.support.export_use import asking, below, exported, masked, reader_of
from tests.support.liar import Answer, Request, between
from tests.support.masks import KEY_NAME, MASK_KEY, people
from tests.support.moving import live, moved
from tests.support.recorded import import_tables, validate_tables
from tests.support.steps import every_step, the_only
from tests.support.tables import keys_in_bucket
from tests.support.world import World, things


@pytest.mark.whole
def test_objects_that_cannot_be_removed_keep_the_mark_and_the_target_is_not_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of a masked export does not say any more which items are the run's."""
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    world.pair("a", people(6))
    with between(world.endpoint) as liar:
        owner = asking(world, liar, lambda: masked(world))
        import_tables(owner)
        deletes: list[str] = []

        def instead(request: Request) -> Answer | None:
            if "delete" in request.path.partition("?")[2] and b"/AWSDynamoDB/" in request.body:
                deletes.append(request.path)
                return (403, b"<Error><Code>AccessDenied</Code></Error>") if len(deletes) == 2 else None
            return None

        liar.instead = instead
        kept = the_only(clean_up(owner, "first"))
        assert (kept.done, kept.items_deleted) == (False, 6)
        assert "is not cleaned up to the end" in kept.kept
        assert len(below(world, "/closing")) == 2
        done = the_only(clean_up(owner, "first"))
        assert (done.done, done.kept, done.items_deleted) == (True, "", 6)
        assert world.items(world.target, world.dst("a")) == []
        assert keys_in_bucket(world) == set()


@pytest.mark.chaos
def test_an_export_that_a_transform_made_stays_for_who_uses_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    world.pair("a", people(6))
    owner = masked(world)
    reader = reader_of(world, owner)
    export_tables(reader)
    import_tables(reader)
    made = below(world, "/AWSDynamoDB/")
    kept = the_only(clean_up(owner, "first"))
    assert "it is used by second" in kept.kept
    assert made == below(world, "/AWSDynamoDB/")  # the raw export that it hangs together with, too
    assert "it is used by second" in the_only(clean_up(replace(owner, execute=False))).kept
    (checked,) = validate_tables(reader).values()
    assert (checked["items_compared"], checked["missing"]) == (6, 0)
    assert the_only(clean_up(reader, "second")).done
    assert the_only(clean_up(owner, "first")).done
    assert keys_in_bucket(world) == set()


@pytest.mark.chaos
def test_a_run_stands_beside_every_export_of_a_chain_that_it_loads(world: World) -> None:
    chain, gap, _ = chain_of(world, quiet_seconds=60)
    run = world.open("second", export={"reuse": {world.src("a"): chain}}, catch_up={"accept_gaps": [gap]})
    preflight(run)
    export_tables(run)
    ids = [folder.rstrip("/").rpartition("/")[2] for folder in chain]
    entered = {key.split("register/exports/")[1].split("/")[0] for key in below(world, "register/exports/")}
    assert entered == set(ids)
    clean_up(run, "second")
    assert not below(world, "register/exports/")


@pytest.mark.chaos
def test_a_window_that_another_run_uses_stays(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    (window,) = windows_of(moving.run.ledger)
    place = ExportPlace(window.bucket, window.folder)
    world.put_object(f"{place.users}another/0", b"{}")
    made = below(world, "AWSDynamoDB/")
    cleaner = open_cleanup(str(moving.config), "r", True, "")
    assert "it is used by another" in the_only(clean_up(cleaner, "r")).kept
    assert made == below(world, "AWSDynamoDB/")


@pytest.mark.whole
def test_a_later_comparison_and_rollback_see_a_cleanup_that_has_not_seen_their_run(world: World) -> None:
    """As when somebody, or a lifecycle rule, has removed the entry."""
    world.pair("a", things(5))
    owner = exported(world)
    reader = reader_of(world, owner)
    export_tables(reader)
    import_tables(reader)
    (entry,) = below(world, "/register/exports/")
    world.s3.delete_object(Bucket=world.bucket, Key=entry)
    places = [each.export for each in own_objects(owner, owner.planned_pairs()[0]) if each.export]
    with closed_exports(
        owner, places, lambda place, keys: [world.s3.delete_object(Bucket=place.bucket, Key=k) for k in keys]
    ):
        (checked,) = validate_tables(reader).values()
        assert checked["verdict"] == "FAIL"
        assert "run 'first' takes the export in" in checked["reasons"][0]
        assert entry not in keys_in_bucket(world)  # it does not stand in the cleanup's way
        world.put_object(entry, b"{}")  # as a start that was killed has left it
        (taken,) = roll_back(replace(reader, execute=False), "second")
        assert taken.status == RollbackStatus.FAILED
        assert "run 'first' takes the export in" in str(taken.failure)
    assert entry in keys_in_bucket(world)
    assert "it is used by second" in the_only(clean_up(owner, "first")).kept
    (checked,) = validate_tables(reader).values()
    assert checked["verdict"] == "PASS"


@pytest.mark.whole
def test_who_may_only_read_an_export_that_was_handed_over_goes_on_and_its_report_says_so(world: World) -> None:
    world.pair("a", things(5))
    owner = exported(world)

    def instead(request: Request) -> Answer | None:
        refused = request.method == "PUT" and "/register/exports/" in request.path
        return (403, b"<Error><Code>AccessDenied</Code></Error>") if refused else None

    with between(world.endpoint) as liar:
        liar.instead = instead
        reader = asking(world, liar, lambda: reader_of(world, owner))
        record = every_step(reader)
        assert record["verdict"] == "PASS"
        (unknown,) = [each for each in record["not_checked"] if each["id"] == "export-in-use"]
        assert (unknown["source"], unknown["open"], "AccessDenied" in unknown["why"]) == (world.src("a"), False, True)
        assert "export in use" in (reader.folder / "report.md").read_text(encoding="utf-8")
        assert the_only(clean_up(reader, "second")).done
