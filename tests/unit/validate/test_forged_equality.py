"""Items chosen so that the sums of their plain digests agree: all of them altered, and the comparison sees it.

`forged_sums.json` has 256 pairs, found in half a minute by Wagner's algorithm for the generalized birthday problem: the
number in a key and the amount that was altered from 100. All keys fall into one bucket.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.preflight.step import preflight
from runbook_lib.validate.bucket_digest import BucketDigest, bucket_of
from runbook_lib.validate.compare import Rules, compare
from tests.support.forged_sums import sides
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World

ID = (KeyAttribute("id", "S", "HASH"),)
Item = dict[str, Any]


def test_the_plain_sums_agree_which_is_why_they_decide_nothing() -> None:
    exported, altered = sides()
    assert {bucket_of(canonical_json({"id": item["id"]})) for item in exported} == {0}
    assert all(one != other for one, other in zip(exported, altered, strict=True))
    for _ in range(20):
        secret = RunSecret.new()
        one, other = BucketDigest(secret), BucketDigest(secret)
        one.add_items(exported, ID)
        other.add_items(altered, ID)
        assert one.table_digest() == other.table_digest()
        assert one.differing(other) == [0]


def test_every_altered_item_is_named() -> None:
    exported, altered = sides()
    secret = RunSecret.new()
    one, other = BucketDigest(secret), BucketDigest(secret)
    one.add_items(exported, ID)
    other.add_items(altered, ID)
    held = {item["id"]["S"]: item for item in altered}
    result = compare(
        one, other, lambda: iter(exported), lambda: iter(altered), ID,
        look_again=lambda keys: [held[key["id"]["S"]] for key in keys],
        rules=Rules(secret, lambda item: None, lambda: 0.0, 1000),
    )  # fmt: skip
    assert not result.equal
    assert (result.counts["different"], len(result.listed)) == (256, 256)
    assert len({d.key_hash for d in result.listed}) == 256


def test_a_target_forged_to_seem_equal_fails(world: World) -> None:
    exported, altered = sides()
    world.pair("a", exported)
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    world.put(world.target, world.dst("a"), altered)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["different"]) == ("FAIL", 256)
    assert fact["export_digest"] == fact["target_digest"]  # for publication, and no witness
