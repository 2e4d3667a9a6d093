"""The committed sample is what this version makes, is whole, and gives nothing away."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from runbook_lib.report.render.charts.drawing import Chart
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.run.sealed.seal import verify
from tests.support import records
from tools.sample_run import PARTS, PICTURES, ROOT, SAMPLE

RECORD = json.loads((SAMPLE / "run.json").read_text(encoding="utf-8"))
AGAIN = "make sample makes it again"


def test_the_sample_is_as_it_was_sealed() -> None:
    assert verify(SAMPLE) == 3 + len(list((SAMPLE / "charts").iterdir()))
    assert {p.name for p in SAMPLE.iterdir()} == {*PARTS, "SHA256SUMS"}


def test_the_sample_is_the_demo_and_passed() -> None:
    assert (RECORD["name"], RECORD["verdict"], len(RECORD["tables"])) == ("demo", "PASS", 31)
    assert not RECORD["code"]["git"].endswith("-dirty")


def test_the_sample_has_the_sections_and_words_of_this_version() -> None:
    charts = [Chart(p.stem, p, p.stem, "") for p in sorted((SAMPLE / "charts").iterdir())]
    committed, now = (
        (SAMPLE / "report.html").read_text(encoding="utf-8"),
        render_html(records.report_of(RECORD), charts),
    )
    headings = re.compile(r"<h2[^>]*>(.*?)</h2>|<summary>(.*?)</summary>")
    assert headings.findall(committed) == headings.findall(now), AGAIN
    verdict = re.compile(r'<section class="verdict.*?</section>', re.S)
    assert verdict.findall(committed) == verdict.findall(now), AGAIN
    written = (SAMPLE / "report.md").read_text(encoding="utf-8")
    assert written.splitlines()[:6] == render_markdown(records.report_of(RECORD)).splitlines()[:6], AGAIN


def test_the_sample_names_no_account_and_no_home_of_anybody() -> None:
    for file in (p for p in SAMPLE.rglob("*") if p.is_file()):
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"\d{12}(?=/us-|:user|:table|:root)", text)) <= {"111122223333"}
        assert not re.search(r"(/home/|/root/|/work/|/Users/|C:\\\\)", text), file


def test_the_sample_and_its_pictures_are_small_and_nothing_else_of_reports_is_committed() -> None:
    files = [*SAMPLE.rglob("*"), *PICTURES.iterdir()]
    assert sum(f.stat().st_size for f in files if f.is_file()) < 2_000_000
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "reports"], capture_output=True, text=True, check=False)
    outside = [n for n in listed.stdout.splitlines() if not n.startswith(("reports/sample/", "reports/README.md"))]
    assert outside == []


def test_the_readme_shows_the_pictures() -> None:
    readme = Path(ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[[^\]]{20,}\]\(docs/pictures/([a-z]+\.png)\)", readme))
    assert shown == {p.name for p in PICTURES.iterdir()}
