"""Windows through the stage: what the target becomes is what the transform makes of the source."""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from runbook_lib.catchup.step import catch_up
from runbook_lib.cluster import spread
from runbook_lib.cluster.processes import Processes
from runbook_lib.config.model import load_config
from runbook_lib.cutover.step import cut_over
from runbook_lib.errors import ExportError, GateFailed, ResumeRefused
from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.masking.hook import HookContext
from runbook_lib.notebook.views import window_table
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.figures.windows import open_window, unproved_windows
from runbook_lib.report.sections.masking.sentences import masking_sentences
from runbook_lib.run.facts.cut_over.gates import GATES, CutOverAsked
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.facts.masking.windows import WINDOW_TRANSFORMS, changes_transformed
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import SECOND_EXPORTS, WindowState, windows_of
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.tables.windows import raw_side
from runbook_lib.transform.settings import make_ready
from runbook_lib.transform.step import transform_tables
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.validate.step import validate_tables
from tests.support.chains import chain_of
from tests.support.histories import Killed, mortal
from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, address, email_rule, keep_rule, mask
from tests.support.moving import Moving
from tests.support.recorded import export_tables, import_tables
from tests.support.tables import keys_in_bucket
from tests.support.world import Item, World, indexed_by

QUICK: dict[str, Any] = {
    "catch_up": {"margin_seconds": 0, "quiet_seconds": 0}, "export": {"poll_seconds": 0.05},
    "validate": {"index_samples": 0, "segments": 1},
}  # fmt: skip
MOST = 50
RULES = (
    {"path": "id", "with": "template", "template": "U#{email}", "form": "hex", "domain": "email"},
    email_rule(), keep_rule("n"), {"path": "note", "with": "drop"},
)  # fmt: skip
KEEP = {"keep": "n < :most", "values": {":most": MOST}}


@pytest.fixture(autouse=True)
def mask_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


def person(number: int, n: int, **more: Any) -> Item:
    mail = address(number)
    return {"id": {"S": f"U#{mail}"}, "email": {"S": mail}, "n": {"N": str(n)}, "note": {"S": f"marker.{n}"}, **more}


class Masked:
    """A migration of one masked table that goes on being written to."""

    def __init__(self, world: World, items: list[Item], config: Path, name: str = "a", **definition: Any) -> None:
        self.world, self.config, self.name = world, config, name
        world.pair(name, items, **definition)
        run = self.open()
        assert preflight(run).blockers == ()
        export_tables(run)
        transform_tables(run)
        import_tables(run)
        run.ledger.close()

    def open(self) -> Run:
        return open_run(str(self.config), "r" if self.name == "a" else f"r-{self.name}", execute=True)

    def write(self, *items: Item) -> None:
        self.world.put(self.world.source, self.world.src(self.name), list(items))

    def delete(self, number: int) -> None:
        key = {"id": {"S": f"U#{address(number)}"}}
        self.world.source.delete_item(TableName=self.world.src(self.name), Key=key)

    def minutes(self, minutes: float = 20) -> None:
        self.world.let_pass(self.name, minutes)

    def caught_up(self) -> Run:
        run = self.open()
        catch_up(run)
        return run

    def due(self) -> list[Item]:
        """What the transform makes of the source as it is now."""
        run = self.open()
        ready = make_ready(load_config(str(self.config)), macs=lambda name: b"")
        (pair,) = run.planned_pairs()
        run.ledger.close()
        assert ready is not None
        assert pair.source_facts is not None
        recipe = ready.recipe_of(pair.source_facts)
        context = HookContext(pair.source, pair.target, 0, 0)
        held = self.world.items(self.world.source, self.world.src(self.name))
        return in_order(orjson.loads(line) for i in held for line in recipe.made_of(i, context, recipe.tally()))

    def target(self) -> list[Item]:
        return in_order(self.world.items(self.world.target, self.world.dst(self.name)))


def in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=str)


