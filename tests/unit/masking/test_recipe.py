"""A recipe filters, hooks and masks, and gives out nothing that a table could not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.masking.expression.parse import parse_filter
from runbook_lib.masking.hook import HookContext, ItemHook, load_hook
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.recipe import TWICE, NotPure, Recipe, Untransformable, spell_item
from runbook_lib.masking.rules import MaskRule, Verb

KEY = (KeyAttribute("pk", "S", "HASH"),)
CONTEXT = HookContext("orders", "orders-dev", 0, 1)
ITEM: Item = {"pk": {"S": "marker-of-a-person"}, "n": {"N": "1"}}


def hook_of(made: Any) -> ItemHook:
    return ItemHook(lambda item, context: made(item) if callable(made) else made, "0" * 64)


def test_a_filter_decides_first_and_a_hook_may_leave_out_or_add() -> None:
    keeps = [parse_filter("n = :one", {}, {":one": 1})]
    recipe = Recipe(KEY, keeps=keeps, hook=hook_of(lambda item: [item, item | {"pk": {"S": "more"}}]))
    tally = recipe.tally()
    assert recipe.made_of({"pk": {"S": "a"}, "n": {"N": "2"}}, CONTEXT, tally) == []
    made = [orjson.loads(item)["pk"]["S"] for item in recipe.made_of(ITEM, CONTEXT, tally)]
    assert made == ["marker-of-a-person", "more"]
    assert (tally.filtered, tally.kept, tally.added, tally.keys_rewritten) == (1, 1, 1, 1)
    none = Recipe(KEY, hook=hook_of(None))
    tally = none.tally()
    assert none.made_of(ITEM, CONTEXT, tally) == []
    assert (tally.filtered, tally.kept) == (1, 0)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (Recipe(KEY, hook=hook_of(lambda item: item["nothing"])), "the hook raised KeyError"),
        (Recipe(KEY, hook=hook_of(lambda item: int(item["pk"]["S"]))), "the hook raised ValueError"),
        (Recipe(KEY, hook=hook_of("marker-of-a-person")), "something else than None"),
        (Recipe(KEY, hook=hook_of({"n": {"N": "1"}})), "key attribute 'pk'"),
        (Recipe(KEY, hook=hook_of({"pk": {"S": "x" * 2049}})), "longer than DynamoDB allows"),
        (Recipe(KEY, hook=hook_of(lambda item: item | {"x": {"marker-of-a-person": 1}})), "not an item"),
        (Recipe((KeyAttribute("pk", "N", "HASH"),)), "key attribute 'pk' should be of type N"),
        (Recipe(KEY, (KeyAttribute("n", "S", "HASH"),)), "index key 'n' should be of type S"),
        (
            Recipe(KEY, (KeyAttribute("g", "S", "HASH"),), hook=hook_of({**ITEM, "g": {"S": ""}})),
            "'g' is empty or longer",
        ),
        (
            Recipe(KEY, (KeyAttribute("g", "S", "RANGE"),), hook=hook_of({**ITEM, "g": {"S": "x" * 1025}})),
            "'g' is empty",
        ),
    ],
)
def test_an_item_that_cannot_be_in_the_target_is_refused_and_not_shown(recipe: Recipe, told: str) -> None:
    with pytest.raises(Untransformable) as caught:
        recipe.made_of(ITEM, CONTEXT, recipe.tally())
    assert told in str(caught.value)
    assert "marker" not in str(caught.value)


def test_an_item_whose_mask_fails_counts_as_nothing_else() -> None:
    mask = TableMask(
        MaskKey(b"x" * 16), [MaskRule("*", "pk", Verb.SHIFT_DATE), MaskRule("*", "n", Verb.KEEP)], "orders"
    )
    recipe = Recipe(KEY, mask=mask)
    tally = recipe.tally()
    with pytest.raises(Untransformable, match="no date"):
        recipe.made_of(ITEM, CONTEXT, tally)
    assert (tally.filtered, tally.kept, tally.added, tally.keys_rewritten) == (0, 0, 0, 0)


def test_a_key_that_is_masked_counts_as_rewritten() -> None:
    mask = TableMask(
        MaskKey(b"x" * 16), [MaskRule("*", "pk", Verb.PSEUDONYM, Form.HEX), MaskRule("*", "n", Verb.KEEP)], "t"
    )
    recipe = Recipe(KEY, mask=mask)
    tally = recipe.tally()
    recipe.made_of(ITEM, CONTEXT, tally)
    assert tally.keys_rewritten == 1


def test_a_hook_that_changes_its_mind_is_found_and_one_that_edits_its_argument_is_not_misled() -> None:
    calls: list[int] = []

    def counts(item: Item) -> Item:
        calls.append(1)
        return item | {"n": {"N": str(len(calls))}}

    recipe = Recipe(KEY, hook=hook_of(counts))
    with pytest.raises(NotPure):
        recipe.made_of(ITEM, CONTEXT, recipe.tally())

    def edits(item: Item) -> Item:
        item["n"] = {"N": str(int(item["n"]["N"]) + 1)}
        return item

    recipe = Recipe(KEY, hook=hook_of(edits))
    assert orjson.loads(recipe.made_of(ITEM, CONTEXT, recipe.tally())[0])["n"] == {"N": "2"}


@pytest.mark.parametrize("hooked", [0, TWICE])
def test_a_hook_that_changes_what_it_is_given_changes_nothing_else(hooked: int) -> None:
    """What the item was is compared and told afterwards: its key, and the image of a change."""

    def edits(item: Item) -> Item:
        item["pk"]["S"] = "new"
        item["l"]["L"].append({"S": "more"})
        return item

    was: Item = {"pk": {"S": "old"}, "l": {"L": [{"S": "one"}]}}
    mask = TableMask(MaskKey(b"x" * 16), [MaskRule("*", "*", Verb.KEEP)], "t")
    recipe = Recipe(KEY, (KeyAttribute("pk", "S", "HASH"),), hook=hook_of(edits), mask=mask)
    tally = recipe.tally()
    tally.hooked = hooked
    assert orjson.loads(recipe.made_of(was, CONTEXT, tally)[0])["pk"] == {"S": "new"}
    assert tally.keys_rewritten == 1
    list(recipe.key_changes(was, CONTEXT))
    assert was == {"pk": {"S": "old"}, "l": {"L": [{"S": "one"}]}}


def test_attributes_of_replication_are_left_out_without_a_mask_too() -> None:
    recipe = Recipe(KEY)
    tally = recipe.tally()
    assert recipe.made_of(ITEM | {"aws:rep:updateregion": {"S": "x"}}, CONTEXT, tally) == [orjson.dumps(ITEM)]
    assert tally.replication == 1


def test_an_item_of_more_than_400_kb_is_refused() -> None:
    assert spell_item({"pk": {"S": "x" * 409_598}})
    with pytest.raises(Untransformable, match="400 KB"):
        spell_item({"pk": {"S": "x" * 409_600}})
    assert spell_item({"pk": {"S": "x"}, "l": {"L": [{"N": "1"}] * 50_000}})  # its JSON is longer, the item is not


def test_a_hook_is_loaded_from_its_file_and_told_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "hook.py"
    file.write_text("def transform(item, context):\n    return item if context.table == 'orders' else None\n")
    hook = load_hook("hook.py:transform", tmp_path)
    assert hook.function(ITEM, CONTEXT) == ITEM
    file.write_text(file.read_text() + "# changed\n")
    assert load_hook("hook.py:transform", tmp_path).sha256 != hook.sha256


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("missing.py:transform", "cannot be read"),
        ("hook.py:missing", "expected a function missing"),
        ("broken.py:transform", "cannot be imported: SyntaxError"),
        ("raises.py:transform", "cannot be imported: RuntimeError"),
        ("leaves.py:transform", "cannot be imported: SystemExit: 0"),
        ("leaves_later.py:transform", "cannot be imported: SystemExit"),
    ],
)
def test_a_hook_that_cannot_be_had_is_a_configuration_error(tmp_path: Path, spelled: str, told: str) -> None:
    (tmp_path / "hook.py").write_text("transform = 1\n")
    (tmp_path / "broken.py").write_text("def\n")
    (tmp_path / "raises.py").write_text("raise RuntimeError\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "leaves_later.py").write_text("def __getattr__(name):\n    raise SystemExit\n")
    with pytest.raises(ConfigError) as caught:
        load_hook(spelled, tmp_path)
    assert told in str(caught.value)


def test_what_a_hook_makes_is_looked_at_beyond_the_items_that_it_is_given_twice() -> None:
    recipe = Recipe(KEY, hook=hook_of(lambda item: item | {"x": {"marker-of-a-person": 1}}))
    tally = recipe.tally()
    tally.hooked = TWICE
    with pytest.raises(Untransformable) as caught:
        recipe.made_of(ITEM, CONTEXT, tally)
    assert "marker" not in str(caught.value)
