"""A pytest plugin for nbval: copies of the notebooks with parameters, and a sandbox that their kernels find.

nbval gives no parameters and nothing in the environment allows writing, so papermill writes them into copies in a
temporary folder, and nbval runs those. RUNBOOK_TEST_BREAK=count takes one item from a target before validation, to
show that this can fail.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from papermill.iorw import load_notebook_node, write_ipynb
from papermill.parameterize import parameterize_notebook

from runbook_lib.aws.guard.offline import SWITCH
from runbook_lib.sandbox import demo_config, demo_environment, start_sandbox
from runbook_lib.sandbox.client import sandbox_client

OPENED = ExitStack()
LOANS, BROKEN = "bebco-borrower-staging-loans", "bebco-borrower-loans-dev"
BREAK: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    BREAK.extend(["count"] if os.environ.get("RUNBOOK_TEST_BREAK") == "count" else [])
    sandbox = OPENED.enter_context(start_sandbox(scale=0.01, export_seconds=0.2))
    folder = Path(OPENED.enter_context(tempfile.TemporaryDirectory()))
    settings = demo_config(sandbox.endpoint, sandbox.account, export={"poll_seconds": 0.2})
    migration = folder / "migration.yaml"
    migration.write_text(yaml.safe_dump(settings))
    os.environ.clear()
    os.environ.update(demo_environment(sandbox.endpoint) | {"RUNBOOK_REPORTS": str(folder / "reports"), SWITCH: "1"})
    config.args[:] = [str(with_parameters(Path(given), folder / "books", migration)) for given in config.args]


def with_parameters(books: Path, copies: Path, migration: Path) -> Path:
    """Copies of a folder's notebooks that write to the sandbox."""
    copies.mkdir()
    for book in sorted(books.glob("*.ipynb")):
        parameters = {"config": str(migration), "run_id": "nbval", "execute": True, "tables": LOANS if BREAK else ""}
        write_ipynb(parameterize_notebook(load_notebook_node(str(book)), parameters), str(copies / book.name))
    return copies


def pytest_runtest_setup(item: pytest.Item) -> None:
    if BREAK and "30_validate" in item.nodeid:
        BREAK.clear()
        target = sandbox_client("dynamodb", os.environ["AWS_ENDPOINT_URL"], "us-east-2")
        victim = target.scan(TableName=BROKEN, Limit=1)["Items"][0]
        target.delete_item(TableName=BROKEN, Key={"id": victim["id"]})


def pytest_unconfigure() -> None:
    OPENED.close()
