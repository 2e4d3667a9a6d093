"""Proposed rules: pasted as they are they name every value that was read, in JSON in strings too, and show none."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from runbook_lib.config.moving.transform import RuleSetting
from runbook_lib.items.canonical import Item
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.rules import rules_of
from runbook_lib.transform.proposal.propose import missing_inside, proposals_for
from runbook_lib.transform.proposal.shapes import shapes_of

KEY = MaskKey(b"a key of some bytes")
ADDRESS = "ada.marker@example.com"
DEEP = {"contact": {"email": ADDRESS, "tags": ["a", "b"]}, "total": 3.5, "open": True, "none": None}
TEXTS = {
    "object": json.dumps(DEEP),
    "list": json.dumps([DEEP, DEEP]),
    "in_json": json.dumps({"person": json.dumps(DEEP)}),
    "empty": "{}",
    "words": "no JSON at all",
    "number": "17",
}


def items(count: int = 3) -> list[Item]:
    return [
        {
            "id": {"S": f"i{n:05}"}, "email": {"S": ADDRESS}, "n": {"N": str(n)}, "bin": {"B": "AAAA"},
            "set": {"SS": ["x", "y"]}, "m": {"M": {"a": {"L": [{"M": {"b": {"S": "x"}}}]}}},
            **{name: {"S": text} for name, text in TEXTS.items()},
        }
        for n in range(count)
    ]  # fmt: skip


def pasted(lines: str) -> tuple[Any, ...]:
    return tuple(RuleSetting.model_validate(rule).of_table() for rule in yaml.safe_load(lines) or ())


def unnamed(*rules: Any) -> set[str]:
    mask = TableMask(KEY, rules, "orders")
    tally = mask.tally()
    for item in items():
        mask.masked(item, tally)
    return {str(path) for path, _ in tally.unnamed.shown()}


def test_what_is_proposed_names_every_value_however_deep_and_shows_none() -> None:
    lines = "".join(proposals_for("orders", shapes_of(items())))
    assert unnamed() != set()
    assert unnamed(*pasted(lines)) == set()
    assert "ada" not in lines
    told = {rule["path"]: rule for rule in yaml.safe_load(lines)}
    assert told["object"]["rules"] == [
        {"path": "contact.email", "with": "pseudonym", "form": "email", "domain": "email"},
        {"path": "contact.tags[*]", "with": "pseudonym", "form": "hex", "domain": "tags"},
        {"path": "none", "with": "pseudonym", "form": "hex", "domain": "none"}, {"path": "open", "with": "keep"},
        {"path": "total", "with": "keep"},
    ]  # fmt: skip
    assert told["list"]["rules"][0]["path"] == "[*].contact.email"
    assert told["in_json"]["rules"][0]["with"] == "json"
    assert (told["words"]["with"], told["number"]["with"]) != ("json", "json")


def test_what_rules_for_json_leave_unnamed_is_proposed_for_their_own_rules() -> None:
    """A pre-flight blocks for it; so the command that it names has to list it."""
    known = pasted("""
