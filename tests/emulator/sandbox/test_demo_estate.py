"""The demo's estate around its tables: everything that `runbook surroundings` carries, as far as the sandbox has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from runbook_lib.iac.surroundings.of_config import surroundings_of
from runbook_lib.references.listing import references_of
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.demo.estate import MEANT, STEM, make_estate


@pytest.mark.whole
def test_the_demo_has_what_stands_around_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_sandbox(scale=0.001) as sandbox:
        for name, value in demo_environment(sandbox.endpoint).items():
            monkeypatch.setenv(name, value)
        make_estate(sandbox.endpoint, sandbox.account)
        file = tmp_path / "migration.yaml"
        file.write_text(yaml.safe_dump(demo_config(sandbox.endpoint, sandbox.account, surroundings=MEANT)))
        template = yaml.safe_load(surroundings_of(file, "cloudformation"))
        named = references_of(file, "md")
    kinds = [said["Type"].split("::", 1)[1] for said in template["Resources"].values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "SQS::Queue": 3, "SNS::Topic": 1, "SNS::Subscription": 2, "Events::EventBus": 1, "Events::Rule": 1,
        "Scheduler::Schedule": 1, "Lambda::EventSourceMapping": 2, "CloudWatch::Alarm": 2, "CloudWatch::Dashboard": 1,
    }  # fmt: skip
    assert STEM not in str([said["Properties"] for said in template["Resources"].values()])
    assert "NotChecked" not in template["Metadata"]
    for where in ("variable USERS_TABLE", "variable LOANS_TABLE", "dimension TableName", "stage live, variable table"):
        assert where in named
