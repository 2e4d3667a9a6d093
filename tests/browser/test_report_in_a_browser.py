"""The report as its readers see it: on a wide screen, on a phone, on paper, and by a screen reader's rules."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from runbook_lib.report.render.charts.draw import draw_charts
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.run_index import write_index
from tests.support import records
from tests.support.browser import ROOT, SCREENSHOTS, needed

pytestmark = pytest.mark.whole  # many pages are drawn and opened
PAGES = ("PASS", "FAIL", "DRY-RUN", "hostile", "sample", "index")
WIDTHS = {1280: 800, 360: 640}
# A4 less its margins, at 96 pixels an inch: upright and lying.
UPRIGHT, LYING = 710, 1039


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of the whole fleet with each verdict, one with long names, the committed one and a list of runs."""
    folder = tmp_path_factory.mktemp("pages")
    made = {kind: records.KINDS[kind]() for kind in ("PASS", "FAIL", "DRY-RUN")}
    made["hostile"] = records.failed()
    made["hostile"]["name"] = "n" * 255
    for t in made["hostile"]["tables"]:
        t["source"], t["target"] = t["source"] + "x" * 150, t["target"].replace("-", "_") + "y" * 150
    for kind, record in made.items():
        run = folder / f"run-{kind}"
        run.mkdir()
        charts = draw_charts(records.report_of(record), records.samples(record), run / "charts")
        (run / "report.html").write_text(render_html(records.report_of(record), charts), encoding="utf-8")
        (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    write_index(folder)
    known = {kind: folder / f"run-{kind}" / "report.html" for kind in made}
    return known | {"sample": ROOT / "reports" / "sample" / "report.html", "index": folder / "index.html"}


@contextmanager
def opened(browser: Browser, file: Path, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """The page in a fresh context; at the end nothing may have been asked for and nothing complained about."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert [url for url in asked if url != file.as_uri() and not url.startswith("data:")] == []
    assert said == []


@pytest.mark.few(4)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", PAGES)
def test_nothing_is_loaded_and_the_page_is_as_wide_as_the_screen(
    kind: str, width: int, pages: dict[str, Path], browser: Browser
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with opened(browser, pages[kind], width, WIDTHS[width]) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.screenshot(path=SCREENSHOTS / f"{kind}-{width}.png", full_page=True)
        captions = page.locator(".scroll caption:visible").all()
        ends = [place["x"] + place["width"] for caption in captions if (place := caption.bounding_box())]
        assert ends, "it did look"
        assert max(ends) <= width  # a table may scroll, and what it is has to be read before that


@pytest.mark.few(2)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["PASS", "FAIL", "DRY-RUN", "sample"])
def test_the_first_screen_says_the_verdict_what_was_left_out_and_what_needs_attention(
    kind: str, width: int, pages: dict[str, Path], browser: Browser
) -> None:
    with opened(browser, pages[kind], width, WIDTHS[width]) as page:
        box = page.locator(".verdict")
        for part in (box.locator(".word"), box.locator(".said"), *box.locator("dl").first.locator("dd").all()):
            place = part.bounding_box()
            assert place is not None
            assert place["y"] + place["height"] <= WIDTHS[width], part.inner_text()
        verdict = "PASS" if kind == "sample" else kind
        assert box.locator(".word").inner_text() == verdict


def test_a_demo_fits_the_list_of_runs_and_its_command_the_first_screen_of_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    """The list was 6 px wider than its box, and the command just below the screen."""
    record = json.loads((ROOT / "reports" / "sample" / "run.json").read_text(encoding="utf-8"))
    run = tmp_path / record["run_id"]
    run.mkdir()
    (run / "report.html").write_text(render_html(records.report_of(record), []), encoding="utf-8")
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    write_index(tmp_path)
    with opened(browser, tmp_path / "index.html") as page:
        boxes = page.evaluate("[...document.querySelectorAll('.runs')].map(box => box.scrollWidth - box.clientWidth)")
    with opened(browser, run / "report.html", 390, 844) as page:
        place = page.locator(".next code").first.bounding_box()
    assert set(boxes) == {0}
    assert place is not None
    assert place["y"] + place["height"] <= 844


def test_a_command_breaks_between_its_words_and_is_copied_as_it_is(browser: Browser, pages: dict[str, Path]) -> None:
    """A flag that is torn in two at its hyphen (`--write-` and `missing`) is typed wrongly."""
    with opened(browser, pages["FAIL"], 390) as page:
        commands = page.evaluate("""() => [...document.querySelectorAll("code.typed")].map(code => {
            getSelection().selectAllChildren(code);
            const rows = word => new Set([...word.getClientRects()].map(r => Math.round(r.top))).size > 1 ||
                word.getBoundingClientRect().height > 1.5 * parseFloat(getComputedStyle(word).lineHeight);
            return [getSelection().toString(), [...code.children].filter(rows).map(word => word.textContent)];
        })""")
    assert len(commands) > 2
    for copied, torn in commands:
        assert copied.startswith(("runbook ", "cd "))
        assert "\n" not in copied
        assert not [word for word in torn if len(word) < 40]


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", PAGES)
def test_it_keeps_the_rules_of_accessibility(kind: str, pages: dict[str, Path], browser: Browser) -> None:
    with opened(browser, pages[kind]) as page:
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = Axe().run(page).response
    assert len(found["passes"]) > 10  # it did look
    grave = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in grave] == []


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", [k for k in PAGES if k != "index"])
def test_on_paper_no_table_is_wider_than_the_page_and_no_row_is_split(
    kind: str, pages: dict[str, Path], browser: Browser
) -> None:
    with opened(browser, pages[kind]) as page:
        page.emulate_media(media="print")
        for width, where in ((UPRIGHT, "table:not(.landscape table)"), (LYING, ".landscape table")):
            page.set_viewport_size({"width": width, "height": 1000})
            wide = "els => els.filter(e => e.getBoundingClientRect().right > %d + 1).map(e => e.innerText.slice(0, 90))"
            assert page.locator(where).count() > 0
            assert page.locator(where).evaluate_all(wide % width) == []
        split = "els => els.filter(e => getComputedStyle(e).breakInside != 'avoid').length"
        assert page.locator("tbody tr").evaluate_all(split) == 0
        repeated = "els => els.filter(e => getComputedStyle(e).display != 'table-header-group').length"
        assert page.locator("thead").evaluate_all(repeated) == 0


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", ["PASS", "FAIL", "sample"])
def test_printed_it_shows_every_table_whole_under_its_header(
    kind: str, pages: dict[str, Path], browser: Browser, tmp_path: Path
) -> None:
    reader = needed("pdftotext", "poppler-utils")
    paper = tmp_path / "report.pdf"
    with opened(browser, pages[kind]) as page:
        page.pdf(path=paper, prefer_css_page_size=True, print_background=True)
    assert paper.stat().st_size < 3_000_000
    text = subprocess.run([reader, paper, "-"], capture_output=True, text=True, check=True).stdout
    sheets = [_joined(sheet) for sheet in text.split("\f")]
    first = next(n for n, sheet in enumerate(sheets) if "Fourcounts" in sheet)
    last = next(n for n, sheet in enumerate(sheets) if "Definitionparity" in sheet)
    record = json.loads((pages[kind].parent / "run.json").read_text())
    assert len(record["tables"]) == 31
    for t in record["tables"]:  # a folded table, too
        holding = [s for s in sheets[first:last] if _joined(t["source"]) in s]
        assert holding, t["source"]
        assert all("to" + _joined(t["target"]) in s and "Sourceandtarget" in s for s in holding)


@pytest.mark.chaos
def test_printed_no_paragraph_is_torn_where_a_page_has_room(browser: Browser, tmp_path: Path) -> None:
    """The page after a broad one is as high as it is: its text does not end where the broad one would."""
    reader, paper, file = needed("pdftotext", "poppler-utils"), tmp_path / "report.pdf", tmp_path / "report.html"
    made = json.loads((ROOT / "reports" / "sample" / "run.json").read_text(encoding="utf-8"))
    report = records.report_of(made)
    charts = draw_charts(report, records.samples(made), tmp_path / "charts")
    file.write_text(render_html(report, charts), encoding="utf-8")
    with opened(browser, file) as page:
        page.pdf(path=paper, prefer_css_page_size=True, print_background=True)
    text = subprocess.run([reader, paper, "-"], capture_output=True, text=True, check=True).stdout
    sheet = next(s for sheet in text.split("\f") if "Foreachindex," in (s := _joined(sheet)))
    assert re.search(r"Foreachindex,.*sampledkeysqueried:[^.]*expired\d+\.", sheet)


NAMES = ("orders", "case-financials-current", "borrower-value-config", "settlement-success-track")


def as_of_a_real_run(made: records.Record) -> records.Record:
    """What an executed run records beside its tables: every check of each, costs, times of requests, calls."""
    parts = [
        {
            "name": f"{what} of something",
            "quantity": {"low": 1.0, "high": 9.0},
            "unit": "units",
            "usd": {"low": 0.1, "high": 2.0},
        }
        for what in ("Exports", "Scans", "Transfer", "Puts", "Gets", "Writes", "Index writes", "Imports", "Reads")
    ]
    bill = {"basis": "manifest", "parts": parts, "usd": {"low": 0.1, "high": 2.0}, "hours": {"low": 0.1, "high": 2.0}}
    words = {"expected": "what is asked for here, in a sentence of its own", "found": "as it should be", "remedy": ""}
    checks = [
        {
            "id": f"check-{kind}",
            "name": f"check {kind}",
            "table": t["target"],
            "source": t["source"],
            "status": "ok",
            **words,
        }
        for kind in range(33)
        for t in made["tables"]
    ]
    times = [{"ms": 2.0 * 1.09**n, "requests": 40 - n} for n in range(30)]
    throughput = {"seconds": 9.0, "items_per_second": 9.0, "items_per_second_best": 9.0, "request_times": times}
    calls = {
        f"Describe{kind}": 200 for kind in ("Alarms", "Table", "Export", "Limits", "Import", "TimeToLive", "Endpoints")
    }
    return {
        "checks": checks, "estimates": {"preflight": bill, "export": bill},
        "spent": {"export_gb": 1.0, "write_units": 4.0, "usd": 0.4, "hours": 0.2},
        "throughput": throughput | {"request_ms_p50": 9.0, "request_ms_p99": 90.0},
        "source_calls": made["source_calls"] | calls, "target_calls": made["target_calls"] | calls,
    }  # fmt: skip


@pytest.mark.chaos
def test_a_fleet_of_two_hundred_tables_takes_no_more_than_fifteen_pages(browser: Browser, tmp_path: Path) -> None:
    reader = needed("pdfinfo", "poppler-utils")
    stream = {"expected": "no stream while items are loaded", "found": "a stream", "remedy": "check what is attached"}
    made = records.record(tables=[records.table(f"{NAMES[n % 4]}-{n:03}", n // 30 * 90) for n in range(200)])
    for n, table in enumerate(made["tables"]):
        table["parity"] = records.parity(records.differs("time to live"), records.differs("tags", source=f"{n % 5}"))
    made["warnings"] = [{"table": t["target"], **stream} for t in made["tables"]]
    made |= as_of_a_real_run(made)
    report, paper = records.report_of(made), tmp_path / "fleet.pdf"
    file = tmp_path / "report.html"
    file.write_text(render_html(report, draw_charts(report, records.samples(made), tmp_path / "charts")), "utf-8")
    with opened(browser, file) as page:
        page.pdf(path=paper, prefer_css_page_size=True, print_background=True)
    said = subprocess.run([reader, paper], capture_output=True, text=True, check=True).stdout
    assert int(re.findall(r"Pages: +(\d+)", said)[0]) <= 15


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", [k for k in PAGES if k != "index"])
def test_it_is_small_enough_for_a_mail(kind: str, pages: dict[str, Path]) -> None:
    assert pages[kind].stat().st_size < 2_000_000


def _joined(text: str) -> str:
    """Text without what lines and pages do to it; pdftotext takes the hyphen at the end of a line away."""
    return re.sub(r"[\s\u00ad-]", "", text)
