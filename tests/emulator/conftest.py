"""What the tests against the embedded AWS share: charts that are laid out and not drawn, and code that is known once.

To draw the charts of a report takes half a second of a processor, and hundreds of these tests publish one. What is
drawn is looked at by the tests of the charts, of the report and of the browser, and by whole runs in their processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from matplotlib.figure import Figure

from runbook_lib.cluster import connect
from runbook_lib.cluster.processes import Processes, worker_processes
from runbook_lib.record import actors
from runbook_lib.report import publish
from runbook_lib.report.render.charts import draw, drawing
from runbook_lib.run import steps
from runbook_lib.run.provenance import code_facts

KNOWN_CODE = cache(code_facts)


@pytest.fixture(scope="module", autouse=True)
def _charts_not_drawn() -> Iterator[None]:
    """For each module by itself: the tests outside of this folder, which run in the same process, draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "svg", _laid_out)
        yield


@pytest.fixture(scope="module", autouse=True)
def _code_looked_up_once() -> Iterator[None]:
    """Which code runs is asked at each step, of git and of every file; none of these tests edits the library."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (steps, publish, actors):
            patch.setattr(module, "code_facts", KNOWN_CODE)
        yield


@pytest.fixture
def code_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test in which code changes."""
    for module in (steps, publish, actors):
        monkeypatch.setattr(module, "code_facts", code_facts)


@pytest.fixture
def charts_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test that holds what a process of its own has drawn to what is drawn here."""
    monkeypatch.setattr(draw, "svg", drawing.svg)


def _laid_out(figure: Figure) -> str:
    """The same for the same data, like the real one."""
    labels = [axes.get_xlabel() for axes in figure.axes]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><title>{" ".join(labels)}</title></svg>'


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Processes]:
    """The engines of worker processes that the steps open."""
    opened: list[Processes] = []

    @contextmanager
    def noted(many: int) -> Iterator[Processes]:
        with worker_processes(many) as engine:
            opened.append(engine)
            yield engine

    monkeypatch.setattr(connect, "worker_processes", noted)
    return opened
