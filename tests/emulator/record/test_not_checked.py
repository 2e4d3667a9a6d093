"""Whatever could not be looked at is never a silent PASS: it fails the run, or the first screen says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runbook_lib.config.check_ids import ADVICE, Bearing, CheckId, bearing
from runbook_lib.config.model import load_config
from runbook_lib.config.sections.accept import KNOWN_IDS
from runbook_lib.errors import ConfigError, GateFailed
from runbook_lib.notebook.gates import gate_validation
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.record.not_checked import accepting, unchecked
from runbook_lib.record.verdict import ReasonId, doubted, run_verdict
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.sections.first_screen.not_checked import accepted_in_short, how_to_accept, unknown_lines
from runbook_lib.run.run import Run
from runbook_lib.sandbox import demo_config
from runbook_lib.schema.compare_pair import gap_id
from runbook_lib.schema.parity import PROPERTIES
from tests.support import records
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.records import Record
from tests.support.world import World, indexed_by, things

STEPS = [{"name": n, "status": "completed"} for n in ("preflight", "export", "import", "validate")]
TABLE = {"source": "a-src", "target": "a-dst", "verdict": "PASS", "reasons": [], "items_exported": 5}


def look(check: str, source: str) -> Record:
    return {"id": check, "source": source, "table": "a-dst", "status": "not checked", "found": "refused"}


def judged(checks: list[Record], table: Record, accept: dict[str, list[str]]) -> tuple[str, set[str]]:
    """The run's verdict and the ids of its reasons, as the record works them out."""
    made = records.typed({"checks": checks, "tables": [table], "steps": STEPS})
    unknown = unchecked(made.checks, made.tables, accept)
    verdict, reasons = doubted(
        made.tables[0].verdict, made.tables[0].reasons, [u for u in unknown if u.source == "a-src"]
    )
    doubtful = made.tables[0].model_copy(update={"verdict": verdict, "reasons": reasons})
    verdict, found = run_verdict(True, False, made.steps, [doubtful], unknown)
    return verdict, {reason.id for reason in found}


@pytest.mark.parametrize("source", ["", "a-src"])
@pytest.mark.parametrize("check", sorted(KNOWN_IDS))
def test_every_look_that_was_not_made_is_a_fail_unless_it_is_advice_or_accepted(check: str, source: str) -> None:
    verdict, ids = judged([look(check, source)], TABLE, {})
    expected = "FAIL" if bearing(check) is Bearing.PROOF else "PASS"
    assert verdict == expected
    assert ids <= {ReasonId.NOT_CHECKED, ReasonId.TABLE_NOT_PROVED}
    assert judged([look(check, source)], TABLE, {check: ["*"]}) == ("PASS", set())
    other = next(k for k in sorted(KNOWN_IDS) if not k.startswith("definition") and k != check)
    assert judged([look(check, source)], TABLE, {other: ["*"]})[0] == expected
    assert judged([look(check, source)], TABLE, {check: ["a-*"]})[0] == ("PASS" if source else expected)
    assert judged([look(check, source)], TABLE, {check: ["b*"]})[0] == expected


def test_only_what_somebody_notices_later_is_advice() -> None:
    assert all(ADVICE.values())
    assert {check for check in CheckId if bearing(check) is not Bearing.PROOF} == {*ADVICE, CheckId.EXPORT_IS_WHOLE}
    assert bearing("a-look-of-tomorrow") is Bearing.PROOF


INDEX = {"index": "by-g", "state": "not checked", "why": "the index is CREATING"}
GAP = {"property": "tags", "why": "target: list_tags_of_resource was answered with AccessDeniedException"}
OF_TABLES: list[tuple[dict[str, Any], str]] = [
    ({"indexes": [INDEX]}, "index-answers"),
    ({"parity": {"not_checked": [GAP]}}, "definition-tags"),
    ({"parity": {"not_checked": [GAP | {"property": "every property"}]}}, "definition"),
    ({"parity": {"not_checked": [GAP | {"property": "NewMember"}]}}, "unfamiliar-member"),
    ({"canary": {"state": "not tried", "why": "the target has a stream"}}, "canary"),
]


@pytest.mark.parametrize(("facts", "check"), OF_TABLES, ids=[check for _, check in OF_TABLES])
def test_what_a_table_leaves_unknown_fails_it_unless_it_is_accepted(facts: dict[str, Any], check: str) -> None:
    verdict, ids = judged([], TABLE | facts, {})
    assert (verdict, ids) == ("FAIL", {ReasonId.TABLE_NOT_PROVED})
    assert judged([], TABLE | facts, {check: ["a-src"]}) == ("PASS", set())
    assert judged([], TABLE | facts, {check: ["a-dst"]})[0] == "FAIL"


