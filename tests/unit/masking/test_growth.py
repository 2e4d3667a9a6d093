"""What is done to an item's value takes time that grows with its length: an item may have 400 KB of one character."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from runbook_lib.config.moving.transform import Transform
from runbook_lib.masking import masker
from runbook_lib.masking.dates import shift_number, shift_text
from runbook_lib.masking.json_text import NotJson, read_json_text
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.pseudonyms import spell_digits
from runbook_lib.masking.rules import MaskRule, TemplatePart, Verb, rules_of
from runbook_lib.masking.shown.looks import looks_named
from runbook_lib.masking.verbs import Unmaskable, template_action
from runbook_lib.transform.proposal.shapes import shapes_of
from runbook_lib.transform.settings import Ready

SMALL, TIMES, MOST = 4_000, 4, 9  # a length, one TIMES as long, and how much longer that may take: a square is 16
KEPT = {"b": TemplatePart(Verb.KEEP)}


def template(*templates: str) -> Callable[[str], object]:
    act = template_action(
        MaskKey(b"0123456789abcdef"), MaskRule("*", "a", Verb.TEMPLATE, templates=templates, parts=KEPT)
    )
    return lambda text: act("S", text, {})


WORK: list[tuple[Callable[[str], object], Callable[[int], str]]] = [
    (lambda text: spell_digits(b"\1" * 32, text, None), lambda n: "1" * n + "x"),
    (lambda text: spell_digits(b"\1" * 32, text, None), lambda n: " " * n + "x"),
    (template("{a} <{b}>"), lambda n: " <" * (n // 2)),
    (template("{a} <{b}>"), lambda n: " <" * (n // 2) + ">"),
    (template("{a}-{b}-{c}!"), lambda n: "-" * n),
    (template("{a}-{b}-{c}!"), lambda n: "-" * n + "!"),
    (template("x{b}", "{a}-{c}-{d}-{e}"), lambda n: "x" + "-" * n),
    (lambda text: shapes_of([{"a": {"S": text}}]), lambda n: "a@" + "." * n + " "),
    (lambda text: shapes_of([{"a": {"S": text}}]), lambda n: "a@" + "a." * (n // 2)),
    (lambda text: shapes_of([{"a": {"S": text}}]), lambda n: "+1" + "-" * n),
    (lambda text: shapes_of([{"a": {"S": text}}]), lambda n: "2024-01-01T" + "\n" * n),
    (lambda text: shapes_of([{text: {"S": "a"}}]), lambda n: "1a" * (n // 2)),
    (lambda text: looks_named(text), lambda n: "1234" + "a1234" * (n // 5)),
    (lambda text: shift_text(text, 1), lambda n: "2024-01-01T00:00:00." + "1" * n),
    (lambda text: shift_number(text, 1), lambda n: "1" * n),
    (read_json_text, lambda n: "[" + "1" * n),
    (read_json_text, lambda n: '"' + "\\" * n),
]  # fmt: skip


def seconds(work: Callable[[str], object], text: str) -> float:
    """Of the processor, for one time: the least of some."""

    def once(times: int) -> float:
        began = time.process_time()
        for _ in range(times):
            try:
                work(text)
            except (Unmaskable, NotJson, ValueError):
                continue
        return (time.process_time() - began) / times

    first = once(1)
    return first if first > 0.05 else min(once(10) for _ in range(7))


@pytest.mark.parametrize("case", range(len(WORK)))
def test_no_value_takes_more_time_than_its_length_says(case: int) -> None:
    work, text = WORK[case]
    assert seconds(work, text(SMALL * TIMES)) / seconds(work, text(SMALL)) < MOST


def test_a_table_is_given_the_rules_that_could_be_for_it_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each of all rules looked at for each table, a thousand rules for a thousand tables took minutes."""
    looked_at = list[int]()
    monkeypatch.setattr(masker, "rules_of", lambda rules, table: looked_at.append(len(rules)) or rules_of(rules, table))
    rules = [{"table": f"t{n}", "path": "a", "with": "drop"} for n in range(50)] + [{"path": "b", "with": "keep"}]
    ready = Ready(Transform.model_validate({"mask": {"key": {"env": "KEY"}, "rules": rules}}), None, MaskKey(b"x" * 16))
    masks = [ready.mask_of(f"t{n}") for n in range(51)]
    assert [[rule.path for rule in mask.rules] for mask in masks if mask] == [*[["a", "b"]] * 50, ["b"]]
    assert looked_at == [2] * 50 + [1]
