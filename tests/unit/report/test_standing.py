"""The first screen says where the run was, what is true now, and what to do next, with a command to be copied."""

from __future__ import annotations

import re
import shlex

import pytest
from click.testing import CliRunner

from runbook_lib.cli import cli
from runbook_lib.record.remedy import repair_command
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.sections.first_screen.standing import NextStep, next_step, not_aws, since_then
from tests.support import records
from tests.support.records import KINDS, Record, of

RUN = "20261123T053336Z-prod-to-dev"


def following(made: Record) -> NextStep:
    found = next_step(records.figures(made))
    assert found is not None
    return found


def sandboxed(made: Record) -> Record:
    made["identity"]["target"]["endpoint"] = "http://127.0.0.1:5511"
    return made


def test_a_sandbox_is_never_taken_for_aws() -> None:
    assert not_aws(records.typed(records.passed())) is None
    made = sandboxed(records.passed())
    assert not_aws(records.typed(made)) == "NOT AWS: http://127.0.0.1:5511"
    box = render_html(records.report_of(made), []).split("</section>")[0]
    assert box.index("NOT AWS: http://127.0.0.1:5511") < box.index('class="word"')
    assert "NOT AWS" in render_markdown(records.report_of(made)).split("### Why")[0]


@pytest.mark.parametrize("kind", ["PASS", "FAIL", "DRY-RUN", "INTERRUPTED"])
def test_what_needs_a_server_of_this_machine_says_so(kind: str) -> None:
    """The report of a demo that failed gave a repair of tables that had ended with its sandbox."""
    known = "This works while http://127.0.0.1:5511 on this machine is up"
    assert (known in following(sandboxed(KINDS[kind]())).what) is (kind != "PASS")  # which only verifies the folder
    assert "on this machine" not in following(KINDS[kind]()).what
    made = sandboxed(KINDS[kind]()) | {"repair_command": "runbook repair x.yaml --run-id x --write-missing"}
    assert ("demo --sabotage lost-items --then-repair" in following(made).what) is (kind != "PASS")


def test_after_a_cleanup_then_and_now_stand_side_by_side() -> None:
    removal = {"source": "a", "target": "b", "done": True, "table_deleted": True}
    kept = {"source": "c", "target": "d", "kept": "it was changed", "items_deleted": 5}
    made = records.passed() | {"cleaned": "2026-11-25T00:00:00Z", "cleanup": [removal, removal, kept]}
    said = since_then(records.figures(made))
    assert said == (
        "Cleaned up at 2026-11-25 00:00:00 UTC: 2 target tables and 5 items in others were deleted; something of 1 "
        "table was left. What this page says of the targets was true before that."
    )
    box = render_html(records.report_of(made), []).split("</section>")[0]
    assert 'class="verdict open"' in box
    assert box.index("Then, when it was measured") < box.index(">PASS<") < box.index("Now:")
    assert "--run-id" not in following(made).commands[0]
    assert since_then(records.figures(records.passed())) is None


@pytest.mark.parametrize(("tables", "items", "said"), [
    (0, 1, "1 item of the targets was deleted."), (0, 9, "9 items of the targets were deleted."),
    (1, 0, "1 target table was deleted."), (2, 0, "2 target tables were deleted."),
])  # fmt: skip
def test_a_cleanup_does_not_count_what_it_had_none_of(tables: int, items: int, said: str) -> None:
    gone = [{"source": "a", "done": True, "table_deleted": True}] * tables
    made = records.passed() | {"cleaned": records.stamp(9), "cleanup": [*gone, {"source": "b", "items_deleted": items}]}
    assert said in (since_then(records.figures(made)) or "")


@pytest.mark.parametrize("kind", ["PASS", "FAIL", "DRY-RUN", "INTERRUPTED"])
def test_every_command_is_one_that_the_command_line_takes(kind: str) -> None:
    for command in following(KINDS[kind]()).commands:
        program, name, *words = shlex.split(command)
        assert program == "runbook"
        told = CliRunner().invoke(cli, [name, *words, "--help"])
        assert told.exit_code == 0, told.output


