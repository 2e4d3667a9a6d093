"""The target's indexes are asked and their answers compared with the export, on moto and on scripted answers."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.aws.dynamodb.describe.definition import IndexDefinition
from runbook_lib.aws.dynamodb.describe.partial_definition import LiveIndex
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.items.canonical import Item
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.validation import IndexFact
from runbook_lib.run.run import Run
from runbook_lib.validate.indexes.check import Settings, ask_target, wrong_indexes
from runbook_lib.validate.indexes.sample import IndexSample, index_key, projected
from tests.support.examples import examples
from tests.support.recorded import check_indexes, export_tables, import_tables, validate_tables
from tests.support.world import ID as HASH_ID
from tests.support.world import World, indexed_by, things

ID = (KeyAttribute("id", "S", "HASH"),)
BY_OWNER = (KeyAttribute("owner", "S", "HASH"), KeyAttribute("at", "N", "RANGE"))


def live(
    key: tuple[KeyAttribute, ...] = BY_OWNER[:1], projection: str = "ALL", kind: str = "GSI", state: str = "ACTIVE",
    attributes: tuple[str, ...] = (), name: str = "by-owner",
) -> LiveIndex:  # fmt: skip
    return LiveIndex(kind, state, IndexDefinition(name, key, projection, attributes, None, None))


def owned(count: int, owners: int, **more: Any) -> list[Item]:
    return [i | {"owner": {"S": f"o{n % owners}"}, "at": {"N": str(n)}} | more for n, i in enumerate(things(count))]


def holding(items: list[Item]) -> Any:
    """An index that holds these items and answers as DynamoDB does."""

    def ask(index: LiveIndex, key: Item) -> Iterator[Item]:
        for item in items:
            if index_key(item, index.definition.key) == key:
                yield projected(item, index, ID)

    return ask


def asked(
    exported: list[Item], held: list[Item], *indexes: LiveIndex, ask: Any = None, samples: int = 20, **more: Any
) -> list[dict[str, Any]]:
    chosen = {
        "wait_seconds": 0.0, "may_hold_more": False, "secret": RunSecret.new(), "clock": lambda: 0.0,
        "in_table": pytest.fail, "sleep": pytest.fail,
    } | more  # fmt: skip
    expires = ((i, float(i["ttl"]["N"]) if "ttl" in i else None) for i in exported)
    return check_indexes(indexes or (live(),), ID, expires, ask or holding(held), Settings(samples, **chosen))


def table_of(items: list[Item]) -> Any:
    """A table that is asked for items by their keys, at most a hundred at once."""

    def held(keys: list[Item]) -> list[Item]:
        assert 0 < len(keys) <= 100
        wanted = {key["id"]["S"] for key in keys}
        return [item for item in items if item["id"]["S"] in wanted]

    return held


ITEMS = owned(200, 40)
NOT_ASKED = Settings(0, 0.0, False, RunSecret.new(), lambda: 0.0, lambda keys: [], lambda seconds: None)


@pytest.mark.parametrize(
    "index",
    [
        live(), live(BY_OWNER), live(projection="KEYS_ONLY"), live(projection="INCLUDE", attributes=("n",)),
        live(BY_OWNER, "KEYS_ONLY", "LSI"),
    ],
    ids=["all", "with range", "keys only", "include", "local"],
)  # fmt: skip
def test_an_index_that_holds_what_was_exported_is_right(index: LiveIndex) -> None:
    (fact,) = asked(ITEMS, ITEMS, index)
    assert (fact["state"], fact["keys"], fact["wrong_keys"], fact["belonging"]) == ("checked", 20, 0, 200)
    assert fact["expected"] == fact["found"] == (20 if len(index.definition.key) == 2 else 100)
    assert wrong_indexes([IndexFact(**fact)]) == []


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (ITEMS[:17] + ITEMS[18:], "missing"),
        ([*ITEMS, ITEMS[17] | {"id": {"S": "another"}}], "extra"),
        ([*ITEMS, ITEMS[17]], "extra"),
        ([*ITEMS[:17], ITEMS[17] | {"n": {"N": "99"}}, *ITEMS[18:]], "different"),
        ([*ITEMS[:17], {k: v for k, v in ITEMS[17].items() if k != "n"}, *ITEMS[18:]], "different"),
    ],
    ids=["missing", "extra", "answered twice", "changed", "attribute missing"],
)
def test_one_wrong_item_under_a_sampled_key_is_found(held: list[Item], kind: str) -> None:
    (fact,) = asked(ITEMS, held, samples=40)
    assert {k: fact[k] for k in ("missing", "extra", "different") if fact[k]} == {kind: 1}
    assert fact["wrong_keys"] == 1
    assert wrong_indexes([IndexFact(**fact)])[0].startswith(
        "index by-owner answers differently from the export for 1 of 40 sampled"
    )


def test_attributes_that_are_not_projected_are_not_compared() -> None:
    changed = [i | {"n": {"N": "-1"}} for i in ITEMS]
    assert asked(ITEMS, changed, live(projection="KEYS_ONLY"))[0]["wrong_keys"] == 0
    assert asked(ITEMS, changed, live(projection="INCLUDE", attributes=("n",)))[0]["wrong_keys"] == 20


def test_the_same_values_spelled_otherwise_are_the_same() -> None:
    spelled = [i | {"at": {"N": i["at"]["N"] + ".0"}} for i in ITEMS]

    def ask(index: LiveIndex, key: Item) -> Iterator[Item]:
        yield from (i for i in spelled if float(i["at"]["N"]) == float(key["at"]["N"]) and i["owner"] == key["owner"])

    assert asked(ITEMS, [], live(BY_OWNER), ask=ask)[0]["wrong_keys"] == 0


def test_items_without_the_index_key_are_left_out() -> None:
    sparse = [
        {"id": {"S": "a"}, "owner": {"S": "o"}}, {"id": {"S": "b"}}, {"id": {"S": "c"}, "owner": {"N": "1"}},
        {"id": {"S": "d"}, "owner": {"S": ""}}, {"id": {"S": "e"}, "owner": {"NULL": True}},
    ]  # fmt: skip
    (fact,) = asked(sparse, sparse[:1])
    assert (fact["belonging"], fact["keys"], fact["expected"], fact["wrong_keys"]) == (1, 1, 1, 0)
    (fact,) = asked(sparse[1:], [])
    assert (fact["state"], fact["keys"], fact["wrong_keys"]) == ("nothing to ask", 0, None)


@pytest.mark.parametrize("state", ["CREATING", "BACKFILLING", "DELETING"])
def test_an_index_that_is_not_ready_is_not_checked_and_never_asked(state: str) -> None:
    (fact,) = asked(ITEMS, [], live(state=state), ask=pytest.fail)
    assert (fact["state"], fact["why"], fact["found"]) == ("not checked", f"the index is {state}", None)


def test_no_sample_is_not_checked_and_the_export_is_not_read() -> None:
    facts = check_indexes([live()], ID, pytest.fail, pytest.fail, NOT_ASKED)  # type: ignore[arg-type]
    assert [f["state"] for f in facts] == ["not checked"]


def test_keys_with_too_many_items_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook_lib.validate.indexes.check.ITEMS_HELD", 60)  # of 20 keys: 3 each
    (fact,) = asked(ITEMS, ITEMS)
    assert (fact["state"], fact["keys"], fact["left_out"]) == ("not checked", 0, 20)
    assert "more than 3 items" in fact["why"]
    sample = IndexSample(live(), ID, 20, 3, RunSecret.new())
    for item in ITEMS:
        sample.add(item, None)
    assert [len(key.items) for key in sample.sampled()] == [0] * 20
    many = [*ITEMS, {"id": {"S": "x"}, "owner": {"S": "few"}}]
    monkeypatch.setattr("runbook_lib.validate.indexes.check.ITEMS_HELD", 41 * 3)
    (fact,) = asked(many, many, samples=41)
    assert (fact["state"], fact["keys"], fact["left_out"], fact["wrong_keys"]) == ("checked", 1, 40, 0)


def test_expired_items_may_be_gone_and_others_may_not() -> None:
    aging = owned(40, 20, ttl={"N": "100"})
    gone = asked(aging, [], clock=lambda: 100.0, in_table=lambda keys: [])[0]
    assert (gone["wrong_keys"], gone["expired"], gone["missing"]) == (0, 40, 0)
    assert asked(aging, [], clock=lambda: 99.0)[0]["missing"] == 40


def test_an_expired_item_that_the_table_still_holds_is_missing_in_the_index() -> None:
    aging = owned(40, 20, ttl={"N": "100"})
    kept = {item["id"]["S"] for item in aging[:7]}

    def held(keys: list[Item]) -> list[Item]:
        assert all(set(key) == {"id"} for key in keys)
        return [key for key in keys if key["id"]["S"] in kept]

    fact = asked(aging, [], clock=lambda: 100.0, in_table=held)[0]
    assert (fact["wrong_keys"], fact["expired"], fact["missing"]) == (7, 33, 7)


def test_the_time_is_asked_for_after_the_answer_that_lacks_what_expired() -> None:
    aging, now = owned(40, 20, ttl={"N": "100"}), [99.0]

    def ask(index: LiveIndex, key: Item) -> Iterator[Item]:
        now[0] = 100.0
        yield from ()

    assert asked(aging, [], ask=ask, clock=lambda: now[0], in_table=lambda keys: [])[0]["missing"] == 0


def test_nobody_can_foresee_which_keys_are_sampled() -> None:
    samples = []
    for _ in range(2):
        sample = IndexSample(live(), ID, 5, 100, RunSecret.new())
        for item in owned(200, 100):
            sample.add(item, None)
        samples.append({key.key["owner"]["S"] for key in sample.sampled()})
    assert samples[0] != samples[1]


def test_others_are_forgiven_only_where_the_target_held_items_before() -> None:
    more = [*ITEMS, *(ITEMS[17] | {"id": {"S": f"older {n}"}} for n in range(150))]
    held = {"samples": 40, "may_hold_more": True, "in_table": table_of(more)}
    assert asked(ITEMS, more, **held)[0]["wrong_keys"] == 0
    assert asked(ITEMS, more[1:], **held)[0]["missing"] == 1
    assert asked(ITEMS, more, samples=40)[0]["extra"] == 150


@pytest.mark.parametrize(
    "of_table", [[], [ITEMS[17] | {"id": {"S": "other"}, "n": {"N": "-7"}}]], ids=["absent", "unlike"]
)
def test_an_index_that_holds_what_its_table_does_not_is_wrong_whatever_was_there_before(of_table: list[Item]) -> None:
    more = [*ITEMS, ITEMS[17] | {"id": {"S": "other"}}]
    fact = asked(ITEMS, more, samples=40, may_hold_more=True, in_table=table_of([*ITEMS, *of_table]))[0]
    assert (fact["wrong_keys"], fact["extra"]) == (1, 1)


def test_an_item_that_is_answered_twice_is_one_too_many_whatever_was_there_before() -> None:
    twice = [*ITEMS, ITEMS[17]]
    assert asked(ITEMS, twice, samples=40, may_hold_more=True, in_table=table_of(ITEMS))[0]["extra"] == 1


def test_an_index_that_lags_behind_is_waited_for_and_no_longer_than_said() -> None:
    late, slept = list(ITEMS[:100]), []

    def catch_up(seconds: float) -> None:
        slept.append(seconds)
        late.extend(ITEMS[100:])

    (fact,) = asked(ITEMS, late, wait_seconds=30.0, sleep=catch_up)
    assert (fact["wrong_keys"], fact["missing"], slept) == (0, 0, [2.0])
    slept.clear()
    (fact,) = asked(ITEMS, ITEMS[:100], wait_seconds=30.0, sleep=slept.append)
    assert (fact["wrong_keys"], sum(slept)) == (20, 30.0)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "no"), ("UnknownOperationException", ""), ("AndNowForSomethingNew", ""),
        ("ValidationException", "Backfilling index"), ("ValidationException", "something else"),
    ],
)  # fmt: skip
def test_an_index_that_may_not_be_asked_is_not_checked(code: str, message: str) -> None:
    def ask(index: LiveIndex, key: Item) -> Iterator[Item]:
        raise TransportError("Query", 400, code, message, [])

    (fact,) = asked(ITEMS, [], ask=ask)
    assert (fact["state"], fact["wrong_keys"]) == ("not checked", None)
    assert code in fact["why"]


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 300), st.integers(1, 60), st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_sample_is_the_same_in_any_order_and_knows_all_items_of_its_keys(
    count: int, owners: int, size: int, order: random.Random
) -> None:
    """Against the obvious way: group everything, then take the keys with the smallest digests."""
    items = owned(count, owners)
    samples, secret = [], RunSecret.new()
    for _ in range(2):
        sample = IndexSample(live(), ID, size, 1000, secret)
        for item in items:
            sample.add(item, None)
        samples.append([(k.key["owner"]["S"], set(k.items)) for k in sample.sampled()])
        assert sample.belonging == count
        order.shuffle(items)
    assert samples[0] == samples[1]
    groups: dict[str, int] = {}
    for item in items:
        groups[item["owner"]["S"]] = groups.get(item["owner"]["S"], 0) + 1
    assert len(samples[0]) == min(size, len(groups))
    assert all(len(held) == groups[owner] for owner, held in samples[0])


class Scripted:
    """A wire that answers from a list and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.heard = list(answers), []  # type: ignore[var-annotated]

    def read(self, operation: str, body: bytes, backoff: Backoff) -> bytes:
        assert operation == "Query"
        self.heard.append(json.loads(body))
        return json.dumps(self.answers.pop(0)).encode()


