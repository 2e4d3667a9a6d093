"""The verdict as a notebook says it can be shared by itself: it says where the run was, and what comes next."""

from __future__ import annotations

from pathlib import Path

from runbook_lib.errors import LINE, GateFailed, Interrupted, shown_lines
from runbook_lib.notebook.output import GOOD, OPEN
from runbook_lib.notebook.verdict import verdict_of_run
from tests.support import records


def test_a_pass_of_a_sandbox_is_no_pass_of_aws_in_a_notebook_either() -> None:
    made = records.passed()
    made["identity"]["target"]["endpoint"] = "http://127.0.0.1:5511"
    shown = verdict_of_run(records.typed(made), Path("reports/x"))
    for said in (str(shown), shown._repr_html_()):
        assert "NOT AWS: http://127.0.0.1:5511" in said
        assert "runbook verify " in said
    assert "NOT AWS" not in str(verdict_of_run(records.typed(records.passed()), Path("reports/x")))


def test_a_refusal_is_broken_between_words_and_not_within_them() -> None:
    """JupyterLab breaks a line of an error at any letter."""
    names = ", ".join(f"orders-staging-{number}-of-the-north" for number in range(20))
    for error in (GateFailed(f"{names}: not ready"), Interrupted(f"{names}: stopped")):
        lines = shown_lines(error)
        assert " ".join(lines) == f"{type(error).__name__}: {error}"
        assert max(map(len, lines)) <= LINE
    assert shown_lines(GateFailed("not ready")) == ["GateFailed: not ready"]


def test_a_fail_leads_to_the_notebook_that_repairs_and_not_only_to_a_command() -> None:
    made = records.failed() | {"repair_command": "runbook repair reports/x/migration.yaml --run-id x --write-missing"}
    shown = verdict_of_run(records.typed(made), Path("reports/x"))
    assert "or here: 35_repair, then 30_validate, then 90_report" in str(shown)
    assert "<a href='35_repair.ipynb'>35_repair</a>, then <a href='30_validate.ipynb'>" in shown._repr_html_()
    assert shown.books == ("35_repair", "30_validate", "90_report")
    made["repair_command"] += " --delete-extra"
    shown = verdict_of_run(records.typed(made), Path("reports/x"))
    assert "or here: 35_repair with delete_extra = True, then 30_validate, then" in str(shown)
    assert "<a href='35_repair.ipynb'>35_repair</a> with delete_extra = True, then <a" in shown._repr_html_()
    assert verdict_of_run(records.typed(records.passed()), Path("reports/x")).books == ()


def test_a_dry_run_leads_to_the_notebook_that_writes() -> None:
    shown = verdict_of_run(records.typed(records.dry_run()), Path("reports/demo-lab"))
    assert 'or here: 20_import with run_id = "demo-lab" and execute = True' in str(shown)
    assert "<a href='20_import.ipynb'>20_import</a> with run_id = &quot;demo-lab&quot;" in shown._repr_html_()
    assert shown.books == ("20_import", "30_validate", "90_report")


def test_after_a_cleanup_the_box_says_what_is_true_now() -> None:
    """It went on saying FAIL, or PASS, in its colour, of tables whose items were gone."""
    made = records.passed() | {"cleaned": records.stamp(9), "cleanup": [{"source": "a", "items_deleted": 5}]}
    shown = verdict_of_run(records.typed(made), Path("reports/x"))
    told = "5 items of the targets were deleted."
    assert str(shown).index("Then, when it was measured:") < str(shown).index("PASS") < str(shown).index(told)
    html = shown._repr_html_()
    assert html.index("Then, when it was measured:") < html.index(">PASS") < html.index(told)
    assert OPEN in html
    assert GOOD not in html