def test_a_dry_run_goes_on_with_its_own_exports_and_says_what_it_will_cost() -> None:
    made = records.dry_run()
    made["estimates"] = {
        "export": {"usd": {"low": 1.0, "high": 2.5}, "hours": {"low": 0.5, "high": 1.0}, "prices": "x", "parts": []}
    }
    found = following(made)
    assert found.what.startswith("Ready: nothing stands in the way. Estimated: 1.00 USD to 2.50 USD, ")
    assert found.commands == (f"runbook run reports/{RUN}/migration.yaml --run-id {RUN} --execute",)
    made["checks"] = [{"id": "clock", "status": "not checked", "found": "x", "table": "m"}]
    assert following(made).what.startswith("Not ready: 1 check that a proof needs could not run")
    assert "--execute" not in following(made).commands[0]


def test_where_the_file_does_not_confirm_the_target_the_command_takes_one_that_does() -> None:
    """It said that nothing stood in the way, and gave a command that was refused, whatever the user's file said."""
    made = records.dry_run()
    assert made["identity"]["target"]["account"] == "444455556666"
    made["attempts"][0] |= {"settings": "migration.yaml", "file_confirms": False}
    found = following(made)
    assert "nothing stands in the way" not in found.what
    assert 'confirm_target: "444455556666/us-east-2" into your migration file, as you keep it' in found.what
    assert found.commands == (f"runbook run CONFIG --run-id {RUN} --execute",)
    made["attempts"].append(made["attempts"][0] | {"settings": "migration-2.yaml", "file_confirms": True})
    found = following(made)
    assert found.what.startswith("Ready: nothing stands in the way.")
    assert found.commands == (f"runbook run reports/{RUN}/migration-2.yaml --run-id {RUN} --execute",)


@pytest.mark.parametrize("kind", ["PASS", "FAIL", "DRY-RUN", "INTERRUPTED"])
def test_no_command_that_writes_takes_settings_that_are_known_to_be_refused(kind: str) -> None:
    """Of a run whose target was typed in a notebook, too."""
    made = KINDS[kind]()
    for attempt in made["attempts"]:
        attempt |= {"settings": "migration.yaml", "file_confirms": False}
    found = following(made)
    writes = [command for command in found.commands if "--execute" in command]
    assert all(shlex.split(command)[2] == "CONFIG" for command in writes)
    assert ("confirm_target is missing" in found.what) is bool(writes)


def test_a_repair_takes_the_file_that_confirms_the_target() -> None:
    made = records.typed(records.failed())
    last = made.attempts[-1].model_copy(update={"settings": "migration.yaml", "file_confirms": False})
    tables = [t.model_copy(update={"missing": 1}) for t in made.tables if t.verdict == "FAIL"]
    command = repair_command(RUN, tables, {t.source for t in tables}, [last], lambda source, kind: True)
    assert shlex.split(command or "")[:3] == ["runbook", "repair", "CONFIG"]


def test_a_table_that_was_left_out_is_not_said_to_come_with_another_start_of_this_run() -> None:
    """Going on keeps what was decided for it, so that the command which says `--from validate` would never pass."""
    made = records.passed() | {"verdict": "FAIL"}
    made["tables"][0] |= {"method": "skipped", "verdict": "NOT MIGRATED", "reasons": ["x"]}
    found = following(records.summed(made))
    assert "Not migrated: 1 table, which going on with this run does not change." in found.what
    assert found.commands == (f"runbook cleanup reports/{RUN}/migration.yaml --run-id {RUN}",)


def test_each_kind_of_failure_has_its_own_way_on() -> None:
    step = records.record(verdict="FAIL")
    step["steps"][2] |= {"status": "failed", "message": "refused"}
    assert following(step).commands == (
        f"runbook run reports/{RUN}/migration.yaml --run-id {RUN} --from import --execute",
    )
    different = following(records.failed())
    assert "export.reuse" in different.what
    assert [("--run-id" in c, "--from validate" in c) for c in different.commands] == [(False, False), (True, True)]
    blocked = records.dry_run() | {"verdict": "FAIL", "blockers": [{"table": "t", "expected": "a", "found": "b"}]}
    assert "1 blocker" in following(blocked).what
    assert "start a new run with that file instead" in following(blocked).what
    unknown = records.record(verdict="FAIL", grounds=[{"id": "not-checked", "subject": "clock", "text": "x"}])
    assert following(unknown).commands[0].endswith("--from validate --execute")


