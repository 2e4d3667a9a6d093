"""Rules of a mask that contradict each other for a chosen table, or lose its key, end a run before it exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.errors import ConfigError
from runbook_lib.preflight.step import preflight, refuse_misconfigured
from runbook_lib.run.run import open_run
from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.tables import keys_in_bucket
from tests.support.world import World

TWO = "two rules of transform.mask say what becomes of email"
# Rules of which some are for all tables that begin as they do, and others for all that end so; what is said of them.
WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "two verbs for a path": ([email_rule(table="{first}*"), keep_rule("email") | {"table": "*{last}"}], TWO),
    "two forms for a path": ([email_rule(table="{first}*"), email_rule(table="*{last}", domain="other")], TWO),
    "one keeps what another masks": (
        [keep_rule("*") | {"table": "{first}*"}, email_rule("*", table="*{last}"), email_rule()],
        "two rules of transform.mask say what becomes of *",
    ),
    "neither is more specific": (
        [email_rule(), keep_rule("*.b") | {"table": "{first}*"}, email_rule("a.*", table="*{last}")],
        "masks it and *.b",
    ),
    "a rule below one that drops": (
        [email_rule(), {"path": "a", "with": "drop", "table": "{first}*"}, keep_rule("a.b") | {"table": "*{last}"}],
        "lies below a path whose rule is drop",
    ),
    "a key that is dropped": (
        [email_rule(), {"path": "id", "with": "drop", "table": "{first}*"}, keep_rule("id") | {"table": "other-*"}],
        "id is a key of the table, and its rule",
    ),
    "a key that any name drops": (
        [email_rule(), {"path": "*", "with": "null", "table": "*{last}"}, keep_rule("id") | {"table": "other-*"}],
        "id is a key of the table, and its rule",
    ),
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, MASK_KEY)


def wrong(world: World, which: str) -> Path:
    source = world.src("last")
    rules, _ = WRONG[which]
    spelled = {"first": source[:3], "last": source[-3:]}
    told = [rule | {"table": rule.get("table", "*").format(**spelled)} for rule in rules]
    return world.config(transform=mask(keep_rule("n"), *told))


def load_transform(config: Path) -> dict[str, Any]:
    section: dict[str, Any] = yaml.safe_load(config.read_text())["transform"]
    return section


@pytest.mark.parametrize("which", WRONG)
def test_rules_that_do_not_fit_a_chosen_table_are_refused_by_their_lines_before_anything_is_done(
    world: World, which: str
) -> None:
    world.pair("last", people(3))
    config = wrong(world, which)
    before, folder = keys_in_bucket(world), world.folder / "reports" / "r"
    said = runbook_here("run", config, "--run-id", "r", "--execute")
    assert said.returncode == 2, said.stdout + said.stderr
    told = said.stdout + said.stderr
    assert WRONG[which][1] in told
    lines = config.read_text().splitlines()
    starts = [
        n
        for n, line in enumerate(lines, 1)
        if line.strip().startswith("- ") and "path" in "".join(lines[n - 1 : n + 9])
    ]
    named = [n for n in starts if f"line {n}" in told]
    assert len(named) == (1 if "is a key" in told else 2), told
    assert keys_in_bucket(world) == before
    assert not folder.exists()
    exports = world.source.list_exports().get("ExportSummaries", [])
    assert [each for each in exports if world.src("last") in each["ExportArn"]] == []


def test_rules_that_are_wrong_for_a_table_that_is_left_out_stand_in_no_way(world: World) -> None:
    world.pair("last", people(1))
    world.pair("b", people(1))
    section = load_transform(wrong(world, "two verbs for a path"))
    section["mask"]["rules"] += [email_rule(table=world.src("b"))]
    run = open_run(str(world.config(transform=section)), "r", execute=True, tables=world.src("b"))
    assert preflight(run).blockers == ()


def test_rules_that_are_wrong_for_a_table_that_is_skipped_stand_in_no_way(world: World) -> None:
    world.pair("last", people(1), pitr=False)
    world.pair("b", people(1))
    section = load_transform(wrong(world, "two verbs for a path"))
    section["mask"]["rules"] += [email_rule(table=world.src("b"))]
    run = open_run(str(world.config(transform=section, export={"without_pitr": "skip"})), "r", execute=True)
    assert [check for check in preflight(run).blockers if check.configuration] == []


def test_what_proposes_rules_says_what_is_wrong_with_those_there_are(world: World) -> None:
    world.pair("last", people(1))
    said = runbook_here("mask", wrong(world, "two verbs for a path"), "--propose")
    assert said.returncode == 2
    assert TWO in said.stdout + said.stderr


def test_a_pre_flight_by_hand_names_the_table(world: World) -> None:
    world.pair("last", people(1))
    run = world.open(transform=load_transform(wrong(world, "two verbs for a path")))
    plan = preflight(run)
    assert [(check.table, check.configuration) for check in plan.blockers] == [(world.src("last"), True)]
    with pytest.raises(ConfigError, match=TWO):
        refuse_misconfigured(plan)