def masked(world: World, count: int = 30, *rules: Any, **more: Any) -> Masked:
    settings = {**QUICK, **more}
    transform = settings.pop("transform", None) or mask(*(rules or RULES), filter=KEEP)
    name = settings.pop("name", "a")
    config = world.config(transform=transform, tables={"include": [world.src(name)]}, **settings)
    return Masked(world, [person(n, n) for n in range(count)], config, name)


@pytest.mark.whole
def test_changes_deletes_and_items_that_enter_and_leave_the_filter_are_in_the_target(world: World) -> None:
    made = masked(world)
    made.write(person(0, 7), person(1, MOST + 1), person(40, 3), person(41, MOST + 5))  # changed, leaves, new, filtered
    made.delete(2)
    made.minutes()
    made.caught_up().ledger.close()
    assert made.target() == made.due()
    made.write(person(1, 1), person(41, 4))  # both come in
    made.minutes()
    run = made.caught_up()
    assert made.target() == made.due()
    assert len(made.target()) == 31
    first, second = (WINDOW_TRANSFORMS.needed(run.ledger, fact.name).counts for fact in windows_of(run.ledger))
    assert first is not None
    assert second is not None
    assert (first.exported, first.derived, first.left_out, first.added, first.quarantined) == (5, 4, 1, 0, 0)
    assert (second.exported, second.derived, second.left_out) == (2, 2, 0)
    assert [(w.puts, w.deletes) for w in windows_of(run.ledger)] == [(2, 2), (2, 0)]
    assert all(f.counts.add_up for w in windows_of(run.ledger) for f in changes_transformed(run.ledger, w.name))
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.reasons) == ("PASS", ())
    (leaks,) = scan_for_leaks(run).values()
    assert leaks.hits == 0
    record = build_record(run.ledger, run.id, "test")
    assert record.tables[0].verdict == "PASS"
    assert record.windows[0].transform is not None
    assert record.windows[0].transform.left_out == 1


