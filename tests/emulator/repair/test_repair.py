"""A repair writes what the comparison found wrong and nothing else, and only a validation afterwards can PASS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.aws.dynamodb import guarded_write
from runbook_lib.aws.dynamodb.guarded_items import GuardedItems
from runbook_lib.errors import ConfigError, GateFailed, TransferError
from runbook_lib.items.canonical import digest
from runbook_lib.items.keys import key_of
from runbook_lib.notebook.afterwards.gates import gate_repair
from runbook_lib.repair import write
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.afterwards.repair import RepairFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from runbook_lib.run.tables.wrong_items import SentState
from runbook_lib.validate.step import validate_tables
from tests.support.guarded_writes import LOST, loses_answers, write_before
from tests.support.steps import up_to_the_import
from tests.support.tables import turn_on_recovery
from tests.support.taking_back import taken_back_meanwhile
from tests.support.world import World, things
from tools.defects import CATALOGUE, KEY, Estate, planted

SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
TYPES = [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}]
ALL = RepairChoice(write_missing=True, write_different=True, delete_extra=True)
MISSING = {"id": {"S": "i00003"}}
OTHER = {"id": {"S": "i00004"}, "n": {"N": "-4"}}
EXTRA = {"id": {"S": "extra"}}


def by_key(items: list[dict[str, Any]]) -> dict[bytes, bytes]:
    return {digest(key_of(item, KEY)): digest(item) for item in items}


def repaired(run: Run, choice: RepairChoice = ALL) -> RepairFact:
    (fact,) = repair_tables(run, choice, run.id)
    return fact


def damaged(world: World, count: int = 10, **changes: Any) -> Run:
    """A validated run, one item of whose target is missing, one different and one too many."""
    world.pair("a", things(count))
    run = up_to_the_import(world, **changes)
    world.target.delete_item(TableName=world.dst("a"), Key=MISSING)
    world.put(world.target, world.dst("a"), [OTHER, EXTRA])
    assert validate_tables(run)[world.src("a")].verdict == "FAIL"
    return run


def ids(world: World) -> list[str]:
    return sorted(item["id"]["S"] for item in world.items(world.target, world.dst("a")))


@pytest.mark.whole
@pytest.mark.chaos
def test_every_defect_of_a_real_target_is_repaired_and_then_it_passes(world: World) -> None:
    defects = [d for d in CATALOGUE if d.target_only and planted(d).exported == Estate().exported]
    assert len(defects) >= 40
    clean = Estate().exported
    world.pair("a", clean, KeySchema=SCHEMA, AttributeDefinitions=TYPES)
    table, wrong = world.dst("a"), []
    run = up_to_the_import(world)
    for defect in defects:
        wanted = planted(defect).found
        for item in world.items(world.target, table):
            if digest(key_of(item, KEY)) not in by_key(wanted):
                world.target.delete_item(TableName=table, Key=key_of(item, KEY))
        world.put(world.target, table, wanted)
        before = validate_tables(run)[world.src("a")]
        fact = repaired(run)
        after = validate_tables(run)[world.src("a")]
        outcome = (
            before.verdict, fact.counts.written == sum(defect.counts.values()), fact.counts.left, after.verdict,
            by_key(world.items(world.target, table)) == by_key(clean),
        )  # fmt: skip
        if outcome != (defect.expected_verdict, True, 0, "PASS", True):
            wrong.append((defect.name, outcome, fact.counts))
    assert not wrong
    assert repaired(run).counts.written == 0


@pytest.mark.chaos
def test_a_dry_run_writes_nothing_and_says_what_it_would_cost_beside_a_full_rewrite(world: World) -> None:
    run = damaged(world)
    before = world.items(world.target, world.dst("a"))
    (fact,) = repair_tables(run, ALL)
    assert (fact.missing, fact.different, fact.extra, fact.units, fact.full_units) == (1, 1, 1, 3, 10)
    assert fact.usd is not None
    assert fact.full_usd == pytest.approx(fact.usd * 10 / 3)
    assert world.items(world.target, world.dst("a")) == before
    assert validate_tables(run)[world.src("a")].missing == 1
    assert run.ledger.calls("target").keys() & {"PutItem", "DeleteItem"} == set()


@pytest.mark.whole
def test_only_what_was_chosen_is_written(world: World) -> None:
    run, one = damaged(world), RepairChoice(write_missing=True)
    left = "not chosen, so that the FAIL stays: 1 different (write_different is False), 1 extra (delete_extra is False)"
    assert str(gate_repair(run, one, "")).endswith(left)
    assert str(gate_repair(run, one, run.id)).endswith(left)
    assert "not chosen" not in str(gate_repair(run, ALL, run.id))
    fact = repaired(run, one)
    assert (fact.counts.added, fact.counts.written, fact.counts.left) == (1, 1, 0)
    found = validate_tables(run)[world.src("a")]
    assert (found.missing, found.different, found.extra, found.verdict) == (0, 1, 1, "FAIL")


@pytest.mark.whole
def test_until_it_is_validated_again_a_repaired_table_is_not_proved(world: World) -> None:
    run = damaged(world)
    repaired(run)
    assert report_run(run).verdict == "FAIL"
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    record = report_run(run)
    assert record.verdict == "PASS"
    assert record.repair_command is None
    assert [(r.missing, r.counts.added, r.counts.replaced, r.counts.deleted) for r in record.repairs] == [(1, 1, 1, 1)]


@pytest.mark.parametrize(
    "write_since",
    [
        lambda w: w.target.delete_item(TableName=w.dst("a"), Key={"id": {"S": "i00007"}}),
        lambda w: w.put(w.target, w.dst("a"), [{"id": {"S": "new"}}]),
        lambda w: w.put(w.target, w.dst("a"), [{"id": {"S": "i00008"}, "n": {"N": "0"}}]),
        lambda w: w.put(w.target, w.dst("a"), [{"id": {"S": "i00003"}, "n": {"N": "3"}}]),
        lambda w: w.put(w.target, w.dst("a"), [OTHER | {"more": {"S": "x"}}]),
    ],
    ids=["deleted", "added", "changed", "put right", "changed once more"],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_what_others_wrote_since_the_validation_stops_it(world: World, write_since: Callable[[World], Any]) -> None:
    run = damaged(world)
    write_since(world)
    held = ids(world)
    with pytest.raises(TransferError, match="was written to by somebody else since it was validated"):
        repaired(run)
    assert ids(world) == held
    repaired(run, RepairChoice(True, True, True, even_after_cut_over=True))
    assert validate_tables(run)[world.src("a")].verdict in ("PASS", "FAIL")


@pytest.mark.chaos
def test_an_earlier_pass_does_not_outlive_what_a_repair_has_written(world: World) -> None:
    """It was of a target that is another now; only a validation of this one proves it."""
    world.pair("a", things(10))
    run = up_to_the_import(world)
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    assert report_run(run).verdict == "PASS"
    world.target.delete_item(TableName=world.dst("a"), Key=MISSING)
    repaired(run, RepairChoice(True, True, True, even_after_cut_over=True))
    assert report_run(run).verdict == "FAIL"
    assert validate_tables(run)[world.src("a")].verdict == "PASS"


@pytest.mark.chaos
def test_while_another_run_takes_back_what_it_wrote_nothing_is_repaired(world: World) -> None:
    """The other would take what is put back now for its own."""
    run = damaged(world)
    before = ids(world)
    with taken_back_meanwhile(world, run), pytest.raises(TransferError, match="'other' takes back what it wrote"):
        repaired(run)
    assert ids(world) == before
    assert repaired(run).counts.written == 3
    assert validate_tables(run)[world.src("a")].verdict == "PASS"


@pytest.mark.whole
def test_a_table_of_the_same_name_that_was_made_since_is_not_repaired(world: World) -> None:
    run = damaged(world)
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    with pytest.raises(GateFailed, match="is not the table that this run wrote to"):
        repaired(run)
    assert ids(world) == []


RACES = {
    "a missing one is written": ("put_if_absent", MISSING | {"by": {"S": "the application"}}),
    "a different one is changed": ("replace_as_read", OTHER | {"n": {"N": "5"}}),
    "a different one gets an attribute": ("replace_as_read", OTHER | {"paid": {"BOOL": True}}),
    "a different one is deleted": ("replace_as_read", None),
    "an extra one is changed": ("delete_as_read", EXTRA | {"n": {"N": "1"}}),
    "a missing one comes and goes": ("put_if_absent", None),
}


@pytest.mark.parametrize("race", RACES)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_writer_that_races_a_repair_keeps_its_write(world: World, monkeypatch: pytest.MonkeyPatch, race: str) -> None:
    run = damaged(world)
    name, now = RACES[race]
    key = {"put_if_absent": MISSING, "replace_as_read": {"id": OTHER["id"]}, "delete_as_read": EXTRA}[name]
    write_before(world, monkeypatch, name, key, now)
    fact = repaired(run)
    held = world.target.get_item(TableName=world.dst("a"), Key=key).get("Item")
    if race == "a missing one comes and goes":
        assert fact.counts.added == 1
    else:
        assert held == now
        assert fact.counts.changed == 1
    assert fact.counts.written + fact.counts.left + fact.counts.right == fact.asked == 3


@pytest.mark.parametrize(
    "now", [MISSING | {"by": {"S": "the application"}}, OTHER | {"n": {"N": "5"}}, OTHER | {"x": {"S": ""}}]
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_what_was_written_after_the_comparison_and_before_the_look_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, now: dict[str, Any]
) -> None:
    """The look finds it, and a condition on what was found would hold: only the comparison knows that it is newer."""
    run = damaged(world)
    look = GuardedItems.held

    def written_first(self: GuardedItems, lines: list[Any]) -> Any:
        world.put(world.target, world.dst("a"), [now])
        return look(self, lines)

    monkeypatch.setattr(GuardedItems, "held", written_first)
    fact = repaired(run)
    assert world.target.get_item(TableName=world.dst("a"), Key={"id": now["id"]})["Item"] == now
    assert (fact.counts.changed, fact.counts.written) == (1, 2)


@pytest.mark.parametrize("error", LOST, ids=str)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_put_whose_answer_is_lost_is_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It was heard, and the application deleted the item: a second put would bring it back."""
    run = damaged(world)
    sent = list[int]()
    monkeypatch.setattr(guarded_write, "put_if_absent", loses_answers(world, MISSING, sent, error))
    fact = repaired(run)
    assert (sent, fact.counts.unanswered) == ([1], 1)
    assert "i00003" not in ids(world)