def test_an_export_that_nobody_could_ask_about_passes_and_is_said() -> None:
    made = records.passed()
    records.of(made, "loans")["export_whole"] = {"checked": False, "why": "the export is gone"}
    assert accepted_in_short(records.figures(made)) == "nobody could check: export-is-whole of 1 table"
    assert any(
        "export-is-whole" in line and "the export is gone" in line for line in unknown_lines(records.figures(made))
    )
    assert judged([], TABLE | {"export_whole": {"checked": False, "why": "gone"}}, {}) == ("PASS", set())
    assert (
        unchecked([], records.typed({"tables": [TABLE | {"export_whole": {"checked": True, "why": ""}}]}).tables, {})
        == []
    )


def test_every_property_of_a_definition_has_an_id_that_can_be_accepted() -> None:
    assert {gap_id(name) for name in PROPERTIES} <= KNOWN_IDS
    assert accepting({"definition": ["a"]}, "definition-tags", "a") == "a"
    assert accepting({"definition-tags": ["a"]}, "definition", "a") is None


def test_a_definition_that_was_compared_again_counts_as_it_was_then() -> None:
    before = [look("definition-tags", "a-src")]
    assert judged(before, TABLE, {})[0] == "FAIL"
    assert judged(before, TABLE | {"parity": {"not_checked": []}}, {})[0] == "PASS"


@given(st.sets(st.sampled_from(sorted(KNOWN_IDS))), st.sets(st.sampled_from(sorted(KNOWN_IDS))))
def test_a_pass_has_every_unknown_accepted_or_harmless(unmade: set[str], accepted: set[str]) -> None:
    verdict, _ = judged([look(check, "a-src") for check in unmade], TABLE, {check: ["a*"] for check in accepted})
    bad = {check for check in unmade - accepted if bearing(check) is Bearing.PROOF}
    if "definition" in accepted:
        bad = {check for check in bad if not check.startswith("definition")}
    assert (verdict == "PASS") == (not bad)


def test_a_record_that_calls_an_unknown_a_pass_contradicts_itself() -> None:
    made = records.passed()
    records.of(made, "loans")["indexes"] = [records.index("by-owner", 20, state="not checked", why="it is CREATING")]
    assert any("index answers of by-owner" in text for text in records.figures(made).contradictions)
    made["accept"] = {"not_checked": {"index-answers": ["*loans"]}}
    assert records.figures(made).contradictions == []


def test_what_was_accepted_stands_on_the_first_screen_and_on_the_last_line() -> None:
    made = records.passed() | {"accept": {"not_checked": {"index-answers": ["*loans"], "clock": ["*"]}}}
    records.of(made, "loans")["indexes"] = [records.index("by-owner", 20, state="not checked", why="it is CREATING")]
    made["checks"] = [look("clock", "") | {"table": "this machine"}, look("cost", "")]
    assert len(unknown_lines(records.figures(made))) == 2
    assert (
        accepted_in_short(records.figures(made))
        == "accepted without a check: clock of the run, index-answers of 1 table"
    )
    first_screen = render_html(records.report_of(made), []).split("</section>")[0]
    beginning = render_markdown(records.report_of(made)).split("### Totals")[0]
    for text in (first_screen, beginning):
        for words in ("index-answers", "by-owner", "clock", "it is CREATING", "accept"):
            assert words in text.replace("\\", "")
        assert "cost" not in text


