"""What all tests share: an environment without AWS settings, and one empty embedded AWS."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from runbook_lib.garbage import look_seldom
from runbook_lib.sandbox import demo_environment, start_sandbox
from tests.support.examples import OF_A_FAST_RUN
from tests.support.few import leave_most_to_chaos
from tests.support.world import World

SETTINGS = ("AWS_", "BOTO_", "MOTO_", "RUNBOOK_")

# How long an example takes is the machine's affair: Hypothesis builds its tables of characters at the first one.
# `make chaos` asks for many examples.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=OF_A_FAST_RUN
)
settings.register_profile("many", settings.get_profile("any machine"), max_examples=1_000)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Whatever the user's environment says about AWS, no test hears of it, and no run's secret lands with the user."""
    for name in [n for n in os.environ if n.startswith(SETTINGS)]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    state = tempfile.TemporaryDirectory(prefix="runbook-state-")
    config.add_cleanup(state.cleanup)
    os.environ["XDG_STATE_HOME"] = state.name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before anything is chosen by its marks."""
    leave_most_to_chaos(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is imported or collected is garbage: to look for some took a sixth of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What was imported stays: tests that collect garbage, as the end of a kernel does, need not look through it.

    Garbage is looked for as seldom as in a command.
    """
    gc.collect()
    look_seldom()


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """The tests' own sessions share AWS's models, as the library's do: to parse them takes most of making a client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[str]:
    with start_sandbox(empty=True, export_seconds=0.2) as sandbox:
        yield sandbox.endpoint


@pytest.fixture
def world(embedded_aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The embedded AWS with tables of this test alone; what the test's processes see points at it."""
    for name, value in demo_environment(embedded_aws).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # the secrets of runs lie there
    made = World(embedded_aws, tmp_path)
    yield made
    made.clear_faults()