@pytest.mark.parametrize("group", [0, 1, 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.few(1)
@pytest.mark.whole
def test_killed_anywhere_it_goes_on_and_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, group: int, after: bool
) -> None:
    world.pair("a", things(250))
    run = up_to_the_import(world)
    for item in things(240):
        world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
    validate_tables(run)
    mark, marks = write.mark_sent, list[int]()

    def killed(*arguments: Any) -> None:
        marks.append(1)
        here = len(marks) == 2 * group + 1 + after
        if here and not after:
            raise KeyboardInterrupt
        mark(*arguments)
        if here:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "mark_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            repaired(run)
    fact = repaired(run)
    assert fact.counts.left == 0
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    assert repaired(run).counts.written == 0
    assert len(world.items(world.target, world.dst("a"))) == 250


@pytest.mark.chaos
def test_what_the_application_deleted_after_a_killed_repair_does_not_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = damaged(world)
    mark = write.mark_sent

    def killed(ledger: Ledger, source: str, keys: list[bytes], state: SentState) -> None:
        mark(ledger, source, keys, state)
        if state is SentState.DONE:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "mark_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            repaired(run)
    world.target.delete_item(TableName=world.dst("a"), Key=MISSING)
    with pytest.raises(TransferError, match="was written to by somebody else"):
        repaired(run)
    assert "i00003" not in ids(world)


@pytest.mark.whole
@pytest.mark.parametrize("mode", ["append", "sync"])
@pytest.mark.parametrize("secret", ["kept", "lost"])
@pytest.mark.few(1)
def test_what_was_there_before_and_was_changed_by_its_owner_is_never_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch, mode: str, secret: str
) -> None:
    """It is extra, and nobody's but its owner's: no command that is printed takes it away, nor one that is typed."""
    world.pair("a", things(10))
    world.put(world.target, world.dst("a"), [{"id": {"S": "theirs"}}, {"id": {"S": "theirs too"}}])
    turn_on_recovery(world, world.target, world.dst("a"))
    run = up_to_the_import(world, **{"import": {"on_non_empty": mode}})
    theirs = {"id": {"S": "theirs"}, "since": {"BOOL": True}}
    world.put(world.target, world.dst("a"), [theirs, EXTRA])
    if secret == "lost":
        monkeypatch.setattr("runbook_lib.run.witnesses.items_before.why_unknown", lambda *_: "the secret is lost")
    fact = validate_tables(run)[world.src("a")]
    assert (fact.verdict, fact.extra) == ("FAIL", 3 if secret == "lost" else 2 + 1)
    assert fact.otherwise_before == (3 if secret == "lost" else 1)
    record = report_run(run)
    assert ("--delete-extra" in str(record.repair_command)) == (secret == "kept")
    done = repaired(run)
    assert (done.extra, done.counts.deleted) == ((0, 0) if secret == "lost" else (1, 1))
    left = {item["id"]["S"]: item for item in world.items(world.target, world.dst("a"))}
    assert left["theirs"] == theirs
    assert "theirs too" in left
    after = validate_tables(run)[world.src("a")]
    assert after.verdict == "FAIL"
    if secret == "kept":
        assert "1 item is under a key that was there, so somebody has changed it since, and no repair" in str(after)
        assert report_run(run).repair_command is None


