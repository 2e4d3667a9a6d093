"""Of a hit the path is shown without any name that is a raw value; and a target that others filled is scanned, too."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.leak_scan.step import scan_for_leaks
from runbook_lib.preflight.step import preflight
from runbook_lib.transform.step import transform_tables
from runbook_lib.validate.step import validate_tables
from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, address, email_rule, keep_rule, mask, people
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World

NAME = "annaschmidt_secret"  # as a developer's word is spelled, so that it is not hidden for its looks


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


@pytest.mark.parametrize("note", ["-", NAME], ids=["looked for", "kept elsewhere"])
def test_a_name_that_is_a_raw_value_is_shown_in_no_path_of_a_hit(world: World, note: str) -> None:
    world.pair("a", [item | {"nick": {"S": NAME}, "note": {"S": note}} for item in people(3)])
    nick = {"path": "nick", "with": "pseudonym", "form": "name"}
    run = world.open(transform=mask(email_rule(), nick, keep_rule("n"), keep_rule("note")))
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    import_tables(run)
    others = world.items(world.target, world.dst("a"))
    held: dict[str, Any] = {"M": {"mail": {"S": address(0)}, "more": {"L": [{"M": {NAME: {"S": address(1)}}}]}}}
    world.put(world.target, world.dst("a"), [
        each | {"friends": {"M": {NAME: held}}, NAME: held, "known": {"M": {"once": {"M": {one: {"S": address(2)}}}}}}
        for each, one in zip(others, ("elena", "marta", "novak"), strict=True)
    ])  # fmt: skip
    (fact,) = scan_for_leaks(run).values()
    in_names = {"friends.*"} if note == "-" else set()
    assert {hit.path for hit in fact.first} == {"friends.*.mail", "friends.*.more[*].*", "known.once.*"} | in_names
    assert not any(name in str(fact) for name in (NAME, "elena", "marta", "novak"))


@pytest.mark.whole
def test_what_others_have_filled_is_scanned_where_it_is_only_compared(world: World) -> None:
    world.pair("a", people(3))
    masked = mask(email_rule(), keep_rule("n"))
    assert runbook_here("run", world.config(transform=masked), "--run-id", "r1", "--execute").returncode == 0
    only = {"transform": masked, "validate": {"without_import": True}}
    compared = runbook_here("run", world.config(**only), "--run-id", "r2")
    record = world.record("r2")
    assert (compared.returncode, record["verdict"]) == (0, "PASS"), compared.stdout + compared.stderr
    assert (record["tables"][0]["leak_scan"]["items"], record["tables"][0]["leak_scan"]["hits"]) == (3, 0)
    (last,) = world.items(world.target, world.dst("a"))[-1:]
    world.put(world.target, world.dst("a"), [last | {"late": {"S": address(1)}}])
    again = runbook_here("run", world.config(**only), "--run-id", "r3")
    assert again.returncode == 1
    run = world.open(execute=False, **only)
    assert preflight(run).blockers == ()
    export_tables(run)
    transform_tables(run)
    validate_tables(run)
    (fact,) = scan_for_leaks(run).values()
    assert fact.hits == 1
