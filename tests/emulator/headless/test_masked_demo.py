"""The masked demo: people's data stays behind, what joined still joins, and a rule that is off ends in a FAIL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.sandbox.demo.people import people, people_count
from tests.support.in_process import runbook_here

SCALE = "0.002"


def demo(reports: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    ran = runbook_here("demo", "--masked", "--scale", SCALE, "--run-id", "d", *arguments, RUNBOOK_REPORTS=str(reports))
    return ran.returncode, ran.stdout, json.loads((reports / "d" / "run.json").read_text())


@pytest.mark.whole
def test_the_masked_demo_passes_and_says_how_far_it_looked(tmp_path: Path) -> None:
    code, said, record = demo(tmp_path)
    assert (code, record["verdict"]) == (0, "PASS"), said
    sought = record["leak_scan"]
    assert sought["anywhere"] > 0.9 * sought["distinct"]
    assert sought["short"] == 0
    tables = {table["source"].rpartition("-staging-")[2]: table for table in record["tables"]}
    assert all(table["leak_scan"]["hits"] == 0 for table in tables.values())
    many = people_count(float(SCALE))
    assert tables["users"]["transform"]["keys_rewritten"] == tables["users"]["items_exported"] >= many
    assert tables["transactions"]["transform"]["keys_rewritten"] == tables["transactions"]["items_exported"] > many
    for page in ("report.md", "report.html"):
        shown = (tmp_path / "d" / page).read_text(encoding="utf-8")
        why = shown[: shown.index("Totals")]
        assert "no raw value of a masked path was found in 31 targets" in why, page
        assert "pseudonymised, not anonymous" in shown, page


@pytest.mark.chaos
def test_a_rule_that_is_switched_off_ends_the_demo_in_a_fail_that_names_path_and_rule(tmp_path: Path) -> None:
    code, said, record = demo(tmp_path, "--sabotage", "leak")
    assert (code, record["verdict"]) == (1, "FAIL"), said
    (wrong,) = [table for table in record["tables"] if table["verdict"] == "FAIL"]
    assert wrong["source"].endswith("-users")
    assert "raw values were found in the target, at email (" in wrong["reasons"][0]
    assert "users: email keep; as it is)" in wrong["reasons"][0]
    texts = [value["S"] for items in people(people_count(float(SCALE))).values() for i in items for value in i.values()]
    private = {text for text in texts if "@mail.example" in text and not text.startswith("{")}
    files = [file for file in (tmp_path / "d").rglob("*") if file.is_file()]
    assert not [(file, text) for file in files for text in private if text.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sabotage", "leak"], "expected one of lost-items, extra-items, changed-items, found 'leak'"),
        (["--masked", "--sabotage", "gap"], "changed-items, leak, found 'gap'"),
        (
            ["--masked", "--live"],
            "--live: expected none of --then-repair, --with-surroundings, --masked with it; leave out --masked",
        ),
        (["--masked", "--sabotage", "leak", "--then-repair"], "there is nothing else to repair"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_starts(arguments: list[str], told: str) -> None:
    ran = runbook_here("demo", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
