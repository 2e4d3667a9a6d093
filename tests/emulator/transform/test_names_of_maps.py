"""Names of maps that are people's data are in nothing that a run leaves or says, and the proposal shows none."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.masking.transform import TRANSFORMS
from runbook_lib.transform.step import transform_tables
from tests.support.in_process import runbook_here
from tests.support.markers import spellings
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables
from tests.support.world import World

WORD = "marker{}person"  # a word as any other, of which each item has another one
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_contacts(item: dict[str, Any], letter: str) -> dict[str, Any]:
    held: dict[str, Any] = {"M": {"street": {"S": "x"}, "marker.person@people.example": {"S": "x"}}}
    return item | {"contacts": {"M": {WORD.format(letter): held, "marker-77 0001": held, "home": held}}}


def test_names_of_maps_that_are_data_stand_as_one_in_the_ledger_the_error_and_the_proposal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)
    world.pair("a", [with_contacts(*each) for each in zip(people(26), LETTERS, strict=True)])
    settings = mask(email_rule(), keep_rule("n"))
    run = world.open(transform=settings)
    assert preflight(run).blockers == ()
    export_tables(run)
    with pytest.raises(TransferError) as caught:
        transform_tables(run)
    (fact,) = TRANSFORMS.all(run.ledger).values()
    assert {(path.path, path.values) for path in fact.unnamed or ()} == {
        ("contacts.*.*", 52), ("contacts.*.street", 52), ("contacts.home.*", 26), ("contacts.home.street", 26),
    }  # fmt: skip
    folder = run.folder
    run.ledger.close()
    proposed = runbook_here("mask", world.config(transform=settings), "--propose")
    assert "contacts.home.street" in proposed.stdout
    left = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    said = f"{caught.value!r} {proposed.stdout} {proposed.stderr}".encode()
    for private in (*spellings("marker.person"), *spellings("marker-77"), *map(WORD.format, LETTERS)):
        found = private if isinstance(private, bytes) else private.encode()
        assert found not in left + said, private