- {table: orders, path: object, with: json, rules: [{path: total, with: keep}, {path: "contact.*", with: drop}]}
- {table: orders, path: in_json, with: json, rules: [{path: person, with: json, rules: [{path: contact, with: drop}]}]}
""")
    own = rules_of(known, "orders")
    said = list(missing_inside("orders", shapes_of(items()), own))
    assert said == [
        "# into the rules of in_json, person (orders): "
        "{path: none, with: pseudonym, form: hex, domain: none}  # NULL 3\n",
        "# into the rules of in_json, person (orders): {path: open, with: keep}  # BOOL 3\n",
        "# into the rules of in_json, person (orders): {path: total, with: keep}  # N 3\n",
        "# into the rules of object (orders): {path: none, with: pseudonym, form: hex, domain: none}  # NULL 3\n",
        "# into the rules of object (orders): {path: open, with: keep}  # BOOL 3\n",
    ]
    assert ADDRESS not in "".join(said)


def test_a_rule_of_an_item_does_not_begin_with_a_list() -> None:
    with pytest.raises(ValidationError, match="begins with a list, and an item is none"):
        RuleSetting.model_validate({"path": "[*].email", "with": "drop"})


def proposed(items: list[Item], *rules: Any) -> dict[str, Any]:
    """The proposed rules by path, without those that are only a thought; what is said of these by path below ''."""
    lines = list(proposals_for("orders", shapes_of(items), rules))
    thoughts = [line for line in lines if line.startswith("# ")]
    made = {rule["path"]: rule for rule in yaml.safe_load("".join(lines)) or ()}
    return made | {"": {yaml.safe_load(line[2:])[0]["path"]: line for line in thoughts}}


def of(*values: Any) -> list[Item]:
    """60 items with the first value, and 40 with each of the others."""
    return [{"x": held} for n, held in enumerate(values) for _ in range(60 if n == 0 else 40)]


def address(number: int) -> dict[str, str]:
    return {"S": f"ada{number}@example.com"}


def test_an_attribute_is_judged_by_each_type_that_can_hold_data_and_not_by_the_most_frequent() -> None:
    items: list[Item] = [
        *({"email": {"NULL": True}, "blank": {"S": ""}} for _ in range(60)),
        *({"email": address(n), "blank": address(n), "both": {"N": str(n)}} for n in range(40)),
        *({"both": {"S": f"Ada {n} Marker"}} for n in range(30)),
    ]  # fmt: skip
    made = proposed(items)
    assert {path: rule["with"] for path, rule in made.items() if path} == dict.fromkeys(
        ("email", "blank", "both"), "pseudonym"
    )
    assert made["email"]["form"] == made["blank"]["form"] == "email"


@pytest.mark.parametrize(
    ("values", "verb"),
    [
        ([{"BOOL": True}], "keep"),
        ([{"BOOL": True}, {"NULL": True}], "keep"),
        (
            [{"BOOL": True}, {"S": "Ada Marker of Markerstreet 17, in a town of 40"}],
            "drop",
        ),  # no pseudonym is for a BOOL
        ([{"M": {}}, {"S": "Ada Marker of Markerstreet 17, in a town of 40"}], "drop"),
        ([{"N": "1"}, {"B": "AAAA"}], "drop"),
        ([{"S": "Ada Marker of Markerstreet 17, in a town of 40"}, {"B": "AAAA"}], "drop"),
        ([{"N": "1"}, {"S": '{"a":"Ada"}'}], "drop"),
        ([{"N": "1"}, {"S": "a note of more than sixty characters, that says something about Ada"}], "drop"),
        ([{"NULL": True}], "pseudonym"),
        ([{"S": ""}], "pseudonym"),
        ([{"S": "few"}, {"NULL": True}], "keep"),
        ([{"S": ""}, {"S": "Ada"}], "keep"),
    ],
)
def test_what_is_proposed_fits_every_type_that_was_read(values: list[Any], verb: str) -> None:
    items = of(*values)
    made = proposed(items)
    assert made["x"]["with"] == verb
    mask = TableMask(KEY, [RuleSetting.model_validate(made["x"]).of_table()], "orders")
    tally = mask.tally()
    for item in items:
        mask.masked(item, tally)
    assert not tally.unnamed


def test_few_words_mean_something_only_where_there_are_many_values() -> None:
    assert proposed(of({"S": ""}, *({"S": ""} for _ in range(3))) + [{"x": {"S": f"Ada {n}"}} for n in range(3)])["x"][
        "with"
    ] == "pseudonym"  # fmt: skip


@pytest.mark.parametrize("empty", [{"M": {}}, {"L": []}])
def test_what_was_empty_is_not_kept_and_goes_on_to_block(empty: Any) -> None:
    made = proposed(of(empty, {"NULL": True}))
    assert "x" not in made
    assert "nothing was in it" in made[""]["x"]
    json_text = proposed(of({"S": json.dumps({"m": {}}) if "M" in empty else "[]"}))
    assert "keep" not in str(json_text)


@pytest.mark.parametrize("empty", [{"M": {}}, {"NULL": True}])
def test_where_something_is_inside_of_others_what_is_empty_needs_no_rule(empty: Any) -> None:
    items = of(empty, {"M": {"mail": address(1)}})
    made = proposed(items)
    assert [path for path in made if path] == ["x.mail"]
    assert not made[""]
    rules = [RuleSetting.model_validate(made["x.mail"]).of_table()]
    assert proposed(of(empty), *rules) == {"": {}}
    mask = TableMask(KEY, rules, "orders")
    tally = mask.tally()
    assert mask.masked({"x": empty}, tally) == {"x": empty}
    assert not tally.unnamed


def test_a_text_beside_maps_is_proposed_as_a_thought_as_no_rule_could_be_for_both() -> None:
    made = proposed(of({"M": {"mail": address(1)}}, {"S": "Ada"}))
    assert [path for path in made if path] == ["x.mail"]
    assert "stand in the way" in made[""]["x"]
    names = RuleSetting.model_validate({"path": "x", "with": "pseudonym", "of": "names"}).of_table()
    assert "stand in the way" in proposed(of({"S": "Ada"}), names)[""]["x"]


@pytest.mark.parametrize("name", ["phone", "mobile", "phoneNumber", "tel", "home_tel", "fax", "zip", "account"])
def test_numbers_that_are_said_to_reach_a_person_are_not_kept(name: str) -> None:
    items: list[Item] = [{name: {"N": str(491_712_345_000 + n)}} for n in range(60)]
    assert proposed(items)[name]["with"] == "pseudonym"
    assert proposed([{"total": {"N": "7"}}])["total"]["with"] == "keep"