def test_a_new_run_is_proposed_for_the_tables_of_the_old_one() -> None:
    """A run of one table was followed by a command that would have moved all."""
    made = records.passed() | {"cleaned": records.stamp(9)}
    assert "--tables" not in following(made).commands[0]
    made["attempts"] = [{"tables": "*-loans"}]
    assert shlex.split(following(made).commands[0])[-2:] == ["--tables", "*-loans"]


def test_a_name_with_blanks_or_quotes_is_one_word_of_the_command() -> None:
    made = records.interrupted() | {"run_id": "a b'; rm -rf"}
    assert shlex.split(following(made).commands[0])[2:5] == [
        "reports/a b'; rm -rf/migration.yaml",
        "--run-id",
        "a b'; rm -rf",
    ]


def test_a_running_run_has_no_next_step() -> None:
    assert next_step(records.figures(records.passed() | {"verdict": "RUNNING"})) is None


def test_how_many_tables_passed_stands_on_the_first_screen() -> None:
    assert "27 of 31 tables PASS" in render_html(records.report_of(records.failed()), []).split("</section>")[0]
    assert "tables PASS<" not in render_html(records.report_of(records.passed()), []).split("</section>")[0]


def test_only_what_failed_can_be_shown_alone_without_a_script() -> None:
    html = render_html(records.report_of(records.failed()), [])
    assert 'id="failed-only"' in html
    assert html.count('<tr class="calm">') == 27
    assert 'id="failed-only"' not in render_html(records.report_of(records.passed()), [])


def test_a_name_that_could_leave_a_style_sheet_is_not_in_it() -> None:
    def footer(made: Record) -> bool:
        return "@bottom-left" in render_html(records.report_of(made), [])

    assert footer(records.passed())
    assert not footer(records.passed() | {"run_id": 'x"; } </style>'})


def test_every_place_of_the_contents_is_there() -> None:
    for kind in KINDS:
        html = render_html(records.report_of(KINDS[kind]()), [])
        assert {*re.findall(r'<a href="#([a-z-]+)"', html)} <= {*re.findall(r'id="([a-z-]+)"', html)}


def test_what_this_tool_wrote_itself_is_not_said_to_be_of_aws() -> None:
    html = render_html(records.report_of(records.passed()), [])
    assert "For 12 tables read by Scan the first count is not from AWS" in html
    assert html.count("named by this tool: AWS knows no such export") == 12
    assert html.count("checked against their sidecars") == 19
    made = records.passed()
    made["tables"] = [t for t in made["tables"] if t["method"] != "scan"]
    assert "is not from AWS" not in render_html(records.report_of(made), [])


def test_more_than_was_estimated_is_named() -> None:
    made = records.passed()
    line = {"name": "Scans of the source", "quantity": {"low": 10.0, "high": 60.0}, "unit": "read units", "usd": None}
    made["estimates"] = {"export": {"parts": [line], "prices": "x"}}
    used = "243 read units were used, and at most 60 read units had been estimated"
    said = f"More than estimated: Scans of the source: {used}"
    assert said in records.report_of(made).attention
    for high in (230.0, 300.0):  # a few percent more is what was estimated
        line["quantity"]["high"] = high
        assert not [text for text in records.report_of(made).attention if "More than estimated" in text]
    assert of(made, "loans")["verdict"] == "PASS"


@pytest.mark.parametrize("status", ["failed", "interrupted"])
@pytest.mark.parametrize("step", ["catch_up", "cut_over"])
def test_a_step_of_a_command_of_its_own_goes_on_with_that_command(step: str, status: str) -> None:
    """`runbook run` does neither: who copied it would prove the run again without what had failed."""
    made = records.record(verdict="FAIL" if status == "failed" else "INTERRUPTED")
    made["steps"].insert(3, {"name": step, "status": status, "seconds": 1.0, "started": records.stamp(0)})
    made["steps"][4]["status"] = "not run"
    made["attempts"].append({"started": records.stamp(9), "steps": [step, "report"], "tables": "*", "execute": True})
    command, *others = following(made).commands
    name = step.replace("_", "-")
    assert command == f"runbook {name} reports/{RUN}/migration.yaml --run-id {RUN} --execute --confirm {RUN}"
    assert CliRunner().invoke(cli, [*shlex.split(command)[1:], "--help"]).exit_code == 0
    anew = status == "failed" and step == "catch_up"  # a gap is filled by no window, however often it is asked for
    assert others == ([f"runbook run reports/{RUN}/migration.yaml --execute"] if anew else [])