@pytest.mark.chaos
def test_an_item_too_wide_for_a_condition_is_left_and_told(world: World) -> None:
    wide = {f"a{n:03}": {"N": str(n)} for n in range(160)}
    world.pair("a", [{"id": {"S": "wide"}, **wide}, *things(3)])
    run = up_to_the_import(world)
    world.put(world.target, world.dst("a"), [{"id": {"S": "wide"}, "n": {"N": "1"}}])
    validate_tables(run)
    fact = repaired(run)
    assert (fact.counts.too_wide, fact.counts.written) == (1, 0)


@pytest.mark.parametrize("wrong", ["no choice", "another id", "not validated", "not imported"])
@pytest.mark.few(2)
def test_it_refuses_what_it_was_not_asked_for_clearly(world: World, wrong: str) -> None:
    world.pair("a", things(3))
    run = up_to_the_import(world)
    if wrong == "not imported":
        run = world.open("other")
        from runbook_lib.preflight.step import preflight

        preflight(run)
    with pytest.raises((ConfigError, GateFailed)) as refused:
        repair_tables(run, RepairChoice() if wrong == "no choice" else ALL, "x" if wrong == "another id" else run.id)
    expected = {
        "no choice": "at least one of --write-missing", "another id": "found 'x'", "not validated": "run 30_validate",
        "not imported": "run 10_export",
    }[wrong]  # fmt: skip
    assert expected in str(refused.value)