@given(
    st.integers(0, 200), st.integers(1, 40), st.integers(1, 20), st.integers(1, 12), st.lists(st.integers(0, 200)),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_samples_of_parts_put_together_are_the_sample_of_all_of_them(
    count: int, owners: int, size: int, most: int, cuts: list[int], order: random.Random
) -> None:
    items, secret = owned(count, owners), RunSecret.new()
    order.shuffle(items)
    whole = IndexSample(live(), ID, size, most, secret)
    together, places = whole.empty(), sorted({0, count, *(min(cut, count) for cut in cuts)})
    for item in items:
        whole.add(item, 5.0)
    for begin, end in pairwise(places):
        part = whole.empty()
        for item in items[begin:end]:
            part.add(item, 5.0)
        together.merge(pickle.loads(pickle.dumps(part)))
    assert together.sampled() == whole.sampled()
    assert together.belonging == whole.belonging == count


def test_all_pages_of_a_key_are_read_and_paid_for() -> None:
    transport = Scripted(
        {"Items": ITEMS[:2], "LastEvaluatedKey": {"id": {"S": "x"}}, "ConsumedCapacity": {"CapacityUnits": 3.0}},
        {"Items": [], "LastEvaluatedKey": {"id": {"S": "y"}}},
        {"Items": ITEMS[2:3]},
    )
    clock = [0.0]
    limit = RateLimit(1.0, monotonic=lambda: clock[0], sleep=lambda s: clock.__setitem__(0, clock[0] + s))
    ask = ask_target(transport, "t", limit, Backoff())  # type: ignore[arg-type]
    key = {"owner": {"S": "o"}, "at": {"N": "1"}}
    assert list(ask(live(BY_OWNER, kind="LSI"), key)) == ITEMS[:3]
    assert clock[0] == 3.0
    assert [h.get("ExclusiveStartKey") for h in transport.heard] == [None, {"id": {"S": "x"}}, {"id": {"S": "y"}}]
    first = transport.heard[0]
    assert first["KeyConditionExpression"] == "#k0 = :k0 AND #k1 = :k1"
    assert first["ExpressionAttributeNames"] == {"#k0": "owner", "#k1": "at"}
    assert first["ExpressionAttributeValues"] == {":k0": {"S": "o"}, ":k1": {"N": "1"}}
    assert first["ConsistentRead"] is True


def test_a_global_index_is_not_asked_for_a_consistent_read() -> None:
    transport = Scripted({"Items": []})
    list(ask_target(transport, "t", RateLimit(None), Backoff())(live(), {"owner": {"S": "o"}}))  # type: ignore[arg-type]
    assert transport.heard[0]["ConsistentRead"] is False


QUICK = {"validate": {"index_wait_seconds": 0.0}}


def loaded(world: World, **changes: Any) -> Run:
    run = world.open(**(QUICK | changes))
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


@pytest.mark.whole
def test_every_kind_of_index_is_asked_in_the_embedded_aws(world: World) -> None:
    """KEYS_ONLY, INCLUDE, ALL and local; sparse; a key with more than one page."""
    types = {"id": "S", "r": "N", "g": "S", "n": "N", "l": "S"}

    def index(name: str, *key: str, **projection: Any) -> dict[str, Any]:
        roles = zip(key, ("HASH", "RANGE"), strict=False)
        schema = [{"AttributeName": a, "KeyType": role} for a, role in roles]
        return {"IndexName": name, "KeySchema": schema, "Projection": projection}

    definition = {
        "KeySchema": [*HASH_ID, {"AttributeName": "r", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        "GlobalSecondaryIndexes": [
            index("keys", "g", "n", ProjectionType="KEYS_ONLY"),
            index("some", "g", ProjectionType="INCLUDE", NonKeyAttributes=["x"]),
            index("every", "n", ProjectionType="ALL"),
        ],
        "LocalSecondaryIndexes": [index("local", "id", "l", ProjectionType="ALL")],
    }
    items = [
        {"id": {"S": f"i{n % 7}"}, "r": {"N": str(n)}, "x": {"S": "x" * 9000}, "y": {"BOOL": True}}
        | ({"g": {"S": "big" if n % 2 else f"g{n}"}, "n": {"N": f"{n % 5}.0"}} if n % 4 else {})
        | ({"l": {"S": f"l{n}"}} if n % 3 == 0 else {})
        for n in range(280)
    ]
    world.pair("a", items, **definition)
    fact = validate_tables(loaded(world))[world.src("a")]
    assert fact["verdict"] == "PASS"
    found = {f["index"]: f for f in fact["indexes"]}
    assert {n: f["state"] for n, f in found.items()} == dict.fromkeys(("every", "keys", "some", "local"), "checked")
    assert {n: f["belonging"] for n, f in found.items()} == {"every": 210, "keys": 210, "some": 210, "local": 94}
    assert {f["wrong_keys"] for f in found.values()} == {0}
    assert found["every"]["expected"] == found["every"]["found"] == 210
    assert found["local"]["keys"] == 20


@pytest.mark.chaos
def test_a_damaged_item_is_missed_by_the_index_too_and_the_table_fails(world: World) -> None:
    world.pair("a", owned(30, 5), **indexed_by("owner", "S"))
    run = loaded(world, validate={"index_wait_seconds": 600.0})  # not waited for: the table is not right either
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert any("index by-owner answers differently from the export for 1 of 5" in reason for reason in fact["reasons"])


@pytest.mark.whole
def test_an_index_that_lost_an_item_fails_a_table_that_is_equal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto's indexes are views of the table, so the loss is made on the wire."""
    world.pair("a", owned(30, 5), **indexed_by("owner", "S"))
    run = loaded(world)
    read = DynamoDBTransport.read

    def losing(self: DynamoDBTransport, operation: str, body: bytes, backoff: Backoff) -> bytes:
        answer = json.loads(read(self, operation, body, backoff))
        if operation == "Query":
            answer["Items"] = [i for i in answer["Items"] if i["id"]["S"] != "i00003"]
        return json.dumps(answer).encode()

    monkeypatch.setattr(DynamoDBTransport, "read", losing)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["missing"], fact["export_digest"] == fact["target_digest"]) == ("FAIL", 0, True)
    assert len(fact["reasons"]) == 1
    assert fact["reasons"][0].startswith("index by-owner answers differently")


def test_a_target_with_another_projection_is_measured_by_its_own_and_told_by_parity(world: World) -> None:
    world.table(world.source, world.src("a"), **indexed_by("owner", "S"))
    world.table(world.target, world.dst("a"), **indexed_by("owner", "S", ProjectionType="KEYS_ONLY"))
    world.put(world.source, world.src("a"), owned(10, 3))
    run = loaded(world)
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "PASS"
    assert fact["indexes"][0]["wrong_keys"] == 0
    assert [(d["what"], d["rating"]) for d in fact["parity"]["differences"]] == [("global index by-owner", "warns")]


@pytest.mark.chaos
def test_a_throttled_query_is_asked_again(world: World) -> None:
    world.pair("a", owned(30, 5), **indexed_by("owner", "S"))
    run = loaded(world)
    world.fault(operation="Query", table=world.dst("a"), kind="throttle", every=2, times=3)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["indexes"][0]["keys"]) == ("PASS", 5)
    assert world.faults()[0]["fired"] == 3
