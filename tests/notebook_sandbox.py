"""A pytest plugin for nbval: a sandbox that the notebooks' kernels find in their environment.

nbval gives no parameters, so what the notebooks need is in RUNBOOK_CONFIG and RUNBOOK_EXECUTE.
RUNBOOK_TEST_BREAK=count takes one item from a target before validation, to show that this can fail.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from runbook_lib.aws.offline import SWITCH
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.client import sandbox_client

OPENED = ExitStack()
BREAK: list[str] = []


def pytest_sessionstart() -> None:
    BREAK.extend(["count"] if os.environ.get("RUNBOOK_TEST_BREAK") == "count" else [])
    sandbox = OPENED.enter_context(start_sandbox(scale=0.01, export_seconds=0.2))
    folder = Path(OPENED.enter_context(tempfile.TemporaryDirectory()))
    config = folder / "migration.yaml"
    settings = demo_config(sandbox.endpoint, sandbox.account, export={"poll_seconds": 0.2})
    config.write_text(yaml.safe_dump(settings))
    environment = demo_environment(sandbox.endpoint)
    os.environ.clear()
    os.environ.update(environment)
    os.environ |= {"RUNBOOK_CONFIG": str(config), "RUNBOOK_REPORTS": str(folder / "reports"), SWITCH: "1"}
    os.environ["RUNBOOK_EXECUTE"] = "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if BREAK and "30_validate" in item.nodeid:
        BREAK.clear()
        target = sandbox_client("dynamodb", os.environ["AWS_ENDPOINT_URL"], "us-east-2")
        table = "bebco-borrower-loans-dev"
        victim = target.scan(TableName=table, Limit=1)["Items"][0]
        target.delete_item(TableName=table, Key={"id": victim["id"]})


def pytest_sessionfinish() -> None:
    OPENED.close()
