"""docs/aws-facts.md has each fact with its standing, and says measured only where a report of an account is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runbook_lib.conformance.suite import all_questions
from tools import aws_facts_page


def test_the_page_is_current() -> None:
    text = aws_facts_page.PAGE.read_text(encoding="utf-8")
    assert text == aws_facts_page.page(), "run python -m tools.aws_facts_page"
    assert all(one.asks in text for one in all_questions())


def test_a_report_of_an_account_changes_what_stands_behind_a_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_facts_page, "MEASURED", tmp_path)
    first, second, third = all_questions()[:3]

    def report(engine: str, started: str, **outcomes: str) -> None:
        rows = [{"id": name.replace("_", "-"), "outcome": o, "found": "otherwise"} for name, o in outcomes.items()]
        told = {"engine": engine, "started": started, "regions": ["eu-west-1"], "answers": rows}
        (tmp_path / f"{engine}-{started}.json").write_text(json.dumps(told))

    names = [one.id.replace("-", "_") for one in (first, second, third)]
    report("AWS", "2026-01-01", **dict(zip(names, ("as expected", "deviates", "cannot be asked here"), strict=True)))
    report("moto", "2026-02-01", **dict.fromkeys(names, "deviates"))
    said = [aws_facts_page.standing(one, aws_facts_page.measures()) for one in (first, second, third)]
    assert said[0] == "measured on AWS (2026-01-01, eu-west-1)"
    assert said[1].startswith("**otherwise**: measured on AWS (2026-01-01, eu-west-1)")
    assert said[2] == aws_facts_page.of_source(third.source)
