"""Write docs/aws-facts.md: every fact of AWS that is relied on, with what stands behind it.

Run it as `python -m tools.aws_facts_page` after a question or a fact changed, or after an account's report of `runbook
conformance` was put into docs/measured/; a test holds the page to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runbook_lib.conformance.answer import in_words
from runbook_lib.conformance.further_facts import FURTHER_FACTS
from runbook_lib.conformance.question import Area, Question, Source
from runbook_lib.conformance.suite import all_questions

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, MEASURED = DOCS / "aws-facts.md", DOCS / "measured"
HEAD = """# What is relied on of AWS

Written by `python -m tools.aws_facts_page` from the questions of [`runbook conformance`](conformance.md) and
from `runbook_lib/conformance/further_facts.py`. **Nothing here was measured on AWS** unless its row says so.

- **documented**: by a page of AWS, or by its service model in botocore.
- **seen in a file that AWS wrote**: an export that others published.
- **measured on AWS**: by `runbook conformance` in an account, with date and region, from a report in
  `docs/measured/`.
- **believed**: others measured it on AWS, or it is only plausible.

"""


def measures() -> list[dict[str, Any]]:
    """The reports of accounts, oldest first."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(MEASURED.glob("*.json"))]
    return sorted((one for one in found if one["engine"] == "AWS"), key=lambda one: str(one["started"]))


def standing(one: Question, reports: list[dict[str, Any]]) -> str:
    """What stands behind a fact: the last measurement where there is one, else where it is documented."""
    for report in reversed(reports):
        row = next((row for row in report["answers"] if row["id"] == one.id), None)
        if row is not None and row["outcome"] != "cannot be asked here":
            where = f"measured on AWS ({report['started'][:10]}, {report['regions'][0]})"
            return where if row["outcome"] == "as expected" else f"**otherwise**: {where}: {cell(row.get('found'))}"
    return of_source(one.source)


def of_source(source: Source) -> str:
    return f"{source.evidence}: {cell(source.where)}"


def cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def page() -> str:
    reports = measures()
    lines = [HEAD.rstrip(), ""]
    for topic in Area:
        lines += [f"## {topic[0].upper()}{topic[1:]}", "", "| asked | taken to be | relied on for | standing |"]
        lines.append("|---|---|---|---|")
        for one in all_questions():
            if one.topic is topic:
                cells = (one.asks, in_words(one.expected), one.relied_on, standing(one, reports))
                lines.append("| " + " | ".join(map(cell, cells)) + " |")
        lines.append("")
    lines += ["## Not asked", "", "Facts that cannot be tested within twenty minutes, or not safely.", ""]
    lines += ["| fact | relied on for | standing |", "|---|---|---|"]
    lines += [f"| {cell(f.states)} | {cell(f.relied_on)} | {of_source(f.source)} |" for f in FURTHER_FACTS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
