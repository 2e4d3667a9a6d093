"""The demo of a campaign: two environments from one export, a plan, one budget, and a signature on every proof."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support.in_process import runbook_here

SCALE = "0.002"
RUNS = ("dev", "qa", "files")


@pytest.mark.whole
def test_the_campaign_demo_ends_in_three_signed_proofs_of_one_shared_export(tmp_path: Path) -> None:
    with patch.dict(os.environ):
        ran = runbook_here("demo", "--campaign", "--scale", SCALE, RUNBOOK_REPORTS=str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "PASS: 3 of 3 runs are proved"
    records = {name: json.loads((tmp_path / f"spring-{name}" / "run.json").read_text()) for name in RUNS}
    arns = {name: {t["source"]: t["export_arn"] for t in record["tables"]} for name, record in records.items()}
    assert arns["dev"] == arns["qa"]
    assert records["qa"]["source_calls"].get("ExportTableToPointInTime", 0) == 0
    assert records["dev"]["plan_digest"] is not None
    assert all(table["target"].endswith("-qa") for table in records["qa"]["tables"])
    known = json.loads((tmp_path / "campaign-spring.json").read_text())
    assert [(run["id"], run["standing"]) for run in known["runs"]] == [(name, "PASS") for name in RUNS]
    assert 0 < sum(run["usd"] for run in known["runs"]) <= known["max_cost_usd"]
    for name in RUNS:
        folder = tmp_path / f"spring-{name}"
        key = folder / "SHA256SUMS.pub"
        verified = runbook_here("verify", folder, "--signed-by", str(key))
        assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("more", [["--live"], ["--masked"], ["--sabotage", "lost-items"], ["--json"]])
def test_what_does_not_go_with_it_is_refused(more: list[str]) -> None:
    ran = runbook_here("demo", "--campaign", *more)
    assert ran.returncode == 2
    assert "--campaign: expected only --scale and --quiet with it; leave out --" in ran.stderr
