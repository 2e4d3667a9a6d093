from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.errors import CorruptFile, GateFailed
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.notebook.gates import gate_validation
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.publish import publish
from runbook_lib.report.render.html import render_html
from runbook_lib.run.facts.load import ImportFact, ImportStatus
from runbook_lib.run.run import Run
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.compare import Rules, compare
from runbook_lib.validate.reconcile import disagreements
from tests.support import records
from tests.support.attributes import items
from tests.support.examples import examples
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

ID = (KeyAttribute("id", "S", "HASH"),)
Item = dict[str, Any]


def migrated(world: World, count: int = 60, **changes: Any) -> Run:
    world.pair("a", things(count, s={"SS": ["x", "y"]}, t={"S": "text"}))
    run = world.open(**changes)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def target_key(number: int) -> Item:
    return {"id": {"S": f"i{number:05}"}}


def test_a_migrated_table_passes_with_four_equal_counts(world: World) -> None:
    run = migrated(world)
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "PASS"
    assert {fact[n] for n in ("in_manifest", "lines_read", "items_written", "items_in_target", "items_compared")} == {
        60
    }
    assert fact["export_digest"] == fact["target_digest"]
    assert gate_validation(run) == "GO: 1 of 1 tables proved"


@pytest.mark.parametrize(
    ("damage", "kind", "count"),
    [
        (lambda w, t: w.target.delete_item(TableName=t, Key=target_key(3)), "missing", 1),
        (lambda w, t: w.put(w.target, t, [{"id": {"S": "new"}}]), "extra", 1),
        (lambda w, t: w.put(w.target, t, [target_key(3) | {"n": {"N": "3"}}]), "different", 1),
        (lambda w, t: w.put(w.target, t, things(5)), "different", 5),
        (
            lambda w, t: (
                w.target.delete_item(TableName=t, Key=target_key(3)),
                w.put(w.target, t, [{"id": {"S": "z"}}]),
            ),
            "missing",
            1,
        ),
    ],
    ids=["lost", "added", "changed", "five changed", "lost and another added"],
)
@pytest.mark.few(2)
def test_a_damaged_target_fails_and_the_damage_is_named(world: World, damage: Any, kind: str, count: int) -> None:
    run = migrated(world)
    damage(world, world.dst("a"))
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert fact[kind] == count
    assert len(run.ledger.rows("SELECT * FROM difference WHERE kind = ?", kind)) == count
    with pytest.raises(GateFailed, match=kind):
        gate_validation(run)


def test_the_same_items_written_another_way_are_no_difference(world: World) -> None:
    run = migrated(world)
    world.put(
        world.target, world.dst("a"), [target_key(7) | {"t": {"S": "text"}, "s": {"SS": ["y", "x"]}, "n": {"N": "7.0"}}]
    )
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


@pytest.mark.chaos
def test_items_that_the_ttl_of_both_sides_removed_are_expired_and_not_missing(world: World) -> None:
    moment = 1_700_000_000
    lives = {"reached": moment - 60, "too old for TTL": moment - 6 * 365 * 86400, "stays": moment + 9}
    world.pair("a", [{"id": {"S": name}, "ttl": {"N": str(until)}} for name, until in lives.items()])
    for client, table in ((world.source, world.src("a")), (world.target, world.dst("a"))):
        client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    run.now = lambda: datetime.fromtimestamp(moment, UTC)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "reached"}})
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["expired"], fact["missing"]) == ("PASS", 1, 0)
    for name in ("too old for TTL", "stays"):
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": name}})
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["expired"], fact["missing"]) == ("FAIL", 1, 2)


