"""docs/reading-a-report.md explains whatever a report shows: its sections, measures, columns, words and charts."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from runbook_lib.record.gathered.table_row import METHODS
from runbook_lib.record.model.rates import ThroughputRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.draw import TITLES
from runbook_lib.run import verdicts as verdict

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reading-a-report.md").read_text(encoding="utf-8")
TEMPLATES = sorted((ROOT / "runbook_lib" / "report" / "render" / "templates").glob("*.j2"))
SAMPLE = (ROOT / "reports" / "sample" / "report.html").read_text(encoding="utf-8")
HEADINGS = set(re.findall(r"^#{2,3} (.+)$", PAGE, re.MULTILINE))


def column(head: str) -> set[str]:
    """The first cells of the table with this first heading."""
    table = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-|:]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table, head
    return {row.split("|")[1].strip() for row in table[1].splitlines()}


def sections(text: str) -> set[str]:
    """The headings of a page or a template, without those whose text is filled in."""
    found = re.findall(r"<h[23][^>]*>([^<]*)</h[23]>", text) + re.findall(r"^#{2,3} (.+)$", text, re.MULTILINE)
    return {html.unescape(heading) for heading in found if "{{" not in heading}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_every_section_a_report_can_have_is_explained(template: Path) -> None:
    assert sections(template.read_text(encoding="utf-8")) - {"Why"} <= HEADINGS


def test_every_section_and_chart_of_a_real_report_is_explained() -> None:
    assert len(sections(SAMPLE)) > 15
    assert sections(SAMPLE) <= HEADINGS | column("chart")
    assert column("chart") == {*TITLES.values()}


def test_every_measure_and_column_of_a_real_report_is_explained() -> None:
    timed = ThroughputRecord(seconds=1.0, request_ms_p50=1.0, request_ms_p99=2.0)
    names = {name for name, _ in ReportModel(RunRecord(throughput=timed)).sums}
    assert names == column("measure")
    heads = re.search(r"Table by table</h2>.*?<thead>(.*?)</thead>", SAMPLE, re.DOTALL)
    assert heads
    shown = re.findall(r"<th[^>]*>(.*?)</th>", heads[1].replace("&shy;", "").replace("\u00ad", ""))
    told = {name for row in column("column") for name in row.split(", ")}
    assert set(shown) == told


def test_every_verdict_and_method_is_explained_and_no_other() -> None:
    assert column("verdict") == {
        verdict.PASS, verdict.FAIL, verdict.DRY_RUN, verdict.INTERRUPTED, verdict.RUNNING,
    }  # fmt: skip
    assert column("a table's verdict") == {verdict.PASS, *verdict.UNPROVED, verdict.DRY_RUN}
    assert column("method") == {*METHODS.values(), verdict.NOT_CHOSEN, "export, reused"}
