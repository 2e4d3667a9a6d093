"""`runbook surroundings --compare` and `--handbook`: what the target has of it, what to set, and what is not known."""

from __future__ import annotations

import re

import pytest
import yaml

from runbook_lib.cli import run_cli
from runbook_lib.config.sections.hooks import Hooks
from tests.support.around_one_table import deployed, estate
from tests.support.namers import MARKER, a_function, around
from tests.support.world import World


@pytest.mark.chaos
def test_what_is_not_deployed_yet_is_missing_and_what_is_deployed_is_equal(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(estate(world))
    assert run_cli(["surroundings", config, "--compare"]) == 1
    said = capsys.readouterr().out
    assert "2 resources: 2 missing" in said
    assert f"{world.tag}-dst-work" in said
    deployed(world)
    assert run_cli(["surroundings", config, "--compare"]) == 0
    assert "2 resources: 2 equal" in capsys.readouterr().out


def test_a_setting_that_differs_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(estate(world))
    deployed(world, VisibilityTimeout="4177")
    assert run_cli(["surroundings", config, "--compare"]) == 1
    said = capsys.readouterr().out
    assert "1 equal, 1 different" in said
    assert "VisibilityTimeout" in said
    assert "4177" not in said


def test_what_nobody_could_read_is_never_alike(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(estate(world))
    deployed(world)
    world.fault(kind="denied", operation="ListTopics", times=100)
    assert run_cli(["surroundings", config, "--compare"]) == 1
    assert "## Not checked" in capsys.readouterr().out


def test_nothing_compared_is_not_alike(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.pair("orders", pitr=False)
    config = str(world.config(surroundings={"alarms": False, "dashboards": False}))
    assert run_cli(["surroundings", config, "--compare"]) == 1
    assert "Nothing was compared" in capsys.readouterr().out


@pytest.mark.whole
def test_the_handbook_says_what_to_set_where_and_how_to_test_and_no_value(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(estate(world))
    a_function(world, f"{world.tag}-fn", {"ORDERS": world.src("orders"), "TOKEN": MARKER})
    with around(world, "apigatewayv2", "us-east-2") as apis:
        api = apis.create_api(Name=f"{world.tag}-http", ProtocolType="HTTP")["ApiId"]
        apis.create_stage(ApiId=api, StageName="live", StageVariables={"token": MARKER})
    assert run_cli(["surroundings", config, "--handbook"]) == 0
    book = capsys.readouterr().out
    assert MARKER not in book
    row = f"| function | {world.tag}-fn | source | variable ORDERS | {world.dst('orders')} |"
    assert row in book
    assert f"{api}.execute-api.us-east-2.amazonaws.com/live |" in book
    assert f"aws lambda invoke --invocation-type DryRun --region us-east-2 --function-name {world.tag}-fn" in book
    assert f"https://sqs.us-east-2.amazonaws.com/111122223333/{world.tag}-dst-work" in book
    assert f"| queue | {world.tag}-src-work | {world.tag}-dst-work | missing |" in book
    assert "receive-message" not in book
    (block,) = re.findall(r"```yaml\n(.*?)```", book, re.DOTALL)
    smoke = Hooks.model_validate(yaml.safe_load(block)["hooks"]).smoke
    assert [hook.name for hook in smoke if hook.http] == [f"HTTP API {world.tag}-http, live"]
    assert {hook.run[1] for hook in smoke if hook.run} == {"sqs", "lambda"}


def test_both_at_once_is_a_mistake(world: World) -> None:
    assert run_cli(["surroundings", str(world.config()), "--compare", "--handbook"]) == 2
