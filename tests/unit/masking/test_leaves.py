"""What a scan looks for: values that a mask hides, and nothing that it writes as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from runbook_lib.items.canonical import Item
from runbook_lib.leak_scan.look import Counted, look_through
from runbook_lib.leak_scan.sought import RawTable, gather
from runbook_lib.masking.hook import HookContext
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.rules import MaskRule, Verb

KEY = MaskKey(b"0123456789abcdef")
MAIL = "anna.schmidt@people.example"
HIDES = (MaskRule("*", "email", Verb.PSEUDONYM), MaskRule("*", "total", Verb.KEEP), MaskRule("*", "l.*", Verb.KEEP))
ALL = (MaskRule("*", "*", Verb.KEEP),)


class AtHand(RawTable):
    __slots__ = ("held",)

    def _read(self) -> Any:
        return ((HookContext("t", "", 0, n), item) for n, item in enumerate(HELD))


HELD: list[Item] = []


def found(
    tmp_path: Path, rules: tuple[MaskRule, ...], items: list[Item], written: list[Item] | None = None
) -> set[str]:
    """The rules whose raw values a scan finds in what the mask makes of the items, or in what is said to be there."""
    HELD[:] = items
    mask = TableMask(KEY, rules, "t")
    made = [mask.masked(item, mask.tally()) for item in items] if written is None else written
    values, gathered, _ = gather([AtHand("t", None, "", (), mask)], tmp_path)
    hits = look_through(values, orjson.dumps(made).decode(), Counted())
    return {gathered.rule_of(number) for number in hits}


def payload(*rules: MaskRule) -> tuple[MaskRule, ...]:
    return (MaskRule("*", "p", Verb.JSON, rules=rules), MaskRule("*", "id", Verb.KEEP))


@pytest.mark.parametrize(
    "text",
    [
        '{"total":12345}', '{"email":null,"total":5}', '{"email":"","total":5}', "{}", "[]", '{"email":null}',
        '{"l":{"lang":"de-DE-posix"}}', '{"status":"unknown"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("rules", [(*HIDES, MaskRule("*", "status", Verb.CONSTANT, constant="unknown")), ALL])
def test_json_in_which_nothing_is_masked_is_no_leak_where_it_stands(
    tmp_path: Path, text: str, rules: tuple[MaskRule, ...]
) -> None:
    others = [json.dumps({"email": MAIL, "total": 7}), json.dumps({"email": MAIL})] if rules is not ALL else []
    items = [{"id": {"S": str(n)}, "p": {"S": each}} for n, each in enumerate([text, *others])]
    assert found(tmp_path, payload(*rules), items) == set()
    deep = (MaskRule("*", "q", Verb.JSON, rules=rules), MaskRule("*", "n", Verb.KEEP))
    items = [{"p": {"S": json.dumps({"q": each, "n": 100_000}, separators=(",", ":"))}} for each in [text, *others]]
    assert found(tmp_path, payload(*deep), items) == set()


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (HIDES, json.dumps({"email": MAIL})),
        (ALL, json.dumps({MAIL: "x"})),  # a name that no rule spells is not kept by the text around it
        (HIDES, json.dumps([MAIL])),  # nor is what no rule names
        (HIDES, json.dumps({"other": MAIL})),
        (HIDES, json.dumps(MAIL)),
        (HIDES, MAIL + "{"),
    ],
)
def test_json_that_holds_what_is_hidden_excuses_no_leak(tmp_path: Path, rules: tuple[MaskRule, ...], text: str) -> None:
    items: list[Item] = [{"p": {"S": text}}, {"m": {"S": MAIL}}]
    looked = found(tmp_path, (*payload(*rules), MaskRule("*", "m", Verb.PSEUDONYM)), items, items)
    assert looked & {"t: m pseudonym", "t: email pseudonym"}


@pytest.mark.parametrize("constant", [1_000_000, 2.5e30, "unknown person"])
def test_a_value_that_is_its_constant_already_is_no_leak(tmp_path: Path, constant: float | str) -> None:
    rule = MaskRule("*", "salary", Verb.CONSTANT, constant=constant)
    mask = TableMask(KEY, [rule], "t")
    already = mask.masked({"salary": {"S": "x"}}, mask.tally())
    assert found(tmp_path, (rule,), [already]) == set()
    assert found(tmp_path, (rule,), [{"salary": {"N": "7123958"}}], [{"salary": {"N": "7123958"}}])


@pytest.mark.parametrize("number", ["1e999999999999999999999", "1" * 400, "0.1e-99999"])
def test_a_number_in_a_json_text_that_dynamodb_cannot_hold_stops_no_scan(tmp_path: Path, number: str) -> None:
    kept: list[Item] = [{"p": {"S": f'{{"total":{number}}}'}}, {"p": {"S": f'{{"other":[{number}]}}'}}]
    assert found(tmp_path, payload(*HIDES), kept, kept) <= {"t: p json"}
