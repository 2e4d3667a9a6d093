"""`runbook surroundings --run-id`: a step that reads; comparison, templates and handbook are sealed with the run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from runbook_lib.run.unfinished import SUMS
from runbook_lib.sandbox.client import sandbox_client
from tests.support.around_one_table import deployed, estate
from tests.support.in_process import runbook_here
from tests.support.namers import MARKER, a_function
from tests.support.world import World, things

pytestmark = pytest.mark.whole

BODY = "BODYMARKER4417"


@pytest.fixture
def passed(world: World) -> Path:
    """A run that passed, with a queue and its dead-letter queue around its table; its migration file."""
    config = estate(world, things(3))
    done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    return config


@pytest.mark.chaos
def test_a_run_shows_both_regions_keeps_its_verdict_and_knows_its_files(world: World, passed: Path) -> None:
    folder = world.folder / "reports" / "r"
    assert runbook_here("surroundings", passed, "--run-id", "r").returncode == 0
    record = world.record("r")
    assert (record["verdict"], record["complete"]) == ("PASS", True)
    assert record["surroundings"]["counts"] == {
        "equal": 0,
        "different": 0,
        "missing": 2,
        "only in the target": 0,
        "not checked": 0,
    }
    page, comment = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    line = "Around the tables, which is no part of the verdict: 2 resources: 2 missing"
    assert line in page.partition("<h2")[0]
    assert line in comment.partition("names the old")[0]
    assert f"| queue | {world.tag}-src-work | {world.tag}-dst-work | missing |" in comment
    template = yaml.safe_load((folder / "surroundings" / "messaging.yaml").read_text())
    assert [said["Type"] for said in template["Resources"].values()] == ["AWS::SQS::Queue"] * 2
    assert not (folder / "surroundings" / "monitoring.yaml").exists()
    assert '<a href="#surroundings">' in (folder / "report.html").read_text()
    assert (folder / "60_surroundings.ipynb").exists()
    sealed = (folder / SUMS).read_text()
    for name in ("handbook.md", "surroundings/messaging.yaml", "60_surroundings.ipynb"):
        assert f"  {name}\n" in sealed
    assert runbook_here("verify", folder).returncode == 0
    # One that was changed and sealed again is not the one of the ledger.
    for name in ("handbook.md", "surroundings/messaging.yaml"):
        old = (folder / name).read_bytes()
        (folder / name).write_bytes(old + b"\n# added\n")
        digests = [hashlib.sha256(body).hexdigest() for body in (old, (folder / name).read_bytes())]
        (folder / SUMS).write_text(sealed.replace(*digests))
        done = runbook_here("verify", folder)
        assert done.returncode == 1
        assert f"{name}: the ledger knows one of digest" in done.stdout + done.stderr
        (folder / name).write_bytes(old)
        (folder / SUMS).write_text(sealed)


def test_after_the_deployment_all_is_equal_and_a_setting_that_was_changed_is_named(world: World, passed: Path) -> None:
    deployed(world)
    done = runbook_here("surroundings", passed, "--run-id", "r", "--compare")
    assert done.returncode == 0
    assert "2 resources: 2 equal" in done.stdout
    sqs = sandbox_client("sqs", world.endpoint, "us-east-2")
    url = sqs.get_queue_url(QueueName=f"{world.tag}-dst-work")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    assert runbook_here("surroundings", passed, "--run-id", "r", "--compare").returncode == 1
    (row,) = [row for row in world.record("r")["surroundings"]["resources"] if row["likeness"] != "equal"]
    assert (row["likeness"], row["differences"]) == ("different", ["VisibilityTimeout"])
    assert world.record("r")["verdict"] == "PASS"


@pytest.mark.chaos
def test_what_could_not_be_read_is_not_checked_and_never_missing(world: World, passed: Path) -> None:
    world.fault(kind="denied", operation="ListQueues", every=3, times=1)  # the first of the target, after two readings
    assert runbook_here("surroundings", passed, "--run-id", "r", "--compare").returncode == 1
    found = world.record("r")["surroundings"]
    assert found["counts"] == {"equal": 0, "different": 0, "missing": 0, "only in the target": 0, "not checked": 2}
    assert any("sqs:ListQueues" in call for call in found["not_checked"])


def test_no_value_and_no_message_is_anywhere_in_the_run(world: World, passed: Path) -> None:
    a_function(world, f"{world.tag}-fn", {"ORDERS": world.src("orders"), "TOKEN": MARKER})
    sqs = sandbox_client("sqs", world.endpoint, "us-east-1")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=f"{world.tag}-src-work")["QueueUrl"], MessageBody=BODY)
    received = world.requests("ReceiveMessage")
    done = runbook_here("surroundings", passed, "--run-id", "r")
    folder = world.folder / "reports" / "r"
    assert "variable ORDERS" in (folder / "handbook.md").read_text()
    held = [file.read_bytes() for file in folder.rglob("*") if file.is_file()] + [done.stdout.encode()]
    assert len(held) > 10
    assert not [body for body in held if MARKER.encode() in body or BODY.encode() in body]
    assert world.requests("ReceiveMessage") == received


@pytest.mark.chaos
def test_a_look_that_fails_leaves_the_verdict_and_says_so_first(world: World, passed: Path) -> None:
    names = {f"{world.tag}-src-work": f"{world.tag}-dst-dead"}  # which another queue is to be called
    settings = yaml.safe_load(passed.read_text())
    settings["surroundings"]["names"] = names
    passed.write_text(yaml.safe_dump(settings))
    done = runbook_here("surroundings", passed, "--run-id", "r")
    assert done.returncode == 1
    record = world.record("r")
    assert record["verdict"] == "PASS"
    assert "did not come to its end" in (world.folder / "reports" / "r" / "report.md").read_text()
    assert record["surroundings"] is None


@pytest.mark.chaos
def test_options_that_a_run_decides_are_refused_before_anything_runs(world: World) -> None:
    config = world.config()
    for option in (["--handbook"], ["--stack", "messaging"], ["--format", "cdk"]):
        assert runbook_here("surroundings", config, "--run-id", "r", *option).returncode == 2
    assert runbook_here("surroundings", config, "--run-id", "no-such-run").returncode == 2
    assert not (world.folder / "reports").exists()