@pytest.mark.parametrize("again", [True, False], ids=["replaced", "deleted"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_target_that_is_not_the_same_to_the_end_fails(world: World, again: bool) -> None:
    run = migrated(world, validate={"segments": 1, "index_samples": 0})
    table = world.dst("a")

    def watch(source: str, state: str, done: int, of: int) -> None:
        if state == "scanning the target":
            content = world.items(world.target, table)
            world.target.delete_table(TableName=table)
            if again:
                world.table(world.target, table)
                world.put(world.target, table, content)

    fact = validate_tables(run, watch)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    replaced = f"target {table} was replaced while it was compared; validate it again"
    assert (replaced in fact["reasons"]) == again


def test_without_an_import_nothing_is_proved(world: World) -> None:
    world.pair("a", things(3))
    run = world.open(execute=False)
    preflight(run)
    export_tables(run)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "DRY-RUN"


@pytest.mark.chaos
def test_keys_are_shown_in_full_only_where_the_configuration_says_so(world: World) -> None:
    run = migrated(world, 5)
    world.target.delete_item(TableName=world.dst("a"), Key=target_key(3))
    validate_tables(run)
    assert run.ledger.rows("SELECT key FROM difference")[0]["key"] is None
    full = world.open(report={"show_keys": "full"})
    validate_tables(full)
    assert full.ledger.rows("SELECT key FROM difference")[0]["key"] == '{"id": {"S": "i00003"}}'


@pytest.mark.chaos
def test_a_throttled_scan_of_the_target_is_finished(world: World) -> None:
    run = migrated(world)
    world.fault(operation="Scan", table=world.dst("a"), kind="throttle", every=2, times=4)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


GOOD: dict[str, int | None] = {
    "in_manifest": 10, "lines_read": 10, "items_written": 10, "items_quarantined": 0,
    "items_filtered": 0, "items_compared": 10, "items_in_target": 10,
}  # fmt: skip
NONE = {"missing": 0, "extra": 0, "different": 0, "expired": 0, "quarantined": 0}
LOADED = ImportFact(ImportStatus.COMPLETED, items_before=0)


def test_agreement_of_all_witnesses_has_no_reasons() -> None:
    assert disagreements(GOOD, NONE, LOADED) == []


@pytest.mark.parametrize("liar", ["in_manifest", "lines_read", "items_written", "items_compared", "items_in_target"])
@pytest.mark.parametrize("by", [-1, 1, -10])
def test_each_witness_that_lies_alone_is_contradicted(liar: str, by: int) -> None:
    assert disagreements(GOOD | {liar: 10 + by}, NONE, LOADED)


@pytest.mark.parametrize("kind", ["missing", "extra", "different"])
def test_each_difference_alone_is_a_reason(kind: str) -> None:
    assert disagreements(GOOD, NONE | {kind: 1}, LOADED)


def test_an_import_that_did_not_end_is_a_reason() -> None:
    assert disagreements(GOOD, NONE, replace(LOADED, status=ImportStatus.FAILED, failure="why")) == [
        "the import is failed: why"
    ]


def compared(
    exported: list[Item], found: list[Item], held: list[Item] | None = None, later: list[Item] | None = None
) -> Any:
    """Compare two lists of items with the real code.

    `held` is what a second look finds, `later` what a second scan does, where not the same as `found`.
    """
    secret = RunSecret.new()
    sides = BucketDigest(secret), BucketDigest(secret)
    for side, content in zip(sides, (exported, found), strict=True):
        side.add_items(content, ID)
    now = {i["id"]["S"]: i for i in (found if held is None else held)}
    return compare(
        *sides, lambda: iter(exported), lambda: iter(found if later is None else later), ID,
        look_again=lambda keys: [now[k["id"]["S"]] for k in keys if k["id"]["S"] in now],
        rules=Rules(secret, expires=lambda item: None, clock=lambda: 0.0, limit=100),
    )  # fmt: skip


@settings(max_examples=examples(24), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(items(), max_size=8, unique_by=lambda i: i["id"]["S"]), st.randoms(use_true_random=False))
@pytest.mark.whole
def test_the_same_items_in_any_order_are_equal(content: list[Item], order: random.Random) -> None:
    shuffled = [dict(reversed(i.items())) for i in content]
    order.shuffle(shuffled)
    result = compared(content, shuffled)
    assert result.equal
    assert not any(result.counts.values())


@settings(max_examples=examples(24), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(items(), min_size=1, max_size=8, unique_by=lambda i: i["id"]["S"]), st.data())
@pytest.mark.whole
def test_any_single_change_is_found_and_named(content: list[Item], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["missing", "extra", "different"]))
    other = {
        "missing": content[:at] + content[at + 1 :],
        "extra": [*content, {"id": {"S": "an extra key, quite long"}}],
    }
    changed = content[at] | {"a new attribute": {"NULL": True}}
    found = other.get(kind, [*content[:at], changed, *content[at + 1 :]])
    result = compared(content, found)
    assert result.counts == NONE | {kind: 1}
    assert [d.kind for d in result.listed] == [kind]


def test_what_a_second_look_finds_equal_is_not_reported() -> None:
    content = things(3)
    stale = [content[0], content[1] | {"n": {"N": "99"}}]
    assert compared(content, stale, held=content).counts == NONE


@pytest.mark.parametrize(
    "first", [things(3)[:2], [*things(3), {"id": {"S": "for a moment"}}], [*things(2), *things(2)]]
)
def test_what_is_right_when_the_target_is_scanned_again_is_right_and_counted_so(first: list[Item]) -> None:
    content = things(3)
    result = compared(content, first, held=content, later=content)
    assert (result.counts, result.found, result.exported) == (NONE, 3, 3)


@pytest.mark.parametrize("later", [things(3)[1:], [*things(3), things(1)[0]]])
def test_what_only_a_second_look_finds_right_is_counted_so_too(later: list[Item]) -> None:
    content = things(3)
    result = compared(content, things(3)[1:], held=content, later=later)
    assert (result.counts, result.found) == (NONE, 3)
    assert result.moved == 1


COMPARED = GOOD | {"lines_read": None, "items_written": None, "items_quarantined": None, "items_filtered": None}


def test_without_an_import_three_witnesses_agree() -> None:
    assert disagreements(COMPARED, NONE, None) == []


@pytest.mark.parametrize("liar", ["in_manifest", "items_compared", "items_in_target"])
@pytest.mark.parametrize("by", [-1, 1, -10])
def test_without_an_import_each_witness_that_lies_alone_is_contradicted(liar: str, by: int) -> None:
    assert disagreements(COMPARED | {liar: 10 + by}, NONE, None)


@pytest.mark.parametrize("kind", ["missing", "extra", "different"])
def test_without_an_import_each_difference_is_a_reason(kind: str) -> None:
    assert disagreements(COMPARED, NONE | {kind: 1}, None)


@pytest.mark.whole
def test_differences_are_evidence_in_the_run_folder(world: World) -> None:
    run = migrated(world, 30)
    table = world.dst("a")
    secret = {"t": {"S": "secret"}, "s": {"SS": ["x", "secret"]}, "n": {"N": "4"}}
    world.put(world.target, table, [target_key(4) | secret, {"id": {"S": "intruder"}}])
    world.target.delete_item(TableName=table, Key=target_key(5))
    validate_tables(run)
    record = publish(run.folder, run.ledger, run.id, "test").to_json()
    rows = [json.loads(line) for line in (run.folder / "differences.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["different", "extra", "missing"]
    assert [(p["path"], p["how"]) for p in rows[0]["paths"]] == [("s", "value"), ("t", "value")]
    assert [row["paths"] for row in rows[1:]] == [None, None]
    assert record["differences"]["listed"] == 3
    assert [d["key_hash"] for d in record["differences"]["first"]] == [row["key_hash"] for row in rows]
    assert "differences.jsonl" in (run.folder / "SHA256SUMS").read_text()
    page = (run.folder / "report.html").read_text()
    assert rows[0]["key_hash"] in page
    assert "<code>t</code> value" in page
    for file in ("differences.jsonl", "report.html", "report.md", "run.json"):
        assert not {"secret", "intruder"} & set(re.findall(r"[a-z]+", (run.folder / file).read_text()))


def test_the_record_tells_what_was_read_when(world: World) -> None:
    run = migrated(world, 30)
    validate_tables(run)
    (table,) = build_record(run.ledger, run.id, "test").to_json()["tables"]
    fact = run.ledger.get("validation", world.src("a"))
    assert fact["started"] <= table["read"]["export"][0] <= table["read"]["export"][1] <= fact["finished"]
    assert fact["started"] <= table["read"]["target"][0] <= table["read"]["target"][1] <= fact["finished"]
    assert len(table["manifest_md5"]["summary"]) == len(table["manifest_md5"]["files"]) == 32
    assert table["export_digest"] == table["target_digest"]
    assert f"target read {table['read']['target'][0][:10]}" in render_html(records.report_of({"tables": [table]}), [])


@pytest.mark.whole
def test_target_and_live_source_are_read_within_read_units_of_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = migrated(world, 30, validate={"max_rcu": 40.0, "drift": True, "drift_max_rcu": 7.0, "segments": 3})
    made: list[tuple[float | None, list[float]]] = []

    class Noted(RateLimit):
        def __init__(self, units_per_second: float | None) -> None:
            super().__init__(units_per_second)
            self.spent: list[float] = []
            made.append((units_per_second, self.spent))

        def beside(self) -> RateLimit:
            return self

        def spend(self, units: float) -> None:
            self.spent.append(units)

    for module in ("sides", "drift"):
        monkeypatch.setattr(f"runbook_lib.validate.{module}.RateLimit", Noted)
    before = run.ledger.calls("target")["Scan"], run.ledger.calls("source").get("Scan", 0)
    validate_tables(run)
    after = run.ledger.calls("target")["Scan"], run.ledger.calls("source").get("Scan", 0)
    assert [rate for rate, _ in made] == [40.0, 7.0]
    assert [len(spent) for _, spent in made] == [now - then for now, then in zip(after, before, strict=True)]
    assert all(units > 0 for _, spent in made for units in spent)


def test_no_item_content_gets_into_an_error(world: World) -> None:
    for value in ({"N": "secret"}, {"NS": ["secret"]}, {"B": "secret!"}, {"S": ["secret"]}, {"M": "secret"}):
        with pytest.raises(CorruptFile) as error:
            digests({"id": {"S": "x"}, "a": value}, ID)
        assert "secret" not in str(error.value)


@pytest.mark.chaos
def test_no_more_differences_are_listed_than_asked_for_and_all_are_counted(world: World) -> None:
    run = migrated(world, 30, validate={"max_differences": 2})
    world.put(world.target, world.dst("a"), things(9))
    assert validate_tables(run)[world.src("a")]["different"] == 9
    assert run.ledger.rows("SELECT COUNT(*) AS n FROM difference")[0]["n"] == 2


def test_a_table_digest_does_not_depend_on_how_it_was_split() -> None:
    secret, content = RunSecret.new(), things(500)
    whole, *halves = (BucketDigest(secret) for _ in range(3))
    whole.add_items(content, ID)
    for n, half in enumerate(halves):
        half.add_items(content[n::2], ID)
    halves[1].merge(halves[0])
    assert not whole.differing(halves[1])
    assert whole.table_digest() == halves[1].table_digest() == "ff172d2c48831e30d86e0c0a028bc72b"