@pytest.mark.parametrize("stopped", [None, "catch_up", "cut_over"])
def test_a_window_that_is_applied_in_part_comes_before_any_repair(stopped: str | None) -> None:
    """A repair refuses such a table by name, so nobody is sent there."""
    made = records.failed()
    made["windows"] = [{"source": "loans", "number": 3, "state": "applying"}]
    if stopped:
        made["steps"].append({"name": stopped, "status": "failed", "seconds": 1.0, "started": records.stamp(0)})
    found = following(made)
    name = (stopped or "catch_up").replace("_", "-")
    assert found.commands == (f"runbook {name} reports/{RUN}/migration.yaml --run-id {RUN} --execute --confirm {RUN}",)
    assert found.what.startswith("Applied in part: window 3 of loans. Finish this first")


def test_windows_that_came_with_an_export_go_on_with_the_run_that_was_handed_them() -> None:
    made = records.record(verdict="FAIL")
    made["steps"].insert(3, {"name": "catch_up", "status": "failed", "seconds": 1.0, "started": records.stamp(0)})
    made["attempts"][0]["steps"].insert(3, "catch_up")
    assert [shlex.split(command)[1] for command in following(made).commands] == ["run"]


def test_a_dry_run_of_the_pre_flight_alone_has_no_export_to_reuse() -> None:
    made = records.dry_run()
    assert "exports are reused" in following(made).what
    made["steps"][1]["status"] = "not run"
    assert "exports are reused" not in following(made).what


def test_no_more_work_is_told_than_the_run_took_in_all() -> None:
    made = records.passed()
    assert " of work in the steps" in records.report_of(made).sentence
    made["totals"]["seconds"] = 1e6
    assert " of work in the steps" not in records.report_of(made).sentence


def test_nobody_signs_before_the_last_look_of_a_cut_over() -> None:
    made = records.passed()
    made["cut_over"] = {"go_at": records.stamp(100), "gates": [{"gate": "go", "state": "passed"}]}
    assert [shlex.split(command)[1] for command in following(made).commands] == ["cut-over"]
    made["cut_over"]["gates"].append({"gate": "afterwards", "state": "passed"})
    assert [shlex.split(command)[1] for command in following(made).commands] == ["verify"]


def test_tables_that_nobody_has_counted_are_not_said_to_be_none() -> None:
    made = records.interrupted() | {"tables": [], "executed": False}
    made["steps"][0] |= {"status": "interrupted"}
    report = records.report_of(made)
    assert "0 table" not in report.sentence
    assert report.sentence.startswith("From 111122223333/us-east-1 to 444455556666/us-east-2: stopped before anything")
    assert report.verdicts == "not measured"
    made["steps"][0] |= {"status": "completed"}
    assert "0 tables" in records.report_of(made).sentence
    lost = records.failed() | {"tables": [], "steps": []}
    assert "a number of tables that is not known" in records.report_of(lost).sentence


def test_what_comes_after_a_pass_is_said_where_it_is_shown_and_not_by_a_place_on_a_page() -> None:
    """The terminal and the notebook say the same sentence, and nothing is signed below it there."""
    for kind in KINDS.values():
        if found := next_step(records.figures(kind())):
            assert not {"below", "above"} & {*re.findall(r"\w+", found.what)}
    assert "Sign-off" in following(records.passed()).what
    assert '<h2 id="sign-off">Sign-off</h2>' in render_html(records.report_of(records.passed()), [])


def repairing(status: str, **more: object) -> Record:
    """A run whose last step that did not come to its end is a repair; its tables are as they were compared."""
    made = records.passed() | {"verdict": "INTERRUPTED" if status == "interrupted" else "FAIL"}
    made["steps"].append({"name": "repair", "status": status, "execute": True, "seconds": 1.0} | more)
    made["grounds"] = [{"id": "step-not-done", "subject": "repair", "text": "step repair failed: x"}]
    return made