ACCEPTED = """name: x
source: {region: us-east-1}
target: {region: us-east-2}
staging: {bucket: abc-d, region: us-east-2}
tables: {include: ["*"]}
accept:
  not_checked:
    clock: ["*"]
    %s
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('index-answer: ["*"]', "there is no check with the id 'index-answer'; did you mean 'index-answers'?"),
        ('definition-colour: ["*"]', "there is no check with the id 'definition-colour'"),
        ("identity: []", "'accept.not_checked.identity'"),
        ('identity: "*"', "'accept.not_checked.identity'"),
    ],
)
def test_a_mistake_in_what_is_accepted_is_named_with_file_and_line(tmp_path: Any, line: str, words: str) -> None:
    file = tmp_path / "migration.yaml"
    file.write_text(ACCEPTED % line, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert words in str(caught.value)
    assert f"{file}:9: " in str(caught.value)


@dataclass
class Case:
    """One pair with an index, to be migrated while an operation is refused."""

    world: World

    def migrated(self, accept: dict[str, list[str]], **refused: Any) -> Run:
        run = self.world.open(confirm_target="111122223333/us-east-2", accept={"not_checked": accept})
        preflight(run)
        export_tables(run)
        import_tables(run)
        if refused:
            self.world.fault(kind="denied", **refused)
        validate_tables(run)
        return run


@pytest.fixture
def case(world: World) -> Case:
    world.pair("a", things(30, g={"S": "x"}), **indexed_by("g", "S"))
    return Case(world)


REFUSED = [("Query", "index-answers"), ("ListTagsOfResource", "definition-tags"),
           ("DescribeContinuousBackups", "definition-point-in-time-recovery")]  # fmt: skip


@pytest.mark.parametrize(("operation", "check"), REFUSED, ids=[o for o, _ in REFUSED])
@pytest.mark.few(2)
def test_a_refused_look_at_the_validation_is_no_proof(case: Case, operation: str, check: str) -> None:
    run = case.migrated({}, operation=operation)
    with pytest.raises(GateFailed, match=check):
        gate_validation(run)
    made = build_record(run.ledger, run.id, "test").to_json()
    assert made["verdict"] == "FAIL"
    assert [row["id"] for row in made["not_checked"] if row["open"]] == [check]
    assert [ground["id"] for ground in made["grounds"]][:1] == ["table-not-proved"]
    assert f"accept.not_checked: {{{check}: [{case.world.src('a')}]}}" in made["tables"][0]["reasons"][0]


def test_what_is_accepted_passes_and_says_so(case: Case) -> None:
    run = case.migrated({"index-answers": ["*-src-a"]}, operation="Query")
    assert gate_validation(run) == "GO: 1 of 1 tables proved"
    steps = {name: {"status": "completed", "seconds": 0.0, "finished": "2026-11-25T00:00:00Z"} for name in ("report",)}
    for name, fact in steps.items():
        run.ledger.put("step", name, fact)
    made = build_record(run.ledger, run.id, "test").to_json()
    assert (made["verdict"], made["reasons"]) == ("PASS", [])
    assert [(row["id"], row["accepted"]) for row in made["not_checked"] if row["bearing"] == "proof"] == [
        ("index-answers", "*-src-a")
    ]


@pytest.mark.whole
def test_the_command_fails_without_a_word_of_acceptance_and_passes_with_it(case: Case) -> None:
    world = case.world
    world.fault(operation="Query", kind="denied")
    confirmed = {"confirm_target": "111122223333/us-east-2"}
    ran = runbook_here("run", world.config(**confirmed), "--run-id", "r1", "--execute")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    line = re.search(r"accept: \{not_checked: .*\}\}", ran.stdout)
    assert line, ran.stdout
    accept = yaml.safe_load(line[0])
    for name in ("report.html", "report.md"):
        page = (world.folder / "reports" / "r1" / name).read_text(encoding="utf-8")
        assert "1 check that a proof needs could not run, which is a FAIL" in page
    arguments = ("--run-id", "r1", "--execute", "--from", "validate")
    again = runbook_here("run", world.config(**confirmed, **accept), *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "; accepted without a check: index-answers of 1 table" in again.stdout
    for name in ("report.html", "report.md"):
        assert "index-answers" in (world.folder / "reports" / "r1" / name).read_text(encoding="utf-8")


def test_the_page_on_validation_lists_what_is_advice_and_why() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "validation.md").read_text(encoding="utf-8")
    rows = page.split("| advice | who notices |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    assert rows == [f"| `{check}` | {why} |" for check, why in ADVICE.items()]


def test_the_page_of_looks_has_every_id() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = page.split("| look | id |")[1].split("\n\n")[0].splitlines()[2:]
    ids = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert sorted(ids) == sorted({*map(str, CheckId), "definition-PROPERTY"})


OPEN = [("identity", ""), ("clock", ""), ("account-and-region", "a-src"), ("stream", "a-src"), ("stream", "b-src")]
TWO = [TABLE, TABLE | {"source": "b-src", "target": "b-dst"}]


@pytest.mark.parametrize("accept", [{}, {"stream": ["a-*"]}, {"cost": ["*"], "account-and-region": ["c"]}])
def test_one_line_for_the_file_accepts_everything_that_is_open(accept: dict[str, list[str]], tmp_path: Path) -> None:
    checks = [look(check, source) for check, source in OPEN]
    record = {"checks": checks, "tables": TWO, "accept": {"not_checked": accept}, "executed": True, "run_id": "r"}
    record |= {"steps": STEPS, "verdict": "FAIL"}
    said = str(how_to_accept(records.figures(record)))
    assert said.endswith("(then run it again with --run-id r --execute --from validate)")
    line = said[said.index("accept: {") : said.rindex(" (then")]
    wanted = yaml.safe_load(line)["accept"]["not_checked"]
    typed = records.typed({"checks": checks, "tables": TWO})
    assert not [u for u in unchecked(typed.checks, typed.tables, wanted) if u.is_open]
    assert accept.keys() <= wanted.keys()
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(demo_config("http://127.0.0.1:1")) + line, encoding="utf-8")
    assert load_config(file).accept.not_checked == wanted
    assert how_to_accept(records.figures(record | {"accept": {"not_checked": wanted}})) is None
    dry = str(how_to_accept(records.figures(record | {"executed": False, "verdict": "DRY-RUN"})))
    assert "which with --execute would be a FAIL" in dry
    assert dry.endswith(line)
    early = str(how_to_accept(records.figures(record | {"steps": STEPS[:3]})))
    assert early.endswith(line)
    assert "which is a FAIL" in early


def test_a_table_that_is_not_chosen_does_not_widen_what_is_accepted() -> None:
    made = records.passed()
    records.of(made, "loans")["indexes"] = [records.index("by-owner", 20, state="not checked", why="it is CREATING")]
    source = records.of(made, "loans")["source"]
    assert f'accept: {{not_checked: {{index-answers: ["{source}"]}}}}' in str(how_to_accept(records.figures(made)))