@pytest.fixture
def many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every window is worth processes, and each file of it a unit."""
    monkeypatch.setattr(spread, "LARGE_CHANGES", 1)
    monkeypatch.setattr(spread, "UNIT_ITEMS", 1)


def kept_of(run: Run) -> list[Any]:
    """What the ledger keeps of the windows as they were exported and of what was made of them, but places and times."""
    (first, *_) = windows_of(run.ledger)
    rows = run.ledger.rows("SELECT key, number, known FROM change WHERE source = ?", raw_side(first.source))
    counts = [WINDOW_TRANSFORMS.needed(run.ledger, fact.name).counts for fact in windows_of(run.ledger)]
    refused = [tuple(row)[1:2] for row in run.ledger.rows("SELECT * FROM window_quarantine")]
    return [len(rows), len({row["key"] for row in rows}), counts, len(refused)]


@pytest.mark.whole
@pytest.mark.usefixtures("many_changes")
def test_two_processes_make_of_windows_what_one_makes(world: World, engines: list[Processes]) -> None:
    rules = (*RULES, {"path": "ref", "with": "template", "template": "C#{email}"})
    kept = []
    for processes in (1, 2):
        name = "ab"[processes - 1]
        made = masked(world, 30, *rules, name=name, validate=QUICK["validate"] | {"processes": processes},
                      **{"import": {"quarantine_limit": 1}})  # fmt: skip
        made.write(*(person(n, n + 1) for n in range(20)), *(person(n, MOST + n) for n in range(40, 45)))
        made.write(person(5, 3, ref={"S": f"VIP/{address(8)}"}))
        made.delete(21)
        made.minutes()
        run = made.caught_up()
        kept.append(kept_of(run))
        run.ledger.close()
        assert len(made.target()) == 28
    assert [len(engine.workers) for engine in engines] == [2, 2]  # who make it, and who read what was made
    assert kept[0] == kept[1]
    assert kept[0][-1] == 1


@pytest.mark.chaos
@pytest.mark.usefixtures("many_changes")
@pytest.mark.parametrize("what", ["a value without a rule", "a changed hook"])
def test_what_stops_one_process_stops_two(world: World, engines: list[Processes], what: str) -> None:
    hook = world.folder / "hooks.py"
    hook.write_text("def same(item, context):\n    return item\n")
    made = masked(world, 5, transform=mask(*RULES, filter=KEEP, hook="hooks.py:same"),
                  validate=QUICK["validate"] | {"processes": 2})  # fmt: skip
    made.write(*(person(n, n + 1, **({"late": {"S": "marker"}} if "rule" in what else {})) for n in range(5)))
    made.minutes()
    before, submit = made.target(), Processes.submit

    def after_a_change(engine: Processes, work: Any, *arguments: Any) -> Any:
        if work.__name__ == "rewrite_changes" and "hook" in what:
            hook.write_text("def same(item, context):\n    return {**item}\n")
        return submit(engine, work, *arguments)

    with patch.object(Processes, "submit", after_a_change), pytest.raises(ExportError) as caught:
        made.caught_up()
    expected = r"what becomes of late \(S, 5\)" if "rule" in what else "was changed while it was at work"
    assert re.search(expected, str(caught.value))
    assert made.target() == before
    assert len(engines) == 1


@pytest.mark.chaos
@pytest.mark.usefixtures("many_changes")
def test_what_a_killed_process_had_of_a_window_is_made_again(world: World, engines: list[Processes]) -> None:
    made = masked(world, 30, validate=QUICK["validate"] | {"processes": 2})
    made.write(*(person(n, n + 1) for n in range(25)))
    made.minutes()
    submit, killed = Processes.submit, list[int]()

    def then_kill(engine: Processes, work: Any, *arguments: Any) -> Any:
        future = submit(engine, work, *arguments)
        if work.__name__ == "rewrite_changes" and not killed:
            killed.append(future.process.pid)
            os.kill(future.process.pid, signal.SIGKILL)
        return future

    with patch.object(Processes, "submit", then_kill):
        run = made.caught_up()
    assert killed
    assert len(engines) == 2
    assert [(w.puts, w.deletes) for w in windows_of(run.ledger)] == [(25, 0)]
    run.ledger.close()
    assert made.target() == made.due()


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.chaos)])
@pytest.mark.whole
def test_however_it_is_written_to_and_killed_the_target_is_the_transformed_source(world: World, seed: int) -> None:
    chance = random.Random(seed)
    hook = "hooks.py:twice" if seed % 2 else None
    config = world.config(transform=mask(*RULES, filter=KEEP, **({"hook": hook} if hook else {})), **QUICK)
    (config.parent / "hooks.py").write_text(
        "def twice(item, context):\n"
        "    n = int(item['n']['N'])\n"
        "    if n % 5 == 0: return None\n"
        "    if n % 7: return item\n"
        "    return [item, {**item, 'id': {'S': item['id']['S'] + '/more'}}]\n"
    )
    made = Masked(world, [person(n, chance.randrange(60)) for n in range(8)], config)
    for _ in range(3):
        for _ in range(chance.randrange(1, 15)):
            number = chance.randrange(10)
            made.delete(number) if chance.random() < 0.3 else made.write(person(number, chance.randrange(60)))
        made.minutes()
        for end in (*(chance.randint(1, 90) for _ in range(3)), None):
            with mortal(end), suppress(Killed):
                made.caught_up().ledger.close()
        assert made.target() == made.due()
    run = made.open()
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.reasons) == ("PASS", ())
    (leaks,) = scan_for_leaks(run).values()
    assert leaks.hits == 0
    run.ledger.close()
    for file in run.folder.rglob("*"):
        held = file.read_bytes() if file.is_file() else b""
        assert not [text for text in (b"marker.", MASK_KEY.encode()) if text in held], file


@pytest.mark.whole
def test_the_command_catches_up_compares_and_scans(world: World) -> None:
    made = masked(world)
    made.write(person(0, 9), person(33, 2))
    made.minutes()
    ran = runbook_here("catch-up", made.config, "--run-id", "r", "--execute", "--confirm", "r", **{KEY_NAME: MASK_KEY})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    record = world.record("r")
    assert record["verdict"] == "PASS"
    assert [step["name"] for step in record["steps"] if step["status"] == "completed"][-4:] == [
        "catch_up", "validate", "leak_scan", "report",
    ]  # fmt: skip
    assert record["leak_scan"]["distinct"] == 92  # addresses, keys and notes, those of the window, too; two notes agree
    assert made.target() == made.due()


@pytest.mark.chaos
def test_a_value_that_a_window_brings_is_looked_for_and_found(world: World) -> None:
    made = masked(world, 5, *RULES, {"path": "copy", "with": "keep", "domain": "email"})
    made.write(person(33, 2, copy={"S": address(34)}))
    made.minutes()
    run = made.caught_up()
    (leaks,) = scan_for_leaks(run).values()
    assert [(hit.path, hit.rule.split(": ")[1]) for hit in leaks.first] == [("copy", "copy keep")]
    made.write(person(33, 3))
    made.minutes()
    run.ledger.close()
    run = made.caught_up()
    validate_tables(run)
    (table,) = build_record(run.ledger, run.id, "test").tables
    assert (table.verdict, table.leak_scan) == ("FAIL", None)  # what was scanned is not what is there now
    assert "the target was not scanned for raw values" in table.reasons
    (leaks,) = scan_for_leaks(run).values()
    assert leaks.hits == 0
    assert build_record(run.ledger, run.id, "test").tables[0].verdict == "PASS"


@pytest.mark.chaos
def test_without_old_images_it_is_refused_before_anything_is_asked_for(world: World) -> None:
    made = masked(world, catch_up={**QUICK["catch_up"], "view": "NEW_IMAGE"})
    made.write(person(33, 2))
    made.minutes()
    before = world.requests("ExportTableToPointInTime")
    for command in (["catch-up"], ["cut-over", "--frozen-at", "2026-01-01T00:00:00Z"]):
        ran = runbook_here(
            *command, made.config, "--run-id", "r", "--execute", "--confirm", "r", **{KEY_NAME: MASK_KEY}
        )
        assert ran.returncode == 2, ran.stdout + ran.stderr
        assert "catch_up.view should be NEW_AND_OLD_IMAGES with a transform" in ran.stderr
    with pytest.raises(GateFailed, match="NEW_AND_OLD_IMAGES"):
        made.caught_up()
    assert world.requests("ExportTableToPointInTime") == before


@pytest.mark.chaos
def test_with_another_key_or_another_hook_no_window_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = masked(world, 5)
    made.write(person(33, 2))
    made.minutes()
    before = made.target()
    monkeypatch.setenv(KEY_NAME, MASK_KEY + "!")
    with pytest.raises(ResumeRefused, match="other rules, another hook or another key"):
        made.caught_up()
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    assert made.target() == before
    made.caught_up()
    assert made.target() == made.due()


@pytest.mark.chaos
def test_a_place_that_no_rule_names_stops_its_window_and_shows_nothing(world: World) -> None:
    made = masked(world, 5)
    made.write(person(33, 2), person(1, 3, late={"M": {"more": {"S": "marker.late"}}}))
    made.minutes()
    before = made.target()
    with pytest.raises(ExportError, match=r"what becomes of late\.more \(S, 1\)") as caught:
        made.caught_up()
    assert "marker" not in str(caught.value)
    assert made.target() == before
    run = made.open()
    assert [fact.state for fact in windows_of(run.ledger)] == [WindowState.EXPORTED]
    assert any("not applied" in why for why in validate_tables(run)[world.src("a")].reasons)


@pytest.mark.chaos
def test_an_item_that_cannot_be_made_any_more_leaves_the_target_and_is_told(world: World) -> None:
    made = masked(world, 5, *RULES, {"path": "ref", "with": "template", "template": "C#{email}"},
                  **{"import": {"quarantine_limit": 1}})  # fmt: skip
    made.write(person(1, 3, ref={"S": f"VIP/{address(8)}"}), person(33, 2))
    made.minutes()
    run = made.caught_up()
    (fact,) = windows_of(run.ledger)
    counts = WINDOW_TRANSFORMS.needed(run.ledger, fact.name).counts
    assert counts is not None
    assert (counts.exported, counts.derived, counts.added, counts.quarantined) == (2, 2, 1, 1)
    assert (fact.puts, fact.deletes, fact.acknowledged, fact.quarantined) == (1, 1, 2, 0)
    assert len(made.target()) == 5
    found = validate_tables(run)[world.src("a")]
    assert found.verdict == "FAIL"
    assert found.reasons == (f"1 change is of window 1 ({fact.start} to {fact.end}) in quarantine: its new "
                             "state cannot be transformed",)  # fmt: skip
    scan_for_leaks(run)
    record = build_record(run.ledger, run.id, "test")
    assert "1 change in quarantine" in open_window(record.windows[0])
    assert "1 window with 2 changes, transformed as their exports were: 0 left out, 1 in quarantine." in (
        masking_sentences(record)
    )
    shown = window_table(run)
    assert dict(zip((column.name for column in shown.columns), shown.rows[0], strict=True))["in quarantine"] == 1
    run.ledger.close()
    made.write(person(1, 4))  # good again
    made.minutes()
    made.caught_up().ledger.close()
    assert made.target() == made.due()
    made.write(*(person(n, 3, ref={"S": f"VIP/{address(8)}"}) for n in range(2)))
    made.minutes()
    before = made.target()
    with pytest.raises(ExportError, match="2 changes of window 3 cannot be transformed"):
        made.caught_up()
    assert made.target() == before


@pytest.mark.chaos
def test_a_key_that_a_window_names_twice_is_refused_before_anything_is_written(world: World) -> None:
    made = masked(world, 5)
    made.write(person(33, 2))
    made.minutes()
    before = made.target()
    world.fault(operation="ExportTableToPointInTime", kind="duplicate-key", table=world.src("a"), times=1)
    with pytest.raises(ExportError, match=r"DUPLICATE_KEY: window 1 .* has 2 changes of 1 keys"):
        made.caught_up()
    assert made.target() == before


@pytest.mark.chaos
def test_items_of_a_second_export_that_cannot_be_made_are_no_pass(world: World) -> None:
    rules = (*RULES, {"path": "ref", "with": "template", "template": "C#{email}"})
    made = masked(world, 5, *rules, catch_up={**QUICK["catch_up"], "proof": "full_export"},
                  **{"import": {"quarantine_limit": 1}})  # fmt: skip
    made.write(person(33, 2, ref={"S": "VIP"}))
    made.minutes()
    run = made.caught_up()
    (second,) = SECOND_EXPORTS.all(run.ledger).values()
    assert (second.items, second.quarantined) == (5, 1)
    reasons = validate_tables(run)[world.src("a")].reasons
    assert "1 items of the second full export cannot be transformed and are in no target" in reasons


@pytest.mark.whole
def test_the_targets_side_has_nothing_raw_and_reads_nothing_raw(world: World) -> None:
    """What its client reads lies in a bucket of its own, in which no raw value is."""
    own = f"{world.bucket}-own"
    world.s3.create_bucket(Bucket=own, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    transform = mask(*RULES, filter=KEEP, staging={"bucket": own, "prefix": "own", "region": "us-east-2"})
    made = masked(world, 8, transform=transform, catch_up={**QUICK["catch_up"], "proof": "full_export"})
    made.write(person(1, 9), person(33, 2), person(2, MOST))
    made.minutes()
    run = made.caught_up()
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    (second,) = SECOND_EXPORTS.all(run.ledger).values()
    assert {second.bucket, *(window.bucket for window in windows_of(run.ledger))} == {own}
    held = world.s3.list_objects_v2(Bucket=own)["Contents"]
    assert len(held) > 15
    for each in held:
        body = world.s3.get_object(Bucket=own, Key=each["Key"])["Body"].read()
        assert b"marker" not in (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body), each["Key"]


@pytest.mark.parametrize("of_a_window", [True, False])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_change_that_was_not_exported_is_found_though_the_mask_hides_it(world: World, *, of_a_window: bool) -> None:
    """What was changed is dropped, so that the target is as it should be."""
    made = masked(world)
    if of_a_window:
        made.write(person(0, 9))
        made.minutes()
        made.caught_up().ledger.close()
    before = made.target()
    made.write(person(0, 9 if of_a_window else 0) | {"note": {"S": "marker.changed"}})
    made.minutes()
    world.fault(operation="ExportTableToPointInTime", kind="dropped-change", table=world.src("a"), times=1)
    made.caught_up().ledger.close()
    assert made.target() == before == made.due()
    made.write(person(0, 10))
    made.minutes()
    run = made.caught_up()
    found = validate_tables(run)[world.src("a")]
    assert found.verdict == "FAIL"
    assert any("a change was never exported" in reason and "as it was exported" in reason for reason in found.reasons)
    assert found.changes is not None
    assert (found.changes.broken, found.changes.raw_broken) == (0, 0 if of_a_window else 1)
    record = build_record(run.ledger, run.id, "test")
    gaps = [gap for window in record.windows if (gap := open_window(window))]
    assert bool(gaps) == of_a_window
    assert bool(unproved_windows(record.tables[0])) != of_a_window


SHORT = ({"path": "id", "with": "pseudonym", "form": "digits", "length": 2}, keep_rule("n"))


def short(number: int, n: int) -> Item:
    return {"id": {"S": f"k{number}"}, "n": {"N": str(n)}}


@pytest.mark.parametrize("of_a_window", [True, False])
@pytest.mark.chaos
def test_a_new_item_with_the_key_of_another_is_refused_before_its_window_is_written(
    world: World, *, of_a_window: bool
) -> None:
    config = world.config(transform=mask(*SHORT), **QUICK)
    made = Masked(world, [short(0, 0)], config)
    run = made.open()
    ready = make_ready(run.config, macs=lambda name: b"")
    run.ledger.close()
    assert ready is not None
    masks = ready.mask_of(world.src("a"))

    def becomes(number: int) -> str:
        assert masks is not None
        return str(masks.masked(short(number, 0), masks.tally())["id"]["S"])

    apart = next(n for n in range(1, 999) if becomes(n) != becomes(0))
    made.write(short(apart, 1))
    made.minutes()
    made.caught_up().ledger.close()
    taken = apart if of_a_window else 0
    same = next(n for n in range(1, 9999) if n != taken and becomes(n) == becomes(taken))
    before = made.target()
    made.write(short(same, 2))
    made.minutes()
    with pytest.raises(ExportError, match="1 items that are new in window 2 would have the key of another item"):
        made.caught_up()
    assert made.target() == before


@pytest.mark.whole
def test_two_changes_that_get_one_key_are_refused_before_their_window_is_written(world: World) -> None:
    made = Masked(world, [short(0, 0)], world.config(transform=mask(*SHORT), **QUICK))
    made.write(*(short(number, 1) for number in range(1, 150)))
    made.minutes()
    before = made.target()
    with pytest.raises(ExportError, match="which of a key's is its last state, nobody knows"):
        made.caught_up()
    assert made.target() == before


@pytest.mark.chaos
def test_values_of_an_index_key_that_become_one_are_refused_before_their_window_is_written(world: World) -> None:
    rules = (keep_rule("n"), {"path": "code", "with": "pseudonym", "form": "digits", "length": 2})
    config = world.config(transform=mask(*rules), **QUICK)
    coded = [{"id": {"S": f"k{n}"}, "n": {"N": "1"}, "code": {"S": f"c{n}"}} for n in range(150)]
    made = Masked(world, coded[:1], config, **indexed_by("code", "S"))
    made.write(*coded[1:])
    made.minutes()
    before = made.target()
    with pytest.raises(ExportError, match="values of keys would become one that another value becomes"):
        made.caught_up()
    assert made.target() == before


def test_a_hook_that_heeds_its_items_place_is_refused(world: World) -> None:
    config = world.config(transform=mask(*RULES, hook="own.py:f"), **QUICK)
    (config.parent / "own.py").write_text(
        "def f(item, context):\n    return {**item, 'n': {'N': str(context.line)}}\n", encoding="utf-8"
    )
    made = Masked(world, [person(1, 1)], config)
    made.write(person(2, 2))
    made.minutes()
    with pytest.raises(ExportError, match="depend on nothing but the item"):
        made.caught_up()


@pytest.mark.chaos
def test_a_second_full_export_goes_through_the_stage_too(world: World) -> None:
    made = masked(world, catch_up={**QUICK["catch_up"], "proof": "full_export"})
    made.write(person(0, 9), person(1, MOST), person(33, 2))
    made.minutes()
    run = made.caught_up()
    found = validate_tables(run)[world.src("a")]
    assert (found.verdict, found.reasons) == ("PASS", ())
    assert found.changes.second_export.items == 30
    (second,) = SECOND_EXPORTS.all(run.ledger).values()
    assert (second.items, second.quarantined, second.raw.items) == (30, 0, 31)


@pytest.mark.whole
def test_a_cleanup_takes_raw_and_made_windows_and_exports(world: World) -> None:
    made = masked(world, catch_up={**QUICK["catch_up"], "proof": "full_export"})
    for number in range(2):  # the second export of the first round is superseded
        made.write(person(number, 9), person(33 + number, 2))
        made.minutes()
        made.caught_up().ledger.close()
    made.write(person(5, 9))
    made.minutes()
    for end in (30, 45):
        with mortal(end), pytest.raises(Killed):
            made.caught_up()
    run = made.open()
    clean_up(run, "r")
    assert {key for key in keys_in_bucket(world) if not key.endswith("/")} == set()
    assert made.target() == []


@pytest.mark.chaos
def test_a_chain_that_was_made_earlier_passes_the_stage(world: World) -> None:
    chain, gap, held = chain_of(world, 60)
    rules = ({"path": "pk", "with": "pseudonym", "domain": "pk"}, keep_rule("sk"), keep_rule("n"), keep_rule("b"),
             {"path": "test", "with": "drop"})  # fmt: skip
    run = world.open(
        transform=mask(*rules), export={"reuse": {world.src("a"): chain}},
        catch_up={"accept_gaps": [gap], "quiet_seconds": 0},
    )  # fmt: skip
    preflight(run)
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    catch_up(run)
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.reasons) == ("PASS", ())
    found = world.items(world.target, world.dst("a"))
    assert len(found) == len(held)
    assert not {item["pk"]["S"] for item in found} & {item["pk"]["S"] for item in held}


@pytest.mark.whole
def test_a_cut_over_is_proved_by_what_was_made_and_looks_for_what_the_last_window_brought(world: World) -> None:
    made = masked(world)
    made.write(person(0, 9))
    made.minutes()
    run = made.caught_up()
    validate_tables(run)
    scan_for_leaks(run)
    made.write(person(1, 8), person(33, 2))
    moving = Moving(world, run, made.config)
    asked = CutOverAsked(moving.now(), confirmed=True)
    cut_over(run, asked=asked, sleep=moving.sleeping)
    gates = {gate: str(fact.state) for gate, fact in GATES.all(run.ledger).items()}
    assert gates["data-proof"] == gates["go"] == "passed"
    assert made.target() == made.due()
    (leaks,) = LEAKS.all(run.ledger).values()
    assert (leaks.items, leaks.hits) == (31, 0)
    (found,) = VALIDATIONS.all(run.ledger).values()
    assert found.changes is not None
    assert found.changes.second_export is not None


@pytest.mark.whole
def test_a_raw_value_in_a_target_shuts_the_cut_over(world: World) -> None:
    made = masked(world, 30, *RULES, {"path": "copy", "with": "keep", "domain": "email"})
    made.write(person(0, 9))
    made.minutes()
    run = made.caught_up()
    validate_tables(run)
    made.write(person(1, 8, copy={"S": address(1)}))
    moving = Moving(world, run, made.config)
    with pytest.raises(GateFailed, match="1 raw values are in its target"):
        cut_over(run, asked=CutOverAsked(moving.now(), confirmed=True), sleep=moving.sleeping)
    assert "go" not in GATES.all(run.ledger)
