"""How fast one core masks an export, and looks through a target for raw values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from runbook_lib.export_format.writer import ExportIdentity, ExportWriter
from runbook_lib.items.canonical import Item
from runbook_lib.items.keyed import RunSecret
from runbook_lib.leak_scan.look import Counted, look_through_all
from runbook_lib.leak_scan.sought import RawTable, gather
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.masker import TableMask
from runbook_lib.masking.pseudonyms import Form
from runbook_lib.masking.recipe import Recipe
from runbook_lib.masking.rules import MaskRule, Verb
from runbook_lib.transform.rewrite import FileRewrite
from tests.bench import ID, OneFile, Way, measure, plain_id, show

MANY = 20_000
WORDS = "Quarterly statement of the borrowing base, to be read by the counsel of the fund before the draw is due"
KEPT = ("id", "status", "amount", "created", "address", "note")
RULES = (
    MaskRule("*", "email", Verb.PSEUDONYM, Form.EMAIL, "email"), MaskRule("*", "phone", Verb.PSEUDONYM, Form.DIGITS),
    MaskRule("*", "name", Verb.PSEUDONYM, Form.NAME), *(MaskRule("*", name, Verb.KEEP) for name in KEPT),
)  # fmt: skip
NAIVE = "json.loads + json.dumps(sort_keys) + sha256"


def item(number: int) -> Item:
    """An item with three values to mask and six to keep."""
    return {
        "id": {"S": plain_id(number)}, "email": {"S": f"person.{number}@mail.example"}, "status": {"S": "active"},
        "phone": {"S": f"+49 170 {number:07}"}, "name": {"S": f"Ada{number} Lovelace-{number % 97}"},
        "amount": {"N": f"{number % 100_000}.5"}, "created": {"S": "2026-11-23T05:33:36.120Z"},
        "address": {"M": {"city": {"S": "Columbus"}, "zip": {"S": "43004"}}}, "note": {"S": WORDS},
    }  # fmt: skip


class AtHand(RawTable):
    """A raw table of items in memory."""

    __slots__ = ()

    def items(self) -> Iterator[Item]:
        return map(item, range(MANY))


def naively(lines: Sequence[str]) -> None:
    for line in lines:
        hashlib.sha256(json.dumps(json.loads(line), sort_keys=True).encode()).digest()


def masks() -> TableMask:
    return TableMask(MaskKey(b"a key of the bench"), RULES, "t")


@pytest.mark.bench
def test_masking_three_values_of_an_item_costs_at_most_what_three_naive_digests_do() -> None:
    lines = [b'{"Item":' + orjson.dumps(item(number)) + b"}" for number in range(MANY)]
    stored, moment = OneFile(lines), datetime.now(UTC)
    identity = ExportIdentity("arn", "arn", "id", "b", "", "01", moment, moment)

    def transform() -> None:
        writer = ExportWriter(lambda key, body: None, identity, fast=True)
        work: Any = FileRewrite(Recipe(ID, mask=masks()), "t", "u", stored, "b", writer, RunSecret.new())
        assert work.rewrite(stored.file).counts.kept == MANY

    texts = [line.decode() for line in lines]
    naive = Way(NAIVE, MANY, lambda: naively(texts))
    ours = Way("a file read, checked, masked and written: gunzip, MD5, 3 of 9 values, gzip", MANY, transform)
    measure(naive, ours)
    size = sum(map(len, lines)) // MANY
    show("masking", f"{MANY:,} lines of {size} bytes, 3 of 9 values masked, all of them named, 1 thread", naive, ours)
    assert ours.ratio(naive) > 0.34


@pytest.mark.bench
def test_looking_for_raw_values_costs_at_most_what_three_naive_digests_do(tmp_path: Path) -> None:
    table, made = AtHand("t", None, "", (), masks()), [orjson.dumps(masks().masked(i, masks().tally())).decode()
                                                       for i in map(item, range(MANY))]  # fmt: skip

    def looking(folder: str, most: int) -> Way:
        (tmp_path / folder).mkdir()
        values, _, fact = gather([table], tmp_path / folder, most)
        assert fact.distinct > 2 * MANY

        def look() -> None:
            values.nothing.clear()
            values.clean.clear()
            values.before.clear()
            assert not list(look_through_all(values, made, Counted()))

        said = "all of them inside of every text" if fact.whole == 0 else f"{fact.whole:,} of them as values and words"
        return Way(f"looking for {fact.sought:,} values, {said}", MANY, look)

    naive = Way(NAIVE, MANY, lambda: naively(made))
    anywhere, words = looking("all", 3 * MANY), looking("few", MANY)
    measure(naive, anywhere, words)
    show("leak scan", f"{MANY:,} items of {sum(map(len, made)) // MANY} bytes that were masked, 1 thread", naive,
         anywhere, words)  # fmt: skip
    assert anywhere.ratio(naive) > 0.42  # its automaton suffers more from a busy machine's cache
    assert words.ratio(naive) > 0.31
