"""The report says what was measured, in a file that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from runbook_lib.report.render.charts.draw import draw_charts
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import load_templates, render_markdown
from runbook_lib.report.sections.findings import attention
from runbook_lib.report.text import shortened
from tests.support import records
from tests.support.examples import examples
from tests.support.records import KINDS, Record, of

OUTSIDE = re.compile(
    r"""(src|href|action|data)\s*=\s*["']?\s*(https?:)?//|@import|url\(\s*["']?http|<script|<link""", re.I
)
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "Grün-表-🗃",
    "n" * 255,
    "a|b`c\\d",
    "{{ 7 * 7 }}",
]
ALLOWED_EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """What a browser would see: text, elements, headings and images; raises on an unbalanced element."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.headings, self.images = "", list[str](), list[int](), list[dict[str, str | None]]()
        self.rows, self._open = list[list[str]](), list[str]()
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ALLOWED_EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def row(self, name: str) -> list[str]:
        """The row of the reconciliation that is of this source table."""
        return next(r for r in self.rows if len(r) == 13 and f"staging-{name}to " in r[0])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, Page]]:
    known: dict[str, tuple[str, Page]] = {}

    def rendered(kind: str) -> tuple[str, Page]:
        if kind not in known:
            made = KINDS[kind]()
            html = render_html(
                records.report_of(made),
                draw_charts(records.report_of(made), records.samples(made), tmp_path_factory.mktemp("charts")),
            )
            known[kind] = html, Page(html)
        return known[kind]

    return rendered


def plain(made: Record) -> Page:
    return Page(render_html(records.report_of(made), []))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.few(1)
def test_a_report_is_one_file_that_needs_nothing_else(kind: str, page: Callable[[str], tuple[str, Page]]) -> None:
    html, seen = page(kind)
    assert OUTSIDE.search(html) is None
    assert all((image["src"] or "").startswith("data:image/svg+xml;base64,") for image in seen.images)
    assert len(html.encode()) < 2_000_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.few(2)
def test_a_report_can_be_read_aloud(kind: str, page: Callable[[str], tuple[str, Page]]) -> None:
    html, seen = page(kind)
    assert '<html lang="en">' in html
    assert "title" in seen.tags
    assert seen.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(seen.headings, seen.headings[1:], strict=False))
    assert seen.tags.count("table") == seen.tags.count("caption")
    assert all(len(image["alt"] or "") > 40 for image in seen.images)


@pytest.mark.parametrize("kind", ["PASS", "FAIL", "DRY-RUN", "INTERRUPTED"])
def test_the_verdict_comes_first(kind: str, page: Callable[[str], tuple[str, Page]]) -> None:
    html, _ = page(kind)
    assert f'<p class="word">{kind}</p>' in html
    assert f"<title>{kind}: prod-to-dev" in html
    assert html.index('class="word"') < html.index("<h2 ")
    assert render_markdown(records.report_of(KINDS[kind]())).startswith(f"## {kind}: migration prod-to-dev\n")


def test_a_pass_states_its_proof(page: Callable[[str], tuple[str, Page]]) -> None:
    _, seen = page("PASS")
    assert (
        "Manifest, lines read, acknowledged writes and a scan of the target agree for all 31 tables, "
        "and every item was compared." in seen.text
    )
    assert "31 tables from 111122223333/us-east-1 to 444455556666/us-east-2: 229,634 items exported" in seen.text
    assert "arn:aws:sts::444455556666:assumed-role/migration-writer/ci" in seen.text


def test_a_pass_whose_every_number_was_taken_calls_nothing_else_unmeasured(
    page: Callable[[str], tuple[str, Page]],
) -> None:
    _, seen = page("PASS")
    words = [cell for row in seen.rows for cell in row if "not measured" in cell or "not recorded" in cell]
    assert words == ["not measured"]  # application connectivity
    assert "Scan uses read capacity of the source tables: 243 read units, as the answers say." in seen.text


def test_a_fail_names_its_reasons_and_what_was_left_out(page: Callable[[str], tuple[str, Page]]) -> None:
    _, seen = page("FAIL")
    for text in ("1 items are missing", "bebco-borrower-staging-cases: point-in-time recovery is off", "loans.jsonl"):
        assert (text in seen.text) == (text != "loans.jsonl")
    assert "quarantine/bebco-borrower-staging-payments.jsonl" in seen.text
    assert ["bebco-borrower-staging-payments", "3", "ValidationException: Item size exceeded"] in seen.rows


def test_an_item_without_a_reason_is_in_the_quarantine_too() -> None:
    made = records.failed()
    of(made, "payments")["items_quarantined"] = 5
    rows = [row for row in plain(made).rows if row[0] == "bebco-borrower-staging-payments" and len(row) == 3]
    assert [row[1] for row in rows] == ["3", "2"]


SECTIONS = (
    "Not migrated", "Needs attention", "Totals", "Table by table", "Definition parity", "Index queries", "Time",
    "What ran when", "Throughput of the import", "Write capacity consumed, and throttling", "Time by size class",
    "Slowest tables", "Pre-flight", "Cost and time", "Validation checklist", "Source call ledger, and the other calls",
    "Exports and digests", "Steps", "Environment and versions", "How to verify it", "Sign-off",
)  # fmt: skip


def test_a_cluster_is_named_where_the_environment_is() -> None:
    made = records.record()
    assert "engine of the" not in plain(made).text
    made["engine"] = {
        "import": {"kind": "dask", "scheduler": "tcp://10.0.0.1:8786", "dashboard": "http://10.0.0.1:8787/status",
                   "workers": 2, "slots": 8},
        "validate": {"kind": "local"},
    }  # fmt: skip
    text = plain(made).text
    assert "2 worker processes at tcp://10.0.0.1:8786, 8 units at once; dashboard http://10.0.0.1:8787/status" in text
    assert "engine of the validate" not in text


def test_every_section_is_there(page: Callable[[str], tuple[str, Page]]) -> None:
    html, _ = page("PASS")
    found = re.findall(r"<h[23][^>]*>(.*?)</h", html)
    assert [s for s in SECTIONS if s not in found] == []
    html, _ = page("FAIL")
    assert {"Quarantine", "Differences one by one"} <= set(re.findall(r"<h2[^>]*>(.*?)</h", html))


def test_the_first_words_say_by_whom(page: Callable[[str], tuple[str, Page]]) -> None:
    assert "UTC by migration-reader/ci and migration-writer/ci, ended" in page("PASS")[1].text
    made = records.passed() | {"identity": {}}
    assert "UTC, by whom is not recorded, ended" in plain(made).text


def test_tables_that_only_repeat_that_all_is_well_are_folded_and_no_other() -> None:
    made = records.failed()
    shown, _, rest = render_html(records.report_of(made), []).partition(
        "<details><summary>15 more tables: all PASS, 0 items exported"
    )
    hidden = rest[: rest.index("</details>")]
    for t in made["tables"]:
        inside = f">{t['source']}<" in hidden
        assert inside != (f">{t['source']}<" in shown)
        assert not inside or t["verdict"] == "PASS"
    few = records.record(tables=[records.table(f"t{n}", n) for n in range(16)])
    assert "more tables:" not in render_html(records.report_of(few), [])


def test_a_run_that_loaded_nothing_has_no_seconds_of_loading() -> None:
    for made in (records.dry_run(), records.interrupted()):
        assert dict(records.report_of(made).sums)["Import rate"] == "not measured"
    assert "items/s over " in dict(records.report_of(records.passed()).sums)["Import rate"]


def stopped_in_the_preflight() -> Record:
    """A dry run that ended with its pre-flight: twelve tables without point-in-time recovery, which is refused."""
    made = records.dry_run()
    left = [of(made, name) for name in records.WITHOUT_PITR]
    for table in left:
        table.update(method="skipped")
    for table in made["tables"]:
        table.update(dict.fromkeys(("items_exported", "lines_read", "items_written", "export_arn", "export_time")))
    for step in made["steps"][1:4]:
        step.update(status="not run")
    what = {"expected": "point-in-time recovery", "found": "it is off", "remedy": "turn it on"}
    blockers = [{"table": table["source"], **what} for table in left]
    return records.summed(made | {"verdict": "FAIL", "blockers": blockers, "export_time": None, "measured": {}})


def test_a_run_that_a_blocker_stopped_migrated_nothing_and_says_why() -> None:
    made = stopped_in_the_preflight()
    seen, short = plain(made), render_markdown(records.report_of(made))
    said = "Everything: this run wrote nothing to the target, because of 12 blockers that the pre-flight found"
    for text in (seen.text, short):
        assert said in text
        assert "no reason was recorded" not in text.split("Needs attention")[-1]
        assert "Left out on purpose" not in text
    assert "Not migratedeverything: nothing was written" in "".join(seen.text.split("\n"))
    of(made, "cases").update(method="not_chosen", verdict="NOT MIGRATED", reasons=["left out by --tables"])
    both, short = plain(made).text, render_markdown(records.report_of(made))
    assert "everything: nothing was written; left out on purpose: 1 table" in both
    for text in (both, short):
        assert said in text
        assert "left out by --tables" in text


def test_nothing_is_broken_in_the_sentences_of_a_run_that_exported_nothing() -> None:
    text = plain(stopped_in_the_preflight()).text
    assert "No export came to its end." in text
    assert "as of not recorded" not in text.split("Exports, manifests and digests of")[0]
    assert "A table read by Scan is not as of one moment." not in text
    assert "more tables: all DRY-RUN, items exported: not measured\n" in text
    some = plain(records.passed()).text
    assert "All exports are as of 2026-11-23 05:33:38 UTC. A table read by Scan is not as of one moment." in some
    assert "items exported together" in some


def test_what_stops_a_run_ends_what_an_earlier_dry_run_promised() -> None:
    made = records.dry_run()
    made["measured"] = {t["source"]: {"items": 9, "size": 1, "units": 9, "index_units": 0, "requests": 1}
                        for t in made["tables"]}  # fmt: skip
    assert records.report_of(made).would
    made["attempts"].append(made["attempts"][0] | {"execute": True})
    assert records.report_of(made).would == []
    made["attempts"].pop()
    what = {"table": "t", "expected": "a", "found": "b", "remedy": "c"}
    assert records.report_of(made | {"verdict": "FAIL", "blockers": [what]}).would == []


def test_a_table_that_is_scanned_is_told_once_before_anything_is_loaded() -> None:
    for made in (records.dry_run(), records.interrupted()):
        what = {"expected": "point-in-time recovery", "found": "it is off", "remedy": "the table is scanned"}
        sources = [of(made, name)["source"] for name in records.WITHOUT_PITR]
        made["warnings"] = [{"table": name, "id": "point-in-time-recovery", **what} for name in [*sources, "another"]]
        told = [text for text in records.report_of(made).attention if "scan" in text.lower()]
        assert [text[:30] for text in told] == ["12 tables read by Scan, which ", "Warning: another: expected poi"]


SIGNED = {
    "PASS": (records.passed, "Read and accepted: run {}, verdict PASS.", True),
    "FAIL": (records.failed, "Read: run {}, verdict FAIL. A signature says that it was read", True),
    "DRY-RUN": (records.dry_run, "Read and agreed to as a plan: run {}, DRY-RUN. Nothing was written", True),
    "INTERRUPTED": (records.interrupted, "Nothing to accept: run {} was stopped before it came to its end. Con", False),
    "RUNNING": (lambda: records.passed() | {"verdict": "RUNNING"}, "Nothing to accept: run {} has not ended.", False),
    "cleaned": (
        lambda: records.passed() | {"cleaned": records.stamp(9)},
        "Read: run {}, verdict PASS then, when it was measured. Now: Cleaned up at 2026-11-23 05:33:45 UTC: ",
        True,
    ),
    "stopped and cleaned": (
        lambda: records.interrupted() | {"cleaned": records.stamp(9)},
        "Nothing to accept: run {} was stopped before it came to its end. Now: Cleaned up at",
        False,
    ),
}


@pytest.mark.parametrize("kind", SIGNED)
def test_nobody_signs_more_than_the_run_came_to(kind: str) -> None:
    make, said, lines = SIGNED[kind]
    made = make()
    end = render_html(records.report_of(made), []).split('<h2 id="sign-off">')[1]
    assert said.format(made["run_id"]) in end
    assert ('class="sign"' in end) == lines


def test_a_dry_run_claims_nothing_about_the_target(page: Callable[[str], tuple[str, Page]]) -> None:
    _, seen = page("DRY-RUN")
    assert "Everything: this run wrote nothing to the target." in seen.text
    assert "no write was sent" in seen.text
    assert seen.row("loans")[6] == "not measured"
    assert "empty, proved" not in seen.text


def test_a_run_that_was_to_write_and_did_not_come_to_it_is_no_dry_run() -> None:
    made = records.dry_run() | {"verdict": "FAIL", "reasons": ["step export failed: it was refused"]}
    made["attempts"] = [records.record()["attempts"][0], {"steps": ["report"], "execute": False}]
    for text in (plain(made).text, render_markdown(records.report_of(made))):
        assert "Dry run" not in text
        assert "stopped before anything was written" in text


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("preflight", "Only the pre-flight has run"),
        ("export", "The exports were made, but not read"),
        ("import", "Every line of the exports was read and checked; nothing is proved about the target."),
    ],
)
def test_a_dry_run_claims_no_more_than_the_steps_that_ran(last: str, said: str) -> None:
    made = records.dry_run()
    ran = records.STEPS[: records.STEPS.index(last) + 1]
    made["steps"] = [s if s["name"] in ran else {"name": s["name"], "status": "not run"} for s in made["steps"]]
    assert said in plain(made).text


def test_quarantined_items_do_not_make_it_look_as_if_the_target_had_changed() -> None:
    made = records.record(verdict="FAIL")
    of(made, "payments").update(verdict="FAIL", items_written=2_264, items_quarantined=3, target_digest="1" * 64)
    assert "scanned while the target changed" not in plain(made).text
    of(made, "payments").update(moved=1)
    assert "scanned while the target changed" in plain(made).text


def test_a_table_that_was_not_exported_was_not_read_by_scan() -> None:
    made = records.record(verdict="FAIL")
    for table in made["tables"]:
        table.update(items_exported=None)
    assert "read by Scan, which is not a point in time" not in plain(made).text


def test_a_count_that_differs_is_marked_without_colour(page: Callable[[str], tuple[str, Page]]) -> None:
    _, seen = page("FAIL")
    assert seen.row("loans")[3:7] == ["22,959", "22,959", "22,959", "≠ 22,958"]
    assert seen.row("payments")[5] == "≠ 2,264"
    assert seen.row("payments")[6] == "2,264"  # as many as were acknowledged


@pytest.mark.parametrize(("held", "missing", "extra", "said"), [(1_908, 0, 7, "≠ 1,908"), (1_901, 7, 7, "1,901"),
                                                                (1_894, 7, 0, "≠ 1,894")])  # fmt: skip
def test_what_a_scan_found_is_marked_where_it_is_not_what_was_exported(
    held: int, missing: int, extra: int, said: str
) -> None:
    """Seven extra items were taken for due: 1,908 of 1,901 stood there unmarked, and 1,901 of 1,901 was marked."""
    table = records.table("a", 1_901) | {"items_in_target": held, "missing": missing, "extra": extra, "verdict": "FAIL"}
    (row,) = records.report_of(records.record(tables=[table])).rows
    assert row.counts["items_in_target"].text == said
    assert row.counts["extra"].off is (extra > 0)


def test_a_long_text_is_cut_between_words_and_only_where_that_saves_room() -> None:
    """`2 of 20 sampl ... (360 characters; the rest below)` had cut 40 characters to say so in 40."""
    assert shortened("word " * 71) == "word " * 71
    assert shortened("word " * 90) == f"{'word ' * 63}word ... (450 characters; the rest below)"
    assert shortened("x" * 500) == f"{'x' * 320} ... (500 characters; the rest below)"


def test_a_verdict_is_not_broken_at_its_hyphen() -> None:
    assert '<td class="word open whole">DRY-RUN</td>' in render_html(records.report_of(records.dry_run()), [])
    assert '<td class="word good">PASS</td>' in render_html(records.report_of(records.passed()), [])
    assert ".wide td.whole { white-space: nowrap; }" in render_html(records.report_of(records.passed()), [])


def test_no_line_of_links_begins_with_the_dot_between_two_of_them() -> None:
    links = render_html(records.report_of(records.passed()), []).split("<nav")[1].split("</nav>")[0]
    assert links.count("\u00a0\u00b7 <a") == links.count("<a ") - 1  # the dot stays with the link before it


def test_an_empty_table_is_called_proved_only_if_it_passed() -> None:
    made = records.passed()
    of(made, "otp-codes").update(verdict="UNKNOWN", items_in_target=None)
    seen = plain(made)
    assert seen.row("approvals")[3] == "0 (empty, proved)"
    assert seen.row("otp-codes")[3] == "0"


def test_what_matters_comes_first(page: Callable[[str], tuple[str, Page]]) -> None:
    for text in (page("FAIL")[0], render_markdown(records.report_of(records.failed()))):
        table = text[text.lower().index("table by table") :]
        places = [
            re.search(rf"bebco-borrower-staging-{n}(?:<| )", table).start()  # type: ignore[union-attr]
            for n in ("loans", "payments", "users", "cases", "transactions", "statements", "banks", "approvals")
        ]
        assert places == sorted(places)


def test_what_was_not_measured_is_never_zero() -> None:
    made = records.nothing(records.passed())
    numbers = [cell for row in plain(made).rows for cell in row if re.fullmatch(r"[≠ ]*0(\.0+)?( \D*)?", cell)]
    assert numbers == []
    lines = _table_by_table(render_markdown(records.report_of(made)))[2:]
    assert len(lines) == 2 * 31
    assert not any(re.search(r"(?<![-\w,.])0\b", line) for line in lines)


def _table_by_table(text: str) -> list[str]:
    """The lines of the block that is neither broken nor read as Markdown, the names of its columns first."""
    return text.split("### Table by table\n\n```text\n")[1].split("\n```\n")[0].splitlines()


def test_names_in_a_comment_are_whole_and_can_be_copied_and_the_counts_of_a_table_stand_in_one_line() -> None:
    made = records.failed()
    of(made, "loans")["source"] = "eu_loans.of-2024"
    head, counted, failed, way, *others = _table_by_table(render_markdown(records.report_of(made)))
    assert head.split() == ["Verdict", "Source", "->", "target"]
    assert failed.split() == ["FAIL", "eu_loans.of-2024", "->", "bebco-borrower-loans-dev"]
    assert way.split()[:5] == ["22,959", "22,959", "22,959", "≠", "22,958"]
    assert way.endswith("  1 missing, 2 different; export, 52.3 s")
    ends = [counted.index(name) + len(name) for name in ("Manifest", "Lines read", "Writes ack.", "In target")]
    for line in (way, *others[1::2]):
        assert all(line[end - 1] != " " and line[end] == " " for end in ends), line
    assert any(line.endswith("  as exported; export, 50.6 s") for line in others)
    assert any(line.endswith("  not compared; export, 50.6 s") for line in others)


def test_a_name_that_ends_a_block_of_code_ends_none() -> None:
    made = records.failed()
    of(made, "loans")["source"] = "a````b\n```\n# c\u202e"
    text = render_markdown(records.report_of(made))
    assert "\n`````text\nVerdict" in text
    assert "a````b ``` # c\\u202e -> " in text


def test_a_sum_says_for_how_many_tables_it_was_taken(page: Callable[[str], tuple[str, Page]]) -> None:
    _, seen = page("FAIL")
    assert ["Items in the targets, by scan", "229,313 (measured for 29 of 31 tables)"] in seen.rows
    assert ["Items in the targets, by scan", "not measured"] in page("DRY-RUN")[1].rows


def test_a_record_that_contradicts_itself_is_not_believed() -> None:
    made = records.passed()
    of(made, "loans")["items_in_target"] -= 1
    seen = plain(made)
    assert "The numbers of this record do not bear out its verdict." in seen.text
    assert "every item was compared." not in seen.text
    assert "22,959 items should be in the target, a scan finds 22,958" in seen.text
    assert "totals.items_in_target is 229,634, the tables add up to 229,633" in seen.text


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_others_stays_text(text: str) -> None:
    made = records.failed()
    of(made, "loans").update(source=f"{text}-loans", target=text, reasons=[text])
    made.update(
        name=text, run_id=text, reasons=[text], warnings=[dict.fromkeys(("table", "expected", "found", "remedy"), text)]
    )
    made["identity"]["source"]["arn"] = text
    made["differences"]["first"][0].update(source=text, paths=[{"path": text, "how": "value"}])
    seen = plain(made)
    assert "script" not in seen.tags
    assert not seen.images
    assert text in seen.text
    for section in render_markdown(records.report_of(made)).split("\n### "):
        lines = [line for line in section.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}) <= 1, section
        assert re.search(r"(?<!\\)<(?!br>)", "".join(lines)) is None


def test_a_comment_fits_into_a_pull_request_and_says_what_it_leaves_out() -> None:
    made = records.record(tables=[records.table("n" * 200 + str(n), n) for n in range(400)])
    text = render_markdown(records.report_of(made))
    assert len(text) < 65_536
    assert re.search(r"^\d+ more tables in report\.html\.$", text, re.M)


def test_a_comment_fits_however_much_there_is_to_say_and_counts_what_it_leaves_out() -> None:
    made = records.failed()
    failed, left = of(made, "loans"), of(made, "cases")
    names = [f"{n:03}-{'long_name_' * 25}" for n in range(300)]
    made["tables"] = [(failed, left)[n % 2] | {"source": name, "target": name} for n, name in enumerate(names)]
    made["reasons"] = [f"{name}: FAIL: {'x' * 200}" for name in names]
    made["warnings"] = [{"table": name, "expected": str(n), "found": "y" * 200} for n, name in enumerate(names)]
    text = render_markdown(records.report_of(made))
    assert len(text) < 65_536
    why, left_out, attention = (
        text.split(f"### {name}\n")[1].split("###")[0] for name in ("Why", "Not migrated", "Needs attention")
    )
    for part, many in ((why, 300), (left_out, 150)):
        more = re.search(r"^- (\d+) more in report\.html$", part, re.M)
        assert more
        assert part.count("\n- ") - 1 + int(more[1]) == many
    assert re.search(r"^- \d+ more in report\.html$", attention, re.M)


def test_a_comment_names_the_first_differences() -> None:
    made = records.failed()
    text = render_markdown(records.report_of(made))
    assert "3 listed in differences.jsonl, the first 2 here" in text
    assert f"| different | `{'ab' * 16}` | terms.rate type |" in text
    made["differences"] = {"listed": 40, "first": [made["differences"]["first"][0]] * 40}
    assert render_markdown(records.report_of(made)).count("| different |") == 10
    made["differences"] = {"listed": 0, "first": []}
    assert "Differences one by one" not in render_markdown(records.report_of(made))


def test_long_reasons_are_cut_on_the_first_screen_and_whole_below() -> None:
    made = records.failed()
    made["reasons"] = [f"reason {n} " + "x" * 500 for n in range(12)]
    html = render_html(records.report_of(made), [])
    first, below = html.split('<h2 id="reasons">')
    assert "reason 0" in first
    assert "reason 11" not in first
    assert all(reason in below for reason in made["reasons"])


def _with_gaps(value: Any, choose: Callable[[], bool], kept: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        return {k: v if k in kept else None if choose() else _with_gaps(v, choose, kept) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_gaps(v, choose, kept) if isinstance(v, dict) else v for v in value]
    return value


@settings(
    max_examples=examples(24), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.sampled_from(sorted(KINDS)), st.randoms(use_true_random=False), st.sampled_from([0.02, 0.2, 0.7]))
def test_any_record_with_gaps_makes_a_report(kind: str, random: Any, share: float) -> None:
    made = _with_gaps(KINDS[kind](), lambda: random.random() < share)
    assert OUTSIDE.search(render_html(records.report_of(made), [])) is None
    render_markdown(records.report_of(made))


def test_a_record_without_anything_makes_a_report(tmp_path: Path) -> None:
    assert "UNKNOWN" in plain({}).text
    assert render_markdown(records.report_of({}))
    assert draw_charts(records.report_of({}), [], tmp_path) == []


@pytest.mark.parametrize("status", ["interrupted", "running"])
def test_a_preflight_that_did_not_end_is_not_said_to_have_found_nothing(status: str) -> None:
    made = records.passed() | {"verdict": "INTERRUPTED", "checks": [], "warnings": [], "tables": []}
    made["steps"] = [{"name": "preflight", "status": status, "seconds": 1.0}]
    assert "The pre-flight did not finish, so what would block the run is not known" in attention(records.figures(made))
    assert "No blocker, no warning" not in render_html(records.report_of(made), [])


WARNED = {
    "not-production": "a target that does not look like production",
    "stream": "no stream while items are loaded",
    "point-in-time-recovery": "point-in-time recovery",
    "definition": "its source's tags",
}


def warned(made: Record) -> Record:
    """The record with a warning of each kind for three targets, and a check of permissions that could not run."""
    targets = [t["target"] for t in made["tables"][:3]]
    made["warnings"] = [
        {"table": target, "expected": words, "found": "other", "remedy": "check it", "id": check, "about": ""}
        for check, words in WARNED.items()
        for target in targets
    ]
    made["checks"] = [{"id": "permissions", "name": "permissions", "table": "source", "status": "not checked"}]
    return made


def test_once_the_items_are_loaded_what_only_concerned_the_way_there_is_gone() -> None:
    """What is still so stays, and what had consequences is told as what has happened, each once for all tables."""
    said = attention(records.figures(warned(records.passed())))
    assert not any("production" in text or "could not run" in text or "point-in-time" in text for text in said)
    (reached,) = [text for text in said if "stream" in text]
    assert reached.startswith(
        "3 targets had a stream while items were loaded: whatever reads it has received every item"
    )
    assert [text for text in said if text.startswith("Warning:")] == [
        text for text in said if text.startswith("Warning: 3 tables (") and "its source's tags" in text
    ]


def test_the_pages_of_an_interrupted_run_do_not_say_that_there_is_no_report() -> None:
    made = records.interrupted()
    made["steps"][-1] |= {"name": "report", "status": "not run", "message": ""}
    page = render_html(records.report_of(made), [])
    assert "these pages were written when the run ended" in page
    assert "these pages were written when the run ended" not in render_html(records.report_of(records.passed()), [])


@pytest.mark.parametrize("made", [records.dry_run, records.interrupted], ids=["dry run", "interrupted"])
def test_before_that_every_warning_stands_as_it_was_found(made: Callable[[], Record]) -> None:
    said = attention(records.figures(warned(made())))
    for words in WARNED.values():
        assert sum(f"expected {words};" in text for text in said) == 1
    assert any("1 check of the pre-flight could not run: permissions" in text for text in said)


def test_pages_of_loaded_templates_compile_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    load_templates()
    monkeypatch.delattr(Environment, "compile")
    report = records.report_of(records.failed())
    assert render_html(report, [])
    assert render_markdown(report)
