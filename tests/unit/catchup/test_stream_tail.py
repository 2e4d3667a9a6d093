"""A stream read from where it was left: in its lineage, nothing twice, nothing left out without a word."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from zlib import crc32

import orjson
import pytest

from runbook_lib.catchup.streams.net_changes import MissingRecord, NetChanges
from runbook_lib.catchup.streams.tail import StreamTail
from runbook_lib.errors import CorruptFile, ExportError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.plan.stream_chain import StreamFault, StreamRule
from runbook_lib.run.facts.windows import ShardPosition
from tests.support.lying_stream import T0, MadeShard, MadeStream

KEY = (KeyAttribute("id", "S", "HASH"),)
Positions = tuple[ShardPosition, ...]


def read(stream: MadeStream, before: Positions = (), end: int = 10_000) -> tuple[dict[str, Any], Positions]:
    """What is read up to a second: the last state of each key that was changed, and the positions."""
    net = NetChanges(T0, KEY)
    positions = {position.shard: position for position in before}
    until = T0 + timedelta(seconds=end)
    after = StreamTail(stream, "arn", 2 if before else 1, T0, until, T0, lambda _: None, positions).read(net)
    lines = map(orjson.loads, net.lines())
    return {line["Keys"]["id"]["S"]: line.get("NewImage") for line in lines}, after


def tree() -> MadeStream:
    """Shards of three generations: one, two of its children, and a child of one of these; listed in no order."""
    made = {"c": MadeShard("b1"), "b1": MadeShard("a", True), "a": MadeShard(None, True), "b2": MadeShard("a")}
    return MadeStream(made)


def test_children_are_read_after_the_end_of_their_parents() -> None:
    stream = tree()
    for number, shard in enumerate(["a", "a", "a", "b1", "b1", "c"]):
        stream.write(shard, "x", number, 100)
    stream.write("b2", "y", 1, 100)
    changed, _ = read(stream)
    assert changed == stream.held
    assert stream.asked.index("a") < stream.asked.index("b1") < stream.asked.index("c")


def test_any_cuts_of_any_history_come_to_the_same() -> None:
    for seed in range(200):
        chance, target = random.Random(seed), dict[str, Any]()
        stream, positions = MadeStream({"s0": MadeShard()}), Positions()
        open_shards, second = ["s0"], 100
        for _ in range(chance.randint(1, 6)):
            for _ in range(chance.randrange(8)):
                second += chance.choice([0, 1, 30])
                name = f"k{chance.randrange(4)}"
                shard = open_shards[
                    crc32(name.encode()) % len(open_shards)
                ]  # the same one as long as there is no split
                stream.write(shard, name, None if name in stream.held and chance.random() < 0.4 else second, second)
            if chance.random() < 0.4:
                parents, lanes = open_shards, [*range(len(open_shards) * chance.choice([1, 2]))]
                open_shards = [f"s{len(stream.shards) + lane}" for lane in lanes]
                for parent in parents:
                    stream.shards[parent].ended = True
                for lane, child in zip(lanes, open_shards, strict=True):
                    stream.shards[child] = MadeShard(parents[lane % len(parents)])
            changed, positions = read(stream, positions, chance.choice([second, second + 1, 10_000]))
            target |= changed
        changed, positions = read(stream, positions)
        target |= changed
        assert {name: item for name, item in target.items() if item is not None} == stream.held, seed
        assert read(stream, positions) == ({}, positions)


def test_what_was_written_at_the_end_or_later_is_left_for_the_next_window() -> None:
    stream = MadeStream({"a": MadeShard()})
    for value, second in ((1, 100), (2, 149), (3, 150), (4, 151)):
        stream.write("a", "x", value, second)
    changed, positions = read(stream, end=150)
    assert changed["x"]["v"] == {"N": "2"}
    assert read(stream, positions)[0] == stream.held


def test_a_child_waits_for_a_parent_that_was_read_up_to_a_moment_only() -> None:
    stream = MadeStream({"a": MadeShard(None, True), "b": MadeShard("a")})
    for shard, value, second in (("a", 1, 100), ("a", 2, 300), ("b", 3, 200)):  # the clocks of two shards differ
        stream.write(shard, "x", value, second)
    changed, positions = read(stream, end=250)
    assert changed["x"]["v"] == {"N": "1"}
    assert read(stream, positions)[0] == stream.held


def test_a_quiet_shard_is_not_taken_to_be_at_its_end_at_the_first_empty_page() -> None:
    stream = MadeStream({"a": MadeShard()}, empty_pages=2)
    stream.write("a", "x", 1, 100)
    assert read(stream)[0] == stream.held


def refused(stream: MadeStream, before: Positions) -> StreamFault:
    with pytest.raises(StreamFault) as fault:
        read(stream, before)
    return fault.value


def test_a_shard_that_is_gone_before_its_end_is_a_gap() -> None:
    stream = tree()
    _, positions = read(stream)
    del stream.shards["c"]
    assert refused(stream, positions).rule is StreamRule.GAP


def test_a_shard_whose_parent_nobody_has_read_is_a_gap() -> None:
    stream = MadeStream({"a": MadeShard()})
    _, positions = read(stream)
    stream.shards["z"] = MadeShard("unknown")
    assert refused(stream, positions).rule is StreamRule.GAP


def test_a_parent_that_was_read_to_its_end_may_be_gone() -> None:
    stream = tree()
    _, positions = read(stream)
    del stream.shards["a"], stream.shards["b1"]
    stream.write("c", "x", 7, 200)
    assert read(stream, positions)[0] == {"x": stream.held["x"]}


def test_what_follows_a_shard_is_waited_for() -> None:
    stream, looks = MadeStream({"a": MadeShard(None, True), "b": MadeShard("a")}), list[int]()
    stream.write("b", "x", 1, 100)

    def late(shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        looks.append(1)
        return shards if len(looks) > 4 else shards[:1]

    stream.falsify = late
    assert read(stream)[0] == stream.held
    stream.falsify = lambda shards: shards[:1]
    with pytest.raises(ExportError, match="does not say what follows it"):
        read(stream)


def test_one_list_that_leaves_a_shard_out_is_not_believed() -> None:
    stream, looks = tree(), list[int]()
    stream.write("b2", "y", 1, 100)

    def once(shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        looks.append(1)
        return shards[:3] if len(looks) == 1 else shards

    stream.falsify = once
    assert read(stream)[0] == stream.held


def test_a_record_that_is_missing_is_found_by_the_next_of_its_key() -> None:
    stream = MadeStream({"a": MadeShard()})
    for number in range(3):
        stream.write("a", "x", number, 100)
    del stream.shards["a"].records[1]
    with pytest.raises(MissingRecord, match="should be what the change of the item before it had left"):
        read(stream)


@pytest.mark.parametrize(
    "falsified",
    [
        {"OldImage": None},
        {"SequenceNumber": "\u0663\u0660\u0660"},
        {"SequenceNumber": "100"},
        {"StreamViewType": "NEW_IMAGE"},
    ],
)
def test_a_record_that_is_none_is_refused(falsified: dict[str, Any]) -> None:
    stream = MadeStream({"a": MadeShard()})
    for number in range(2):
        stream.write("a", "x", number, 100)
    stream.shards["a"].records[1]["dynamodb"] |= falsified
    if falsified == {"SequenceNumber": "100"}:  # a page that goes back
        stream.shards["a"].records[0]["dynamodb"]["SequenceNumber"] = "200"
    with pytest.raises(CorruptFile):
        read(stream)


def test_of_a_key_written_at_about_the_exports_moment_every_state_is_kept() -> None:
    stream, net = MadeStream({"a": MadeShard()}), NetChanges(T0, KEY)
    for value, second in ((1, -90), (2, -30), (None, 0), (3, 30), (4, 90)):
        stream.write("a", "x", value, second)
    StreamTail(stream, "arn", 1, T0, T0 + timedelta(hours=1), T0, lambda _: None).read(net)
    [line] = map(orjson.loads, net.lines())
    around = [image and image["v"]["N"] for image in line["Metadata"]["StatesAround"]]
    assert (line["OldImage"]["v"]["N"], around, line["NewImage"]["v"]["N"]) == ("1", ["2", None, "3"], "4")
