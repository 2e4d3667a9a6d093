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
from runbook_lib.transform.propose import missing_inside, proposals_for, shapes_of

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
    return {str(path) for path, _ in tally.unnamed}


def test_what_is_proposed_names_every_value_however_deep_and_shows_none() -> None:
    lines = "".join(proposals_for("orders", shapes_of(items())))
    assert unnamed() != set()
    assert unnamed(*pasted(lines)) == set()
    assert "ada" not in lines
    told = {rule["path"]: rule for rule in yaml.safe_load(lines)}
    assert told["object"]["rules"] == [
        {"path": "contact.email", "with": "pseudonym", "form": "email", "domain": "email"},
        {"path": "contact.tags[*]", "with": "pseudonym", "form": "hex", "domain": "tags"},
        {"path": "none", "with": "keep"}, {"path": "open", "with": "keep"}, {"path": "total", "with": "keep"},
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
        "# into the rules of in_json, person (orders): {path: none, with: keep}  # NULL 3\n",
        "# into the rules of in_json, person (orders): {path: open, with: keep}  # BOOL 3\n",
        "# into the rules of in_json, person (orders): {path: total, with: keep}  # N 3\n",
        "# into the rules of object (orders): {path: none, with: keep}  # NULL 3\n",
        "# into the rules of object (orders): {path: open, with: keep}  # BOOL 3\n",
    ]
    assert ADDRESS not in "".join(said)


def test_a_rule_of_an_item_does_not_begin_with_a_list() -> None:
    with pytest.raises(ValidationError, match="begins with a list, and an item is none"):
        RuleSetting.model_validate({"path": "[*].email", "with": "drop"})