def test_after_a_repair_that_failed_only_a_validation_says_what_is_left() -> None:
    """`runbook run` by itself would do everything again, and a repair has nothing that is known to be wrong."""
    found = following(repairing("failed"))
    assert found.commands == (f"runbook run reports/{RUN}/migration.yaml --run-id {RUN} --from validate --execute",)
    assert found.steps == ("validate", "report")
    assert "no comparison since then" in found.what


def test_who_signs_a_pass_reads_at_once_that_it_was_repaired() -> None:
    made = records.passed()
    assert "Repaired" not in str(records.report_of(made).why)
    looked = {"source": "a", "target": "b", "kinds": ["extra"], "extra": 3, "status": "dry-run"}
    done = looked | {"status": "completed", "counts": {"deleted": 3, "added": 2}}
    made["repairs"] = [looked, done, done | {"source": "c", "counts": {"deleted": 1}}]
    assert "Repaired after the import in 2 targets: 2 added, 4 deleted." in records.report_of(made).why


def test_a_repair_that_was_interrupted_goes_on_as_it_was_asked_for() -> None:
    made = repairing("interrupted")
    validates = f"runbook run reports/{RUN}/migration.yaml --run-id {RUN} --from validate --execute"
    assert following(made).commands == (validates,)  # it had not begun with any table
    asked = {"source": "a", "target": "b", "kinds": ["missing", "extra"]}
    older = asked | {"source": "z", "kinds": ["different"], "started": records.stamp(1)}
    made["repairs"] = [asked | {"started": records.stamp(9), "after_all": True}, older]
    repair = f"runbook repair reports/{RUN}/migration.yaml --run-id {RUN} --write-missing --delete-extra"
    assert following(made).commands == (f"{repair} --even-after-cut-over --execute --confirm {RUN}",)
    made["steps"][-1]["execute"] = False
    made["repairs"][0]["after_all"] = False
    assert following(made).commands == (repair,)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (0, "0 kept."),
        (1, "1 kept because somebody else has written it since, or may have."),
        (2, "2 kept because somebody else has written them since, or may have."),
    ],
)
def test_what_a_rollback_kept_is_told_in_its_number(kept: int, said: str) -> None:
    made = records.passed() | {"rolled_back": records.stamp(9), "rollbacks": [{"source": "a", "kept": kept}]}
    told = since_then(records.figures(made))
    assert told is not None
    assert said in told


def test_tables_with_the_same_reason_are_one_reason_behind_that_of_the_run() -> None:
    """Of 32 reasons 31 were that nothing was written, above the fold, and the one that counts was cut."""
    made = records.record(verdict="FAIL")
    because = "the run ended before anything was written"
    names = [table["source"] for table in made["tables"]]
    for table in made["tables"]:
        table |= {"verdict": "UNKNOWN", "reasons": [because]}
    made["tables"][0]["reasons"] = ["its own"]
    grounds = [{"id": "step-not-done", "subject": "preflight", "text": "step preflight failed: x"}]
    grounds += [
        {"id": "table-not-proved", "subject": name, "text": f"{name}: UNKNOWN: {'its own' if not n else because}"}
        for n, name in enumerate(names)
    ]
    made |= {"grounds": grounds, "reasons": [ground["text"] for ground in grounds]}
    first, own, rest = records.report_of(made).why
    assert (first, own) == ("step preflight failed: x", f"{names[0]}: UNKNOWN: its own")
    assert rest == f"{len(names) - 1} tables UNKNOWN: {because}: {', '.join(names[1:])}"
    made["grounds"] = grounds[:-1]  # a record whose reasons are not borne out one by one
    assert records.report_of(made).why == made["reasons"]


def test_a_run_that_was_stopped_says_how_far_it_came_and_nothing_of_what_it_had_not_come_to() -> None:
    made = records.interrupted()
    for sentence in (records.report_of(made).sentence, records.report_of(made | {"executed": False}).sentence):
        assert "not measured" not in sentence.split(". Started")[0]
    assert ": stopped; 229,634 items exported, 0 written. Started" in records.report_of(made).sentence
    made |= {"executed": False}
    assert ": stopped before anything was written; 229,634 items exported" in records.report_of(made).sentence
    made["tables"] = [table | {"items_exported": None, "lines_read": None} for table in made["tables"]]
    assert ": stopped before anything was written. Started" in records.report_of(made).sentence
